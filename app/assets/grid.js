// What the grids have in common.

/**
 * Show what the grid was told, now.  React would write the cells in a task of its own, some 6 ms later, and a lone tick
 * would often miss an animation frame for that.
 * @param {any} api AG Grid's
 */
export function showNow(api) {
  window.ReactDOM.flushSync(() => api.flushAsyncTransactions());
}

/**
 * Start with no rows.  They are not given by Dash, which would copy all rows into the component's properties, compare
 * and draw it anew after each transaction: 5 ms of a lone tick.
 * @param {any} api AG Grid's
 */
export function startEmpty(api) {
  api.setGridOption("rowData", []);
}
