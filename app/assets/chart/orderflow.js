// The buttons of order flow.  What they draw is loaded once one is pressed (flow.js): most charts have none of it.

import { isFormula } from "../lib/instruments.js";

/** @typedef {import("./chart.js").Chart} Chart */

const KEPT = "tickdeck.orderflow";
/** @type {Record<string, [string, string]>} */
const LABELS = {
  profile: ["VP", "Volume profile of the view"],
  session: ["SVP", "Volume profile of the newest trading day in view"],
  range: ["RP", "Volume profile of a range: drag over the chart"],
  time: ["TP", "Time at price: minutes in which each price traded"],
  footprint: ["FP", "Footprint candles, once there is room"],
  delta: ["CVD", "Cumulative volume delta"],
  prints: ["LT", "Large trades as bubbles"],
};
const MODES = Object.keys(LABELS);

export class OrderFlow {
  /** @param {Chart} chart @param {() => void} resubscribe what is pushed with the chart is another */
  constructor(chart, resubscribe) {
    this.chart = chart;
    this.resubscribe = resubscribe;
    /** What is on. @type {Set<string>} */
    this.on = new Set(remembered());
    /** Of which stretches of time drawings show a profile, ms; Infinity: it goes on. @type {{id: string, start: number, end: number}[]} */
    this.ranges = [];
    /** What draws it, once loaded. @type {?import("./flow.js").Flow} */
    this.drawn = null;
    this.loading = false;
    /** A snapshot's part that came before that. @type {any} */
    this.early = null;
    this.buttons = document.createElement("div");
    this.buttons.className = "orderflow-buttons";
    for (const mode of MODES) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.orderflow = mode;
      [button.textContent, button.title] = LABELS[mode];
      button.addEventListener("click", () => this.toggle(mode));
      this.buttons.append(button);
    }
    chart.panel.append(this.buttons);
    this.mark();
    chart.orderFlow = this;
    if (this.on.size) void this.load();
  }

  /** @param {string} mode */
  toggle(mode) {
    const before = this.on.size > 0;
    if (!this.on.delete(mode)) this.on.add(mode);
    if (mode === "profile") this.on.delete("session"); // one profile at a time
    if (mode === "session") this.on.delete("profile");
    try {
      // A range is of what was looked at, and not kept.
      localStorage.setItem(KEPT, JSON.stringify([...this.on].filter((one) => one !== "range")));
    } catch {
      // A browser that keeps nothing.
    }
    this.mark();
    if (before !== this.on.size > 0 && !this.ranges.length) this.resubscribe();
    if (this.drawn) this.drawn.toggled(mode);
    else void this.load(mode);
  }

  mark() {
    for (const button of this.buttons.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(this.on.has(/** @type {HTMLElement} */ (button).dataset.orderflow)));
    }
  }

  /** Show these of a link, without keeping them. @param {string[]} modes */
  borrow(modes) {
    this.on.clear();
    for (const mode of modes) if (MODES.includes(mode)) this.on.add(mode);
    this.mark();
    if (this.on.size) void this.load();
  }

  /** @param {string} [mode] the button that was pressed */
  async load(mode = "") {
    if (this.loading) return;
    this.loading = true;
    try {
      const { Flow } = await import("./flow.js");
      this.drawn = new Flow(this.chart, this.on, this.buttons);
      this.drawn.haveRanges(this.ranges);
      this.drawn.toggled(mode);
      if (this.early) this.receive(this.early, true);
    } catch {
      // The connection tells that the server is away; the next press asks again.
    } finally {
      this.loading = false;
    }
  }

  /** A message's part of the chart has come. @param {any} part @param {boolean} whole of a snapshot */
  receive(part, whole) {
    if (this.drawn) this.drawn.receive(part.flow, whole);
    else if (whole) this.early = part;
    else if (this.early?.flow && part.flow) {
      this.early.flow.cells.push(...part.flow.cells);
      this.early.flow.prints.push(...part.flow.prints);
    }
    if (this.drawn) this.early = null;
  }

  /** Is it asked for?  Of a spread there is none. @param {string} symbol */
  wanted(symbol) {
    return (this.on.size > 0 || this.ranges.length > 0) && !isFormula(symbol);
  }

  /** Show a profile of each of these. @param {{id: string, start: number, end: number}[]} ranges */
  haveRanges(ranges) {
    const before = this.ranges.length > 0;
    if (!before && !ranges.length) return;
    this.ranges = ranges;
    if (this.drawn) this.drawn.haveRanges(ranges);
    else if (ranges.length) void this.load();
    if (before !== ranges.length > 0 && !this.on.size) this.resubscribe();
    this.chart.refreshOverlay();
  }

  draw() {
    const none = isFormula(this.chart.symbol);
    if (this.buttons.hidden !== none) this.buttons.hidden = none;
    this.drawn?.draw();
  }
}

/** What was on the last time. @returns {string[]} */
function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => MODES.includes(each) && each !== "range") : [];
  } catch {
    return [];
  }
}
