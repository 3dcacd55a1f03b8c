// The buttons of the intervals, and the menu of those that have none in the row.

import { closest, write } from "./dom.js";
import { choose, isBars } from "./selection.js";

const NONE = "⋯";

export class Intervals {
  /** @param {HTMLElement} row holds the buttons and the menu */
  constructor(row) {
    this.row = row;
    this.menu = /** @type {HTMLDetailsElement} */ (row.querySelector("details"));
    this.summary = /** @type {HTMLElement} */ (this.menu.querySelector("summary"));
    row.addEventListener("click", (event) => {
      const interval = closest(event, "[data-interval]")?.dataset.interval;
      if (!interval) return;
      this.menu.open = false;
      choose({ interval });
    });
    const size = /** @type {HTMLInputElement} */ (row.querySelector("#bars-size"));
    const unit = /** @type {HTMLSelectElement} */ (row.querySelector("#bars-unit"));
    const show = () => {
      const interval = `${size.value.trim().replace(",", ".")}${unit.value}`;
      size.setCustomValidity(isBars(interval) && parseFloat(interval) > 0 ? "" : "A number above 0");
      if (!size.reportValidity()) return;
      this.menu.open = false;
      choose({ interval });
    };
    row.querySelector("#bars-show").addEventListener("click", show);
    size.addEventListener("keydown", (event) => event.key === "Enter" && show());
    document.addEventListener("pointerdown", (event) => {
      if (!this.menu.contains(/** @type {Node} */ (event.target))) this.menu.open = false;
    });
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.menu.open) return;
      this.menu.open = false;
      this.summary.focus();
    });
  }

  /** Mark the chosen one; a closed menu shows which of its own that is. @param {string} interval */
  mark(interval) {
    for (const button of this.row.querySelectorAll("[data-interval]")) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-interval") === interval));
    }
    const inside = isBars(interval) || this.menu.querySelector(`[data-interval="${interval}"]`) !== null;
    this.menu.dataset.chosen = String(inside);
    write(this.summary, inside ? interval : NONE);
  }
}
