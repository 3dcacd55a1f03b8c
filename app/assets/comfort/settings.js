// The look: theme, colours, motion, how numbers and dates are written.  Each choice is worn at once.

import { DATES, look, NUMBERS, wear } from "../lib/look.js";
import { head, make, showDialog } from "./dialog.js";

/** @type {[name: keyof import("../lib/look.js").Look, label: string, choices: [string, string][]][]} */
const CHOICES = [
  ["theme", "Theme", [["dark", "Dark"], ["light", "Light"], ["contrast", "High contrast"], ["system", "As the system"]]],
  ["colors", "Up and down", [["western", "Green, red"], ["eastern", "Red, green"], ["blind", "Blue, orange (colour-blind safe)"], ["own", "Own colours"]]],
  ["motion", "Motion", [["system", "As the system"], ["reduced", "Reduced"]]],
  ["numbers", "Numbers", NUMBERS.map((locale) => [locale, new Intl.NumberFormat(locale, { minimumFractionDigits: 2 }).format(1_234_567.5)])],
  ["dates", "Dates", DATES.map((form) => [form, { day: "7 Oct 2013", iso: "2013-10-07", us: "10/07/2013" }[form]])],
];

export function openSettings() {
  const form = make("form", { class: "comfort-form" });
  const colors = make("div", { class: "comfort-own" });
  for (const [name, label, choices] of CHOICES) {
    const field = make("fieldset", {}, make("legend", {}, label));
    for (const [value, text] of choices) {
      const input = /** @type {HTMLInputElement} */ (make("input", { type: "radio", name, value }));
      input.checked = look()[name] === value;
      input.addEventListener("change", () => {
        wear({ [name]: value });
        colors.hidden = look().colors !== "own";
      });
      field.append(make("label", {}, input, text));
    }
    if (name === "colors") field.append(colors);
    form.append(field);
  }
  for (const [name, label] of /** @type {["up" | "down", string][]} */ ([["up", "Up"], ["down", "Down"]])) {
    const input = /** @type {HTMLInputElement} */ (make("input", { type: "color", name }));
    input.value = look()[name];
    input.addEventListener("input", () => wear({ [name]: input.value }));
    colors.append(make("label", {}, input, label));
  }
  colors.hidden = look().colors !== "own";
  form.addEventListener("submit", (event) => event.preventDefault());
  showDialog("look", "Look of the page", [head("Look"), form]);
}
