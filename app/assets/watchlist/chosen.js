// What somebody chose of the watchlist's columns, kept in the browser.

/** @typedef {{order: string[], hidden: string[], pinned: string[], heat: boolean}} ChosenColumns ids of columns */

const KEPT = "tickdeck.watchlist.columns";

/** What was chosen; columns that are new since then come last, those that are gone are left out. @param {ChosenColumns} usual @returns {ChosenColumns} */
export function chosenColumns(usual) {
  /** @type {Partial<ChosenColumns>} */
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEPT) ?? "null") ?? {};
  } catch {
    localStorage.removeItem(KEPT);
  }
  const there = (/** @type {unknown} */ ids) => (Array.isArray(ids) ? ids.filter((id) => usual.order.includes(id)) : []);
  const order = [...new Set(there(kept.order))];
  if (!order.length) return usual;
  return {
    order: [...order, ...usual.order.filter((id) => !order.includes(id))],
    hidden: [...there(kept.hidden), ...usual.hidden.filter((id) => !order.includes(id))],
    pinned: there(kept.pinned),
    heat: kept.heat === true,
  };
}

/** @param {?ChosenColumns} chosen null: the usual ones */
export function keepColumns(chosen) {
  if (chosen) localStorage.setItem(KEPT, JSON.stringify(chosen));
  else localStorage.removeItem(KEPT);
}
