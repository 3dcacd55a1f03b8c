// The page's composition root: wires the connection to the grids, the chart and the status line.

import { cells } from "./format.js";
import { Chart } from "./chart.js";
import { learn, readInstruments } from "./instruments.js";
import { Connection } from "./push.js";
import { Replay } from "./replay.js";
import { addressed } from "./replay_address.js";
import { Sessions } from "./replay_sessions.js";
import { CompactRows } from "./rows.js";
import { choose, onView, view } from "./selection.js";
import { Status } from "./status.js";
import { Tape } from "./tape.js";
import { Watchlist } from "./watchlist.js";

/** An element that Dash will make. @param {string} selector @returns {Promise<any>} */
function appears(selector) {
  return new Promise((resolve) => {
    const look = () => {
      const found = document.querySelector(selector);
      if (!found) return false;
      observer.disconnect();
      resolve(found);
      return true;
    };
    const observer = new MutationObserver(look);
    if (!look()) observer.observe(document.body, { childList: true, subtree: true });
  });
}

class Page {
  /** @param {{watchlist: Watchlist, tape: Tape, chart: Chart, status: Status}} parts */
  constructor({ watchlist, tape, chart, status }) {
    Object.assign(this, { watchlist, tape, chart, status });
    this.compact = new CompactRows();
    /** Does the server complain about what the address asks for? */
    this.refused = false;
    this.notice = document.getElementById("notice");
    this.sessions = new Sessions(chart, document.getElementById("day-strip"), () => watchlist.row(view().symbol));
    this.replay = new Replay({
      send: (message) => this.connection.send(message),
      symbols: () => [...watchlist.rows.keys()],
      onClock: (ms) => {
        this.sessions.clock = ms;
        status.replayed(ms);
      },
      say: (text) => this.say(text),
    });
    this.connection = new Connection({
      subscription: () => this.subscription(),
      greeting: () => this.replay.greeting(),
      onMessage: (message) => this.receive(message),
      onState: (state) => status.connected(state),
    });
    onView(() => this.choose());
    this.choose({ first: true });
    this.connection.start();
  }

  subscription() {
    const { symbol, interval } = view();
    const all = { watchlist: "all", rows: "arrays" };
    return symbol ? { ...all, chart: { symbol, interval }, tape: symbol } : all;
  }

  /** The address has changed: mark it everywhere and ask for its data. */
  choose({ first = false } = {}) {
    const { symbol, interval } = view();
    for (const button of document.querySelectorAll("[data-interval]")) {
      button.setAttribute("aria-pressed", String(button.dataset.interval === interval));
    }
    const field = /** @type {HTMLInputElement} */ (document.getElementById("symbol"));
    if (field.value !== (symbol ?? "")) window.dash_clientside.set_props("symbol", { value: symbol ?? "" });
    window.dash_clientside.set_props("view", { data: { symbol, interval } });
    this.watchlist.mark(symbol);
    this.status.headline(symbol, this.watchlist.row(symbol));
    this.say("");
    if (!first) this.connection.resubscribe();
  }

  /** @param {any} message of the protocol */
  receive(message) {
    const { symbol, interval } = view();
    const whole = message.type === "snapshot";
    if (message.type === "replay") return this.replay.receive(message.replay);
    if (message.type === "error" && this.replay.refused(message.message)) return;
    if (message.type === "error") this.refuse(message.message);
    for (const complaint of message.errors ?? []) this.refuse(complaint);
    if (message.time) this.status.served(message.time);
    if (message.time) this.replay.heard(message.time);
    if (message.watchlist) {
      const rows = this.compact.read(message.watchlist, (of) => (whole ? undefined : this.watchlist.row(of)));
      if (whole) this.watchlist.replace(rows);
      else this.watchlist.apply(rows);
      if (this.refused && rows.some((row) => row.symbol === symbol)) this.again();
      this.status.symbols(this.watchlist.rows.size);
      this.status.headline(symbol, this.watchlist.row(symbol));
      if (whole) this.watchlist.mark(symbol);
      if (!symbol && this.watchlist.rows.size) choose({ symbol: this.watchlist.first() }, { replace: true });
    }
    this.receiveChart(message.chart, whole);
    this.receiveTape(message.tape, whole);
    if (message.status) this.status.apply(message.status);
    if (message.type === "status") this.status.apply(message);
    if (typeof message.latency_ms === "number") {
      this.status.latency(message.latency_ms + (this.connection.roundTrip ?? 0) / 2);
    }
  }

  /** @param {any} part @param {boolean} whole of a snapshot */
  receiveChart(part, whole) {
    const { symbol, interval } = view();
    if (part?.symbol === symbol && part.interval === interval) {
      if (whole || !this.chart.shows(symbol, interval)) {
        this.chart.replace(part);
        learn([symbol]);
      } else {
        this.chart.apply(part);
      }
    } else if (whole && !part) {
      this.chart.clear();
    }
  }

  /** @param {any} part @param {boolean} whole of a snapshot */
  receiveTape(part, whole) {
    const { symbol } = view();
    if (part?.symbol === symbol) {
      if (whole || this.tape.symbol !== symbol) this.tape.replace(symbol, part.ticks);
      else this.tape.apply(symbol, part.ticks);
    } else if (whole && !part) {
      this.tape.clear();
    }
  }

  /** The server complains about a part of the subscription. @param {string} complaint */
  refuse(complaint) {
    this.refused = true;
    this.say(complaint.replace(/^(chart|tape): /, ""));
  }

  /** What was refused may be had by now: a symbol has got its first tick. */
  again() {
    this.say("");
    this.connection.resubscribe();
  }

  /** Show a notice over the chart; an empty one hides it. @param {string} text */
  say(text) {
    if (!text) this.refused = false;
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }
}

/** Pointer, buttons and keys. @param {Page} page */
function controls(page) {
  const { chart } = page;
  const panel = document.getElementById("chart-panel");
  panel.addEventListener("pointermove", (event) => {
    const box = panel.getBoundingClientRect();
    chart.point({ x: event.clientX - box.left, y: event.clientY - box.top });
  });
  panel.addEventListener("pointerleave", () => chart.point(null));
  panel.addEventListener("dblclick", (event) => event.target.closest("button") || chart.button("newest"));
  panel.addEventListener("click", (event) => {
    const what = event.target.closest("[data-chart]")?.dataset.chart;
    if (what) chart.button(what);
  });
  document.getElementById("interval").addEventListener("click", (event) => {
    const interval = event.target.closest("[data-interval]")?.dataset.interval;
    if (interval) choose({ interval });
  });
  const symbol = /** @type {HTMLInputElement} */ (document.getElementById("symbol"));
  const open = () => {
    const typed = symbol.value.trim();
    const known = [...page.watchlist.rows.keys()].find((one) => one.toLowerCase() === typed.toLowerCase());
    if (typed) choose({ symbol: known ?? typed.toUpperCase() });
    symbol.blur();
  };
  symbol.addEventListener("focus", () => symbol.select());
  symbol.addEventListener("change", open);
  symbol.addEventListener("keydown", (event) => event.key === "Enter" && open());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea")) {
      event.preventDefault();
      document.getElementById("search").focus();
    }
  });
}

async function start() {
  String.prototype.trim = window.tickdeckNativeTrim;
  const plot = await appears("#chart .js-plotly-plot");
  const [watchlist, tape] = await Promise.all([
    window.dash_ag_grid.getApiAsync("watchlist"),
    window.dash_ag_grid.getApiAsync("tape"),
    appears("#chart .js-plotly-plot .main-svg"),
    addressed() ? null : readInstruments(), // a replay tells of its own, and of no others
  ]);
  const element = (/** @type {string} */ id) => document.getElementById(id);
  const page = new Page({
    watchlist: new Watchlist(watchlist, element("search")),
    tape: new Tape(tape, element("tape-symbol")),
    chart: new Chart(plot, element("chart-panel"), element("readout")),
    status: new Status(),
  });
  controls(page);
}

window.tickdeckCells = cells;
start();
