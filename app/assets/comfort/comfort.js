// The keys and buttons that lead everywhere: Ctrl K the palette, ? the sheet of keys, and the look.  Each is loaded once it is
// wanted; until then it costs this file.

import { closest, element } from "../lib/dom.js";

/** @typedef {{label: string, hint?: string, kind: string, keys?: string, run: () => void}} Entry one line of the palette */
/** @typedef {() => Promise<Entry[]>} Offer everything there is to choose from */

export class Comfort {
  /** @param {Offer} offer @param {(text: string) => void} say a notice */
  constructor(offer, say) {
    this.offer = offer;
    this.say = say;
    /** Opens the palette, once it is loaded: what is typed at once after Ctrl K is typed into it. @type {?typeof import("./palette.js").openPalette} */
    this.open = null;
    element("palette-open").addEventListener("click", () => this.palette());
    element("keys-open").addEventListener("click", () => this.keys());
    element("look-open").addEventListener("click", () => this.look());
    document.addEventListener("keydown", (event) => this.key(event), true);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const wanted = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.code === "KeyK";
    const asked = event.key === "?" && !closest(event, "input, textarea, select, [role=dialog]");
    if (!wanted && !asked) return;
    event.preventDefault();
    event.stopPropagation();
    void (wanted ? this.palette() : this.keys());
  }

  palette() {
    if (this.open) return void this.open(this.offer);
    return this.with(async () => {
      this.open = (await import("./palette.js")).openPalette;
      return this.open(this.offer);
    });
  }

  keys() {
    return this.with(async () => (await import("./keys.js")).openKeys());
  }

  look() {
    return this.with(async () => (await import("./settings.js")).openSettings());
  }

  /** @param {() => Promise<void>} open */
  async with(open) {
    try {
      await open();
    } catch (failure) {
      this.say(`This cannot be loaded while the server is away (${failure instanceof Error ? failure.name : failure})`);
    }
  }
}
