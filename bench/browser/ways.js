// The same candles drawn by others, in a page with nothing else on it.  Each way takes the text of a message, as
// the page's own handler does, and is done when it resolves.

(() => {
  const MOST = 500;
  const [UP, DOWN] = ["rgba(38,166,154,0.42)", "rgba(239,83,80,0.42)"];
  /** [t_ms, o, h, l, c, v], oldest first. */
  let candles = [];

  const load = (text) => {
    candles = JSON.parse(text).chart.candles.slice(-MOST);
  };
  const merge = (text) => {
    for (const candle of JSON.parse(text).chart.candles) {
      if (candle[0] === candles.at(-1)[0]) candles[candles.length - 1] = candle;
      else if (candle[0] > candles.at(-1)[0]) candles.push(candle);
    }
    candles = candles.slice(-MOST);
  };
  const column = (index) => candles.map((candle) => candle[index]);

  /** Plotly with the page's own figure, all candles in the trace and in view. */
  const plotly = (at, figure) => {
    const traces = () => {
      const x = candles.map((_, number) => number);
      const [prices, volumes] = figure.data;
      return [
        { ...prices, x, open: column(1), high: column(2), low: column(3), close: column(4) },
        { ...volumes, x, y: column(5), marker: { ...volumes.marker, color: candles.map((c) => (c[4] >= c[1] ? UP : DOWN)) } },
      ];
    };
    const layout = () => {
      const [low, high] = [Math.min(...column(3)), Math.max(...column(2))];
      const { xaxis, yaxis } = figure.layout;
      return {
        ...figure.layout,
        xaxis: { ...xaxis, range: [-1, MOST + 20] },
        yaxis: { ...yaxis, range: [low * 0.999, high * 1.001] },
      };
    };
    const draw = () => Plotly.react(at, traces(), layout(), { displayModeBar: false, doubleClick: false });
    const anew = (text) => {
      load(text);
      return draw();
    };
    return {
      react: { load: anew, take: (text) => (merge(text), draw()) },
      // It can only append: each message's newest candle becomes one more.
      extend: {
        load: anew,
        take: (text) => {
          const [, o, h, l, c, v] = JSON.parse(text).chart.candles.at(-1);
          const x = [[at.data[0].x.at(-1) + 1]];
          return Plotly.extendTraces(at, { x, open: [[o]], high: [[h]], low: [[l]], close: [[c]] }, [0], MOST).then(() =>
            Plotly.extendTraces(at, { x, y: [[v]] }, [1], MOST),
          );
        },
      },
    };
  };

  const lightweight = (at) => {
    const { createChart, CandlestickSeries, HistogramSeries } = LightweightCharts;
    const chart = createChart(at, { autoSize: true, timeScale: { timeVisible: true, secondsVisible: true } });
    const prices = chart.addSeries(CandlestickSeries, {});
    const volumes = chart.addSeries(HistogramSeries, { priceScaleId: "volume" });
    chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.8, bottom: 0 } });
    const bar = ([t, open, high, low, close]) => ({ time: t / 1000, open, high, low, close });
    const size = ([t, o, , , c, v]) => ({ time: t / 1000, value: v, color: c >= o ? UP : DOWN });
    return {
      load: (text) => {
        load(text);
        prices.setData(candles.map(bar));
        volumes.setData(candles.map(size));
        chart.timeScale().fitContent();
      },
      take: (text) => {
        for (const candle of JSON.parse(text).chart.candles) {
          prices.update(bar(candle));
          volumes.update(size(candle));
        }
      },
    };
  };

  bench.start = (name, figure) => {
    const at = document.getElementById("chart");
    bench.way = name === "lightweight" ? lightweight(at) : plotly(at, figure)[name];
  };
})();
