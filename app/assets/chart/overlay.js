// What the page itself draws over and behind Plotly's candles: time grid and labels, the candles Plotly has not got yet,
// the last price, the crosshair.  Everything is placed by the axes' own scales, so it costs the same at any number of
// candles.

import { Candles } from "./candles.js";
import { candleLook, curvePaths, isCurve, traces, volumePath, wentUp } from "./kinds.js";
import { display, set, shape, write } from "../lib/dom.js";

/** @typedef {import("./candles.js").Candle} Candle */
/** @typedef {import("./kinds.js").Kind} Kind */
/** @typedef {{number: number, candle: ?Candle, went: string, price: Element, volume: Element}} DrawnCandle */

const LABEL_HEIGHT = 18;
/** Of the buttons over the chart's upper right corner, px. */
const BUTTONS = { width: 180, height: 24 };

const half = (/** @type {number} */ px) => Math.round(px) + 0.5;

export class Overlay {
  /** @param {HTMLElement} back @param {HTMLElement} front @param {any} plot Plotly's element */
  constructor(back, front, plot) {
    this.plot = plot;
    this.back = shape(back, "svg");
    this.front = shape(front, "svg");
    this.grid = shape(this.back, "g", "time-grid");
    this.marks = shape(this.back, "g", "marks");
    this.newest = new NewestCandles(this.front);
    this.lastLine = shape(this.front, "line", "last-line");
    this.lastLabel = new Label(this.front, "last-label");
    this.countdown = new Label(this.front, "countdown");
    this.cross = shape(this.front, "g", "cross");
    this.crossX = shape(this.cross, "line");
    this.crossY = shape(this.cross, "line");
    this.crossPrice = new Label(this.cross, "cross-label");
    this.crossTime = new Label(this.cross, "cross-label");
    this.cross.style.display = "none";
  }

  get axes() {
    const { xaxis, yaxis, yaxis2 } = this.plot._fullLayout;
    return { x: xaxis, y: yaxis, volume: yaxis2 };
  }

  /** Of the whole chart, px; from Plotly, for asking an element would have the page laid out at once. */
  get width() {
    return this.plot._fullLayout.width;
  }

  /** Pixel of a candle's number. @param {number} number */
  px(number) {
    const { x } = this.axes;
    return x._offset + x.c2p(number);
  }

  /** Where the plot begins and ends, px. */
  get frame() {
    const { x, y, volume } = this.axes;
    return {
      left: x._offset,
      right: x._offset + x._length,
      top: y._offset,
      bottom: volume._offset + volume._length,
      priceBottom: y._offset + y._length,
    };
  }

  /** The time grid. @param {{number: number, text: string, strong: boolean}[]} labels */
  drawTimes(labels) {
    const { left, right, top, bottom } = this.frame;
    let used = 0;
    for (const label of labels) {
      const x = half(this.px(label.number));
      if (x < left || x > right) continue;
      const line = this.grid.children[used] ?? shape(this.grid, "line");
      const text = this.grid.children[used + 1] ?? shape(this.grid, "text");
      used += 2;
      set(line, { x1: x, x2: x, y1: top, y2: bottom });
      set(text, {
        x: Math.min(Math.max(x, left + 20), right - 12),
        y: bottom + 16,
        class: label.strong ? "strong" : "",
      });
      write(text, label.text);
    }
    while (this.grid.children.length > used) this.grid.lastChild.remove();
  }

  /** Lines down the chart with a word at the top: holes, the first tick. @param {{number: number, text: string}[]} marks */
  drawMarks(marks) {
    const { left, right, top, bottom } = this.frame;
    let used = 0;
    for (const { number, text } of marks) {
      const x = half(this.px(number));
      if (x < left || x > right) continue;
      const line = this.marks.children[used] ?? shape(this.marks, "line");
      const word = this.marks.children[used + 1] ?? shape(this.marks, "text");
      used += 2;
      set(line, { x1: x, x2: x, y1: top, y2: bottom });
      const beneath = x > right - BUTTONS.width;
      set(word, { x: beneath ? x - 4 : x + 4, y: top + 10 + (beneath ? BUTTONS.height : 0), "text-anchor": beneath ? "end" : "start" });
      write(word, text);
    }
    while (this.marks.children.length > used) this.marks.lastChild.remove();
  }

  /**
   * The candles from number `from` on that are in view, the forming one among them; none where `from` is null.
   * @param {Candles} candles @param {?number} from @param {Kind} kind @param {number} base of a baseline
   */
  drawNewest(candles, from, kind, base) {
    const { axes } = this;
    const [left, right] = axes.x.range;
    const first = Math.max(from ?? Infinity, Math.floor(left));
    this.newest.draw(axes, candles, first, Math.min(candles.lastNumber, Math.ceil(right)), kind, base);
  }

  /**
   * The last price at its place on the axis; where that is outside, an arrow at the edge says on which side.
   * @param {?number} price @param {string} text @param {boolean} up @param {string} left time left of the candle; empty: not known
   */
  drawLast(price, text, up, left) {
    display(this.lastLabel.group, price !== null);
    display(this.countdown.group, price !== null && left !== "");
    if (price === null) return void display(this.lastLine, false);
    const { y } = this.axes;
    const frame = this.frame;
    const place = half(y._offset + y.c2p(price, true));
    const side = place < frame.top ? "above" : place > frame.priceBottom ? "below" : "";
    const at = Math.min(Math.max(place, frame.top + (side ? LABEL_HEIGHT / 2 : 0)), frame.priceBottom - (side ? LABEL_HEIGHT / 2 : 0));
    display(this.lastLine, !side);
    set(this.lastLine, { x1: frame.left, x2: frame.right, y1: at, y2: at });
    this.lastLabel.show(frame.right, at, this.width - frame.right, side ? `${side === "above" ? "▲" : "▼"} ${text}` : text);
    set(this.lastLabel.group, { "data-side": side });
    const below = at + LABEL_HEIGHT < frame.priceBottom ? LABEL_HEIGHT : -LABEL_HEIGHT;
    if (left) this.countdown.show(frame.right, at + below, this.width - frame.right, left);
    for (const part of [this.lastLine, this.lastLabel.group, this.countdown.group]) set(part, { "data-went": up ? "up" : "down" });
  }

  /**
   * The crosshair; nothing hides it.
   * @param {?{number: number, y: ?number, price: ?string, time: string}} at `y` in px; null: at no price
   */
  drawCross(at) {
    display(this.cross, at !== null);
    if (!at) return;
    const { left, right, top, bottom } = this.frame;
    const x = half(this.px(at.number));
    set(this.crossX, { x1: x, x2: x, y1: top, y2: bottom });
    display(this.crossY, at.y !== null);
    if (at.y !== null) set(this.crossY, { x1: left, x2: right, y1: half(at.y), y2: half(at.y) });
    display(this.crossPrice.group, at.price !== null);
    if (at.price !== null) this.crossPrice.show(right, at.y, this.width - right, at.price);
    const width = at.time.length * 6.6 + 16;
    this.crossTime.show(Math.min(Math.max(x - width / 2, left), right - width), bottom + 12, width, at.time);
  }
}

/** Which of the candles Plotly has: older closed ones, as many as look well.  The overlay draws those after them. */
export class PlottedCandles {
  constructor() {
    /** Whose candles they are. @type {Candles} */
    this.candles = new Candles("UTC");
    /** Time of the newest of them, ms. */
    this.newestTime = -Infinity;
  }

  /** Number of the first of `candles` that Plotly has not got; null: it has others altogether. @param {Candles} candles */
  firstUnplotted(candles) {
    return this.candles === candles ? candles.base + candles.place(this.newestTime + 1) : null;
  }

  /**
   * Extent of those in view that Plotly has not got.
   * @param {Candles} candles @param {{from: number, to: number}} view @param {boolean} closes of the closes only
   */
  unplottedExtent(candles, view, closes) {
    const from = this.firstUnplotted(candles);
    return from === null ? null : candles.extent(Math.max(from, view.from), view.to, closes);
  }

  /**
   * The figure's traces with the candles from number `from` to `to`, which Plotly is to get now.
   * @param {Candles} candles @param {{from: number, to: number}} which @param {Kind} kind @param {number} base of a baseline
   */
  traces(candles, { from, to }, kind, base) {
    const part = candles.part(from, to);
    this.candles = candles;
    this.newestTime = part[part.length - 1]?.t ?? -Infinity;
    return traces(candles, from, to, kind, base);
  }
}

/** One pane of the chart, clipped as Plotly's is. */
class Pane {
  /** @param {Element} svg @param {string} name */
  constructor(svg, name) {
    const clip = shape(shape(svg, "defs"), "clipPath");
    clip.id = `newest-${name}`;
    this.clip = shape(clip, "rect");
    this.outer = shape(svg, "g", `newest ${name}`);
    this.outer.setAttribute("clip-path", `url(#${clip.id})`);
  }

  /** @param {any} x Plotly's axis @param {any} y Plotly's axis */
  place(x, y) {
    set(this.clip, { x: 0, y: 0, width: x._length, height: y._length });
    set(this.outer, { transform: `translate(${x._offset},${y._offset})` });
  }
}

/**
 * The newest candles drawn as Plotly draws them: the same paths, rounding and strokes, so that nothing but the position
 * changes when Plotly takes them over.
 */
class NewestCandles {
  /** @param {Element} svg */
  constructor(svg) {
    this.prices = new Pane(svg, "prices");
    this.volumes = new Pane(svg, "volumes");
    this.curve = new Pane(svg, "curve");
    this.curves = ["upper-fill", "lower-fill", "upper", "lower"].map((name) => ({ name, path: shape(this.curve.outer, "path", name) }));
    /** Oldest first. @type {DrawnCandle[]} */
    this.drawn = [];
    this.scale = "";
  }

  /**
   * @param {{x: any, y: any, volume: any}} axes Plotly's
   * @param {Candles} candles @param {number} from number of the first @param {number} to
   * @param {Kind} kind @param {number} base of a baseline
   */
  draw(axes, candles, from, to, kind, base) {
    const { x, y, volume } = axes;
    const scale = [x, y, volume].flatMap((axis) => [axis._offset, axis._length, axis.type, ...axis.range]).join() + kind;
    const moved = scale !== this.scale;
    this.scale = scale;
    if (moved) {
      this.prices.place(x, y);
      this.curve.place(x, y);
      this.volumes.place(x, volume);
      set(this.curve.outer, { "data-kind": kind });
    }
    const count = Math.max(0, to - from + 1);
    while (this.drawn.length > count) {
      const spare = this.drawn.pop();
      spare.price.remove();
      spare.volume.remove();
    }
    const asCurve = isCurve(kind);
    for (let index = 0; index < count; index += 1) {
      const number = from + index;
      const candle = candles.at(number);
      const at = (this.drawn[index] ??= this.another());
      const went = wentUp(candles, number, kind) ? "up" : "down";
      if (!moved && at.candle === candle && at.number === number && at.went === went) continue;
      Object.assign(at, { number, candle, went });
      set(at.price, asCurve ? { d: "", "data-number": number } : candleLook(axes, candles, number, kind));
      set(at.volume, { d: volumePath(x, volume, number, candle.v), "data-went": went, "data-number": number });
    }
    const paths = asCurve && count ? curvePaths(axes, candles, from, to, kind, base) : {};
    for (const { name, path } of this.curves) set(path, { d: paths[name] ?? "" });
  }

  another() {
    const [price, volume] = [this.prices, this.volumes].map((pane) => shape(pane.outer, "path"));
    return { number: 0, candle: null, went: "", price, volume };
  }
}

/** A filled label with its text, such as a price on the right axis. */
class Label {
  /** @param {Element} parent @param {string} kind */
  constructor(parent, kind) {
    this.group = shape(parent, "g", `label ${kind}`);
    this.box = shape(this.group, "rect");
    this.text = shape(this.group, "text");
  }
  /** @param {number} x @param {number} y @param {number} width @param {string} text */
  show(x, y, width, text) {
    set(this.box, { x, y: y - LABEL_HEIGHT / 2, width, height: LABEL_HEIGHT });
    set(this.text, { x: x + width / 2, y: y + 4 });
    write(this.text, text);
  }
}
