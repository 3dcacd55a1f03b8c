// When exchanges trade: their regular hours around an instant, read once for each exchange and four weeks.

import { exchangeOf, leadOf, zoneOf } from "./instruments.js";

const WEEK_MS = 7 * 86_400_000;
const AGAIN_AFTER_MS = 30_000;

/** @type {Map<string, number[][]>} [open, close] in ms, in order; none: it trades around the clock */
const known = new Map();
/** When what could not be read was asked for, ms. @type {Map<string, number>} */
const asked = new Map();

/**
 * The regular hours of a symbol's exchange two weeks around `ms`, in order; empty: around the clock; null: not known yet,
 * then `then` is called once they are.
 * @param {string} symbol @param {number} ms @param {() => void} [then]
 * @returns {?number[][]}
 */
export function hoursAround(symbol, ms, then = () => {}) {
  const exchange = exchangeOf(symbol);
  if (!exchange) return [];
  const week = Math.floor(ms / WEEK_MS);
  const key = `${exchange} ${zoneOf(symbol)} ${week}`;
  const hours = known.get(key);
  if (!hours && Date.now() - (asked.get(key) ?? 0) > AGAIN_AFTER_MS) {
    asked.set(key, Date.now());
    read(symbol, week).then((read) => {
      if (!read) return;
      known.set(key, read);
      then();
    });
  }
  return hours ?? null;
}

/** @param {string} symbol @param {number} week @returns {Promise<?number[][]>} */
async function read(symbol, week) {
  const [start, end] = [week - 2, week + 2].map((each) => new Date(Math.max(0, each * WEEK_MS)).toISOString());
  try {
    const answer = await fetch(`api/sessions?${new URLSearchParams({ symbol: leadOf(symbol), start, end })}`);
    return answer.ok ? (await answer.json()).flatMap((/** @type {any} */ session) => session.hours) : null;
  } catch {
    return null; // the connection says that the server is away
  }
}
