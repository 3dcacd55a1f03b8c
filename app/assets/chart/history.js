// Candles that the snapshot does not have, read over REST: older ones when the user scrolls back, those around a time he
// jumps to, and later ones from there on.

import { Candles } from "./candles.js";
import { known } from "../lib/known.js";
import { intervalMs, isBars } from "../lib/selection.js";
import { iso } from "../lib/zone.js";

const PAGE = 500;
const MOST_PAGES = 10;
/** So many does an answer hold at the most. */
const MOST_ROWS = 20_000;
/** Of candles after the time that is jumped to, so many. */
const AHEAD = 100;
/** Where nothing was traded the next stretch that is asked for is so many times as long, and so often. */
const [LONGER, STRETCHES] = [8, 12];
const LONGEST_MS = 50 * 366 * 86_400_000;

export class History {
  constructor() {
    this.reset("", "");
  }

  /** @param {string} symbol @param {string} interval */
  reset(symbol, interval) {
    this.symbol = symbol;
    this.interval = interval;
    /** Is the oldest candle there is the market's first? */
    this.exhausted = false;
    this.reading = false;
    /** Grows with every reset: an answer to an older question is dropped. */
    this.question = (this.question ?? 0) + 1;
  }

  /**
   * Candles, oldest first; null where they could not be read, or where the question is out of date by then.
   * @param {Record<string, string>} which further parameters of the candles' route @returns {Promise<?number[][]>}
   */
  async ask(which) {
    const { question } = this;
    const asked = new URLSearchParams({ symbol: this.symbol, interval: this.interval, form: "arrays", ...known(), ...which });
    try {
      const answer = await fetch(`api/candles?${asked}`);
      const rows = answer.ok ? await answer.json() : null;
      return question === this.question ? rows : null;
    } catch {
      return null; // The connection's state tells; the next scroll asks again.
    }
  }

  /**
   * Put one page of older candles before the oldest if the view comes near it.
   * @param {Candles} candles @param {number} from number at the left edge of the view
   * @returns {Promise<boolean>} whether any came
   */
  async before(candles, from) {
    const near = from < candles.base + PAGE / 10;
    const oldest = candles.all[0];
    if (!near || this.exhausted || this.reading || !oldest) return false;
    this.reading = true;
    const { question } = this;
    const rows = await this.ask({ end: iso(oldest.t), limit: String(PAGE) });
    if (question !== this.question) return false;
    this.reading = false;
    if (!rows) return false;
    const came = candles.prepend(rows);
    this.exhausted = rows.length === 0;
    return came > 0;
  }

  /** Read pages until the candle at time `t` is there, as far as that makes sense. @param {Candles} candles @param {number} t */
  async until(candles, t) {
    for (let page = 0; page < MOST_PAGES && candles.all[0]?.t > t; page += 1) {
      if (!(await this.before(candles, -Infinity))) return;
    }
  }

  /**
   * The candles around a time, older than `live`'s oldest; of the market's first ones if there were none by then.
   * @param {number} t ms @param {Candles} live what is there now @returns {Promise<?Candles>} null: could not be read
   */
  async around(t, live) {
    this.reset(this.symbol, this.interval);
    const { question } = this;
    const latest = live.all[0].t;
    const end = Math.min(latest, t + AHEAD * intervalMs(this.interval));
    let rows = await this.ask({ end: iso(end), limit: String(PAGE) });
    if (rows && !rows.length) rows = await this.first(end, latest);
    if (!rows || question !== this.question) return null;
    if (!rows.length) return live;
    const candles = new Candles(live.zone, live.dates);
    candles.step = live.step;
    candles.merge(rows);
    candles.live = false;
    return candles;
  }

  /** The first page of candles at or after `start`, before `end`: asked for in ever longer stretches. @param {number} start @param {number} end */
  async first(start, end) {
    let from = start;
    let length = PAGE * intervalMs(this.interval);
    for (let count = 0; count < STRETCHES; count += 1) {
      const to = Math.min(end, from + Math.min(length, LONGEST_MS));
      const rows = await this.ask({ start: iso(from), end: iso(to), limit: String(MOST_ROWS) });
      if (!rows) return null;
      if (rows.length === MOST_ROWS) {
        length /= 2 * LONGER; // these are the newest of the stretch: the first ones are not among them
        continue;
      }
      if (rows.length) return rows.slice(0, PAGE);
      if (to >= end) return [];
      from = to;
      length *= LONGER;
    }
    return [];
  }

  /**
   * Add the candles after those of an older time if the view comes near the newest of them.
   * @param {Candles} candles @param {number} to number at the right edge of the view @param {Candles} live the market's newest
   * @returns {Promise<boolean>} whether any came; with the last of them the candles are the market's newest
   */
  async after(candles, to, live) {
    if (candles.live || to < candles.lastNumber - PAGE / 10 || this.reading) return false;
    this.reading = true;
    const { question } = this;
    const rows = await this.first(candles.last.t + (isBars(this.interval) ? 0.001 : 1), live.all[0].t);
    if (question !== this.question) return false;
    this.reading = false;
    if (!rows) return false;
    candles.merge(rows);
    const joined = rows.length === 0;
    if (joined) {
      candles.append(live);
      candles.live = true;
    }
    return true;
  }
}
