// The status line, the mode badge, the headline and the page's title.

import { decimalsOf, zoneOf } from "../lib/instruments.js";
import { hoursAround } from "../lib/sessions.js";
import { change, decimalsFor, direction, NONE, percent, price } from "../lib/format.js";
import { element, write, writeTo } from "../lib/dom.js";
import { look } from "../lib/look.js";
import { clockRuns, marketNow, replayClockIs } from "../lib/now.js";
import { clock, day, wallClock } from "../lib/zone.js";

const STATES = {
  connecting: "Connecting",
  live: "Live",
  stale: "Stale",
  reconnecting: "Reconnecting",
  polling: "Polling",
  database: "Database away",
  feed: "Feed down",
  replay: "Replay",
};
const BADGES = { live: "LIVE", polling: "LIVE", replay: "REPLAY", feed: "FEED DOWN" };
const OFFLINE = "OFFLINE";
const LATENCY_KEPT_MS = 3_000;
const RATE_WINDOW_MS = 3_000;
const DAY_MS = 86_400_000;

export class Status {
  constructor() {
    this.connection = "connecting";
    this.server = "live";
    /** What the line says: the connection's state, or that of the server behind it. */
    this.state = "connecting";
    this.latencyAt = 0;
    this.symbol = null;
    /** When the chosen symbol had its last tick, ms. @type {?number} */
    this.lastTick = null;
    this.title = "Tickdeck";
    /** How many ticks of a replay had been played, lately; empty: live. @type {{at: number, ticks: number}[]} */
    this.played = [];
    /** Is told whenever the way to the market may have changed. @type {?(state: string, feeds: any[]) => void} */
    this.onLink = null;
    /** The feeds as the server has them. @type {any[]} */
    this.known = [];
    /** The table of latencies. @type {?{apply: (stages: any[], skew: ?number) => void}} */
    this.stages = null;
    /** The table of feeds. @type {?{apply: (feeds: any[]) => void}} */
    this.feeds = null;
    setInterval(() => this.tick(), 1_000);
  }

  /** @param {string} state of the connection */
  connected(state) {
    this.connection = state;
    this.show();
  }

  /** @param {any} status the server's part of a message */
  apply(status) {
    this.server = status.state ?? this.server;
    if (status.ticks_per_s !== undefined) this.rate(status.ticks_per_s);
    if (status.database) writeTo("status-database", status.database);
    if (status.warning !== undefined) {
      writeTo("status-message", status.warning);
      element("status-message").title = status.warning;
    }
    if (status.feeds) {
      this.known = status.feeds;
      const running = status.feeds.filter((feed) => feed.state === "running").map((feed) => feed.name);
      const failed = status.feeds
        .filter((feed) => feed.state === "failed" || feed.state === "silent")
        .map((feed) => `${feed.name} ${feed.state}`);
      writeTo("status-feed", [...failed, ...running].join(", ") || "none");
      this.feeds?.apply(status.feeds);
    }
    if (status.latency) this.stages?.apply(status.latency, status.skew_ms ?? null);
    this.show();
  }

  /** @param {number} ms from the statement in the database to this page */
  latency(ms) {
    this.latencyAt = performance.now();
    writeTo("status-latency", `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
  }

  /** @param {number} ticks a second */
  rate(ticks) {
    writeTo("status-rate", Math.round(ticks).toLocaleString(look().numbers));
  }

  /**
   * How fast a replay's ticks come: of the last seconds here, not of its clock.
   * @param {number} ticks of its days up to its clock @param {boolean} moved it was set to another time
   */
  playedIs(ticks, moved = false) {
    const at = performance.now();
    const lately = this.played.filter((one) => !moved && at - one.at < RATE_WINDOW_MS && one.ticks <= ticks);
    this.played = [...lately, { at, ticks }];
    const [first] = this.played;
    this.rate((ticks - first.ticks) / Math.max(1, (at - first.at) / 1000));
  }

  /** @param {?number} ms the clock of a replay; null: live */
  replayClockIs(ms) {
    if (ms === null) this.played = [];
    replayClockIs(ms);
    this.tick();
  }

  /** @param {number} count */
  symbols(count) {
    writeTo("status-symbols", String(count));
  }

  /** The chosen symbol's price beside its name and in the title. @param {?string} symbol @param {any} row @param {number} [digits] of a spread */
  headline(symbol, row, digits) {
    this.symbol = symbol;
    this.lastTick = row?.time ?? null;
    const decimals = decimalsFor(row?.last, digits ?? (symbol ? decimalsOf(symbol) : 2));
    const last = row ? price(row.last, decimals) : "";
    writeTo("headline-last", last);
    const changed = row && digits === undefined ? change(row.change, decimals) : "";
    writeTo("headline-points", changed);
    writeTo("headline-percent", row && digits === undefined ? percent(row.change_pct) : "");
    element("headline-change").dataset.went = direction(changed);
    this.title = symbol ? `${symbol} ${last} · Tickdeck`.replace("  ", " ") : "Tickdeck";
    this.entitle();
  }

  /** The page's title: what is shown, after what is wrong with it. */
  entitle() {
    const wrong = this.state === "connecting" || this.state === "replay" ? "LIVE" : (BADGES[this.state] ?? OFFLINE);
    write(document.querySelector("title"), wrong === "LIVE" ? this.title : `${wrong} · ${this.title}`);
  }

  show() {
    let state = this.connection;
    if ((state === "live" || state === "polling") && this.server !== "live") {
      state = this.server === "replay" || this.server === "feed" ? this.server : "database";
    }
    this.state = state;
    element("status").dataset.state = state;
    document.body.dataset.link = state;
    writeTo("status-state", STATES[state]);
    const mode = element("mode");
    mode.dataset.mode = state;
    write(mode, BADGES[state] ?? OFFLINE);
    clockRuns(this.connection === "live" || this.connection === "polling" || state === "connecting");
    if (!(state in BADGES)) for (const fact of ["rate", "latency"]) writeTo(`status-${fact}`, NONE);
    this.entitle();
    this.tick();
    this.onLink?.(state, this.known);
  }

  tick() {
    const zone = this.symbol ? zoneOf(this.symbol) : "UTC";
    writeTo("status-clock", `${clock(wallClock(marketNow(), zone))} ${zone.split("/").pop().replaceAll("_", " ")}`);
    writeTo("status-market", this.symbol ? marketState(this.symbol) : NONE);
    writeTo("status-age", this.lastTick ? ago(this.lastTick, zone) : NONE);
    if (this.played.length) this.playedIs(this.played.at(-1).ticks);
    if (performance.now() - this.latencyAt > LATENCY_KEPT_MS) writeTo("status-latency", NONE);
  }
}

/** Does the exchange of a symbol trade now? @param {string} symbol */
function marketState(symbol) {
  const hours = hoursAround(symbol, marketNow());
  if (!hours) return NONE;
  if (!hours.length) return "around the clock";
  return hours.some(([opened, closed]) => opened <= marketNow() && marketNow() < closed) ? "open" : "closed";
}

/** How long ago, in words; of earlier than yesterday the day. @param {number} ms @param {string} zone */
function ago(ms, zone) {
  const since = Math.max(0, marketNow() - ms);
  if (since < 60_000) return `${Math.floor(since / 1000)} s ago`;
  if (since < 3_600_000) return `${Math.floor(since / 60_000)} min ago`;
  return since < DAY_MS ? `${Math.floor(since / 3_600_000)} h ago` : day(wallClock(ms, zone));
}
