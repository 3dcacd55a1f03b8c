// Time and sales of the chosen symbol, newest first, a bounded number of rows.

import { afterFrame, element, writeTo } from "../lib/dom.js";
import { cells } from "../lib/format.js";
import { fitColumns, renderRowsNowAndThen, showNow, startEmpty, widen } from "../lib/grid.js";
import { onInstruments } from "../lib/instruments.js";
import { writeSymbol } from "../lib/symbols.js";

/** @typedef {[t_us: number, seq: number | string, price: number, size: number, bid: ?number, ask: ?number, exchange: ?string, conditions: ?string, code: string, words: string, side: ?("buy" | "sell")]} Tick */
/**
 * @typedef {{id: string, time_us: number, seq: number | string, price: number, size: number, side: ?string, went: number,
 *   together?: number, prints?: number, joined?: boolean}} Row
 *   `went`: sign of the move; `together`: size of the prints that are shown as one, `prints` so many; `joined`: shown by another row
 */

const MOST_ROWS = 200;
const FEW_TICKS = 2;
/** The columns, those that are needed most first. */
const COLUMNS = ["time_us", "price", "size", "side", "bid", "ask", "exchange", "conditions"];
/** Those that are there once a tick has something for them. */
const SPARSE = ["side", "bid", "ask", "exchange", "conditions"];
/** Prints of one price and side that are no further apart are one order's, most likely. */
const JOINED_US = 50_000;
const KEPT = "tickdeck.tape";

export class Tape {
  /** @param {any} api AG Grid's @param {HTMLElement} heading @param {(ms: number) => void} onTick one was chosen: show its candle */
  constructor(api, heading, onTick) {
    const kept = remembered();
    /** Smaller prints are not shown. */
    this.least = kept.least;
    this.joins = kept.joins;
    /** What has come while the pointer was over the tape, newest first; null: it goes on. @type {?Tick[]} */
    this.held = null;
    /** Columns that any tick had something for. @type {Set<string>} */
    this.filled = new Set();
    this.api = api;
    this.heading = heading;
    this.symbol = null;
    /** Newest first. @type {Row[]} */
    this.rows = [];
    startEmpty(api);
    renderRowsNowAndThen(api);
    onInstruments(() => api.refreshCells({ force: true }));
    this.refit = fitColumns(api, element("tape"), () => COLUMNS.filter((id) => !SPARSE.includes(id) || this.filled.has(id)));
    api.setGridOption("isExternalFilterPresent", () => this.joins || this.least > 0);
    api.setGridOption("doesExternalFilterPass", (/** @type {{data: Row}} */ { data }) => !data.joined && (data.together ?? data.size) >= this.least);
    api.addEventListener("cellClicked", (event) => onTick(event.data.time_us / 1000));
    this.controls();
    /** Characters of the longest price so far. */
    this.longest = 0;
  }

  /** The field of the least size, the switch that joins, and the pause under the pointer. */
  controls() {
    const least = /** @type {HTMLInputElement} */ (element("tape-least"));
    const join = element("tape-join");
    const mark = () => join.setAttribute("aria-pressed", String(this.joins));
    least.value = this.least ? String(this.least) : "";
    mark();
    least.addEventListener("input", () => {
      const typed = /^\s*(\d*\.?\d*)\s*([km]?)\s*$/i.exec(least.value);
      least.setAttribute("aria-invalid", String(!typed));
      if (!typed) return;
      this.least = Number(typed[1]) * ({ k: 1e3, m: 1e6 }[typed[2].toLowerCase()] ?? 1);
      this.remember();
    });
    join.addEventListener("click", () => {
      this.joins = !this.joins;
      mark();
      this.api.flushAsyncTransactions();
      this.api.applyTransaction({ update: this.join() });
      this.remember();
    });
    const place = element("tape");
    place.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.hold());
    place.addEventListener("pointerleave", () => this.goOn());
  }

  remember() {
    localStorage.setItem(KEPT, JSON.stringify({ least: this.least, joins: this.joins }));
    this.api.onFilterChanged();
  }

  /** Stand still: what comes waits. */
  hold() {
    this.held ??= [];
    this.tellHeld();
  }

  goOn() {
    const held = this.held ?? [];
    this.held = null;
    this.tellHeld();
    if (held.length) this.add(held);
  }

  tellHeld() {
    writeTo("tape-held", this.held === null ? "" : this.held.length ? `paused · ${this.held.length} new` : "paused");
  }

  /**
   * Join the prints of one price and side that came within a moment of the first: the newest shows them all.
   * @returns {Row[]} those that are shown otherwise than before
   */
  join() {
    const changed = [];
    const put = (/** @type {Row} */ row, /** @type {Partial<Row>} */ how) => {
      if (row.together === how.together && row.prints === how.prints && row.joined === how.joined) return;
      Object.assign(row, { together: undefined, prints: undefined, joined: undefined }, how);
      if (!changed.includes(row)) changed.push(row);
    };
    /** Oldest first. @type {Row[]} */
    let group = [];
    const close = () => {
      const newest = group.pop();
      if (!newest) return;
      for (const row of group) put(row, { joined: true });
      put(newest, group.length ? { together: group.reduce((sum, { size }) => sum + size, newest.size), prints: group.length + 1 } : {});
    };
    for (const row of [...this.rows].reverse()) {
      const [first] = group;
      if (!(this.joins && first && row.price === first.price && row.side === first.side && row.time_us - first.time_us <= JOINED_US)) {
        close();
        group = [];
      }
      group.push(row);
    }
    close();
    return changed;
  }

  /** All there is now. @param {?string} symbol @param {Tick[]} ticks newest first */
  replace(symbol, ticks) {
    if (symbol === this.symbol && this.continues(ticks)) return this.add(ticks); // one that was corrected is another
    this.symbol = symbol;
    if (this.held) this.held = [];
    this.tellHeld();
    this.filled.clear();
    writeSymbol(this.heading, symbol);
    const remove = this.rows;
    this.rows = [];
    const add = this.take(ticks.slice(0, MOST_ROWS));
    this.join();
    this.hideEmpty();
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
    if (this.held) {
      this.held = [...ticks, ...this.held].slice(0, MOST_ROWS);
      return this.tellHeld();
    }
    const { rows } = this;
    afterFrame(() => rows === this.rows && this.add(ticks)); // else replaced meanwhile
  }

  /** @param {Tick[]} ticks newest first */
  add(ticks) {
    const before = new Set(this.rows);
    this.take(ticks);
    const remove = this.rows.splice(MOST_ROWS).filter((row) => before.has(row));
    const update = this.joins ? this.join().filter((row) => before.has(row)) : [];
    if (update.length) this.api.applyTransactionAsync({ update });
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
      for (const column of SPARSE) {
        if (row[column] === null || row[column] === "" || this.filled.has(column)) continue;
        this.filled.add(column);
        this.refitSoon();
      }
      let place = 0;
      while (place < this.rows.length && later(this.rows[place], row)) place += 1;
      const below = this.rows[place];
      row.went = below ? Math.sign(price - below.price) || below.went : 0;
      this.rows.splice(place, 0, row);
    }
    this.makeRoom();
    return this.rows;
  }

  /** Hide the columns that no tick has anything for. */
  hideEmpty() {
    this.api.setColumnsVisible(SPARSE.filter((id) => !this.filled.has(id)), false);
    this.refit();
  }

  refitSoon() {
    queueMicrotask(() => this.refit());
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

/** What was chosen before this page was loaded anew. @returns {{least: number, joins: boolean}} */
function remembered() {
  try {
    const { least, joins } = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    return { least: Number(least) || 0, joins: joins === true };
  } catch {
    return { least: 0, joins: false };
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
