// Layouts: in the form in which they are stored (app/web/workspaces.py), in Dockview's, and those that are ready made.

/**
 * @typedef {{kind: string, symbol?: string, interval?: string, name?: string, link?: string, same_interval?: boolean}} Panel
 * @typedef {{share: number, panels?: Panel[], active?: number, parts?: Part[]}} Part
 * @typedef {{across: boolean, parts: Part[]}} Layout
 */

export const KINDS = {
  chart: "Chart",
  watchlist: "Watchlist",
  tape: "Tape",
  alerts: "Alerts",
  overview: "Movers",
  orderflow: "Order flow",
  feeds: "Feeds",
  code: "Script",
};
export const COLORS = ["red", "green", "blue", "amber"];
/** Those that show one symbol. */
export const OF_A_SYMBOL = ["chart", "orderflow", "tape"];
/** Those that have an interval. */
export const CHARTS = ["chart", "orderflow"];
/** Of the charts of a ready layout. @type {Record<number, string[]>} */
const INTERVALS = { 1: ["5m"], 2: ["1m", "15m"], 4: ["1m", "5m", "15m", "1h"], 6: ["1m", "5m", "15m", "1h", "4h", "1d"] };
const WATCHLIST_SHARE = 0.28;
const TAPE_SHARE = 0.3;

/**
 * Charts of one symbol at several intervals, linked, beside the watchlist and above the tape.
 * @param {number} count 1, 2, 4 or 6 @param {string} [symbol] none: the busiest
 * @returns {Layout}
 */
export function readyMade(count, symbol) {
  const of = symbol ? { symbol } : {};
  const charts = INTERVALS[count].map((interval) => ({ kind: "chart", ...of, interval, link: "red" }));
  const rows = count < 4 ? [charts] : [charts.slice(0, count / 2), charts.slice(count / 2)];
  const row = (/** @type {Panel[]} */ its, /** @type {number} */ share) => ({ share, parts: its.map((panel) => ({ share: 1 / its.length, panels: [panel] })) });
  const tape = { share: TAPE_SHARE, panels: [{ kind: "tape", ...of, link: "red" }, { kind: "alerts", link: "red" }, { kind: "feeds" }] };
  const left = { share: WATCHLIST_SHARE, parts: [{ share: 1 - TAPE_SHARE, panels: [{ kind: "watchlist", link: "red" }] }, tape] };
  return { across: true, parts: [left, { share: 1 - WATCHLIST_SHARE, parts: rows.map((its) => row(its, 1 / rows.length)) }] };
}

/** All panels of a layout, from its upper left on. @param {Layout | Part} layout @returns {Panel[]} */
export function panelsOf({ panels, parts }) {
  return [...(panels ?? []), ...(parts ?? []).flatMap(panelsOf)];
}

/** The same panels one over another, each with a tab: where there is no room beside each other. @param {Layout} layout @returns {Layout} */
export function stacked(layout) {
  const panels = panelsOf(layout);
  return { across: true, parts: panels.length ? [{ share: 1, panels }] : [] };
}

/**
 * In the form of Dockview.
 * @param {Layout} layout @param {{width: number, height: number}} room px
 * @param {(panel: Panel) => string} enter takes in a panel, and gives it an id
 */
export function toDock(layout, { width, height }, enter) {
  /** @type {Record<string, object>} */
  const panels = {};
  let groups = 0;
  const leaf = (/** @type {Part} */ part, /** @type {number} */ size) => {
    const views = (part.panels ?? []).map((panel) => {
      const id = enter(panel);
      panels[id] = { id, contentComponent: "panel", tabComponent: "tab", renderer: "always" };
      return id;
    });
    groups += 1;
    return { type: "leaf", size, data: { views, activeView: views[part.active ?? 0], id: `group-${groups}` } };
  };
  /** @type {(parts: Part[], across: boolean, wide: number, tall: number) => object[]} */
  const branch = (parts, across, wide, tall) => {
    const whole = parts.reduce((sum, { share }) => sum + share, 0);
    return parts.map((part) => {
      const size = ((across ? wide : tall) * part.share) / whole;
      if (!part.parts) return leaf(part, size);
      const [inside, high] = across ? [size, tall] : [wide, size];
      return { type: "branch", size, data: branch(part.parts, !across, inside, high) };
    });
  };
  const data = branch(layout.parts, layout.across, width, height);
  const root = { type: "branch", data, size: layout.across ? height : width };
  return { grid: { root, width, height, orientation: layout.across ? "HORIZONTAL" : "VERTICAL" }, panels };
}

/**
 * In the form in which they are stored.  Shares are of a hundred parts: what a window's size changes of them is no change.
 * @param {any} dock Dockview's @param {(id: string) => Panel} known
 * @returns {Layout}
 */
export function fromDock({ grid }, known) {
  /** @type {(nodes: any[]) => Part[]} */
  const parts = (nodes) => {
    const whole = nodes.reduce((sum, { size }) => sum + size, 0) || 1;
    return nodes.map(({ type, size, data }) => {
      const share = Math.min(1, Math.max(0.01, Math.round((100 * size) / whole) / 100));
      if (type === "branch") return { share, parts: parts(data) };
      return { share, panels: data.views.map(known), active: Math.max(0, data.views.indexOf(data.activeView)) };
    });
  };
  const filled = (/** @type {Part[]} */ all) => all.filter((part) => panelsOf(part).length);
  return { across: grid.orientation === "HORIZONTAL", parts: filled(grid.root.type === "branch" ? parts(grid.root.data) : parts([grid.root])) };
}
