// Time labels of the numbered x axis: a label stands where the wall clock passes a round time.

/** @typedef {import("./candles.js").Candles} Candles */

import { clock, day, minutes, MONTHS } from "./zone.js";

const DAY = 86_400_000;
const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, 86_400,
].map((seconds) => seconds * 1_000);
const LABEL_PX = 76;

/** Which span of time a wall clock is in; labels stand where it changes. */
const spans = [
  ...STEPS.map((step) => (/** @type {number} */ wall) => Math.floor(wall / step)),
  (wall) => Math.floor((wall / DAY + 3) / 7),
  (wall) => new Date(wall).getUTCFullYear() * 12 + new Date(wall).getUTCMonth(),
  (wall) => new Date(wall).getUTCFullYear() * 4 + Math.floor(new Date(wall).getUTCMonth() / 3),
  (wall) => new Date(wall).getUTCFullYear(),
];

/**
 * The labels for the candles from number `from` to `to`.
 * @param {Candles} candles @param {number} from @param {number} to @param {number} width px
 * @returns {{number: number, text: string, strong: boolean}[]}
 */
export function timeLabels(candles, from, to, width) {
  const first = Math.max(candles.base, Math.ceil(from));
  const last = Math.min(candles.lastNumber, Math.floor(to));
  const most = Math.max(1, Math.floor(width / LABEL_PX));
  for (const span of spans) {
    const numbers = [];
    for (let number = first; number <= last; number += 1) {
      const before = candles.at(number - 1);
      const here = candles.at(number);
      if (here && before && span(before.wall) !== span(here.wall)) numbers.push(number);
      if (numbers.length > most) break;
    }
    if (numbers.length <= most) return spread(candles, numbers, ((to - from) / width) * LABEL_PX);
  }
  return [];
}

/** Drop labels that would touch the one before, but never a day's. */
function spread(/** @type {Candles} */ candles, /** @type {number[]} */ numbers, /** @type {number} */ gap) {
  /** @type {{number: number, text: string, strong: boolean}[]} */
  const kept = [];
  for (const number of numbers) {
    const label = { number, ...text(candles.at(number).wall, candles.at(number - 1).wall) };
    const before = kept[kept.length - 1];
    if (before && number - before.number < gap * 0.8) {
      if (!label.strong || before.strong) continue;
      kept.pop();
    }
    kept.push(label);
  }
  return kept;
}

function text(/** @type {number} */ wall, /** @type {number} */ before) {
  const date = new Date(wall);
  if (Math.floor(wall / DAY) === Math.floor(before / DAY)) {
    return { text: date.getUTCSeconds() ? clock(wall) : minutes(wall), strong: false };
  }
  const earlier = new Date(before);
  if (date.getUTCFullYear() !== earlier.getUTCFullYear()) return { text: `${date.getUTCFullYear()}`, strong: true };
  const month = MONTHS[date.getUTCMonth()];
  return { text: `${date.getUTCDate()} ${month}`, strong: true };
}

/** The time of one candle in full. @param {number} wall @param {string} interval */
export function fullTime(wall, interval) {
  if (interval === "1d") return day(wall);
  return `${day(wall)} ${interval.endsWith("s") ? clock(wall) : minutes(wall)}`;
}
