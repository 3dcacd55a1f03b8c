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

// dash-ag-grid looks its functions up when a grid is made, before any module has run.  Each one only forwards
// to lib/format.js, which is there long before the first row.
window.dashAgGridFunctions = Object.fromEntries(
  ["Price", "Change", "Percent", "Amount", "Clock", "TapeClock", "TapePrice", "Side", "Pair", "RowId"].map((name) => [
    `tickdeck${name}`,
    (params) => window.tickdeckCells[name](params),
  ]),
);
