// Wall-clock time in an exchange's zone.

import { look } from "./look.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formatters = new Map();
/** @type {Map<string, number>} offset in ms by zone and quarter of an hour: every zone changes on one */
const offsets = new Map();
/** @type {Map<string, Intl.DateTimeFormat>} */
const names = new Map();
const QUARTER = 900_000;
const MOST_OFFSETS = 20_000;

/** @param {string} zone IANA name; an unknown one counts as UTC */
function formatter(zone) {
  let made = formatters.get(zone);
  if (!made) {
    /** @type {Intl.DateTimeFormatOptions} */
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

/** An instant as ISO 8601, to the microsecond. @param {number} ms since the epoch, with a fraction; before it is the epoch */
export function iso(ms) {
  const us = Math.max(0, Math.round(ms * 1_000));
  return `${new Date(Math.floor(us / 1_000)).toISOString().slice(0, -1)}${String(us % 1_000).padStart(3, "0")}Z`;
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

const HOUR = 3_600_000;

/** Does `zone` show this wall-clock time twice that night? @param {number} ms since the epoch @param {string} zone */
export function isAmbiguous(ms, zone) {
  const wall = wallClock(ms, zone);
  return [-HOUR, -HOUR / 2, HOUR / 2, HOUR].some((by) => wallClock(ms + by, zone) === wall);
}

/** The zone's name at an instant, such as EST. @param {number} ms since the epoch @param {string} zone IANA name */
export function zoneName(ms, zone) {
  let made = names.get(zone);
  if (!made) {
    try {
      made = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "short" });
    } catch {
      made = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", timeZoneName: "short" });
    }
    names.set(zone, made);
  }
  return made.formatToParts(ms).find((part) => part.type === "timeZoneName").value;
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

/** `7 Oct 2013` of a wall-clock instant, or as days are chosen to be written. @param {number} wall */
export function day(wall) {
  const date = new Date(wall);
  const { dates } = look();
  if (dates === "iso") return date.toISOString().slice(0, 10);
  if (dates === "us") return `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${date.getUTCFullYear()}`;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** The same without the year. @param {number} wall */
export function dayOfYear(wall) {
  const { dates } = look();
  const text = day(wall);
  return dates === "iso" ? text.slice(5) : text.slice(0, -5);
}

/** The instant at which a wall clock reads so; the earlier one where it does twice. @param {number} wall @param {string} zone */
export function instantOf(wall, zone) {
  const guess = wall - (wallClock(wall, zone) - wall);
  const earlier = wall - (wallClock(guess - 3 * 3_600_000, zone) - (guess - 3 * 3_600_000));
  return wallClock(earlier, zone) === wall ? earlier : guess;
}
