// A panel of the workspace: the page itself in a frame of this very server, which is made once the panel is seen first, and
// watches nothing while it is hidden.

/** @typedef {import("./layout.js").Panel} Panel */

/** A frame that does not tell that it is there keeps those after it waiting for no longer than this, ms. */
const READY_MS = 10_000;
/** Names in the address: what the page calls them. @type {[string, "symbol" | "interval" | "link" | "name"][]} */
const ASKED = [["symbol", "symbol"], ["interval", "interval"], ["link", "link"], ["name", "name"]];

/** Frames that are to be made, one after another: each takes the browser a second or so, and the first is to be there first. @type {Frame[]} */
const waiting = [];
/** @type {?Frame} */
let making = null;

function makeNext() {
  if (making) return;
  making = waiting.shift() ?? null;
  making?.make();
}

export class Frame {
  /** @param {Panel} panel what is in it, as it is now @param {(panel: Panel) => ?string} symbolOf what those of its colour show */
  constructor(panel, symbolOf) {
    this.panel = panel;
    this.symbolOf = symbolOf;
    this.element = document.createElement("div");
    this.element.className = "desk-panel";
    /** @type {?HTMLIFrameElement} */
    this.frame = null;
    this.shown = false;
    this.readyTimer = 0;
    /** How it is connected, as the page in it says. */
    this.state = "connecting";
  }

  /** It came into sight, or is out of it. @param {boolean} shown */
  show(shown) {
    if (shown === this.shown) return;
    this.shown = shown;
    if (this.frame) return void this.tell({ paused: !shown });
    const place = waiting.indexOf(this);
    if (shown && place < 0) waiting.push(this);
    if (!shown && place >= 0) waiting.splice(place, 1);
    makeNext();
  }

  make() {
    const { panel } = this;
    panel.symbol ??= this.symbolOf(panel) ?? undefined;
    const address = new URL(".", location.href);
    address.searchParams.set("panel", panel.kind);
    for (const [name, of] of ASKED) if (panel[of]) address.searchParams.set(name, panel[of]);
    if (panel.same_interval) address.searchParams.set("same", "1");
    this.frame = document.createElement("iframe");
    this.frame.title = panel.kind;
    this.frame.src = address.href;
    this.element.append(this.frame);
    this.readyTimer = window.setTimeout(() => this.ready(), READY_MS);
  }

  /** The page in it runs, or will not soon. */
  ready() {
    clearTimeout(this.readyTimer);
    this.element.dataset.ready = "";
    if (making === this) making = null;
    if (!this.shown) this.tell({ paused: true }); // it was hidden meanwhile
    makeNext();
  }

  /** @param {object} what to the page in it */
  tell(what) {
    this.frame?.contentWindow?.postMessage(what, location.origin);
  }

  dispose() {
    clearTimeout(this.readyTimer);
    const place = waiting.indexOf(this);
    if (place >= 0) waiting.splice(place, 1);
    this.frame?.remove();
    if (making !== this) return;
    making = null;
    makeNext();
  }
}
