// Numbers and times as the page shows them.

import { decimalsOf, zoneOf } from "./instruments.js";
import { clock, wallClock } from "./zone.js";

export const NONE = "–";
/** @type {Map<number, Intl.NumberFormat>} */
const byDecimals = new Map();

/** @param {number} decimals */
function fixed(decimals) {
  let made = byDecimals.get(decimals);
  if (!made) {
    made = new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    byDecimals.set(decimals, made);
  }
  return made;
}

const missing = (/** @type {unknown} */ value) => value === null || value === undefined || Number.isNaN(value);

/** With a sign, but none for what rounds to zero. @param {string} text as Intl writes it */
function signed(text) {
  if (!/[1-9]/.test(text)) return text.replace("-", "");
  return text.startsWith("-") ? text.replace("-", "−") : `+${text}`;
}

/** A price with the instrument's decimals. @param {?number} value @param {number} decimals */
export function price(value, decimals) {
  return missing(value) ? NONE : fixed(decimals).format(/** @type {number} */ (value));
}

/** A signed difference of prices. @param {?number} value @param {number} decimals */
export function change(value, decimals) {
  return missing(value) ? NONE : signed(fixed(decimals).format(value));
}

/** A signed percentage. @param {?number} value in percent */
export function percent(value) {
  return missing(value) ? NONE : `${signed(fixed(2).format(value))}%`;
}

const UNITS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e4, "K"]];

/** A size or volume: exact below 10,000, then three or four digits and a unit. @param {?number} value */
export function amount(value) {
  if (missing(value)) return NONE;
  for (const [from, unit] of UNITS) {
    if (value >= from) {
      const scaled = unit === "K" ? value / 1e3 : value / from;
      return `${fixed(scaled >= 100 ? 1 : 2).format(scaled)}${unit}`;
    }
  }
  return Number.isInteger(value) ? fixed(0).format(value) : String(Number(value.toPrecision(6)));
}

/** What the grids' columns call, each with AG Grid's parameters (see early.js). */
export const cells = {
  Price: (params) => price(params.value, decimalsOf(params.data.symbol)),
  Change: (params) => change(params.value, decimalsOf(params.data.symbol)),
  Percent: (params) => percent(params.value),
  Amount: (params) => amount(params.value),
  Clock: (params) => (params.value ? clock(wallClock(params.value, zoneOf(params.data.symbol))) : NONE),
  TapeClock: (params) => {
    const wall = clock(wallClock(params.value / 1000, zoneOf(params.data.symbol)));
    return `${wall}.${String(Math.floor(params.value / 1000) % 1000).padStart(3, "0")}`;
  },
  TapePrice: (params) => price(params.value, decimalsOf(params.data.symbol)),
};
