// The candles of one chart in order of time.  Each has a number on the x axis that stays its own when older
// candles are put before it.

/** @typedef {{t: number, o: number, h: number, l: number, c: number, v: number, wall: number}} Candle  t in ms */

import { wallClock } from "./zone.js";

const MOST_KEPT = 6_000;

export class Candles {
  /** @param {string} zone the instrument's */
  constructor(zone) {
    this.zone = zone;
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
    for (let at = number - this.base; at >= 0; at -= 1) {
      const { o, c } = this.all[at];
      if (c !== o) return c > o;
      if (at > 0 && this.all[at - 1].c !== c) return c > this.all[at - 1].c;
    }
    return true;
  }

  /** @param {number[]} row as in the protocol: [t_ms, o, h, l, c, v, …] @returns {Candle} */
  make([t, o, h, l, c, v]) {
    return { t, o, h, l, c, v, wall: wallClock(t, this.zone) };
  }

  /**
   * Merge changed and new candles.
   * @param {number[][]} rows
   * @returns {{appended: number, changed: number}} how many came at the end, and the time of the oldest one that was
   *   closed and has changed or come in between; Infinity: none
   */
  merge(rows) {
    const seen = { appended: 0, changed: Infinity };
    for (const row of rows) {
      const candle = this.make(row);
      const place = this.place(candle.t);
      if (place === this.all.length) {
        this.all.push(candle);
        seen.appended += 1;
      } else if (this.all[place].t === candle.t) {
        if (place < this.all.length - 1) seen.changed = Math.min(seen.changed, candle.t);
        this.all[place] = candle;
      } else if (place > 0) {
        this.all.splice(place, 0, candle);
        seen.changed = Math.min(seen.changed, candle.t);
      } // One before the oldest kept is not shown: scrolling back reads it.
    }
    return seen;
  }

  /** Put older candles first. @param {number[][]} rows oldest first @returns {number} how many were new */
  prepend(rows) {
    const oldest = this.all[0]?.t ?? Infinity;
    const older = rows.filter(([t]) => t < oldest).map((row) => this.make(row));
    this.all.unshift(...older);
    this.base -= older.length;
    return older.length;
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

  /** Lowest low, highest high and largest volume of the candles from number `from` to `to`. */
  extent(/** @type {number} */ from, /** @type {number} */ to) {
    let low = Infinity;
    let high = -Infinity;
    let volume = 0;
    const end = Math.min(this.all.length - 1, Math.floor(to) - this.base);
    for (let i = Math.max(0, Math.ceil(from) - this.base); i <= end; i += 1) {
      const candle = this.all[i];
      if (candle.l < low) low = candle.l;
      if (candle.h > high) high = candle.h;
      if (candle.v > volume) volume = candle.v;
    }
    return low <= high ? { low, high, volume } : null;
  }
}
