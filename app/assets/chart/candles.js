// The candles of one chart in order of time.  Each has a number on the x axis that stays its own when older
// candles are put before it.

/**
 * @typedef {{o: number, h: number, l: number, c: number}} Prices
 * @typedef {Prices & {t: number, v: number, wall: number, heikin?: Prices, empty?: boolean}} Candle  t in ms; `empty`: of
 *   an interval without ticks, which has a place on a linear time axis, and no prices
 */

import { wallClock } from "../lib/zone.js";

const MOST_KEPT = 6_000;
/** So many intervals without ticks in a row have a place of their own; longer holes are marked, and take no room. */
const MOST_EMPTY = 1_000;

export class Candles {
  /**
   * @param {string} zone whose wall clock they have
   * @param {?{zone: string, shift: number}} [dates] of days, weeks and months: their date is that of the clock of this zone so
   *   many ms later, whatever zone is shown
   */
  constructor(zone, dates = null) {
    this.zone = zone;
    this.dates = dates;
    /** Is the newest of them the market's newest?  Else they are of some time before, and do not grow by themselves. */
    this.live = true;
    /** On a linear time axis, the length of each candle, ms; 0: intervals without ticks take no room. */
    this.step = 0;
    /** @type {Candle[]} */
    this.all = [];
    /** The number of `all[0]` on the axis. */
    this.base = 0;
  }

  get length() {
    return this.all.length;
  }
  /** Number of the newest candle; the forming one, if any. */
  get lastNumber() {
    return this.base + this.all.length - 1;
  }
  /** @returns {Candle | undefined} */
  get last() {
    return this.all[this.all.length - 1];
  }
  /** @param {number} number @returns {Candle | undefined} */
  at(number) {
    return this.all[number - this.base];
  }

  /**
   * Is it drawn as risen?  Where it closed as it opened, the close before decides, as with Plotly; then the one before.
   * @param {number} number
   */
  rose(number) {
    for (let at = number; at >= this.base; at -= 1) {
      const { o, c, empty } = this.at(at);
      if (empty) continue;
      if (c !== o) return c > o;
      const before = this.before(at);
      if (before && before.c !== c) return c > before.c;
    }
    return true;
  }

  /** The candle with ticks before number `number`. @param {number} number @returns {Candle | undefined} */
  before(number) {
    let at = number - this.base - 1;
    while (at >= 0 && this.all[at]?.empty) at -= 1;
    return this.all[at];
  }

  /** Places for the intervals without ticks between two times. @param {number} from ms @param {number} to ms @returns {Candle[]} */
  gap(from, to) {
    const count = this.step ? Math.round((to - from) / this.step) - 1 : 0;
    if (!(count > 0 && count <= MOST_EMPTY)) return [];
    return Array.from({ length: count }, (_, index) => {
      const t = from + (index + 1) * this.step;
      return { t, o: NaN, h: NaN, l: NaN, c: NaN, v: 0, wall: this.wall(t), empty: true };
    });
  }

  /** What the clock shows at a candle's start, or its date at midnight. @param {number} t ms */
  wall(t) {
    return this.dates ? wallClock(t, this.dates.zone) + this.dates.shift : wallClock(t, this.zone);
  }

  /** @param {number[]} row as in the protocol: [t_ms, o, h, l, c, v, …] @returns {Candle} */
  make([t, o, h, l, c, v]) {
    return { t, o, h, l, c, v, wall: this.wall(t) };
  }

  /**
   * Merge changed and new candles.
   * @param {number[][]} rows
   * @returns {{appended: number, changed: number}} how many came at the end, and the time of the oldest one that was
   *   closed and has changed or come in between; Infinity: none
   */
  merge(rows) {
    const seen = { appended: 0, changed: Infinity };
    let oldest = Infinity;
    for (const row of rows) {
      const candle = this.make(row);
      const place = this.place(candle.t);
      oldest = Math.min(oldest, place);
      if (place === this.all.length) {
        const gap = place ? this.gap(this.all[place - 1].t, candle.t) : [];
        this.all.push(...gap, candle);
        seen.appended += 1 + gap.length;
      } else if (this.all[place].t === candle.t) {
        if (place < this.all.length - 1) seen.changed = Math.min(seen.changed, candle.t);
        this.all[place] = candle;
      } else if (place > 0) {
        this.all.splice(place, 0, candle);
        seen.changed = Math.min(seen.changed, candle.t);
      } // One before the oldest kept is not shown: scrolling back reads it.
    }
    if (seen.changed < Infinity) this.forget(oldest);
    return seen;
  }

  /** Have the wall clock of another zone. @param {string} zone */
  rezone(zone) {
    this.zone = zone;
    for (const candle of this.all) candle.wall = this.wall(candle.t);
  }

  /**
   * Heikin-Ashi: the close is the mean of the candle's four prices, the open the middle of the body before; high and low
   * reach as far as either (Valcu, "Using the Heikin-Ashi Technique", 2004).  The oldest candle there is opens at the mean
   * of its open and close; what that is has no weight any more some twenty candles later.
   * @param {number} number @returns {Prices}
   */
  heikin(number) {
    let at = number - this.base;
    while (at > 0 && !this.all[at].heikin && !this.all[at - 1].heikin) at -= 1;
    for (; at <= number - this.base; at += 1) {
      const { o, h, l, c, heikin, empty } = this.all[at];
      if (heikin || empty) continue;
      const before = this.before(at + this.base)?.heikin;
      const open = before ? (before.o + before.c) / 2 : (o + c) / 2;
      const close = (o + h + l + c) / 4;
      this.all[at].heikin = { o: open, h: Math.max(h, open, close), l: Math.min(l, open, close), c: close };
    }
    return this.all[number - this.base].heikin;
  }

  /** What was made of candles before is to be made again from this one on. @param {number} place in `all` */
  forget(place) {
    for (let at = Math.max(0, place); at < this.all.length; at += 1) this.all[at].heikin = undefined;
  }

  /** Put older candles first. @param {number[][]} rows oldest first @returns {number} how many were new */
  prepend(rows) {
    const oldest = this.all[0]?.t ?? Infinity;
    const older = new Candles(this.zone, this.dates);
    older.step = this.step;
    older.merge(rows.filter(([t]) => t < oldest));
    const count = older.length;
    if (count && this.length) older.all.push(...this.gap(older.last.t, oldest));
    this.all.unshift(...older.all);
    this.base -= older.length;
    if (older.length) this.forget(older.length);
    return count;
  }

  /** Take over the candles of another that are later than these. @param {Candles} others */
  append(others) {
    const later = others.all.slice(others.place((this.last?.t ?? -Infinity) + 0.0005));
    if (later.length && this.length) this.all.push(...this.gap(this.last.t, later[0].t));
    this.all.push(...later);
    this.forget(this.all.length - later.length);
  }

  /** Give intervals without ticks a place on the axis, or none. @param {number} step ms; 0: none */
  space(step) {
    const all = this.all.filter((candle) => !candle.empty);
    this.step = step;
    this.all = [];
    for (const candle of all) this.all.push(...(this.last ? this.gap(this.last.t, candle.t) : []), candle);
    this.forget(0);
  }

  /** Forget the oldest candles that nobody looks at. @param {number} from number of the oldest that must stay */
  trim(from) {
    const spare = Math.min(this.all.length - MOST_KEPT, from - this.base);
    if (spare <= 0) return;
    this.all.splice(0, spare);
    this.base += spare;
  }

  /** The candles from number `from` to `to`, as far as there are any. @param {number} from @param {number} to */
  part(from, to) {
    return this.all.slice(Math.max(0, from - this.base), Math.max(0, to + 1 - this.base));
  }

  /** Index of the first candle at or after `t`. @param {number} t */
  place(t) {
    let low = 0;
    let high = this.all.length;
    if (high && this.all[high - 1].t < t) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle].t < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Lowest low, highest high and largest volume of the candles from number `from` to `to`.
   * @param {number} from @param {number} to @param {boolean} [closes] of the closes only, where no more is drawn
   */
  extent(from, to, closes = false) {
    let low = Infinity;
    let high = -Infinity;
    let volume = 0;
    const end = Math.min(this.all.length - 1, Math.floor(to) - this.base);
    for (let i = Math.max(0, Math.ceil(from) - this.base); i <= end; i += 1) {
      const candle = this.all[i];
      if (candle.empty) continue;
      low = Math.min(low, closes ? candle.c : candle.l);
      high = Math.max(high, closes ? candle.c : candle.h);
      if (candle.v > volume) volume = candle.v;
    }
    return low <= high ? { low, high, volume } : null;
  }
}
