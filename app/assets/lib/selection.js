// The chosen symbol and interval.  The page's address is the truth; everything else follows it.

import { panel } from "./panel.js";

/** @typedef {{symbol: ?string, interval: string}} View */

// prettier-ignore
export const INTERVALS = ["1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"];
const DEFAULT_INTERVAL = "1m";
/** @type {Record<string, number>} */
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_678_400_000 };

/** Bars that are not of time: of ticks, of volume, of a range of price, Renko. */
const BARS = /^0*(\d{1,12})(?:(\.\d*?)0*)?(t|v|r|renko)$/;

/** Is it of bars that are not of time, such as `100t`? @param {string} interval */
export const isBars = (interval) => BARS.test(interval);

/** In its one spelling; empty: there is none such. @param {string} interval */
function spelt(interval) {
  const [, whole, part = "", unit] = BARS.exec(interval) ?? [];
  if (unit) return whole + (part === "." ? "" : part) + unit;
  return INTERVALS.includes(interval) ? interval : "";
}

/**
 * Length of a candle, ms; the longest that a month has.  Bars that are not of time have none: taken for a minute where a time
 * beyond them is to be guessed.
 * @param {string} interval
 */
export const intervalMs = (interval) => (isBars(interval) ? UNIT_MS.m : parseInt(interval, 10) * UNIT_MS[interval.slice(-1)]);

/** @type {((view: View) => void)[]} */
const listeners = [];

/** The view the address asks for. @returns {View} */
export function view() {
  const asked = new URLSearchParams(location.search);
  const interval = asked.get("interval") ?? DEFAULT_INTERVAL;
  return {
    symbol: asked.get("symbol") || null,
    interval: spelt(interval) || DEFAULT_INTERVAL,
  };
}

/** What the address asks for and there is none of; empty: nothing. @returns {string} */
export function refusedInterval() {
  const asked = new URLSearchParams(location.search).get("interval");
  return asked === null || spelt(asked) ? "" : asked;
}

/** Call `listener` with the view after every change. @param {(view: View) => void} listener */
export function onView(listener) {
  listeners.push(listener);
}

const tell = () => listeners.forEach((listener) => listener(view()));

/**
 * Choose a symbol, an interval or both.
 * @param {Partial<View>} wanted
 * @param {{replace?: boolean}} [how] `replace`: no new entry in the browser's history
 */
export function choose(wanted, { replace = false } = {}) {
  const before = view();
  const next = { ...before, ...wanted };
  const address = new URL(location.href);
  if (next.symbol) address.searchParams.set("symbol", next.symbol);
  // One that there is none of stays, and with it the notice that says so, until another is chosen.
  if (wanted.interval || !refusedInterval()) address.searchParams.set("interval", next.interval);
  if (address.href === location.href) return;
  // The browser's way back leads out of a workspace, not through what its panels have shown.
  history[replace || panel ? "replaceState" : "pushState"](null, "", address);
  tell();
}

addEventListener("popstate", tell);
