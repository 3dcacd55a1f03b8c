// Time and sales of the chosen symbol, newest first, a bounded number of rows.

import { afterFrame } from "./frame.js";
import { showNow, startEmpty } from "./grid.js";

/** @typedef {[t_us: number, seq: number | string, price: number, size: number, bid: ?number, ask: ?number, exchange: ?string, conditions: ?string]} Tick */
/** @typedef {{id: string, time_us: number, seq: number | string, price: number, went: number}} Row  `went`: sign of the move */

const MOST_ROWS = 200;
const FEW_TICKS = 2;
const PHONE = matchMedia("(max-width: 760px)");
const DESKTOP_COLUMNS = ["exchange", "conditions"];

export class Tape {
  /** @param {any} api AG Grid's @param {HTMLElement} heading */
  constructor(api, heading) {
    this.api = api;
    this.heading = heading;
    this.symbol = null;
    /** Newest first. @type {Row[]} */
    this.rows = [];
    startEmpty(api);
    const fit = () => api.setColumnsVisible(DESKTOP_COLUMNS, !PHONE.matches);
    PHONE.addEventListener("change", fit);
    fit();
  }

  /** All there is now. @param {?string} symbol @param {Tick[]} ticks newest first */
  replace(symbol, ticks) {
    if (symbol === this.symbol && this.continues(ticks)) return this.add(ticks);
    this.symbol = symbol;
    this.heading.textContent = symbol ?? "";
    const remove = this.rows;
    this.rows = [];
    const add = this.take(ticks.slice(0, MOST_ROWS));
    this.api.flushAsyncTransactions();
    // All of them go: what was there may belong between the new ones (a replay that went back).
    this.api.applyTransaction({ remove });
    this.api.applyTransaction({ add, addIndex: 0 });
  }

  /** Is all that is shown, as far back as `ticks` go, among them?  Then nothing has to go. @param {Tick[]} ticks */
  continues(ticks) {
    if (!this.rows.length || !ticks.length) return false;
    const ids = new Set(ticks.map(identity));
    const [time_us, seq] = ticks[ticks.length - 1];
    return ids.has(this.rows[0].id) && this.rows.every((row) => ids.has(row.id) || later({ time_us, seq }, row));
  }

  /** Nothing to show: the symbol is unknown. */
  clear() {
    if (this.symbol !== null) this.replace(null, []);
  }

  /**
   * New ticks.  They wait until the watchlist's cells are drawn, which a row more would hold up.
   * @param {string} symbol @param {Tick[]} ticks newest first
   */
  apply(symbol, ticks) {
    if (symbol !== this.symbol || ticks.length === 0) return;
    const { rows } = this;
    afterFrame(() => rows === this.rows && this.add(ticks)); // else replaced meanwhile
  }

  /** @param {Tick[]} ticks newest first */
  add(ticks) {
    const before = new Set(this.rows);
    this.take(ticks);
    const remove = this.rows.splice(MOST_ROWS).filter((row) => before.has(row));
    if (remove.length) this.api.applyTransactionAsync({ remove });
    // Usually all are newer than what is there and go on top together; a late one has a place of its own.
    for (let index = 0; index < this.rows.length; index += 1) {
      const add = [];
      const addIndex = index;
      while (index < this.rows.length && !before.has(this.rows[index])) add.push(this.rows[index++]);
      if (add.length) this.api.applyTransactionAsync({ add, addIndex });
    }
    if (ticks.length <= FEW_TICKS) showNow(this.api); // a quiet market
  }

  /** Put the ticks that are not there yet in their places. @param {Tick[]} ticks newest first */
  take(ticks) {
    const there = new Set(this.rows.map((row) => row.id));
    for (const tick of [...ticks].reverse()) {
      const [time_us, seq, price, size, bid, ask, exchange, conditions] = tick;
      const id = identity(tick);
      if (there.has(id)) continue;
      const row = { id, symbol: this.symbol, time_us, seq, price, size, bid, ask, exchange, conditions, went: 0 };
      let place = 0;
      while (place < this.rows.length && later(this.rows[place], row)) place += 1;
      const below = this.rows[place];
      row.went = below ? Math.sign(price - below.price) || below.went : 0;
      this.rows.splice(place, 0, row);
    }
    return this.rows;
  }
}

/** @param {Tick} tick */
const identity = ([time_us, seq]) => `${time_us}:${seq}`;

/**
 * Does `one` come after `other`?  A seq beyond 2⁵³ is a string.
 * @param {{time_us: number, seq: number | string}} one @param {{time_us: number, seq: number | string}} other
 */
function later(one, other) {
  if (one.time_us !== other.time_us) return one.time_us > other.time_us;
  return BigInt(one.seq) > BigInt(other.seq);
}
