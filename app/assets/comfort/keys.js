// The sheet of keys.

import { head, make, showDialog } from "./dialog.js";

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Everywhere", [
    ["Ctrl K", "go to any symbol, interval, indicator or action"],
    ["/", "search the watchlist"],
    ["A", "alerts"],
    ["Alt A", "an alert at the price under the crosshair"],
    ["O", "the market at a glance"],
    ["R", "replay a day"],
    ["Alt R, Alt click", "replay from the candle under the crosshair"],
    ["?", "these keys"],
    ["Esc", "close what is open"],
  ]],
  ["Watchlist", [
    ["↑ ↓", "the symbol above or below"],
    ["Page Up, Page Down", "a page of symbols"],
    ["Enter in the search", "open the first that is found"],
  ]],
  ["Chart, once it has the focus", [
    ["← →", "read candle after candle"],
    ["↑ ↓", "stretch the prices"],
    ["+ −", "zoom"],
    ["Page Up, Page Down", "back and forth in time"],
    ["Home, End", "to the oldest, to the newest"],
    ["0", "fit the prices"],
    ["Ctrl Z, Ctrl Y", "take a drawing back, and again"],
    ["Del", "delete the chosen drawing"],
  ]],
  ["Workspace", [
    ["F6, Shift F6", "the next panel, the one before"],
    ["Del on a tab", "close the panel"],
    ["Ctrl K", "also: add, split, move, maximise panels"],
  ]],
  ["Replay", [
    ["Space", "play, pause"],
    ["← →", "one tick back or on"],
    ["Shift ← →", "one candle back or on"],
    ["+ −", "faster, slower"],
    ["Home, End", "to the open, to the close"],
    ["L", "back to live"],
  ]],
];

export function openKeys() {
  const groups = KEYS.map(([name, rows]) =>
    make("section", {}, make("h3", {}, name), make("dl", {}, ...rows.flatMap(([keys, what]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, what)]))),
  );
  const dialog = showDialog("keys", "Keys", [head("Keys"), make("div", { class: "keys-groups", tabindex: "0", role: "group", "aria-label": "All keys" }, ...groups)]);
  dialog.addEventListener("keydown", (event) => event.key === "?" && dialog.close());
}
