// Numbers and times as the page shows them.

import { decimalsOf, zoneOf } from "./instruments.js";
import { look, onLook, separators } from "./look.js";
import { marketNow } from "./now.js";
import { pairOf, rowIdOf } from "./symbols.js";
import { clock, day, dayOfYear, wallClock } from "./zone.js";

export const NONE = "–";
const DAY_MS = 86_400_000;
/** @type {Map<number, Intl.NumberFormat>} */
const byDecimals = new Map();
/** What stands before decimals, and between thousands. */
let { decimal, group } = separators();
onLook(() => {
  byDecimals.clear();
  ({ decimal, group } = separators());
});

/** @param {number} decimals */
function fixed(decimals) {
  let made = byDecimals.get(decimals);
  if (!made) {
    made = new Intl.NumberFormat(look().numbers, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
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

const MOST_DECIMALS = 20;

/**
 * The decimals that a price is shown with: the instrument's, or more where these would leave less than two digits of it.
 * @param {?number} value @param {number} decimals of the instrument
 */
export function decimalsFor(value, decimals) {
  if (!value || Math.abs(value) >= 10 ** (1 - decimals)) return decimals;
  return Math.min(MOST_DECIMALS, Math.max(decimals, 3 - Math.floor(Math.log10(Math.abs(value)))));
}

/** A price with the instrument's decimals, or as many as it needs. @param {?number} value @param {number} decimals */
export function price(value, decimals) {
  return missing(value) ? NONE : fixed(decimalsFor(value, decimals)).format(/** @type {number} */ (value));
}

const MOST_ON_AXIS = 11;

/**
 * A price in so many characters as a price axis has room for: zeros behind the point are counted (0.0₁₀334 has ten), and what
 * is long before it loses what it must behind it.
 * @param {?number} value @param {number} decimals
 */
export function shortPrice(value, decimals) {
  const text = price(value, decimals);
  if (text.length <= MOST_ON_AXIS || missing(value)) return text;
  const tiny = /^(-?)0[.,](0{4,})(\d+)$/.exec(text);
  if (tiny) {
    const zeros = [...String(tiny[2].length)].map((digit) => String.fromCharCode(0x2080 + Number(digit))).join("");
    return `${tiny[1]}0${decimal}0${zeros}${tiny[3]}`;
  }
  const room = MOST_ON_AXIS - 1 - text.replaceAll(group, "").split(decimal)[0].length;
  return /** @type {number} */ (value).toFixed(Math.max(0, Math.min(room, decimals))).replace(".", decimal);
}

/** A signed difference of prices. @param {?number} value @param {number} decimals */
export function change(value, decimals) {
  return missing(value) ? NONE : signed(fixed(decimals).format(value));
}

/** A signed percentage. @param {?number} value in percent */
export function percent(value) {
  return missing(value) ? NONE : `${signed(fixed(2).format(value))}%`;
}

/** @type {[number, string][]} */
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
  return Number.isInteger(value) ? fixed(0).format(value) : String(Number(value.toPrecision(6))).replace(".", decimal);
}

/** A round size or volume, such as on an axis: the same without zeros at the end. @param {number} value */
export const roundAmount = (value) => amount(value).replace(/[.,]?0+(?=[KMBT]$)/, "");

/** Which way a signed number went by what is shown of it: a change that rounds to zero did not. @param {string} text */
export const direction = (text) => (text.startsWith("+") ? "up" : text.startsWith("−") ? "down" : "none");

/** The time of today, else the day. @param {number} ms @param {string} zone */
function clockOrDay(ms, zone) {
  const [wall, now] = [wallClock(ms, zone), wallClock(marketNow(), zone)];
  if (Math.floor(wall / DAY_MS) === Math.floor(now / DAY_MS)) return clock(wall);
  return new Date(wall).getUTCFullYear() === new Date(now).getUTCFullYear() ? dayOfYear(wall) : day(wall);
}

/** What the grids' columns call, each with AG Grid's parameters (see early.js). */
export const cells = {
  Price: (params) => price(params.value, decimalsOf(params.data.symbol)),
  Change: (params) => change(params.value, decimalsFor(params.data.last, decimalsOf(params.data.symbol))),
  Percent: (params) => percent(params.value),
  Amount: (params) => amount(params.value),
  Clock: (params) => (params.value ? clockOrDay(params.value, zoneOf(params.data.symbol)) : NONE),
  TapeClock: (params) => {
    const wall = clock(wallClock(params.value / 1000, zoneOf(params.data.symbol)));
    return `${wall}.${String(Math.floor(params.value / 1000) % 1000).padStart(3, "0")}`;
  },
  TapeSize: (params) => (params.data.prints ? `${amount(params.value)} ×${params.data.prints}` : amount(params.value)),
  Side: (params) => ({ buy: "Buy", sell: "Sell" })[params.value] ?? "",
  Pair: (params) => pairOf(params.value),
  RowId: (params) => rowIdOf(params.data.symbol),
  TapePrice: (params) => price(params.value, decimalsOf(params.data.symbol)),
};
