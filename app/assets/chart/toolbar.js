// The bar under the chart: its kind, ranges of time, a date to go to, the price axis, the zone, and ways to take it along.

import { KINDS } from "./kinds.js";
import { closest, element, write } from "../lib/dom.js";
import { choose, INTERVALS, intervalMs, view as chosen } from "../lib/selection.js";
import { instantOf, wallClock } from "../lib/zone.js";
import { MOST_SHOWN } from "./view.js";

/** @typedef {import("./chart.js").Chart} Chart */

const DAY = 86_400_000;
const KEPT = "tickdeck.chart";
/** Of the address, besides symbol and interval: how the chart looks, and what of it is in view. */
const FIELDS = ["kind", "scale", "zone", "axis", "at", "bars", "share", "low", "high", "indicators", "orderflow", "compare", "since"];
const MODES = ["linear", "log", "percent"];
const ZONES = ["exchange", "local", "UTC"];
const AXES = ["ticks", "time"];
/** What goes into the menu where the bar has no room for it, in this order. */
const SPARE = ["[data-axis]", "#chart-zone", '[aria-label="Price axis"]', '[aria-label="Range of time"]', "*:has(> #chart-date)"];
/** Months, or days, that the button of a range goes back. @type {Record<string, {days?: number, months?: number}>} */
const RANGES = { "1D": { days: 1 }, "5D": { days: 5 }, "1M": { months: 1 }, "3M": { months: 3 }, "1Y": { months: 12 } };

export class Toolbar {
  /** @param {Chart} chart @param {HTMLElement} bar @param {(why: string) => void} say a notice */
  constructor(chart, bar, say) {
    this.chart = chart;
    this.bar = bar;
    this.say = say;
    this.kind = /** @type {HTMLSelectElement} */ (element("chart-kind"));
    this.zone = /** @type {HTMLSelectElement} */ (element("chart-zone"));
    this.menu = /** @type {HTMLDetailsElement} */ (element("chart-share"));
    this.date = /** @type {HTMLInputElement} */ (element("chart-date"));
    this.kind.addEventListener("change", () => this.look({ kind: this.kind.value }));
    this.zone.addEventListener("change", () => this.look({ zone: this.zone.value }));
    bar.addEventListener("click", (event) => {
      const { range, scale, share, axis } = closest(event, "button")?.dataset ?? {};
      if (axis) this.look({ axis: chart.linear ? "ticks" : "time" });
      if (range) void this.go(range);
      if (scale === "auto") this.autoScale();
      else if (scale) this.look({ scale: chart.scale.mode === scale ? "linear" : scale });
      if (share) void this.share(share);
    });
    this.date.addEventListener("keydown", (event) => event.key === "Enter" && this.jump());
    for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (bar.querySelectorAll("details"))) {
      menu.addEventListener("toggle", () => placeMenu(menu));
      menu.addEventListener("keydown", (event) => event.key === "Escape" && (menu.open = false));
      document.addEventListener("pointerdown", (event) => {
        if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
      });
    }
    chart.onShown = () => this.mark();
    this.more = /** @type {HTMLDetailsElement} */ (element("chart-more"));
    /** What has no room and is in the menu, and before what it belongs. @type {{part: Element, before: Element}[]} */
    this.spared = [];
    const sizes = new ResizeObserver(() => this.fit());
    for (const each of [bar, element("drawings-of")]) sizes.observe(each);
    this.open();
  }

  /** Keep the bar on one line. */
  fit() {
    const { bar, more } = this;
    more.open = false;
    for (const { part, before } of this.spared.reverse()) bar.insertBefore(part, before);
    this.spared = [];
    more.hidden = true;
    for (const selector of SPARE) {
      if (bar.scrollWidth <= bar.clientWidth) break;
      more.hidden = false;
      const part = bar.querySelector(`:scope > ${selector}`);
      this.spared.push({ part, before: part.nextElementSibling });
      more.querySelector("div").prepend(part);
    }
  }

  /** Look as the address says, else as the last time; and show what it says. */
  open() {
    const asked = new URLSearchParams(location.search);
    const kept = remembered();
    const pick = (/** @type {string} */ name, /** @type {readonly string[]} */ of) =>
      of.find((one) => one === asked.get(name)) ?? of.find((one) => one === kept[name]) ?? of[0];
    this.apply({ kind: pick("kind", KINDS), scale: pick("scale", MODES), zone: pick("zone", ZONES), axis: pick("axis", AXES) });
    const at = Date.parse(asked.get("at") ?? "");
    const bars = Number(asked.get("bars"));
    const share = Number(asked.get("share") ?? 1);
    if (bars > 0) this.chart.wanted = { to: Number.isNaN(at) ? Infinity : at, count: Math.min(bars, MOST_SHOWN), share: share || 1 };
    const [low, high] = ["low", "high"].map((name) => parseFloat(asked.get(name) ?? ""));
    if (low < high) Object.assign(this.chart.scale, { low, high, manual: true });
    this.borrow(asked);
    const address = new URL(location.href);
    for (const name of FIELDS) address.searchParams.delete(name);
    if (address.href !== location.href) history.replaceState(null, "", address);
  }

  /** Show a link's indicators, order flow and comparison; one's own are kept for the next page. @param {URLSearchParams} asked */
  borrow(asked) {
    const { indicators, orderFlow, compare } = this.chart;
    const list = (/** @type {string} */ name) => asked.getAll(name).filter(Boolean);
    if (asked.has("indicators")) {
      const chosen = list("indicators").map((one) => one.split("|"));
      indicators.borrow(chosen.map(([id, ...colors]) => ({ id, colors: colors.filter((color) => /^#[0-9a-f]{6}$/.test(color)) })));
    }
    if (asked.has("orderflow")) orderFlow.borrow(list("orderflow"));
    const since = Date.parse(asked.get("since") ?? "");
    if (asked.has("compare")) compare.borrow(list("compare"), Number.isNaN(since) ? null : since);
  }

  /** @param {{kind?: string, scale?: string, zone?: string, axis?: string}} change */
  look(change) {
    this.apply(change);
    try {
      localStorage.setItem(KEPT, JSON.stringify({ ...remembered(), ...change }));
    } catch {
      // A browser that keeps nothing: the next page looks as the first one did.
    }
  }

  /** @param {{kind?: string, scale?: string, zone?: string, axis?: string}} change */
  apply({ kind, scale, zone, axis }) {
    const { chart } = this;
    if (kind) chart.setKind(/** @type {any} */ (kind));
    if (scale) chart.setScale(/** @type {any} */ (scale));
    if (zone) chart.setZone(zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone === "UTC" ? "UTC" : null);
    if (zone) this.zoneChoice = zone;
    if (axis) chart.setLinear(axis === "time");
    this.mark();
  }

  /** Mark what is on. */
  mark() {
    const { chart, bar } = this;
    this.kind.value = chart.kind;
    this.zone.value = this.zoneChoice;
    for (const button of bar.querySelectorAll("[data-scale]")) {
      const name = button.getAttribute("data-scale");
      button.setAttribute("aria-pressed", String(name === "auto" ? !chart.scale.manual : chart.scale.mode === name));
    }
    const axis = bar.querySelector("[data-axis]");
    axis.setAttribute("aria-pressed", String(chart.linear));
    write(axis, chart.linear ? "all time" : "no gaps");
  }

  autoScale() {
    this.chart.scale.manual = false;
    this.chart.rescaled();
  }

  /** Show a range of time that ends with the newest candle, in the interval that has about as many candles as fit. @param {string} range */
  async go(range) {
    const { chart } = this;
    const newest = chart.live.last?.t;
    if (newest === undefined) return;
    const from = range === "All" ? await this.first() : startOf(range, newest, chart.exchangeZone);
    if (from === null) return;
    const interval = INTERVALS.find((one) => (newest - from) / intervalMs(one) <= MOST_SHOWN * 0.9) ?? INTERVALS.at(-1);
    this.show({ from, to: Infinity }, interval);
  }

  /** @param {import("./chart.js").Place} place @param {string} interval */
  show(place, interval) {
    this.chart.finer = "";
    this.chart.scale.manual = false;
    if (interval === chosen().interval) return void this.chart.goTo(place);
    this.chart.wanted = place;
    choose({ interval });
    return undefined;
  }

  /** When the first month with ticks begins, ms. @returns {Promise<?number>} */
  async first() {
    try {
      const asked = new URLSearchParams({ symbol: this.chart.symbol, interval: "1M", form: "arrays", limit: "20000" });
      const answer = await fetch(`api/candles?${asked}`);
      return answer.ok ? ((await answer.json())[0]?.[0] ?? null) : null;
    } catch {
      return null; // The connection tells that the server is away.
    }
  }

  /** Go to the date and time that were typed, in the zone that is shown. */
  jump() {
    const text = this.date.value.trim();
    const found = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?$/.exec(text);
    const [year, month, day, hour = 0, minute = 0, second = 0] = found ? found.slice(1).map((part) => Number(part ?? 0)) : [];
    const wall = found ? Date.UTC(year, month - 1, day, hour, minute, second) : NaN;
    if (Number.isNaN(wall) || new Date(wall).getUTCDate() !== day || new Date(wall).getUTCMonth() !== month - 1) {
      this.say(text ? `“${text}” is no date: write it as 2013-10-07 or 2013-10-07 14:30` : "");
      return;
    }
    this.say("");
    this.date.blur();
    const { chart } = this;
    const at = instantOf(wall, chart.zone);
    chart.finer = "";
    void chart.goTo({ to: at, count: chart.view.count, share: 0.5 });
  }

  /** @param {string} what */
  async share(what) {
    this.menu.open = false;
    const { share } = await import("./share.js"); // few views are ever shared
    await share(this, what);
  }
}

/** Put a menu's list above the bar, which would cut it where the bar scrolls. @param {HTMLDetailsElement} menu */
function placeMenu(menu) {
  const list = /** @type {HTMLElement} */ (menu.querySelector("div"));
  const box = menu.getBoundingClientRect();
  list.style.left = `${Math.max(4, Math.min(box.left, innerWidth - list.offsetWidth - 4))}px`;
  list.style.bottom = `${innerHeight - box.top + 4}px`;
}

/** @returns {Record<string, string>} */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** When a range begins that ends at `newest`, ms; months and the year by the wall clock of `zone`. @param {string} range @param {number} newest @param {string} zone */
function startOf(range, newest, zone) {
  const wall = wallClock(newest, zone);
  const date = new Date(wall);
  if (range === "YTD") return instantOf(Date.UTC(date.getUTCFullYear(), 0, 1), zone);
  const { days, months } = RANGES[range];
  if (days) return newest - days * DAY;
  const back = new Date(wall);
  back.setUTCMonth(back.getUTCMonth() - months);
  if (back.getUTCDate() !== date.getUTCDate()) back.setUTCDate(0); // 31 March and a month back: the end of February
  return instantOf(back.getTime(), zone);
}
