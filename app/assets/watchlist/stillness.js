// Keeps the order of a grid still while somebody aims at it: the row that is clicked is the row that was aimed at.

const HOLD_MS = 5_000;
const AIMED_MS = 400;

export class Stillness {
  /**
   * @param {HTMLElement} place where the grid is
   * @param {() => void} apply the order that is due
   * @param {() => void} settle show what is under way to the grid, before it stands still
   */
  constructor(place, apply, settle) {
    this.apply = apply;
    this.settle = settle;
    /** Something moved that would have changed the order. */
    this.due = false;
    this.timer = 0;
    /** @type {?{x: number, y: number}} */
    this.pointer = null;
    /** The row that was under the pointer when the order was last applied beneath it. @type {{id: ?string, until: number}} */
    this.aimed = { id: null, until: 0 };
    for (const kind of ["pointermove", "pointerdown", "wheel"]) {
      place.addEventListener(kind, (event) => this.touch(/** @type {PointerEvent} */ (event)), { passive: true });
    }
    place.addEventListener("keydown", () => this.touch());
    place.addEventListener("pointerleave", (event) => {
      this.pointer = null;
      if (event.pointerType !== "touch") this.release();
    });
  }

  /** May the order not change now? */
  get held() {
    return this.timer !== 0;
  }

  /** @param {{clientX: number, clientY: number}} [at] the pointer; none: a key */
  touch(at) {
    if (at) this.pointer = { x: at.clientX, y: at.clientY };
    if (!this.held) this.settle();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.release(), HOLD_MS);
  }

  release() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.due) return;
    this.due = false;
    const row = this.pointer && document.elementFromPoint(this.pointer.x, this.pointer.y)?.closest(".ag-row");
    this.aimed = { id: row?.getAttribute("row-id") ?? null, until: performance.now() + AIMED_MS };
    this.apply();
  }

  /** The row that a click on a row meant: whoever clicked could not yet see a new order. @param {string} id @param {number} [at] when it was clicked @returns {string} */
  meant(id, at = performance.now()) {
    return this.aimed.id !== null && at < this.aimed.until ? this.aimed.id : id;
  }
}
