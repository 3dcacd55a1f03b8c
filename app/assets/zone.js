// Wall-clock time in an exchange's zone.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formatters = new Map();
/** @type {Map<string, number>} offset in ms by zone and quarter of an hour: every zone changes on one */
const offsets = new Map();
const QUARTER = 900_000;
const MOST_OFFSETS = 20_000;

/** @param {string} zone IANA name; an unknown one counts as UTC */
function formatter(zone) {
  let made = formatters.get(zone);
  if (!made) {
    const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" };
    try {
      made = new Intl.DateTimeFormat("en-US", { ...fields, hourCycle: "h23", timeZone: zone });
    } catch {
      made = new Intl.DateTimeFormat("en-US", { ...fields, hourCycle: "h23", timeZone: "UTC" });
    }
    formatters.set(zone, made);
  }
  return made;
}

/**
 * The instant `ms` moved so that a Date's UTC fields read as the wall clock of `zone`.
 * @param {number} ms since the epoch
 * @param {string} zone
 * @returns {number}
 */
export function wallClock(ms, zone) {
  const quarter = Math.floor(ms / QUARTER);
  const key = `${zone}|${quarter}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    const start = quarter * QUARTER;
    const part = Object.fromEntries(formatter(zone).formatToParts(start).map((p) => [p.type, Number(p.value)]));
    offset = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute) - start;
    if (offsets.size >= MOST_OFFSETS) offsets.clear();
    offsets.set(key, offset);
  }
  return ms + offset;
}

const two = (/** @type {number} */ n) => (n < 10 ? `0${n}` : `${n}`);
export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `HH:MM:SS` of a wall-clock instant. @param {number} wall */
export function clock(wall) {
  const date = new Date(wall);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** `HH:MM` of a wall-clock instant. @param {number} wall */
export function minutes(wall) {
  const date = new Date(wall);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

/** `7 Oct 2013` of a wall-clock instant. @param {number} wall */
export function day(wall) {
  const date = new Date(wall);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}
