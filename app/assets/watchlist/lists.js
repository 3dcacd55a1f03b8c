// Named lists of symbols: chosen in the watchlist's head, kept in the database; each user's own, and the one whose link he has.

import { element } from "../lib/dom.js";
import { uuid } from "../lib/ids.js";
import { addressOf, forget, linkOf } from "../lib/links.js";
import { view } from "../lib/selection.js";

/** @typedef {{symbol?: string, section?: string}} Entry one of both */
/** @typedef {{id: string, name: string, entries: Entry[], shared?: string}} List `shared`: what the link to it is good for */
/** @typedef {{owner: string, name: string, entries: Entry[], may_change: boolean}} Shared */

const CHOSEN = "tickdeck.watchlist.list";
const NEW = "new";
/** In the page's address: the link to somebody's list; and its place in the menu. */
const LINK = "watchlist";
/** So often what somebody else puts into a list is read anew, while it is shown and the page is seen. */
const AGAIN_MS = 5_000;

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
    this.link = linkOf(LINK);
    /** Where the link leads; null: not known yet, or nowhere. @type {?Shared} */
    this.place = null;
    this.chosen = this.link ? LINK : localStorage.getItem(CHOSEN) ?? "";
    this.select.addEventListener("change", () => (this.select.value === NEW ? void this.edit(null) : this.choose(this.select.value)));
    element("list-edit").addEventListener("click", () => void this.edit(this.current ?? null));
    if (this.link) setInterval(() => void this.follow(), AGAIN_MS);
    element("list-add").addEventListener("click", () => void this.toggle(view().symbol));
    this.draw();
    void this.read();
  }

  /** @returns {List | undefined} */
  get current() {
    return this.foreign ? { id: LINK, ...this.foreign } : this.lists.find(({ id }) => id === this.chosen);
  }

  /** The list of somebody else, where it is chosen. */
  get foreign() {
    return this.chosen === LINK ? this.place : null;
  }

  async read() {
    try {
      const answer = await fetch("api/watchlists");
      if (!answer.ok) return;
      this.lists = await answer.json();
      if (this.link) await this.look();
    } catch {
      return; // The connection tells that the server is away.
    }
    this.draw();
    if (this.current) this.show(this.current.entries);
  }

  /** Read the list that the link leads to. */
  async look() {
    const answer = await fetch(`api/shared-watchlist?${new URLSearchParams({ shared: this.link })}`);
    if (answer.ok) this.place = await answer.json();
    else if ([403, 422].includes(answer.status)) {
      this.leave();
      this.say("The link to a list leads nowhere, or nowhere any more");
    }
  }

  /** Show what has become of somebody else's list meanwhile. */
  async follow() {
    if (!this.foreign || document.hidden) return;
    const before = JSON.stringify(this.place);
    try {
      await this.look();
    } catch {
      return; // The connection tells that the server is away.
    }
    if (JSON.stringify(this.place) === before) return;
    this.draw();
    if (this.current) this.show(this.current.entries);
  }

  /** Back to one's own. */
  leave() {
    this.link = "";
    this.place = null;
    forget(LINK);
    if (this.chosen === LINK) this.choose(localStorage.getItem(CHOSEN) ?? "");
  }

  draw() {
    const option = (/** @type {string} */ value, /** @type {string} */ text) => new Option(text, value, false, value === this.chosen);
    const all = this.lists.map(({ id, name }) => option(id, name));
    const others = this.place ? [option(LINK, `${this.place.owner}: ${this.place.name}`)] : [];
    this.select.replaceChildren(option("", "All symbols"), ...others, ...all, option(NEW, "New list …"));
    this.select.value = this.current ? this.chosen : "";
  }

  /** @param {string} id empty: every symbol */
  choose(id) {
    this.chosen = id;
    if (id !== LINK) localStorage.setItem(CHOSEN, id); // the link is in the address
    this.draw();
    this.show(this.current?.entries ?? null);
  }

  /** Put a symbol into the current list, or take it out; without a list one is made of it. @param {?string} symbol */
  async toggle(symbol) {
    const { current } = this;
    if (!symbol) return;
    if (!current) return void this.edit(null, [{ symbol }]);
    if (this.foreign && !this.foreign.may_change) return void this.edit(current);
    const without = current.entries.filter((entry) => entry.symbol !== symbol);
    await this.save({ ...current, entries: without.length < current.entries.length ? without : [...current.entries, { symbol }] });
  }

  /** @param {?List} list null: a new one @param {Entry[]} [entries] of a new one; else those that are shown */
  async edit(list, entries) {
    this.draw();
    const { openEditor } = await import("./editor.js");
    const made = list ?? { id: uuid(), name: "", entries: entries ?? this.seen().map((symbol) => ({ symbol })) };
    const act = { save: (/** @type {List} */ changed) => this.save(changed), copy: null, remove: null, share: null };
    if (this.foreign && list) {
      const copy = (/** @type {List} */ changed) => this.store({ ...changed, id: uuid() });
      openEditor(made, this.known, { ...act, ...(this.foreign.may_change ? {} : { save: null }), copy });
    } else openEditor(made, this.known, list ? { ...act, remove: () => this.remove(list), share: (role) => this.share(list, role) } : act);
  }

  /** @param {List} list @returns {Promise<string>} why it could not be stored; empty: it is */
  save(list) {
    return list.id === LINK ? this.saveShared(list.entries) : this.store(list);
  }

  /** Store what becomes of somebody else's list. @param {Entry[]} entries @returns {Promise<string>} */
  async saveShared(entries) {
    const why = await change("PUT", `shared-watchlist/entries?${new URLSearchParams({ shared: this.link })}`, { entries });
    this.say(why);
    if (why) return why;
    this.place = { ...this.place, entries };
    this.choose(LINK);
    return "";
  }

  /**
   * Make a link to a list of one's own, in the place of the one before, or end it.
   * @param {List} list @param {string} role view or edit; empty: end it
   * @returns {Promise<{why: string, address: string}>} the address at which others have it
   */
  async share(list, role) {
    const path = `api/watchlists/${list.id}/link`;
    const { why, content } = await send(path, role ? "PUT" : "DELETE", role ? { role } : undefined);
    const now = this.lists.find(({ id }) => id === list.id);
    if (!why && now) now.shared = role || undefined;
    return { why, address: content ? addressOf(LINK, content.shared) : "" };
  }

  /** Store a list of one's own. @param {List} list @returns {Promise<string>} */
  async store(list) {
    const why = await change("PUT", `watchlists/${list.id}`, { name: list.name, entries: list.entries });
    this.say(why);
    if (why) return why;
    this.lists = [...this.lists.filter(({ id }) => id !== list.id), list].sort((one, other) => one.name.localeCompare(other.name));
    this.choose(list.id);
    return "";
  }

  /** @param {List} list @returns {Promise<string>} */
  async remove(list) {
    const why = await change("DELETE", `watchlists/${list.id}`);
    this.say(why);
    if (why) return why;
    this.lists = this.lists.filter(({ id }) => id !== list.id);
    this.choose("");
    return "";
  }
}

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<string>} why not; empty: done */
const change = async (method, path, body) => (await send(`api/${path}`, method, body)).why;

/** @param {string} path @param {string} method @param {object} [body] @returns {Promise<{why: string, content: any}>} `why` not; empty: done */
async function send(path, method, body) {
  try {
    const answer = await fetch(path, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
    const content = answer.status === 204 ? null : await answer.json();
    return answer.ok ? { why: "", content } : { why: content.detail ?? "It could not be stored", content: null };
  } catch {
    return { why: "It could not be stored: the server is away", content: null };
  }
}
