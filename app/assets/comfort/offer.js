// All that the palette offers: symbols, intervals, indicators, and what the page's buttons do.

import { knownSymbols, nameOf } from "../lib/instruments.js";
import { wear } from "../lib/look.js";
import { panel } from "../lib/panel.js";
import { choose, INTERVALS } from "../lib/selection.js";

/** @typedef {import("./comfort.js").Entry} Entry */
/** @typedef {{name: string, title: string, parameters: {name: string, default: any}[]}} Kind an indicator */

/** Buttons of the page that may be hidden behind a menu: what they are called, their keys, and where they are. @type {[string, string, string][]} */
const BUTTONS = [
  ["Replay a day …", "R", "#replay-open"],
  ["Alerts", "A", "#alerts-open"],
  ["Overview: treemap, breadth, movers", "O", "#overview-open"],
  ["Feeds and latency", "", "#status-feeds"],
  ["Sheet of keys", "?", "#keys-open"],
  ["Look: theme, colours, numbers", "", "#look-open"],
  ["Chart: to the newest candle", "End", '[data-chart="newest"]'],
  ["Chart: zoom in", "+", '[data-chart="in"]'],
  ["Chart: zoom out", "−", '[data-chart="out"]'],
];
const REPLAY = [
  ["Replay: play or pause", "Space", "toggle"],
  ["Replay: faster", "+", "faster"],
  ["Replay: slower", "−", "slower"],
  ["Replay: to the open", "Home", "open"],
  ["Replay: to the close", "End", "close"],
  ["Replay: back to live", "L", "live"],
];
const LOOKS = /** @type {const} */ ([
  ["Theme: dark", { theme: "dark" }],
  ["Theme: light", { theme: "light" }],
  ["Theme: high contrast", { theme: "contrast" }],
  ["Colours: green up, red down", { colors: "western" }],
  ["Colours: red up, green down", { colors: "eastern" }],
  ["Colours: blue up, orange down, colour-blind safe", { colors: "blind" }],
]);

/** @type {Kind[]} */
let kinds = [];

/** The indicators there are; none while the server is away. */
async function readKinds() {
  if (kinds.length) return;
  try {
    const answer = await fetch("api/indicators");
    if (answer.ok) kinds = await answer.json();
  } catch {
    // Without them there is all the rest.
  }
}

/**
 * @param {object} page
 * @param {Iterable<string>} page.symbols of the watchlist
 * @param {(name: string) => void} page.replay press a button of the replay
 * @param {boolean} page.replaying
 * @param {(id: string) => void} page.addIndicator
 * @returns {Promise<Entry[]>}
 */
export async function everything({ symbols, replay, replaying, addIndicator }) {
  await readKinds();
  const known = replaying ? symbols : new Set([...symbols, ...knownSymbols()]);
  const click = (/** @type {string} */ selector) => /** @type {?HTMLElement} */ (document.querySelector(selector))?.click();
  return [
    ...[...known].sort().map((symbol) => ({ label: symbol, hint: nameOf(symbol), kind: "symbol", run: () => choose({ symbol }) })),
    ...INTERVALS.map((interval) => ({ label: interval, hint: "candles of", kind: "interval", run: () => choose({ interval }) })),
    ...kinds.map((kind) => ({
      label: kind.name.replaceAll("_", " "),
      hint: kind.title,
      kind: "indicator",
      run: () => addIndicator(spelt(kind)),
    })),
    ...(replaying ? REPLAY.map(([label, keys, name]) => ({ label, keys, kind: "action", run: () => replay(name) })) : []),
    ...BUTTONS.filter(([, , selector]) => !panel || document.querySelector(selector)?.checkVisibility()).map(([label, keys, selector]) => ({ label, keys: keys || undefined, kind: "action", run: () => click(selector) })),
    ...LOOKS.map(([label, wanted]) => ({ label, kind: "action", run: () => wear(wanted) })),
    ...(panel ? (parent.tickdeckDesk?.commands() ?? []) : [{ label: "Workspace: many panels side by side", kind: "action", run: () => location.assign("workspace") }]),
  ];
}

/** An indicator with its usual parameters. @param {Kind} kind */
function spelt({ name, parameters }) {
  return parameters.length ? `${name}(${parameters.map((each) => `${each.name}=${each.default}`).join(", ")})` : name;
}
