// Regular and extended hours: shading behind the candles, and the day's statistics of either.

import { amount, price } from "../lib/format.js";
import { set, shape, write } from "../lib/dom.js";
import { intervalMs, isBars } from "../lib/selection.js";
import { decimalsOf, leadOf } from "../lib/instruments.js";
import { known } from "../lib/known.js";
import { marketNow } from "../lib/now.js";
import { hoursAround } from "../lib/sessions.js";

const DAY = 86_400_000;
const ASK_AT_MOST_EVERY_MS = 1_000;
const SHADED = ["1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h"];

const PAUSED = ["1s", "5s", "15s", "30s", "1m"];
/** So long nothing must have been traded, and so many times as long as between the candles before, of which so many count. */
const [LEAST_PAUSE_MS, OFTEN, USUAL] = [300_000, 5, 20];

/** The regular hours of symbols, read once for each stretch of time that comes into view. */
class RegularHours {
  constructor() {
    /** @type {Map<string, {from: number, to: number, hours: number[][]}>} */
    this.known = new Map();
    this.asking = "";
  }

  /**
   * Regular hours that cover [from, to]; null: not known yet, then `then` is called once they are.
   * @param {string} symbol @param {number} from ms @param {number} to ms @param {() => void} then
   * @returns {?number[][]}
   */
  of(symbol, from, to, then) {
    const known = this.known.get(symbol);
    if (known && known.from <= from && known.to >= to) return known.hours;
    const wider = { from: Math.min(from, known?.from ?? from) - 10 * DAY, to: Math.max(to, known?.to ?? to) + 10 * DAY };
    this.read(symbol, wider.from, wider.to).then((news) => news && then());
    return known?.hours ?? null;
  }

  /** @param {string} symbol @param {number} from @param {number} to */
  async read(symbol, from, to) {
    if (this.asking === symbol) return false;
    this.asking = symbol;
    const [start, end] = [Math.max(0, from), to].map((ms) => new Date(ms).toISOString());
    try {
      const answer = await fetch(`api/sessions?${new URLSearchParams({ symbol, start, end })}`);
      if (!answer.ok) return false;
      const hours = (await answer.json()).flatMap((session) => session.hours);
      this.known.set(symbol, { from, to, hours });
      return true;
    } catch {
      return false; // The connection tells that the server is away; the next drawing asks again.
    } finally {
      this.asking = "";
    }
  }
}

export class TradingHours {
  /** @param {any} chart the page's Chart @param {HTMLElement} strip @param {() => any} row of the chosen symbol */
  constructor(chart, strip, row) {
    this.chart = chart;
    this.row = row;
    this.hours = new RegularHours();
    this.values = strip.querySelector("#day-values");
    this.button = /** @type {HTMLElement} */ (strip.querySelector("#day-hours"));
    this.regular = false;
    /** The replay's clock, ms; null: live. @type {?number} */
    this.clock = null;
    this.askedAt = 0;
    this.asking = false;
    this.shade = shape(chart.overlay.back, "g", "extended-hours");
    chart.overlay.back.prepend(this.shade);
    chart.shade = this;
    this.button.addEventListener("click", () => {
      this.regular = !this.regular;
      this.button.textContent = this.regular ? "RTH" : "ETH";
      this.button.setAttribute("aria-pressed", String(this.regular));
      this.button.blur();
      this.askedAt = 0;
      this.show();
    });
    setInterval(() => document.hidden || this.show(), ASK_AT_MOST_EVERY_MS);
  }

  /** Shade what lies outside regular hours; called with each drawing of the chart's overlay. */
  draw() {
    const { top, bottom } = this.chart.overlay.frame;
    const bands = this.bands();
    bands.forEach(([from, to], index) => {
      const band = this.shade.children[index] ?? shape(this.shade, "rect");
      set(band, { x: from, y: top, width: Math.max(0, to - from), height: bottom - top });
    });
    while (this.shade.children.length > bands.length) this.shade.lastChild.remove();
  }

  /** Where extended hours begin and end in the view, px. @returns {number[][]} */
  bands() {
    const { candles, view, overlay, interval, symbol } = this.chart;
    const first = candles.at(Math.max(candles.base, Math.ceil(view.from)));
    const last = candles.at(Math.min(candles.lastNumber, Math.floor(view.to)));
    if (!(SHADED.includes(interval) || isBars(interval)) || !first || !last) return [];
    const hours = this.hours.of(leadOf(symbol), first.t, last.t, () => this.chart.refreshOverlay());
    if (!hours?.length) return [];
    const { left, right } = overlay.frame;
    const bands = [];
    let since = null;
    const start = Math.max(candles.base, Math.floor(view.from));
    const end = Math.min(candles.lastNumber, Math.ceil(view.to));
    for (let number = start; number <= end + 1; number += 1) {
      const candle = number <= end ? candles.at(number) : null;
      const outside = candle && !within(hours, candle.t);
      if (outside && since === null) since = number;
      if (!outside && since !== null) {
        bands.push([Math.max(left, overlay.px(since - 0.5)), Math.min(right, overlay.px(number - 0.5))]);
        since = null;
      }
    }
    return bands;
  }

  /**
   * Where within regular hours nothing was traded for minutes, though it was often before: a halt, or as good as one.  No feed tells
   * of halts.
   * @returns {{number: number, text: string}[]} `number` lies between two candles
   */
  pauses() {
    const { candles, view, interval, symbol } = this.chart;
    const first = Math.max(candles.base + USUAL, Math.floor(view.from));
    const last = Math.min(candles.lastNumber, Math.ceil(view.to));
    if (!PAUSED.includes(interval) || last <= first) return [];
    const hours = this.hours.of(leadOf(symbol), candles.at(first).t, candles.at(last).t, () => this.chart.refreshOverlay());
    const step = intervalMs(interval);
    const found = [];
    for (let number = first; number <= last; number += 1) {
      const { t } = candles.at(number);
      const before = candles.at(number - 1).t;
      const pause = t - before - step;
      if (pause < LEAST_PAUSE_MS || !hours?.some(([open, close]) => open <= before && t < close)) continue;
      if ((before - candles.at(number - USUAL).t) / (USUAL - 1) > pause / OFTEN) continue;
      found.push({ number: number - 0.5, text: `no trades ${Math.round(pause / 60_000)} min` });
    }
    return found;
  }

  /** Write the day's statistics. */
  async show() {
    const row = this.row();
    if (!row) {
      this.button.hidden = true;
      return this.write(null);
    }
    const aroundTheClock = hoursAround(row.symbol, marketNow())?.length === 0;
    if (this.button.hidden !== aroundTheClock) this.button.hidden = aroundTheClock;
    if (!this.regular || aroundTheClock) return this.write(row);
    if (this.asking || performance.now() - this.askedAt < ASK_AT_MOST_EVERY_MS * 0.9) return undefined;
    this.asking = true;
    this.askedAt = performance.now();
    try {
      const at = String(this.clock ?? Date.now());
      const asked = new URLSearchParams({ symbol: row.symbol, at, as_known: String("known" in known()) });
      const answer = await fetch(`api/day?${asked}`);
      const day = answer.ok ? await answer.json() : null;
      if (this.regular && this.row()?.symbol === row.symbol) this.write(day?.trades ? day : { symbol: row.symbol });
    } catch {
      this.write(null);
    } finally {
      this.asking = false;
    }
    return undefined;
  }

  /** @param {any} day */
  write(day) {
    const decimals = day ? decimalsOf(day.symbol) : 2;
    const shown = !day
      ? []
      : day.open === undefined
        ? ["No regular trading yet"]
        : [
            `Day O ${price(day.open, decimals)}`,
            `H ${price(day.high, decimals)}`,
            `L ${price(day.low, decimals)}`,
            `VWAP ${price(day.vwap, decimals)}`,
            `Vol ${amount(day.volume)}`,
          ];
    while (this.values.childElementCount < shown.length) this.values.append(document.createElement("span"));
    while (this.values.childElementCount > shown.length) this.values.lastChild.remove();
    shown.forEach((text, index) => write(this.values.children[index], text));
  }
}

/** @param {number[][]} hours in order @param {number} ms */
function within(hours, ms) {
  let low = 0;
  let high = hours.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (ms < hours[middle][0]) high = middle - 1;
    else if (ms >= hours[middle][1]) low = middle + 1;
    else return true;
  }
  return false;
}
