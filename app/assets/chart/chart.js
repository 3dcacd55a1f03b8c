// The chart.  Plotly has the older candles, and redraws all of them whatever changes; the newest ones are drawn by the
// overlay, until Plotly gets a group of them in one redraw, with which the view moves on.

import { holes, timeLabels } from "./axis.js";
import { Candles } from "./candles.js";
import { History } from "./history.js";
import { isCurve, looks, TRACES, wentUp } from "./kinds.js";
import { Overlay, PlottedCandles } from "./overlay.js";
import { timeLeft, pointedAt, pointedIn, priceAt, showReadout } from "./readout.js";
import { PriceScale } from "./scale.js";
import { ChartView, MOST_SHOWN, RIGHT_ROOM } from "./view.js";
import { choose, INTERVALS, intervalMs, isBars } from "../lib/selection.js";
import { afterFrame } from "../lib/dom.js";
import { decimalsFor } from "../lib/format.js";
import { isFormula } from "../lib/instruments.js";
import { ink, onLook } from "../lib/look.js";

/** @typedef {import("./kinds.js").Kind} Kind */
/** @typedef {import("./scale.js").ScaleMode} ScaleMode */
/**
 * @typedef {{from?: number, to: number, count?: number, share?: number}} Place what is to be seen, times in ms: what lies
 *   between two times, or so many candles up to one; that one at a `share` of the view, where there is one.  `to` Infinity:
 *   up to the newest
 */

const REDRAW_AT_MOST_EVERY_MS = 250;
/** So long closed candles may wait for Plotly; where candles are longer, the view moves on with each. */
const HAND_OVER_AFTER_MS = 10_000;
const DRAG_PAUSE_MS = 2_000;
/** A view zoomed out beyond what is shown goes on in the first longer interval that needs this share of it. */
const COARSER_SHARE = 0.75;
/** Right of the plot, px: the price axis. */
const AXIS_PX = 76;

export class Chart {
  /** @param {any} plot Plotly's element @param {HTMLElement} panel @param {HTMLElement} readout */
  constructor(plot, panel, readout) {
    this.plot = plot;
    this.panel = panel;
    this.readout = readout;
    const layer = (/** @type {string} */ id) => /** @type {HTMLElement} */ (panel.querySelector(id));
    this.overlay = new Overlay(layer("#chart-back"), layer("#chart-front"), plot);
    this.view = new ChartView();
    /** The market's newest candles. */
    this.live = new Candles("UTC");
    /** Those that are shown: the newest ones, or some of a time before. */
    this.candles = this.live;
    this.history = new History();
    this.symbol = "";
    this.interval = "";
    this.decimals = 2;
    /** The exchange's zone, and the one that is shown instead. @type {string} */
    this.exchangeZone = "UTC";
    /** @type {?string} */
    this.otherZone = null;
    /** Have intervals without ticks a place on the time axis? */
    this.linear = false;
    /** @type {Kind} */
    this.kind = "candles";
    /** Pointer over the plot, px in the panel. @type {?{x: number, y: number}} */
    this.pointer = null;
    this.dragging = false;
    this.draggedAt = 0;
    this.drawing = false;
    this.drawAgain = false;
    this.drawnAt = 0;
    /** What Plotly was last told that it need not be told again. */
    this.drawnKind = "";
    this.drawTimer = 0;
    this.drawAsked = false;
    this.frameAsked = false;
    this.slideAsked = false;
    this.scale = new PriceScale();
    /** Is the range to be made anew, because something else is shown? */
    this.refit = true;
    /** What is to be seen once its candles are there. @type {?Place} */
    this.wanted = null;
    /** The interval that was zoomed out of; zooming in goes back to it. */
    this.finer = "";
    /** What Plotly has; the overlay draws the candles after them. */
    this.plotted = new PlottedCandles();
    /** What shades extended hours, behind the candles. @type {?import("./hours.js").TradingHours} */
    this.shade = null;
    /** Indicators over and below the prices. @type {?import("./indicators.js").Indicators} */
    this.indicators = null;
    /** What marks stretches with missing trades. @type {?{draw: () => void}} */
    this.gaps = null;
    /** The prices that alerts wait for. @type {?{draw: () => void}} */
    this.levels = null;
    /** Where imported candles end and ticks begin. @type {?import("./imported.js").Imported} */
    this.imported = null;
    /** Volume profile, footprints, delta. @type {?import("./orderflow.js").OrderFlow} */
    this.orderFlow = null;
    /** Others in per cent beside it. @type {?import("./comparison.js").Comparison} */
    this.compare = null;
    /** What is drawn by hand, over the candles. @type {?{draw: () => void}} */
    this.drawings = null;
    /** The time under the pointer of a chart that this one is linked with, ms. @type {?number} */
    this.linkedTime = null;
    /** Told the time under the pointer, ms, whenever it is another. @type {?(ms: ?number) => void} */
    this.onPointed = null;
    this.toldTime = /** @type {?number} */ (null);
    /** Server's clock minus this machine's, ms. */
    this.skew = 0;
    /** A replay's clock, ms; null: live. @type {?number} */
    this.replayClock = null;
    /** Told when something else than candles is shown: another place, scale, kind or zone. @type {() => void} */
    this.onShown = () => {};
    plot.on("plotly_relayouting", () => this.dragged());
    plot.on("plotly_afterplot", () => this.refreshOverlay());
    plot.on("plotly_doubleclick", () => this.press("newest"));
    setInterval(() => document.hidden || this.refreshOverlay(), 1_000);
    onLook(() => {
      this.drawnKind = ""; // the same in other colours
      void this.redraw();
    });
  }

  /** Be the only one who is told of a drag: Dash would draw its own figure then, which has no prices. */
  takeOverDrags() {
    this.plot.removeAllListeners("plotly_relayout");
    this.plot.on("plotly_relayout", (/** @type {any} */ change) => this.dragEnded(change));
  }

  /** The whole chart anew. @param {any} chart the snapshot's part */
  replace(chart) {
    const same = this.shows(chart.symbol, chart.interval);
    const sameSymbol = chart.symbol === this.symbol;
    // What is asked for, else where the user was looking, unless that is the newest: there the view goes on.
    const place = this.wanted ?? this.place();
    const fresh = !this.candles.length || (!same && this.view.following && !this.wanted);
    this.takeOverDrags();
    if (!sameSymbol && this.symbol) this.scale.manual = false;
    this.symbol = chart.symbol;
    this.interval = chart.interval;
    this.decimals = decimalsFor(chart.candles.at(-1)?.[4], chart.price_decimals);
    this.scale.tick = 10 ** -this.decimals;
    this.exchangeZone = chart.timezone;
    const dated = ["1d", "1w", "1M"].includes(chart.interval);
    this.live = new Candles(this.zone, dated ? { zone: chart.timezone, shift: dateShift(chart.day_start) } : null);
    this.live.step = this.step;
    this.live.merge(chart.candles);
    this.candles = this.live;
    this.history.reset(chart.symbol, chart.interval);
    if (!this.wanted && fresh) this.view.newest(this.live.lastNumber, this.plot.clientWidth - AXIS_PX);
    else if (!this.wanted && (this.view.following || !place)) this.view.roll(this.live.lastNumber);
    else return void this.goTo(place);
    if (this.symbol) void this.lookElsewhere();
    else void this.redrawRefitted();
    return undefined;
  }

  /** Where the user looks: at which time, and how many candles. @returns {?Place} null: nothing is shown */
  place() {
    const { candles, view } = this;
    const number = Math.max(candles.base, Math.min(Math.round(view.to), candles.lastNumber));
    const edge = candles.at(number);
    return edge ? { to: edge.t, count: view.count, share: 1 - (view.to - number) / view.count } : null;
  }

  /** Show a place in time; candles that are not there are read. @param {Place} place */
  async goTo(place) {
    const { live, history } = this;
    this.wanted = place;
    const oldest = live.all[0]?.t ?? -Infinity;
    const earliest = place.from ?? place.to;
    let candles = this.candles.live || place.to >= oldest ? live : this.candles;
    if (candles.all[0]?.t > earliest || candles.last?.t < place.to) {
      const near = oldest - earliest < 8 * MOST_SHOWN * intervalMs(this.interval) || place.to >= oldest;
      if (near) {
        candles = live;
        await history.until(live, earliest);
      } else {
        candles = await history.around(place.to, live);
      }
    }
    if (live !== this.live || this.wanted !== place) return; // something else is shown by now
    this.wanted = null;
    if (!candles) return void this.redrawRefitted();
    this.candles = candles;
    this.show(place);
    this.lookElsewhere();
  }

  /** Put the view to a place whose candles are there, as far as there are any. @param {Place} place */
  show({ from, to, count, share = 1 }) {
    const { candles, view } = this;
    const newest = candles.live && to >= (candles.last?.t ?? 0);
    const first = from === undefined ? undefined : candles.base + candles.place(from) - 0.5;
    const edge = newest ? candles.lastNumber + 0.5 : candles.base + candles.place(to);
    const shown = count ?? edge - first;
    const right = edge + shown * (newest ? RIGHT_ROOM : 1 - share);
    // Not beyond the first candle there is, as long as there are as many.
    const least = Math.min(candles.base - 0.5 + shown, candles.lastNumber + 0.5 + shown * RIGHT_ROOM);
    const end = first === undefined ? Math.max(right, least) : right;
    view.show(first ?? end - shown, end, candles.lastNumber);
    if (!candles.live) view.following = false;
  }

  /** Is this what is drawn? @param {string} symbol @param {string} interval */
  shows(symbol, interval) {
    return this.symbol === symbol && this.interval === interval;
  }

  /** Nothing to show: the symbol is unknown. */
  clear() {
    this.panel.dataset.candles = "0"; // also where nothing was ever drawn: no axes around nothing
    if (this.symbol) this.replace({ symbol: "", interval: "", timezone: "UTC", price_decimals: 2, candles: [] });
  }

  /** Changed and new candles. @param {any} chart a frame's part */
  apply(chart) {
    if (!this.shows(chart.symbol, chart.interval)) return;
    const seen = this.live.merge(chart.candles);
    if (this.candles === this.live) {
      if (seen.appended) this.panel.dataset.candles = String(this.candles.length);
      if (seen.appended && this.handOverDue()) this.redrawAfterFrame();
      else if (seen.changed <= this.plotted.newestTime || !this.scale.holds(this.unplotted())) this.redrawSoon();
    }
    this.refreshOverlay();
  }

  /** Extent of the candles in view that Plotly has not got. */
  unplotted() {
    return this.plotted.unplottedExtent(this.candles, this.view, isCurve(this.kind));
  }

  /** Is it time to give Plotly the newest closed candles and to move the view on? */
  handOverDue() {
    const { view, candles } = this;
    if (!view.following || candles.lastNumber <= view.placedAt) return false;
    return view.crowded(candles.lastNumber) || performance.now() - this.drawnAt > HAND_OVER_AFTER_MS;
  }

  /** Draw after what is cheaper to draw, and what waits for it, is on the screen. */
  redrawAfterFrame() {
    if (this.drawAsked) return;
    this.drawAsked = true;
    afterFrame(() => this.drawAsked && this.redraw());
  }

  redrawSoon() {
    if (this.drawTimer || this.drawAsked) return;
    const wait = Math.max(0, REDRAW_AT_MOST_EVERY_MS - (performance.now() - this.drawnAt));
    this.drawTimer = setTimeout(() => this.redrawAfterFrame(), wait);
  }

  /** Draw what else is to be shown than before. */
  redrawRefitted() {
    this.refit = true;
    return this.redraw();
  }

  /** Hand the closed candles and both ranges to Plotly in one redraw.  Never while the user drags. */
  async redraw() {
    clearTimeout(this.drawTimer);
    this.drawTimer = 0;
    this.drawAsked = false;
    this.panel.dataset.candles = String(this.candles.length);
    // A drag whose end is never told must not stop the chart.
    if (this.dragging && performance.now() - this.draggedAt > DRAG_PAUSE_MS) this.dragging = false;
    if (this.wanted) return; // the view is not of these candles yet
    if (this.drawing || this.dragging) {
      this.drawAgain = true;
      return;
    }
    this.drawing = true;
    this.drawAgain = false;
    this.moveOn();
    this.drawnAt = performance.now();
    const { candles, view, kind } = this;
    const layout = this.layout();
    const which = view.slice(candles.base, candles.live ? candles.lastNumber - 1 : candles.lastNumber);
    const traces = this.plotted.traces(candles, which, kind, this.scale.base);
    if (this.drawnKind !== kind) {
      Object.assign(traces, looks(kind));
      Object.assign(layout, { "yaxis.gridcolor": ink("grid-line"), "yaxis.tickfont.color": ink("muted"), "yaxis2.tickfont.color": ink("muted") });
    }
    this.drawnKind = kind;
    try {
      await window.Plotly.update(this.plot, traces, layout, TRACES);
    } finally {
      this.drawing = false;
    }
    this.panel.dataset.drawn = `${this.symbol} ${this.interval}`;
    if (this.drawAgain) this.redraw();
  }

  /** Go on with time. */
  moveOn() {
    const { view, candles } = this;
    if (!candles.live || !view.following || candles.lastNumber <= view.placedAt) return;
    view.roll(candles.lastNumber);
    candles.trim(Math.floor(view.from - view.count));
  }

  /** The layout's ranges and labels. */
  layout() {
    const { scale, view, candles } = this;
    const first = candles.at(Math.max(candles.base, Math.ceil(view.from)));
    scale.base = (first?.empty ? candles.before(Math.ceil(view.from)) : first)?.c ?? NaN;
    scale.base = this.compare?.base() ?? scale.base;
    const extent = candles.extent(view.from, view.to, isCurve(this.kind));
    scale[this.refit ? "fit" : "keep"](this.compare ? this.compare.widened(extent) : extent);
    this.refit = false;
    // Of a spread there is no volume.
    const volumes = isFormula(this.symbol) ? { values: [], texts: [] } : scale.volumeLabels(this.plot._fullLayout.yaxis2._length);
    return {
      "xaxis.range": [view.from, view.to],
      ...this.indicators?.layout(),
      ...this.priceLayout(),
      "yaxis2.range": [0, scale.volume],
      "yaxis2.tickvals": volumes.values,
      "yaxis2.ticktext": volumes.texts,
      uirevision: `${this.symbol} ${this.interval}`,
    };
  }

  /** The part of it that the price axis needs. */
  priceLayout() {
    const { scale } = this;
    const prices = scale.priceLabels(this.decimals, this.plot._fullLayout.yaxis._length);
    return {
      "yaxis.type": scale.log ? "log" : "linear",
      "yaxis.range": scale.axisRange,
      "yaxis.tickvals": prices.values,
      "yaxis.ticktext": prices.texts,
    };
  }

  /** The user is dragging or wheeling: follow with the overlay only. */
  dragged() {
    this.dragging = true;
    this.draggedAt = performance.now();
    [this.view.from, this.view.to] = this.plot._fullLayout.xaxis.range;
    this.view.placed(this.candles.lastNumber);
    this.refreshOverlay();
  }

  /** The user let go. @param {Record<string, any>} change */
  dragEnded(change) {
    if (change["xaxis.range[0]"] === undefined) return; // of a resize; Chart's own draw tells `plotly_update`
    this.dragging = false;
    this.take(change["xaxis.range[0]"], change["xaxis.range[1]"]);
  }

  /** Show from here to there, as far as there are candles; in a longer interval where that is too much. @param {number} from @param {number} to */
  take(from, to) {
    const { base, lastNumber } = this.candles;
    if (to - from > MOST_SHOWN * 1.02 && this.coarser(from, to)) return;
    this.view.take(from, to, base, lastNumber);
    this.lookElsewhere();
  }

  /** Show the same stretch of time in a longer interval. @param {number} from @param {number} to @returns {boolean} is there one? */
  coarser(from, to) {
    const { candles, interval } = this;
    if (isBars(interval)) return false;
    const share = (MOST_SHOWN * COARSER_SHARE) / (to - from);
    const longer = INTERVALS.find((one) => intervalMs(one) * share >= intervalMs(interval));
    if (!longer || longer === interval || !candles.length) return false;
    const right = Math.min(to, candles.lastNumber);
    const newest = candles.live && to >= candles.lastNumber;
    const count = (to - from) * (intervalMs(interval) / intervalMs(longer));
    this.wanted = { to: newest ? Infinity : candles.at(Math.max(candles.base, Math.round(right))).t, count };
    this.finer ||= interval;
    choose({ interval: longer });
    return true;
  }

  /** Back to the interval that was zoomed out of, once its candles are few enough. @returns {boolean} */
  backToFiner() {
    const { finer, interval, view } = this;
    if (!finer) return false;
    if (intervalMs(finer) >= intervalMs(interval)) this.finer = "";
    const place = this.place();
    const fits = INTERVALS.find((one) => {
      const between = intervalMs(one) >= intervalMs(finer) && intervalMs(one) < intervalMs(interval);
      return between && (view.count * intervalMs(interval)) / intervalMs(one) <= MOST_SHOWN * 0.5;
    });
    if (!fits || !place) return false;
    const newest = view.following && this.candles.live;
    this.wanted = { to: newest ? Infinity : place.to, count: (view.count * intervalMs(interval)) / intervalMs(fits) };
    if (fits === finer) this.finer = "";
    choose({ interval: fits });
    return true;
  }

  /** Draw what came into view, and read older candles when the oldest are near, later ones when those are of a time before. */
  async lookElsewhere() {
    this.onShown();
    if (!this.symbol) return; // the page is only being set up
    this.redrawRefitted();
    const { candles, live } = this;
    const read = await this.history.before(candles, this.view.from);
    const later = candles === this.candles && (await this.history.after(candles, this.view.to, live));
    if (candles !== this.candles || live !== this.live) return;
    if (candles.live && candles !== live) this.live = candles;
    if (read || later) this.redrawRefitted();
    else if (this.history.exhausted) this.refreshOverlay();
  }

  /** A button of the chart. @param {string} what */
  press(what) {
    if (what === "newest") {
      this.candles = this.live;
      this.view.newest(this.candles.lastNumber, this.plot.clientWidth - AXIS_PX);
      this.scale.manual = false;
    } else {
      this.zoom(what === "in" ? 0.7 : 1 / 0.7);
      return;
    }
    this.lookElsewhere();
  }

  /** @param {number} factor @param {number} [around] number of a candle */
  zoom(factor, around) {
    const { view, candles } = this;
    if (factor < 1 && this.backToFiner()) return;
    const count = view.count * factor;
    if (count > MOST_SHOWN * 1.02 && this.coarser(view.to - count, view.to)) return;
    view.zoom(factor, candles.lastNumber, around);
    this.lookElsewhere();
  }

  /** Move the view while a finger is on it, with nothing else drawn anew than what Plotly has. @param {number} from @param {number} to */
  slide(from, to) {
    this.dragging = true;
    this.draggedAt = performance.now();
    [this.view.from, this.view.to] = [from, to];
    this.view.placed(this.candles.lastNumber);
    this.relayout(() => ({ "xaxis.range": [this.view.from, this.view.to] }));
  }

  /** The finger was lifted. */
  slideEnded() {
    this.dragging = false;
    this.take(this.view.from, this.view.to);
  }

  /** The price axis was taken hold of, or given back: draw its range. */
  rescaled() {
    if (!this.scale.manual) return void this.lookElsewhere();
    this.relayout(() => this.priceLayout());
    this.onShown();
    return undefined;
  }

  /** Have Plotly change its layout, once an animation frame. @param {() => Record<string, any>} change */
  relayout(change) {
    if (this.slideAsked) return;
    this.slideAsked = true;
    requestAnimationFrame(async () => {
      this.slideAsked = false;
      if (!this.drawing) await window.Plotly.relayout(this.plot, change());
      else this.drawAgain = true;
      this.refreshOverlay();
    });
  }

  /** @param {Kind} kind */
  setKind(kind) {
    this.kind = kind;
    this.overlay.newest.scale = "";
    this.lookElsewhere();
  }

  /** @param {ScaleMode} mode */
  setScale(mode) {
    this.scale.mode = mode;
    this.scale.manual = false;
    this.lookElsewhere();
  }

  /** Length of each candle on a linear time axis, ms; 0: the axis has no empty intervals. Days and longer are of many lengths, bars of none. */
  get step() {
    const length = this.interval ? intervalMs(this.interval) : 0;
    return this.linear && length < 86_400_000 && !isBars(this.interval) ? length : 0;
  }

  /** @param {boolean} linear */
  setLinear(linear) {
    if (linear === this.linear) return;
    this.linear = linear;
    const place = this.place();
    for (const candles of new Set([this.live, this.candles])) candles.space(this.step);
    if (place && !this.view.following) void this.goTo(place);
    else this.press("newest");
  }

  /** Whose wall clock the time axis has. */
  get zone() {
    return this.otherZone ?? this.exchangeZone;
  }

  /** @param {?string} zone null: the exchange's */
  setZone(zone) {
    this.otherZone = zone;
    for (const candles of new Set([this.live, this.candles])) candles.rezone(this.zone);
    this.onShown();
    this.refreshOverlay();
  }

  /** @param {?{x: number, y: number}} pointer px in the panel */
  pointAt(pointer) {
    this.pointer = pointer;
    this.refreshOverlay();
  }

  /** The pointer of a linked chart is at this time. @param {?number} ms null: at none */
  pointAtTime(ms) {
    if (ms === this.linkedTime) return;
    this.linkedTime = ms;
    this.refreshOverlay();
  }

  /** The price under the pointer, to the instrument's decimals; null: it is not over the prices. @returns {?number} */
  pointedPrice() {
    const price = this.pointer && priceAt(this, this.pointer);
    return price === null ? null : Number(price.toFixed(this.decimals));
  }

  /** When the candle under the pointer begins, ms; null: there is none. @returns {?number} */
  pointedTime() {
    const cross = this.pointer && pointedAt(this, this.pointer);
    return cross ? this.candles.at(cross.number).t : null;
  }

  /** Draw the overlay in the next animation frame; many calls make one. */
  refreshOverlay() {
    if (this.frameAsked) return;
    this.frameAsked = true;
    requestAnimationFrame(() => {
      this.frameAsked = false;
      this.drawOverlay();
    });
  }

  drawOverlay() {
    const { overlay, candles, view, scale, interval, kind } = this;
    if (!this.plot._fullLayout?.yaxis2 || this.wanted) return;
    const { left, right } = overlay.frame;
    this.shade?.draw();
    this.gaps?.draw();
    this.levels?.draw();
    overlay.drawTimes(timeLabels(candles, interval, view.from, view.to, right - left));
    overlay.drawMarks(this.marks());
    overlay.drawNewest(candles, this.plotted.firstUnplotted(candles), kind, scale.base);
    this.compare?.draw();
    this.drawings?.draw();
    const { last } = this.live;
    const up = last ? wentUp(this.live, this.live.lastNumber, kind) : true;
    const remaining = last ? timeLeft(last.t, interval, this.replayClock ?? Date.now() + this.skew) : "";
    overlay.drawLast(last ? last.c : null, last ? scale.text(last.c, this.decimals) : "", up, remaining);
    const own = this.pointer && !this.dragging ? pointedAt(this, this.pointer) : null;
    const cross = own ?? (this.linkedTime === null ? null : pointedIn(this, this.linkedTime));
    overlay.drawCross(cross);
    this.tellPointed(own ? candles.at(own.number).t : null);
    const read = cross?.number ?? candles.lastNumber;
    const title = `${this.symbol} · ${interval}`;
    this.orderFlow?.draw();
    this.indicators?.draw(read);
    showReadout(this.readout, title, candles.at(read), candles.before(read), this.decimals, candles.rose(read));
  }

  /** @param {?number} ms the time under the pointer */
  tellPointed(ms) {
    if (ms === this.toldTime) return;
    this.toldTime = ms;
    this.onPointed?.(ms);
  }

  /** Holes, the market's first tick, and where imported candles end. */
  marks() {
    const { candles, view, interval, history } = this;
    const marks = holes(candles, interval, view.from, view.to);
    const imported = this.imported?.any ?? false;
    if (history.exhausted && candles.length) marks.unshift({ number: candles.base - 0.5, text: imported ? "first candle" : "first tick" });
    marks.push(...(this.imported?.marks() ?? []), ...(this.shade?.pauses() ?? []));
    return marks;
  }
}

/** From the start of a day, by the clock, to the midnight that begins its date, ms. @param {string} [start] HH:MM */
function dateShift(start = "00:00") {
  const [hours, minutes] = start.split(":").map(Number);
  const since = hours * 60 + minutes;
  return (since > 12 * 60 ? 24 * 60 - since : -since) * 60_000;
}
