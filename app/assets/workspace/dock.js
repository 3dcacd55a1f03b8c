// Where the panels are: Dockview (assets/vendor) splits, drags, resizes, closes and maximises them.

import { uuid } from "../lib/ids.js";
import { Frame } from "./frame.js";
import { CHARTS, COLORS, fromDock, KINDS, OF_A_SYMBOL, panelsOf, toDock } from "./layout.js";

/** @typedef {import("./layout.js").Panel} Panel */
/** @typedef {import("./layout.js").Layout} Layout */

const THEME = { name: "tickdeck", className: "dockview-theme-tickdeck", tabAnimation: "default" };
const DIRECTIONS = /** @type {const} */ (["left", "right", "above", "below"]);

export class Dock {
  /**
   * @param {HTMLElement} at
   * @param {object} use
   * @param {() => void} use.onChange the layout may be another: parts, sizes, what a panel shows
   * @param {(states: string[]) => void} use.onState how the frames that are seen are connected
   * @param {(firing: any) => void} use.onAlert an alert has fired
   */
  constructor(at, { onChange, onState, onAlert }) {
    this.at = at;
    this.onChange = onChange;
    this.onState = onState;
    this.onAlert = onAlert;
    /** What each panel shows, by its id. @type {Map<string, Panel>} */
    this.panels = new Map();
    /** @type {Map<string, Frame>} */
    this.frames = new Map();
    /** Draw the heads of groups anew. @type {Set<() => void>} */
    this.heads = new Set();
    this.loading = false;
    this.api = window["dockview-core"].createDockview(at, {
      theme: THEME,
      disableFloatingGroups: true,
      noPanelsOverlay: "watermark",
      createComponent: ({ id }) => this.content(id),
      createTabComponent: ({ id }) => this.tab(id),
      createRightHeaderActionComponent: (group) => this.head(group),
      createWatermarkComponent: () => watermark(),
    });
    const changed = () => this.changed();
    this.api.onDidLayoutChange(changed);
    this.api.onDidActivePanelChange(changed);
    this.api.onDidMaximizedGroupChange(changed);
    this.api.onDidRemovePanel(({ id }) => this.gone(id));
    addEventListener("message", (event) => event.origin === location.origin && this.hear(event));
    addEventListener("blur", () => this.focused());
  }

  /** Show another layout, in the place of the one there is. @param {Layout} layout */
  show(layout) {
    this.loading = true;
    this.api.clear();
    const dock = toDock(layout, { width: this.at.clientWidth, height: this.at.clientHeight }, (panel) => this.enter(panel));
    if (panelsOf(layout).length) this.api.fromJSON(dock);
    for (const [id, panel] of this.panels) this.api.getPanel(id)?.setTitle(titleOf(panel));
    this.loading = false;
    this.changed();
  }

  /** The layout as it is stored; null: it cannot be told now, as one panel has all the room. @returns {?Layout} */
  layout() {
    if (this.api.hasMaximizedGroup()) return null;
    return fromDock(this.api.toJSON(), (id) => ({ ...this.panels.get(id) }));
  }

  /** @param {Panel} panel @returns {string} its id */
  enter(panel) {
    const id = uuid();
    this.panels.set(id, { ...panel });
    return id;
  }

  /** The panel that is in use, and what it shows. @returns {?{id: string, panel: Panel, at: any}} */
  get active() {
    const at = this.api.activePanel;
    const panel = at && this.panels.get(at.id);
    return panel ? { id: at.id, panel, at } : null;
  }

  /** The symbol of the panel in use, else of the first that has one. @returns {string | undefined} */
  get symbol() {
    return this.active?.panel.symbol ?? [...this.panels.values()].find(({ symbol }) => symbol)?.symbol;
  }

  /** One more panel, beside the one in use. @param {string} kind */
  add(kind) {
    const { active } = this;
    const id = this.enter({
      kind,
      ...(OF_A_SYMBOL.includes(kind) && this.symbol ? { symbol: this.symbol } : {}),
      ...(CHARTS.includes(kind) ? { interval: active?.panel.interval ?? "1m" } : {}),
      link: active?.panel.link ?? "red",
    });
    const room = active?.at.group.element.getBoundingClientRect() ?? { width: 1, height: 0 };
    this.api.addPanel({
      id, component: "panel", tabComponent: "tab", renderer: "always", title: titleOf(this.panels.get(id)),
      ...(active ? { position: { referencePanel: active.at, direction: room.width > room.height ? "right" : "below" } } : {}),
    });
  }

  /** Take the panel in use out of its group, to a side of it. @param {typeof DIRECTIONS[number]} direction */
  split(direction) {
    const { active } = this;
    if (!active || active.at.group.panels.length < 2) return;
    const position = { left: "left", right: "right", above: "top", below: "bottom" }[direction];
    active.at.api.moveTo({ group: active.at.group, position });
  }

  /** Put the panel in use into the next group, as a tab. */
  moveOn() {
    const { active, api } = this;
    if (!active || api.groups.length < 2) return;
    const next = api.groups[(api.groups.indexOf(active.at.group) + 1) % api.groups.length];
    active.at.api.moveTo({ group: next });
  }

  /** Give the panel in use all the room, or what it had. */
  maximize() {
    const { active, api } = this;
    if (api.hasMaximizedGroup()) api.exitMaximizedGroup();
    else active?.at.api.maximize();
  }

  close() {
    this.active?.at.api.close();
  }

  /** Have the next group in use. @param {number} step */
  next(step) {
    const { groups, activeGroup } = this.api;
    if (!groups.length) return;
    const next = groups[(groups.indexOf(activeGroup) + step + groups.length) % groups.length];
    next.activePanel?.api.setActive();
    this.frames.get(next.activePanel?.id)?.frame?.focus();
  }

  /** @param {string} id of a panel @param {string} link a colour; empty: none */
  link(id, link) {
    const panel = this.panels.get(id);
    if (!panel) return;
    if (link) panel.link = link;
    else delete panel.link;
    this.frames.get(id)?.tell({ link, symbol: this.linkedSymbol(panel, id) });
    this.changed();
  }

  /** What the others of its colour show. @param {Panel} panel @param {string} [id] @returns {?string} */
  linkedSymbol({ link }, id = "") {
    const others = [...this.panels].filter(([other, panel]) => link && other !== id && panel.link === link && panel.symbol);
    return others[0]?.[1].symbol ?? null;
  }

  /** Does the chart have the interval of the others of its colour? @param {string} id */
  shareInterval(id) {
    const panel = this.panels.get(id);
    if (!panel) return;
    panel.same_interval = !panel.same_interval;
    this.frames.get(id)?.tell({ sameInterval: panel.same_interval });
    this.changed();
  }

  // -- what Dockview wants ------------------------------------------------------------------------------------

  /** @param {string} id */
  content(id) {
    const frame = new Frame(/** @type {Panel} */ (this.panels.get(id)), (panel) => this.linkedSymbol(panel, id));
    this.frames.set(id, frame);
    return { element: frame.element, init: () => {}, dispose: () => frame.dispose() };
  }

  /** @param {string} id */
  tab(id) {
    const element = document.createElement("div");
    element.className = "desk-tab";
    const dot = document.createElement("span");
    dot.className = "desk-dot";
    const title = document.createElement("span");
    const close = document.createElement("span"); // Delete does it by keys: a tab holds nothing else to press
    close.className = "desk-close";
    close.textContent = "✕";
    close.title = "Close  (Del)";
    close.setAttribute("aria-hidden", "true");
    element.append(dot, title, close);
    const draw = () => {
      const panel = this.panels.get(id);
      if (!panel) return;
      title.textContent = titleOf(panel);
      dot.dataset.link = panel.link ?? "";
    };
    close.addEventListener("pointerdown", (event) => event.stopPropagation());
    return {
      element,
      init: (/** @type {any} */ { api }) => {
        close.addEventListener("click", () => api.close());
        this.heads.add(draw);
        draw();
      },
      dispose: () => this.heads.delete(draw),
    };
  }

  /** The head of a group: the colour of the panel that is seen, its interval, and all the room. @param {any} group */
  head(group) {
    const element = document.createElement("div");
    element.className = "desk-head";
    const color = document.createElement("select");
    color.className = "desk-color";
    color.title = "Linked with the panels of this colour";
    color.setAttribute("aria-label", "Colour of its links");
    color.append(new Option("not linked", ""), ...COLORS.map((each) => new Option(each, each)));
    const same = iconButton("⇿", "Same interval as the others of its colour");
    const whole = iconButton("⤢", "All the room, or back");
    element.append(color, same, whole);
    const id = () => group.activePanel?.id ?? "";
    color.addEventListener("change", () => this.link(id(), color.value));
    same.addEventListener("click", () => this.shareInterval(id()));
    whole.addEventListener("click", () => {
      group.activePanel?.api.setActive();
      this.maximize();
    });
    const draw = () => {
      const panel = this.panels.get(id());
      color.value = color.dataset.link = panel?.link ?? "";
      same.hidden = !panel?.link || !CHARTS.includes(panel.kind);
      same.setAttribute("aria-pressed", String(panel?.same_interval ?? false));
      whole.setAttribute("aria-pressed", String(this.api.hasMaximizedGroup()));
    };
    return {
      element,
      init: () => this.heads.add(draw),
      dispose: () => this.heads.delete(draw),
    };
  }

  // -- what happens -------------------------------------------------------------------------------------------

  changed() {
    if (this.loading) return;
    for (const [id, frame] of this.frames) frame.show(this.api.getPanel(id)?.api.isVisible ?? false);
    for (const draw of this.heads) draw();
    this.tellState();
    this.onChange();
  }

  /** @param {string} id */
  gone(id) {
    if (this.api.getPanel(id)) return; // it is only elsewhere
    this.panels.delete(id);
    this.frames.delete(id);
  }

  tellState() {
    this.onState([...this.frames.values()].filter(({ shown, frame }) => shown && frame).map(({ state }) => state));
  }

  /** @param {MessageEvent} event of a page in a frame */
  hear({ source, data }) {
    const found = [...this.frames].find(([, { frame }]) => frame && frame.contentWindow === source);
    if (!found || typeof data !== "object" || !data) return;
    const [id, frame] = found;
    const { view, followed, ready, state, alert, named } = data;
    if (ready) frame.ready();
    if (alert) this.onAlert(alert);
    if (state) {
      frame.state = state;
      this.tellState();
    }
    if (!view && named === undefined) return;
    const panel = /** @type {Panel} */ (this.panels.get(id));
    if (named) panel.name = named;
    if (view?.symbol) panel.symbol = view.symbol;
    if (view && CHARTS.includes(panel.kind)) panel.interval = view.interval;
    this.api.getPanel(id)?.setTitle(titleOf(panel));
    if (frame.frame) frame.frame.title = titleOf(panel);
    for (const draw of this.heads) draw();
    if (!followed) this.onChange();
  }

  /** What has the focus is a frame, perhaps: its panel is the one in use. */
  focused() {
    const found = [...this.frames].find(([, { frame }]) => frame && frame === document.activeElement);
    if (found) this.api.getPanel(found[0])?.api.setActive();
  }
}

/** @param {string} text @param {string} title */
function iconButton(text, title) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = title;
  made.setAttribute("aria-label", title);
  return made;
}

/** What is seen where there are no panels. */
function watermark() {
  const element = document.createElement("p");
  element.className = "desk-empty";
  element.textContent = "No panels: add one with + Panel, or take a ready layout";
  return { element, init: () => {} };
}

/** @param {Panel | undefined} panel */
function titleOf(panel) {
  if (!panel) return "";
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (panel.kind)] ?? panel.kind;
  if (panel.kind === "chart" && panel.symbol) return `${panel.symbol} ${panel.interval ?? ""}`.trim();
  if (panel.kind === "code" && panel.name) return panel.name;
  return OF_A_SYMBOL.includes(panel.kind) && panel.symbol ? `${kind} ${panel.symbol}` : kind;
}
