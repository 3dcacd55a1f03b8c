// Runs before the page's own scripts: stands between its WebSocket and its handler, so that the benchmark can
// record what the server pushes and hand it on when, and as, it likes.  In live mode everything passes at once.

(() => {
  const bench = {
    /** "live": pass; "held": keep. */
    mode: "live",
    /** What was kept, as text. @type {string[]} */
    kept: [],
    /** The newest snapshot's text that had a chart. */
    snapshot: "",
    /** The page's own handler. @type {?(event: {data: string}) => void} */
    handler: null,
    /** What gets live messages in place of the page's handler, if anything. @type {?(event: {data: string}) => void} */
    instead: null,
    frames: 0,
    redraws: 0,
    longTasks: 0,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),

    /** Resolves in the task after the next animation frame: styles, layout and paint of that frame are done. */
    painted: () =>
      new Promise((resolve) =>
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = resolve;
          port2.postMessage(0);
        }),
      ),

    /** Hand each message to `take`, one each `period` ms or as fast as they are painted. */
    async paced(messages, period, take) {
      for (const message of messages) {
        const began = performance.now();
        await take(message);
        await bench.painted();
        await bench.sleep(Math.max(0, began + period - performance.now()));
      }
    },

    /** Count how often Plotly draws the page's chart. */
    countRedraws() {
      bench.redraws = 0;
      document.querySelector("#chart .js-plotly-plot").on("plotly_afterplot", () => (bench.redraws += 1));
    },

    /** Frames as if only `part` were subscribed; out of what was kept. @param {"chart" | "watchlist"} part */
    parts: (part) =>
      bench.kept
        .map((text) => JSON.parse(text))
        .filter((message) => message.type === "frame" && message[part])
        .map((message) => JSON.stringify({ type: "frame", version: message.version, time: message.time, [part]: message[part] })),

    /** When each text of the symbol's last price was on the screen, by performance.now(). @type {Record<string, number>} */
    cellTimes: {},
    watchCell(symbol) {
      const cell = document.querySelector(`#watchlist .ag-row[row-id="${symbol}"] [col-id="last"]`);
      // The browser tells when an element was first presented, not when its text changed: so a new one with the
      // same text comes into the same frame.
      const probe = () => {
        document.getElementById("bench-probe")?.remove();
        const made = document.createElement("div");
        made.id = "bench-probe";
        made.style.cssText = "position:fixed;left:0;bottom:0;contain:strict;width:60px;height:16px";
        made.setAttribute("elementtiming", cell.textContent);
        made.textContent = cell.textContent;
        document.body.append(made);
      };
      new MutationObserver(probe).observe(cell, { childList: true, characterData: true, subtree: true });
      new PerformanceObserver((list) => {
        for (const { identifier, renderTime } of list.getEntries()) bench.cellTimes[identifier] ??= renderTime;
      }).observe({ entryTypes: ["element"] });
    },

    hear(event) {
      const { data } = event;
      if (data.startsWith('{"type":"snapshot"') && data.includes('"chart":')) bench.snapshot = data;
      // Without its pongs the page would think the connection dead.
      if (bench.mode === "live" || data.startsWith('{"type":"pong"')) (bench.instead ?? bench.handler)(event);
      else bench.kept.push(data);
    },
  };
  const count = () => {
    bench.frames += 1;
    if (bench.counting) requestAnimationFrame(count);
  };
  bench.count = () => {
    bench.frames = bench.longTasks = 0;
    bench.counting = true;
    requestAnimationFrame(count);
  };
  new PerformanceObserver((list) => (bench.longTasks += list.getEntries().length)).observe({ entryTypes: ["longtask"] });

  window.WebSocket = class extends WebSocket {
    set onmessage(handler) {
      bench.handler = handler;
      super.onmessage = (event) => bench.hear(event);
    }
  };
  window.bench = bench;
})();
