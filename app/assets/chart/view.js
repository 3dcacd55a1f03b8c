// What of the candles is shown: from which number to which, and whether that follows time.

const FEWEST = 12;
/** Plotly redraws every candle whatever has changed, so no more than this are ever handed to it. */
const MOST_DRAWN = 500;
/** More than this are shown as longer ones. */
export const MOST_SHOWN = 400;
const SLOT_PX = 8;
/** Of the view, right of the newest candle: once the view has moved on, and at the least. */
export const RIGHT_ROOM = 0.08;
const LEAST_ROOM = 0.02;

export class ChartView {
  constructor() {
    this.from = 0;
    this.to = 120;
    /** Number of the newest candle when the view was put here. */
    this.placedAt = 0;
    /** Was it in view then?  If so, the view goes on with time. */
    this.following = true;
  }

  get count() {
    return this.to - this.from;
  }

  /** The newest candles, as many as look well. @param {number} last number of the newest @param {number} width px */
  newest(last, width) {
    const count = Math.min(Math.max(Math.round(width / SLOT_PX), 40), 240);
    this.to = last + 0.5 + count * RIGHT_ROOM;
    this.from = this.to - count;
    this.placed(last);
  }

  /** Exactly from here to there. @param {number} from @param {number} to @param {number} last number of the newest candle */
  show(from, to, last) {
    const count = Math.min(Math.max(to - from, FEWEST), MOST_SHOWN);
    this.to = to;
    this.from = to - count;
    this.placed(last);
  }

  /** The view was put where it is now. @param {number} last number of the newest candle */
  placed(last) {
    this.placedAt = last;
    this.following = last <= this.to && last >= this.from;
  }

  /** Have new candles used up the room at the right, but for a little? @param {number} last number of the newest */
  crowded(last) {
    const group = Math.max(1, Math.round(this.count * (RIGHT_ROOM - LEAST_ROOM)));
    return last - this.placedAt >= group || this.to - last < 0.5 + this.count * LEAST_ROOM;
  }

  /** Go on: as much room at the right as there was, and enough. @param {number} last number of the newest */
  roll(last) {
    const room = Math.max(this.to - this.placedAt, 0.5 + this.count * RIGHT_ROOM);
    this.shift(last + room - this.to);
    this.placed(last);
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
    this.placed(last);
  }

  /**
   * Zoom by `factor` around `fixed`: by default the newest candle when it is in view, else the middle.
   * @param {number} factor @param {number} last number of the newest @param {number} [fixed]
   */
  zoom(factor, last, fixed = last <= this.to && last >= this.from ? last : (this.from + this.to) / 2) {
    const count = Math.min(Math.max(this.count * factor, FEWEST), MOST_SHOWN);
    const share = (fixed - this.from) / this.count;
    this.from = fixed - share * count;
    this.to = this.from + count;
    this.placed(last);
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
