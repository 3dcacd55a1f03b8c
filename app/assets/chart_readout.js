// The line on top of the chart: open, high, low, close, change and volume of one candle.

/** @typedef {import("./candles.js").Candle} Candle */

import { amount, change, percent, price } from "./format.js";
import { write } from "./text.js";

/**
 * @param {HTMLElement} at
 * @param {string} title
 * @param {Candle | undefined} candle none: the line is empty
 * @param {Candle | undefined} before the candle that the change counts from
 * @param {number} decimals of the instrument
 */
export function showReadout(at, title, candle, before, decimals) {
  if (!candle) {
    at.replaceChildren();
    return;
  }
  const from = before?.c ?? candle.o;
  const moved = candle.c - from;
  const values = [
    ["O", price(candle.o, decimals)],
    ["H", price(candle.h, decimals)],
    ["L", price(candle.l, decimals)],
    ["C", price(candle.c, decimals)],
    ["", `${change(moved, decimals)} (${percent((100 * moved) / from)})`],
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
  const went = moved >= 0 ? "up" : "down";
  if (at.dataset.went !== went) at.dataset.went = went;
  [title, ...values.map(([, text]) => text)].forEach((text, index) => {
    write(at.children[index], text);
  });
}
