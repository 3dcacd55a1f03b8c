// The market at a glance: a treemap by sector, sized by turnover and coloured by change; breadth; who moves most.  Loaded once
// it is opened, and Plotly's whole bundle with it: the one for charts has no treemap.  It costs nothing while it is closed.

import { element, write } from "../lib/dom.js";
import { amount, direction, percent, price } from "../lib/format.js";
import { decimalsOf, nameOf, sectorOf } from "../lib/instruments.js";
import { ink, onLook } from "../lib/look.js";
import { panel } from "../lib/panel.js";
import { choose } from "../lib/selection.js";
import { pairOf } from "../lib/symbols.js";
import { make } from "../comfort/dialog.js";

/** @typedef {import("../watchlist/watchlist.js").Row} Row */
/** @typedef {{symbol: string, sector: string, turnover: number, change: number, last: number, usual: ?number}} Mover `usual`: volume as a multiple of that of a usual day */

const PLOTLY = "_dash-component-suites/plotly/package_data/plotly.min.js";
const EVERY_MS = 2_000;
/** Usual volumes change once a day. */
const USUAL_EVERY_MS = 600_000;
const MOST_LEAVES = 500;
const MOST_LISTED = 8;
/** Between what is above it and its edge, as between panels. */
const GAP_PX = 4;
/** A change of so many per cent has the full colour. */
const FULL_COLOR = 3;
const NO_SECTOR = "Other";
/** Over the treemap, as the label of its root. */
const LEGEND = `Area: the day's turnover · colour: its change, full from ±${FULL_COLOR}% on`;

/** @type {any} */
let plotly = null;

/** Plotly's whole bundle; the page's own, for charts, stays what it was. */
async function load() {
  if (plotly) return plotly;
  const charts = window.Plotly;
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = PLOTLY;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error("Plotly"));
    });
    document.head.append(script);
  });
  plotly = window.Plotly;
  window.Plotly = charts;
  return plotly;
}

export class Overview {
  /** @param {() => Iterable<Row>} rows @param {() => ?number} clock of a replay, ms; null: live */
  constructor(rows, clock) {
    this.rows = rows;
    this.clock = clock;
    this.at = element("overview");
    this.button = element("overview-open");
    this.timer = 0;
    /** Mean volume of a day by symbol. @type {Map<string, number>} */
    this.usual = new Map();
    this.usualAt = -Infinity;
    this.drawing = false;
    this.map = make("div", { class: "overview-map", role: "img", "aria-label": "Treemap by sector: area is turnover, colour is change" });
    this.breadth = make("div", { class: "overview-breadth", role: "status" });
    this.lists = Object.fromEntries(
      [["gainers", "Gainers"], ["losers", "Losers"], ["active", "Most active"], ["unusual", "Unusual volume"]].map(([name, title]) => {
        const list = make("ol", { id: `overview-${name}`, "aria-label": title });
        return [name, { title, list }];
      }),
    );
    const close = make("button", { type: "button", "aria-label": "Close the overview", title: "Close  (O, Esc)" }, "✕");
    close.addEventListener("click", () => this.toggle());
    const columns = Object.values(this.lists).map(({ title, list }) => make("section", {}, make("h3", {}, title), list));
    this.at.replaceChildren(
      make("div", { class: "overview-head" }, make("h2", {}, "Overview"), this.breadth, close),
      this.map,
      make("div", { class: "overview-lists" }, ...columns),
    );
    this.at.addEventListener("click", (event) => {
      const symbol = /** @type {Element} */ (event.target).closest("[data-symbol]")?.getAttribute("data-symbol");
      if (symbol) this.open(symbol);
    });
    onLook(() => this.isOpen && void this.draw());
    addEventListener("resize", () => {
      if (!this.isOpen) return;
      this.place();
      plotly?.Plots.resize(this.map);
    });
  }

  get isOpen() {
    return !this.at.hidden;
  }

  toggle() {
    this.at.hidden = this.isOpen;
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    clearInterval(this.timer);
    if (!this.isOpen) return this.button.focus();
    this.timer = window.setInterval(() => document.hidden || void this.draw(), EVERY_MS);
    return void this.draw();
  }

  /** Over the panels, below whatever the header and a replay's controls take. */
  place() {
    if (panel) return;
    const panels = document.querySelector("main").getBoundingClientRect();
    this.at.style.top = `${panels.top + GAP_PX}px`;
  }

  /** Show a symbol's chart. @param {string} symbol */
  open(symbol) {
    if (!panel) this.toggle();
    choose({ symbol });
  }

  async readUsual() {
    const now = performance.now();
    if (now - this.usualAt < USUAL_EVERY_MS) return;
    this.usualAt = now;
    const clock = this.clock();
    try {
      const answer = await fetch(`api/usual-volumes${clock === null ? "" : `?until=${new Date(clock).toISOString()}`}`);
      if (answer.ok) this.usual = new Map(Object.entries(await answer.json()));
      if (!this.usual.size) this.usualAt = -Infinity; // the days are not built yet, say
    } catch {
      this.usualAt = -Infinity; // The connection tells that the server is away.
    }
  }

  async draw() {
    if (this.drawing) return;
    this.drawing = true;
    this.place();
    try {
      await this.readUsual();
      const movers = moversOf(this.rows(), this.usual);
      this.drawBreadth(movers);
      this.drawLists(movers);
      await this.drawMap(movers);
    } finally {
      this.drawing = false;
    }
  }

  /** @param {Mover[]} movers */
  drawBreadth(movers) {
    const up = movers.filter(({ change }) => change > 0).length;
    const down = movers.filter(({ change }) => change < 0).length;
    const text = `${up} up, ${movers.length - up - down} unchanged, ${down} down`;
    if (this.breadth.dataset.text === text) return;
    this.breadth.dataset.text = text;
    const share = (/** @type {string} */ went, /** @type {number} */ count) => {
      const part = make("span", { class: "breadth", "data-went": went });
      part.style.flexGrow = String(count);
      return part;
    };
    const bar = make("span", { class: "breadth-bar", "aria-hidden": "true" }, share("up", up), share("none", movers.length - up - down), share("down", down));
    this.breadth.replaceChildren(bar, make("span", {}, text));
  }

  /** @param {Mover[]} movers */
  drawLists(movers) {
    const by = (/** @type {(mover: Mover) => number} */ of) => [...movers].sort((one, other) => of(other) - of(one)).slice(0, MOST_LISTED);
    const change = (/** @type {Mover} */ mover) => percent(mover.change);
    fill(this.lists.gainers.list, by((mover) => mover.change).filter((mover) => mover.change > 0), change);
    fill(this.lists.losers.list, by((mover) => -mover.change).filter((mover) => mover.change < 0), change);
    fill(this.lists.active.list, by((mover) => mover.turnover), (mover) => amount(mover.turnover));
    const known = by((mover) => mover.usual ?? 0).filter((mover) => mover.usual !== null);
    fill(this.lists.unusual.list, known, (mover) => `${amount(Math.round((mover.usual ?? 0) * 100) / 100)}×`, this.usual.size ? "None" : "Not known: no day before is built yet");
  }

  /** @param {Mover[]} movers */
  async drawMap(movers) {
    const Plotly = await load();
    const shown = [...movers].sort((one, other) => other.turnover - one.turnover).slice(0, MOST_LEAVES).filter(({ turnover }) => turnover > 0);
    const sectors = new Map();
    for (const mover of shown) sectors.set(mover.sector, [...(sectors.get(mover.sector) ?? []), mover]);
    const tops = [...sectors].map(([name, its]) => {
      const turnover = its.reduce((/** @type {number} */ sum, /** @type {Mover} */ { turnover: each }) => sum + each, 0);
      const weighted = its.reduce((/** @type {number} */ sum, /** @type {Mover} */ each) => sum + each.change * each.turnover, 0) / turnover;
      return { name, turnover, change: weighted };
    });
    const whole = tops.reduce((sum, { turnover }) => sum + turnover, 0);
    const colors = [ink("panel"), ...[...tops, ...shown].map(({ change }) => colorOf(change))];
    const trace = {
      type: "treemap",
      branchvalues: "total",
      ids: ["all", ...tops.map(({ name }) => `sector ${name}`), ...shown.map(({ symbol }) => `symbol ${symbol}`)],
      labels: [LEGEND, ...tops.map(({ name }) => plain(name)), ...shown.map(({ symbol }) => plain(pairOf(symbol)))],
      parents: ["", ...tops.map(() => "all"), ...shown.map(({ sector }) => `sector ${sector}`)],
      values: [whole, ...tops.map(({ turnover }) => turnover), ...shown.map(({ turnover }) => turnover)],
      text: ["", ...[...tops, ...shown].map(({ change }) => percent(change))],
      textinfo: "label+text",
      hoverinfo: "skip",
      sort: true,
      tiling: { pad: 1 },
      pathbar: { visible: false },
      marker: {
        colors,
        line: { width: 1, color: ink("panel") },
        pad: { t: 20, l: 1, r: 1, b: 1 },
      },
      textfont: { color: colors.map((color) => readableOn(color)) },
    };
    const layout = { margin: { t: 0, l: 0, r: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", font: { color: ink("text"), family: getComputedStyle(document.body).fontFamily, size: 12 } };
    await Plotly.react(this.map, [trace], layout, { displayModeBar: false, responsive: false });
    if (!this.map.dataset.drawn) {
      /** @type {any} */ (this.map).on("plotly_treemapclick", (/** @type {any} */ { points }) => {
        const id = String(points[0].id);
        if (id.startsWith("symbol ")) this.open(id.slice("symbol ".length));
        return false; // no zooming in
      });
    }
    this.map.dataset.drawn = String(shown.length);
  }
}

/** Red, green and blue of `#rrggbb`. @param {string} color */
const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/** The colour of a change: the more of that of rising or falling prices, the larger it is. @param {number} change in per cent */
function colorOf(change) {
  const share = Math.min(1, Math.abs(change) / FULL_COLOR);
  const [none, full] = [ink("hover"), ink(change < 0 ? "down-label" : "up-label")].map(channels);
  return `#${none.map((from, at) => Math.round(from + share * (full[at] - from)).toString(16).padStart(2, "0")).join("")}`;
}

/** Black or white, whichever is told from a colour more easily: at least 4.5:1, as WCAG has it. @param {string} color `#rrggbb` */
function readableOn(color) {
  const [red, green, blue] = channels(color).map((value) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/** Plotly reads some markup in labels: a name that looks like it is shown as it is. @param {string} text */
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/**
 * The symbols that traded on the newest day there is: what is old beside others says nothing of their day.
 * @param {Iterable<Row>} rows @param {Map<string, number>} usual @returns {Mover[]}
 */
export function moversOf(rows, usual) {
  const known = [...rows].filter(({ last, change_pct: change }) => last !== null && change !== null);
  const newest = known.filter(({ state }) => state !== "old");
  const movers = [];
  for (const { symbol, last, change_pct: change, volume, vwap } of newest.length ? newest : known) {
    const mean = usual.get(symbol);
    movers.push({ symbol, sector: sectorOf(symbol) || NO_SECTOR, turnover: volume * (vwap ?? 0), change, last, usual: mean ? volume / mean : null });
  }
  return movers;
}

/** @param {HTMLElement} list @param {Mover[]} movers @param {(mover: Mover) => string} tell @param {string} [none] what is said where there are none */
function fill(list, movers, tell, none = "None") {
  while (list.children.length > movers.length) list.lastElementChild?.remove();
  if (!movers.length) {
    list.replaceChildren(make("li", { class: "empty" }, none));
    return;
  }
  movers.forEach((mover, at) => {
    let line = list.children[at];
    if (!line?.hasAttribute("data-line")) {
      const made = make("li", { "data-line": "" }, make("button", { type: "button" }, ...["who", "name", "last", "told"].map((kind) => make("span", { class: kind }))));
      if (line) line.replaceWith(made);
      else list.append(made);
      line = made;
    }
    const button = /** @type {HTMLElement} */ (line.firstElementChild);
    button.dataset.symbol = mover.symbol;
    const [who, name, last, told] = button.children;
    write(who, pairOf(mover.symbol));
    write(name, nameOf(mover.symbol));
    write(last, price(mover.last, decimalsOf(mover.symbol)));
    write(told, tell(mover));
    button.dataset.went = direction(percent(mover.change));
  });
}
