// The dialog that edits a list: its name, its lines as text, as they are typed, pasted or read from a file, and the link to it.

import { head, make, showDialog } from "../comfort/dialog.js";
import { copied } from "../lib/links.js";
import { meant } from "../lib/symbols.js";

/** @typedef {import("./lists.js").List} List */
/** @typedef {import("./lists.js").Entry} Entry */

const MOST_FILE_BYTES = 2_000_000;

/**
 * @typedef {object} Act what can be done with a list, each gives why not; null: not with this one
 * @property {?((list: List) => Promise<string>)} save
 * @property {?((list: List) => Promise<string>)} copy keep one of one's own, of somebody else's
 * @property {?(() => Promise<string>)} remove
 * @property {?((role: string) => Promise<{why: string, address: string}>)} share make a link; role empty: end it
 */

/** @param {List} list @param {() => string[]} known @param {Act} act */
export function openEditor(list, known, { save, copy, remove, share }) {
  const name = /** @type {HTMLInputElement} */ (make("input", { type: "text", name: "name", required: "", maxlength: "80", autocomplete: "off", placeholder: "Banks" }));
  name.value = list.name;
  const lines = /** @type {HTMLTextAreaElement} */ (make("textarea", { name: "entries", rows: "12", spellcheck: "false", placeholder: "# Banks\nBAC, JPM\nSPY" }));
  lines.value = written(list.entries);
  const file = /** @type {HTMLInputElement} */ (make("input", { type: "file", accept: ".txt,.csv,.tsv,text/plain,text/csv" }));
  const told = make("p", { role: "status", class: "editor-told" });
  const done = make("button", { type: "submit" }, save ? "Save" : "Keep a copy");
  const buttons = make("div", { class: "editor-buttons" }, done);
  if (!save) name.required = true;
  else if (copy) name.readOnly = true; // somebody else's
  const form = make(
    "form",
    { class: "comfort-form editor" },
    make("label", {}, "Name", name),
    make("label", {}, "Symbols, one a line or with commas; a line that starts with # begins a section", lines),
    make("label", {}, "Add those of a file", file),
    ...(share ? [linkRow(list, share)] : []),
    told,
    buttons,
  );
  const dialog = showDialog("list-editor", "Edit a list", [head(list.name || "New list"), form]);
  const tell = () => {
    const { unknown } = read(lines.value, known());
    told.textContent = unknown.length ? `Not known yet, shown once they trade: ${unknown.slice(0, 8).join(", ")}${unknown.length > 8 ? " …" : ""}` : "";
  };
  lines.addEventListener("input", tell);
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    if (chosen.size > MOST_FILE_BYTES) {
      told.textContent = `${chosen.name} is larger than 2 MB: that is no list of symbols`;
      return;
    }
    const { symbols, without } = symbolsOf(await chosen.text(), known());
    lines.value = [lines.value.trimEnd(), ...symbols].filter(Boolean).join("\n");
    told.textContent = `${symbols.length} symbols from ${chosen.name}${without ? `; ${without} lines name none that is known` : ""}`;
  });
  const finish = async (/** @type {Promise<string>} */ doing) => {
    const why = await doing;
    if (why) told.textContent = why;
    else dialog.close();
  };
  const edited = () => ({ ...list, name: name.value.trim(), entries: read(lines.value, known()).entries });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void finish((save ?? copy)(edited()));
  });
  if (save && copy) {
    const kept = make("button", { type: "button" }, "Keep a copy");
    kept.addEventListener("click", () => void finish(copy(edited())));
    buttons.append(kept);
  }
  if (remove) {
    const gone = make("button", { type: "button", class: "remove" }, "Delete list");
    gone.addEventListener("click", () => void finish(remove()));
    buttons.append(gone);
  }
  (list.name ? lines : name).focus();
  tell();
}

/** What makes and ends the link to a list. @param {List} list @param {NonNullable<Act["share"]>} share */
function linkRow(list, share) {
  const told = make("span", { role: "status" });
  const address = /** @type {HTMLInputElement} */ (make("input", { type: "text", readonly: "", hidden: "", "aria-label": "The link" }));
  const now = (/** @type {string | undefined} */ role) => (role ? `There is a link to it, to ${role === "edit" ? "change it" : "look"}.` : "");
  told.textContent = now(list.shared);
  const act = (/** @type {string} */ text, /** @type {string} */ role, /** @type {string} */ title) => {
    const button = make("button", { type: "button", title }, text);
    button.addEventListener("click", async () => {
      const made = await share(role);
      address.hidden = !made.address;
      address.value = made.address;
      if (made.why) told.textContent = made.why;
      else if (!role) told.textContent = "Nobody has it by a link any more.";
      else told.textContent = `${now(role)} ${(await copied(made.address)) ? "It is copied." : "Copy it:"}`;
      address.select();
    });
    return button;
  };
  return make(
    "div",
    { class: "editor-link" },
    make(
      "div",
      { class: "editor-buttons", role: "group", "aria-label": "Share the list" },
      act("Link to look", "view", "Whoever may come in and has it sees the list; the link before leads nowhere then"),
      act("Link to change", "edit", "Analysts who have it change what is in the list, too; the link before leads nowhere then"),
      act("End the link", "", "It leads nowhere from now on"),
    ),
    told,
    address,
  );
}

/** A list as text. @param {Entry[]} entries */
export const written = (entries) => entries.map(({ symbol, section }) => (section === undefined ? symbol : `# ${section}`)).join("\n");

/**
 * What a text lists, each symbol once; in any case where it is known.
 * @param {string} text @param {string[]} known @returns {{entries: Entry[], unknown: string[]}}
 */
export function read(text, known) {
  /** @type {Entry[]} */
  const entries = [];
  const seen = new Set();
  const unknown = [];
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*#\s*(.*?)\s*$/.exec(line)?.[1];
    if (section) entries.push({ section: section.slice(0, 80) });
    if (section !== undefined) continue;
    for (const typed of meant(line.trim(), known) ? [line] : line.split(/[\s,;]+/)) {
      if (!typed.trim()) continue;
      const found = meant(typed.trim(), known);
      const symbol = found ?? typed.trim().toUpperCase();
      if (seen.has(symbol)) continue;
      seen.add(symbol);
      entries.push({ symbol });
      if (!found) unknown.push(symbol);
    }
  }
  return { entries, unknown };
}

/** The symbols in a file of any columns: of each line the first cell that is one. @param {string} text @param {string[]} known */
export function symbolsOf(text, known) {
  const symbols = new Set();
  let without = 0;
  for (const line of text.split(/\r?\n/)) {
    if (!line.trim() || line.trimStart().startsWith("#")) continue;
    const cells = line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    const found = cells.map((cell) => cell && meant(cell, known)).find(Boolean);
    if (found) symbols.add(found);
    else without += 1;
  }
  return { symbols: [...symbols], without };
}
