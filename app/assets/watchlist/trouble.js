// Why what a symbol shows may not be what there is, in a word: whoever is in the way between it and the exchange.

import { venueOf } from "../lib/symbols.js";

/** By what the status line says. @type {Record<string, {state: string, told: string}>} */
const LINKS = {
  stale: { state: "stale", told: "the server was not heard for some seconds: this may be old" },
  reconnecting: { state: "lost", told: "the connection to the server is lost: this is old" },
  database: { state: "no db", told: "the database is away: this may be old" },
};

/**
 * What is wrong with the way to a symbol; null: nothing.  A feed that says its venue has the symbols of that; any other has
 * those without a venue, unless another such feed runs.
 * @param {string} symbol @param {string} link the state of the status line @param {any[]} feeds of the status
 * @returns {?{state: string, told: string}}
 */
export function trouble(symbol, link, feeds) {
  if (LINKS[link]) return LINKS[link];
  if (link === "replay" || link === "connecting") return null;
  const venue = venueOf(symbol);
  const its = feeds.filter((feed) => (feed.venue ?? "") === venue);
  const cut = its.find(isDown);
  if (!cut || its.some((feed) => feed.state === "running" && !isDown(feed))) return null;
  const why = cut.state !== "running" ? `is ${cut.state}` : "has lost its exchange";
  return { state: "cut", told: `the feed ${cut.name} ${why}: nothing newer comes` };
}

/**
 * How many stretches of a symbol's trades its feeds have missed; null: none.
 * @param {string} symbol @param {any[]} feeds of the status @returns {?number}
 */
export const gapsOf = (symbol, feeds) => feeds.reduce((sum, feed) => sum + (feed.gaps?.[symbol] ?? 0), 0) || null;

/** @param {any} feed */
const isDown = (feed) => feed.down === true || (feed.state === "running" && feed.connected === false);
