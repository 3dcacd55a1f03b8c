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
  code: [],
};

const asked = new URLSearchParams(location.search).get("panel") ?? "";

/** The kind of panel that this page is; null: it is the whole page. @type {?string} */
export const panel = Object.hasOwn(PARTS, asked) ? asked : null;

/** Does it show anything of the market?  Else it watches no symbol. */
export const ofMarket = panel === null || PARTS[panel].length > 0;

/** Has this page the data of a part: `rows` of all symbols, the chosen one's `chart`, `tape`, `price`? @param {string} part */
export const shows = (part) => panel === null || PARTS[panel].includes(part);
