// The dialog that edits a list: its name, and its lines as text, as they are typed, pasted or read from a file.

import { head, make, showDialog } from "../comfort/dialog.js";
import { meant } from "../lib/symbols.js";

/** @typedef {import("./lists.js").List} List */
/** @typedef {import("./lists.js").Entry} Entry */

const MOST_FILE_BYTES = 2_000_000;

/**
 * @param {List} list @param {() => string[]} known
 * @param {{save: (list: List) => Promise<string>, remove: ?(() => Promise<string>)}} act each gives why not
 */
export function openEditor(list, known, { save, remove }) {
  const name = /** @type {HTMLInputElement} */ (make("input", { type: "text", name: "name", required: "", maxlength: "80", autocomplete: "off", placeholder: "Banks" }));
  name.value = list.name;
  const lines = /** @type {HTMLTextAreaElement} */ (make("textarea", { name: "entries", rows: "12", spellcheck: "false", placeholder: "# Banks\nBAC, JPM\nSPY" }));
  lines.value = written(list.entries);
  const file = /** @type {HTMLInputElement} */ (make("input", { type: "file", accept: ".txt,.csv,.tsv,text/plain,text/csv" }));
  const told = make("p", { role: "status", class: "editor-told" });
  const done = make("button", { type: "submit" }, "Save");
  const buttons = make("div", { class: "editor-buttons" }, done);
  const form = make(
    "form",
    { class: "comfort-form editor" },
    make("label", {}, "Name", name),
    make("label", {}, "Symbols, one a line or with commas; a line that starts with # begins a section", lines),
    make("label", {}, "Add those of a file", file),
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
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void finish(save({ ...list, name: name.value.trim(), entries: read(lines.value, known()).entries }));
  });
  if (remove) {
    const gone = make("button", { type: "button", class: "remove" }, "Delete list");
    gone.addEventListener("click", () => void finish(remove()));
    buttons.append(gone);
  }
  (list.name ? lines : name).focus();
  tell();
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
