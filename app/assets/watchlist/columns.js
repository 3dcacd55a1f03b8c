// Which columns the watchlist has, in what order, and which stay at its left; and the dialog that chooses them.

import { head, make, showDialog } from "../comfort/dialog.js";

/** @typedef {import("./chosen.js").ChosenColumns} ChosenColumns */

/**
 * @param {{id: string, title: string}[]} all in their usual order
 * @param {ChosenColumns} chosen as it is @param {(chosen: ?ChosenColumns) => void} take null: the usual ones
 */
export function openColumns(all, chosen, take) {
  let { order, hidden, pinned, heat } = structuredClone(chosen);
  const title = new Map(all.map((each) => [each.id, each.title]));
  const list = make("ul", { class: "columns-list" });
  const tell = () => take({ order, hidden, pinned, heat });
  const press = (/** @type {string} */ name, /** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) => {
    const button = make("button", { type: "button", "data-press": name, title: label, "aria-label": label }, make("span", { "aria-hidden": "true" }, text));
    button.addEventListener("click", act);
    return button;
  };
  const draw = () => {
    const lines = order.map((id, at) => {
      const box = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox", name: id }));
      box.checked = !hidden.includes(id);
      box.disabled = id === "symbol";
      box.addEventListener("change", () => {
        hidden = box.checked ? hidden.filter((one) => one !== id) : [...hidden, id];
        tell();
      });
      const move = (/** @type {number} */ by) => {
        const to = at + by;
        if (to < 0 || to >= order.length) return;
        [order[at], order[to]] = [order[to], order[at]];
        tell();
        draw();
        /** @type {?HTMLElement} */ (list.querySelector(`[data-column="${id}"] [data-press="${by < 0 ? "up" : "down"}"]`))?.focus();
      };
      const pin = press("pin", "⇤", `Keep ${title.get(id)} at the left`, () => {
        pinned = pinned.includes(id) ? pinned.filter((one) => one !== id) : [...pinned, id];
        tell();
        draw();
      });
      pin.setAttribute("aria-pressed", String(pinned.includes(id)));
      const up = press("up", "↑", `${title.get(id)}: further to the left`, () => move(-1));
      const down = press("down", "↓", `${title.get(id)}: further to the right`, () => move(1));
      return make("li", { "data-column": id }, make("label", {}, box, title.get(id) ?? id), pin, up, down);
    });
    list.replaceChildren(...lines);
  };
  draw();
  const warm = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox", name: "heat" }));
  warm.checked = heat;
  warm.addEventListener("change", () => {
    heat = warm.checked;
    tell();
  });
  const usual = make("button", { type: "button", class: "usual" }, "The usual columns");
  const dialog = showDialog("columns", "Columns of the watchlist", [
    head("Columns"),
    list,
    make("div", { class: "columns-foot" }, make("label", {}, warm, "Heat colours of Chg %"), usual),
  ]);
  usual.addEventListener("click", () => {
    take(null);
    dialog.close();
  });
}
