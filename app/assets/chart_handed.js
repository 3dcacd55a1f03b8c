// What Plotly has of the candles: older closed ones, as many as look well.

/** @typedef {import("./candles.js").Candles} Candles */

import { Candles as None } from "./candles.js";

const [UP, DOWN] = ["rgba(38,166,154,0.42)", "rgba(239,83,80,0.42)"];

export class Handed {
  constructor() {
    /** Whose candles they are. @type {Candles} */
    this.candles = new None("UTC");
    /** Time of the newest of them. */
    this.t = -Infinity;
  }

  /** Number of the first of `candles` that Plotly has not got; null: it has others altogether. @param {Candles} candles */
  end(candles) {
    return this.candles === candles ? candles.base + candles.place(this.t + 1) : null;
  }

  /** Extent of those in view that Plotly has not got. @param {Candles} candles @param {{from: number, to: number}} view */
  rest(candles, view) {
    const from = this.end(candles);
    return from === null ? null : candles.extent(Math.max(from, view.from), view.to);
  }

  /**
   * The figure's traces with the candles from number `from` to `to`, which Plotly is to get now.
   * @param {Candles} candles @param {{from: number, to: number}} which
   */
  traces(candles, { from, to }) {
    const part = candles.part(from, to);
    this.candles = candles;
    this.t = part[part.length - 1]?.t ?? -Infinity;
    const x = part.map((_, i) => from + i);
    return {
      x: [x, x],
      open: [part.map((candle) => candle.o), undefined],
      high: [part.map((candle) => candle.h), undefined],
      low: [part.map((candle) => candle.l), undefined],
      close: [part.map((candle) => candle.c), undefined],
      y: [undefined, part.map((candle) => candle.v)],
      "marker.color": [undefined, x.map((number) => (candles.rose(number) ? UP : DOWN))],
    };
  }
}
