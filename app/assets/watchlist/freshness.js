// How fresh a row is, in a word: live, quiet, closed or old.

import { day, wallClock } from "../lib/zone.js";

const LIVE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * `live`: a tick within the last minute.  `old`: none of the newest trading session that has begun, or, where there are no
 * sessions, within a day.  Else `quiet`, or `closed` outside the exchange's regular hours.  Empty: no tick at all.
 * @param {?number} time of the last tick, ms since the epoch
 * @param {number} now the market's clock, ms
 * @param {number[][]} hours the exchange's regular hours around now, in order; empty: it trades around the clock
 * @param {string} zone IANA name
 */
export function freshness(time, now, hours, zone) {
  if (!time) return "";
  if (now - time < LIVE_MS) return "live";
  const session = hours.findLast(([opened]) => opened <= now);
  if (!session) return now - time < DAY_MS ? "quiet" : "old";
  const earlier = time < session[0] && day(wallClock(time, zone)) !== day(wallClock(session[0], zone));
  if (earlier) return "old";
  return now < session[1] ? "quiet" : "closed";
}
