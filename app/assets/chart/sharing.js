// Links to drawings: whose are shown here, those of the link in the page's address or one's own.

import { element, write } from "../lib/dom.js";
import { forget, linkOf } from "../lib/links.js";

/** @typedef {import("./drawings.js").Drawing} Drawing */
/** @typedef {{owner: string, symbol: string, may_change: boolean, drawings: Drawing[]}} Shared */

/** In the page's address. */
export const LINK = "drawings";
/** So often what somebody else draws is read anew, while the page is seen. */
const AGAIN_MS = 5_000;

export class Sharing {
  /** @param {() => void} changed whose drawings are shown, or what they are @param {(why: string) => void} say a notice */
  constructor(changed, say) {
    this.changed = changed;
    this.say = say;
    this.link = linkOf(LINK);
    /** Where the link leads; null: not known yet, or nowhere. @type {?Shared} */
    this.place = null;
    this.told = "";
    this.chip = /** @type {HTMLButtonElement} */ (element("drawings-of"));
    this.chip.addEventListener("click", () => this.leave());
    if (this.link) setInterval(() => void this.again(), AGAIN_MS);
  }

  /** Is what is drawn on the symbol somebody else's? @param {string} symbol */
  of(symbol) {
    return this.link !== "" && this.place?.symbol === symbol;
  }

  /** May it be changed? @param {string} symbol */
  mayChange(symbol) {
    return !this.of(symbol) || this.place.may_change;
  }

  /** What goes with the symbol in a request. @param {string} symbol */
  query(symbol) {
    return new URLSearchParams(this.of(symbol) ? { symbol, shared: this.link } : { symbol });
  }

  /** The drawings on a symbol; null: they could not be had. @param {string} symbol @returns {Promise<?Drawing[]>} */
  async read(symbol) {
    if (this.link && !this.place) await this.ask();
    if (this.of(symbol)) return this.place.drawings;
    const answer = await fetch(`api/drawings?${new URLSearchParams({ symbol })}`);
    return answer.ok ? answer.json() : null;
  }

  async ask() {
    const link = this.link;
    const answer = await fetch(`api/shared?${new URLSearchParams({ shared: link })}`);
    if (link !== this.link || (!answer.ok && ![403, 422].includes(answer.status))) return; // asked again soon
    if (answer.ok) this.place = await answer.json();
    else {
      this.leave();
      this.say("The link to drawings leads nowhere, or nowhere any more");
    }
    this.mark();
  }

  async again() {
    if (!this.link || document.hidden) return;
    try {
      await this.ask();
    } catch {
      return; // The connection tells that the server is away.
    }
    const now = JSON.stringify(this.place);
    if (now !== this.told) this.changed();
    this.told = now;
  }

  /** Back to one's own. */
  leave() {
    this.link = "";
    this.place = null;
    forget(LINK);
    this.mark();
    this.changed();
  }

  mark() {
    this.chip.hidden = !this.place;
    if (!this.place) return;
    const { owner, symbol, may_change } = this.place;
    write(this.chip, `${owner}: ${symbol} ✕`);
    this.chip.title = `Drawings of ${owner} on ${symbol}, shared with you ${may_change ? "to look and draw" : "to look"}; click for your own`;
  }
}
