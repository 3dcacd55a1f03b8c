// Time and sales of the chosen symbol, newest first, a bounded number of rows.

/** @typedef {[t_us: number, seq: number, price: number, size: number, bid: ?number, ask: ?number, exchange: ?string, conditions: ?string]} Tick */

const MOST_ROWS = 200;

export class Tape {
  /** @param {any} api AG Grid's @param {HTMLElement} heading */
  constructor(api, heading) {
    this.api = api;
    this.heading = heading;
    this.symbol = null;
    /** Newest first. @type {{id: string, price: number, went: number}[]} */
    this.rows = [];
  }

  /** @param {?string} symbol @param {Tick[]} ticks newest first */
  replace(symbol, ticks) {
    this.symbol = symbol;
    this.heading.textContent = symbol ?? "";
    const remove = this.rows;
    this.rows = [];
    const add = this.take(ticks);
    const kept = new Set(add.map((row) => row.id));
    this.api.flushAsyncTransactions();
    this.api.applyTransaction({ remove: remove.filter((row) => !kept.has(row.id)) });
    const there = new Set(remove.map((row) => row.id));
    this.api.applyTransaction({ add: add.filter((row) => !there.has(row.id)), addIndex: 0 });
  }

  /** Nothing to show: the symbol is unknown. */
  clear() {
    if (this.symbol !== null) this.replace(null, []);
  }

  /** New ticks. @param {string} symbol @param {Tick[]} ticks newest first */
  apply(symbol, ticks) {
    if (symbol !== this.symbol || ticks.length === 0) return;
    const add = this.take(ticks);
    const remove = this.rows.splice(MOST_ROWS);
    const gone = new Set(remove);
    this.api.applyTransactionAsync({
      add: add.filter((row) => !gone.has(row)),
      addIndex: 0,
      remove: remove.filter((row) => !add.includes(row)),
    });
  }

  /** Make rows of the ticks that are not there yet and put them on top. @param {Tick[]} ticks */
  take(ticks) {
    const there = new Set(this.rows.map((row) => row.id));
    let below = this.rows[0];
    const add = [];
    for (const [time_us, seq, price, size, bid, ask, exchange, conditions] of ticks.slice(0, MOST_ROWS).reverse()) {
      const id = `${time_us}:${seq}`;
      if (there.has(id)) continue;
      const went = below ? Math.sign(price - below.price) || below.went : 0;
      below = { id, symbol: this.symbol, time_us, price, size, bid, ask, exchange, conditions, went };
      add.unshift(below);
    }
    this.rows.unshift(...add);
    return add;
  }
}
