// The button for comparisons.  What they need is loaded once it is pressed, or a link has one (compare.js).

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./scale.js").Extent} Extent */

export class Comparison {
  /** @param {Chart} chart @param {() => void} resubscribe others are compared */
  constructor(chart, resubscribe) {
    this.chart = chart;
    this.resubscribe = resubscribe;
    /** @type {?import("./compare.js").Compare} */
    this.made = null;
    /** What a link has, until that is loaded. @type {{symbols: string[], start: ?number}} */
    this.asked = { symbols: [], start: null };
    /** What came for it until then. @type {any[]} */
    this.early = [];
    this.root = document.createElement("details");
    this.root.id = "compare";
    this.root.className = "indicator-menu compare-menu";
    const summary = document.createElement("summary");
    summary.textContent = "vs";
    summary.title = "Compare with other symbols, in per cent";
    summary.setAttribute("aria-label", `${summary.title}: vs`);
    this.root.append(summary);
    this.root.addEventListener("toggle", () => this.root.open && void this.load());
    chart.panel.append(this.root);
    chart.compare = this;
  }

  async load() {
    if (this.made) return;
    try {
      const { Compare } = await import("./compare.js");
      if (this.made) return;
      this.made = new Compare(this.chart, this.root, this.resubscribe);
    } catch {
      return; // The connection tells that the server is away; the next press asks again.
    }
    Object.assign(this.made, { ...this.asked, scaleBefore: "linear" });
    this.made.writeLegend();
    for (const part of this.early) this.made.receive(part, false);
    this.early = [];
  }

  /** Compare as a link has it; its scale is the link's, too. @param {string[]} symbols @param {?number} start ms */
  borrow(symbols, start) {
    this.asked = { symbols: symbols.slice(0, 6), start };
    if (symbols.length) void this.load();
  }

  get symbols() {
    return (this.made ?? this.asked).symbols;
  }

  get start() {
    return (this.made ?? this.asked).start;
  }

  /** A message's part of the chart has come. @param {any} part @param {boolean} whole of a snapshot */
  receive(part, whole) {
    if (this.made) return this.made.receive(part, whole);
    if (whole) this.early = [];
    if (part.compare) this.early.push(part);
    return undefined;
  }

  /** The price that is 0 %; null: nothing is compared. @returns {?number} */
  base() {
    return this.made?.base() ?? null;
  }

  /** The extent of the prices with what is compared in view. @param {?Extent} extent */
  widened(extent) {
    return this.made ? this.made.widened(extent) : extent;
  }

  draw() {
    this.made?.draw();
  }
}
