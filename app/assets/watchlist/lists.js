// Named lists of symbols: chosen in the watchlist's head, kept in the database, each user's own.

import { element } from "../lib/dom.js";
import { uuid } from "../lib/ids.js";
import { view } from "../lib/selection.js";

/** @typedef {{symbol?: string, section?: string}} Entry one of both */
/** @typedef {{id: string, name: string, entries: Entry[]}} List */

const CHOSEN = "tickdeck.watchlist.list";
const NEW = "new";

export class Lists {
  /**
   * @param {(entries: ?Entry[]) => void} show null: every symbol
   * @param {() => string[]} known every symbol there is
   * @param {() => string[]} seen those that are shown, as they are
   * @param {(text: string) => void} say why something could not be done; empty: it could
   */
  constructor(show, known, seen, say) {
    this.show = show;
    this.known = known;
    this.seen = seen;
    this.say = say;
    this.select = /** @type {HTMLSelectElement} */ (element("lists"));
    /** @type {List[]} */
    this.lists = [];
    this.chosen = localStorage.getItem(CHOSEN) ?? "";
    this.select.addEventListener("change", () => (this.select.value === NEW ? void this.edit(null) : this.choose(this.select.value)));
    element("list-edit").addEventListener("click", () => void this.edit(this.current ?? null));
    element("list-add").addEventListener("click", () => void this.toggle(view().symbol));
    this.draw();
    void this.read();
  }

  /** @returns {List | undefined} */
  get current() {
    return this.lists.find(({ id }) => id === this.chosen);
  }

  async read() {
    try {
      const answer = await fetch("api/watchlists");
      if (!answer.ok) return;
      this.lists = await answer.json();
    } catch {
      return; // The connection tells that the server is away.
    }
    this.draw();
    if (this.current) this.show(this.current.entries);
  }

  draw() {
    const option = (/** @type {string} */ value, /** @type {string} */ text) => new Option(text, value, false, value === this.chosen);
    const all = this.lists.map(({ id, name }) => option(id, name));
    this.select.replaceChildren(option("", "All symbols"), ...all, option(NEW, "New list …"));
    this.select.value = this.current ? this.chosen : "";
  }

  /** @param {string} id empty: every symbol */
  choose(id) {
    this.chosen = id;
    localStorage.setItem(CHOSEN, id);
    this.draw();
    this.show(this.current?.entries ?? null);
  }

  /** Put a symbol into the current list, or take it out; without a list one is made of it. @param {?string} symbol */
  async toggle(symbol) {
    const { current } = this;
    if (!symbol) return;
    if (!current) return void this.edit(null, [{ symbol }]);
    const without = current.entries.filter((entry) => entry.symbol !== symbol);
    await this.save({ ...current, entries: without.length < current.entries.length ? without : [...current.entries, { symbol }] });
  }

  /** @param {?List} list null: a new one @param {Entry[]} [entries] of a new one; else those that are shown */
  async edit(list, entries) {
    this.draw();
    const { openEditor } = await import("./editor.js");
    const made = list ?? { id: uuid(), name: "", entries: entries ?? this.seen().map((symbol) => ({ symbol })) };
    openEditor(made, this.known, { save: (changed) => this.save(changed), remove: list ? () => this.remove(list) : null });
  }

  /** @param {List} list @returns {Promise<string>} why it could not be stored; empty: it is */
  async save(list) {
    const why = await change("PUT", list.id, { name: list.name, entries: list.entries });
    this.say(why);
    if (why) return why;
    this.lists = [...this.lists.filter(({ id }) => id !== list.id), list].sort((one, other) => one.name.localeCompare(other.name));
    this.choose(list.id);
    return "";
  }

  /** @param {List} list @returns {Promise<string>} */
  async remove(list) {
    const why = await change("DELETE", list.id);
    this.say(why);
    if (why) return why;
    this.lists = this.lists.filter(({ id }) => id !== list.id);
    this.choose("");
    return "";
  }
}

/** @param {string} method @param {string} id @param {object} [body] @returns {Promise<string>} why not; empty: done */
async function change(method, id, body) {
  try {
    const answer = await fetch(`api/watchlists/${id}`, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
    if (answer.ok) return "";
    return (await answer.json()).detail ?? "It could not be stored";
  } catch {
    return "It could not be stored: the server is away";
  }
}
