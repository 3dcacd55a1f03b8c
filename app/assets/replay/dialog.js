// The dialog that opens a replay: a calendar of the days that have data, symbols, start and speed.

import { closest, element } from "../lib/dom.js";
import { amount } from "../lib/format.js";
import { known } from "../lib/known.js";
import { MONTHS } from "../lib/zone.js";

/** @typedef {{day: string, ticks: number, volume: number}} DataDay */

const WEEKDAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

export class Dialog {
  /**
   * @param {{offered: () => string[], known: () => string[]}} symbols those that are asked for at first; all there are
   * @param {() => ?number} until the clock of the replay that runs, ms: later days are not asked for
   * @param {(asked: object) => void} open
   */
  constructor(symbols, until, open) {
    this.symbols = symbols;
    this.until = until;
    this.open = open;
    this.at = element("replay-dialog");
    this.input = /** @type {HTMLInputElement} */ (element("replay-symbols"));
    /** @type {DataDay[]} */
    this.days = [];
    this.month = "";
    this.day = "";
    this.chosen = { start: "open", pace: "60", corrections: "corrected", length: "1", nights: "skip" };
    this.question = 0;
    /** What had the focus before it was opened. @type {?Element} */
    this.before = null;
    element("replay-cancel").addEventListener("click", () => this.hide());
    element("replay-go").addEventListener("click", () => this.go());
    element("replay-earlier").addEventListener("click", () => this.turn(-1));
    element("replay-later").addEventListener("click", () => this.turn(1));
    element("replay-year-earlier").addEventListener("click", () => this.turnYear(-1));
    element("replay-year-later").addEventListener("click", () => this.turnYear(1));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.isOpen && this.hide());
    /** @type {string[]} */
    this.wanted = [];
    this.input.addEventListener("change", () => {
      const known = new Map(this.symbols.known().map((symbol) => [symbol.toUpperCase(), symbol]));
      const typed = this.input.value.split(",").map((symbol) => symbol.trim().toUpperCase());
      this.wanted = typed.map((symbol) => known.get(symbol) ?? symbol);
      this.read();
    });
    this.at.addEventListener("pointerdown", (event) => event.target === this.at && this.hide());
    this.at.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target !== this.input && !closest(event, "button")) this.go();
    });
    element("replay-days").addEventListener("click", (event) => {
      const day = closest(event, "[data-day]")?.dataset.day;
      if (day) this.choose(day);
    });
    for (const name of ["start", "pace", "corrections", "length", "nights"]) {
      element(`replay-${name}`).addEventListener("click", (event) => {
        const value = closest(event, "[data-value]")?.dataset.value;
        if (value) this.mark(name, value);
      });
      this.mark(name, this.chosen[name]);
    }
  }

  get isOpen() {
    return !this.at.hidden;
  }

  show() {
    if (!this.isOpen) this.before = document.activeElement;
    this.cover(true);
    this.refuse("");
    this.wanted = this.symbols.offered();
    window.dash_clientside.set_props("replay-symbols", { value: this.wanted.join(", ") });
    this.read();
  }

  hide() {
    this.cover(false);
    // What is hidden keeps the focus until the next drawing: a key that comes before it would be the dialog's.
    if (this.at.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    if (this.before instanceof HTMLElement) this.before.focus();
  }

  /** Nothing behind the dialog can be reached while it is open. @param {boolean} open */
  cover(open) {
    this.at.hidden = !open;
    for (const other of this.at.parentElement.children) {
      if (other !== this.at && other instanceof HTMLElement) other.inert = open;
    }
    if (open) element("replay-cancel").focus();
  }

  /** @param {string} name @param {string} value */
  mark(name, value) {
    this.chosen[name] = value;
    for (const button of element(`replay-${name}`).querySelectorAll("[data-value]")) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-value") === value));
    }
  }

  /** Read the days of the symbols typed. */
  async read() {
    const question = ++this.question;
    this.days = [];
    this.day = "";
    const asked = new URLSearchParams({ symbols: this.wanted.join(","), ...known() });
    const until = this.until();
    if (until !== null) asked.set("until", new Date(until).toISOString());
    try {
      const answer = await fetch(`api/replay/days?${asked}`);
      const content = await answer.json();
      if (question !== this.question) return;
      if (!answer.ok) throw new Error(content.detail);
      this.days = content;
      this.refuse("");
    } catch (error) {
      if (question !== this.question) return;
      this.refuse(error instanceof TypeError ? "The server cannot be reached." : error.message);
    }
    const note = until === null ? "" : " Days after the replay's clock are hidden: go live (L) to see all.";
    element("replay-note").textContent = this.days.length
      ? `${this.days.length} ${this.days.length === 1 ? "day has" : "days have"} ticks.${note}`
      : `No day has ticks.${note}`;
    const last = this.days.at(-1)?.day;
    this.month = (last ?? new Date().toISOString()).slice(0, 7);
    if (last) this.day = last;
    this.draw();
    if (last && document.activeElement !== this.input && this.isOpen) element("replay-go").focus();
  }

  /** To the next month that has data. @param {number} way */
  turn(way) {
    const months = [...new Set(this.days.map(({ day }) => day.slice(0, 7)))];
    const next = months[months.indexOf(this.month) + way];
    if (!next) return;
    this.month = next;
    this.draw();
  }

  /** To the same month of another year, or the next one beyond it that has data. @param {number} way */
  turnYear(way) {
    const months = [...new Set(this.days.map(({ day }) => day.slice(0, 7)))];
    const [year, month] = this.month.split("-");
    const wanted = `${String(Number(year) + way).padStart(4, "0")}-${month}`;
    const next = way > 0 ? months.find((each) => each >= wanted) ?? months.at(-1) : months.findLast((each) => each <= wanted) ?? months[0];
    if (!next) return;
    this.month = next;
    this.draw();
  }

  /** @param {string} day */
  choose(day) {
    this.day = day;
    this.draw();
  }

  draw() {
    const [year, month] = this.month.split("-").map(Number);
    element("replay-month").textContent = `${MONTHS[month - 1]} ${year}`;
    const known = new Map(this.days.map((one) => [one.day, one]));
    const most = Math.max(1, ...this.days.map(({ ticks }) => ticks));
    const cells = WEEKDAYS.map((name) => cell("weekday", name));
    const blanks = (new Date(Date.UTC(year, month - 1, 1)).getUTCDay() + 6) % 7;
    for (let i = 0; i < blanks; i += 1) cells.push(cell("blank", ""));
    const count = new Date(Date.UTC(year, month, 0)).getUTCDate();
    for (let number = 1; number <= count; number += 1) {
      const day = `${this.month}-${String(number).padStart(2, "0")}`;
      const data = known.get(day);
      if (!data) {
        cells.push(cell("none", String(number)));
        continue;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.day = day;
      button.title = `${data.ticks.toLocaleString("en-US")} ticks`;
      button.setAttribute("aria-pressed", String(day === this.day));
      button.style.setProperty("--share", String(Math.sqrt(data.ticks / most)));
      button.append(cell("number", String(number)), cell("ticks num", amount(data.ticks)));
      cells.push(button);
    }
    element("replay-days").replaceChildren(...cells);
    /** @type {HTMLButtonElement} */ (element("replay-go")).disabled = !this.day;
  }

  go() {
    if (!this.day) return;
    const { start, pace, corrections, length, nights } = this.chosen;
    const first = this.days.findIndex(({ day }) => day === this.day);
    const last = this.days[Math.min(this.days.length, first + Number(length)) - 1].day;
    const speed = pace === "max" ? pace : Number(pace);
    const asked = { symbols: this.wanted.filter(Boolean), day: this.day, speed, play: true, as_known: corrections === "known", last_day: last, skip_nights: nights === "skip" };
    this.open({ ...asked, start });
  }

  /** @param {string} why empty: nothing is wrong */
  refuse(why) {
    element("replay-error").textContent = why;
    element("replay-error").hidden = !why;
  }
}

/** @param {string} kind @param {string} text */
function cell(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}
