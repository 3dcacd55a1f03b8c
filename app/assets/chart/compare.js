// Other symbols, and ratios and spreads of them, beside the chart's in per cent: each as a line that meets the chart's own
// price at the start, the first candle in view or one that was chosen.  Their candles come with the chart's frames.

import { price } from "../lib/format.js";
import { knownSymbols } from "../lib/instruments.js";
import { known } from "../lib/known.js";
import { ink } from "../lib/look.js";
import { looksLikeFormula, meant, readFormula } from "../lib/symbols.js";
import { day, minutes, wallClock } from "../lib/zone.js";
import { pickTime } from "./pick.js";

/** @typedef {import("./chart.js").Chart} Chart */

const COLORS = ["#e3a93c", "#b68cff", "#26c6da", "#f06292", "#66bb6a", "#9fb0c8"];
const MOST = 6;

/** Closes of one of them, by the starts of their candles, ms. */
class Line {
  constructor() {
    /** In order. @type {[number, number][]} */
    this.rows = [];
    /** Back to when it was asked for. */
    this.asked = Infinity;
  }

  /** Index of the first at or after `t`. @param {number} t */
  place(t) {
    let [low, high] = [0, this.rows.length];
    if (high && this.rows[high - 1][0] < t) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle][0] < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {[number, number][]} rows */
  merge(rows) {
    for (const row of rows) {
      const at = this.place(row[0]);
      this.rows.splice(at, this.rows[at]?.[0] === row[0] ? 1 : 0, row);
    }
  }

  /** The last close in candles that start up to `t`. @param {number} t @returns {number} NaN: none is known */
  at(t) {
    return this.rows[this.place(t + 0.0005) - 1]?.[1] ?? NaN;
  }
}

export class Compare {
  /** @param {Chart} chart @param {HTMLDetailsElement} root of its menu @param {() => void} resubscribe others are compared */
  constructor(chart, root, resubscribe) {
    this.chart = chart;
    this.root = root;
    this.resubscribe = resubscribe;
    /** @type {string[]} */
    this.symbols = [];
    /** From when on, ms; null: the first candle in view. @type {?number} */
    this.start = null;
    /** @type {Map<string, Line>} */
    this.lines = new Map();
    this.scaleBefore = "";
    this.empty = true;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "indicator-canvas compare-canvas";
    chart.panel.querySelector("#chart-front").prepend(this.canvas);
    this.legend = document.createElement("div");
    this.legend.className = "compare-legend num";
    this.form();
    chart.indicators.legend.after(this.legend);
  }

  form() {
    const body = document.createElement("form");
    body.className = "indicator-list compare-list";
    const field = document.createElement("input");
    field.placeholder = "Symbol, A/B, A-2*B";
    field.maxLength = 200;
    field.setAttribute("list", "symbols");
    field.setAttribute("aria-label", "Symbol to compare with");
    const add = document.createElement("button");
    add.textContent = "Add";
    const pick = document.createElement("button");
    pick.type = "button";
    pick.textContent = "Start at …";
    pick.title = "Count from the candle that is clicked next";
    pick.dataset.compare = "pick";
    const view = document.createElement("button");
    view.type = "button";
    view.textContent = "Start of the view";
    view.dataset.compare = "view";
    body.append(field, add, pick, view);
    this.root.append(body);
    body.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = field.value.trim();
      if (!typed) return;
      const symbols = knownSymbols();
      const symbol = meant(typed, symbols) ?? (looksLikeFormula(typed) ? readFormula(typed, symbols).text : typed.toUpperCase());
      field.value = "";
      this.root.open = false;
      this.choose([...this.symbols.filter((one) => one !== symbol), symbol].slice(-MOST));
    });
    pick.addEventListener("click", () => {
      this.root.open = false;
      pickTime(this.chart, (ms) => this.begin(ms));
    });
    view.addEventListener("click", () => {
      this.root.open = false;
      this.begin(null);
    });
    if (this.root.open) field.focus();
    this.root.addEventListener("toggle", () => this.root.open && field.focus());
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && (this.root.open = false));
    document.addEventListener("pointerdown", (event) => {
      if (!this.root.contains(/** @type {Node} */ (event.target))) this.root.open = false;
    });
  }

  /** Compare with these. @param {string[]} symbols */
  choose(symbols) {
    const { chart } = this;
    const before = this.symbols.length;
    this.symbols = symbols;
    for (const gone of [...this.lines.keys()]) if (!symbols.includes(gone)) this.lines.delete(gone);
    if (!before && symbols.length) {
      this.scaleBefore = chart.scale.mode;
      chart.setScale("percent");
    }
    if (before && !symbols.length) chart.setScale(/** @type {any} */ (this.scaleBefore || "linear"));
    this.writeLegend();
    this.resubscribe();
    chart.redrawRefitted();
  }

  /** Count from this time on. @param {?number} ms null: from the first candle in view */
  begin(ms) {
    this.start = ms;
    this.writeLegend();
    this.chart.redrawRefitted();
  }

  /** A message's part of the chart has come. @param {any} part @param {boolean} whole of a snapshot */
  receive(part, whole) {
    if (whole) this.lines.clear();
    if (!part.compare) return;
    for (const { symbol, candles } of part.compare) {
      const line = this.lines.get(symbol) ?? new Line();
      this.lines.set(symbol, line);
      line.merge(candles);
    }
    this.chart.panel.dataset.compared = [...this.lines.keys()].join(" ");
    const extent = this.widened(this.chart.unplotted());
    if (whole) this.chart.redrawRefitted();
    else if (extent && !this.chart.scale.holds(extent)) this.chart.redrawSoon();
    else this.chart.refreshOverlay();
  }

  /** The candle that is counted from. */
  from() {
    const { candles, view } = this.chart;
    const first = Math.max(candles.base, Math.ceil(view.from));
    if (this.start === null) return candles.at(first)?.empty ? candles.before(first) : candles.at(first);
    return candles.all[Math.max(0, candles.place(this.start + 0.0005) - 1)];
  }

  /** The price that is 0 %; null: nothing is compared. @returns {?number} */
  base() {
    return this.symbols.length ? (this.from()?.c ?? null) : null;
  }

  /** Where the lines are in the chart's prices: of each symbol what its closes are multiplied with. @returns {[string, Line, number][]} */
  scaled() {
    const from = this.from();
    if (!from) return [];
    /** @type {[string, Line, number][]} */
    const found = [];
    for (const symbol of this.symbols) {
      const line = this.lines.get(symbol);
      // One that has no price yet then counts from its first one.
      const start = line && (Number.isNaN(line.at(from.t)) ? line.rows[0]?.[1] : line.at(from.t));
      if (line && start) found.push([symbol, line, from.c / start]);
    }
    return found;
  }

  /** The close of a line as of a candle; the newest candle is as new as the market. @param {Line} line @param {import("./candles.js").Candle} candle */
  asOf(line, candle) {
    const { candles } = this.chart;
    return candles.live && candle === candles.last ? (line.rows.at(-1)?.[1] ?? NaN) : line.at(candle.t);
  }

  /** The extent of the prices with the lines in view. @param {?import("./scale.js").Extent} extent */
  widened(extent) {
    if (!extent || !this.symbols.length) return extent;
    let { low, high } = extent;
    for (const [, line, factor] of this.scaled()) {
      for (const [, candle] of this.chart.indicators.inView(0, 0)) {
        const value = this.asOf(line, candle) * factor;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return { ...extent, low, high };
  }

  /** Called with each drawing of the chart's overlay. */
  draw() {
    if (!this.symbols.length && this.empty) return;
    this.empty = !this.symbols.length;
    const { chart } = this;
    const context = chart.indicators.cleared(this.canvas);
    if (!context || this.empty) return;
    const { left, right, top, priceBottom } = chart.overlay.frame;
    const { x, y } = chart.overlay.axes;
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, priceBottom - top);
    context.clip();
    context.lineWidth = 1.5;
    const from = this.from();
    for (const [symbol, line, factor] of this.scaled()) {
      context.strokeStyle = this.color(symbol);
      context.beginPath();
      let drawing = false;
      for (const [number, candle] of chart.indicators.inView()) {
        const value = this.asOf(line, candle) * factor;
        if (Number.isNaN(value)) continue;
        const [across, down] = [x._offset + x.c2p(number), y._offset + y.c2p(value, true)];
        if (drawing) context.lineTo(across, down);
        else context.moveTo(across, down);
        drawing = true;
      }
      context.stroke();
    }
    if (this.start !== null && from) {
      context.fillStyle = ink("muted");
      context.fillRect(Math.round(chart.overlay.px(chart.candles.base + chart.candles.place(from.t))), top, 1, priceBottom - top);
    }
    context.restore();
    this.writeValues();
    void this.readOlder();
  }

  /** What is before that of the snapshot, once it comes into view. */
  async readOlder() {
    const { chart } = this;
    const { candles, view, symbol, interval } = chart;
    const first = Math.min(candles.at(Math.max(candles.base, Math.floor(view.from)))?.t ?? Infinity, this.from()?.t ?? Infinity);
    if (first === Infinity) return;
    for (const [compared, line] of this.lines) {
      const oldest = line.rows[0]?.[0] ?? Infinity;
      if (first >= oldest || first >= line.asked || oldest === Infinity) continue;
      const start = candles.at(Math.max(candles.base, Math.floor(view.from - view.count)))?.t ?? first;
      line.asked = Math.min(start, first);
      const asked = new URLSearchParams({ symbol: compared, interval, form: "arrays", limit: "5000", ...known() });
      asked.set("start", new Date(line.asked).toISOString());
      asked.set("end", new Date(oldest).toISOString());
      try {
        const answer = await fetch(`api/candles?${asked}`);
        if (!answer.ok || !chart.shows(symbol, interval)) return;
        line.merge((await answer.json()).map((/** @type {number[]} */ row) => [row[0], row[4]]));
        chart.redrawRefitted();
      } catch {
        line.asked = Infinity; // The connection tells that the server is away.
      }
    }
  }

  /** @param {string} symbol */
  color(symbol) {
    return COLORS[this.symbols.indexOf(symbol) % COLORS.length];
  }

  writeLegend() {
    const rows = this.symbols.map((symbol) => {
      const row = document.createElement("div");
      row.dataset.compared = symbol;
      const name = document.createElement("b");
      name.textContent = symbol;
      name.style.color = this.color(symbol);
      const value = document.createElement("span");
      const remove = document.createElement("button");
      remove.type = "button";
      remove.title = `Do not compare with ${symbol}`;
      remove.setAttribute("aria-label", remove.title);
      remove.textContent = "×";
      remove.addEventListener("click", () => this.choose(this.symbols.filter((one) => one !== symbol)));
      row.append(name, value, remove);
      return row;
    });
    if (rows.length && this.start !== null) {
      const since = document.createElement("div");
      const wall = wallClock(this.start, this.chart.zone);
      since.textContent = `since ${day(wall)} ${minutes(wall)}`;
      rows.push(since);
    }
    this.legend.replaceChildren(...rows);
  }

  /** How far each has gone since the start, at the newest candle there is. */
  writeValues() {
    const { chart } = this;
    const from = this.from();
    const last = chart.candles.last;
    for (const [symbol, line, factor] of this.scaled()) {
      const at = this.legend.children[this.symbols.indexOf(symbol)]?.children[1];
      const value = last ? this.asOf(line, last) : NaN;
      const moved = 100 * ((value * factor) / from.c - 1);
      const text = `${moved < 0 ? "−" : "+"}${Math.abs(moved).toFixed(2)}% (${price(value, 2)})`;
      if (at && at.textContent !== text) at.textContent = text;
    }
  }
}
