// What is read off the chart: the candle and price under the pointer, and the line on top with one candle's values.

import { fullTime } from "./axis.js";
import { intervalMs, isBars } from "../lib/selection.js";
import { amount, change, direction, percent, price } from "../lib/format.js";
import { write } from "../lib/dom.js";

/** @typedef {import("./candles.js").Candle} Candle */

/** Place of the change in the line. */
const CHANGE = 5;

/**
 * What the pointer is on: a candle, and a price where it is over the prices.
 * @param {import("./chart.js").Chart} chart
 * @param {{x: number, y: number}} at px in the panel
 * @returns {?{number: number, y: ?number, price: ?string, time: string}} null: it is not over the plot
 */
export function pointedAt({ overlay, candles, interval, decimals, scale }, at) {
  const { x, y } = overlay.axes;
  const { left, right, top, bottom, priceBottom } = overlay.frame;
  if (at.x < left || at.x > right || at.y < top || at.y > bottom) return null;
  const pointed = Math.round(x.p2c(at.x - left));
  const number = Math.min(Math.max(pointed, candles.base), candles.lastNumber);
  const candle = candles.at(number);
  if (!candle) return null;
  return {
    number,
    y: at.y,
    price: at.y <= priceBottom ? scale.text(y.p2c(at.y - top), decimals) : null,
    time: fullTime(candle, candles.zone, interval),
  };
}

/**
 * The candle of a time that another chart points at, which may have other candles; null: it is not in view.
 * @param {import("./chart.js").Chart} chart
 * @param {number} ms
 * @returns {?{number: number, y: null, price: null, time: string}}
 */
export function pointedIn({ candles, interval, view }, ms) {
  const number = candles.base + candles.place(ms + 1) - 1;
  const candle = candles.at(number);
  if (!candle || number < view.from || number > view.to) return null;
  return { number, y: null, price: null, time: fullTime(candle, candles.zone, interval) };
}

/**
 * The price that the pointer is on; null: it is not over the prices.
 * @param {import("./chart.js").Chart} chart
 * @param {{x: number, y: number}} at px in the panel
 * @returns {?number}
 */
export function priceAt({ overlay }, at) {
  const { left, right, top, priceBottom } = overlay.frame;
  const isOver = at.x >= left && at.x <= right && at.y >= top && at.y <= priceBottom;
  return isOver ? overlay.axes.y.p2c(at.y - top) : null;
}

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/**
 * How long a forming candle goes on, such as `0:42` or `1:05:10`; empty where it is over, as in a market that rests, and
 * for days and longer, which end with the exchange's day, and bars that are not of time.
 * @param {number} t start of the candle, ms @param {string} interval @param {number} now ms
 */
export function timeLeft(t, interval, now) {
  if (isBars(interval)) return "";
  const length = intervalMs(interval);
  const left = Math.ceil((t + length - now) / 1_000);
  if (length >= 86_400_000 || left <= 0 || left > length / 1_000 + 1) return "";
  const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/**
 * Write the line.
 * @param {HTMLElement} at
 * @param {string} title
 * @param {Candle | undefined} candle none: the line is empty
 * @param {Candle | undefined} before the candle that the change counts from
 * @param {number} decimals of the instrument
 * @param {boolean} rose is the candle drawn as risen?  Its values have the same colour.
 */
export function showReadout(at, title, candle, before, decimals, rose) {
  if (!candle) {
    at.replaceChildren();
    return;
  }
  const from = before?.c ?? candle.o;
  const moved = candle.c - from;
  const difference = change(moved, decimals);
  const values = [
    ["O", price(candle.o, decimals)],
    ["H", price(candle.h, decimals)],
    ["L", price(candle.l, decimals)],
    ["C", price(candle.c, decimals)],
    ["", `${difference} (${percent((100 * moved) / from)})`],
    ["Vol", amount(candle.v)],
  ];
  // Elements stay, and only a text that changed is written: most of this line is the same from frame to frame.
  if (at.childElementCount !== values.length + 1) {
    const spans = values.map(([name]) => {
      const span = document.createElement("span");
      span.dataset.name = name;
      return span;
    });
    at.replaceChildren(document.createElement("b"), ...spans);
  }
  const went = rose ? "up" : "down";
  if (at.dataset.went !== went) at.dataset.went = went;
  const changed = /** @type {HTMLElement} */ (at.children[CHANGE]);
  if (changed.dataset.went !== direction(difference)) changed.dataset.went = direction(difference);
  [title, ...values.map(([, text]) => text)].forEach((text, index) => {
    write(at.children[index], text);
  });
}
