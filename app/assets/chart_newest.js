// The newest candles, those that Plotly has not got yet, drawn as Plotly draws them: the same paths, rounding and
// strokes, so that nothing but the position changes when Plotly takes them over.

/** @typedef {import("./candles.js").Candle} Candle */
/** @typedef {{number: number, candle: ?Candle, went: string, price: Element, volume: Element}} Drawn */

import { set, shape } from "./chart_svg.js";

/** Half of a candle's body and of a volume bar, in slots: Plotly leaves 0.3 free beside a body, and twice. */
const [BODY, BAR] = [(0.7 * 0.7) / 2, 0.35];

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

export class Newest {
  /** @param {Element} svg */
  constructor(svg) {
    this.prices = new Pane(svg, "prices");
    this.volumes = new Pane(svg, "volumes");
    /** Oldest first. @type {Drawn[]} */
    this.drawn = [];
    this.scale = "";
  }

  /**
   * @param {{x: any, y: any, volume: any}} axes Plotly's
   * @param {import("./candles.js").Candles} candles @param {number} from number of the first @param {number} to
   */
  draw({ x, y, volume }, candles, from, to) {
    const scale = [x, y, volume].flatMap((axis) => [axis._offset, axis._length, ...axis.range]).join();
    const moved = scale !== this.scale;
    this.scale = scale;
    if (moved) {
      this.prices.place(x, y);
      this.volumes.place(x, volume);
    }
    const count = Math.max(0, to - from + 1);
    while (this.drawn.length > count) {
      const spare = this.drawn.pop();
      spare.price.remove();
      spare.volume.remove();
    }
    for (let index = 0; index < count; index += 1) {
      const number = from + index;
      const candle = candles.at(number);
      const at = (this.drawn[index] ??= this.another());
      const went = candles.rose(number) ? "up" : "down";
      if (!moved && at.candle === candle && at.number === number && at.went === went) continue;
      Object.assign(at, { number, candle, went });
      set(at.price, { d: pricePath(x, y, number, candle), "data-went": went, "data-number": number });
      set(at.volume, { d: volumePath(x, volume, number, candle), "data-went": went, "data-number": number });
    }
  }

  another() {
    const [price, volume] = [this.prices, this.volumes].map((pane) => shape(pane.outer, "path"));
    return { number: 0, candle: null, went: "", price, volume };
  }
}

/** A candlestick as Plotly writes it. @param {any} x @param {any} y @param {number} number @param {Candle} candle */
function pricePath(x, y, number, candle) {
  const [left, middle, right] = [number - BODY, number, number + BODY].map((at) => x.l2p(at));
  const lower = y.c2p(Math.min(candle.o, candle.c), true);
  const upper = y.c2p(Math.max(candle.o, candle.c), true);
  // Its "median" is the close, kept a pixel from either end; in a body of less than two it is the middle of them.
  const close = constrain(y.c2p(candle.c, true), Math.min(lower, upper) + 1, Math.max(lower, upper) - 1);
  return (
    `M${left},${close}H${right}M${left},${lower}H${right}V${upper}H${left}Z` +
    `M${middle},${lower}V${y.c2p(candle.l, true)}M${middle},${upper}V${y.c2p(candle.h, true)}`
  );
}

/** A bar as Plotly writes it: on whole pixels. @param {any} x @param {any} y @param {number} number @param {Candle} candle */
function volumePath(x, y, number, candle) {
  const [left, right] = [number - BAR, number + BAR].map((at) => Math.round(x.c2p(at, true)));
  const [bottom, top] = [0, candle.v].map((value) => Math.round(y.c2p(value, true)));
  return `M${left},${bottom}V${top}H${right}V${bottom}Z`;
}

const constrain = (/** @type {number} */ value, /** @type {number} */ one, /** @type {number} */ other) =>
  Math.max(Math.min(one, other), Math.min(Math.max(one, other), value));
