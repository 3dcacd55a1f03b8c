// One's workspaces, as the server has them.

import { uuid } from "../lib/ids.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {{id: string, name: string, version: number, shared: boolean, layout: Layout}} Workspace */

const HEADERS = { "content-type": "application/json" };

/** What the server refused; `conflict`: it has another version by now. */
export class RefusedError extends Error {
  /** @param {string} why @param {boolean} conflict */
  constructor(why, conflict) {
    super(why);
    this.conflict = conflict;
  }
}

/** @param {string} path @param {RequestInit} [how] @returns {Promise<any>} */
async function ask(path, how = {}) {
  let answer;
  try {
    answer = await fetch(path, { headers: HEADERS, ...how });
  } catch {
    throw new RefusedError("The server is away", false);
  }
  if (answer.status === 401) location.assign(`login?next=${encodeURIComponent(location.pathname + location.search)}`);
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new RefusedError(body.detail, answer.status === 409);
  return body;
}

export class Book {
  constructor() {
    /** @type {Workspace[]} */
    this.all = [];
    /** May this one keep any? */
    this.mayKeep = false;
  }

  async read() {
    const [me, all] = await Promise.all([ask("api/me"), ask("api/workspaces")]);
    this.mayKeep = me.role !== "viewer";
    this.all = all;
  }

  /** @param {string} name @returns {Workspace | undefined} */
  named(name) {
    return this.all.find((one) => one.name === name);
  }

  /** @param {string} link @returns {Promise<{owner: string, name: string, layout: Layout}>} */
  shared(link) {
    return ask(`api/shared-workspace?${new URLSearchParams({ shared: link })}`);
  }

  /** @param {string} name @param {Layout} layout @returns {Promise<Workspace>} */
  async add(name, layout) {
    const id = uuid();
    const { version } = await ask(`api/workspaces/${id}`, { method: "PUT", body: JSON.stringify({ name, layout }) });
    const made = { id, name, version, shared: false, layout };
    this.all.push(made);
    return made;
  }

  /** Store what became of a workspace. @param {Workspace} of @param {{name?: string, layout?: Layout}} change */
  async change(of, change) {
    const { name, layout } = { name: of.name, layout: of.layout, ...change };
    const { version } = await ask(`api/workspaces/${of.id}`, {
      method: "PUT",
      body: JSON.stringify({ name, layout, version: of.version }),
      keepalive: true, // the page may be going
    });
    Object.assign(of, { name, layout, version });
  }

  /** @param {Workspace} of */
  async remove(of) {
    await ask(`api/workspaces/${of.id}`, { method: "DELETE" });
    this.all = this.all.filter((one) => one !== of);
  }

  /** @param {Workspace} of @returns {Promise<string>} the address at which others look at it */
  async share(of) {
    const { shared } = await ask(`api/workspaces/${of.id}/link`, { method: "PUT" });
    of.shared = true;
    return new URL(`workspace?${new URLSearchParams({ shared })}`, location.href).href;
  }

  /** @param {Workspace} of */
  async endLink(of) {
    await ask(`api/workspaces/${of.id}/link`, { method: "DELETE" });
    of.shared = false;
  }
}
