// Practice in a replay: a time to go to, bookmarks with notes, and orders on paper with position, profit and journal.  Orders are
// the server's, events on the replay's clock (docs/replay.md); bookmarks are kept by the browser.

import { element, write } from "../lib/dom.js";
import { decimalsOf } from "../lib/instruments.js";
import { change, price } from "../lib/format.js";
import { view } from "../lib/selection.js";
import { clock as clockText, day as dayText, instantOf, iso, wallClock } from "../lib/zone.js";

/**
 * @typedef {{number: number, symbol: string, side: string, kind: string, size: number, price: ?number, placed: number, state: string,
 *   time: ?number, filled: ?number}} Order times in ms
 * @typedef {{symbol: string, size: number, price: number, realised: number, fees: number}} Holding
 * @typedef {{fee: number, slippage: number, orders: Order[], holdings: Holding[]}} Account
 */

const KEPT = "tickdeck.bookmarks";
const MOST_BOOKMARKS = 500;

export class Practice {
  /**
   * @param {import("./replay.js").Replay} replay
   * @param {{lastOf: (symbol: string) => ?number, pick: (then: (ms: number) => void) => void}} use
   */
  constructor(replay, { lastOf, pick }) {
    this.replay = replay;
    this.lastOf = lastOf;
    this.pick = pick;
    this.at = element("practice");
    this.open = false;
    /** @type {{t: number, note: string}[]} */
    this.bookmarks = kept();
    /** What the lists were last made of. */
    this.made = "";
  }

  toggle() {
    this.open = !this.open;
    if (this.open && !this.at.childElementCount) this.build();
    this.replay.draw();
  }

  hide() {
    this.at.hidden = true;
  }

  build() {
    const part = (/** @type {string} */ name, /** @type {HTMLElement[]} */ ...children) => {
      const made = document.createElement("form");
      made.className = name;
      made.append(...children);
      made.addEventListener("submit", (event) => event.preventDefault());
      return made;
    };
    this.time = field("Go to 14:30", "practice-time", 130);
    this.time.title = "A time of the clock's day, or with a date: 2013-10-08 14:30:05";
    this.time.addEventListener("change", () => this.jump());
    this.note = field("Note", "practice-note", 120);
    const mark = button("Bookmark", "bookmark", () => this.bookmark());
    this.marks = document.createElement("select");
    this.marks.setAttribute("aria-label", "Bookmarks");
    this.marks.addEventListener("change", () => {
      if (this.marks.value) this.replay.jump(Number(this.marks.value));
    });
    const drop = button("Forget", "forget", () => this.forget());
    drop.title = "Forget the bookmark that is chosen";
    const from = button("From a click", "pick", () => this.pick((ms) => this.replay.jump(ms)));
    from.title = "The next click on the chart says where the replay goes on";
    this.kind = document.createElement("select");
    this.kind.setAttribute("aria-label", "Kind of order");
    for (const name of ["market", "limit", "stop"]) this.kind.append(new Option(name, name));
    this.size = field("Size", "practice-size", 60);
    this.size.value = "100";
    this.price = field("Price", "practice-price", 76);
    this.kind.addEventListener("change", () => (this.price.disabled = this.kind.value === "market"));
    this.price.disabled = true;
    const buy = button("Buy", "buy", () => this.order("buy"));
    const sell = button("Sell", "sell", () => this.order("sell"));
    this.fee = field("Fee a unit", "practice-fee", 84);
    this.slippage = field("Slippage", "practice-slippage", 76);
    for (const each of [this.fee, this.slippage]) each.addEventListener("change", () => this.costs());
    this.standing = document.createElement("span");
    this.standing.className = "num practice-standing";
    this.waiting = document.createElement("span");
    this.waiting.className = "practice-waiting";
    const journal = button("Journal", "journal", () => this.journal());
    journal.title = "Orders and fills as a CSV file";
    this.at.append(
      part("practice-part", this.time, from, this.note, mark, this.marks, drop),
      part("practice-part", this.kind, this.size, this.price, buy, sell, this.fee, this.slippage, journal),
      this.standing,
      this.waiting,
    );
  }

  /** @param {import("./replay.js").ReplayState} state */
  show(state) {
    if (this.replay.timeline) this.replay.timeline.bookmarks = this.bookmarks;
    this.at.hidden = !this.open;
    if (!this.open) return;
    const { account, timezone } = state;
    for (const one of this.at.querySelectorAll("[data-practice]")) {
      const free = ["bookmark", "forget", "journal"].includes(one.getAttribute("data-practice"));
      /** @type {HTMLButtonElement} */ (one).disabled = !free && !state.controls;
    }
    write(this.standing, this.text(account));
    this.standing.dataset.went = this.total(account) < 0 ? "down" : "up";
    const orders = (account?.orders ?? []).filter((one) => one.state === "waiting");
    const made = JSON.stringify([orders, this.bookmarks, timezone]);
    if (made === this.made) return;
    this.made = made;
    this.waiting.replaceChildren(...orders.map((one) => this.chip(one)));
    const times = [new Option(this.bookmarks.length ? "Bookmarks" : "No bookmarks", "")];
    for (const { t, note } of this.bookmarks) {
      const wall = wallClock(t, timezone);
      times.push(new Option(`${dayText(wall)} ${clockText(wall)} ${note}`, String(t)));
    }
    this.marks.replaceChildren(...times);
  }

  /** @param {Order} order */
  chip(order) {
    const words = `${order.side} ${order.size} ${order.symbol} ${order.kind}`;
    const chip = button(`${words}${order.price === null ? "" : ` ${price(order.price, decimalsOf(order.symbol))}`} ×`, "cancel", () =>
      this.replay.do("cancel", { order: order.number }),
    );
    chip.title = "Cancel this order";
    chip.dataset.order = String(order.number);
    return chip;
  }

  /** What is held and won. @param {?Account} account */
  text(account) {
    const held = (account?.holdings ?? []).filter(({ size }) => size).map(({ symbol, size, price: at }) => {
      const open = ((this.lastOf(symbol) ?? at) - at) * size;
      return `${size > 0 ? "+" : "−"}${Math.abs(size)} ${symbol} @ ${price(at, decimalsOf(symbol) + 2)} (${change(open, 2)})`;
    });
    return account ? `${held.join(" · ") || "Flat"} · P&L ${change(this.total(account), 2)}` : "No orders yet";
  }

  /** All that was won, and what is held at its last price, after fees. @param {?Account} account */
  total(account) {
    return (account?.holdings ?? []).reduce(
      (sum, { symbol, size, price: at, realised, fees }) => sum + realised - fees + ((this.lastOf(symbol) ?? at) - at) * size,
      0,
    );
  }

  /** @param {string} side */
  order(side) {
    const number = (/** @type {HTMLInputElement} */ of) => Number(of.value.trim().replace(",", "."));
    const { symbol } = view();
    const asked = { side, symbol, kind: this.kind.value, size: number(this.size) };
    this.replay.do("order", this.kind.value === "market" ? asked : { ...asked, price: number(this.price) });
  }

  costs() {
    this.replay.do("costs", { fee: Number(this.fee.value || 0), slippage: Number(this.slippage.value || 0) });
  }

  /** Go to the time that was typed, on the clock's day where it has none. */
  jump() {
    const { current } = this.replay;
    const found = /^(?:(\d{4})-(\d\d?)-(\d\d?)[ T])?(\d\d?):(\d\d)(?::(\d\d))?$/.exec(this.time.value.trim());
    const [year, month, date, hour, minute, second] = found ? found.slice(1).map((part) => Number(part ?? 0)) : [];
    this.time.setCustomValidity(found && hour < 24 && minute < 60 && second < 60 ? "" : "Write it as 14:30 or 2013-10-08 14:30:05");
    if (!this.time.reportValidity() || !current) return;
    const now = new Date(wallClock(current.clock, current.timezone));
    const midnight = year ? Date.UTC(year, month - 1, date) : Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
    this.replay.jump(instantOf(midnight + ((hour * 60 + minute) * 60 + second) * 1_000, current.timezone));
    this.time.value = "";
    this.time.blur();
  }

  bookmark() {
    const t = this.replay.current?.clock;
    if (t === undefined) return;
    this.keep([...this.bookmarks.filter((one) => one.t !== t), { t, note: this.note.value.trim().slice(0, 80) }].sort((a, b) => a.t - b.t));
    this.note.value = "";
  }

  forget() {
    this.keep(this.bookmarks.filter((one) => String(one.t) !== this.marks.value));
  }

  /** @param {{t: number, note: string}[]} bookmarks */
  keep(bookmarks) {
    this.bookmarks = bookmarks.slice(-MOST_BOOKMARKS);
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.bookmarks));
    } catch {
      // A browser that keeps nothing: they are there until the page is closed.
    }
    this.replay.draw();
  }

  /** All orders up to the clock, and what became of them, as a file. */
  async journal() {
    const { current } = this.replay;
    const { save } = await import("../chart/export.js");
    const head = ["number", "placed", "symbol", "side", "kind", "size", "price", "state", "filled_at", "filled_price", "fee"];
    const rows = (current?.account?.orders ?? []).map((one) => [
      one.number, iso(one.placed), quoted(one.symbol), one.side, one.kind, one.size, one.price ?? "", one.state,
      one.time === null ? "" : iso(one.time), one.filled ?? "", one.filled === null ? "" : Number((one.size * current.account.fee).toFixed(8)),
    ]);
    save("journal.csv", new Blob([[head, ...rows].map((row) => row.join(",")).join("\n"), "\n"], { type: "text/csv" }));
  }
}

/** @param {string} label @param {string} id @param {number} width px */
function field(label, id, width) {
  const made = document.createElement("input");
  made.id = id;
  made.placeholder = label;
  made.setAttribute("aria-label", label);
  made.maxLength = 80;
  made.style.width = `${width}px`;
  return made;
}

/** @param {string} text @param {string} name @param {() => void} press */
function button(text, name, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.dataset.practice = name;
  made.addEventListener("click", press);
  return made;
}

/** A symbol in a file; no spreadsheet takes it for a formula. @param {string} text */
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @returns {{t: number, note: string}[]} */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => Number.isFinite(one?.t) && typeof one.note === "string") : [];
  } catch {
    return [];
  }
}
