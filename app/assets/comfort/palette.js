// The palette: type a few letters of whatever there is, Enter does it.

import { make, showDialog } from "./dialog.js";

/** @typedef {import("./comfort.js").Entry} Entry */

const MOST_SHOWN = 50;

/** @param {import("./comfort.js").Offer} offer */
export async function openPalette(offer) {
  const input = /** @type {HTMLInputElement} */ (
    make("input", {
      type: "text", role: "combobox", "aria-label": "Symbol, interval, indicator or action", "aria-expanded": "true",
      "aria-controls": "palette-list", "aria-autocomplete": "list", placeholder: "Symbol, interval, indicator, action …",
      autocomplete: "off", spellcheck: "false", maxlength: "100",
    })
  );
  const list = make("ul", { id: "palette-list", role: "listbox", "aria-label": "What there is" });
  const dialog = showDialog("palette", "Go to anything", [input, list]);
  /** @type {Entry[]} */
  let all = [];
  /** @type {Entry[]} */
  let shown = [];
  let chosen = 0;

  const mark = (/** @type {number} */ at) => {
    chosen = Math.max(0, Math.min(at, shown.length - 1));
    [...list.children].forEach((each, index) => each.setAttribute("aria-selected", String(index === chosen)));
    const marked = list.children[chosen];
    input.setAttribute("aria-activedescendant", marked?.id ?? "");
    marked?.scrollIntoView({ block: "nearest" });
  };
  const run = (/** @type {number} */ at) => {
    const entry = shown[at];
    if (!entry) return;
    dialog.close();
    entry.run();
  };
  const draw = () => {
    shown = found(all, input.value);
    const lines = shown.map((entry, index) => {
      const line = make(
        "li",
        { role: "option", id: `palette-${index}`, "data-kind": entry.kind },
        make("span", { class: "palette-label" }, entry.label),
        make("span", { class: "palette-hint" }, entry.hint ?? ""),
        make("span", { class: "palette-kind" }, entry.keys ?? entry.kind),
      );
      line.addEventListener("click", () => run(index));
      return line;
    });
    const nothing = make("li", { class: "palette-none", role: "option", "aria-disabled": "true" }, "Nothing is called that: try a symbol, 5m, rsi or replay");
    list.replaceChildren(...(lines.length || !all.length ? lines : [nothing]));
    mark(0);
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) mark(chosen + step);
    else if (event.key === "Enter") run(chosen);
    else return;
    event.preventDefault();
  });
  input.focus();
  all = await offer();
  draw();
}

/**
 * The entries that have all the words that were typed, the best first: those that are just it, that begin with it, that have
 * a word that does.
 * @param {Entry[]} all @param {string} typed @returns {Entry[]}
 */
export function found(all, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const whole = words.join(" ");
  const ranked = [];
  all.forEach((entry, order) => {
    const label = entry.label.toLowerCase();
    const text = `${label} ${(entry.hint ?? "").toLowerCase()} ${entry.kind}`;
    if (!words.every((word) => text.includes(word))) return;
    let rank = 3;
    if (label === whole) rank = 0;
    else if (label.startsWith(whole)) rank = 1;
    else if (words.every((word) => text.startsWith(word) || text.includes(` ${word}`))) rank = 2;
    ranked.push({ entry, rank, order });
  });
  ranked.sort((one, other) => one.rank - other.rank || one.order - other.order);
  return ranked.slice(0, MOST_SHOWN).map(({ entry }) => entry);
}
