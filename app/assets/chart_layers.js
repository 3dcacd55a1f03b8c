// What is drawn behind and over Plotly's candles: time grid and labels, the newest candles, the last price, the
// crosshair.  Everything is placed by the axes' own scales, so it costs the same at any number of candles.

import { Newest } from "./chart_newest.js";
import { display, set, shape } from "./chart_svg.js";
import { write } from "./text.js";

const LABEL_HEIGHT = 18;

const half = (/** @type {number} */ px) => Math.round(px) + 0.5;

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

export class Layers {
  /** @param {HTMLElement} back @param {HTMLElement} front @param {any} plot Plotly's element */
  constructor(back, front, plot) {
    this.plot = plot;
    this.back = shape(back, "svg");
    this.front = shape(front, "svg");
    this.grid = shape(this.back, "g", "time-grid");
    this.newest = new Newest(this.front);
    this.lastLine = shape(this.front, "line", "last-line");
    this.lastLabel = new Label(this.front, "last-label");
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

  /**
   * The candles from number `from` on that are in view, the forming one among them; none where `from` is null.
   * @param {import("./candles.js").Candles} candles @param {?number} from
   */
  drawNewest(candles, from) {
    const { axes } = this;
    const [left, right] = axes.x.range;
    const first = Math.max(from ?? Infinity, Math.floor(left));
    this.newest.draw(axes, candles, first, Math.min(candles.lastNumber, Math.ceil(right)));
  }

  /** The last price. @param {?number} price @param {string} text @param {boolean} up */
  drawLast(price, text, up) {
    for (const part of [this.lastLine, this.lastLabel.group]) display(part, price !== null);
    if (price === null) return;
    const { y } = this.axes;
    const { left, right, top, priceBottom } = this.frame;
    const at = Math.min(Math.max(half(y._offset + y.c2p(price)), top), priceBottom);
    set(this.lastLine, { x1: left, x2: right, y1: at, y2: at });
    this.lastLabel.show(right, at, this.width - right, text);
    for (const part of [this.lastLine, this.lastLabel.group]) set(part, { "data-went": up ? "up" : "down" });
  }

  /**
   * The crosshair; nothing hides it.
   * @param {?{number: number, y: number, price: ?string, time: string}} at `y` in px
   */
  drawCross(at) {
    display(this.cross, at !== null);
    if (!at) return;
    const { left, right, top, bottom } = this.frame;
    const x = half(this.px(at.number));
    set(this.crossX, { x1: x, x2: x, y1: top, y2: bottom });
    set(this.crossY, { x1: left, x2: right, y1: half(at.y), y2: half(at.y) });
    display(this.crossPrice.group, at.price !== null);
    if (at.price !== null) this.crossPrice.show(right, at.y, this.width - right, at.price);
    const width = at.time.length * 6.6 + 16;
    this.crossTime.show(Math.min(Math.max(x - width / 2, left), right - width), bottom + 12, width, at.time);
  }
}
