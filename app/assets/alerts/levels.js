// Lines on the chart at the prices that one's own alert rules wait for.

import { display, set, shape } from "../lib/dom.js";
import { price } from "../lib/format.js";
import { view } from "../lib/selection.js";

/** @typedef {import("./alerts.js").Rule} Rule */

/** What of a rule is a level of the price, as app/market/alert_rules.py writes it. */
const LEVEL = /^price (?:crosses(?: up| down)?|above|below) (-?[\d.]+(?:e-?\d+)?)$/;

export class Levels {
  /** @param {import("../chart/chart.js").Chart} chart */
  constructor(chart) {
    this.chart = chart;
    this.layer = shape(chart.overlay.front, "g", "alert-levels");
    chart.overlay.front.prepend(this.layer);
    /** @type {{symbol: ?string, level: number, condition: string}[]} */
    this.known = [];
    chart.levels = this;
  }

  /** Ask for the rules there are: at the start, and once the connection is back. */
  async read() {
    try {
      const answer = await fetch("api/alerts");
      if (answer.ok) this.take(await answer.json());
    } catch {
      // The connection tells that the server is away.
    }
  }

  /** @param {Rule[]} rules */
  take(rules) {
    const levels = rules.filter(({ active }) => active).map(({ symbol, condition }) => ({ symbol, condition, level: Number(LEVEL.exec(condition)?.[1] ?? NaN) }));
    this.known = levels.filter(({ level }) => Number.isFinite(level));
    this.chart.refreshOverlay();
  }

  /** Called with each drawing of the chart's overlay. */
  draw() {
    const { chart, layer } = this;
    const { axes, frame, width } = chart.overlay;
    const { symbol } = view();
    const shown = chart.symbol === symbol ? this.known.filter((each) => each.symbol === symbol) : [];
    let used = 0;
    for (const { level, condition } of shown) {
      const at = Math.round(axes.y._offset + axes.y.c2p(level, true)) + 0.5;
      if (!(at >= frame.top && at <= frame.priceBottom)) continue;
      const group = layer.children[used] ?? line(layer);
      used += 1;
      display(group, true);
      set(group, { "data-condition": condition });
      const [stroke, box, text] = group.children;
      set(stroke, { x1: frame.left, x2: frame.right, y1: at, y2: at });
      set(box, { x: frame.right, y: at - 8, width: width - frame.right, height: 16 });
      set(text, { x: (frame.right + width) / 2, y: at + 4 });
      const told = `⏰ ${price(level, chart.decimals)}`;
      if (text.textContent !== told) text.textContent = told;
    }
    while (layer.children.length > used) layer.lastChild?.remove();
  }
}

/** @param {Element} layer */
function line(layer) {
  const group = shape(layer, "g", "alert-level");
  for (const name of ["line", "rect", "text"]) shape(group, name);
  return group;
}
