// What is known of each symbol: decimals, zone, name.  Read once, and again when a new symbol turns up.

import { looksLikeFormula, readFormula } from "./symbols.js";

/** @typedef {{symbol: string, name: ?string, exchange: ?string, timezone: string, price_decimals: number, sector?: ?string}} Instrument */

/** @type {Map<string, Instrument>} */
const known = new Map();
/** @type {?Promise<void>} */
let reading = null;
let readAt = 0;
const AT_MOST_EVERY = 5_000;
let again = 0;
/** @type {(() => void)[]} */
const listeners = [];

/** Call `listener` whenever more is known: what was shown before may be in another zone, or with other decimals. @param {() => void} listener */
export function onInstruments(listener) {
  listeners.push(listener);
}

/** Read the instruments from the server. @returns {Promise<void>} */
export function readInstruments() {
  reading ??= (async () => {
    readAt = Date.now();
    let read = false;
    try {
      const answer = await fetch("api/instruments");
      if (answer.ok) addInstruments(await answer.json());
      read = answer.ok;
    } catch {
      // The connection says that the server is away.
    } finally {
      reading = null;
      if (!read) readAgain();
    }
  })();
  return reading;
}

/** Take what is told of instruments. @param {Instrument[]} instruments */
export function addInstruments(instruments) {
  for (const one of instruments) known.set(one.symbol, one);
  listeners.forEach((listener) => listener());
}

/** Read again if one of `symbols` is not known yet; not at once where that was done just now. @param {Iterable<string>} symbols */
export function readUnknown(symbols) {
  if ([...symbols].every((symbol) => known.has(symbol))) return;
  if (Date.now() - readAt < AT_MOST_EVERY) readAgain();
  else void readInstruments();
}

function readAgain() {
  clearTimeout(again);
  again = setTimeout(readInstruments, AT_MOST_EVERY);
}

/** Every symbol that is known. */
export const knownSymbols = () => [...known.keys()];
/** Is it a ratio or spread of symbols, and not one of them? @param {?string} symbol */
export const isFormula = (symbol) => symbol !== null && !known.has(symbol) && looksLikeFormula(symbol);
/** The symbols of which a chart is: one, or those of a ratio or spread. @param {string} symbol */
export const legsOf = (symbol) => (isFormula(symbol) ? readFormula(symbol, known.keys()).legs : [symbol]);
/** The first of them, whose hours and zone count. @param {string} symbol */
export const leadOf = (symbol) => legsOf(symbol)[0] ?? symbol;
/** Digits after the point. @param {string} symbol */
export const decimalsOf = (symbol) => known.get(symbol)?.price_decimals ?? 2;
/** The exchange's zone. @param {string} symbol */
export const zoneOf = (symbol) => known.get(leadOf(symbol))?.timezone ?? "UTC";
/** What it stands for; empty: not known. @param {string} symbol */
export const nameOf = (symbol) => known.get(symbol)?.name ?? "";
/** What an overview puts it beside; empty: not known. @param {string} symbol */
export const sectorOf = (symbol) => known.get(symbol)?.sector ?? "";
/** The listing exchange as a MIC; null: none is known. @param {string} symbol @returns {?string} */
export const exchangeOf = (symbol) => known.get(leadOf(symbol))?.exchange ?? null;
