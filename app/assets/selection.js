// The chosen symbol and interval.  The page's address is the truth; everything else follows it.

/** @typedef {{symbol: ?string, interval: string}} View */

export const INTERVALS = ["1s", "5s", "15s", "1m", "5m", "15m", "1h", "1d"];
const DEFAULT_INTERVAL = "1m";

/** @type {((view: View) => void)[]} */
const listeners = [];

/** The view the address asks for. @returns {View} */
export function view() {
  const asked = new URLSearchParams(location.search);
  const interval = asked.get("interval") ?? DEFAULT_INTERVAL;
  return {
    symbol: asked.get("symbol") || null,
    interval: INTERVALS.includes(interval) ? interval : DEFAULT_INTERVAL,
  };
}

/** Call `listener` with the view after every change. @param {(view: View) => void} listener */
export function onView(listener) {
  listeners.push(listener);
}

const tell = () => listeners.forEach((listener) => listener(view()));

/**
 * Choose a symbol, an interval or both.
 * @param {Partial<View>} wanted
 * @param {{replace?: boolean}} [how] `replace`: no new entry in the browser's history
 */
export function choose(wanted, { replace = false } = {}) {
  const before = view();
  const next = { ...before, ...wanted };
  const address = new URL(location.href);
  if (next.symbol) address.searchParams.set("symbol", next.symbol);
  address.searchParams.set("interval", next.interval);
  if (address.href === location.href) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  tell();
}

addEventListener("popstate", tell);
