// The page's composition root: wires the connection to the grids, the chart and the status line.

import { Bell } from "./alerts/bell.js";
import { Levels } from "./alerts/levels.js";
import { Chart } from "./chart/chart.js";
import { Comparison } from "./chart/comparison.js";
import { Drawings } from "./chart/drawings.js";
import { Gaps } from "./chart/gaps.js";
import { Imported } from "./chart/imported.js";
import { Gestures } from "./chart/gestures.js";
import { TradingHours } from "./chart/hours.js";
import { Indicators } from "./chart/indicators.js";
import { OrderFlow } from "./chart/orderflow.js";
import { Toolbar } from "./chart/toolbar.js";
import { Comfort } from "./comfort/comfort.js";
import { Feeds } from "./feeds/feeds.js";
import { Latency } from "./feeds/latency.js";
import { closest, element, writeTo } from "./lib/dom.js";
import { cells } from "./lib/format.js";
import { isFormula, knownSymbols, onInstruments, readInstruments, readUnknown } from "./lib/instruments.js";
import { Intervals } from "./lib/intervals.js";
import { onLook } from "./lib/look.js";
import { clockIs, serverSkew } from "./lib/now.js";
import { ofMarket, panel, shows } from "./lib/panel.js";
import { looksLikeFormula, meant, readFormula } from "./lib/symbols.js";
import { choose, INTERVALS, onView, refusedInterval, view } from "./lib/selection.js";
import { askAgain, showAccount } from "./link/account.js";
import { CompactRows, Connection } from "./link/connection.js";
import { Status } from "./link/status.js";
import { Glance } from "./overview/glance.js";
import { addressHasReplay, Replay } from "./replay/replay.js";
import { Tape } from "./tape/tape.js";
import { drawn } from "./watchlist/drawn.js";
import { DayLines } from "./watchlist/lines.js";
import { Lists } from "./watchlist/lists.js";
import { Watchlist } from "./watchlist/watchlist.js";

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

/** From here on somebody wonders whether anything happens. */
const WAITING_AFTER_MS = 500;

class Page {
  /** @param {{watchlist: Watchlist, tape: Tape, chart: Chart, status: Status}} parts */
  constructor({ watchlist, tape, chart, status }) {
    this.watchlist = watchlist;
    this.tape = tape;
    this.chart = chart;
    this.status = status;
    this.compact = new CompactRows();
    /** Does the server complain about what the address asks for? */
    this.refused = false;
    this.intervals = new Intervals(document.getElementById("interval"));
    this.notice = document.getElementById("notice");
    this.waitingTimer = 0;
    /** A panel that is hidden watches nothing. */
    this.paused = false;
    /** What of it a workspace needs, where the page is a panel of one. @type {?import("./workspace/member.js").Member} */
    this.member = null;
    /** What a script fills, where the page is such a panel. @type {?import("./code/code.js").Code} */
    this.code = null;
    this.hours = new TradingHours(chart, document.getElementById("day-strip"), () => watchlist.row(view().symbol));
    new Gaps(chart, () => this.hours.clock);
    new Imported(chart);
    status.feeds = new Feeds();
    this.latency = new Latency();
    status.stages = this.latency;
    status.onLink = (state, feeds) => watchlist.linkIs(state, feeds);
    this.replay = new Replay({
      send: (message) => this.connection.send(message),
      symbols: () => [...watchlist.rows.keys()],
      onClock: (ms) => {
        this.hours.clock = ms;
        chart.replayClock = ms;
        status.replayClockIs(ms);
      },
      say: (text) => this.say(text),
      lastOf: (symbol) => watchlist.row(symbol)?.last ?? null,
      pick: (then) => void import("./chart/pick.js").then(({ pickTime }) => pickTime(chart, then)),
    });
    this.indicators = new Indicators(chart, () => this.connection.resubscribe(), (text) => this.say(text));
    this.orderFlow = new OrderFlow(chart, () => this.connection.resubscribe());
    if (panel === "orderflow") this.orderFlow.borrow(["profile", "footprint", "delta"]);
    this.compare = new Comparison(chart, () => this.connection.resubscribe());
    this.drawings = new Drawings(chart, (text) => this.say(text));
    this.toolbar = new Toolbar(chart, element("chart-bar"), (text) => this.say(text));
    this.levels = new Levels(chart);
    this.alerts = new Bell({
      pointed: () => (chart.symbol === view().symbol ? chart.pointedPrice() : null),
      newest: () => watchlist.row(view().symbol)?.last ?? null,
    }, () => this.replay.current?.clock ?? null, (ms) => this.replay.mark(ms), (rules) => this.levels.take(rules));
    this.connection = new Connection({
      subscription: () => this.subscription(),
      greeting: () => this.replay.greeting(),
      canPoll: () => !addressHasReplay(), // what is polled is the live market
      painted: () => this.latency.report(),
      onMessage: (message) => this.receive(message),
      onState: (state) => {
        status.connected(state);
        this.member?.tell({ state });
        if (state !== "live" && state !== "polling") return;
        if (!panel || panel === "alerts") this.alerts.connected(); // one panel tells what was missed, not each
        if (shows("chart")) void this.levels.read();
      },
      onClosed: askAgain,
    });
    if (shows("rows")) new Lists(
      (entries) => watchlist.showList(entries),
      () => [...watchlist.rows.keys()],
      () => watchlist.seen(),
      (text) => watchlist.tell(text),
    );
    new DayLines(watchlist.api, () => this.replay.current?.clock ?? null, (symbol, closes) => watchlist.lineIs(symbol, closes));
    watchlist.onScreen = () => this.connection.resubscribe();
    watchlist.restoreFilter();
    this.glance = new Glance(() => watchlist.rows.values(), () => this.replay.current?.clock ?? null);
    new Comfort(() => this.offer(), (text) => this.say(text));
    onLook(() => this.written());
    onView(() => this.choose());
    /** Was the last subscription one to a ratio or spread? */
    this.spread = false;
    onInstruments(() => {
      this.headline();
      if (this.spread !== isFormula(view().symbol)) this.connection.resubscribe();
    });
    this.choose({ first: true });
    this.connection.start();
    if (panel) void import("./workspace/member.js").then(({ Member }) => (this.member = new Member(this)));
    else void showAccount(document.getElementById("account"));
  }

  subscription() {
    const { symbol, interval } = view();
    const { screen } = this.watchlist;
    this.spread = isFormula(symbol);
    document.body.dataset.spread = String(this.spread);
    if (this.paused) return {};
    if (this.code?.name) return { panel: this.code.name };
    const own = !ofMarket || this.spread ? null : [symbol];
    const all = { watchlist: shows("rows") || (!symbol && ofMarket) ? "all" : own, rows: "arrays", ...(screen && shows("rows") ? { screen } : {}) };
    if (!symbol) return all;
    const chart = { symbol, interval, indicators: this.indicators.ids, flow: this.orderFlow.wanted(symbol), compare: this.compare.symbols };
    return { ...all, ...(shows("chart") ? { chart } : {}), tape: this.spread || !shows("tape") ? null : symbol };
  }

  /** Watch nothing while nobody looks, or again what is shown. @param {boolean} paused */
  pause(paused) {
    if (paused === this.paused) return;
    this.paused = paused;
    this.connection.resubscribe();
  }

  /** The address has changed: mark it everywhere and ask for its data. */
  choose({ first = false } = {}) {
    const { symbol, interval } = view();
    this.intervals.mark(interval);
    const field = /** @type {HTMLInputElement} */ (document.getElementById("symbol"));
    if (field.value !== (symbol ?? "")) window.dash_clientside.set_props("symbol", { value: symbol ?? "" });
    document.documentElement.style.setProperty("--symbol-length", String(symbol?.length ?? 0));
    window.dash_clientside.set_props("view", { data: { symbol, interval } });
    this.watchlist.mark(symbol);
    this.headline();
    const refused = refusedInterval();
    this.say(refused && `There is no interval “${refused}”: shown is ${interval}; there are ${INTERVALS.join(" ")}`);
    if (!first) {
      this.connection.resubscribe();
      if (!this.chart.shows(symbol, interval)) this.awaitChart();
    }
  }

  /** All that the palette has to choose from. */
  async offer() {
    const { everything } = await import("./comfort/offer.js");
    return everything({
      symbols: this.watchlist.rows.keys(),
      replay: (name) => this.replay.press(name),
      replaying: this.replay.current !== null,
      addIndicator: (id) => this.indicators.add({ id, colors: [] }),
    });
  }

  /** Numbers or dates are written in another way, perhaps. */
  written() {
    for (const grid of [this.watchlist.api, this.tape.api]) grid.refreshCells({ force: true });
    this.headline();
  }

  /** Say that the chart is under way, if it takes long. */
  awaitChart() {
    clearTimeout(this.waitingTimer);
    this.waitingTimer = setTimeout(() => (this.chart.panel.dataset.waiting = ""), WAITING_AFTER_MS);
  }

  chartIsThere() {
    clearTimeout(this.waitingTimer);
    delete this.chart.panel.dataset.waiting;
  }

  /** The price beside the symbol's name: the watchlist's, of a spread the chart's. */
  headline() {
    const { symbol } = view();
    const { chart } = this;
    const last = isFormula(symbol) && chart.symbol === symbol ? chart.live.last : null;
    if (last) this.status.headline(symbol, { last: last.c, change: null, change_pct: null, time: null }, chart.decimals);
    else this.status.headline(symbol, this.watchlist.row(symbol));
  }

  /** @param {any} message of the protocol */
  receive(message) {
    const { symbol, interval } = view();
    const whole = message.type === "snapshot";
    if (message.type === "alert") return panel && panel !== "alerts" ? this.member?.tell({ alert: message.alert }) : this.alerts.receive(message.alert);
    if (this.paused && whole) return undefined; // what was seen last stays
    if (message.type === "replay") return this.replay.receive(message.replay);
    if (message.type === "error" && this.replay.refused(message.message)) return;
    if (message.type === "error") this.refuse(message.message);
    for (const complaint of message.errors ?? []) this.refuse(complaint);
    if (message.time) clockIs(message.time);
    this.chart.skew = serverSkew();
    if (message.time) this.replay.clockIs(message.time);
    if (message.watchlist) {
      const rows = this.compact.read(message.watchlist, (of) => (whole ? undefined : this.watchlist.row(of)));
      if (whole) this.watchlist.replace(rows);
      else this.watchlist.apply(rows);
      if (this.refused && rows.some((row) => row.symbol === symbol)) this.retryRefused();
      this.status.symbols(this.watchlist.rows.size);
      this.headline();
      if (this.replay.current) this.status.playedIs(this.watchlist.trades(), whole);
      if (whole) this.watchlist.mark(symbol);
      if (!symbol && this.watchlist.rows.size) choose({ symbol: this.watchlist.busiest() }, { replace: true });
    }
    if (message.panel) this.code?.receive(message.panel);
    if (message.screen) this.watchlist.screened(message.screen);
    this.receiveChart(message.chart, whole);
    this.receiveTape(message.tape, whole);
    if (message.status) this.status.apply(message.status);
    if (message.type === "status") this.status.apply(message);
    this.sayEmpty();
    if (typeof message.latency_ms === "number") {
      this.status.latency(message.latency_ms + (this.connection.roundTrip ?? 0) / 2);
      if (this.status.state === "live") this.latency.frame(message.time);
    }
  }

  /** @param {any} part @param {boolean} whole of a snapshot */
  receiveChart(part, whole) {
    const { symbol, interval } = view();
    if (part?.symbol === symbol && part.interval === interval) {
      this.chartIsThere();
      if (whole || !this.chart.shows(symbol, interval)) {
        this.chart.replace(part);
        this.compare.receive(part, true);
        this.indicators.receive(part, true);
        this.orderFlow.receive(part, true);
        if (!this.spread) readUnknown([symbol]);
      } else {
        this.indicators.receive(part, false);
        this.compare.receive(part, false);
        this.chart.apply(part);
        this.orderFlow.receive(part, false);
      }
      if (this.spread) this.headline();
    } else if (whole && !part) {
      this.chartIsThere();
      this.chart.clear();
    }
  }

  /** Where the chart has no candles, say what is known of why. */
  sayEmpty() {
    const known = ["live", "polling", "replay"].includes(this.status.state);
    const { symbol } = view();
    const empty = known ? (this.watchlist.row(symbol) ? "No candles yet: they come with the next tick" : "") : "Not known while the database is away";
    writeTo("chart-empty", empty);
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
    const filter = /^screen: (?:filter: )?(.*)/.exec(complaint)?.[1];
    if (filter) return this.watchlist.tell(filter);
    this.refused = true;
    this.say(complaint.replace(/^(chart|tape): /, ""));
  }

  /** What was refused may be had by now: a symbol has got its first tick. */
  retryRefused() {
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
  const area = document.getElementById("chart-panel");
  new Gestures(chart, area);
  area.addEventListener("dblclick", (event) => closest(event, "button, input, select, #chart-bar") || chart.press("newest"));
  area.addEventListener("click", (event) => {
    const what = closest(event, "[data-chart]")?.dataset.chart;
    if (what) chart.press(what);
  });
  // With the press, as Plotly takes the rest of a click away.
  element("chart-area").addEventListener("pointerdown", (event) => event.altKey && event.button === 0 && !panel && page.replay.from(chart.pointedTime()), true);
  document.addEventListener("keydown", (event) => {
    if (event.code !== "KeyR" || !event.altKey || event.ctrlKey || event.metaKey || closest(event, "input, textarea, select, [role=dialog]")) return;
    event.preventDefault();
    page.replay.from(chart.pointedTime());
  });
  const symbol = /** @type {HTMLInputElement} */ (document.getElementById("symbol"));
  const open = () => {
    const typed = symbol.value.trim();
    const symbols = () => [...page.watchlist.rows.keys(), ...knownSymbols()];
    const known = meant(typed, symbols());
    if (typed) choose({ symbol: known ?? (looksLikeFormula(typed) ? readFormula(typed, symbols()).text : typed.toUpperCase()) });
    symbol.blur();
  };
  symbol.addEventListener("focus", () => symbol.select());
  symbol.addEventListener("change", open);
  symbol.addEventListener("keydown", (event) => event.key === "Enter" && open());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !closest(event, "input, textarea")) {
      event.preventDefault();
      document.getElementById("search").focus();
    }
  });
}

async function start() {
  const plot = await appears("#chart .js-plotly-plot");
  const [watchlist, tape] = await Promise.all([
    window.dash_ag_grid.getApiAsync("watchlist"),
    window.dash_ag_grid.getApiAsync("tape"),
    appears("#chart .js-plotly-plot .main-svg"),
    addressHasReplay() ? null : readInstruments(), // a replay tells of its own, and of no others
  ]);
  const page = new Page({
    watchlist: new Watchlist(watchlist, /** @type {HTMLInputElement} */ (element("search"))),
    tape: new Tape(tape, element("tape-symbol"), (ms) => page.chart.goTo({ to: ms, count: page.chart.view.count, share: 0.5 })),
    chart: new Chart(plot, element("chart-panel"), element("readout")),
    status: new Status(),
  });
  controls(page);
}

window.tickdeckCells = { ...cells, ...drawn };
start();
