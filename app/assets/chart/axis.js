// The labels of the time axis: candles have numbers on it, and labels stand where the wall clock passes a round time.

/** @typedef {import("./candles.js").Candles} Candles */
/** @typedef {import("./candles.js").Candle} Candle */
/** @typedef {{number: number, text: string, strong: boolean}} TimeLabel  `number` may lie between two candles */

import { intervalMs, isBars } from "../lib/selection.js";
import { clock, day, isAmbiguous, minutes, MONTHS, zoneName } from "../lib/zone.js";

const DAY = 86_400_000;
const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, 86_400,
].map((seconds) => seconds * 1_000);
const LABEL_PX = 76;
/** Of a whole date, with the year. */
const DATE_PX = 84;

/** Which span of time a wall clock is in; labels stand where it changes. @type {((wall: number) => number)[]} */
const LONG_SPANS = [
  (wall) => Math.floor((wall / DAY + 3) / 7),
  (wall) => new Date(wall).getUTCFullYear() * 12 + new Date(wall).getUTCMonth(),
  (wall) => new Date(wall).getUTCFullYear() * 4 + Math.floor(new Date(wall).getUTCMonth() / 3),
  (wall) => new Date(wall).getUTCFullYear(),
  (wall) => Math.floor(new Date(wall).getUTCFullYear() / 5),
];

/**
 * The labels for the candles from number `from` to `to`.
 * @param {Candles} candles @param {string} interval @param {number} from @param {number} to @param {number} width px
 * @returns {TimeLabel[]}
 */
export function timeLabels(candles, interval, from, to, width) {
  const first = Math.max(candles.base, Math.ceil(from));
  const last = Math.min(candles.lastNumber, Math.floor(to));
  const most = Math.max(1, Math.floor(width / LABEL_PX));
  const length = isBars(interval) ? 1_000 : intervalMs(interval);
  // A step that candles do not divide would have labels where no candle can begin.
  const steps = STEPS.filter((step) => step % length === 0 || step === DAY);
  const spans = [
    ...steps.map((step) => ({ step, span: (/** @type {number} */ wall) => Math.floor(wall / step) })),
    ...LONG_SPANS.map((span) => ({ step: DAY, span })),
  ];
  for (const { step, span } of spans) {
    const numbers = [];
    for (let number = first; number <= last; number += 1) {
      const before = candles.at(number - 1);
      const here = candles.at(number);
      if (here && before && span(before.wall) !== span(here.wall)) numbers.push(number);
      if (numbers.length > most) break;
    }
    if (numbers.length <= most) {
      const labels = numbers.map((number) => label(candles, number, step));
      return spread(labels, (to - from) / width);
    }
  }
  return [];
}

/** Drop labels that would touch the one before, but never a day's. @param {TimeLabel[]} labels @param {number} slot candles a px */
function spread(labels, slot) {
  /** @type {TimeLabel[]} */
  const kept = [];
  const room = (/** @type {TimeLabel} */ one) => (one.text.length > 7 ? DATE_PX : LABEL_PX * 0.8) * slot;
  for (const one of labels) {
    const before = kept[kept.length - 1];
    if (before && one.number - before.number < (room(one) + room(before)) / 2) {
      if (!one.strong || before.strong) continue;
      kept.pop();
    }
    kept.push(one);
  }
  return kept;
}

/**
 * The label where candle `number` is the first after a round time: a day's at the candle; a time's, which is the round
 * one, between the candles if none began then.
 * @param {Candles} candles @param {number} number @param {number} step ms @returns {TimeLabel}
 */
function label(candles, number, step) {
  const here = candles.at(number);
  const before = candles.at(number - 1);
  const date = new Date(here.wall);
  const earlier = new Date(before.wall);
  if (Math.floor(here.wall / DAY) !== Math.floor(before.wall / DAY)) {
    const dayText = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
    const years = date.getUTCFullYear() - earlier.getUTCFullYear();
    if (years === 0) return { number, text: dayText, strong: true };
    const turn = years === 1 && here.t - before.t < 35 * DAY && step === DAY && date.getUTCMonth() === 0;
    return { number, text: turn ? `${date.getUTCFullYear()}` : `${dayText} ${date.getUTCFullYear()}`, strong: true };
  }
  const round = Math.floor(here.wall / step) * step;
  const exact = round === here.wall || round <= before.wall;
  const shown = exact ? here.wall : round;
  const turned = here.wall - here.t !== before.wall - before.t;
  const named = turned || isAmbiguous(here.t, candles.zone);
  const text = new Date(shown).getUTCSeconds() ? clock(shown) : minutes(shown);
  return {
    number: exact ? number : number - 0.5,
    text: named ? `${text} ${zoneName(here.t, candles.zone)}` : text,
    strong: turned,
  };
}

/** The time of one candle in full. @param {Candle} candle @param {string} zone whose wall clock it has @param {string} interval */
export function fullTime({ t, wall }, zone, interval) {
  if (interval === "1M") return `${MONTHS[new Date(wall).getUTCMonth()]} ${new Date(wall).getUTCFullYear()}`;
  if (interval === "1d" || interval === "1w") return day(wall);
  const text = `${day(wall)} ${interval.endsWith("s") || isBars(interval) ? clock(wall) : minutes(wall)}`;
  return isAmbiguous(t, zone) ? `${text} ${zoneName(t, zone)}` : text;
}

/** Longer than that without a candle is a hole: what is closed each night and week is none. */
const HOLE_MS = { s: 4 * DAY, m: 4 * DAY, h: 4.5 * DAY, d: 10 * DAY, w: 25 * DAY, M: 100 * DAY };

/**
 * Where between the candles from number `from` to `to` there is a hole.
 * @param {Candles} candles @param {string} interval @param {number} from @param {number} to
 * @returns {{number: number, text: string}[]} `number` lies between two candles
 */
export function holes(candles, interval, from, to) {
  const least = HOLE_MS[interval.slice(-1)] ?? Infinity;
  const found = [];
  const last = Math.min(candles.lastNumber, Math.floor(to));
  for (let number = Math.max(candles.base + 1, Math.ceil(from)); number <= last; number += 1) {
    const missing = candles.at(number).t - candles.at(number - 1).t;
    if (missing > least) found.push({ number: number - 0.5, text: spanText(missing) });
  }
  return found;
}

/** A length of time in its largest unit, such as `13 y`. @param {number} ms */
function spanText(ms) {
  const days = Math.round(ms / DAY);
  if (days >= 730) return `${Math.round(days / 365.25)} y`;
  return days >= 60 ? `${Math.round(days / 30.4)} mo` : `${days} d`;
}
