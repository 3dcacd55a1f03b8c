// The button and the keys of alerts.  The drawer and what tells of firings are loaded once one is needed (alerts.js).

import { closest, element } from "../lib/dom.js";
import { forget, linkOf } from "../lib/links.js";
import { panel } from "../lib/panel.js";

/** @typedef {import("./alerts.js").Alerts} Alerts */
/** @typedef {import("./alerts.js").Firing} Firing */

/** The newest firing that this browser has told of. */
export const LAST_SEEN = "tickdeck.alerts.last";
/** In the page's address: the link to somebody's rule. */
export const LINK = "alert";

export class Bell {
  /** @param {ConstructorParameters<typeof import("./alerts.js").Alerts>} parts what the drawer is made of */
  constructor(...parts) {
    this.parts = parts;
    /** @type {?Alerts} */
    this.alerts = null;
    element("alerts-open").addEventListener("click", () => this.with((alerts) => alerts.toggle()));
    document.addEventListener("keydown", (event) => this.key(event));
    const link = linkOf(LINK);
    if (!link) return;
    forget(LINK); // the form holds it from now on
    this.with((alerts) => void alerts.takeOver(link));
  }

  /** One of the rules has fired, just now. @param {Firing} firing */
  receive(firing) {
    this.with((alerts) => alerts.receive(firing));
  }

  /** The connection is back: what fired meanwhile is told, where this browser ever told of any. */
  connected() {
    if (this.alerts || localStorage.getItem(LAST_SEEN)) this.with((alerts) => void alerts.connected());
  }

  /** `A`: the drawer; Alt A: with the price under the crosshair; Escape: not any more. @param {KeyboardEvent} event */
  key(event) {
    if (panel === "alerts") return undefined; // they are open, and stay so
    if (event.key === "Escape") return this.alerts?.close();
    if (closest(event, "input, textarea, select, [role=dialog]") || event.ctrlKey || event.metaKey || event.code !== "KeyA") return undefined;
    event.preventDefault();
    this.with((alerts) => (event.altKey ? alerts.propose() : alerts.toggle()));
    return undefined;
  }

  /** @param {(alerts: Alerts) => void} act */
  async with(act) {
    try {
      const { Alerts } = await import("./alerts.js");
      this.alerts ??= new Alerts(...this.parts);
    } catch {
      return; // The connection tells that the server is away; the next press asks again.
    }
    act(this.alerts);
  }
}
