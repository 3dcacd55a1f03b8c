// Candles that were imported: where the ticks begin is marked.

import { isFormula } from "../lib/instruments.js";

export class Imported {
  /** @param {any} chart the page's Chart */
  constructor(chart) {
    this.chart = chart;
    this.symbol = "";
    /** Of the symbol that is shown: are there imported candles? */
    this.any = false;
    /** Its first minute with a tick, ms; null: there is none. @type {?number} */
    this.ticksFrom = null;
    this.asking = "";
    chart.imported = this;
  }

  /** Ask once for each symbol that is shown. */
  async read() {
    const { symbol } = this.chart;
    if (!symbol || isFormula(symbol) || this.asking === symbol) return;
    this.asking = symbol;
    try {
      const answer = await fetch(`api/imported?${new URLSearchParams({ symbol })}`);
      if (!answer.ok || symbol !== this.chart.symbol) return;
      const { ticks_from: from, bars } = await answer.json();
      this.symbol = symbol;
      this.any = bars.length > 0;
      this.ticksFrom = from === null ? null : Date.parse(from);
      this.chart.refreshOverlay();
    } catch {
      // The connection tells that the server is away; it is asked again with the next symbol.
    } finally {
      if (this.asking === symbol) this.asking = "";
    }
  }

  /** The mark of the first candle with ticks, where candles without are before it. @returns {{number: number, text: string}[]} */
  marks() {
    const { candles, symbol } = this.chart;
    if (this.symbol !== symbol) {
      this.any = false;
      this.read();
    }
    if (!this.any || this.ticksFrom === null || !candles.length) return [];
    const place = candles.place(this.ticksFrom + 1) - 1;
    return place > 0 ? [{ number: candles.base + place - 0.5, text: "ticks begin" }] : [];
  }
}
