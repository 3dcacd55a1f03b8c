// What the grids have in common.

const SCROLL_BAR_PX = 12;

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

/**
 * Show as many columns as fit: the first ones of `byRank` stay longest.  A grid never scrolls sideways for them.
 * @param {any} api AG Grid's @param {HTMLElement} place where the grid is
 * @param {() => string[]} ranked the columns there is something for, the one that is needed most first
 * @returns {() => void} do it again, for other columns
 */
export function fitColumns(api, place, ranked) {
  const fit = (/** @type {number} */ width) => {
    const byRank = ranked();
    let left = width - SCROLL_BAR_PX;
    /** @type {string[]} */
    const spare = [];
    for (const id of byRank) {
      left -= api.getColumn(id).getMinWidth();
      if (left < 0) spare.push(id);
    }
    const shown = byRank.filter((id) => !spare.includes(id));
    if (shown.some((id) => !api.getColumn(id).isVisible())) api.setColumnsVisible(shown, true);
    if (spare.some((id) => api.getColumn(id).isVisible())) api.setColumnsVisible(spare, false);
  };
  api.addEventListener("gridSizeChanged", (event) => event.clientWidth && fit(event.clientWidth));
  fit(place.clientWidth);
  return () => fit(place.clientWidth);
}

const CELL_PADDING_PX = 16;
/** @type {?CanvasRenderingContext2D} */
let ruler = null;

/**
 * Make columns wide enough for texts, where they are not.
 * @param {any} api AG Grid's @param {HTMLElement} place where the grid is
 * @param {Record<string, string>} texts by column
 * @returns {boolean} whether any became wider
 */
export function widen(api, place, texts) {
  const columns = Object.entries(texts).map(([id, text]) => [api.getColumn(id), text]);
  const cell = place.querySelector(".ag-cell") ?? place;
  ruler ??= document.createElement("canvas").getContext("2d");
  const { fontSize, fontFamily } = getComputedStyle(cell);
  ruler.font = `600 ${fontSize} ${fontFamily}`;
  const narrow = new Map();
  for (const [column, text] of columns) {
    const width = Math.ceil(ruler.measureText(text).width) + CELL_PADDING_PX;
    if (column && width > column.getMinWidth()) narrow.set(column.getColId(), width);
  }
  if (!narrow.size) return false;
  const wide = (/** @type {any} */ made) => ({ ...made, minWidth: narrow.get(made.colId), flex: narrow.get(made.colId) });
  const made = api.getColumnDefs();
  api.setGridOption("columnDefs", made.map((/** @type {any} */ one) => (narrow.has(one.colId) ? wide(one) : one)));
  return true;
}

const RENDER_EVERY_MS = 10_000;

/**
 * Have each row that changes rendered now and then.  With every change of a cell AG Grid tells the row's React component its
 * id and styles, which are what they were; React keeps each of these until the component is rendered, and a row that
 * stays in its place never is: half a megabyte a minute.  Styles that are another object have it rendered.
 * @param {any} api AG Grid's
 */
export function renderRowsNowAndThen(api) {
  /** When each row was, ms. @type {WeakMap<object, number>} */
  const rendered = new WeakMap();
  api.setGridOption("getRowStyle", (/** @type {{node: object}} */ { node }) => {
    const now = performance.now();
    if (now - (rendered.get(node) ?? 0) < RENDER_EVERY_MS) return undefined;
    rendered.set(node, now);
    return {};
  });
}
