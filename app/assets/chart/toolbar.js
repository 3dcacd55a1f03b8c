// The bar under the chart: its kind, ranges of time, a date to go to, the price axis, the zone, and ways to take it along.

import { KINDS } from "./kinds.js";
import { closest, element, write } from "../lib/dom.js";
import { choose, INTERVALS, intervalMs, view as chosen } from "../lib/selection.js";
import { wallClock } from "../lib/zone.js";
import { MOST_SHOWN } from "./view.js";

/** @typedef {import("./chart.js").Chart} Chart */

const DAY = 86_400_000;
const KEPT = "tickdeck.chart";
/** Of the address, besides symbol and interval: how the chart looks, and what of it is in view. */
const FIELDS = ["kind", "scale", "zone", "axis", "at", "bars", "share", "low", "high"];
const MODES = ["linear", "log", "percent"];
const ZONES = ["exchange", "local", "UTC"];
const AXES = ["ticks", "time"];
/** Months, or days, that the button of a range goes back. @type {Record<string, {days?: number, months?: number}>} */
const RANGES = { "1D": { days: 1 }, "5D": { days: 5 }, "1M": { months: 1 }, "3M": { months: 3 }, "1Y": { months: 12 } };

export class Toolbar {
  /** @param {Chart} chart @param {HTMLElement} bar @param {(why: string) => void} say a notice */
  constructor(chart, bar, say) {
    this.chart = chart;
    this.bar = bar;
    this.say = say;
    this.kind = /** @type {HTMLSelectElement} */ (element("chart-kind"));
    this.zone = /** @type {HTMLSelectElement} */ (element("chart-zone"));
    this.menu = /** @type {HTMLDetailsElement} */ (element("chart-share"));
    this.date = /** @type {HTMLInputElement} */ (element("chart-date"));
    this.kind.addEventListener("change", () => this.look({ kind: this.kind.value }));
    this.zone.addEventListener("change", () => this.look({ zone: this.zone.value }));
    bar.addEventListener("click", (event) => {
      const { range, scale, share, axis } = closest(event, "button")?.dataset ?? {};
      if (axis) this.look({ axis: chart.linear ? "ticks" : "time" });
      if (range) void this.go(range);
      if (scale === "auto") this.autoScale();
      else if (scale) this.look({ scale: chart.scale.mode === scale ? "linear" : scale });
      if (share) void this.share(share);
    });
    this.date.addEventListener("keydown", (event) => event.key === "Enter" && this.jump());
    for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (bar.querySelectorAll("details"))) {
      menu.addEventListener("toggle", () => placeMenu(menu));
      menu.addEventListener("keydown", (event) => event.key === "Escape" && (menu.open = false));
      document.addEventListener("pointerdown", (event) => {
        if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
      });
    }
    chart.onShown = () => this.mark();
    this.open();
  }

  /** Look as the address says, else as the last time; and show what it says. */
  open() {
    const asked = new URLSearchParams(location.search);
    const kept = remembered();
    const pick = (/** @type {string} */ name, /** @type {readonly string[]} */ of) =>
      of.find((one) => one === asked.get(name)) ?? of.find((one) => one === kept[name]) ?? of[0];
    this.apply({ kind: pick("kind", KINDS), scale: pick("scale", MODES), zone: pick("zone", ZONES), axis: pick("axis", AXES) });
    const at = Date.parse(asked.get("at") ?? "");
    const bars = Number(asked.get("bars"));
    const share = Number(asked.get("share") ?? 1);
    if (bars > 0) this.chart.wanted = { to: Number.isNaN(at) ? Infinity : at, count: Math.min(bars, MOST_SHOWN), share: share || 1 };
    const [low, high] = ["low", "high"].map((name) => parseFloat(asked.get(name) ?? ""));
    if (low < high) Object.assign(this.chart.scale, { low, high, manual: true });
    const address = new URL(location.href);
    for (const name of FIELDS) address.searchParams.delete(name);
    if (address.href !== location.href) history.replaceState(null, "", address);
  }

  /** @param {{kind?: string, scale?: string, zone?: string, axis?: string}} change */
  look(change) {
    this.apply(change);
    try {
      localStorage.setItem(KEPT, JSON.stringify({ ...remembered(), ...change }));
    } catch {
      // A browser that keeps nothing: the next page looks as the first one did.
    }
  }

  /** @param {{kind?: string, scale?: string, zone?: string, axis?: string}} change */
  apply({ kind, scale, zone, axis }) {
    const { chart } = this;
    if (kind) chart.setKind(/** @type {any} */ (kind));
    if (scale) chart.setScale(/** @type {any} */ (scale));
    if (zone) chart.setZone(zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone === "UTC" ? "UTC" : null);
    if (zone) this.zoneChoice = zone;
    if (axis) chart.setLinear(axis === "time");
    this.mark();
  }

  /** Mark what is on. */
  mark() {
    const { chart, bar } = this;
    this.kind.value = chart.kind;
    this.zone.value = this.zoneChoice;
    for (const button of bar.querySelectorAll("[data-scale]")) {
      const name = button.getAttribute("data-scale");
      button.setAttribute("aria-pressed", String(name === "auto" ? !chart.scale.manual : chart.scale.mode === name));
    }
    const axis = bar.querySelector("[data-axis]");
    axis.setAttribute("aria-pressed", String(chart.linear));
    write(axis, chart.linear ? "all time" : "no gaps");
  }

  autoScale() {
    this.chart.scale.manual = false;
    this.chart.rescaled();
  }

  /** Show a range of time that ends with the newest candle, in the interval that has about as many candles as fit. @param {string} range */
  async go(range) {
    const { chart } = this;
    const newest = chart.live.last?.t;
    if (newest === undefined) return;
    const from = range === "All" ? await this.first() : startOf(range, newest, chart.exchangeZone);
    if (from === null) return;
    const interval = INTERVALS.find((one) => (newest - from) / intervalMs(one) <= MOST_SHOWN * 0.9) ?? INTERVALS.at(-1);
    this.show({ from, to: Infinity }, interval);
  }

  /** @param {import("./chart.js").Place} place @param {string} interval */
  show(place, interval) {
    this.chart.finer = "";
    this.chart.scale.manual = false;
    if (interval === chosen().interval) return void this.chart.goTo(place);
    this.chart.wanted = place;
    choose({ interval });
    return undefined;
  }

  /** When the first month with ticks begins, ms. @returns {Promise<?number>} */
  async first() {
    try {
      const asked = new URLSearchParams({ symbol: this.chart.symbol, interval: "1M", form: "arrays", limit: "20000" });
      const answer = await fetch(`api/candles?${asked}`);
      return answer.ok ? ((await answer.json())[0]?.[0] ?? null) : null;
    } catch {
      return null; // The connection tells that the server is away.
    }
  }

  /** Go to the date and time that were typed, in the zone that is shown. */
  jump() {
    const text = this.date.value.trim();
    const found = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?$/.exec(text);
    const [year, month, day, hour = 0, minute = 0, second = 0] = found ? found.slice(1).map((part) => Number(part ?? 0)) : [];
    const wall = found ? Date.UTC(year, month - 1, day, hour, minute, second) : NaN;
    if (Number.isNaN(wall) || new Date(wall).getUTCDate() !== day || new Date(wall).getUTCMonth() !== month - 1) {
      this.say(text ? `“${text}” is no date: write it as 2013-10-07 or 2013-10-07 14:30` : "");
      return;
    }
    this.say("");
    this.date.blur();
    const { chart } = this;
    const at = instantOf(wall, chart.zone);
    chart.finer = "";
    void chart.goTo({ to: at, count: chart.view.count, share: 0.5 });
  }

  /** @param {string} what */
  async share(what) {
    const { chart } = this;
    this.menu.open = false;
    const { sharing } = chart.drawings;
    if (what === "end") return void sharing.end(chart.symbol);
    if (what === "view" || what === "edit") {
      const link = await sharing.share(chart.symbol, what);
      if (link) await this.copy(link, "The link to your drawings is copied");
      return undefined;
    }
    const { pictureOf, rowsOf, save } = await import("./export.js"); // few views are ever saved
    const name = `${chart.symbol}-${chart.interval}`.replace(/[^\w.-]+/g, "_");
    if (what === "link") {
      await this.copy(this.link(), "The link to this view is copied");
    } else if (what === "png" || what === "svg") {
      save(`${name}.${what}`, await pictureOf(chart, what));
    } else {
      const rows = await rowsOf(chart, what);
      if (rows) save(`${name}.${what}`, rows);
      else this.say("The candles could not be read");
    }
    return undefined;
  }

  /** @param {string} link @param {string} told */
  async copy(link, told) {
    try {
      await navigator.clipboard.writeText(link);
      this.say(told);
      setTimeout(() => this.say(""), 2_000);
    } catch {
      this.say(link); // not on a page without TLS: there it can be copied by hand
    }
  }

  /** The address of exactly this view. */
  link() {
    const { chart } = this;
    const { scale, view, candles } = chart;
    const address = new URL(location.href);
    const search = address.searchParams;
    search.set("kind", chart.kind);
    search.set("scale", scale.mode);
    search.set("zone", this.zoneChoice);
    search.set("axis", chart.linear ? "time" : "ticks");
    search.set("bars", view.count.toFixed(3));
    const place = chart.place();
    if (place && !(view.following && candles.live)) {
      search.set("at", new Date(place.to).toISOString());
      search.set("share", place.share.toFixed(5));
    }
    if (scale.manual) for (const edge of ["low", "high"]) search.set(edge, String(scale[edge]));
    return address.href.replaceAll("%3A", ":");
  }
}

/** Put a menu's list above the bar, which would cut it where the bar scrolls. @param {HTMLDetailsElement} menu */
function placeMenu(menu) {
  const list = /** @type {HTMLElement} */ (menu.querySelector("div"));
  const box = menu.getBoundingClientRect();
  list.style.left = `${Math.max(4, Math.min(box.left, innerWidth - list.offsetWidth - 4))}px`;
  list.style.bottom = `${innerHeight - box.top + 4}px`;
}

/** @returns {Record<string, string>} */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** When a range begins that ends at `newest`, ms; months and the year by the wall clock of `zone`. @param {string} range @param {number} newest @param {string} zone */
function startOf(range, newest, zone) {
  const wall = wallClock(newest, zone);
  const date = new Date(wall);
  if (range === "YTD") return instantOf(Date.UTC(date.getUTCFullYear(), 0, 1), zone);
  const { days, months } = RANGES[range];
  if (days) return newest - days * DAY;
  const back = new Date(wall);
  back.setUTCMonth(back.getUTCMonth() - months);
  if (back.getUTCDate() !== date.getUTCDate()) back.setUTCDate(0); // 31 March and a month back: the end of February
  return instantOf(back.getTime(), zone);
}

/** The instant at which a wall clock reads so; the earlier one where it does twice. @param {number} wall @param {string} zone */
function instantOf(wall, zone) {
  const guess = wall - (wallClock(wall, zone) - wall);
  const earlier = wall - (wallClock(guess - 3 * 3_600_000, zone) - (guess - 3 * 3_600_000));
  return wallClock(earlier, zone) === wall ? earlier : guess;
}
