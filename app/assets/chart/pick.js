// A place on the chart that is chosen by a click.

import { element } from "../lib/dom.js";
import { intervalMs } from "../lib/selection.js";
import { timeAt } from "./drawings.js";

/**
 * Have the next click on the chart tell a time: that of the candle that is clicked.
 * @param {import("./chart.js").Chart} chart @param {(ms: number) => void} then
 */
export function pickTime(chart, then) {
  const layer = document.createElement("div");
  layer.className = "layer chart-draw";
  layer.dataset.picking = "time";
  const end = () => {
    layer.remove();
    document.removeEventListener("keydown", key, true);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end();
  };
  layer.addEventListener("pointermove", (event) => {
    const box = chart.panel.getBoundingClientRect();
    chart.pointAt({ x: event.clientX - box.left, y: event.clientY - box.top });
  });
  layer.addEventListener("pointerdown", (event) => event.preventDefault());
  layer.addEventListener("click", (event) => {
    const { candles, overlay, interval } = chart;
    const { x } = overlay.axes;
    const box = layer.getBoundingClientRect();
    const number = Math.round(x.p2c(event.clientX - box.left - x._offset));
    end();
    if (candles.length) then(candles.at(number)?.t ?? timeAt(candles, number, intervalMs(interval)));
  });
  document.addEventListener("keydown", key, true);
  element("chart-area").append(layer);
}
