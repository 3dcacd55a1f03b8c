// Alerts: a drawer with one's own rules and what they fired; a toast, a tone and a notification for each firing.

import { closest, element, writeTo } from "../lib/dom.js";
import { NONE, price } from "../lib/format.js";
import { decimalsOf, zoneOf } from "../lib/instruments.js";
import { uuid } from "../lib/ids.js";
import { addressOf, copied } from "../lib/links.js";
import { choose, view } from "../lib/selection.js";
import { clock, day, wallClock } from "../lib/zone.js";
import { LAST_SEEN, LINK } from "./bell.js";
import { Signals } from "./signals.js";

/** @typedef {{id: string, symbol: ?string, condition: string, repeat: string, every: string, note: string, webhook: ?string, email: ?string, active: boolean, shared: boolean}} Rule */
/** @typedef {{owner: string, symbol: ?string, condition: string, repeat: string, every: string, note: string}} SharedRule */
/** @typedef {{id: ?number, rule: string, symbol: ?string, condition: string, note: string, time: number, value: ?number}} Firing */

const LOG_LENGTH = 100;
const TOASTS = 3;
const TOAST_MS = 12_000;
const SHOWN_OF_TEST = 20;
/** Many that fire together are looked up together. */
const READ_AFTER_MS = 300;
const JSON_TYPE = { "content-type": "application/json" };
/** @type {[string, string][]} */
const REPEATS = [["once", "once"], ["bar", "once a bar"], ["rearm", "each time"]];
/** What can be waited for; `#` is the newest price. */
const EXAMPLES = [
  "price crosses #", "price above #", "price below #", "moves 1% in 5m", "rises 1% in 5m", "falls 1% in 5m", "volume 3x of 20",
  "new high or low", "spread above 10 bp", "silent for 1m", "rsi(14) crosses up 70 on 5m", "macd.signal crosses 0 on 15m",
];

export class Alerts {
  /**
   * @param {{pointed: () => ?number, newest: () => ?number}} prices under the crosshair, and the last one, of the chosen symbol
   * @param {() => ?number} until the clock of the replay that runs, ms: nothing later is asked for
   * @param {(ms: number) => void} mark a place of the replay at which a rule has fired
   * @param {(rules: Rule[]) => void} told the rules there are now
   */
  constructor(prices, until, mark, told) {
    this.told = told;
    this.prices = prices;
    this.until = until;
    this.mark = mark;
    this.signals = new Signals();
    this.button = element("alerts-open");
    this.drawer = element("alerts");
    /** @type {Rule[]} */
    this.rules = [];
    /** The newest first. @type {Firing[]} */
    this.log = [];
    this.unseen = 0;
    this.reading = 0;
    /** The bar of `once a bar`, where a link to a rule said which; another choice of how often has the usual one. */
    this.every = "1m";
    /** Was the log read since the page is here? */
    this.read = false;
    this.makeForm();
    element("alerts-close").addEventListener("click", () => this.show(false));
    element("alerts-rules").addEventListener("click", (event) => this.pressRule(event));
    for (const id of ["alerts-log", "toasts"]) element(id).addEventListener("click", (event) => this.pressFiring(event));
  }

  // -- what fires ---------------------------------------------------------------------------------------------

  /** One of the rules has fired, just now. @param {Firing} firing */
  receive(firing) {
    if (firing.id === null) return this.replayed(firing);
    if (!this.take(firing)) return;
    this.toast(firing);
    this.signals.tell(titleOf(firing), textOf(firing));
    if (this.drawer.hidden) this.unseen += 1;
    this.showUnseen();
    this.reading ||= window.setTimeout(() => void this.readRules(), READ_AFTER_MS); // one that fires once waits no more
  }

  /** One has fired in a replay, at its clock; that is kept nowhere. @param {Firing} firing */
  replayed(firing) {
    this.mark(firing.time);
    this.toast(firing);
    this.signals.tell(titleOf(firing), textOf(firing));
  }

  /** The connection is back: what fired meanwhile is in the log. */
  async connected() {
    const last = this.log[0]?.id ?? Number(localStorage.getItem(LAST_SEEN));
    if (!last) return;
    const missed = await ask(`api/alerts/log?after=${last}&limit=${LOG_LENGTH}`);
    for (const firing of (missed ?? []).reverse()) this.receive(firing);
  }

  /** @param {Firing} firing @returns {boolean} is it new? */
  take(firing) {
    if (this.log.some((one) => one.id === firing.id)) return false;
    this.log = [firing, ...this.log].sort((one, other) => other.id - one.id).slice(0, LOG_LENGTH);
    localStorage.setItem(LAST_SEEN, String(this.log[0].id));
    if (!this.drawer.hidden) this.drawLog();
    return true;
  }

  /** @param {Firing} firing */
  toast(firing) {
    const made = document.createElement("div");
    made.className = "toast";
    made.append(...firingParts(firing));
    const close = button("✕", "Close");
    close.className = "toast-close";
    close.addEventListener("click", () => made.remove());
    made.append(close);
    const place = element("toasts");
    place.append(made);
    while (place.childElementCount > TOASTS) place.firstElementChild.remove();
    const leave = () => (made.matches(":hover, :focus-within") ? setTimeout(leave, TOAST_MS) : made.remove());
    setTimeout(leave, TOAST_MS);
  }

  showUnseen() {
    writeTo("alerts-count", this.unseen > 99 ? "99+" : String(this.unseen));
    element("alerts-count").hidden = !this.unseen;
  }

  // -- the drawer ---------------------------------------------------------------------------------------------

  /** @param {boolean} open */
  show(open) {
    const had = this.drawer.contains(document.activeElement);
    this.drawer.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) {
      if (had) this.button.focus();
      return;
    }
    this.unseen = 0;
    this.showUnseen();
    this.symbol.value = view().symbol ?? "";
    this.drawRules();
    this.drawLog();
    void this.readRules();
    void this.readLog();
  }

  toggle() {
    this.show(this.drawer.hidden);
  }

  close() {
    if (!this.drawer.hidden) this.show(false);
  }

  /** Open with a condition to be added, at the price under the crosshair. */
  propose() {
    const level = this.prices.pointed() ?? this.prices.newest();
    this.show(true);
    const symbol = view().symbol;
    if (!symbol || level === null) return;
    this.condition.value = `price crosses ${plain(level, decimalsOf(symbol))}`;
    this.condition.focus();
    this.condition.select();
  }

  /** Fill the form with the rule that a link leads to: who adds it has one like it. @param {string} link */
  async takeOver(link) {
    this.show(true);
    const { why, content } = await send(`api/shared-alert?${new URLSearchParams({ shared: link })}`, {});
    if (why) return this.refuse(`The link to an alert: ${why}`);
    /** @type {SharedRule} */
    const rule = content;
    this.symbol.value = rule.symbol ?? "";
    this.condition.value = rule.condition;
    this.note.value = rule.note;
    this.repeat.value = rule.repeat;
    this.every = rule.every;
    this.tested([`From ${rule.owner}: press Add to have it, too${rule.repeat === "bar" ? `, once a bar of ${rule.every}` : ""}.`]);
    return this.condition.focus();
  }

  async readRules() {
    clearTimeout(this.reading);
    this.reading = 0;
    const rules = await ask("api/alerts");
    if (!rules) return;
    this.rules = rules;
    this.told(rules);
    this.drawRules();
  }

  async readLog() {
    if (this.read) return;
    const log = await ask(`api/alerts/log?limit=${LOG_LENGTH}`);
    if (!log) return;
    this.read = true;
    const newer = this.log.filter((one) => !log.some((/** @type {Firing} */ other) => other.id === one.id));
    this.log = [...newer, ...log].sort((one, other) => other.id - one.id).slice(0, LOG_LENGTH);
    if (this.log.length) localStorage.setItem(LAST_SEEN, String(this.log[0].id));
    this.drawLog();
  }

  drawRules() {
    const items = this.rules.map((rule) => {
      const item = document.createElement("li");
      item.dataset.rule = rule.id;
      item.dataset.active = String(rule.active);
      const repeat = rule.repeat === "bar" ? `once a bar of ${rule.every}` : rule.repeat === "rearm" ? "each time" : "once";
      const to = [rule.webhook && "webhook", rule.email && `mail to ${rule.email}`].filter(Boolean).join(", ");
      const about = [rule.active ? repeat : "has fired", rule.note, to].filter(Boolean).join(" · ");
      item.append(span("who", rule.symbol ?? ""), span("what", rule.condition), span("about", about));
      if (!rule.active) item.append(button("Again", "Wait for it again", "again"));
      const [word, what] = rule.shared ? ["Unlink", "End the link to it"] : ["Link", "Make a link: whoever may come in and has it sees the rule, and can have one like it"];
      item.append(button(word, what, "link"));
      item.append(button("✕", `Remove: ${rule.symbol ?? ""} ${rule.condition}`, "remove"));
      return item;
    });
    element("alerts-rules").replaceChildren(...(items.length ? items : [empty("None yet. Say what to wait for, or press Alt A over the chart.")]));
  }

  drawLog() {
    const items = this.log.map((firing) => {
      const item = document.createElement("li");
      item.append(...firingParts(firing));
      return item;
    });
    element("alerts-log").replaceChildren(...(items.length ? items : [empty("Nothing has fired.")]));
  }

  // -- making and removing rules ------------------------------------------------------------------------------

  makeForm() {
    const form = document.createElement("form");
    this.symbol = field("alert-symbol", "Symbol", "Symbol");
    this.condition = field("alert-condition", "Condition", "price crosses …");
    this.note = field("alert-note", "Note", "Note");
    this.note.maxLength = this.condition.maxLength = 200;
    this.condition.setAttribute("list", "alert-examples");
    const examples = document.createElement("datalist");
    examples.id = "alert-examples";
    this.condition.addEventListener("focus", () => {
      const [newest, symbol] = [this.prices.newest(), view().symbol];
      const level = newest === null || !symbol ? "100" : plain(newest, decimalsOf(symbol));
      examples.replaceChildren(...EXAMPLES.map((text) => new Option(text.replace("#", level))));
    });
    this.repeat = document.createElement("select");
    this.repeat.setAttribute("aria-label", "How often");
    this.repeat.append(...REPEATS.map(([value, text]) => new Option(text, value)));
    this.repeat.addEventListener("change", () => (this.every = "1m"));
    this.webhook = field("alert-webhook", "Webhook", "Webhook: its address");
    this.webhook.type = "url";
    this.webhook.maxLength = 500;
    this.email = field("alert-email", "Mail to", "Mail to: you@example.org");
    this.email.type = "email";
    this.email.maxLength = 254;
    const more = document.createElement("details");
    more.id = "alert-more";
    const summary = document.createElement("summary");
    summary.textContent = "Send it on, by webhook or mail";
    more.append(summary, this.webhook, this.email);
    const add = button("Add", "Add the alert");
    add.type = "submit";
    const trial = button("Test", "What it would have fired over the newest stored day");
    trial.addEventListener("click", () => void this.test());
    form.append(this.symbol, this.condition, this.note, this.repeat, add, trial, more, examples);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.add();
    });
    element("alerts-form").append(form);
  }

  /** What the form says; null: nothing yet. */
  typed() {
    this.tested([]);
    const condition = this.condition.value.trim();
    if (!condition) this.condition.focus();
    const typed = this.symbol.value.trim();
    const symbol = /^feed /i.test(condition) ? null : typed === view().symbol ? typed : typed.toUpperCase();
    return condition ? { symbol, condition } : null;
  }

  /** Try the rule over the newest stored day. */
  async test() {
    const typed = this.typed();
    if (!typed) return;
    const until = this.until();
    const asked = { ...typed, symbol: typed.symbol ?? "", repeat: this.repeat.value, every: this.every, until: until && new Date(until).toISOString() };
    const answer = await send("api/alerts/test", { method: "POST", body: JSON.stringify(asked), headers: JSON_TYPE });
    this.refuse(answer.why);
    if (answer.why) return;
    const { fired, cut, start } = answer.content;
    const times = fired.length === 1 ? "once" : `${cut ? "more than " : ""}${fired.length} times`;
    const on = day(wallClock(Date.parse(start), zoneOf(typed.symbol)));
    const each = fired.slice(0, SHOWN_OF_TEST).map(([time, value]) => textOf({ ...typed, time, value, note: "" }));
    this.tested([`On ${on} it would have fired ${fired.length ? times : "not once"}.`, ...each, ...(fired.length > SHOWN_OF_TEST ? ["…"] : [])]);
  }

  /** @param {string[]} lines none: hide what was tested */
  tested(lines) {
    element("alerts-tested").hidden = !lines.length;
    element("alerts-tested").replaceChildren(...lines.map((line) => span("num", line)));
  }

  async add() {
    const typed = this.typed();
    if (!typed) return;
    const { symbol, condition } = typed;
    const [webhook, email] = [this.webhook, this.email].map((each) => each.value.trim() || null);
    const made = await this.save(uuid(), { symbol, condition, repeat: this.repeat.value, every: this.every, note: this.note.value.trim(), webhook, email });
    if (!made) return;
    this.every = "1m";
    this.condition.value = this.note.value = "";
    this.condition.focus();
  }

  /** @param {string} id @param {object} rule @returns {Promise<boolean>} is it stored? */
  async save(id, rule) {
    const body = JSON.stringify(rule);
    const { why } = await send(`api/alerts/${id}`, { method: "PUT", body, headers: JSON_TYPE });
    this.refuse(why);
    if (!why) await this.readRules();
    return !why;
  }

  /** @param {Event} event */
  async pressRule(event) {
    const item = closest(event, "[data-rule]");
    const rule = this.rules.find((one) => one.id === item?.dataset.rule);
    if (!rule) return;
    const what = closest(event, "button")?.dataset.press;
    if (what === "remove") {
      this.refuse((await send(`api/alerts/${rule.id}`, { method: "DELETE" })).why);
      await this.readRules();
    } else if (what === "again") {
      const { id, shared: _, ...content } = rule;
      await this.save(id, { ...content, active: true });
    } else if (what === "link") {
      await this.link(rule);
    } else if (rule.symbol) {
      choose({ symbol: rule.symbol });
    }
  }

  /** Make a link to a rule, or end it. @param {Rule} rule */
  async link(rule) {
    const { why, content } = await send(`api/alerts/${rule.id}/link`, { method: rule.shared ? "DELETE" : "PUT" });
    this.refuse(why);
    if (why) return;
    const address = content && addressOf(LINK, content.shared);
    if (!address) this.tested(["The link leads nowhere any more."]);
    else this.tested([(await copied(address)) ? "The link to the alert is copied." : "The link to the alert:", address]);
    await this.readRules();
  }

  /** @param {Event} event */
  pressFiring(event) {
    const symbol = closest(event, "button") ? "" : closest(event, ".toast, li")?.querySelector(".who")?.textContent;
    if (symbol) choose({ symbol });
  }

  /** @param {string} why empty: it was done */
  refuse(why) {
    element("alerts-error").textContent = why;
    element("alerts-error").hidden = !why;
  }
}

// -- parts ----------------------------------------------------------------------------------------------------

/** @param {Firing} firing */
const titleOf = (firing) => `${firing.symbol ?? "Feed"} ${firing.condition}`;

/** @param {{symbol: ?string, condition: string, value: ?number, time: number, note: string}} firing */
function textOf({ symbol, condition, value, time, note }) {
  const isPrice = /^(price|new) /.test(condition);
  const number = value === null ? NONE : isPrice ? price(value, decimalsOf(symbol ?? "")) : String(Number(value.toPrecision(4)));
  const unit = / in \d+[smh]$/.test(condition) ? "%" : /^volume /.test(condition) ? "×" : / silent |^silent /.test(condition) ? " s" : "";
  return [whenOf(time, symbol), `${number}${unit}`, note].filter(Boolean).join(" · ");
}

/** @param {number} ms @param {?string} symbol */
function whenOf(ms, symbol) {
  const zone = symbol ? zoneOf(symbol) : "UTC";
  const wall = wallClock(ms, zone);
  const isToday = day(wall) === day(wallClock(Date.now(), zone));
  return isToday ? clock(wall) : `${day(wall)} ${clock(wall)}`;
}

/** @param {Firing} firing */
function firingParts(firing) {
  return [span("who", firing.symbol ?? ""), span("what", firing.condition), span("about num", textOf(firing))];
}

/** A price as a condition has it. @param {number} value @param {number} decimals */
const plain = (value, decimals) => String(Number(value.toFixed(Math.max(decimals, value && Math.abs(value) < 0.1 ? 8 : 0))));

/** @param {string} kind @param {string} text */
function span(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text; // hostile as any text: never markup
  return made;
}

/** @param {string} text @param {string} title @param {string} [press] */
function button(text, title, press = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = title;
  made.setAttribute("aria-label", /\w/.test(text) ? `${text}: ${title}` : title);
  if (press) made.dataset.press = press;
  return made;
}

/** @param {string} id @param {string} label @param {string} placeholder */
function field(id, label, placeholder) {
  const made = document.createElement("input");
  made.id = id;
  made.setAttribute("aria-label", label);
  made.placeholder = placeholder;
  made.autocomplete = "off";
  made.spellcheck = false;
  return made;
}

/** @param {string} text */
function empty(text) {
  const made = document.createElement("li");
  made.className = "empty";
  made.textContent = text;
  return made;
}

/** What the server has; null: it cannot be had now. @param {string} path @returns {Promise<any>} */
async function ask(path) {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the connection says that the server is away
  }
}

/**
 * Have something done: its answer, or why it was not.
 * @param {string} path @param {RequestInit} how @returns {Promise<{why: string, content: any}>}
 */
async function send(path, how) {
  try {
    const answer = await fetch(path, how);
    const content = answer.status === 204 ? null : await answer.json();
    if (answer.ok) return { why: "", content };
    return { why: typeof content?.detail === "string" ? content.detail : `It was refused (${answer.status}).`, content: null };
  } catch {
    return { why: "The server cannot be reached.", content: null };
  }
}
