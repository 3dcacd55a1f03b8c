// What the pointer is on: a candle and a price.

import { fullTime } from "./chart_axis.js";
import { price } from "./format.js";

/**
 * @param {import("./chart.js").Chart} chart
 * @param {{x: number, y: number}} at px in the panel
 * @returns {?{number: number, y: number, price: ?string, time: string}} null: it is not over the plot
 */
export function crossing({ layers, candles, interval, decimals }, at) {
  const { x, y } = layers.axes;
  const { left, right, top, bottom, priceBottom } = layers.frame;
  if (at.x < left || at.x > right || at.y < top || at.y > bottom) return null;
  const pointed = Math.round(x.p2c(at.x - left));
  const number = Math.min(Math.max(pointed, candles.base), candles.lastNumber);
  const candle = candles.at(number);
  if (!candle) return null;
  return {
    number,
    y: at.y,
    price: at.y <= priceBottom ? price(y.p2c(at.y - top), decimals) : null,
    time: fullTime(candle.wall, interval),
  };
}
