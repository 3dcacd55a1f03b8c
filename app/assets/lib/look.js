// How the page looks: theme, colours of rising and falling prices, motion, how numbers and dates are written.  Chosen in
// comfort/settings.js, kept in the browser, worn by early.js before anything is painted.

/**
 * @typedef {{theme: string, colors: string, up: string, down: string, motion: string, numbers: string, dates: string}} Look
 *   `theme`: system, dark, light or contrast; `colors`: western, eastern, blind or own, which are `up` and `down`, #rrggbb;
 *   `motion`: system or reduced; `numbers`: a locale of `NUMBERS`; `dates`: one of `DATES`
 */

const KEPT = "tickdeck.look";
/** @type {Look} */
const USUAL = { theme: "dark", colors: "western", up: "#26a69a", down: "#ef5350", motion: "system", numbers: "en-US", dates: "day" };
export const NUMBERS = ["en-US", "de-DE", "de-CH", "fr-FR", "en-IN"];
export const DATES = ["day", "iso", "us"];

/** @type {Look} */
let now = known({ ...USUAL, ...window.tickdeckLook });
/** @type {((look: Look) => void)[]} */
const listeners = [];
/** @type {Map<string, string>} */
const inks = new Map();

/** What is not known any more becomes what is usual. @param {Look} look @returns {Look} */
function known(look) {
  return {
    ...look,
    numbers: NUMBERS.includes(look.numbers) ? look.numbers : USUAL.numbers,
    dates: DATES.includes(look.dates) ? look.dates : USUAL.dates,
  };
}

/** The look that is worn. @returns {Look} */
export const look = () => now;

/** Call `listener` whenever another look is worn. @param {(look: Look) => void} listener */
export function onLook(listener) {
  listeners.push(listener);
}

/** Wear another look, and keep it. @param {Partial<Look>} wanted */
export function wear(wanted) {
  now = known({ ...now, ...wanted });
  try {
    localStorage.setItem(KEPT, JSON.stringify(now));
  } catch {
    // A browser that keeps nothing: the next page has the usual one.
  }
  worn();
}

function worn() {
  window.tickdeckWear(now);
  inks.clear();
  listeners.forEach((listener) => listener(now));
}

/** A colour of the style sheet for what is drawn on a canvas or by Plotly: `ink("up")` is its `--up`. @param {string} name @returns {string} #rrggbb */
export function ink(name) {
  let color = inks.get(name);
  if (color === undefined) {
    color = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    inks.set(name, color);
  }
  return color;
}

/** Red, green and blue of a colour, such as `38,166,154`: for an `rgba(…)`. @param {string} name */
export function parts(name) {
  return [1, 3, 5].map((at) => parseInt(ink(name).slice(at, at + 2), 16)).join(",");
}

/** A colour that is seen through. @param {string} name @param {number} opacity */
export const tint = (name, opacity) => `rgba(${parts(name)},${opacity})`;

/** What stands between thousands, and before the decimals. @returns {{group: string, decimal: string}} */
export function separators() {
  const found = Object.fromEntries(new Intl.NumberFormat(now.numbers).formatToParts(12_345.6).map(({ type, value }) => [type, value]));
  return { group: found.group, decimal: found.decimal };
}

// Another window of this browser, or the workspace around this panel, has chosen another one.
addEventListener("storage", ({ key, newValue }) => {
  if (key !== KEPT || newValue === null) return;
  try {
    now = known({ ...USUAL, ...JSON.parse(newValue) });
    worn();
  } catch {
    // What another program has put there is none.
  }
});

window.tickdeckLookChanged = worn;
