// The candlestick chart: closed candles by Plotly, everything that moves by Layers.

import { timeLabels, fullTime } from "./chart_axis.js";
import { Candles } from "./candles.js";
import { Layers } from "./chart_layers.js";
import { ChartView } from "./chart_view.js";
import { History } from "./chart_history.js";
import { showReadout } from "./chart_readout.js";
import { price } from "./format.js";

const PRICE_ROOM = 0.08;
const VOLUME_ROOM = 1.15;
const REDRAW_AT_MOST_EVERY_MS = 250;
const DRAG_PAUSE_MS = 2_000;
const [UP, DOWN] = ["rgba(38,166,154,0.42)", "rgba(239,83,80,0.42)"];

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
    this.frameAsked = false;
    this.shown = { low: 0, high: 0, volume: 0 };
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
    const followed = !same || this.view.follows(this.candles.lastNumber);
    this.listen();
    this.symbol = chart.symbol;
    this.interval = chart.interval;
    this.decimals = chart.price_decimals;
    this.candles = new Candles(chart.timezone);
    this.candles.merge(chart.candles);
    this.history.reset(chart.symbol, chart.interval);
    if (!same) this.view.newest(this.candles.lastNumber, this.plot.clientWidth - 76);
    else if (followed || edge === undefined) this.view.shift(this.candles.lastNumber + 1 - this.view.to);
    else return void this.restore(edge);
    this.draw();
  }

  /** Show again what ended at time `edge`, whose candles may be older than a snapshot's. @param {number} edge */
  async restore(edge) {
    const { candles } = this;
    await this.history.until(candles, edge);
    if (candles !== this.candles) return;
    this.view.shift(candles.base + candles.place(edge) - this.view.to);
    this.draw();
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
    const followed = this.view.follows(this.candles.lastNumber);
    const seen = this.candles.merge(chart.candles);
    const moved = seen.appended + seen.inserted;
    if (moved && followed) {
      this.view.shift(moved);
      this.candles.trim(Math.floor(this.view.from - this.view.count));
    }
    if (seen.appended) this.draw();
    else if (seen.changed || seen.inserted || this.outOfRange()) this.drawSoon();
    this.mark();
  }

  /** Has the forming candle left the drawn price range? */
  outOfRange() {
    const last = this.candles.last;
    if (!last || !this.view.follows(this.candles.lastNumber)) return false;
    const { low, high, volume } = this.shown;
    return last.h > high || last.l < low || last.v > volume;
  }

  drawSoon() {
    if (this.drawTimer) return;
    const wait = Math.max(0, REDRAW_AT_MOST_EVERY_MS - (performance.now() - this.drawnAt));
    this.drawTimer = setTimeout(() => this.draw(), wait);
  }

  /** Hand the closed candles and both ranges to Plotly in one redraw.  Never while the user drags. */
  async draw() {
    clearTimeout(this.drawTimer);
    this.drawTimer = 0;
    this.panel.dataset.candles = String(this.candles.length);
    // A drag whose end is never told must not stop the chart.
    if (this.dragging && performance.now() - this.draggedAt > DRAG_PAUSE_MS) this.dragging = false;
    if (this.drawing || this.dragging) {
      this.drawAgain = true;
      return;
    }
    this.drawing = true;
    this.drawAgain = false;
    this.drawnAt = performance.now();
    try {
      await window.Plotly.update(this.plot, this.traces(), this.ranges(), [0, 1]);
    } finally {
      this.drawing = false;
    }
    this.panel.dataset.drawn = `${this.symbol} ${this.interval}`;
    if (this.drawAgain) this.draw();
  }

  traces() {
    const { from, to } = this.view.slice(this.candles.base, this.candles.lastNumber - 1);
    const part = this.candles.all.slice(from - this.candles.base, Math.max(from, to + 1) - this.candles.base);
    const x = part.map((_, i) => from + i);
    return {
      x: [x, x],
      open: [part.map((candle) => candle.o), undefined],
      high: [part.map((candle) => candle.h), undefined],
      low: [part.map((candle) => candle.l), undefined],
      close: [part.map((candle) => candle.c), undefined],
      y: [undefined, part.map((candle) => candle.v)],
      "marker.color": [undefined, part.map((candle) => (candle.c >= candle.o ? UP : DOWN))],
    };
  }

  ranges() {
    const extent = this.candles.extent(this.view.from, this.view.to) ?? { low: 0, high: 1, volume: 1 };
    const room = (extent.high - extent.low) * PRICE_ROOM || extent.high * 1e-4;
    const volume = (extent.volume || 1) * VOLUME_ROOM;
    this.shown = { low: extent.low - room, high: extent.high + room, volume };
    return {
      "xaxis.range": [this.view.from, this.view.to],
      "yaxis.range": [this.shown.low, this.shown.high],
      "yaxis2.range": [0, this.shown.volume],
      "yaxis.tickformat": `,.${this.decimals}f`,
      uirevision: `${this.symbol} ${this.interval}`,
    };
  }

  /** The user is dragging or wheeling: follow with the layers only. */
  dragged() {
    this.dragging = true;
    this.draggedAt = performance.now();
    const [from, to] = this.plot._fullLayout.xaxis.range;
    this.view.from = from;
    this.view.to = to;
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
    this.draw();
    const read = await this.history.before(this.candles, this.view.from);
    if (read) this.draw();
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
    const last = candles.last ?? null;
    layers.drawForming(candles.lastNumber, last);
    layers.drawLast(last && last.c, last ? price(last.c, this.decimals) : "", !last || last.c >= last.o);
    const cross = this.crossing();
    layers.drawCross(cross);
    const read = cross?.number ?? candles.lastNumber;
    const title = `${this.symbol} · ${this.interval}`;
    showReadout(this.readout, title, candles.at(read), candles.at(read - 1), this.decimals);
  }

  /** What the pointer is on. */
  crossing() {
    if (!this.pointer || this.dragging || !this.candles.length) return null;
    const { x, y } = this.layers.axes;
    const { left, right, top, bottom, priceBottom } = this.layers.frame;
    const at = this.pointer;
    if (at.x < left || at.x > right || at.y < top || at.y > bottom) return null;
    const pointed = Math.round(x.p2c(at.x - left));
    const number = Math.min(Math.max(pointed, this.candles.base), this.candles.lastNumber);
    const candle = this.candles.at(number);
    if (!candle) return null;
    return {
      number,
      y: at.y,
      price: at.y <= priceBottom ? price(y.p2c(at.y - top), this.decimals) : null,
      time: fullTime(candle.wall, this.interval),
    };
  }
}
