// The button and the key of the overview, which is loaded once it is opened.

import { closest, element } from "../lib/dom.js";
import { panel } from "../lib/panel.js";

export class Glance {
  /** @param {ConstructorParameters<typeof import("./overview.js").Overview>} parts */
  constructor(...parts) {
    this.parts = parts;
    /** @type {?import("./overview.js").Overview} */
    this.overview = null;
    element("overview-open").addEventListener("click", () => void this.toggle());
    if (panel) return; // it is one itself, or there is none
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.overview?.isOpen && !closest(event, "[role=dialog]")) return void this.toggle();
      if (event.key.toLowerCase() !== "o" || event.ctrlKey || event.metaKey || event.altKey) return undefined;
      return closest(event, "input, textarea, select, [role=dialog]") ? undefined : void this.toggle();
    });
  }

  async toggle() {
    try {
      const { Overview } = await import("./overview.js");
      this.overview ??= new Overview(...this.parts);
    } catch {
      return; // The connection tells that the server is away; the next press asks again.
    }
    this.overview.toggle();
  }
}
