// What is known of each symbol: decimals, zone, name.  Read once, and again when a new symbol turns up.

/** @typedef {{symbol: string, name: ?string, exchange: ?string, timezone: string, price_decimals: number}} Instrument */

/** @type {Map<string, Instrument>} */
const known = new Map();
/** @type {?Promise<void>} */
let reading = null;
let readAt = 0;
const AT_MOST_EVERY = 5_000;

/** Read the instruments from the server. @returns {Promise<void>} */
export function readInstruments() {
  reading ??= (async () => {
    readAt = Date.now();
    try {
      const answer = await fetch("/api/instruments");
      if (answer.ok) for (const one of await answer.json()) known.set(one.symbol, one);
    } catch {
      // The connection says that the server is away; the next new symbol asks again.
    } finally {
      reading = null;
    }
  })();
  return reading;
}

/** Take what is told of instruments. @param {Instrument[]} instruments */
export function know(instruments) {
  for (const one of instruments) known.set(one.symbol, one);
}

/** Read again if one of `symbols` is not known yet. @param {Iterable<string>} symbols @returns {Promise<boolean>} */
export async function learn(symbols) {
  const unknown = [...symbols].some((symbol) => !known.has(symbol));
  if (!unknown || Date.now() - readAt < AT_MOST_EVERY) return false;
  await readInstruments();
  return true;
}

/** Digits after the point. @param {string} symbol */
export const decimalsOf = (symbol) => known.get(symbol)?.price_decimals ?? 2;
/** The exchange's zone. @param {string} symbol */
export const zoneOf = (symbol) => known.get(symbol)?.timezone ?? "UTC";
