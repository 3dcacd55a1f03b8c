// The status line, the mode badge, the headline and the page's title.

import { decimalsOf, zoneOf } from "./instruments.js";
import { change, NONE, percent, price } from "./format.js";
import { write, writeTo } from "./text.js";
import { clock, wallClock } from "./zone.js";

const STATES = {
  connecting: "Connecting",
  live: "Live",
  stale: "Stale",
  reconnecting: "Reconnecting",
  polling: "Polling",
  database: "Database away",
  replay: "Replay",
};
const LATENCY_KEPT_MS = 3_000;

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Status {
  constructor() {
    this.connection = "connecting";
    this.server = "live";
    this.latencyAt = 0;
    /** Server's clock minus this machine's, ms: the exchange's time is told by the server. */
    this.skew = 0;
    this.symbol = null;
    /** A replay's clock, ms, in place of the exchange's. @type {?number} */
    this.replayClock = null;
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
    if (status.ticks_per_s !== undefined) writeTo("status-rate", Math.round(status.ticks_per_s).toLocaleString("en-US"));
    if (status.database) writeTo("status-database", status.database);
    if (status.feeds) {
      const running = status.feeds.filter((feed) => feed.state === "running").map((feed) => feed.name);
      const failed = status.feeds.filter((feed) => feed.state === "failed").map((feed) => `${feed.name} failed`);
      writeTo("status-feed", [...failed, ...running].join(", ") || "none");
    }
    this.show();
  }

  /** @param {number} ms from the statement in the database to this page */
  latency(ms) {
    this.latencyAt = performance.now();
    writeTo("status-latency", `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
  }

  /** @param {number} serverMs the server's clock in a message */
  served(serverMs) {
    this.skew = serverMs - Date.now();
  }

  /** @param {?number} ms the clock of a replay; null: live */
  replayed(ms) {
    if (ms === this.replayClock) return;
    this.replayClock = ms;
    this.tick();
  }

  /** @param {number} count */
  symbols(count) {
    writeTo("status-symbols", String(count));
  }

  /** The chosen symbol's price beside its name and in the title. @param {?string} symbol @param {any} row */
  headline(symbol, row) {
    this.symbol = symbol;
    const decimals = symbol ? decimalsOf(symbol) : 2;
    const last = row ? price(row.last, decimals) : "";
    writeTo("headline-last", last);
    writeTo("headline-change", row ? `${change(row.change, decimals)}  ${percent(row.change_pct)}` : "");
    element("headline-change").dataset.went = row ? String(Math.sign(row.change ?? 0)) : "0";
    const title = symbol ? `${symbol} ${last} · Tickdeck`.replace("  ", " ") : "Tickdeck";
    write(document.querySelector("title"), title);
  }

  show() {
    let state = this.connection;
    if ((state === "live" || state === "polling") && this.server !== "live") {
      state = this.server === "replay" ? "replay" : "database";
    }
    element("status").dataset.state = state;
    writeTo("status-state", STATES[state]);
    const mode = element("mode");
    mode.dataset.mode = state;
    const badge = state === "replay" ? "REPLAY" : state === "live" || state === "polling" ? "LIVE" : "OFFLINE";
    write(mode, badge);
  }

  tick() {
    const zone = this.symbol ? zoneOf(this.symbol) : "UTC";
    writeTo("status-clock", `${clock(wallClock(this.replayClock ?? Date.now() + this.skew, zone))} ${zone.split("/").pop().replaceAll("_", " ")}`);
    if (performance.now() - this.latencyAt > LATENCY_KEPT_MS) writeTo("status-latency", NONE);
  }
}
