// Older candles, read over REST when the user scrolls back to the oldest there are.

/** @typedef {import("./candles.js").Candles} Candles */

const PAGE = 500;
const MOST_PAGES = 10;

export class History {
  constructor() {
    this.reset("", "");
  }

  /** @param {string} symbol @param {string} interval */
  reset(symbol, interval) {
    this.symbol = symbol;
    this.interval = interval;
    this.exhausted = false;
    this.reading = false;
    /** Grows with every reset: an answer to an older question is dropped. */
    this.question = (this.question ?? 0) + 1;
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
    const asked = new URLSearchParams({
      symbol: this.symbol,
      interval: this.interval,
      end: new Date(oldest.t).toISOString(),
      limit: String(PAGE),
    });
    try {
      const answer = await fetch(`/api/candles?${asked}`);
      if (question !== this.question || !answer.ok) return false;
      const rows = (await answer.json()).map((c) => [Date.parse(c.time), c.open, c.high, c.low, c.close, c.volume]);
      if (question !== this.question) return false;
      const came = candles.prepend(rows);
      this.exhausted = came === 0;
      return came > 0;
    } catch {
      return false; // The connection's state tells; the next scroll asks again.
    } finally {
      if (question === this.question) this.reading = false;
    }
  }

  /** Read pages until the candle at time `t` is there, as far as that makes sense. @param {Candles} candles @param {number} t */
  async until(candles, t) {
    for (let page = 0; page < MOST_PAGES && candles.all[0]?.t > t; page += 1) {
      if (!(await this.before(candles, -Infinity))) return;
    }
  }
}
