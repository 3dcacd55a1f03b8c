// The market's clock: the server's, a replay's in its place, and standing still while nothing is heard of either.

const KEPT_ANSWERS = 5;

/** The server's clock minus this machine's, ms. */
let skew = 0;
/** Answers of the server that tell its clock: the one with the shortest way counts. @type {{way: number, skew: number}[]} */
let answers = [];
/** @type {?number} */
let replay = null;
/** @type {?number} */
let stoppedAt = null;

/** What the market's clock shows, ms since the epoch. @returns {number} */
export const marketNow = () => replay ?? stoppedAt ?? Date.now() + skew;

/** The server's clock minus this machine's, ms. @returns {number} */
export const serverSkew = () => skew;

/** Is the skew known to half a way of a message? */
export const skewIsMeasured = () => answers.length > 0;

/** The server's clock, in a message that came now. @param {number} ms */
export function clockIs(ms) {
  if (!answers.length) skew = ms - Date.now();
}

/** The server's clock, in the answer to what was asked that long ago. @param {number} ms @param {number} way ms, there and back */
export function clockWas(ms, way) {
  answers = [...answers, { way, skew: ms - (Date.now() - way / 2) }].slice(-KEPT_ANSWERS);
  skew = answers.reduce((best, each) => (each.way < best.way ? each : best)).skew;
}

/** The connection is another one: what was measured may not hold. */
export function clockIsUnknown() {
  answers = [];
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
