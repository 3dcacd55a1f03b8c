// The watchlist grid, kept by AG Grid's own transactions.

import { element, writeTo } from "../lib/dom.js";
import { cells } from "../lib/format.js";
import { fitColumns, renderRowsNowAndThen, showNow, startEmpty, widen } from "../lib/grid.js";
import { exchangeOf, nameOf, onInstruments, readUnknown, zoneOf } from "../lib/instruments.js";
import { panel } from "../lib/panel.js";
import { marketNow } from "../lib/now.js";
import { choose } from "../lib/selection.js";
import { hoursAround } from "../lib/sessions.js";
import { clock, wallClock } from "../lib/zone.js";
import { chosenColumns, keepColumns } from "./chosen.js";
import { freshness } from "./freshness.js";
import { meant, pairOf, rowIdOf, symbolOfRow, venueOf } from "../lib/symbols.js";
import { Stillness } from "./stillness.js";
import { gapsOf, trouble } from "./trouble.js";

/**
 * @typedef {{symbol: string, last: ?number, change: ?number, change_pct: ?number, bid: ?number, ask: ?number,
 *   volume: number, high: ?number, low: ?number, vwap: ?number, time: ?number, trades?: number, state?: string, told?: string, gaps?: ?number}} Row
 */

/** Who taps: on a phone, or with fingers on a larger screen. */
const TAPPED = matchMedia(panel ? "(pointer: coarse)" : "(max-width: 760px), (pointer: coarse)");
/** The columns, those that are needed most first. */
const COLUMNS = [
  "symbol", "last", "gaps", "change_pct", "change", "volume", "bid", "ask", "time", "state", "high", "low", "vwap", "range", "spark",
];
/** Those that are there once somebody chooses them. */
const UNUSUAL = ["range", "spark"];
const PRICES = /** @type {const} */ (["last", "bid", "ask", "high", "low", "vwap"]);
const STATES_EVERY_MS = 5_000;
const ORDER_KEY = "tickdeck.watchlist.order";
const KEY_PAUSE_MS = 120;
/** Characters of a symbol that its column makes room for. */
const MOST_OF_SYMBOL = 12;
const LATELY_MS = 86_400_000;
const FEW_ROWS = 8;
/** What makes a filter of what is typed into the search. */
const FILTER = /[<>=~]/;
const FILTER_KEY = "tickdeck.watchlist.filter";
/** A moment after the last key a filter is asked for. */
const FILTER_PAUSE_MS = 250;
/** Before the name of a section in the id of its row: no symbol begins with a space. */
const SECTION = " § ";

export class Watchlist {
  /** @param {any} api AG Grid's @param {HTMLInputElement} search */
  constructor(api, search) {
    /** The filter, which the server evaluates; empty: none. */
    this.screen = "";
    /** Told once another filter is wanted. @type {() => void} */
    this.onScreen = () => {};
    /** The symbols that pass it; null: not told yet. @type {?Set<string>} */
    this.passing = null;
    this.screenTimer = 0;
    /** The place of each symbol of the chosen list, and of each section's row; null: every symbol. @type {?Map<string, number>} */
    this.listed = null;
    /** The section of each symbol in it. @type {Map<string, number>} */
    this.sectionOf = new Map();
    /** @type {{symbol: string, section: string}[]} */
    this.sections = [];
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
    api.addEventListener("cellClicked", (event) => event.node.id && event.data.section === undefined && choose({ symbol: symbolOfRow(this.still.meant(event.node.id, event.event?.timeStamp)) }));
    /** Did a key move the focus?  A click chooses by itself. */
    this.byKey = false;
    element("watchlist").addEventListener("keydown", () => (this.byKey = true), true);
    element("watchlist").addEventListener("pointerdown", () => (this.byKey = false), true);
    api.addEventListener("cellFocused", (event) => this.focused(event.rowIndex));
    /** What is searched for: words that all must be in a row's symbol, name or exchange. @type {string[]} */
    this.words = [];
    api.setGridOption("isExternalFilterPresent", () => this.words.length > 0 || this.listed !== null || this.screen !== "");
    api.setGridOption("doesExternalFilterPass", (/** @type {{data: any}} */ { data }) => this.passes(data.symbol, data.section));
    api.setGridOption("postSortRows", (/** @type {{nodes: any[]}} */ { nodes }) => this.arrange(nodes));
    search.addEventListener("input", () => this.seek(search.value));
    search.addEventListener("keydown", (event) => this.key(event));
    /** Has a symbol a venue?  Then there is a column for it, beside what is traded there. */
    this.venues = false;
    /** Has a symbol gaps?  So for these. */
    this.gaps = false;
    this.usual = this.usualColumns();
    this.columns = chosenColumns(this.usual);
    this.refit = fitColumns(api, element("watchlist"), () => this.ranked());
    this.wearColumns();
    api.addEventListener("columnMoved", (event) => event.finished && event.source === "uiColumnMoved" && this.columnsMoved());
    element("columns-open").addEventListener("click", () => void this.openColumns());
    /** Characters of the longest text by column, as far as it is wider than the column was made for. @type {Record<string, number>} */
    this.longest = {};
    onInstruments(() => {
      api.refreshCells({ force: true });
      this.makeRoom(this.rows.values());
      this.tellStates();
    });
    setInterval(() => document.hidden || this.tellStates(), STATES_EVERY_MS);
    TAPPED.addEventListener("change", () => this.fit());
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
      const shown = { ...row, venue, went: moved, range: rangeOf(row), spark: before?.spark, ...this.stateOf(row), gaps: gapsOf(row.symbol, this.link.feeds) };
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
      const state = JSON.parse(localStorage.getItem(ORDER_KEY) ?? "null");
      if (state) this.api.applyColumnState({ state, defaultState: { sort: null } }); // none is an order, too: the list's own
    } catch {
      localStorage.removeItem(ORDER_KEY);
    }
  }

  /** Search for words, or filter by what has a comparison in it. @param {string} text */
  seek(text) {
    const screen = FILTER.test(text) ? text.trim() : "";
    this.words = screen ? [] : text.toLowerCase().split(/\s+/).filter(Boolean);
    if (screen !== this.screen) {
      this.screen = screen;
      this.passing = null;
      localStorage.setItem(FILTER_KEY, screen);
      clearTimeout(this.screenTimer);
      this.tell("");
      this.screenTimer = setTimeout(() => this.onScreen(), FILTER_PAUSE_MS);
    }
    this.api.onFilterChanged();
  }

  /** The filter that was there before this page was loaded anew. */
  restoreFilter() {
    const kept = localStorage.getItem(FILTER_KEY) ?? "";
    if (!kept) return;
    window.dash_clientside.set_props("search", { value: kept });
    this.seek(kept);
  }

  /** Which symbols pass the filter: all of them, or those that came and went. @param {{all?: string[], in?: string[], out?: string[]}} part */
  screened(part) {
    if (!this.screen) return;
    if (part.all) this.passing = new Set(part.all);
    part.in?.forEach((symbol) => this.passing?.add(symbol));
    part.out?.forEach((symbol) => this.passing?.delete(symbol));
    this.tell(`${this.passing?.size ?? 0} pass`);
    if (this.still.held && !part.all) this.still.due = true;
    else this.api.onFilterChanged();
  }

  /** Say something beside the search; empty: nothing. @param {string} text */
  tell(text) {
    writeTo("watchlist-told", text);
    element("watchlist-told").title = text;
  }

  /** Show a list's symbols only, under its sections. @param {?import("./lists.js").Entry[]} entries null: every symbol */
  showList(entries) {
    const before = this.sections;
    this.listed = entries && new Map(entries.map(({ symbol, section }, at) => [symbol ?? SECTION + section, at]));
    this.sections = [];
    this.sectionOf.clear();
    let place = -1;
    (entries ?? []).forEach(({ symbol, section }, at) => {
      if (section !== undefined && !this.sections.some((one) => one.section === section)) {
        this.sections.push({ symbol: SECTION + section, section });
        place = at;
      }
      if (symbol !== undefined) this.sectionOf.set(symbol, place);
    });
    this.still.release();
    // Delta sorting takes the rest for sorted, which a list with sections is not.
    this.api.setGridOption("deltaSort", !this.sections.length);
    this.api.flushAsyncTransactions();
    this.api.applyTransaction({ remove: before, add: this.sections });
    this.api.onFilterChanged();
    this.api.refreshClientSideRowModel("sort");
  }

  /** Sections stay in their order, each with its symbols below it; without a sorted column the list's own order. @param {any[]} nodes sorted */
  arrange(nodes) {
    const sorted = this.api.getColumnState().some((/** @type {any} */ { sort }) => sort);
    if (sorted && !this.sections.length) return;
    const { listed, sectionOf } = this;
    const sectionAt = (/** @type {any} */ { data }) => (data.section === undefined ? (sectionOf.get(data.symbol) ?? -1) : (listed?.get(data.symbol) ?? -1));
    const order = (/** @type {any} */ { data }) => listed?.get(data.symbol) ?? 0;
    const ranked = nodes.map((node, at) => ({ node, at, in: sectionAt(node), head: node.data.section === undefined ? 1 : 0 }));
    ranked.sort(
      (one, other) =>
        one.in - other.in || one.head - other.head ||
        (sorted ? one.at - other.at : order(one.node) - order(other.node) || (one.node.data.symbol < other.node.data.symbol ? -1 : 1)),
    );
    ranked.forEach(({ node }, at) => (nodes[at] = node));
  }

  /** The columns there are something for, in their usual order. */
  usualColumns() {
    const order = this.api.getColumns().map((/** @type {any} */ column) => column.getColId());
    return { order, hidden: UNUSUAL, pinned: /** @type {string[]} */ ([]), heat: false };
  }

  /** The columns that are to be shown, the one that is needed most first: by what somebody chose, else as they matter. */
  ranked() {
    const own = this.columns.order.join() !== this.usual.order.join();
    const [first, ...others] = COLUMNS;
    const byRank = own ? this.columns.order : [first, "venue", ...others];
    return byRank.filter((id) => !this.columns.hidden.includes(id) && (id !== "venue" || this.venues) && (id !== "gaps" || this.gaps));
  }

  /** Show the columns as they are chosen. */
  wearColumns() {
    const { order, hidden, pinned, heat } = this.columns;
    const away = hidden.filter((id) => id !== "symbol");
    this.api.applyColumnState({ state: order.map((colId) => ({ colId, pinned: pinned.includes(colId) ? "left" : null })), applyOrder: true });
    this.api.setColumnsVisible(away, false);
    element("watchlist").toggleAttribute("data-heat", heat);
    this.refit();
  }

  /** A header was dragged to another place. */
  columnsMoved() {
    const order = this.api.getColumnState().map((/** @type {any} */ { colId }) => colId);
    this.columns = { ...this.columns, order };
    keepColumns(this.columns);
  }

  async openColumns() {
    const { openColumns } = await import("./columns.js");
    const all = this.usual.order.map((/** @type {string} */ id) => ({ id, title: this.api.getColumnDef(id).headerName }));
    openColumns(all, this.columns, (chosen) => {
      keepColumns(chosen);
      this.columns = chosen ?? this.usual;
      this.wearColumns();
    });
  }

  /** @param {string} symbol @param {string} [section] of a section's row */
  passes(symbol, section) {
    if (section !== undefined) return this.words.length === 0 && !this.screen;
    if (this.listed && !this.listed.has(symbol)) return false;
    if (this.screen) return this.passing?.has(symbol) ?? true;
    const text = `${symbol} ${nameOf(symbol)} ${exchangeOf(symbol) ?? ""}`.toLowerCase();
    return this.words.every((word) => text.includes(word));
  }

  /** The way to the market is another, or the same. @param {string} state of the status line @param {any[]} feeds */
  linkIs(state, feeds) {
    this.link = { state, feeds };
    const gaps = feeds.some((feed) => Object.keys(feed.gaps ?? {}).length > 0);
    if (gaps !== this.gaps) {
      this.gaps = gaps;
      if (!gaps) this.api.setColumnsVisible(["gaps"], false);
      this.refit();
    }
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

  /** What a symbol's day drew so far. @param {string} symbol @param {number[]} closes oldest first */
  lineIs(symbol, closes) {
    const row = this.rows.get(symbol);
    const node = row && this.api.getRowNode(rowIdOf(symbol));
    if (!node) return;
    node.updateData(Object.assign(row, { spark: closes }));
  }

  /** Rows grow old without a tick, and markets open and close. */
  tellStates() {
    const update = [];
    for (const row of this.rows.values()) {
      const state = { ...this.stateOf(row), gaps: gapsOf(row.symbol, this.link.feeds) };
      if (state.state !== row.state || state.told !== row.told || state.gaps !== row.gaps) update.push(Object.assign(row, state));
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
    return this.seen()[0] ?? [...this.rows.keys()].sort()[0] ?? null;
  }

  /** The symbols as the grid shows them. @returns {string[]} */
  seen() {
    const seen = [];
    this.api.forEachNodeAfterFilterAndSort((/** @type {any} */ { data }) => data.section === undefined && seen.push(data.symbol));
    return seen;
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
    const data = index === null ? null : this.api.getDisplayedRowAtIndex(index)?.data;
    const symbol = data?.section === undefined ? data?.symbol : undefined;
    clearTimeout(this.keyTimer);
    if (symbol && this.byKey) this.keyTimer = setTimeout(() => choose({ symbol }), KEY_PAUSE_MS);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Enter" && this.screen) {
      this.search.blur(); // the filter stays
    } else if (event.key === "Enter") {
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

  /** Rows and headers that a thumb can hit, where there are thumbs. */
  fit() {
    this.api.setGridOption("rowHeight", TAPPED.matches ? 40 : 24);
    this.api.setGridOption("headerHeight", TAPPED.matches ? 40 : 28);
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

/** Where the last price is between the day's low and high, in per cent; null: nowhere. @param {Row} row */
const rangeOf = ({ last, low, high }) => (last === null || low === null || high === null || !(high > low) ? null : Math.round((1000 * (last - low)) / (high - low)) / 10);

/** Does the grid show just this already? @param {Row} row @param {Row | undefined} shown */
const same = (row, shown) =>
  shown !== undefined && Object.entries(row).every(([field, value]) => shown[field] === value);
