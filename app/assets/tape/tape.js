// Time and sales of the chosen symbol, newest first, a bounded number of rows.

import { afterFrame, element } from "../lib/dom.js";
import { cells } from "../lib/format.js";
import { fitColumns, renderRowsNowAndThen, showNow, startEmpty, widen } from "../lib/grid.js";
import { onInstruments } from "../lib/instruments.js";
import { writeSymbol } from "../lib/symbols.js";

/** @typedef {[t_us: number, seq: number | string, price: number, size: number, bid: ?number, ask: ?number, exchange: ?string, conditions: ?string, code: string, words: string, side: ?("buy" | "sell")]} Tick */
/** @typedef {{id: string, time_us: number, seq: number | string, price: number, went: number}} Row  `went`: sign of the move */

const MOST_ROWS = 200;
const FEW_TICKS = 2;
/** The columns, those that are needed most first. */
const COLUMNS = ["time_us", "price", "size", "side", "bid", "ask", "exchange", "conditions"];

export class Tape {
  /** @param {any} api AG Grid's @param {HTMLElement} heading */
  constructor(api, heading) {
    this.api = api;
    this.heading = heading;
    this.symbol = null;
    /** Newest first. @type {Row[]} */
    this.rows = [];
    startEmpty(api);
    renderRowsNowAndThen(api);
    onInstruments(() => api.refreshCells({ force: true }));
    this.refit = fitColumns(api, element("tape"), () => COLUMNS);
    /** Characters of the longest price so far. */
    this.longest = 0;
  }

  /** All there is now. @param {?string} symbol @param {Tick[]} ticks newest first */
  replace(symbol, ticks) {
    if (symbol === this.symbol && this.continues(ticks)) return this.add(ticks); // one that was corrected is another
    this.symbol = symbol;
    writeSymbol(this.heading, symbol);
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
    const given = new Map(ticks.map((tick) => [identity(tick), tick]));
    const [time_us, seq] = ticks[ticks.length - 1];
    /** @param {Row} row */
    const stays = (row) => {
      const tick = given.get(row.id);
      return tick ? shows(row, tick) : later({ time_us, seq }, row);
    };
    return given.has(this.rows[0].id) && this.rows.every(stays);
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
      const [time_us, seq, price, size, bid, ask, exchange, , conditions, words, side] = tick;
      const id = identity(tick);
      if (there.has(id)) continue;
      const row = { id, symbol: this.symbol, time_us, seq, price, size, bid, ask, exchange, conditions, words, side, went: 0 };
      let place = 0;
      while (place < this.rows.length && later(this.rows[place], row)) place += 1;
      const below = this.rows[place];
      row.went = below ? Math.sign(price - below.price) || below.went : 0;
      this.rows.splice(place, 0, row);
    }
    this.makeRoom();
    return this.rows;
  }

  /** Widen the columns of prices where the newest has become longer than they were made for. */
  makeRoom() {
    const data = this.rows[0];
    const text = data ? cells.TapePrice({ value: data.price, data }) : "";
    if (text.length <= this.longest) return;
    this.longest = text.length;
    if (widen(this.api, element("tape"), { price: text, bid: text, ask: text })) this.refit();
  }
}

/** Is the row what the tick is now?  @param {any} row @param {Tick} tick */
const shows = (row, [, , price, size, bid, ask, exchange, , conditions, words, side]) =>
  row.price === price && row.size === size && row.bid === bid && row.ask === ask &&
  row.exchange === exchange && row.conditions === conditions && row.words === words && row.side === side;

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
