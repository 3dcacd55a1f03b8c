// How each feed fares: a table that the status line opens.  The name of a live feed opens what symbols it has.

import { closest, element, write } from "../lib/dom.js";
import { NONE } from "../lib/format.js";
import { panel } from "../lib/panel.js";
import { FeedSymbols } from "./symbols.js";

const COLUMNS = ["Feed", "State", "Lag", "Last tick", "Filling", "Missing", "Restarts", "Last fault"];

export class Feeds {
  constructor() {
    this.button = element("status-feeds");
    this.panel = element("feeds");
    this.body = document.createElement("tbody");
    const table = document.createElement("table");
    const head = document.createElement("thead");
    head.append(row("th", COLUMNS));
    table.append(head, this.body);
    this.panel.append(table);
    this.symbols = new FeedSymbols(this.panel);
    this.body.addEventListener("click", (event) => {
      const live = closest(event, "tr[data-live]");
      if (live) void this.symbols.open(live.dataset.live);
    });
    this.body.addEventListener("keydown", (event) => {
      const live = closest(event, "tr[data-live]");
      if (!live || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      void this.symbols.open(live.dataset.live);
    });
    this.button.addEventListener("click", () => this.show(this.panel.hidden));
    document.addEventListener("keydown", (event) => event.key === "Escape" && panel !== "feeds" && this.show(false));
  }

  /** @param {boolean} open */
  show(open) {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  /** @param {any[]} feeds of a status message */
  apply(feeds) {
    const lasting = feeds.filter((feed) => feed.state !== "ended");
    while (this.body.childElementCount < lasting.length) this.body.append(row("td", COLUMNS));
    while (this.body.childElementCount > lasting.length) this.body.lastChild.remove();
    lasting.forEach((feed, index) => {
      const texts = cellsOf(feed);
      const line = /** @type {HTMLElement} */ (this.body.children[index]);
      line.dataset.state = stateOf(feed);
      const live = feed.state === "running" && feed.symbols !== undefined;
      if (live) line.dataset.live = feed.name;
      else delete line.dataset.live;
      const name = /** @type {HTMLElement} */ (line.children[0]);
      name.tabIndex = live ? 0 : -1;
      if (live) name.setAttribute("role", "button");
      else name.removeAttribute("role");
      name.title = live ? "Its symbols" : "";
      texts.forEach((text, place) => write(line.children[place], text));
    });
    const troubled = lasting.some((feed) => stateOf(feed) !== "running" || feed.missing > 0);
    this.button.dataset.state = troubled ? "troubled" : "well";
  }
}

/** @param {any} feed */
function stateOf(feed) {
  return feed.state === "running" && feed.connected === false ? "not connected" : feed.state;
}

/** @param {any} feed */
function cellsOf(feed) {
  const number = (/** @type {?number | undefined} */ value) => (value === null || value === undefined ? NONE : String(value));
  return [
    feed.symbols ? `${feed.name} (${feed.symbols})` : feed.name,
    stateOf(feed),
    feed.lag_ms === null || feed.lag_ms === undefined ? NONE : `${feed.lag_ms} ms`,
    feed.last ? `${new Date(feed.last).toISOString().slice(11, 19)} UTC` : NONE,
    number(feed.filling),
    number(feed.missing),
    number(feed.restarts),
    feed.fault || NONE,
  ];
}

/** @param {string} kind @param {string[]} texts */
function row(kind, texts) {
  const made = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    made.append(cell);
  }
  return made;
}
