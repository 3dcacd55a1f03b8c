// Order flow over the chart: volume profiles of the view, a day or a range, time at price, footprint candles once there is room
// for their numbers, and the cumulative delta in a pane.  The server folds it from the ticks (docs/orderflow.md).  What was over
// before the newest hour is asked for; what trades since then comes with the chart's frames, in a replay as its clock goes on.

import { amount, price } from "../lib/format.js";
import { isFormula } from "../lib/instruments.js";
import { known } from "../lib/known.js";
import { ink, tint } from "../lib/look.js";
import { isBars } from "../lib/selection.js";
import { iso, wallClock } from "../lib/zone.js";
import { numberAt, timeAt } from "./drawings.js";
import { Shown } from "./indicators.js";
import { LargeTrades } from "./large-trades.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {{feed: number, quotes: number, ticks: number, unknown: number}} Sides */
/** @typedef {[number, number, number, number, number, number]} PriceRow price, bought, sold, by nobody knows whom, trades, minutes */
/** @typedef {[number, number, number, number, number, number]} Cell minute in ms, price, bought, sold, by nobody knows whom, trades */
/** @typedef {{point_of_control: ?number, value_area: ?[number, number], prices: PriceRow[], step: number}} Profile */
/** @typedef {{time: number, delta: number, cumulative: number, prices: PriceRow[]}} Footprint */
/** @typedef {{mode: string, route: string, start: number, end: number, step: number, day?: boolean, more?: Record<string, string>}} Wanted  times in ms, [start, end) */
/** @typedef {[number, number, number, number]} Print ms, price, size, who took the price: 1 the buyer, -1 the seller, 0 not known */
/** @typedef {{key: string, at: number, busy: boolean, step: number, told: any}} Asked */

/** The mode of a profile that is a drawing begins with this. */
const DRAWN = "drawn ";
const PROFILES = ["profile", "session", "range"];
/** Ask again for another view at the most every so often. */
const REST_MS = 200;
const PROFILE_SHARE = 0.22;
const ROW_PX = { profile: 3, footprint: 13 };
/** A footprint needs so much width for each candle. */
const FOOTPRINT_PX = 44;
/** One side against the other across a step of price: from here on an imbalance. */
const IMBALANCE = 3;
/** The share of the volume that a value area holds. */
const VALUE_AREA = 0.7;
const FONT = "10px ui-sans-serif, system-ui, sans-serif";
/** Of the largest trade's size, from which on one is labelled. */
const LABELLED = 0.6;
/** Radius of the largest trade's bubble, beyond the least. */
const BUBBLE_PX = 15;
const DAY = 86_400_000;
const NOTHING = { candles: [], prices: [], sides: { feed: 0, quotes: 0, ticks: 0, unknown: 0 } };

export class Flow {
  /** @param {Chart} chart @param {Set<string>} on what is on @param {HTMLElement} buttons where the size goes from which on a trade is large */
  constructor(chart, on, buttons) {
    this.large = new LargeTrades(() => chart.refreshOverlay());
    buttons.append(this.large.field);
    /** Large trades since `from`. @type {Print[]} */
    this.newPrints = [];
    /** Those in view. @type {Print[]} */
    this.prints = [];
    this.chart = chart;
    this.on = on;
    /** Whose order flow comes with the frames. */
    this.symbol = "";
    /** From when on what trades comes with the frames, ms; NaN: nothing has come. */
    this.from = NaN;
    /** Another one once what was over before may be another one, by a correction. */
    this.reading = NaN;
    /** What has traded since. @type {Map<string, Cell>} */
    this.cells = new Map();
    /** Where its sides are from, in the order of `Sides`. */
    this.liveSides = [0, 0, 0, 0];
    /** Volume by price of each profile that is on. @type {Map<string, Profile>} */
    this.profiles = new Map();
    /** @type {Map<number, Footprint>} */
    this.footprints = new Map();
    this.step = 0;
    /** The range that was dragged, ms. @type {?{start: number, end: number}} */
    this.range = null;
    /** Of which stretches of time drawings show a profile, ms. @type {{id: string, start: number, end: number}[]} */
    this.ranges = [];
    /** Is nothing on the canvas? */
    this.empty = true;
    this.delta = new Shown({ id: "delta", name: "delta", title: "Cumulative delta", pane: "own", levels: [0], lines: [{ name: "delta", style: "line", shift: 0 }] });
    /** What was over before that, as it was asked for. @type {Map<string, Asked>} */
    this.asked = new Map();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "indicator-canvas orderflow-canvas";
    chart.panel.querySelector("#chart-front").prepend(this.canvas);
    this.layer = document.createElement("div");
    this.layer.className = "layer chart-draw";
    this.layer.hidden = true;
    chart.panel.querySelector("#chart-area").append(this.layer);
    this.hear();
  }

  /** A range is dragged over the chart. */
  hear() {
    const { layer } = this;
    let down = NaN;
    const at = (/** @type {PointerEvent} */ event) => event.clientX - layer.parentElement.getBoundingClientRect().left;
    layer.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      layer.setPointerCapture(event.pointerId);
      down = at(event);
    });
    layer.addEventListener("pointermove", (event) => {
      if (Number.isNaN(down)) return;
      const { candles, overlay, interval } = this.chart;
      const [first, last] = [down, at(event)].sort((a, b) => a - b).map((px) => Math.round(overlay.axes.x.p2c(px - overlay.frame.left)));
      this.range = { start: timeAt(candles, first, widthMs(interval)), end: timeAt(candles, last + 1, widthMs(interval)) };
      this.chart.refreshOverlay();
    });
    for (const over of ["pointerup", "pointercancel"]) {
      layer.addEventListener(over, () => {
        down = NaN;
        layer.hidden = this.range !== null;
        this.chart.refreshOverlay();
      });
    }
  }

  /** @param {string} mode the button that was pressed */
  toggled(mode) {
    if (mode === "range") this.range = null;
    this.layer.hidden = !(this.on.has("range") && !this.range);
    this.large.field.hidden = !this.on.has("prints");
    for (const one of [...PROFILES, "time"]) if (!this.on.has(one)) this.profiles.delete(one);
    const { guests } = this.chart.indicators;
    guests.splice(0, guests.length, ...(this.on.has("delta") ? [this.delta] : []));
    this.fold();
    this.chart.redrawRefitted();
  }

  /** @param {{id: string, start: number, end: number}[]} ranges */
  haveRanges(ranges) {
    this.ranges = ranges;
    for (const mode of [...this.profiles.keys()]) if (mode.startsWith(DRAWN)) this.profiles.delete(mode);
    this.fold();
  }

  /** Is anything to be shown? */
  get wants() {
    return this.on.size > 0 || this.ranges.length > 0;
  }

  /** @param {?{from: number, reading: number, cells: Cell[], prints: Print[], sides: number[]}} flow a message's @param {boolean} whole of a snapshot */
  receive(flow, whole) {
    if (whole) {
      this.profiles.clear();
      this.from = NaN;
      this.cells.clear();
      this.newPrints = [];
      this.range = this.chart.shows(this.symbol, this.chart.interval) ? this.range : null;
      this.symbol = this.chart.symbol;
    }
    if (!flow) return;
    if (flow.from !== this.from || flow.reading !== this.reading) {
      Object.assign(this, { from: flow.from, reading: flow.reading }); // an hour is over, or all is anew
      for (const [key, [minute]] of this.cells) if (minute < flow.from) this.cells.delete(key);
      this.newPrints = this.newPrints.filter(([t]) => t >= flow.from);
      for (const asked of this.asked.values()) asked.key = "";
    }
    this.newPrints.push(...flow.prints);
    for (const cell of flow.cells) this.cells.set(`${cell[0]} ${cell[1]}`, cell);
    this.liveSides = flow.sides;
    if (!this.wants) return;
    this.fold();
    this.chart.refreshOverlay();
  }

  /** Is there room for the numbers of a footprint? */
  get roomy() {
    const { x } = this.chart.overlay.axes;
    return Math.abs(x.c2p(1) - x.c2p(0)) >= FOOTPRINT_PX;
  }

  /** The view in time, ms; null: nothing is shown. */
  view() {
    const { candles, view, symbol, interval } = this.chart;
    const first = candles.at(Math.max(candles.base, Math.ceil(view.from)));
    const last = candles.at(Math.min(candles.lastNumber, Math.floor(view.to)));
    if (!symbol || !first || !last) return null;
    return { start: first.t, last: last.t, end: last.t + widthMs(interval) };
  }

  /** A step of price that is at least so many pixels high: 1, 2 or 5 of some decimal of the instrument. @param {number} px */
  stepOf(px) {
    const { y } = this.chart.overlay.axes;
    const { decimals } = this.chart;
    const least = Math.abs(y.p2c(px) - y.p2c(0)) || 1;
    const tick = 10 ** -decimals;
    const power = 10 ** Math.floor(Math.log10(Math.max(least, tick)));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least * 0.999) ?? 10 * power;
    return Number(Math.max(step, tick).toPrecision(6));
  }

  /** What is to be known for what is on. @returns {Wanted[]} */
  wanted() {
    const view = this.chart.plot._fullLayout?.yaxis2 && this.view();
    if (!view || Number.isNaN(this.from) || isFormula(this.chart.symbol)) return [];
    const { on, chart } = this;
    const step = this.stepOf(ROW_PX.profile);
    const { start, last, end } = view;
    /** @type {Wanted[]} */
    const found = [];
    if (on.has("profile") || (on.has("time") && !on.has("session"))) found.push({ mode: "profile", route: "profile", start, end, step });
    if (on.has("session")) found.push({ mode: "session", route: "profile", start: last, end, step, day: true });
    if (on.has("range") && this.range) found.push({ mode: "range", route: "profile", ...this.range, step });
    if (on.has("prints")) {
      const more = Object.fromEntries(Object.entries(this.large.wanted).map(([name, value]) => [name, String(value)]));
      found.push({ mode: "prints", route: "prints", start, end, step: 0, more });
    }
    const newest = (this.chart.live.last?.t ?? 0) + widthMs(chart.interval);
    for (const range of this.ranges) {
      const stop = Math.min(range.end, newest);
      if (stop > range.start) found.push({ mode: DRAWN + range.id, route: "profile", start: range.start, end: stop, step });
    }
    if (chart.interval.endsWith("s") || isBars(chart.interval)) return found;
    if (on.has("footprint") && this.roomy) found.push({ mode: "footprint", route: "footprint", start, end, step: this.stepOf(ROW_PX.footprint) });
    if (on.has("delta")) found.push({ mode: "delta", route: "footprint", start, end, step: 0 });
    return found;
  }

  /** Ask for what is on and was over before what comes with the frames. */
  ask() {
    for (const wanted of this.wanted()) void this.read(wanted);
  }

  /** @param {Wanted} wanted */
  async read({ mode, route, start, end, step, day, more = {} }) {
    const { symbol, interval } = this.chart;
    const asked = this.asked.get(mode) ?? { key: "", at: 0, busy: false, step: 0, told: null };
    this.asked.set(mode, asked);
    const until = Math.min(end, this.from);
    const key = `${symbol} ${interval} ${start} ${day ? "" : until} ${step} ${this.from} ${Object.entries(more)}`;
    const now = performance.now();
    if (asked.busy || key === asked.key) return;
    if (now - asked.at < REST_MS) {
      setTimeout(() => this.chart.refreshOverlay(), REST_MS);
      return;
    }
    Object.assign(asked, { key, at: now, busy: true });
    const query = new URLSearchParams({ symbol, ...known() });
    if (day) {
      query.set("day", iso(start));
      query.set("until", iso(this.from - 0.001));
    } else {
      query.set("start", iso(Math.min(start, until)));
      query.set("end", iso(until));
    }
    if (step) query.set("step", String(step));
    for (const [name, value] of Object.entries(more)) query.set(name, value);
    if (route === "footprint") query.set("interval", interval);
    if (mode === "delta") query.set("prices", "false");
    try {
      const answer = await fetch(`api/${route}?${query}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const told = await answer.json();
      if (this.chart.shows(symbol, interval)) Object.assign(asked, { told, step });
    } catch {
      asked.key = ""; // The connection tells that the server is away; the next drawing asks again.
    } finally {
      asked.busy = false;
      this.fold();
      this.chart.refreshOverlay();
    }
  }

  /** Put together what was told and what has come since. */
  fold() {
    const { panel } = this.chart;
    for (const { mode, start, end, day } of this.wanted()) {
      const asked = this.asked.get(mode);
      const told = asked?.told;
      if (!told || told.symbol !== this.chart.symbol || (told.interval && told.interval !== this.chart.interval)) continue;
      if (mode === "prints") {
        const least = this.large.wanted.least ?? told.least ?? 0;
        const live = this.newPrints.filter(([t, , size]) => t >= start && t < end && size >= least);
        this.prints = [...told.prints, ...live];
        panel.dataset.largeTrades = String(this.prints.length);
        continue;
      }
      // A day is the one that goes on where the view reaches into it.
      const [first, last] = day ? [end > this.from ? this.from : Infinity, Infinity] : [start, end];
      const cells = [...this.cells.values()].filter(([minute]) => minute >= first && minute < last);
      const live = cells.length ? this.liveSides : [0, 0, 0, 0];
      const of = told.sides ?? NOTHING.sides;
      this.sides = { feed: of.feed + live[0], quotes: of.quotes + live[1], ticks: of.ticks + live[2], unknown: of.unknown + live[3] };
      if (mode.startsWith(DRAWN)) {
        const made = profileOf(told.prices, cells, asked.step);
        this.profiles.set(mode, made);
        const drawn = [...this.profiles].filter(([name]) => name.startsWith(DRAWN));
        const volumes = drawn.map(([name, { prices }]) => [name.slice(DRAWN.length), prices.reduce((sum, row) => sum + row[1] + row[2] + row[3], 0)]);
        panel.dataset.drawnProfiles = String(drawn.length);
        panel.dataset.drawnVolume = JSON.stringify(Object.fromEntries(volumes));
        continue;
      }
      if (PROFILES.includes(mode)) {
        const made = profileOf(told.prices, cells, asked.step);
        this.profiles.set(mode, made);
        panel.dataset.pointOfControl = made.point_of_control === null ? "" : price(made.point_of_control, this.chart.decimals);
      }
      if (mode === "footprint") {
        this.footprints = this.footprintsOf(told.candles, cells, asked.step);
        this.step = asked.step;
      }
      if (mode === "delta") {
        this.delta.values.clear();
        this.delta.merge([...this.footprintsOf(told.candles, cells, 0).values()].map(({ time, cumulative }) => [time, cumulative]));
      }
      panel.dataset[`${mode}Drawn`] = `${told.symbol} ${told.interval ?? ""}`.trim();
    }
  }

  /**
   * Footprint candles by their times, in order; the cumulative delta begins with each day of the exchange.
   * @param {Footprint[]} told @param {Cell[]} cells @param {number} step 0: without prices @returns {Map<number, Footprint>}
   */
  footprintsOf(told, cells, step) {
    const { candles, exchangeZone } = this.chart;
    /** @type {Map<number, Cell[]>} */
    const since = new Map();
    for (const cell of cells) {
      const place = candles.place(cell[0] + 1) - 1; // the candle that the minute lies in
      const t = candles.all[place]?.t;
      if (t !== undefined) since.set(t, [...(since.get(t) ?? []), cell]);
    }
    const found = new Map(told.map((each) => [each.time, each]));
    for (const t of [...since.keys()].sort((a, b) => a - b)) {
      const before = found.get(t);
      const delta = since.get(t).reduce((sum, [, , bought, sold]) => sum + bought - sold, 0);
      const last = before ?? [...found.values()].at(-1);
      const sameDay = last && dayOf(last.time, exchangeZone) === dayOf(t, exchangeZone);
      const prices = step ? profileOf(before?.prices ?? [], since.get(t), step).prices : [];
      found.set(t, { time: t, delta: (before?.delta ?? 0) + delta, cumulative: (sameDay ? last.cumulative : 0) + delta, prices });
    }
    return found;
  }

  /** Draw what is in view, under everything else that is in front. */
  draw() {
    if (!this.wants && this.empty) return; // to clear a canvas costs as much as to fill it
    this.empty = !this.wants;
    const context = this.chart.indicators.cleared(this.canvas);
    if (!context || !this.wants) return;
    const { left, right, top, priceBottom } = this.chart.overlay.frame;
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, priceBottom - top);
    context.clip();
    const shown = this.profiles.get(this.on.has("session") ? "session" : "profile");
    if (shown && this.on.has("time")) this.drawTime(context, shown, left, right);
    if (shown && (this.on.has("profile") || this.on.has("session"))) this.drawProfile(context, shown, left, right, (right - left) * PROFILE_SHARE);
    if (this.on.has("range") && this.range) this.drawRange(context, this.range, this.profiles.get("range"), top, priceBottom);
    for (const { id, start, end } of this.ranges) {
      const stop = Math.min(end, (this.chart.live.last?.t ?? start) + widthMs(this.chart.interval));
      this.drawRange(context, { start, end: stop }, this.profiles.get(DRAWN + id), top, priceBottom);
    }
    if (this.on.has("footprint") && this.roomy) this.drawFootprints(context);
    if (this.on.has("prints")) this.drawPrints(context);
    this.drawSides(context, left, priceBottom);
    context.restore();
    this.ask();
  }

  /** From the right edge, or `across` from the left one. @param {CanvasRenderingContext2D} context @param {Profile} profile @param {number} left @param {number} right px @param {number} width px of the longest */
  drawProfile(context, profile, left, right, width) {
    const { y } = this.chart.overlay.axes;
    const { prices, point_of_control: control, value_area: area, step } = profile;
    const most = Math.max(...prices.map((row) => row[1] + row[2] + row[3]), 1e-300);
    for (const [level, bought, sold, unsided] of prices) {
      const [high, low] = [y._offset + y.c2p(level + step, true), y._offset + y.c2p(level, true)];
      const tall = Math.max(1, low - high - 0.5);
      const strong = area && level >= area[0] && level <= area[1] ? 0.5 : 0.25;
      let from = right;
      for (const [size, color] of /** @type {[number, string][]} */ ([[bought, "up"], [sold, "down"], [unsided, "muted"]])) {
        const long = (size / most) * width;
        context.fillStyle = tint(color, strong);
        context.fillRect((from -= long), high, long, tall);
      }
      if (level === control) {
        context.fillStyle = ink("warn");
        context.fillRect(left, (high + low) / 2, right - left, 1);
        context.font = FONT;
        context.textAlign = "right";
        context.fillText(`POC ${price(level, this.chart.decimals)}`, right - 4, high - 3);
      }
    }
  }

  /**
   * The profile of a range, within it, and its value area.
   * @param {CanvasRenderingContext2D} context @param {{start: number, end: number}} range @param {Profile | undefined} profile @param {number} top @param {number} bottom px
   */
  drawRange(context, range, profile, top, bottom) {
    const { candles, overlay, interval } = this.chart;
    const { y } = overlay.axes;
    const [left, right] = [range.start, range.end].map((t) => overlay.px(numberAt(candles, t, widthMs(interval)) - 0.5));
    context.fillStyle = tint("accent", 0.07);
    context.fillRect(left, top, right - left, bottom - top);
    context.fillStyle = ink("accent");
    for (const edge of [left, right]) context.fillRect(edge, top, 1, bottom - top);
    if (!profile) return;
    this.drawProfile(context, profile, left, right, (right - left) * 0.7);
    context.fillStyle = tint("warn", 0.6);
    const [low, high] = profile.value_area ?? [NaN, NaN];
    for (const edge of [low, high + profile.step]) context.fillRect(left, y._offset + y.c2p(edge, true), right - left, 1);
  }

  /** From the left, the minutes in which each price traded. @param {CanvasRenderingContext2D} context @param {Profile} profile @param {number} left @param {number} right px */
  drawTime(context, { prices, step }, left, right) {
    const { y } = this.chart.overlay.axes;
    const most = Math.max(...prices.map((row) => row[5]), 1);
    const longest = prices.find((row) => row[5] === most);
    const width = ((right - left) * PROFILE_SHARE) / 2;
    context.fillStyle = tint("accent", 0.45);
    for (const [level, , , , , minutes] of prices) {
      const high = y._offset + y.c2p(level + step, true);
      context.fillRect(left, high, (minutes / most) * width, Math.max(1, y._offset + y.c2p(level, true) - high - 0.5));
    }
    this.chart.panel.dataset.timeDrawn = String(longest?.[5] ?? "");
    if (!longest) return;
    context.font = FONT;
    context.textAlign = "left";
    context.fillStyle = ink("drawn");
    context.fillText(`${most} min at ${price(longest[0], this.chart.decimals)}`, left + width + 4, y._offset + y.c2p(longest[0], true));
  }

  /** @param {CanvasRenderingContext2D} context */
  drawFootprints(context) {
    const { x, y } = this.chart.overlay.axes;
    const slot = Math.abs(x.c2p(1) - x.c2p(0));
    context.font = FONT;
    context.textBaseline = "middle";
    for (const [number, candle] of this.chart.indicators.inView()) {
      const made = this.footprints.get(candle.t);
      if (!made) continue;
      const middle = x._offset + x.c2p(number);
      const most = Math.max(...made.prices.map((row) => Math.max(row[1], row[2])), 1e-300);
      let lowest = 0;
      made.prices.forEach(([level, bought, sold], index) => {
        const [high, low] = [y._offset + y.c2p(level + this.step, true), y._offset + y.c2p(level, true)];
        lowest = Math.max(lowest, low);
        const half = slot * 0.44;
        context.fillStyle = tint("down", 0.12 + (0.5 * sold) / most);
        context.fillRect(middle - half, high, half, low - high - 1);
        context.fillStyle = tint("up", 0.12 + (0.5 * bought) / most);
        context.fillRect(middle, high, half, low - high - 1);
        if (low - high < 9) return;
        // What is bought meets what is sold a step below it.
        const below = made.prices[index - 1];
        const above = made.prices[index + 1];
        const buying = below !== undefined && bought >= IMBALANCE * below[2] && bought > 0;
        const selling = above !== undefined && sold >= IMBALANCE * above[1] && sold > 0;
        context.fillStyle = ink(selling ? "down" : "text");
        context.textAlign = "right";
        context.fillText(amount(sold), middle - 3, (high + low) / 2);
        context.fillStyle = ink(buying ? "up" : "text");
        context.textAlign = "left";
        context.fillText(amount(bought), middle + 3, (high + low) / 2);
      });
      context.textAlign = "center";
      context.fillStyle = ink(made.delta < 0 ? "down" : "up");
      context.fillText(`Δ ${made.delta < 0 ? "−" : "+"}${amount(Math.abs(made.delta))}`, middle, lowest + 8);
    }
    context.textBaseline = "alphabetic";
  }

  /** Large trades, the area of each as its size is. @param {CanvasRenderingContext2D} context */
  drawPrints(context) {
    const { candles, overlay, view } = this.chart;
    const { y } = overlay.axes;
    const most = this.prints.reduce((found, [, , size]) => Math.max(found, size), 0);
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const [t, at, size, by] of this.prints) {
      const number = candles.base + candles.place(t + 0.0005) - 1;
      if (number < view.from - 1 || number > view.to + 1) continue;
      const radius = 3 + BUBBLE_PX * Math.sqrt(size / most);
      const [across, down] = [overlay.px(number), y._offset + y.c2p(at, true)];
      const color = by > 0 ? "up" : by < 0 ? "down" : "muted";
      context.fillStyle = tint(color, 0.3);
      context.strokeStyle = tint(color, 0.9);
      context.lineWidth = 1;
      context.beginPath();
      context.arc(across, down, radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      if (size < most * LABELLED) continue;
      context.fillStyle = ink("text");
      context.fillText(amount(size), across, down);
    }
    context.textBaseline = "alphabetic";
  }

  /** Where the sides are from. @param {CanvasRenderingContext2D} context @param {number} left @param {number} bottom px */
  drawSides(context, left, bottom) {
    if (!this.sides) return;
    const { feed, quotes, ticks, unknown } = this.sides;
    const all = feed + quotes + ticks + unknown;
    if (!all) return;
    const share = (/** @type {number} */ part) => (part * 200 < all ? "<1 %" : `${Math.round((100 * part) / all)} %`);
    const parts = [
      [feed, "from the feed"],
      [quotes, "by quotes"],
      [ticks, "inferred by the tick rule"],
      [unknown, "unknown"],
    ].filter(([count]) => /** @type {number} */ (count) > 0);
    const text = `Side ${parts.map(([count, name]) => `${share(/** @type {number} */ (count))} ${name}`).join(", ")}`;
    this.chart.panel.dataset.sides = text;
    context.font = FONT;
    context.textAlign = "left";
    context.fillStyle = ink("muted");
    context.fillText(text, left + 4, bottom - 5);
  }
}

/** The most an interval lasts, ms. @param {string} interval */
function widthMs(interval) {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_678_400_000 }[interval.slice(-1)];
  return parseInt(interval, 10) * (unit ?? 60_000);
}

/** @param {number} ms @param {string} zone */
const dayOf = (ms, zone) => Math.floor(wallClock(ms, zone) / DAY);

/**
 * A profile of what was told by price and of cells, in steps, with point of control and value area as the server finds them.
 * @param {PriceRow[]} told @param {Cell[]} cells @param {number} step @returns {Profile}
 */
function profileOf(told, cells, step) {
  /** @type {Map<number, PriceRow>} */
  const levels = new Map(told.map((row) => [row[0], /** @type {PriceRow} */ ([...row])]));
  const seen = new Set();
  for (const [minute, at, ...sums] of cells) {
    const level = Number((Math.floor(at / step + 1e-9) * step).toFixed(12));
    const row = levels.get(level) ?? [level, 0, 0, 0, 0, 0];
    sums.forEach((sum, index) => (row[index + 1] += sum));
    const key = `${minute} ${level}`;
    if (!seen.has(key)) row[5] += 1;
    seen.add(key);
    levels.set(level, row);
  }
  const prices = [...levels.values()].sort((one, other) => one[0] - other[0]);
  const volume = prices.map((row) => row[1] + row[2] + row[3]);
  const most = Math.max(0, ...volume);
  if (!most) return { prices, step, point_of_control: null, value_area: null };
  const middle = (prices.length - 1) / 2;
  let control = -1;
  volume.forEach((one, place) => {
    if (one === most && (control < 0 || Math.abs(place - middle) < Math.abs(control - middle))) control = place;
  });
  const wanted = VALUE_AREA * volume.reduce((sum, one) => sum + one, 0);
  let [low, high, held] = [control, control, volume[control]];
  while (held < wanted && (low > 0 || high < volume.length - 1)) {
    const [below, above] = [volume[low - 1] ?? -1, volume[high + 1] ?? -1];
    held += above >= below ? volume[(high += 1)] : volume[(low -= 1)];
  }
  return { prices, step, point_of_control: prices[control][0], value_area: [prices[low][0], prices[high][0]] };
}
