// The watchlist grid, kept by AG Grid's own transactions.

import { element } from "../lib/dom.js";
import { cells } from "../lib/format.js";
import { fitColumns, renderRowsNowAndThen, showNow, startEmpty, widen } from "../lib/grid.js";
import { exchangeOf, nameOf, onInstruments, readUnknown, zoneOf } from "../lib/instruments.js";
import { marketNow } from "../lib/now.js";
import { choose } from "../lib/selection.js";
import { hoursAround } from "../lib/sessions.js";
import { clock, wallClock } from "../lib/zone.js";
import { freshness } from "./freshness.js";
import { meant, pairOf, rowIdOf, symbolOfRow, venueOf } from "../lib/symbols.js";
import { Stillness } from "./stillness.js";
import { trouble } from "./trouble.js";

/**
 * @typedef {{symbol: string, last: ?number, change: ?number, change_pct: ?number, bid: ?number, ask: ?number,
 *   volume: number, high: ?number, low: ?number, vwap: ?number, time: ?number, trades?: number, state?: string, told?: string}} Row
 */

const PHONE = matchMedia("(max-width: 760px)");
/** The columns, those that are needed most first. */
const COLUMNS = [
  "symbol", "last", "change_pct", "change", "volume", "bid", "ask", "time", "state", "high", "low", "vwap",
];
const PRICES = /** @type {const} */ (["last", "bid", "ask", "high", "low", "vwap"]);
const STATES_EVERY_MS = 5_000;
const ORDER_KEY = "tickdeck.watchlist.order";
const KEY_PAUSE_MS = 120;
/** Characters of a symbol that its column makes room for. */
const MOST_OF_SYMBOL = 12;
const LATELY_MS = 86_400_000;
const FEW_ROWS = 8;

export class Watchlist {
  /** @param {any} api AG Grid's @param {HTMLInputElement} search */
  constructor(api, search) {
    this.api = api;
    this.search = search;
    /** @type {Map<string, Row & {went: number, venue: string}>} */
    this.rows = new Map();
    /** The state of the status line, and the feeds as it has them. @type {{state: string, feeds: any[]}} */
    this.link = { state: "connecting", feeds: [] };
    startEmpty(api);
    renderRowsNowAndThen(api);
    this.highlight = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.highlight];
    this.keyTimer = 0;
    /** The symbol whose row is to come into view as soon as the grid has it. @type {?string} */
    this.sought = null;
    this.still = new Stillness(element("watchlist"), () => this.order(), () => api.flushAsyncTransactions());
    /** Rows that came while the order was held. @type {Map<string, Row & {went: number}>} */
    this.waiting = new Map();
    this.restoreOrder();
    api.addEventListener("sortChanged", () => this.keepOrder());
    api.addEventListener("cellClicked", (event) => event.node.id && choose({ symbol: symbolOfRow(this.still.meant(event.node.id, event.event?.timeStamp)) }));
    /** Did a key move the focus?  A click chooses by itself. */
    this.byKey = false;
    element("watchlist").addEventListener("keydown", () => (this.byKey = true), true);
    element("watchlist").addEventListener("pointerdown", () => (this.byKey = false), true);
    api.addEventListener("cellFocused", (event) => this.focused(event.rowIndex));
    /** What is searched for: words that all must be in a row's symbol, name or exchange. @type {string[]} */
    this.words = [];
    api.setGridOption("isExternalFilterPresent", () => this.words.length > 0);
    api.setGridOption("doesExternalFilterPass", (/** @type {{data: Row}} */ { data }) => this.passes(data.symbol));
    search.addEventListener("input", () => this.seek(search.value));
    search.addEventListener("keydown", (event) => this.key(event));
    /** Has a symbol a venue?  Then there is a column for it, beside what is traded there. */
    this.venues = false;
    const [first, ...others] = COLUMNS;
    this.refit = fitColumns(api, element("watchlist"), () => (this.venues ? [first, "venue", ...others] : COLUMNS));
    /** Characters of the longest text by column, as far as it is wider than the column was made for. @type {Record<string, number>} */
    this.longest = {};
    onInstruments(() => {
      api.refreshCells({ force: true });
      this.makeRoom(this.rows.values());
      this.tellStates();
    });
    setInterval(() => document.hidden || this.tellStates(), STATES_EVERY_MS);
    PHONE.addEventListener("change", () => this.fit());
    this.fit();
  }

  /** Everything there is; what was there and is not any more goes. @param {Row[]} rows */
  replace(rows) {
    const kept = new Set(rows.map((row) => row.symbol));
    const gone = [...this.rows.keys()].filter((symbol) => !kept.has(symbol));
    gone.forEach((symbol) => this.rows.delete(symbol));
    const remove = gone.filter((symbol) => !this.waiting.delete(symbol)).map((symbol) => ({ symbol }));
    const changed = rows.filter((row) => !same(row, this.rows.get(row.symbol)));
    // Other symbols, of a replay or the first ones of all: nobody aims at them yet.
    if (remove.length || changed.some(({ symbol }) => !this.rows.has(symbol))) this.still.release();
    this.apply(changed, remove);
  }

  /** Changed rows. @param {Row[]} rows @param {{symbol: string}[]} [remove] */
  apply(rows, remove = []) {
    const add = [];
    const update = [];
    for (const row of rows) {
      const before = this.rows.get(row.symbol);
      const moved = before ? Math.sign((row.last ?? 0) - (before.last ?? 0)) || before.went : 0;
      const venue = before?.venue ?? venueOf(row.symbol);
      const shown = { ...row, venue, went: moved, ...this.stateOf(row) };
      this.rows.set(row.symbol, shown);
      (before ? update : add).push(shown);
    }
    if (this.still.held) this.showInPlace(update, add, remove);
    else this.api.applyTransactionAsync({ add, update, remove }, () => this.reveal());
    if (rows.length <= FEW_ROWS) showNow(this.api); // a quiet market
    this.makeRoom(rows);
    if (!this.venues && add.some((row) => row.venue)) {
      this.venues = true;
      this.refit();
    }
    if (add.length) {
      readUnknown(add.map((row) => row.symbol));
      this.offerSymbols();
    }
  }

  /**
   * Show what rows have become, each where it is; new ones wait until the order may change.
   * @param {any[]} update @param {any[]} add @param {{symbol: string}[]} remove
   */
  showInPlace(update, add, remove) {
    const { waiting, still } = this;
    still.due ||= update.length + add.length > 0;
    for (const row of add) waiting.set(row.symbol, row);
    for (const row of update) {
      const node = this.api.getRowNode(rowIdOf(row.symbol));
      if (node) node.updateData(row);
      else waiting.set(row.symbol, row);
    }
    const gone = remove.filter(({ symbol }) => !waiting.delete(symbol));
    if (gone.length) this.api.applyTransactionAsync({ remove: gone });
  }

  /** Put the rows in order, and those that waited among them. */
  order() {
    const add = [...this.waiting.keys()].map((symbol) => this.rows.get(symbol)).filter(Boolean);
    this.waiting.clear();
    if (add.length) this.api.applyTransaction({ add });
    this.api.refreshClientSideRowModel("filter");
    this.reveal();
  }

  keepOrder() {
    const sorted = this.api.getColumnState().filter((/** @type {any} */ { sort }) => sort);
    const order = sorted.map((/** @type {any} */ { colId, sort, sortIndex }) => ({ colId, sort, sortIndex }));
    localStorage.setItem(ORDER_KEY, JSON.stringify(order));
  }

  /** The order that was chosen before this page was loaded anew. */
  restoreOrder() {
    try {
      const state = JSON.parse(localStorage.getItem(ORDER_KEY) ?? "[]");
      if (state.length) this.api.applyColumnState({ state, defaultState: { sort: null } });
    } catch {
      localStorage.removeItem(ORDER_KEY);
    }
  }

  /** @param {string} text */
  seek(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.api.onFilterChanged();
  }

  /** @param {string} symbol */
  passes(symbol) {
    const text = `${symbol} ${nameOf(symbol)} ${exchangeOf(symbol) ?? ""}`.toLowerCase();
    return this.words.every((word) => text.includes(word));
  }

  /** The way to the market is another, or the same. @param {string} state of the status line @param {any[]} feeds */
  linkIs(state, feeds) {
    this.link = { state, feeds };
    this.tellStates();
  }

  /**
   * What the row says of itself, and of why.  Trouble on the way goes before how fresh it seems.
   * @param {{symbol: string, time: ?number}} row @returns {{state: string, told: string}}
   */
  stateOf({ symbol, time }) {
    const wrong = trouble(symbol, this.link.state, this.link.feeds);
    if (wrong) return wrong;
    const now = marketNow();
    const zone = zoneOf(symbol);
    const state = freshness(time, now, hoursAround(symbol, now, () => this.tellStates()) ?? [], zone);
    if (state === "live" && this.link.state === "replay") return { state: "replay", told: "trades in a replay, not now" };
    return { state, told: state === "quiet" ? `no trades since ${clock(wallClock(time, zone))}` : "" };
  }

  /** Rows grow old without a tick, and markets open and close. */
  tellStates() {
    const update = [];
    for (const row of this.rows.values()) {
      const state = this.stateOf(row);
      if (state.state !== row.state || state.told !== row.told) update.push(Object.assign(row, state));
    }
    if (!update.length) return;
    if (this.still.held) this.showInPlace(update, [], []);
    else this.api.applyTransactionAsync({ update });
  }

  /** Widen the columns whose numbers have become longer than they were made for. @param {Iterable<Row>} rows */
  makeRoom(rows) {
    const { longest } = this;
    /** @type {Record<string, string>} */
    const wider = {};
    const measure = (/** @type {string} */ column, /** @type {string} */ text) => {
      if (text.length <= (longest[column] ?? 0)) return;
      longest[column] = text.length;
      wider[column] = text;
    };
    for (const data of rows) {
      const of = (/** @type {?number} */ value) => ({ value, data });
      for (const column of PRICES) measure(column, cells.Price(of(data[column])));
      measure("change", cells.Change(of(data.change)));
      measure("symbol", pairOf(data.symbol).slice(0, MOST_OF_SYMBOL));
      measure("venue", venueOf(data.symbol));
    }
    if (widen(this.api, element("watchlist"), wider)) this.refit();
  }

  /** The newest row of a symbol. @param {?string} symbol */
  row(symbol) {
    return symbol === null ? undefined : this.rows.get(symbol);
  }

  /** Ticks of all rows' days. */
  trades() {
    let sum = 0;
    for (const row of this.rows.values()) sum += row.trades ?? 0;
    return sum;
  }

  /** The first symbol as the grid shows them, or of all. @returns {?string} */
  first() {
    return this.api.getDisplayedRowAtIndex(0)?.data.symbol ?? [...this.rows.keys()].sort()[0] ?? null;
  }

  /** The symbol with the most trades among those that traded lately: what a page begins with. @returns {?string} */
  busiest() {
    const rows = [...this.rows.values()].sort((one, other) => (one.symbol < other.symbol ? -1 : 1));
    const newest = Math.max(...rows.map((row) => row.time ?? 0));
    const lately = rows.filter((row) => (row.time ?? 0) > newest - LATELY_MS);
    return lately.reduce((best, row) => ((row.trades ?? 0) > (best?.trades ?? -1) ? row : best), null)?.symbol ?? this.first();
  }

  /** Highlight a symbol; by CSS, because the grid's own selection is written back by Dash. @param {?string} symbol */
  mark(symbol) {
    const row = `#watchlist .ag-row[row-id="${CSS.escape(rowIdOf(symbol ?? ""))}"]`;
    this.highlight.replaceSync(
      `${row}{background:var(--chosen)} ${row} .ag-cell:first-child{box-shadow:inset 2px 0 var(--accent)}`,
    );
    this.sought = symbol;
    this.reveal();
  }

  /** Bring the sought row into view; the rows of a whole watchlist reach the grid a moment after they were handed over. */
  reveal() {
    const node = this.sought && this.api.getRowNode(rowIdOf(this.sought));
    if (!node) return;
    this.sought = null;
    this.api.ensureNodeVisible(node);
  }

  /** The arrow keys move through the rows; the chart follows where they come to rest. @param {?number} index */
  focused(index) {
    const symbol = index === null ? null : this.api.getDisplayedRowAtIndex(index)?.data.symbol;
    clearTimeout(this.keyTimer);
    if (symbol && this.byKey) this.keyTimer = setTimeout(() => choose({ symbol }), KEY_PAUSE_MS);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Enter") {
      const typed = this.search.value.trim();
      const symbol = meant(typed, this.rows.keys()) ?? (this.api.getDisplayedRowCount() ? this.first() : typed.toUpperCase());
      if (symbol && typed) choose({ symbol });
      this.clear();
    } else if (event.key === "Escape") {
      this.clear();
    }
  }

  clear() {
    window.dash_clientside.set_props("search", { value: "" });
    this.seek("");
    this.search.blur();
  }

  /** Rows a thumb can hit on a phone. */
  fit() {
    this.api.setGridOption("rowHeight", PHONE.matches ? 40 : 24);
    this.api.resetRowHeights();
  }

  offerSymbols() {
    const list = document.getElementById("symbols");
    list?.replaceChildren(
      ...[...this.rows.keys()].sort().map((symbol) => {
        const option = document.createElement("option");
        option.value = symbol;
        return option;
      }),
    );
  }
}

/** Does the grid show just this already? @param {Row} row @param {Row | undefined} shown */
const same = (row, shown) =>
  shown !== undefined && Object.entries(row).every(([field, value]) => shown[field] === value);
