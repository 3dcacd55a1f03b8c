// A symbol's two parts: the venue, where it has one, and what is traded there (BINANCE:BTC/USDT).

const PARTS = /^([A-Z0-9][A-Z0-9._-]{0,15}):(.+)$/;

/** @param {?string} symbol @returns {string} empty: none */
export const venueOf = (symbol) => PARTS.exec(symbol ?? "")?.[1] ?? "";

/** What is traded, without the venue. @param {?string} symbol */
export const pairOf = (symbol) => PARTS.exec(symbol ?? "")?.[2] ?? symbol ?? "";

const NO_KEY = "__proto__";

/** The id of a symbol's row: the grid keeps rows in plain objects, in which this one symbol is no key. @param {string} symbol */
export const rowIdOf = (symbol) => (symbol === NO_KEY ? `${NO_KEY} ` : symbol);

/** The symbol of a row, by its id. @param {string} id */
export const symbolOfRow = (id) => (id === `${NO_KEY} ` ? NO_KEY : id);

/**
 * The symbol that somebody means who typed it whole or without its venue, in any case; at several venues, the first.
 * @param {string} typed @param {Iterable<string>} symbols @returns {string | undefined}
 */
export function meant(typed, symbols) {
  const wanted = typed.toLowerCase();
  const known = [...symbols].sort();
  return known.find((one) => one.toLowerCase() === wanted) ?? known.find((one) => pairOf(one).toLowerCase() === wanted);
}

/** Write a symbol, its venue as a small part of its own. @param {HTMLElement} at @param {?string} symbol */
export function writeSymbol(at, symbol) {
  const venue = document.createElement("span");
  venue.className = "venue";
  venue.textContent = venueOf(symbol);
  at.replaceChildren(pairOf(symbol), ...(venue.textContent ? [" ", venue] : []));
}
