// Stretches of which trades are missing: hatched bands behind the candles.

import { isFormula } from "../lib/instruments.js";
import { set, shape } from "../lib/dom.js";

const ASK_EVERY_MS = 5_000;
const LEAST_PX = 4;

export class Gaps {
  /** @param {any} chart the page's Chart @param {() => ?number} clock a replay's, ms; null: live */
  constructor(chart, clock) {
    this.chart = chart;
    this.clock = clock;
    /** Of the symbol that is shown. @type {{from: number, to: number, why: string}[]} */
    this.known = [];
    this.symbol = "";
    this.asking = "";
    this.layer = shape(chart.overlay.back, "g", "gaps");
    chart.overlay.back.prepend(hatch(chart.overlay.back), this.layer);
    chart.gaps = this;
    setInterval(() => document.hidden || this.read(), ASK_EVERY_MS);
  }

  /** Ask what is missing of the symbol that is shown. */
  async read() {
    const { symbol } = this.chart;
    if (!symbol || isFormula(symbol) || this.asking === symbol) return;
    this.asking = symbol;
    try {
      const answer = await fetch(`api/gaps?${new URLSearchParams({ symbol })}`);
      if (!answer.ok || symbol !== this.chart.symbol) return;
      const gaps = await answer.json();
      this.known = gaps.map((gap) => ({ from: Date.parse(gap.from), to: Date.parse(gap.to), why: gap.why }));
      this.symbol = symbol;
      this.chart.refreshOverlay();
    } catch {
      // The connection tells that the server is away; it is asked again.
    } finally {
      if (this.asking === symbol) this.asking = "";
    }
  }

  /** Called with each drawing of the chart's overlay. */
  draw() {
    if (this.symbol !== this.chart.symbol) {
      this.known = [];
      this.read();
    }
    const { left, right, top, bottom } = this.chart.overlay.frame;
    const bands = this.known.map((gap) => ({ ...gap, ...this.band(gap) })).filter((each) => each.end > left && each.begin < right);
    bands.forEach((band, index) => {
      const begin = Math.max(left, band.begin);
      const drawn = this.layer.children[index] ?? shape(this.layer, "rect");
      set(drawn, { x: begin, y: top, width: Math.max(LEAST_PX, Math.min(right, band.end) - begin), height: bottom - top, "data-why": band.why });
    });
    while (this.layer.children.length > bands.length) this.layer.lastChild.remove();
  }

  /** Where a gap lies, px: from the candle that it begins in to the one that it ends in; nowhere where that is not shown. @param {{from: number, to: number}} gap */
  band({ from, to }) {
    const { candles, overlay } = this.chart;
    const oldest = candles.all[0];
    const clock = this.clock();
    if (!oldest || to < oldest.t || (clock !== null && from > clock)) return { begin: -1, end: -1 };
    const number = (/** @type {number} */ ms) => Math.max(candles.base, candles.base + candles.place(ms + 1) - 1);
    return { begin: overlay.px(number(from) - 0.5), end: overlay.px(Math.max(number(from), number(to)) + 0.5) };
  }
}

/** The pattern that bands are filled with. @param {SVGElement} svg */
function hatch(svg) {
  const pattern = shape(svg, "pattern");
  set(pattern, { id: "hatched", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  set(shape(pattern, "line"), { x1: 0, x2: 0, y1: 0, y2: 6 });
  return pattern;
}
