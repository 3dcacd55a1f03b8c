// What the menu of sharing does: links to a view and to drawings, pictures, candles as a file, code for other pages.

import { copied } from "../lib/links.js";
import { LINK } from "./sharing.js";

/** @typedef {import("./toolbar.js").Toolbar} Toolbar */

/** @param {Toolbar} toolbar @param {string} what */
export async function share(toolbar, what) {
  const { chart, say } = toolbar;
  if (what === "end") return endLinks(chart.symbol, say);
  if (what === "view" || what === "edit") {
    const made = await linkToDrawings(chart.symbol, what, say);
    if (made) await copy(made, "The link to your drawings is copied", say);
  } else if (what === "link") {
    await copy(link(toolbar), "The link to this view is copied", say);
  } else if (what === "embed") {
    await copy(embedded(link(toolbar)), "The code for a page that may embed it is copied", say);
  } else {
    const { pictureOf, rowsOf, save } = await import("./export.js");
    const name = `${chart.symbol}-${chart.interval}`.replace(/[^\w.-]+/g, "_");
    const made = what === "png" || what === "svg" ? await pictureOf(chart, what) : await rowsOf(chart, what);
    if (made) save(`${name}.${what}`, made);
    else say("The candles could not be read");
  }
  return undefined;
}

/** @param {string} text @param {string} told @param {(why: string) => void} say */
async function copy(text, told, say) {
  if (!(await copied(text))) return say(text);
  say(told);
  setTimeout(() => say(""), 2_000);
  return undefined;
}

/** The address of exactly this view. @param {Toolbar} toolbar */
function link({ chart, zoneChoice }) {
  const { scale, view, candles } = chart;
  const address = new URL(location.href);
  const search = address.searchParams;
  search.set("kind", chart.kind);
  search.set("scale", scale.mode);
  search.set("zone", zoneChoice);
  search.set("axis", chart.linear ? "time" : "ticks");
  search.set("bars", view.count.toFixed(3));
  const place = chart.place();
  if (place && !(view.following && candles.live)) {
    search.set("at", new Date(place.to).toISOString());
    search.set("share", place.share.toFixed(5));
  }
  const { indicators, orderFlow, compare } = chart;
  const put = (/** @type {string} */ name, /** @type {string[]} */ values) => {
    for (const value of values.length ? values : [""]) search.append(name, value); // none, too: whoever opens it may have some
  };
  put("indicators", indicators.chosen.map(({ id, colors }) => [id, ...colors].join("|")));
  put("orderflow", [...orderFlow.on].filter((mode) => mode !== "range"));
  put("compare", compare.symbols);
  if (compare.start !== null) search.set("since", new Date(compare.start).toISOString());
  if (scale.manual) for (const edge of ["low", "high"]) search.set(edge, String(scale[edge]));
  return address.href.replaceAll("%3A", ":");
}

/** What another page holds to show a view. @param {string} link */
function embedded(link) {
  const address = new URL(link);
  address.searchParams.set("embed", "1");
  return `<iframe src="${address.href.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}" width="640" height="400" title="Chart"></iframe>`;
}

/** A link to what one has drawn on the symbol. @param {string} symbol @param {string} role view or edit @param {(why: string) => void} say @returns {Promise<string>} empty: there is none */
async function linkToDrawings(symbol, role, say) {
  const how = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ symbol, role }) };
  const made = await ask("api/shares", how, say);
  if (!made) return "";
  const address = new URL(location.href);
  address.search = String(new URLSearchParams({ symbol, [LINK]: (await made.json()).shared }));
  return address.href;
}

/** End all links to what one has drawn on the symbol. @param {string} symbol @param {(why: string) => void} say */
async function endLinks(symbol, say) {
  const found = await ask("api/shares", {}, say);
  if (!found) return;
  const links = (await found.json()).filter((/** @type {{symbol: string}} */ each) => each.symbol === symbol);
  for (const { id } of links) if (!(await ask(`api/shares/${id}`, { method: "DELETE" }, say))) return;
  say(links.length ? `Links to your drawings on ${symbol} are ended: ${links.length}` : `There are no links to your drawings on ${symbol}`);
}

/** Ask for it; null, and a notice, where it is refused. @param {string} path @param {RequestInit} how @param {(why: string) => void} say */
async function ask(path, how, say) {
  try {
    const answer = await fetch(path, how);
    if (answer.ok) return answer;
    say((await answer.json().catch(() => ({}))).detail ?? answer.statusText);
  } catch {
    say("The server is away");
  }
  return null;
}
