// The chart by the keyboard.

/** @typedef {import("./chart.js").Chart} Chart */

/** One step of an arrow key on the price axis. */
const KEY_STRETCH = 0.85;

/**
 * The chart by the keyboard, once it has the focus: arrows move the crosshair from candle to candle, and with it the view;
 * what it is on is told to who cannot see it.
 * @param {Chart} chart @param {HTMLElement} at @returns {(event: KeyboardEvent) => void} what a key does
 */
export function keys(chart, at) {
  /** @type {?number} */
  let number = null;
  const show = (/** @type {number} */ wanted) => {
    const { candles, view, overlay } = chart;
    number = Math.min(Math.max(wanted, candles.base), candles.lastNumber);
    const candle = candles.at(number);
    if (!candle) return;
    const beyond = number < view.from + 1 ? number - view.from - 1 : number > view.to - 1 ? number - view.to + 1 : 0;
    if (beyond) chart.take(view.from + beyond, view.to + beyond);
    const { y } = overlay.axes;
    const { left, right, top, priceBottom } = overlay.frame;
    // Its place is told by the view, as Plotly's axis follows a moment later.
    const x = left + ((number - view.from) / (view.to - view.from)) * (right - left);
    const price = candle.empty ? (top + priceBottom) / 2 : y._offset + y.c2p(candle.c, true);
    chart.pointAt({ x, y: Math.min(Math.max(price, top), priceBottom) });
    const told = () => at.setAttribute("aria-label", `Chart: ${chart.readout.innerText.replaceAll("\n", " ")}`);
    requestAnimationFrame(() => requestAnimationFrame(told));
  };
  const page = (/** @type {number} */ way) => {
    const by = way * chart.view.count * 0.8;
    chart.take(chart.view.from + by, chart.view.to + by);
  };
  const actions = {
    ArrowLeft: () => show((number ?? chart.candles.lastNumber + 1) - 1),
    ArrowRight: () => show((number ?? chart.candles.lastNumber - 1) + 1),
    ArrowUp: () => stretch(KEY_STRETCH),
    ArrowDown: () => stretch(1 / KEY_STRETCH),
    PageUp: () => page(-1),
    PageDown: () => page(1),
    Home: () => chart.take(chart.candles.base, chart.candles.base + chart.view.count),
    End: () => chart.press("newest"),
    "+": () => chart.press("in"),
    "=": () => chart.press("in"),
    "-": () => chart.press("out"),
    0: () => {
      chart.scale.manual = false;
      chart.rescaled();
    },
    Escape: () => {
      number = null;
      chart.pointAt(null);
    },
  };
  const stretch = (/** @type {number} */ factor) => {
    chart.scale.stretch(factor);
    chart.rescaled();
  };
  at.addEventListener("blur", () => actions.Escape());
  return (/** @type {KeyboardEvent} */ event) => {
    const action = event.ctrlKey || event.metaKey || event.altKey ? null : actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
}
