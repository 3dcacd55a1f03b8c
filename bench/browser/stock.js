// Gives the page's components what the server pushes in the ways that Dash itself has: a patched figure, and row
// transactions.  In place of the page's own handler.

(() => {
  const MOST = 500;
  const { fields, rows } = JSON.parse(bench.snapshot).watchlist;
  /** Newest row of each symbol: a frame has its first values only, as they changed. */
  const known = new Map(rows.map((values) => [values[0], values]));
  const whole = (values) => {
    const all = [...values, ...(known.get(values[0]) ?? []).slice(values.length)];
    known.set(values[0], all);
    return Object.fromEntries(all.map((value, place) => [fields[place], value]));
  };
  const { set_props: setProps } = window.dash_clientside;
  const candles = JSON.parse(bench.snapshot).chart.candles.slice(-MOST);
  const plot = document.querySelector("#chart .js-plotly-plot");

  const figure = () => {
    const column = (index) => candles.map((candle) => candle[index]);
    const [prices, volumes] = plot.data;
    const x = candles.map((_, number) => number);
    return {
      data: [
        { ...prices, x, open: column(1), high: column(2), low: column(3), close: column(4) },
        { ...volumes, x, y: column(5) },
      ],
      layout: { ...plot.layout, xaxis: { ...plot.layout.xaxis, range: [-1, MOST + 20] } },
    };
  };

  bench.stock = ({ chart, watchlist }) => {
    if (watchlist) setProps("watchlist", { rowTransaction: { update: watchlist.rows.map(whole) } });
    for (const candle of chart?.candles ?? []) {
      if (candle[0] === candles.at(-1)[0]) candles[candles.length - 1] = candle;
      else if (candle[0] > candles.at(-1)[0]) candles.push(candle);
    }
    if (candles.length > MOST) candles.shift();
    if (chart) setProps("chart", { figure: figure() });
  };
  bench.stockMessage = (text) => {
    const message = JSON.parse(text);
    if (message.type === "frame") bench.stock(message);
  };
})();
