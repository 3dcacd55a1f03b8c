// The menu of indicators: what there is, the parameters and colours of one, and templates.

import { COLORS, keep, read } from "./indicators.js";

/** @typedef {import("./indicators.js").Indicators} Indicators */
/** @typedef {import("./indicators.js").Chosen} Chosen */
/** @typedef {import("./indicators.js").Kind} Kind */
/** @typedef {import("./indicators.js").Parameter} Parameter */

const TEMPLATES = "tickdeck.indicator-templates";

/** The menu: what there is, and the parameters and colours of one. */
export class IndicatorMenu {
  /** @param {Indicators} indicators */
  constructor(indicators) {
    this.indicators = indicators;
    /** @type {Kind[]} */
    this.kinds = [];
    this.root = indicators.root;
    this.body = document.createElement("div");
    this.body.className = "indicator-list";
    this.root.append(this.body);
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    document.addEventListener("pointerdown", (event) => {
      if (!this.root.contains(/** @type {Node} */ (event.target))) this.close();
    });
    this.editing = false;
  }

  opened() {
    if (!this.editing) void this.list();
  }

  close() {
    this.root.open = false;
    this.editing = false;
  }

  async read() {
    if (this.kinds.length) return;
    try {
      const answer = await fetch("api/indicators");
      if (answer.ok) this.kinds = await answer.json();
    } catch {
      this.indicators.say("The indicators there are cannot be read while the server is away");
    }
  }

  /** All there are, to choose from; and the templates. */
  async list() {
    await this.read();
    const buttons = this.kinds.map((kind) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.kind = kind.name;
      button.textContent = kind.name.replace("_", " ");
      button.title = kind.title;
      button.addEventListener("click", () => this.form(kind, null));
      return button;
    });
    this.body.replaceChildren(...buttons, this.templates());
  }

  /** Sets of indicators by name: one is put in the place of what is chosen, or kept under a name. */
  templates() {
    const row = document.createElement("div");
    row.className = "indicator-templates";
    const kept = read(TEMPLATES, {});
    for (const name of Object.keys(kept)) {
      const use = document.createElement("button");
      use.type = "button";
      use.textContent = name;
      use.title = kept[name].map((/** @type {Chosen} */ each) => each.id).join(", ");
      use.addEventListener("click", () => {
        this.indicators.choose(structuredClone(kept[name]));
        this.close();
      });
      row.append(use);
    }
    const name = document.createElement("input");
    name.placeholder = "Keep these as …";
    name.setAttribute("aria-label", "Name of a template");
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !name.value.trim()) return;
      keep(TEMPLATES, { ...kept, [name.value.trim()]: this.indicators.chosen });
      void this.list();
    });
    row.append(name);
    return row;
  }

  /** @param {Chosen} chosen */
  async edit(chosen) {
    await this.read();
    const kind = this.kinds.find((each) => each.name === chosen.id.split("(")[0]);
    if (!kind) return;
    this.editing = true;
    this.root.open = true;
    this.form(kind, chosen);
  }

  /** The parameters and colours of one. @param {Kind} kind @param {?Chosen} before null: a new one */
  form(kind, before) {
    const form = document.createElement("form");
    const title = document.createElement("b");
    title.textContent = kind.title;
    form.append(title);
    const values = before ? parametersOf(before.id, kind) : {};
    const fields = kind.parameters.map((each) => [each.name, field(each, values[each.name] ?? each.default)]);
    const lines = before ? (this.indicators.shown.get(before.id)?.head.lines ?? kind.lines) : kind.lines;
    const next = this.indicators.chosen.length;
    const colors = lines.map((line, index) => {
      const input = document.createElement("input");
      input.type = "color";
      input.value = before ? this.indicators.color(before.id, index) : COLORS[(next + index) % COLORS.length];
      return [line.name, input];
    });
    for (const [name, input] of [...fields, ...colors]) {
      const label = document.createElement("label");
      label.append(/** @type {string} */ (name), /** @type {HTMLElement} */ (input));
      form.append(label);
    }
    const done = document.createElement("button");
    done.type = "submit";
    done.textContent = before ? "Change" : "Add";
    form.append(done);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = fields.map(([name, input]) => `${name}=${/** @type {HTMLInputElement} */ (input).value.trim()}`);
      const made = {
        id: given.length ? `${kind.name}(${given.join(", ")})` : kind.name,
        colors: colors.map(([, input]) => /** @type {HTMLInputElement} */ (input).value),
      };
      if (before) this.indicators.choose(this.indicators.chosen.map((each) => (each === before ? made : each)));
      else this.indicators.add(made);
      this.close();
    });
    this.body.replaceChildren(form);
  }
}

/** @param {Parameter} parameter @param {any} value */
function field(parameter, value) {
  if (parameter.choices.length) {
    const select = document.createElement("select");
    for (const choice of parameter.choices) select.append(new Option(choice, choice, false, choice === String(value)));
    return select;
  }
  const input = document.createElement("input");
  input.required = true;
  if (parameter.type !== "str") {
    Object.assign(input, { type: "number", step: parameter.type === "int" ? "1" : "any" });
    if (parameter.least !== null) input.min = String(parameter.least);
    if (parameter.most !== null) input.max = String(parameter.most);
  }
  input.value = String(value);
  return input;
}

/** The parameters in an indicator's spelling, by name. @param {string} id @param {Kind} kind @returns {Record<string, string>} */
function parametersOf(id, kind) {
  const inside = /\((.*)\)/.exec(id)?.[1] ?? "";
  const parts = inside.split(",").map((part) => part.trim()).filter(Boolean);
  return Object.fromEntries(
    parts.map((part, index) => (part.includes("=") ? part.split("=") : [kind.parameters[index]?.name, part])),
  );
}
