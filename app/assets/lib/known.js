// In a replay of ticks as they were known at its clock, what is read over REST must be of that too.

/** The replay's clock, ms; null: the corrected ticks. @type {?number} */
let at = null;

/** @param {?number} ms */
export function knownIs(ms) {
  at = ms;
}

/** The parameter that the routes of candles and ticks need for it. @returns {Record<string, string>} */
export const known = () => (at === null ? {} : { known: new Date(at).toISOString() });
