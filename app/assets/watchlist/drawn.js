// Cells that are drawn: the day's range as a bar, its prices as a line.  Made by React, as the grid is.

const [WIDE, HIGH] = [80, 18];

/** @typedef {{value: any, data: any}} Cell */

export const drawn = {
  /** From the day's low to its high; the mark is the last price. @param {Cell} cell */
  Range: ({ value, data }) =>
    value === null || value === undefined
      ? null
      : window.React.createElement(
          "div",
          { className: `range-bar ${data.change > 0 ? "up" : data.change < 0 ? "down" : ""}`, title: `${Math.round(value)} % of the way from low to high`, style: { "--at": `${value}%` } },
        ),
  /** @param {Cell} cell `value`: closes, oldest first */
  Spark: ({ value, data }) => {
    if (!value?.length) return null;
    const closes = typeof data.last === "number" ? [...value, data.last] : value;
    const [low, high] = [Math.min(...closes), Math.max(...closes)];
    const y = (/** @type {number} */ close) => (high > low ? 1 + ((high - close) / (high - low)) * (HIGH - 2) : HIGH / 2);
    const points = closes.map((close, at) => `${((at / Math.max(1, closes.length - 1)) * WIDE).toFixed(1)},${y(close).toFixed(1)}`);
    return window.React.createElement(
      "svg",
      { className: `spark ${data.change > 0 ? "up" : data.change < 0 ? "down" : ""}`, viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": true },
      window.React.createElement("polyline", { points: points.join(" ") }),
    );
  },
};
