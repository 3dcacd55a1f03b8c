// The market's clock: the server's, a replay's in its place, and standing still while nothing is heard of either.

/** The server's clock minus this machine's, ms. */
let skew = 0;
/** @type {?number} */
let replay = null;
/** @type {?number} */
let stoppedAt = null;

/** What the market's clock shows, ms since the epoch. @returns {number} */
export const marketNow = () => replay ?? stoppedAt ?? Date.now() + skew;

/** The server's clock minus this machine's, ms. @returns {number} */
export const serverSkew = () => skew;

/** The server's clock, in a message that came now. @param {number} ms */
export function clockIs(ms) {
  skew = ms - Date.now();
}

/** The clock of a replay; null: the market is live. @param {?number} ms */
export function replayClockIs(ms) {
  replay = ms;
}

/** Is the server heard?  While it is not, the clock shows when it was heard last. @param {boolean} heard */
export function clockRuns(heard) {
  if (heard) stoppedAt = null;
  else stoppedAt ??= Date.now() + skew;
}
