// Drawings on the chart: made, moved and undone here, kept on the server, each user's own (sharing.js: and others', by a
// link), for each symbol.  Their points are times and prices, so every interval and kind shows them in the same place.  They
// are drawn over the plot by the axes' own scales, as Plotly would draw all candles anew for each step of a drag.

import { closest, element, set, shape, write } from "../lib/dom.js";
import { amount, change, percent } from "../lib/format.js";
import { uuid } from "../lib/ids.js";
import { intervalMs } from "../lib/selection.js";
import { Sharing } from "./sharing.js";
import { iso } from "../lib/zone.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {{t: number, p: number}} Place ms, price */
/** @typedef {"trend" | "ray" | "horizontal" | "vertical" | "rectangle" | "fibonacci" | "text" | "measure"
 *   | "channel" | "vwap" | "profile" | "anchored"} Tool */
/** @typedef {{id: string, kind: Tool, points: Place[], text: string, locked: boolean, hidden: boolean}} Drawing */
/** @typedef {{x: number, y: number}} Point px in the layer */

/** How many points each hangs on. @type {Record<Tool, number>} */
const POINTS = {
  trend: 2, ray: 2, horizontal: 1, vertical: 1, rectangle: 2, fibonacci: 2, text: 1, measure: 2,
  channel: 3, vwap: 1, profile: 2, anchored: 1,
};
const MINUTE = 60_000;
const LEVELS = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1];
/** A pointer this near to one of a candle's prices takes it. */
const SNAP_PX = 8;
const STILL_PX = 5;
const MOST_UNDONE = 100;

export class Drawings {
  /** @param {Chart} chart @param {(why: string) => void} say a notice */
  constructor(chart, say) {
    this.chart = chart;
    this.say = say;
    /** @type {Map<string, Drawing>} */
    this.all = new Map();
    this.symbol = "";
    /** What undoes the last changes, and what does them again. @type {{before: ?Drawing, after: ?Drawing}[]} */
    this.done = [];
    /** @type {{before: ?Drawing, after: ?Drawing}[]} */
    this.undone = [];
    this.selected = "";
    /** The tool that is held; empty: none. @type {Tool | ""} */
    this.tool = "";
    /** What is being made. @type {?Drawing} */
    this.making = null;
    this.layer = element("chart-draw");
    const clip = shape(shape(chart.overlay.front, "defs"), "clipPath");
    clip.id = "drawings-clip";
    this.clip = shape(clip, "rect");
    this.group = shape(chart.overlay.front, "g", "drawings");
    set(this.group, { "clip-path": "url(#drawings-clip)" });
    /** What was measured last, until the next click. @type {?Drawing} */
    this.measured = null;
    /** Is one being dragged, and how many are on their way to the server? */
    this.dragging = false;
    this.storing = 0;
    /** What is to be kept next of a drawing whose request is on its way, by its address; null: it is deleted. @type {Map<string, ?object | undefined>} */
    this.unsent = new Map();
    /** The link whose drawings these are; empty: one's own. */
    this.whose = "";
    /** Points of what is being made that stand. */
    this.placed = 0;
    this.drawn = "";
    this.sharing = new Sharing(() => void this.readAgain(), say);
    chart.drawings = this;
    this.hear();
  }

  hear() {
    const { layer } = this;
    /** Where the pointer went down. @type {?Point} */
    let down = null;
    let first = false;
    layer.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      down = this.at(event);
      layer.setPointerCapture(event.pointerId);
      first = !this.making;
      if (first) this.begin(down);
    });
    layer.addEventListener("pointermove", (event) => this.making && this.follow(this.at(event)));
    layer.addEventListener("pointerup", (event) => {
      const here = this.at(event);
      const still = down && Math.hypot(here.x - down.x, here.y - down.y) < STILL_PX;
      down = null;
      if (!this.making) return;
      // The first point stands where the pointer goes down; each other one where it is lifted.
      if (!first || !still) this.placed += 1;
      if (this.placed >= this.making.points.length) this.finish();
    });
    this.group.addEventListener("pointerdown", (event) => this.take(/** @type {PointerEvent} */ (event)));
    this.group.addEventListener("dblclick", (event) => {
      event.stopPropagation();
      const drawing = this.all.get(this.selected);
      if (drawing?.kind === "text" && this.mayChange()) this.write(drawing);
    });
    document.addEventListener("pointerdown", (event) => {
      if (!closest(event, ".drawings, #chart-tools")) this.select("");
    });
    document.addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("pagehide", () => this.sendAll());
    element("chart-tools").addEventListener("click", (event) => {
      const { tool, draw } = closest(event, "button")?.dataset ?? {};
      if (tool) {
        this.hold(this.tool === tool ? "" : /** @type {Tool} */ (tool));
        /** @type {HTMLDetailsElement} */ (element("chart-tools")).open = false;
      }
      if (draw) this.press(draw);
    });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (closest(event, "input, textarea, select, [role=dialog]")) return;
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase();
    if (undo === "z") this.press(event.shiftKey ? "redo" : "undo");
    else if (undo === "y") this.press("redo");
    else if ((event.key === "Delete" || event.key === "Backspace") && this.selected) this.press("delete");
    else if (event.key === "Escape" && (this.tool || this.making)) this.hold("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A button. @param {string} what */
  press(what) {
    const drawing = this.all.get(this.selected);
    if (!this.mayChange()) return;
    if (what === "undo" || what === "redo") this.step(what);
    else if (what === "delete" && drawing && !drawing.locked) this.change(drawing, null);
    else if (what === "lock" && drawing) this.change(drawing, { ...drawing, locked: !drawing.locked });
    else if (what === "hide") {
      const hidden = [...this.all.values()].some((one) => !one.hidden);
      for (const one of this.all.values()) if (one.hidden !== hidden) this.change(one, { ...one, hidden });
    }
    this.mark();
  }

  /** Hold a tool, or put it down. @param {Tool | ""} tool */
  hold(tool) {
    if (tool && tool !== "measure" && !this.mayChange()) return;
    this.tool = tool;
    this.making = null;
    this.placed = 0;
    this.layer.hidden = !tool;
    this.mark();
    this.refresh();
  }

  mark() {
    for (const button of document.querySelectorAll("#chart-tools [data-tool]")) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-tool") === this.tool));
    }
    const drawing = this.all.get(this.selected);
    const usable = {
      undo: this.done.length, redo: this.undone.length, delete: drawing && !drawing.locked, lock: drawing, hide: this.all.size,
    };
    for (const button of document.querySelectorAll("#chart-tools [data-draw]")) {
      /** @type {HTMLButtonElement} */ (button).disabled = !usable[button.getAttribute("data-draw")];
    }
    const lock = document.querySelector('#chart-tools [data-draw="lock"]');
    write(lock, drawing?.locked ? "Unlock" : "Lock");
  }

  /** Another symbol is shown: read what was drawn on it. */
  async followSymbol() {
    const { symbol } = this.chart;
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    this.all.clear();
    this.done = [];
    this.undone = [];
    this.select("");
    this.hold("");
    this.attach();
    if (!symbol) return;
    try {
      const found = (await this.sharing.read(symbol)) ?? [];
      if (symbol !== this.symbol) return;
      for (const one of found) if (!this.all.has(one.id)) this.all.set(one.id, one);
      this.attach();
    } catch {
      this.symbol = ""; // The connection tells that the server is away; what is shown next asks again.
    }
    this.mark();
    this.refresh();
  }

  /** Others have drawn, or others' drawings are shown now; not in the middle of a drag. */
  async readAgain() {
    const { symbol, sharing, whose } = this;
    if (this.making || this.dragging || this.storing) return;
    const found = await sharing.read(symbol).catch(() => null);
    if (!found || symbol !== this.symbol || this.storing) return;
    this.all = new Map(found.map((one) => [one.id, one]));
    this.whose = sharing.of(symbol) ? sharing.link : "";
    if (this.whose !== whose) [this.done, this.undone] = [[], []];
    if (!this.all.has(this.selected)) this.selected = "";
    this.mark();
    this.refresh();
    this.attach();
  }

  /** Is what is drawn here one's own, or shared to be changed?  Says so where not. */
  mayChange() {
    const may = this.sharing.mayChange(this.symbol);
    if (!may) this.say(`${this.sharing.place.owner} has shared these drawings to be looked at`);
    return may;
  }

  // -- changes ------------------------------------------------------------------------------------------------

  /** Do something that can be undone. @param {?Drawing} before @param {?Drawing} after */
  change(before, after) {
    this.done.push({ before, after });
    if (this.done.length > MOST_UNDONE) this.done.shift();
    this.undone = [];
    this.put(before, after);
  }

  /** @param {"undo" | "redo"} way */
  step(way) {
    const [from, to] = way === "undo" ? [this.done, this.undone] : [this.undone, this.done];
    const last = from.pop();
    if (!last) return;
    to.push(last);
    if (way === "undo") this.put(last.after, last.before);
    else this.put(last.before, last.after);
  }

  /** Have `after` in the place of `before`, here and on the server. @param {?Drawing} before @param {?Drawing} after */
  put(before, after) {
    if (before && !after) this.all.delete(before.id);
    if (after) this.all.set(after.id, after);
    if (!this.all.has(this.selected)) this.selected = "";
    this.mark();
    this.refresh();
    this.attach();
    void this.store(before, after);
  }

  /**
   * Keep what a drawing is now.  One request of each at a time, the newest state after what is on its way: two at once may
   * arrive the other way round.
   * @param {?Drawing} before @param {?Drawing} after
   */
  async store(before, after) {
    const { id, ...body } = after ?? before;
    const address = `api/drawings/${id}?${this.sharing.query(this.symbol)}`;
    const isSending = this.unsent.has(address);
    this.unsent.set(address, after && body);
    if (isSending) return;
    this.storing += 1;
    try {
      for (let sent; (sent = this.unsent.get(address)) !== undefined; ) {
        this.unsent.set(address, undefined);
        await this.send(address, sent);
      }
    } finally {
      this.unsent.delete(address);
      this.storing -= 1;
    }
  }

  /** @param {string} address @param {?object} body null: it is deleted */
  async send(address, body) {
    const what = body ? { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : { method: "DELETE" };
    try {
      const answer = await fetch(address, { ...what, keepalive: true }); // the page may be going
      if (answer.ok) return;
      const why = (await answer.json().catch(() => ({}))).detail ?? answer.statusText;
      this.say(`The drawing is not kept: ${why}`);
    } catch {
      this.say("The drawing is not kept: the server is away");
    }
  }

  /** The page is going: what still waits for its turn is sent at once. */
  sendAll() {
    for (const [address, body] of this.unsent) if (body !== undefined) void this.send(address, body);
  }

  /** Have what drawings show of the market: averages and profiles from their anchors on. */
  attach() {
    const { indicators, orderFlow } = this.chart;
    const shown = [...this.all.values()].filter((one) => !one.hidden);
    indicators?.haveDrawn(shown.filter((one) => one.kind === "vwap").map((one) => `vwap(${iso(one.points[0].t)})`));
    const ranges = shown.filter((one) => one.kind === "profile" || one.kind === "anchored").map(({ id, kind, points }) => {
      const [first, last] = points.map(({ t }) => Math.floor(t / MINUTE) * MINUTE).sort((a, b) => a - b);
      return { id, start: first, end: kind === "profile" ? last + MINUTE : Infinity };
    });
    orderFlow?.haveRanges(ranges);
  }

  // -- places -------------------------------------------------------------------------------------------------

  /** @param {PointerEvent} event @returns {Point} */
  at(event) {
    const box = this.layer.parentElement.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** Time and price of a pixel; near to one of a candle's prices, that one. @param {Point} at @param {boolean} [snap] */
  placeAt({ x, y }, snap = true) {
    const { candles, overlay, interval } = this.chart;
    const { x: axis, y: prices } = overlay.axes;
    const number = axis.p2c(x - axis._offset);
    const p = prices.p2c(y - prices._offset);
    const nearest = candles.at(Math.round(number));
    if (!snap || !nearest || nearest.empty) return { t: timeAt(candles, number, intervalMs(interval)), p };
    const found = [nearest.o, nearest.h, nearest.l, nearest.c]
      .map((one) => ({ one, away: Math.abs(prices._offset + prices.c2p(one, true) - y) }))
      .sort((one, other) => one.away - other.away)[0];
    return { t: nearest.t, p: found.away <= SNAP_PX ? found.one : p };
  }

  /** Pixel of a place. @param {Place} place @returns {Point} */
  pixel({ t, p }) {
    const { candles, overlay, interval } = this.chart;
    const { y } = overlay.axes;
    return { x: overlay.px(numberAt(candles, t, intervalMs(interval))), y: y._offset + y.c2p(p, true) };
  }

  // -- making and moving --------------------------------------------------------------------------------------

  /** @param {Point} at */
  begin(at) {
    const place = this.placeAt(at);
    const kind = /** @type {Tool} */ (this.tool);
    const points = Array.from({ length: POINTS[kind] }, () => place);
    this.making = { id: uuid(), kind, points, text: "", locked: false, hidden: false };
    this.placed = 1;
    this.refresh();
  }

  /** @param {Point} at */
  follow(at) {
    const { points } = this.making;
    const place = this.placeAt(at);
    for (let index = this.placed; index < points.length; index += 1) points[index] = place;
    this.refresh();
  }

  finish() {
    const made = this.making;
    if (made.kind === "measure") {
      this.placed = 0;
      this.measured = made;
      this.making = null;
      this.tool = "";
      this.layer.hidden = true;
      this.mark();
      return void this.refresh();
    }
    this.hold("");
    this.change(null, made);
    this.select(made.id);
    if (made.kind === "text") this.write(made);
    return undefined;
  }

  /** Write a text where it stands. @param {Drawing} drawing */
  write(drawing) {
    const field = document.createElement("input");
    const { x, y } = this.pixel(drawing.points[0]);
    field.className = "drawing-text";
    field.maxLength = 200;
    field.value = drawing.text;
    field.style.left = `${x}px`;
    field.style.top = `${y - 12}px`;
    let over = false;
    const end = (/** @type {boolean} */ keep) => {
      if (over) return;
      over = true;
      const text = field.value.trim();
      field.remove();
      if (keep && text && text !== drawing.text) this.change(drawing, { ...drawing, text });
      else if (!drawing.text && !text) this.change(drawing, null);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
    });
    field.addEventListener("blur", () => end(true));
    this.layer.parentElement.append(field);
    setTimeout(() => field.focus());
  }

  /** @param {string} id */
  select(id) {
    if (this.measured && !id) this.measured = null;
    else if (id === this.selected) return;
    this.selected = id;
    this.mark();
    this.refresh();
  }

  /** Take hold of a drawing, or of one of its points. @param {PointerEvent} event */
  take(event) {
    const part = closest(event, "[data-drawing]");
    const drawing = this.all.get(part?.dataset.drawing ?? "");
    if (!drawing) return;
    event.preventDefault();
    event.stopPropagation();
    this.select(drawing.id);
    if (drawing.locked || !this.mayChange()) return;
    const handle = part.dataset.handle === undefined ? null : Number(part.dataset.handle);
    const start = this.at(event);
    const pixels = drawing.points.map((point) => this.pixel(point));
    /** @type {?Drawing} */
    let moved = null;
    const move = (/** @type {PointerEvent} */ now) => {
      const here = this.at(now);
      const [dx, dy] = [here.x - start.x, here.y - start.y];
      if (!moved && Math.hypot(dx, dy) < STILL_PX) return;
      const points = pixels.map(({ x, y }, index) => {
        if (handle === null) return this.placeAt({ x: x + dx, y: y + dy }, false);
        return index === handle ? this.placeAt(here) : drawing.points[index];
      });
      moved = { ...drawing, points };
      this.all.set(drawing.id, moved);
      this.refresh();
    };
    this.dragging = true;
    const end = () => {
      this.dragging = false;
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      if (moved) this.change(drawing, moved);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  // -- drawing ------------------------------------------------------------------------------------------------

  refresh() {
    this.drawn = "";
    this.chart.refreshOverlay();
  }

  /** Called with each drawing of the overlay; most of the time nothing has moved. */
  draw() {
    if (this.symbol !== this.chart.symbol) void this.followSymbol();
    const { x, y } = this.chart.overlay.axes;
    const { candles } = this.chart;
    const many = this.all.size || this.making || this.measured;
    const key = many ? [x.range, y.range, y.type, x._length, y._length, candles.base, candles.length].join() : "none";
    if (key === this.drawn) return;
    this.drawn = key;
    this.group.replaceChildren();
    const { left, right, top, priceBottom } = this.chart.overlay.frame;
    set(this.clip, { x: left, y: top, width: right - left, height: priceBottom - top });
    for (const drawing of this.all.values()) if (!drawing.hidden) this.shape(drawing, drawing.id === this.selected);
    for (const drawing of [this.making, this.measured]) if (drawing) this.shape(drawing, false);
  }

  /** @param {Drawing} drawing @param {boolean} selected */
  shape(drawing, selected) {
    const { left, right, top, priceBottom } = this.chart.overlay.frame;
    const points = drawing.points.map((point) => this.pixel(point));
    const [one, other = one] = points;
    const group = shape(this.group, "g", `drawing ${drawing.kind}`);
    set(group, { "data-drawing": drawing.id, "data-selected": String(selected), "data-locked": String(drawing.locked) });
    const line = (/** @type {Point} */ from, /** @type {Point} */ to, kind = "") => {
      for (const name of ["grip", `stroke ${kind}`]) set(shape(group, "line", name), { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
    };
    const word = (/** @type {Point} */ at, /** @type {string} */ text, kind = "") => {
      const made = shape(group, "text", kind);
      set(made, { x: at.x, y: at.y });
      made.textContent = text;
    };
    const box = (kind = "area") =>
      set(shape(group, "rect", kind), {
        x: Math.min(one.x, other.x),
        y: Math.min(one.y, other.y),
        width: Math.abs(one.x - other.x),
        height: Math.abs(one.y - other.y),
      });
    const draw = {
      trend: () => line(one, other),
      ray: () => line(one, beyond(one, other, left, right, top, priceBottom)),
      horizontal: () => {
        line({ x: left, y: one.y }, { x: right, y: one.y });
        word({ x: left + 4, y: one.y - 4 }, this.chart.scale.text(drawing.points[0].p, this.chart.decimals));
      },
      vertical: () => line({ x: one.x, y: top }, { x: one.x, y: priceBottom }),
      rectangle: () => box(),
      fibonacci: () => {
        const [from, to] = drawing.points;
        for (const level of LEVELS) {
          const p = to.p + (from.p - to.p) * level;
          const { y } = this.pixel({ t: from.t, p });
          line({ x: Math.min(one.x, other.x), y }, { x: Math.max(one.x, other.x), y }, "level");
          word({ x: Math.max(one.x, other.x) + 4, y: y + 4 }, `${level} (${this.chart.scale.text(p, this.chart.decimals)})`);
        }
      },
      text: () => word(one, drawing.text || "…", "words"),
      channel: () => {
        const third = points[2];
        const slope = other.x === one.x ? 0 : (other.y - one.y) / (other.x - one.x);
        const away = third.y - (one.y + slope * (third.x - one.x));
        const moved = (/** @type {number} */ by) => [one, other].map((at) => ({ x: at.x, y: at.y + by }));
        line(one, other);
        line(.../** @type {[Point, Point]} */ (moved(away)));
        line(.../** @type {[Point, Point]} */ (moved(away / 2)), "level");
      },
      vwap: () => {
        line({ x: one.x, y: one.y - 14 }, { x: one.x, y: one.y + 14 });
        word({ x: one.x + 5, y: one.y - 6 }, "VWAP");
      },
      profile: () => points.forEach(({ x }) => line({ x, y: top }, { x, y: priceBottom }, "level")),
      anchored: () => line({ x: one.x, y: top }, { x: one.x, y: priceBottom }, "level"),
      measure: () => {
        box();
        const [from, to] = drawing.points;
        const up = to.p >= from.p;
        set(group, { "data-went": up ? "up" : "down" });
        word({ x: Math.min(one.x, other.x) + 4, y: Math.min(one.y, other.y) + 14 }, this.measure(from, to));
      },
    };
    draw[drawing.kind]();
    if (!selected || drawing.locked) return;
    points.forEach(({ x, y }, index) => {
      const handle = shape(group, "circle", "handle");
      set(handle, { cx: x, cy: ["vertical", "profile", "anchored"].includes(drawing.kind) ? (top + priceBottom) / 2 : y, r: 5, "data-drawing": drawing.id, "data-handle": index });
    });
  }

  /** What lies between two places, such as `+1.20 (+0.72%) · 12 bars · 1:00 · Vol 3.1M`. @param {Place} from @param {Place} to */
  measure(from, to) {
    const { candles, interval, decimals } = this.chart;
    const [first, last] = [from.t, to.t].sort((a, b) => a - b);
    const part = candles.all.slice(candles.place(first), candles.place(last + 1)).filter((candle) => !candle.empty);
    const bars = Math.round(Math.abs(numberAt(candles, to.t, intervalMs(interval)) - numberAt(candles, from.t, intervalMs(interval))));
    const volume = part.reduce((sum, candle) => sum + candle.v, 0);
    const minutes = Math.round((last - first) / 60_000);
    const time = minutes >= 2_880 ? `${Math.round(minutes / 1_440)} d` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
    const moved = to.p - from.p;
    return `${change(moved, decimals)} (${percent((100 * moved) / from.p)}) · ${bars} bars · ${time} · Vol ${amount(volume)}`;
  }
}

/** Number on the axis of a time, between candles too. @param {import("./candles.js").Candles} candles @param {number} t @param {number} length of a candle, ms */
export function numberAt(candles, t, length) {
  const { all, base } = candles;
  if (!all.length) return 0;
  if (t < all[0].t) return base - (all[0].t - t) / length;
  const place = candles.place(t);
  if (place < all.length && all[place].t === t) return base + place;
  const before = all[place - 1];
  const after = all[place];
  // Within the candle that it belongs to, or in the hole after it.
  return base + place - 1 + Math.min((t - before.t) / (after ? after.t - before.t : length), after ? 1 : Infinity);
}

/** The opposite. @param {import("./candles.js").Candles} candles @param {number} number @param {number} length of a candle, ms */
export function timeAt(candles, number, length) {
  const { all, base, lastNumber } = candles;
  if (!all.length) return 0;
  if (number <= base) return all[0].t - (base - number) * length;
  if (number >= lastNumber) return candles.last.t + (number - lastNumber) * length;
  const before = candles.at(Math.floor(number));
  const after = candles.at(Math.floor(number) + 1);
  return before.t + (number - Math.floor(number)) * (after.t - before.t);
}

/** Where a ray leaves the plot. */
function beyond(/** @type {Point} */ from, /** @type {Point} */ through, /** @type {number} */ left, /** @type {number} */ right, /** @type {number} */ top, /** @type {number} */ bottom) {
  const [dx, dy] = [through.x - from.x, through.y - from.y];
  if (!dx && !dy) return through;
  const reach = [dx > 0 ? (right - from.x) / dx : dx < 0 ? (left - from.x) / dx : Infinity, dy > 0 ? (bottom - from.y) / dy : dy < 0 ? (top - from.y) / dy : Infinity];
  const far = Math.max(1, Math.min(...reach.filter((one) => one > 0)));
  return { x: from.x + dx * far, y: from.y + dy * far };
}
