// The price axis: what range of prices and volumes is drawn, whether the candles or the user say so, and how it is divided.

import { shortPrice, percent, roundAmount } from "../lib/format.js";

/** @typedef {{low: number, high: number, volume: number}} Extent lowest low, highest high, largest volume */
/** @typedef {"linear" | "log" | "percent"} ScaleMode */

/** Of the range of prices and volumes, beyond the candles. */
const PRICE_ROOM = 0.08;
const VOLUME_ROOM = 1.15;
/** More of it where the newest candle has just left the range: the next ones probably go on. */
const PRICE_LEFT = 0.2;
const VOLUME_LEFT = 1.4;
/** The least part of the range that the candles must fill. */
const LOOSE = 0.5;
const PRICE_LABEL_PX = 40;
const VOLUME_LABEL_PX = 24;
/** Where the highest price is so many times the lowest, a logarithmic axis has labels at 1, 2 and 5. */
const WIDE = 4;

/**
 * The drawn range of prices and volumes.  Each change of it is a redraw by Plotly, so while candles only stream in it
 * stays as long as it fits; one that the user has made stays until he gives it back.
 */
export class PriceScale {
  constructor() {
    this.low = 0;
    this.high = 0;
    this.volume = 0;
    /** The least step of the price. */
    this.tick = 0.01;
    /** @type {ScaleMode} */
    this.mode = "linear";
    /** Has the user taken hold of it? */
    this.manual = false;
    /** The price that percentages and a baseline count from: the close of the first candle in view. */
    this.base = NaN;
  }

  /** Is it logarithmic?  Not where there are prices of zero and below. */
  get log() {
    return this.mode === "log" && this.low > 0;
  }

  /** Place on Plotly's axis. @param {number} price */
  toAxis(price) {
    return this.log ? Math.log10(price) : price;
  }

  /** The range as Plotly's axis has it. */
  get axisRange() {
    return [this.toAxis(this.low), this.toAxis(this.high)];
  }

  /** Is all of this in the range? @param {?Extent} extent */
  holds(extent) {
    if (!extent) return true;
    return extent.volume <= this.volume && (this.manual || (extent.low >= this.low && extent.high <= this.high));
  }

  /** Just what the candles need. @param {?Extent} extent */
  fit(extent) {
    const { low, high, volume } = extent ?? { low: 0, high: 1, volume: 1 };
    this.volume = (volume || 1) * VOLUME_ROOM;
    if (this.manual) return;
    if (this.mode === "log" && low > 0) {
      const room = Math.log(high / low) * PRICE_ROOM || 1e-4;
      this.low = low * Math.exp(-room);
      this.high = high * Math.exp(room);
      return;
    }
    const room = (high - low) * PRICE_ROOM || Math.max(Math.abs(high) * 1e-4, 2 * this.tick);
    this.low = low - room;
    this.high = high + room;
  }

  /** The same range if it holds them and is not too wide by now; else one that will do for a while. @param {?Extent} extent */
  keep(extent) {
    if (!extent) return;
    const before = { low: this.low, high: this.high, volume: this.volume };
    const span = extent.high - extent.low;
    const [below, above] = [extent.low < before.low, extent.high > before.high];
    const fits = !below && !above && span >= LOOSE * (before.high - before.low);
    const louder = extent.volume > before.volume;
    this.fit(extent);
    if (!this.manual) {
      if (fits) Object.assign(this, { low: before.low, high: before.high });
      if (below) this.low -= this.log ? (this.low * span * PRICE_LEFT) / extent.high : span * PRICE_LEFT;
      if (above) this.high += span * PRICE_LEFT;
    }
    if (louder) this.volume = extent.volume * VOLUME_LEFT;
    else if (extent.volume >= LOOSE * before.volume) this.volume = before.volume;
  }

  /** Take hold: make the range so many times as wide, around its middle. @param {number} factor */
  stretch(factor) {
    const [low, high] = this.axisRange;
    const half = ((high - low) / 2) * factor;
    this.take((low + high) / 2 - half, (low + high) / 2 + half);
  }

  /** Take hold: move by a share of the range. @param {number} share */
  shift(share) {
    const [low, high] = this.axisRange;
    const by = (high - low) * share;
    this.take(low + by, high + by);
  }

  /** Take hold of a range as Plotly's axis has it; one that is narrower than two steps or no number is left alone. */
  take(/** @type {number} */ low, /** @type {number} */ high) {
    const [from, to] = this.log ? [10 ** low, 10 ** high] : [low, high];
    if (!(to - from >= 2 * this.tick) || !Number.isFinite(to - from) || to - from > 1e15) return;
    this.manual = true;
    this.low = from;
    this.high = to;
  }

  /** A price as this axis says it. @param {number} price @param {number} decimals of the instrument */
  text(price, decimals) {
    if (this.mode !== "percent" || !this.base) return shortPrice(price, decimals);
    return percent((100 * (price - this.base)) / Math.abs(this.base));
  }

  /**
   * Labels of the price axis, none that the instrument's decimals would not tell apart.
   * @param {number} decimals of the instrument @param {number} height px
   * @returns {{values: number[], texts: string[]}}
   */
  priceLabels(decimals, height) {
    const most = height / PRICE_LABEL_PX;
    const values = this.priceValues(most);
    return { values, texts: values.map((value) => this.text(value, decimals)) };
  }

  /** @param {number} most so many at about the most @returns {number[]} */
  priceValues(most) {
    const { low, high, base } = this;
    if (this.mode === "percent" && base) {
      const unit = Math.abs(base) / 100;
      const least = Math.max(0.01, this.tick / unit);
      return roundValues((low - base) / unit, (high - base) / unit, most, least).map((share) => base + share * unit);
    }
    if (!this.log || high / low < WIDE) return roundValues(low, high, most, this.tick);
    const values = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
      for (const one of [1, 2, 5]) if (one * power >= low && one * power <= high) values.push(one * power);
    }
    const apart = Math.ceil(values.length / Math.max(2, most));
    return values.filter((value, index) => index % apart === 0 && value >= this.tick);
  }

  /** Labels of the volume axis, written as the grids write volumes. @param {number} height px */
  volumeLabels(height) {
    const values = roundValues(0, this.volume, height / VOLUME_LABEL_PX, 0);
    return { values, texts: values.map(roundAmount) };
  }
}

/** Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, about `most` of them, at least `least` apart. */
function roundValues(/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ most, /** @type {number} */ least) {
  const apart = Math.max(least, (high - low) / Math.max(2, Math.floor(most)));
  if (!(high > low) || !(apart > 0) || !Number.isFinite(apart)) return [];
  const power = 10 ** Math.floor(Math.log10(apart));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= apart * (1 - 1e-9));
  const values = [];
  for (let count = Math.ceil(low / step); count * step <= high; count += 1) values.push(count * step);
  return values;
}
