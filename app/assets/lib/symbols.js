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

const SIGN = /[-+*/()\s]/;
const MOST_LENGTH = 64;

/**
 * A ratio or spread as it is typed, such as `spy / 2*ibm`: with its symbols as they are known, and which these are, in order.  A
 * symbol may hold signs itself, as `BTC/USDT` does: the longest known one counts; between quotes what they hold.
 * @param {string} typed @param {Iterable<string>} symbols @returns {{text: string, legs: string[]}}
 */
export function readFormula(typed, symbols) {
  const known = new Map([...symbols].map((one) => [one.toLowerCase(), one]));
  let text = "";
  /** @type {Set<string>} */
  const legs = new Set();
  for (let at = 0; at < typed.length; ) {
    const quoted = /^"([^"]*)"/.exec(typed.slice(at));
    let end = Math.min(typed.length, at + MOST_LENGTH);
    while (end > at && !((end === typed.length || SIGN.test(typed[end])) && known.has(typed.slice(at, end).toLowerCase()))) end -= 1;
    const found = quoted ? quoted[1] : known.get(typed.slice(at, end).toLowerCase());
    if (found !== undefined) {
      legs.add(found);
      text += quoted ? quoted[0] : found;
      at = quoted ? at + quoted[0].length : end;
    } else if (SIGN.test(typed[at])) {
      if (typed[at].trim()) text += typed[at];
      at += 1;
    } else {
      const [word] = /** @type {RegExpExecArray} */ (/^[^-+*/()\s]+/.exec(typed.slice(at)));
      if (!/^[\d.]+$/.test(word)) legs.add(word.toUpperCase());
      text += word.toUpperCase();
      at += word.length;
    }
  }
  return { text, legs: [...legs] };
}

/** May a text that is no symbol be meant as a ratio or spread? @param {string} text */
export const looksLikeFormula = (text) => /[-+*/()]/.test(text);
