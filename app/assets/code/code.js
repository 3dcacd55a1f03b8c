// A panel that a script beside the dashboard fills (docs/panels.md): a Plotly figure or rows of a grid, pushed whole whenever
// there is another one.

import { element, write } from "../lib/dom.js";
import { ink, look, onLook, tint } from "../lib/look.js";

/** @typedef {{name: string, owner: string, state: string, at: number, error: ?string, figure?: {data: any[], layout: any}, rows?: Record<string, any>[]}} Shown */

const GRID = "code-rows";
/** Rows that say how wide a column is, and the widest it becomes by itself. */
const MEASURED = 100;
const WIDEST_PX = 280;
const UTC_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z|\+00:00)$/;
const EXAMPLE = `from tickdeck import panel

@panel.show("Closes", symbols=["SPY"])
def closes(candles):
    return candles.tail(20)

panel.run()`;
/** Plotly takes these in any text for bold, links and the like, for which it sets style attributes, which the page's policy refuses. */
const MARKUP = /<\/?(?:a|b|em|i|s|span|strong|sub|sup|u)(?:\s[^<>]*)?>/gi;
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset" };

export class Code {
  /** @param {any} page main.js's */
  constructor(page) {
    this.page = page;
    this.name = new URLSearchParams(location.search).get("name") ?? "";
    /** @type {?Shown} */
    this.shown = null;
    /** @type {string[]} */
    this.names = [];
    /** What is drawn now, and the figure it was made of. @type {?HTMLElement} */
    this.plot = null;
    /** @type {any} */
    this.grid = null;
    /** The columns that the grid has, as one text. */
    this.columns = "";
    this.at = element("code");
    this.place = document.createElement("div");
    this.place.className = "code-plot";
    this.choice = document.createElement("select");
    this.choice.setAttribute("aria-label", "Which panel");
    this.when = document.createElement("span");
    this.when.className = "code-when num muted";
    this.told = document.createElement("p");
    this.told.className = "code-told";
    this.told.setAttribute("role", "status");
    this.empty = document.createElement("div");
    this.empty.className = "code-empty";
    const head = document.createElement("div");
    head.className = "panel-head";
    head.append(this.choice, this.when);
    this.at.prepend(head, this.told, this.place, this.empty);
    this.at.hidden = false;
    this.choice.addEventListener("change", () => this.choose(this.choice.value));
    this.choice.addEventListener("focus", () => void this.list());
    onLook(() => this.draw());
    this.draw();
    void this.list();
    if (this.name) queueMicrotask(() => page.connection.resubscribe()); // once the page knows of this
  }

  /** Which panels there are now; the only one is the one. */
  async list() {
    try {
      const answer = await fetch("api/panels");
      if (!answer.ok) return;
      this.names = (await answer.json()).map((/** @type {Shown} */ { name }) => name);
    } catch {
      return; // the connection tells that the server is away
    }
    if (!this.name && this.names.length === 1) this.choose(this.names[0]);
    this.draw();
  }

  /** @param {string} name */
  choose(name) {
    this.name = name;
    this.shown = null;
    this.page.member?.tell({ named: name });
    this.page.connection.resubscribe();
    this.draw();
  }

  /** @param {Shown} part of a message */
  receive(part) {
    if (part.name !== this.name) return;
    this.shown = part;
    this.draw();
  }

  draw() {
    const { shown, name } = this;
    this.offer();
    const there = shown !== null && shown.state !== "absent";
    write(this.when, there ? `${shown.owner === "owner" ? "" : `${shown.owner} · `}${timeOf(shown.at)}` : "");
    this.at.dataset.state = shown?.state ?? "";
    this.say(shown, there);
    this.place.hidden = !shown?.figure;
    element("code-grid").hidden = !shown?.rows;
    this.empty.hidden = there || Boolean(name && !shown);
    if (!this.empty.hidden) this.explain();
    if (shown?.figure) this.drawFigure(shown.figure);
    if (shown?.rows) void this.drawRows(shown.rows);
  }

  /** Names to choose from: those that there are, and the chosen one. */
  offer() {
    const names = [...new Set([...this.names, ...(this.name ? [this.name] : [])])].sort();
    const offered = [...(this.name ? [] : [["Choose a panel", ""]]), ...names.map((name) => [name, name])];
    const now = [...this.choice.options].map(({ text, value }) => [text, value]);
    if (JSON.stringify(now) !== JSON.stringify(offered)) this.choice.replaceChildren(...offered.map(([text, value]) => new Option(text, value)));
    this.choice.value = this.name;
  }

  /** @param {?Shown} shown @param {boolean} there */
  say(shown, there) {
    const stale = there && shown?.state === "stale" ? "Nothing is heard of its script any more: start it again" : "";
    const told = stale || (there && shown?.error) || "";
    write(this.told, told);
    this.told.hidden = !told;
  }

  /** What to do where there is nothing to show. */
  explain() {
    const text = (/** @type {string} */ name, /** @type {string} */ said) => Object.assign(document.createElement(name), { textContent: said });
    if (this.name) this.empty.replaceChildren(text("p", `No script fills “${this.name}” now: start the one that does, or choose another panel`));
    else if (this.names.length) this.empty.replaceChildren(text("p", "Choose a panel above"));
    else this.empty.replaceChildren(text("p", "A script of yours fills this panel. Run one, such as"), text("pre", EXAMPLE));
  }

  /** @param {{data: any[], layout: any}} figure */
  drawFigure({ data, layout }) {
    const { width: _width, height: _height, template: _template, ...rest } = layout;
    const [traces, wanted] = plain([data, rest]); // a copy: Plotly writes into what it is given
    const all = { uirevision: this.name, ...wanted, template: template(), autosize: true };
    try {
      void window.Plotly.react(this.place, traces, all, CONFIG).catch((/** @type {unknown} */ failure) => this.fail(failure));
    } catch (failure) {
      this.fail(failure);
    }
  }

  /** @param {unknown} failure */
  fail(failure) {
    write(this.told, `Plotly cannot draw this figure: ${failure instanceof Error ? failure.message : failure}`);
    this.told.hidden = false;
  }

  /** @param {Record<string, any>[]} rows */
  async drawRows(rows) {
    this.grid ??= makeGrid();
    const grid = await this.grid;
    if (this.shown?.rows !== rows) return;
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const columns = names.map((name) => column(name, rows.map((row) => row[name])));
    const looks = JSON.stringify(columns);
    if (looks !== this.columns) grid.setGridOption("columnDefs", columns);
    this.columns = looks;
    grid.setGridOption("rowData", rows);
  }
}

/** A copy, all its texts without markup but line breaks and what belongs into hover labels. @param {any} value @returns {any} */
function plain(value) {
  if (typeof value === "string") return value.includes("<") ? text(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, plain(inside)]));
}

/** @param {string} marked @returns {string} */
function text(marked) {
  const left = marked.replace(MARKUP, "");
  return left === marked ? left : text(left); // what was around it may be markup now
}

/** @param {number} ms since the epoch @returns {string} by the clock of whoever looks */
function timeOf(ms) {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** The page's look, for what a figure does not say itself. */
function template() {
  const axis = { gridcolor: ink("grid-line"), linecolor: ink("line"), zerolinecolor: ink("line"), automargin: true };
  const layout = {
    paper_bgcolor: ink("panel"),
    plot_bgcolor: ink("panel"),
    font: { color: ink("text"), size: 11, family: getComputedStyle(document.body).fontFamily },
    title: { font: { size: 13 }, y: 0.98, yref: "container", yanchor: "top" },
    colorway: ["accent", "up", "down"].map(ink).concat(["#c58af9", "#f5b942", "#4cc9f0", "#f28ec4"]),
    margin: { l: 48, r: 16, t: 52, b: 36 },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
    hoverlabel: { bgcolor: ink("header"), bordercolor: ink("line"), font: { color: ink("text") } },
    xaxis: { ...axis, rangeslider: { visible: false } },
    yaxis: axis,
  };
  const candles = { increasing: { line: { color: ink("up") }, fillcolor: ink("up") }, decreasing: { line: { color: ink("down") }, fillcolor: ink("down") } };
  return { layout, data: { candlestick: [candles], ohlc: [candles], bar: [{ marker: { line: { width: 0 } } }], pie: [{ marker: { line: { color: tint("panel", 1), width: 1 } } }] } };
}

/** A column as wide as its texts are, in steps. @param {string} name @param {any[]} values */
function column(name, values) {
  const isNumber = values.every((value) => value === null || value === undefined || typeof value === "number");
  const longest = Math.max(name.length, ...values.slice(0, MEASURED).map((value) => written(value).length));
  const minWidth = Math.min(WIDEST_PX, 24 + 7 * (longest + (longest % 2)));
  const made = { colId: name, field: name, headerName: name, minWidth, flex: minWidth, valueFormatter: (/** @type {{value: any}} */ { value }) => written(value) };
  return isNumber ? { ...made, type: "rightAligned", cellClass: "num ag-right-aligned-cell" } : made;
}

/** @param {any} value of a cell @returns {string} */
function written(value) {
  if (typeof value === "number") return value.toLocaleString(look().numbers, { maximumFractionDigits: 6 });
  return String(value ?? "").replace(UTC_TIME, "$1 $2");
}

/** A grid as the others of the page, made once rows are there to show. @returns {Promise<any>} AG Grid's API */
async function makeGrid() {
  const props = {
    id: GRID,
    columnDefs: [],
    rowData: [],
    defaultColDef: { sortable: true, resizable: true, suppressMovable: true, suppressHeaderMenuButton: true, cellDataType: false },
    dashGridOptions: { suppressFieldDotNotation: true, animateRows: false, suppressScrollOnNewData: true, suppressCellFocus: true, rowHeight: 24, localeText: { noRowsToShow: "No rows" } },
    style: { height: "100%", width: "100%" },
  };
  window.dash_clientside.set_props("code-grid", { children: { namespace: "dash_ag_grid", type: "AgGrid", props } });
  const [grid, other] = await Promise.all([window.dash_ag_grid.getApiAsync(GRID), window.dash_ag_grid.getApiAsync("tape")]);
  grid.setGridOption("theme", other.getGridOption("theme"));
  return grid;
}
