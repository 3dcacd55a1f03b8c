// Loaded before Dash, as a classic script: what Dash's own scripts would otherwise change or miss.

// Dash's bundled polyfill replaces String.prototype.trim by a slow one that Plotly calls thousands of times a
// redraw (57 against 44 ms at 300 candles).  main.js puts this one back.
window.tickdeckNativeTrim = String.prototype.trim;

// dash-ag-grid looks its functions up when a grid is made, before any module has run.  Each one only forwards
// to format.js, which is there long before the first row.
window.dashAgGridFunctions = Object.fromEntries(
  ["Price", "Change", "Percent", "Amount", "Clock", "TapeClock", "TapePrice"].map((name) => [
    `tickdeck${name}`,
    (params) => window.tickdeckCells[name](params),
  ]),
);
