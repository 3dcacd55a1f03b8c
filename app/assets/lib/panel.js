// What this page is: the whole, or one panel of a workspace in a frame (`/?panel=…`), which asks for no more than it shows.

/** Of which parts of the page each kind of panel shows the data. @type {Record<string, string[]>} */
const PARTS = {
  chart: ["chart"],
  orderflow: ["chart"],
  watchlist: ["rows"],
  overview: ["rows"],
  tape: ["tape"],
  alerts: ["price"],
  feeds: [],
};

const asked = new URLSearchParams(location.search).get("panel") ?? "";

/** The kind of panel that this page is; null: it is the whole page. @type {?string} */
export const panel = Object.hasOwn(PARTS, asked) ? asked : null;

/** Has this page the data of a part: `rows` of all symbols, the chosen one's `chart`, `tape`, `price`? @param {string} part */
export const shows = (part) => panel === null || PARTS[panel].includes(part);
