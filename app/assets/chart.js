// The candlestick chart.  Plotly has the older candles, and redraws all of them whatever changes; the newest ones are
// drawn by Layers, until Plotly gets a group of them in one redraw, with which the view moves on.

import { timeLabels } from "./chart_axis.js";
import { Candles } from "./candles.js";
import { crossing } from "./chart_cross.js";
import { Handed } from "./chart_handed.js";
import { History } from "./chart_history.js";
import { Layers } from "./chart_layers.js";
import { ChartRange } from "./chart_range.js";
import { ChartView } from "./chart_view.js";
import { showReadout } from "./chart_readout.js";
import { price } from "./format.js";
import { afterFrame } from "./frame.js";

const REDRAW_AT_MOST_EVERY_MS = 250;
/** So long closed candles may wait for Plotly; where candles are longer, the view moves on with each. */
const HAND_OVER_AFTER_MS = 10_000;
const DRAG_PAUSE_MS = 2_000;

export class Chart {
  /** @param {any} plot Plotly's element @param {HTMLElement} panel @param {HTMLElement} readout */
  constructor(plot, panel, readout) {
    this.plot = plot;
    this.panel = panel;
    this.readout = readout;
    const layer = (/** @type {string} */ id) => /** @type {HTMLElement} */ (panel.querySelector(id));
    this.layers = new Layers(layer("#chart-back"), layer("#chart-front"), plot);
    this.view = new ChartView();
    this.candles = new Candles("UTC");
    this.history = new History();
    this.symbol = "";
    this.interval = "";
    this.decimals = 2;
    /** Pointer over the plot, px in the panel. @type {?{x: number, y: number}} */
    this.pointer = null;
    this.dragging = false;
    this.draggedAt = 0;
    this.drawing = false;
    this.drawAgain = false;
    this.drawnAt = 0;
    this.drawTimer = 0;
    this.drawAsked = false;
    this.frameAsked = false;
    this.range = new ChartRange();
    /** Is the range to be made anew, because something else is shown? */
    this.refit = true;
    /** What Plotly has; the candles after them are Layers'. */
    this.handed = new Handed();
    /** What shades extended hours. @type {?{draw: () => void}} */
    this.shade = null;
    plot.on("plotly_relayouting", () => this.dragged());
    plot.on("plotly_afterplot", () => this.mark());
    plot.on("plotly_doubleclick", () => this.button("newest"));
  }

  /** Be the only one who is told of a drag: Dash would draw its own figure then, which has no prices. */
  listen() {
    this.plot.removeAllListeners("plotly_relayout");
    this.plot.on("plotly_relayout", (/** @type {any} */ change) => this.relaid(change));
  }

  /** The whole chart anew. @param {any} chart the snapshot's part */
  replace(chart) {
    const same = this.shows(chart.symbol, chart.interval);
    const edge = this.candles.at(Math.round(this.view.to))?.t;
    this.listen();
    this.symbol = chart.symbol;
    this.interval = chart.interval;
    this.decimals = chart.price_decimals;
    this.candles = new Candles(chart.timezone);
    this.candles.merge(chart.candles);
    this.history.reset(chart.symbol, chart.interval);
    if (!same) this.view.newest(this.candles.lastNumber, this.plot.clientWidth - 76);
    else if (this.view.following || edge === undefined) this.view.roll(this.candles.lastNumber);
    else return void this.restore(edge);
    this.drawAnew();
  }

  /** Show again what ended at time `edge`, whose candles may be older than a snapshot's. @param {number} edge */
  async restore(edge) {
    const { candles, view } = this;
    await this.history.until(candles, edge);
    if (candles !== this.candles) return;
    view.shift(candles.base + candles.place(edge) - view.to);
    view.placed(candles.lastNumber);
    this.drawAnew();
  }

  /** Is this what is drawn? @param {string} symbol @param {string} interval */
  shows(symbol, interval) {
    return this.symbol === symbol && this.interval === interval;
  }

  /** Nothing to show: the symbol is unknown. */
  clear() {
    if (this.symbol) this.replace({ symbol: "", interval: "", timezone: "UTC", price_decimals: 2, candles: [] });
  }

  /** Changed and new candles. @param {any} chart a frame's part */
  apply(chart) {
    if (!this.shows(chart.symbol, chart.interval)) return;
    const seen = this.candles.merge(chart.candles);
    if (seen.appended) this.panel.dataset.candles = String(this.candles.length);
    if (seen.appended && this.due()) this.drawNext();
    else if (seen.changed <= this.handed.t || !this.range.holds(this.handed.rest(this.candles, this.view))) this.drawSoon();
    this.mark();
  }

  /** Is it time to give Plotly the newest closed candles and to move the view on? */
  due() {
    const { view, candles } = this;
    if (!view.following || candles.lastNumber <= view.placedAt) return false;
    return view.crowded(candles.lastNumber) || performance.now() - this.drawnAt > HAND_OVER_AFTER_MS;
  }

  /** Draw after what is cheaper to draw, and what waits for it, is on the screen. */
  drawNext() {
    if (this.drawAsked) return;
    this.drawAsked = true;
    afterFrame(() => this.drawAsked && this.draw());
  }

  drawSoon() {
    if (this.drawTimer || this.drawAsked) return;
    const wait = Math.max(0, REDRAW_AT_MOST_EVERY_MS - (performance.now() - this.drawnAt));
    this.drawTimer = setTimeout(() => this.drawNext(), wait);
  }

  /** Draw what else is to be shown than before. */
  drawAnew() {
    this.refit = true;
    return this.draw();
  }

  /** Hand the closed candles and both ranges to Plotly in one redraw.  Never while the user drags. */
  async draw() {
    clearTimeout(this.drawTimer);
    this.drawTimer = 0;
    this.drawAsked = false;
    this.panel.dataset.candles = String(this.candles.length);
    // A drag whose end is never told must not stop the chart.
    if (this.dragging && performance.now() - this.draggedAt > DRAG_PAUSE_MS) this.dragging = false;
    if (this.drawing || this.dragging) {
      this.drawAgain = true;
      return;
    }
    this.drawing = true;
    this.drawAgain = false;
    this.moveOn();
    this.drawnAt = performance.now();
    const { candles, view } = this;
    const traces = this.handed.traces(candles, view.slice(candles.base, candles.lastNumber - 1));
    try {
      await window.Plotly.update(this.plot, traces, this.ranges(), [0, 1]);
    } finally {
      this.drawing = false;
    }
    this.panel.dataset.drawn = `${this.symbol} ${this.interval}`;
    if (this.drawAgain) this.draw();
  }

  /** Go on with time. */
  moveOn() {
    const { view, candles } = this;
    if (!view.following || candles.lastNumber <= view.placedAt) return;
    view.roll(candles.lastNumber);
    candles.trim(Math.floor(view.from - view.count));
  }

  ranges() {
    const { range, view } = this;
    range[this.refit ? "fit" : "keep"](this.candles.extent(view.from, view.to));
    this.refit = false;
    return {
      "xaxis.range": [view.from, view.to],
      "yaxis.range": [range.low, range.high],
      "yaxis2.range": [0, range.volume],
      "yaxis.tickformat": `,.${this.decimals}f`,
      uirevision: `${this.symbol} ${this.interval}`,
    };
  }

  /** The user is dragging or wheeling: follow with the layers only. */
  dragged() {
    this.dragging = true;
    this.draggedAt = performance.now();
    [this.view.from, this.view.to] = this.plot._fullLayout.xaxis.range;
    this.view.placed(this.candles.lastNumber);
    this.mark();
  }

  /** The user let go. @param {Record<string, any>} change */
  relaid(change) {
    if (change["xaxis.range[0]"] === undefined) return; // of a resize; Chart's own draw tells `plotly_update`
    this.dragging = false;
    const { base, lastNumber } = this.candles;
    this.view.take(change["xaxis.range[0]"], change["xaxis.range[1]"], base, lastNumber);
    this.moved();
  }

  /** Draw what came into view, and read older candles when the oldest are near. */
  async moved() {
    this.drawAnew();
    const read = await this.history.before(this.candles, this.view.from);
    if (read) this.drawAnew();
  }

  /** A button of the chart. @param {string} what */
  button(what) {
    if (what === "newest") this.view.newest(this.candles.lastNumber, this.plot.clientWidth - 76);
    else this.view.zoom(what === "in" ? 0.7 : 1 / 0.7, this.candles.lastNumber);
    this.moved();
  }

  /** @param {?{x: number, y: number}} pointer px in the panel */
  point(pointer) {
    this.pointer = pointer;
    this.mark();
  }

  /** Draw the layers in the next animation frame; many calls make one. */
  mark() {
    if (this.frameAsked) return;
    this.frameAsked = true;
    requestAnimationFrame(() => {
      this.frameAsked = false;
      this.drawLayers();
    });
  }

  drawLayers() {
    const { layers, candles, view } = this;
    if (!this.plot._fullLayout?.yaxis2) return;
    const { left, right } = layers.frame;
    this.shade?.draw();
    layers.drawTimes(timeLabels(candles, view.from, view.to, right - left));
    layers.drawNewest(candles, this.handed.end(candles));
    const last = candles.last ?? null;
    layers.drawLast(last && last.c, last ? price(last.c, this.decimals) : "", candles.rose(candles.lastNumber));
    const cross = this.pointer && !this.dragging ? crossing(this, this.pointer) : null;
    layers.drawCross(cross);
    const read = cross?.number ?? candles.lastNumber;
    const title = `${this.symbol} · ${this.interval}`;
    showReadout(this.readout, title, candles.at(read), candles.at(read - 1), this.decimals);
  }
}
