// Which part of the chart is shown: the candles from number `from` to number `to`, and whether it follows time.

const FEWEST = 12;
/** Plotly redraws every candle at each closed one, so no more than this are ever handed to it. */
export const MOST_DRAWN = 500;
const MOST_SHOWN = 400;
const SLOT_PX = 8;
const RIGHT_ROOM = 0.06;

export class ChartView {
  constructor() {
    this.from = 0;
    this.to = 120;
  }

  get count() {
    return this.to - this.from;
  }

  /** The newest candles, as many as look well. @param {number} last number of the newest @param {number} width px */
  newest(last, width) {
    const count = Math.min(Math.max(Math.round(width / SLOT_PX), 40), 240);
    this.to = last + 0.5 + count * RIGHT_ROOM;
    this.from = this.to - count;
  }

  /** Does the newest candle stand in view? @param {number} last */
  follows(last) {
    return last <= this.to && last >= this.from;
  }

  /** @param {number} candles */
  shift(candles) {
    this.from += candles;
    this.to += candles;
  }

  /** Take over what the user dragged or zoomed to, within reason. @param {number} from @param {number} to @param {number} first @param {number} last */
  take(from, to, first, last) {
    const count = Math.min(Math.max(to - from, FEWEST), MOST_SHOWN);
    const middle = (from + to) / 2;
    let end = middle + count / 2;
    end = Math.min(end, last + count * 0.5);
    end = Math.max(end, first + Math.min(count * 0.5, last - first + 1));
    this.to = end;
    this.from = end - count;
  }

  /** Zoom by `factor` around the right edge when following, else around the middle. @param {number} factor @param {number} last */
  zoom(factor, last) {
    const fixed = this.follows(last) ? last : (this.from + this.to) / 2;
    const count = Math.min(Math.max(this.count * factor, FEWEST), MOST_SHOWN);
    const share = (fixed - this.from) / this.count;
    this.from = fixed - share * count;
    this.to = this.from + count;
  }

  /** The closed candles to hand to Plotly: those in view and some on either side. @param {number} first @param {number} lastClosed */
  slice(first, lastClosed) {
    const margin = Math.min((MOST_DRAWN - this.count) / 2, this.count / 2);
    return {
      from: Math.max(first, Math.floor(this.from - margin)),
      to: Math.min(lastClosed, Math.ceil(this.to + margin)),
    };
  }
}
