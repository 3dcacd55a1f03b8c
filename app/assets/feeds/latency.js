// How long each part of a tick's way took in the last minute, and how far clocks are apart: a table beside that of the feeds.

import { element, write } from "../lib/dom.js";
import { NONE } from "../lib/format.js";
import { serverSkew, skewIsMeasured } from "../lib/now.js";

/** @typedef {{stage: string, feed: string, p50_ms: number, p99_ms: number}} Stage */

const KEPT_MS = 60_000;
/** So many paints are kept, and told the server at once at the most. */
const KEPT = 500;
const TOLD = 50;
/** @type {Record<string, string>} */
const NAMES = {
  exchange: "Exchange \u2192 feed",
  commit: "Feed \u2192 commit",
  notify: "Commit \u2192 notify",
  frame: "Notify \u2192 frame",
  paint: "Frame \u2192 paint",
};

export class Latency {
  constructor() {
    /** @type {{at: number, ms: number}[]} */
    this.paints = [];
    /** Paints that the server was not told of. @type {number[]} */
    this.untold = [];
    this.painting = false;
    const table = document.createElement("table");
    table.id = "latency";
    table.createTHead().append(row("th", ["Latency", "Median", "99 %"]));
    this.body = table.createTBody();
    this.clocks = document.createElement("p");
    this.clocks.id = "clocks";
    element("feeds").append(table, this.clocks);
  }

  /** A frame has come and is under way to the screen. @param {number} built when it was made, ms of the server's clock */
  frame(built) {
    if (this.painting || document.hidden || !skewIsMeasured()) return;
    this.painting = true;
    requestAnimationFrame(() => setTimeout(() => this.painted(Date.now() + serverSkew() - built)));
  }

  /** @param {number} ms */
  painted(ms) {
    this.painting = false;
    const now = performance.now();
    const taken = Math.max(0, Math.round(ms));
    this.paints = [...this.paints.filter(({ at }) => now - at < KEPT_MS), { at: now, ms: taken }].slice(-KEPT);
    this.untold = [...this.untold, taken].slice(-TOLD);
  }

  /** What the server is to be told now. @returns {number[]} */
  report() {
    return this.untold.splice(0);
  }

  /** @param {Stage[]} stages as the server has them @param {?number} databaseSkew ms, against the server */
  apply(stages, databaseSkew) {
    const own = quantiles(this.paints.map(({ ms }) => ms));
    const shown = [...stages.filter(({ stage }) => stage !== "paint"), ...(own ? [own] : [])];
    this.body.replaceChildren(
      ...shown.map(({ stage, feed, p50_ms, p99_ms }) =>
        row("td", [`${NAMES[stage] ?? stage}${feed ? ` (${feed})` : ""}`, `${p50_ms} ms`, `${p99_ms} ms`]),
      ),
    );
    const page = skewIsMeasured() ? apart(-serverSkew()) : NONE;
    write(this.clocks, `Clocks against the server's: this page ${page}, database ${databaseSkew === null ? NONE : apart(databaseSkew)}`);
  }
}

/** @param {number} ms */
function apart(ms) {
  const size = Math.abs(ms) < 1_000 ? `${Math.abs(Math.round(ms))} ms` : `${(Math.abs(ms) / 1_000).toFixed(1)} s`;
  return `${ms > 0 ? "+" : ms < 0 ? "\u2212" : ""}${size}`;
}

/** Median and 99th percentile (nearest rank). @param {number[]} taken @returns {?Stage} */
function quantiles(taken) {
  if (!taken.length) return null;
  const ordered = [...taken].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => ordered[Math.ceil(share * ordered.length) - 1];
  return { stage: "paint", feed: "", p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** @param {string} kind @param {string[]} texts */
function row(kind, texts) {
  const made = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    made.append(cell);
  }
  return made;
}
