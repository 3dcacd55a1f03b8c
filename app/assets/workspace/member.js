// A page that is one panel of a workspace: it follows those of its colour, and tells them where it goes.  Panels of one colour are
// linked over all windows of a browser.

import { choose, onView, view } from "../lib/selection.js";
import { panel } from "../lib/panel.js";

/** @typedef {{link: string, symbol?: ?string, interval?: string, cross?: ?number}} Said to those of a colour; `cross`: the time under the pointer, ms */

/** Dashboards below another path are others. */
const CHANNEL = `tickdeck.links ${new URL(".", location.href).pathname}`;
/** Keys of what a workspace has no place for in a panel: the overview, which is a panel of its own, and replays. */
const ELSEWHERE = ["KeyO", "KeyR"];

export class Member {
  /** @param {any} page main.js's */
  constructor(page) {
    this.page = page;
    const asked = new URLSearchParams(location.search);
    this.link = asked.get("link") ?? "";
    this.sameInterval = asked.get("same") === "1";
    /** Is it another panel that leads? */
    this.following = false;
    this.before = view();
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.addEventListener("message", ({ data }) => this.hear(data));
    addEventListener("message", (event) => {
      const { source, origin, data } = event;
      if (source === parent && origin === location.origin && typeof data === "object" && data) this.told(data);
    });
    addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("pagehide", () => this.pointed(null));
    onView((now) => this.moved(now));
    page.chart.onPointed = (/** @type {?number} */ ms) => this.pointed(ms);
    this.open();
    this.tell({ view: this.before, ready: true });
  }

  /** What the whole page opens on request is what this panel is. */
  open() {
    if (panel === "overview") void this.page.glance.toggle();
    if (panel === "alerts") void this.page.alerts.with((/** @type {any} */ alerts) => alerts.show(true));
    if (panel === "code") void import("../code/code.js").then(({ Code }) => (this.page.code = new Code(this.page)));
    if (panel === "feeds") this.page.status.feeds.show(true);
  }

  /** @param {object} what to the workspace around this */
  tell(what) {
    parent.postMessage(what, location.origin);
  }

  /** @param {Said} said by a panel, perhaps of another window */
  hear(said) {
    if (!this.link || said.link !== this.link) return;
    if ("cross" in said) this.page.chart.pointAtTime(said.cross ?? null);
    const interval = this.sameInterval && said.interval ? { interval: said.interval } : {};
    if (said.symbol) this.follow({ symbol: said.symbol, ...interval });
  }

  /** @param {Partial<import("../lib/selection.js").View>} wanted */
  follow(wanted) {
    this.following = true;
    choose(wanted, { replace: true });
    this.following = false;
  }

  /** @param {{link?: string, sameInterval?: boolean, paused?: boolean, symbol?: string}} told by the workspace around this */
  told({ link, sameInterval, paused, symbol }) {
    if (link !== undefined) {
      this.pointed(null);
      this.page.chart.pointAtTime(null);
      this.link = link;
    }
    this.sameInterval = sameInterval ?? this.sameInterval;
    if (symbol) this.follow({ symbol });
    if (paused !== undefined) this.page.pause(paused);
  }

  /** @param {import("../lib/selection.js").View} now */
  moved(now) {
    const { following, link, before, sameInterval } = this;
    this.before = now;
    this.tell({ view: now, followed: following });
    const elsewhere = now.symbol !== before.symbol || (sameInterval && now.interval !== before.interval);
    if (!following && link && elsewhere) this.channel.postMessage({ link, symbol: now.symbol, ...(sameInterval ? { interval: now.interval } : {}) });
  }

  /** @param {?number} ms the time under the pointer */
  pointed(ms) {
    if (this.link) this.channel.postMessage({ link: this.link, cross: ms });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.code === "F6") {
      event.preventDefault();
      return void parent.tickdeckDesk?.dock.next(event.shiftKey ? -1 : 1);
    }
    const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, select, [role=dialog]");
    if (ELSEWHERE.includes(event.code) && !typing && !event.ctrlKey && !event.metaKey) event.stopImmediatePropagation();
    return undefined;
  }
}
