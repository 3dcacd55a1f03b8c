// Indicators on the chart: lines over the prices and in panes below them, a legend with their values, and the menu that
// adds, changes and removes them.  The server computes them (docs/indicators.md); they are drawn on a canvas by the axes' own
// scales, so that a frame costs the candles in view and nothing else.

import { amount, price } from "../lib/format.js";
import { write } from "../lib/dom.js";
import { ink } from "../lib/look.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {{name: string, style: string, shift: number}} Line */
/** @typedef {{id: string, colors: string[]}} Chosen one indicator as the server spells it, a colour for each line */
/** @typedef {{id: string, name: string, title: string, pane: string, levels: number[], lines: Line[], fault?: string}} Head */
/** @typedef {{name: string, type: string, default: any, least: ?number, most: ?number, choices: string[]}} Parameter */
/** @typedef {{name: string, title: string, pane: string, parameters: Parameter[], lines: Line[]}} Kind */
/** @typedef {{top: number, height: number, heads: Shown[], low: number, high: number}} Pane px in the panel */

const KEPT = "tickdeck.indicators";
export const COLORS = ["#4c8dff", "#e3a93c", "#b68cff", "#26c6da", "#ef5350", "#66bb6a", "#f06292", "#9fb0c8"];
/** Of the chart's height: a pane, and all of them at the most. */
const PANE_SHARE = 0.15;
const MOST_SHARE = 0.5;
/** Of the height, below the prices: the volume. */
const VOLUME_SHARE = 0.2;
const PANE_GAP_PX = 6;
const LABEL_FONT = "11px ui-sans-serif, system-ui, sans-serif";

/** Values of one indicator by the time of their candle. */
export class Shown {
  /** @param {Head} head */
  constructor(head) {
    this.head = head;
    /** @type {Map<number, (number | null)[]>} */
    this.values = new Map();
  }

  /** @param {(number | null)[][]} rows each [time, a number for each line] */
  merge(rows) {
    for (const [time, ...values] of rows) this.values.set(/** @type {number} */ (time), values);
  }
}

export class Indicators {
  /**
   * @param {Chart} chart @param {() => void} resubscribe others are chosen
   * @param {(why: string) => void} say a notice
   */
  constructor(chart, resubscribe, say) {
    this.chart = chart;
    this.resubscribe = resubscribe;
    this.say = say;
    /** @type {Chosen[]} */
    this.chosen = read(KEPT, []).filter((/** @type {any} */ each) => typeof each?.id === "string");
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** Is nothing on the canvas? */
    this.empty = true;
    /** What others want drawn in panes. @type {Shown[]} */
    this.guests = [];
    /** Those that drawings hang on, as they are asked for. @type {string[]} */
    this.drawn = [];
    /** Are those that are chosen a link's, and not kept? */
    this.borrowed = false;
    /** What is being read of older candles. */
    this.reading = "";
    /** Of what older values were asked for and are not there. */
    this.readUpTo = new Map();
    const front = /** @type {HTMLElement} */ (chart.panel.querySelector("#chart-front"));
    this.canvas = document.createElement("canvas");
    this.canvas.className = "indicator-canvas";
    front.prepend(this.canvas);
    this.legend = document.createElement("div");
    this.legend.className = "indicator-legend num";
    chart.panel.append(this.legend);
    this.root = document.createElement("details");
    this.root.className = "indicator-menu";
    this.root.id = "indicator-menu";
    const summary = document.createElement("summary");
    summary.textContent = "ƒx";
    summary.title = "Indicators";
    summary.setAttribute("aria-label", "Indicators: ƒx");
    this.root.append(summary);
    /** Its contents, loaded once it is opened. @type {?Promise<import("./indicator-menu.js").IndicatorMenu>} */
    this.made = null;
    this.root.addEventListener("toggle", () => this.root.open && void this.menu((menu) => menu.opened()));
    chart.panel.append(this.root);
    this.writeLegend();
    chart.indicators = this;
  }

  /** What the chart's subscription asks for. @returns {string[]} */
  get ids() {
    const chosen = this.chosen.map((each) => each.id);
    return [...chosen, ...this.drawn.filter((each) => !chosen.includes(each))];
  }

  /** Have the values of these too, which drawings show. @param {string[]} ids */
  haveDrawn(ids) {
    const drawn = [...new Set(ids)];
    if (drawn.join() === this.drawn.join()) return;
    this.drawn = drawn;
    this.resubscribe();
  }

  /** Show those of a link, without keeping them. @param {Chosen[]} chosen */
  borrow(chosen) {
    this.borrowed = true;
    this.chosen = chosen;
    this.writeLegend();
  }

  /** @param {(menu: import("./indicator-menu.js").IndicatorMenu) => void} act */
  async menu(act) {
    try {
      this.made ??= import("./indicator-menu.js").then(({ IndicatorMenu }) => new IndicatorMenu(this));
      act(await this.made);
    } catch {
      this.made = null; // The connection tells that the server is away; the next press asks again.
    }
  }

  /** The indicators of a chart's part; of a snapshot all. @param {any} part @param {boolean} whole */
  receive(part, whole) {
    if (whole) {
      this.shown = new Map();
      this.readUpTo.clear();
    }
    for (const each of part.indicators ?? []) {
      if (each.lines) this.shown.set(each.id, new Shown(each));
      const shown = this.shown.get(each.id);
      shown?.merge(each.values);
      if (each.fault && shown) shown.head.fault = each.fault;
    }
    const average = [...this.shown.values()][this.ids.indexOf(this.drawn.at(-1) ?? "")];
    if (average) this.chart.panel.dataset.drawnAverage = String(average.values.get(this.chart.live.last?.t)?.[0] ?? "");
    if (!whole) return;
    // The server's spelling is the one that frames have.
    const found = [...this.shown.keys()];
    if (found.length === this.ids.length) {
      this.chosen.forEach((each, index) => (each.id = found[index]));
      if (!this.borrowed) keep(KEPT, this.chosen);
    }
    this.writeLegend();
    this.chart.redrawRefitted();
  }

  /** @param {Chosen} added */
  add(added) {
    if (this.chosen.some((each) => each.id === added.id)) return;
    this.choose([...this.chosen, added]);
  }

  /** @param {Chosen[]} chosen */
  choose(chosen) {
    const asked = chosen.map((each) => each.id).join() !== this.chosen.map((each) => each.id).join();
    this.borrowed = false;
    this.chosen = chosen;
    keep(KEPT, chosen);
    this.writeLegend();
    if (asked) this.resubscribe();
    this.chart.refreshOverlay();
  }

  /** @param {string} id @param {number} line */
  color(id, line) {
    const at = this.chosen.findIndex((each) => each.id === id);
    return this.chosen[at]?.colors[line] ?? COLORS[(Math.max(at, 0) + line) % COLORS.length];
  }

  // -- panes ---------------------------------------------------------------------------------------------------

  /** Heads with a pane of their own, in order. */
  get below() {
    return [...this.shown.values(), ...this.guests].filter((each) => each.head.pane === "own");
  }

  /** The part of Plotly's layout that makes room for the panes. */
  layout() {
    const share = Math.min(this.below.length * PANE_SHARE, MOST_SHARE);
    return { "yaxis.domain": [VOLUME_SHARE + share, 1] };
  }

  /** Where the panes lie, between prices and volume. @returns {Pane[]} */
  panes() {
    const { frame, axes } = this.chart.overlay;
    const below = this.below;
    const top = frame.priceBottom;
    const height = (axes.volume._offset - top) / Math.max(1, below.length);
    return below.map((shown, index) => ({
      top: top + index * height + PANE_GAP_PX / 2,
      height: height - PANE_GAP_PX,
      heads: [shown],
      low: 0,
      high: 1,
    }));
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  /** Draw what is in view; `read` is the number of the candle whose values the legend has. @param {number} read */
  draw(read) {
    const { chart } = this;
    const nothing = !(this.shown.size || this.guests.length);
    if (nothing && this.empty) return; // to clear a canvas costs as much as to fill it
    this.empty = nothing;
    const context = this.cleared(this.canvas);
    if (!context || !(this.shown.size || this.guests.length)) return void this.writeValues(read);
    const { left, right, top, priceBottom } = chart.overlay.frame;
    const { y } = chart.overlay.axes;
    clipped(context, left, top, right - left, priceBottom - top, () => {
      for (const shown of this.shown.values()) {
        if (shown.head.pane === "price") this.lines(context, shown, (value) => y._offset + y.c2p(value, true));
      }
    });
    for (const pane of this.panes()) this.pane(context, pane);
    this.writeValues(read);
    this.readOlder();
    return undefined;
  }

  /** A canvas over the chart, of the panel's size and empty. @param {HTMLCanvasElement} canvas @returns {?CanvasRenderingContext2D} */
  cleared(canvas) {
    const { width, height } = this.chart.plot._fullLayout;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = canvas.getContext("2d");
    if (canvas.width !== wide || canvas.height !== high) {
      Object.assign(canvas, { width: wide, height: high });
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, width, height);
    return context;
  }

  /** @param {CanvasRenderingContext2D} context @param {Pane} pane */
  pane(context, pane) {
    const { chart } = this;
    const { left, right } = chart.overlay.frame;
    const [shown] = pane.heads;
    this.fit(pane, shown);
    const { low, high, top, height } = pane;
    const place = (/** @type {number} */ value) => top + ((high - value) / (high - low)) * height;
    context.strokeStyle = ink("line");
    context.lineWidth = 1;
    context.strokeRect(left, Math.round(top - PANE_GAP_PX / 2) + 0.5, right - left, 0);
    context.font = LABEL_FONT;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillStyle = ink("muted");
    for (const level of shown.head.levels.length ? shown.head.levels : [low + (high - low) * 0.5]) {
      if (level < low || level > high) continue;
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(left, Math.round(place(level)) + 0.5);
      context.lineTo(right, Math.round(place(level)) + 0.5);
      context.stroke();
      context.setLineDash([]);
      context.fillText(this.text(shown, level), right + 6, place(level));
    }
    clipped(context, left, top, right - left, height, () => this.lines(context, shown, place));
    if (this.guests.includes(shown)) {
      context.fillStyle = ink("muted");
      context.fillText(`${shown.head.title} ${this.text(shown, shown.values.get(this.chart.candles.last?.t)?.[0] ?? 0)}`, left + 4, top + 8);
    }
  }

  /** The range of a pane: all its values in view, and its levels. @param {Pane} pane @param {Shown} shown */
  fit(pane, shown) {
    let [low, high] = [Infinity, -Infinity];
    for (const [, candle] of this.inView()) {
      for (const value of shown.values.get(candle.t) ?? []) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    for (const level of shown.head.levels) {
      low = Math.min(low, level);
      high = Math.max(high, level);
    }
    const room = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1;
    Object.assign(pane, low <= high ? { low: low - room, high: high + room } : { low: 0, high: 1 });
  }

  /** The candles in view with their numbers, and those whose values are drawn in it. @returns {Generator<[number, any]>} */
  *inView(before = 1, after = 1) {
    const { candles, view } = this.chart;
    const last = Math.min(candles.lastNumber, Math.ceil(view.to) + after);
    for (let number = Math.max(candles.base, Math.floor(view.from) - before); number <= last; number += 1) {
      const candle = candles.at(number);
      if (candle) yield [number, candle];
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Shown} shown @param {(value: number) => number} place px of a value */
  lines(context, shown, place) {
    const { x } = this.chart.overlay.axes;
    const slot = Math.abs(x.c2p(1) - x.c2p(0));
    shown.head.lines.forEach((line, index) => {
      context.strokeStyle = context.fillStyle = this.color(shown.head.id, index);
      context.lineWidth = 1.5;
      const zero = place(0);
      let drawing = false;
      let before = NaN;
      context.beginPath();
      for (const [number, candle] of this.inView(1 + Math.max(0, line.shift), 1 + Math.max(0, -line.shift))) {
        const value = shown.values.get(candle.t)?.[index];
        if (value === null || value === undefined) {
          if (!candle.empty) drawing = false;
          continue;
        }
        const [across, down] = [x._offset + x.c2p(number + line.shift), place(value)];
        if (line.style === "histogram") context.rect(across - slot * 0.35, Math.min(down, zero), slot * 0.7, Math.abs(down - zero));
        else if (line.style === "dots") context.rect(across - 1.25, down - 1.25, 2.5, 2.5);
        else if (!drawing) context.moveTo(across, down);
        else if (line.style === "steps" && value !== before && Math.abs(down - place(before)) > 0.5) {
          context.lineTo(across, place(before));
          context.lineTo(across, down);
        } else context.lineTo(across, down);
        drawing = true;
        before = value;
      }
      if (line.style === "histogram") {
        context.globalAlpha = 0.5;
        context.fill();
        context.globalAlpha = 1;
      } else if (line.style === "dots") context.fill();
      else context.stroke();
    });
  }

  /** Values of candles in view that were read later than the snapshot: older ones, over REST. */
  async readOlder() {
    const { chart } = this;
    const missing = [...this.shown.values()].filter((each) => !each.head.fault);
    const first = this.inView(0, 0).next().value?.[1];
    if (!missing.length || !first || this.reading) return;
    const [shown] = missing;
    if (shown.values.has(first.t) || first.empty || this.readUpTo.get(chart.symbol + chart.interval) <= first.t) return;
    const known = Math.min(...shown.values.keys(), Infinity);
    const start = chart.candles.at(Math.max(chart.candles.base, Math.floor(chart.view.from - chart.view.count)))?.t ?? first.t;
    const asked = new URLSearchParams({
      symbol: chart.symbol,
      interval: chart.interval,
      start: new Date(start).toISOString(),
      end: new Date(known === Infinity || known <= first.t ? first.t + 1 : known).toISOString(),
      limit: "5000",
      form: "arrays",
    });
    for (const each of missing) asked.append("indicators", each.head.id);
    const of = (this.reading = `${chart.symbol} ${chart.interval}`);
    this.readUpTo.set(chart.symbol + chart.interval, start);
    try {
      const answer = await fetch(`api/candles?${asked}`);
      if (!answer.ok || `${chart.symbol} ${chart.interval}` !== of) return;
      for (const [time, , , , , , , , ...values] of await answer.json()) {
        let at = 0;
        for (const each of missing) {
          const mine = values.slice(at, (at += each.head.lines.length));
          if (!each.values.has(time)) each.values.set(time, mine);
        }
      }
      chart.refreshOverlay();
    } catch {
      // The connection tells that the server is away.
    } finally {
      this.reading = "";
    }
  }

  // -- legend --------------------------------------------------------------------------------------------------

  writeLegend() {
    const rows = this.chosen.map((each) => {
      const row = document.createElement("div");
      row.dataset.indicator = each.id;
      const name = document.createElement("button");
      name.type = "button";
      name.title = `Change ${each.id}`;
      name.textContent = each.id;
      name.style.color = this.color(each.id, 0);
      name.addEventListener("click", () => void this.menu((menu) => menu.edit(each)));
      const values = document.createElement("span");
      const remove = document.createElement("button");
      remove.type = "button";
      remove.title = `Remove ${each.id}`;
      remove.setAttribute("aria-label", remove.title);
      remove.textContent = "×";
      remove.addEventListener("click", () => this.choose(this.chosen.filter((other) => other !== each)));
      row.append(name, values, remove);
      return row;
    });
    this.legend.replaceChildren(...rows);
  }

  /** The values of the candle of this number. @param {number} number */
  writeValues(number) {
    const time = this.chart.candles.at(number)?.t ?? NaN;
    this.chosen.forEach((each, index) => {
      const shown = this.shown.get(each.id);
      const values = shown?.values.get(time);
      const at = this.legend.children[index]?.children[1];
      if (!at) return;
      const texts = shown?.head.fault ? [shown.head.fault] : (values ?? []).map((value) => (value === null ? "–" : this.text(shown, value)));
      while (at.childElementCount < texts.length) at.append(document.createElement("span"));
      while (at.childElementCount > texts.length) at.lastChild.remove();
      texts.forEach((text, line) => {
        const span = /** @type {HTMLElement} */ (at.children[line]);
        write(span, text);
        const color = this.color(each.id, line);
        if (span.dataset.color === color) return;
        span.dataset.color = color;
        span.style.color = color;
      });
    });
  }

  /** @param {Shown} shown @param {number} value */
  text(shown, value) {
    if (shown.head.pane === "price") return price(value, this.chart.decimals);
    if (Math.abs(value) >= 10_000 || this.guests.includes(shown)) return value < 0 ? `−${amount(-value)}` : amount(value);
    const percent = shown.head.levels.some((level) => level !== 0);
    return price(value, !percent && Math.abs(value) < 1 ? this.chart.decimals + 2 : 2);
  }
}

/** @param {CanvasRenderingContext2D} context @param {() => void} work */
function clipped(context, x, y, width, height, work) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  work();
  context.restore();
}

/** @param {string} name @param {any} otherwise */
export function read(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {any} value */
export function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: the next page has none.
  }
}
