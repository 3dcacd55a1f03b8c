// The page of workspaces: which one is shown, what is done with it, and when it is stored.

import { head, make, showDialog } from "../comfort/dialog.js";
import { Comfort } from "../comfort/comfort.js";
import { copied } from "../lib/links.js";
import { element, write } from "../lib/dom.js";
import { wear } from "../lib/look.js";
import { Book, RefusedError } from "./book.js";
import { Dock } from "./dock.js";
import { KINDS, readyMade, stacked } from "./layout.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./book.js").Workspace} Workspace */
/** @typedef {import("../comfort/comfort.js").Entry} Entry */

const SAVE_AFTER_MS = 800;
const TOLD_MS = 6_000;
/** After so long without another the window has its size. */
const SETTLED_MS = 300;
/** What is shown and has no name is kept in the browser. */
const DRAFT = "tickdeck.workspace.draft";
const LAST = "tickdeck.workspace.last";
/** On a narrow screen panels are tabs, and what is done there is not stored. */
const NARROW = matchMedia("(max-width: 760px)");
const UNNAMED = "Not named yet";
/** From the worst on. */
const STATES = [["reconnecting", "OFFLINE"], ["database", "DATABASE AWAY"], ["stale", "STALE"]];

class Desk {
  constructor() {
    this.book = new Book();
    /** Of one's own what is shown; null: none of them. @type {?Workspace} */
    this.current = null;
    /** Whose it is, where it is another's. */
    this.owner = "";
    /** What is shown, as it would be stored. @type {Layout} */
    this.layout = { across: true, parts: [] };
    /** What was shown before the last ready layout. @type {?Layout} */
    this.before = null;
    /** As the dock told it last: what differs from it was changed by somebody. */
    this.told = "";
    this.unsaved = false;
    this.saveTimer = 0;
    this.settleTimer = 0;
    this.toldTimer = 0;
    this.conflict = false;
    /** Newest alerts that were told. @type {number[]} */
    this.alerts = [];
    this.dock = new Dock(element("dock"), {
      onChange: () => this.changed(),
      onState: (states) => this.state(states),
      onAlert: (firing) => this.alert(firing),
    });
    this.channel = new BroadcastChannel(`tickdeck.workspaces ${new URL(".", location.href).pathname}`);
    this.channel.addEventListener("message", ({ data }) => this.storedElsewhere(data));
    this.names = /** @type {HTMLSelectElement} */ (element("desk-name"));
    this.names.addEventListener("change", () => this.go(this.names.value));
    element("desk-add").addEventListener("click", () => this.menu("Add a panel", this.kinds()));
    element("desk-more").addEventListener("click", () => this.menu("This workspace", this.actions()));
    for (const button of document.querySelectorAll("[data-charts]")) {
      button.addEventListener("click", () => this.ready(Number(/** @type {HTMLElement} */ (button).dataset.charts)));
    }
    new Comfort(async () => this.commands(), (text) => this.say(text));
    addEventListener("popstate", () => void this.open());
    addEventListener("pagehide", () => void this.save());
    document.addEventListener("keydown", (event) => this.key(event));
    NARROW.addEventListener("change", () => this.display());
    addEventListener("resize", () => {
      clearTimeout(this.settleTimer);
      this.settleTimer = window.setTimeout(() => this.settled(), SETTLED_MS);
    });
  }

  /** Show what the address asks for. */
  async open() {
    const asked = new URLSearchParams(location.search);
    const [name, link] = [asked.get("name"), asked.get("shared")];
    try {
      await this.book.read();
      if (link) {
        const { owner, name: its, layout } = await this.book.shared(link);
        this.owner = owner;
        return this.show(null, layout, `${its} (of ${owner})`);
      }
    } catch (failure) {
      this.fail(failure);
    }
    this.owner = "";
    const wanted = this.book.named(name ?? localStorage.getItem(LAST) ?? "") ?? null;
    if (name && !wanted) this.say(`There is no workspace “${name}” of yours`);
    return this.show(wanted, wanted?.layout ?? draft() ?? readyMade(2));
  }

  /** @param {?Workspace} workspace @param {Layout} layout @param {string} [name] of another's */
  show(workspace, layout, name = workspace?.name ?? UNNAMED) {
    clearTimeout(this.saveTimer);
    this.current = workspace;
    this.layout = layout;
    this.unsaved = this.conflict = false;
    this.before = null;
    if (workspace) localStorage.setItem(LAST, workspace.name);
    document.title = `${name} · Tickdeck`;
    const shown = workspace ? workspace.name : "";
    this.names.replaceChildren(...(workspace ? [] : [new Option(name, "")]), ...this.book.all.map((each) => new Option(each.name, each.name)));
    this.names.value = shown;
    this.display();
  }

  display() {
    this.settleTimer = -1; // what follows is nobody's change
    this.dock.show(NARROW.matches ? stacked(this.layout) : this.layout);
    this.settled();
  }

  /** What the dock has now is where changes begin: sizes that follow the window's are none. */
  settled() {
    this.settleTimer = 0;
    this.told = JSON.stringify(this.dock.layout());
  }

  /** Another workspace. @param {string} name */
  go(name) {
    void this.save();
    history.pushState(null, "", `workspace?${new URLSearchParams({ name })}`);
    void this.open();
  }

  /** Charts in a ready layout. @param {number} count */
  ready(count) {
    const before = this.layout;
    this.put(readyMade(count, this.dock.symbol));
    this.before = before;
  }

  /** @param {Layout} layout in the place of what is shown */
  put(layout) {
    this.layout = layout;
    this.display();
    this.saveSoon();
  }

  changed() {
    if (NARROW.matches || this.settleTimer) return;
    const layout = this.dock.layout();
    const text = JSON.stringify(layout);
    if (!layout || text === this.told) return;
    this.told = text;
    this.layout = layout;
    this.saveSoon();
  }

  saveSoon() {
    this.unsaved = true;
    clearTimeout(this.saveTimer);
    this.saveTimer = window.setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  /** Store what is shown, where it is one's own and another than what is stored. */
  async save() {
    clearTimeout(this.saveTimer);
    const { current, layout } = this;
    if (!this.unsaved || this.conflict || this.owner) return;
    this.unsaved = false;
    if (!current) return void localStorage.setItem(DRAFT, JSON.stringify(layout));
    if (!this.book.mayKeep) return;
    try {
      await this.book.change(current, { layout });
      this.channel.postMessage({ id: current.id, version: current.version, layout });
    } catch (failure) {
      this.unsaved = true;
      if (!(failure instanceof RefusedError && failure.conflict)) return this.fail(failure);
      this.conflict = true;
      this.menu("It was changed elsewhere meanwhile", [
        ["Show what is stored", () => void this.open()],
        ["Keep this one under another name …", () => void this.saveAs()],
      ]);
    }
  }

  /** Another window of this browser has stored a workspace. @param {{id: string, version: number, layout: Layout}} stored */
  storedElsewhere({ id, version, layout }) {
    const { current } = this;
    if (current?.id !== id || this.unsaved) return;
    Object.assign(current, { version, layout });
    const [mine, other] = [this.layout, layout].map((each) => JSON.stringify(shapeOf(each)));
    this.layout = layout;
    if (mine !== other) this.display();
  }

  // -- what is done with it -----------------------------------------------------------------------------------

  /** @returns {[string, () => void][]} */
  kinds() {
    return Object.entries(KINDS).map(([kind, title]) => [title, () => this.dock.add(kind)]);
  }

  /** @returns {[string, () => void][]} */
  actions() {
    const { current, before, book, owner } = this;
    const own = current && book.mayKeep ? current : null;
    return [
      ...(book.mayKeep ? [/** @type {[string, () => void]} */ ([current ? "Save under another name …" : owner ? "Keep a copy of your own …" : "Save …", () => void this.saveAs()])] : []),
      ...(own
        ? /** @type {[string, () => void][]} */ ([
            ["Rename …", () => void this.rename(own)],
            [own.shared ? "Another link to look at it (the old one ends)" : "Share: a link to look at it", () => void this.share(own)],
            ...(own.shared ? [["End the link", () => void this.with(() => book.endLink(own), "Nobody looks at it any more")]] : []),
            ["Delete …", () => this.menu(`Delete “${own.name}”?`, [["Delete it", () => void this.remove(own)]])],
          ])
        : []),
      ...(before ? [/** @type {[string, () => void]} */ (["Back to the layout before", () => this.put(before)])] : []),
      ["One more window of it", () => void window.open(location.href, "_blank", "noopener")],
    ];
  }

  /** All that the palette has. @returns {Entry[]} */
  commands() {
    const { dock } = this;
    const entry = (/** @type {string} */ label, /** @type {() => void} */ run, keys = "") => ({ label, run, kind: "workspace", ...(keys ? { keys } : {}) });
    return [
      ...this.kinds().map(([title, run]) => entry(`Add a panel: ${title}`, run)),
      ...[1, 2, 4, 6].map((count) => entry(`Layout: ${count} chart${count > 1 ? "s" : ""}`, () => this.ready(count))),
      ...this.book.all.map(({ name }) => entry(`Workspace: ${name}`, () => this.go(name))),
      ...this.actions().map(([title, run]) => entry(title, run)),
      entry("Panel: all the room, or back", () => dock.maximize()),
      entry("Panel: to the next group", () => dock.moveOn()),
      entry("Panel: split off to the right", () => dock.split("right")),
      entry("Panel: split off below", () => dock.split("below")),
      entry("Panel: close", () => dock.close()),
      entry("Panel: the next", () => dock.next(1), "F6"),
      ...["dark", "light", "contrast"].map((theme) => entry(`Theme: ${theme}`, () => wear({ theme }))),
      entry("Back to the page", () => location.assign(".")),
    ];
  }

  async saveAs() {
    const name = await askFor("Save as", this.current?.name ?? "");
    if (!name) return;
    await this.with(async () => {
      const made = await this.book.add(name, this.layout);
      this.owner = "";
      history.pushState(null, "", `workspace?${new URLSearchParams({ name })}`);
      this.show(made, made.layout);
    }, "Saved; what is changed from now on is saved by itself");
  }

  /** @param {Workspace} own */
  async rename(own) {
    const name = await askFor("Rename", own.name);
    if (!name || name === own.name) return;
    await this.with(async () => {
      await this.book.change(own, { name });
      history.replaceState(null, "", `workspace?${new URLSearchParams({ name })}`);
      this.show(own, this.layout);
    }, "Renamed");
  }

  /** @param {Workspace} own */
  async share(own) {
    await this.with(async () => {
      const address = await this.book.share(own);
      const field = /** @type {HTMLInputElement} */ (make("input", { type: "text", readonly: "", "aria-label": "The link" }));
      field.value = address;
      showDialog("desk-shared", "A link to look", [head("Whoever may come in looks at it here"), make("div", { class: "desk-ask" }, field)]);
      field.select();
      await copied(address);
    });
  }

  /** @param {Workspace} own */
  async remove(own) {
    await this.with(async () => {
      await this.book.remove(own);
      localStorage.removeItem(LAST);
      history.replaceState(null, "", "workspace");
      await this.open();
    }, "Deleted");
  }

  /** @param {() => Promise<void>} work @param {string} [done] */
  async with(work, done = "") {
    try {
      await work();
      this.say(done);
    } catch (failure) {
      this.fail(failure);
    }
  }

  // -- what is told -------------------------------------------------------------------------------------------

  /** @param {string} title @param {[string, () => void][]} entries */
  menu(title, entries) {
    const buttons = entries.map(([text, run]) => {
      const button = make("button", { type: "button" }, text);
      button.addEventListener("click", () => {
        dialog.close();
        run();
      });
      return button;
    });
    const dialog = showDialog("desk-menu", title, [head(title), make("div", { class: "desk-menu" }, ...buttons)]);
    buttons[0]?.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "F6") return;
    event.preventDefault();
    this.dock.next(event.shiftKey ? -1 : 1);
  }

  /** @param {string[]} states of the panels that are seen */
  state(states) {
    const [, text = ""] = STATES.find(([state]) => states.includes(state)) ?? [];
    element("desk-link").hidden = !text;
    write(element("desk-link"), text);
    element("desk-link").dataset.mode = text ? "stale" : "";
  }

  /** Each panel hears of it. @param {{id: ?number, symbol: ?string, condition: string}} firing */
  alert({ id, symbol, condition }) {
    if (id === null || this.alerts.includes(id)) return;
    this.alerts = [id, ...this.alerts].slice(0, 100);
    this.say(`Alert: ${symbol ?? "feed"} ${condition}`);
  }

  /** @param {unknown} failure */
  fail(failure) {
    this.say(failure instanceof Error ? failure.message : String(failure));
  }

  /** @param {string} text */
  say(text) {
    clearTimeout(this.toldTimer);
    write(element("desk-told"), text);
    if (text) this.toldTimer = window.setTimeout(() => this.say(""), TOLD_MS);
  }
}

/** Ask for a name. @param {string} title @param {string} value @returns {Promise<string>} empty: none */
function askFor(title, value) {
  return new Promise((resolve) => {
    const field = /** @type {HTMLInputElement} */ (make("input", { type: "text", "aria-label": "Name", maxlength: "80", required: "", autocomplete: "off" }));
    field.value = value;
    const form = make("form", { class: "desk-ask" }, field, make("button", { type: "submit" }, title));
    let name = "";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      name = field.value.trim();
      if (name) dialog.close();
    });
    const dialog = showDialog("desk-ask", title, [head(title), form]);
    dialog.addEventListener("close", () => resolve(name));
    field.select();
  });
}

/** What was shown without a name. @returns {?Layout} */
function draft() {
  try {
    const kept = JSON.parse(localStorage.getItem(DRAFT) ?? "null");
    return Array.isArray(kept?.parts) ? kept : null;
  } catch {
    return null;
  }
}

/** A layout without what its panels show now: they follow those of their colour by themselves. @param {any} layout @returns {any} */
function shapeOf(layout) {
  if (layout.panels) return { ...layout, panels: layout.panels.map((/** @type {any} */ { kind, link, name }) => [kind, link ?? "", name ?? ""]) };
  return { ...layout, parts: layout.parts?.map(shapeOf) };
}

const desk = new Desk();
/** For the palettes of the panels. */
window.tickdeckDesk = desk;
void desk.open();
