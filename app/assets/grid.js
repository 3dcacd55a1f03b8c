// What the grids have in common.

/**
 * Show what the grid was told, now.  React would write the cells in a task of its own, some 6 ms later, and a lone tick
 * would often miss an animation frame for that.
 * @param {any} api AG Grid's
 */
export function showNow(api) {
  window.ReactDOM.flushSync(() => api.flushAsyncTransactions());
}
