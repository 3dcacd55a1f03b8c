// The buttons of order flow.  What they draw is loaded once one is pressed (flow.js): most charts have none of it.

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
};
const MODES = Object.keys(LABELS);

export class OrderFlow {
  /** @param {Chart} chart @param {() => void} resubscribe what is pushed with the chart is another */
  constructor(chart, resubscribe) {
    this.chart = chart;
    this.resubscribe = resubscribe;
    /** What is on. @type {Set<string>} */
    this.on = new Set(remembered());
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
    if (before !== this.on.size > 0) this.resubscribe();
    if (this.drawn) this.drawn.toggled(mode);
    else void this.load(mode);
  }

  mark() {
    for (const button of this.buttons.children) {
      button.setAttribute("aria-pressed", String(this.on.has(/** @type {HTMLElement} */ (button).dataset.orderflow)));
    }
  }

  /** @param {string} [mode] the button that was pressed */
  async load(mode = "") {
    if (this.loading) return;
    this.loading = true;
    try {
      const { Flow } = await import("./flow.js");
      this.drawn = new Flow(this.chart, this.on);
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
    else if (this.early?.flow && part.flow) this.early.flow.cells.push(...part.flow.cells);
    if (this.drawn) this.early = null;
  }

  draw() {
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
