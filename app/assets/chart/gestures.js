// Taking hold of the chart: the price axis by mouse, wheel and finger, the plot by fingers and keys.  What a mouse does to
// the plot is Plotly's; fingers are kept from it, for it leaves none of their movements to the page.

import { closest, element } from "../lib/dom.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {{x: number, y: number}} Point px in the panel */

/** A finger that has moved less has tapped. */
const STILL_PX = 8;
/** Taps this near to the crosshair take it away. */
const SAME_PX = 24;
/** One step of the wheel on the price axis. */
const WHEEL = 0.0015;

export class Gestures {
  /** @param {Chart} chart @param {HTMLElement} panel */
  constructor(chart, panel) {
    this.chart = chart;
    this.panel = panel;
    /** Fingers on the plot. @type {Map<number, Point>} */
    this.fingers = new Map();
    /** Where they began, and what was in view then. @type {?{points: Point[], from: number, to: number, moved: boolean}} */
    this.start = null;
    panel.addEventListener("touchstart", (event) => this.isPlot(event) && event.stopPropagation(), { capture: true, passive: true });
    // Only a swipe up or down is the browser's: a pinch would enlarge the whole page.
    panel.addEventListener("touchmove", (event) => this.isOurs(event) && event.cancelable && event.preventDefault(), { passive: false });
    panel.addEventListener("pointerdown", (event) => this.down(event));
    panel.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) panel.addEventListener(end, (event) => this.up(/** @type {PointerEvent} */ (event)));
    panel.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && chart.pointAt(null));
    priceAxis(chart, element("price-axis"));
    keys(chart, element("chart-keys"));
  }

  /** Is an event about the plot?  Plotly's layers and ours are all there is of it. @param {Event} event */
  isPlot(event) {
    return closest(event, "#chart") !== null;
  }

  /** @param {TouchEvent} event */
  isOurs(event) {
    return this.start !== null && this.isPlot(event) && (event.touches.length > 1 || this.start.moved);
  }

  /** @param {PointerEvent} event @returns {Point} */
  at(event) {
    const box = this.panel.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.pointerType === "mouse" || !this.isPlot(event)) return;
    this.fingers.set(event.pointerId, this.at(event));
    this.begin(false);
  }

  /** Count from where the fingers are now. @param {boolean} moved is it no tap any more? */
  begin(moved) {
    const { from, to } = this.chart.view;
    const points = [...this.fingers.values()];
    this.start = points.length ? { points, from, to, moved: moved || points.length > 1 } : null;
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.pointerType === "mouse") return void this.chart.pointAt(this.at(event));
    if (!this.fingers.has(event.pointerId) || !this.start) return undefined;
    this.fingers.set(event.pointerId, this.at(event));
    const { points, from, to } = this.start;
    const now = [...this.fingers.values()];
    const { left, right } = this.chart.overlay.frame;
    const slots = (to - from) / (right - left);
    if (now.length === 1) {
      const by = (points[0].x - now[0].x) * slots;
      if (!this.start.moved && Math.abs(points[0].x - now[0].x) < STILL_PX) return undefined;
      this.start.moved = true;
      this.chart.slide(from + by, to + by);
      return undefined;
    }
    // The candle between the fingers stays between them, and as far apart from its neighbours as they are.
    const apart = (/** @type {Point[]} */ [one, other]) => Math.max(20, Math.hypot(one.x - other.x, one.y - other.y));
    const middle = (/** @type {Point[]} */ [one, other]) => (one.x + other.x) / 2 - left;
    const held = from + middle(points) * slots;
    const wider = (slots * apart(points)) / apart(now);
    const first = held - middle(now) * wider;
    this.chart.slide(first, first + wider * (right - left));
    return undefined;
  }

  /** @param {PointerEvent} event */
  up(event) {
    const finger = this.fingers.get(event.pointerId);
    if (!finger || !this.start) return;
    this.fingers.delete(event.pointerId);
    const { moved } = this.start;
    if (event.type === "pointerup" && !moved) this.tap(finger);
    if (moved && !this.fingers.size) this.chart.slideEnded();
    this.begin(moved);
  }

  /** A crosshair where there is none; a tap on it takes it away. @param {Point} at */
  tap(at) {
    const before = this.chart.pointer;
    const same = before && Math.hypot(before.x - at.x, before.y - at.y) < SAME_PX;
    this.chart.pointAt(same ? null : at);
  }
}

/** The price axis: dragged and wheeled it is stretched, a double click gives it back. @param {Chart} chart @param {HTMLElement} axis */
function priceAxis(chart, axis) {
  let last = 0;
  let held = false;
  axis.addEventListener("pointerdown", (event) => {
    held = true;
    last = event.clientY;
    axis.setPointerCapture(event.pointerId);
  });
  axis.addEventListener("pointermove", (event) => {
    if (!held) return;
    chart.scale.stretch(Math.exp((event.clientY - last) / 160));
    last = event.clientY;
    chart.rescaled();
  });
  for (const end of ["pointerup", "pointercancel"]) axis.addEventListener(end, () => (held = false));
  axis.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      chart.scale.stretch(Math.exp(event.deltaY * WHEEL));
      chart.rescaled();
    },
    { passive: false },
  );
  axis.addEventListener("dblclick", (event) => {
    event.stopPropagation();
    chart.scale.manual = false;
    chart.rescaled();
  });
}

/** The chart by the keyboard: loaded once it has the focus, with what was pressed until then. @param {Chart} chart @param {HTMLElement} at */
function keys(chart, at) {
  /** @type {KeyboardEvent[]} */
  const early = [];
  let press = (/** @type {KeyboardEvent} */ event) => void early.push(event);
  at.addEventListener("keydown", (event) => press(event));
  at.addEventListener("focus", async () => {
    try {
      const module = await import("./keys.js");
      press = module.keys(chart, at);
      early.splice(0).forEach(press);
    } catch {
      // The connection tells that the server is away.
    }
  }, { once: true });
}
