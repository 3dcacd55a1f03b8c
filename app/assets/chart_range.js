// The drawn range of prices and volumes.  Each change of it is a redraw by Plotly, so while candles only stream in
// it stays as long as it fits.

/** @typedef {{low: number, high: number, volume: number}} Extent */

const PRICE_ROOM = 0.08;
const VOLUME_ROOM = 1.15;
/** More of it where the newest candle has just left the range: the next ones probably go on. */
const PRICE_LEFT = 0.2;
const VOLUME_LEFT = 1.4;
/** The least part of the range that the candles must fill. */
const LOOSE = 0.5;

export class ChartRange {
  constructor() {
    this.low = 0;
    this.high = 0;
    this.volume = 0;
  }

  /** Is all of this in the range? @param {?Extent} extent */
  holds(extent) {
    return !extent || (extent.low >= this.low && extent.high <= this.high && extent.volume <= this.volume);
  }

  /** Just what the candles need. @param {?Extent} extent */
  fit(extent) {
    const { low, high, volume } = extent ?? { low: 0, high: 1, volume: 1 };
    const room = (high - low) * PRICE_ROOM || high * 1e-4;
    this.low = low - room;
    this.high = high + room;
    this.volume = (volume || 1) * VOLUME_ROOM;
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
    if (fits) Object.assign(this, { low: before.low, high: before.high });
    if (below) this.low -= span * PRICE_LEFT;
    if (above) this.high += span * PRICE_LEFT;
    if (louder) this.volume = extent.volume * VOLUME_LEFT;
    else if (extent.volume >= LOOSE * before.volume) this.volume = before.volume;
  }
}
