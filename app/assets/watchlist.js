// The watchlist grid, kept by AG Grid's own transactions.

import { showNow, startEmpty } from "./grid.js";
import { choose } from "./selection.js";
import { learn } from "./instruments.js";

/**
 * @typedef {{symbol: string, last: ?number, change: ?number, change_pct: ?number, bid: ?number, ask: ?number,
 *   volume: number, high: ?number, low: ?number, vwap: ?number, time: ?number}} Row
 */

const PHONE = matchMedia("(max-width: 760px)");
const PHONE_COLUMNS = ["symbol", "last", "change", "change_pct", "volume"];
const KEY_PAUSE_MS = 120;
const FEW_ROWS = 8;

export class Watchlist {
  /** @param {any} api AG Grid's @param {HTMLInputElement} search */
  constructor(api, search) {
    this.api = api;
    this.search = search;
    /** @type {Map<string, Row & {went: number}>} */
    this.rows = new Map();
    startEmpty(api);
    this.highlight = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.highlight];
    this.keyTimer = 0;
    api.addEventListener("cellClicked", (event) => event.node.id && choose({ symbol: event.node.id }));
    api.addEventListener("cellFocused", (event) => this.focused(event.rowIndex));
    search.addEventListener("input", () => api.setGridOption("quickFilterText", search.value.trim()));
    search.addEventListener("keydown", (event) => this.key(event));
    PHONE.addEventListener("change", () => this.fit());
    this.fit();
  }

  /** Everything there is; what was there and is not any more goes. @param {Row[]} rows */
  replace(rows) {
    const kept = new Set(rows.map((row) => row.symbol));
    const remove = [...this.rows.keys()].filter((symbol) => !kept.has(symbol)).map((symbol) => ({ symbol }));
    remove.forEach(({ symbol }) => this.rows.delete(symbol));
    const changed = rows.filter((row) => !same(row, this.rows.get(row.symbol)));
    this.apply(changed, remove);
  }

  /** Changed rows. @param {Row[]} rows @param {{symbol: string}[]} [remove] */
  apply(rows, remove = []) {
    const add = [];
    const update = [];
    for (const row of rows) {
      const before = this.rows.get(row.symbol);
      const moved = before ? Math.sign((row.last ?? 0) - (before.last ?? 0)) || before.went : 0;
      const shown = { ...row, went: moved };
      this.rows.set(row.symbol, shown);
      (before ? update : add).push(shown);
    }
    this.api.applyTransactionAsync({ add, update, remove });
    if (rows.length <= FEW_ROWS) showNow(this.api); // a quiet market
    if (add.length) {
      learn(add.map((row) => row.symbol)).then((news) => news && this.api.refreshCells({ force: true }));
      this.offerSymbols();
    }
  }

  /** The newest row of a symbol. @param {?string} symbol */
  row(symbol) {
    return symbol === null ? undefined : this.rows.get(symbol);
  }

  /** The first symbol as the grid shows them, or of all. @returns {?string} */
  first() {
    return this.api.getDisplayedRowAtIndex(0)?.id ?? [...this.rows.keys()].sort()[0] ?? null;
  }

  /** Highlight a symbol; by CSS, because the grid's own selection is written back by Dash. @param {?string} symbol */
  mark(symbol) {
    const row = `#watchlist .ag-row[row-id="${CSS.escape(symbol ?? "")}"]`;
    this.highlight.replaceSync(
      `${row}{background:var(--chosen)} ${row} .ag-cell:first-child{box-shadow:inset 2px 0 var(--accent)}`,
    );
    const node = symbol && this.api.getRowNode(symbol);
    if (node) this.api.ensureNodeVisible(node);
  }

  /** The arrow keys move through the rows; the chart follows where they come to rest. @param {?number} index */
  focused(index) {
    const symbol = index === null ? null : this.api.getDisplayedRowAtIndex(index)?.id;
    clearTimeout(this.keyTimer);
    if (symbol) this.keyTimer = setTimeout(() => choose({ symbol }), KEY_PAUSE_MS);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Enter") {
      const typed = this.search.value.trim();
      const exact = [...this.rows.keys()].find((symbol) => symbol.toLowerCase() === typed.toLowerCase());
      const symbol = exact ?? (this.api.getDisplayedRowCount() ? this.first() : typed.toUpperCase());
      if (symbol && typed) choose({ symbol });
      this.clear();
    } else if (event.key === "Escape") {
      this.clear();
    }
  }

  clear() {
    window.dash_clientside.set_props("search", { value: "" });
    this.api.setGridOption("quickFilterText", "");
    this.search.blur();
  }

  /** Fewer columns and rows a thumb can hit on a phone. */
  fit() {
    const all = this.api.getColumns().map((column) => column.getColId());
    this.api.setColumnsVisible(all, true);
    if (PHONE.matches) {
      this.api.setColumnsVisible(all.filter((id) => !PHONE_COLUMNS.includes(id)), false);
    }
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
