// Loaded before Dash, as a classic script: what Dash's own scripts would otherwise change or miss.

// The page's policy takes <style> elements with this answer's nonce only.  Dash, AG Grid and Plotly make theirs without:
// those that a script makes get it here; those that came as markup do not, as nobody made them by this.
{
  const { nonce } = document.currentScript;
  const create = Document.prototype.createElement;
  Document.prototype.createElement = function createElement(...parameters) {
    const made = create.apply(this, parameters);
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  };
}

// A chart in another page: without what is around it, from the first paint on.
if (new URLSearchParams(location.search).get("embed") === "1") document.documentElement.dataset.embed = "";

// One panel of a workspace: the rest of the page is not there, from the first paint on (app.css).
{
  const panel = new URLSearchParams(location.search).get("panel");
  if (["chart", "orderflow", "watchlist", "overview", "tape", "alerts", "feeds", "code"].includes(panel)) document.documentElement.dataset.panel = panel;
}

// dash-ag-grid looks its functions up when a grid is made, before any module has run.  Each one only forwards
// to lib/format.js, which is there long before the first row.
window.dashAgGridFunctions = Object.fromEntries(
  ["Price", "Change", "Percent", "Amount", "Clock", "TapeClock", "TapePrice", "TapeSize", "Side", "Pair", "RowId"].map((name) => [
    `tickdeck${name}`,
    (params) => window.tickdeckCells[name](params),
  ]),
);

// Elements that Dash has nothing to do with (app/ui/plain.py): a text, or [name, properties, what is in it].
{
  const made = (tree) => (typeof tree === "string" ? tree : window.React.createElement(tree[0], tree[1], ...tree[2].map(made)));
  window.tickdeck = { Plain: ({ trees }) => window.React.createElement(window.React.Fragment, null, ...trees.map(made)) };
}

// Cells that are drawn, in the same way (watchlist/drawn.js).
window.dashAgGridComponentFunctions = Object.fromEntries(
  ["Range", "Spark"].map((name) => [`tickdeck${name}`, (cell) => window.tickdeckCells[name](cell)]),
);

// The look that was chosen, worn before anything is painted.  lib/look.js has it worn anew when another one is.
{
  /** Rising and falling prices, and the label of each, by theme; `blind` are told apart by whoever tells no red from green. */
  const green = { dark: ["#26a69a", "#1b7d74"], light: ["#08766b", "#08766b"], contrast: ["#3fe0a8", "#0b6e4b"] };
  const red = { dark: ["#ef5350", "#c23b39"], light: ["#c62828", "#c62828"], contrast: ["#ff8f88", "#b3211f"] };
  const blue = { dark: ["#4aa3ff", "#1f6fc4"], light: ["#0b5cad", "#0b5cad"], contrast: ["#7fc4ff", "#0a4f99"] };
  const orange = { dark: ["#f5922f", "#a85600"], light: ["#a14d00", "#a14d00"], contrast: ["#ffb765", "#8a4a00"] };
  const pairs = { western: [green, red], eastern: [red, green], blind: [blue, orange] };
  const themes = ["dark", "light", "contrast"];
  const asked = { light: matchMedia("(prefers-color-scheme: light)"), more: matchMedia("(prefers-contrast: more)"), still: matchMedia("(prefers-reduced-motion: reduce)") };
  const darker = (hex) => `#${[1, 3, 5].map((at) => Math.round(parseInt(hex.slice(at, at + 2), 16) * 0.72).toString(16).padStart(2, "0")).join("")}`;
  window.tickdeckWear = (look) => {
    const root = document.documentElement;
    const system = asked.more.matches ? "contrast" : asked.light.matches ? "light" : "dark";
    const theme = look.theme === "system" ? system : themes.includes(look.theme) ? look.theme : "dark";
    const own = [look.up, look.down].every((color) => /^#[0-9a-f]{6}$/i.test(color ?? ""));
    const [up, down] =
      look.colors === "own" && own
        ? [look.up, look.down].map((color) => [color, darker(color)])
        : (pairs[look.colors] ?? pairs.western).map((color) => color[theme]);
    Object.assign(root.dataset, { theme, motion: look.motion === "reduced" || asked.still.matches ? "reduced" : "full" });
    const inks = { "--up": up[0], "--up-label": up[1], "--down": down[0], "--down-label": down[1] };
    for (const [name, color] of Object.entries(inks)) root.style.setProperty(name, color);
  };
  const kept = () => {
    try {
      const look = JSON.parse(localStorage.getItem("tickdeck.look") ?? "{}");
      return look && typeof look === "object" ? look : {};
    } catch {
      return {};
    }
  };
  window.tickdeckLook = kept();
  window.tickdeckWear(window.tickdeckLook);
  for (const each of Object.values(asked)) each.addEventListener("change", () => window.tickdeckLookChanged?.());
}
