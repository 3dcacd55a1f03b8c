// What the day drew so far, for the rows in view: asked for while its column is shown, and again each minute.

const EVERY_MS = 60_000;
const LOOK_MS = 1_000;
const MOST_AT_ONCE = 50;

export class DayLines {
  /**
   * @param {any} api AG Grid's @param {() => ?number} clock of a replay, ms; null: live
   * @param {(symbol: string, closes: number[]) => void} take
   */
  constructor(api, clock, take) {
    this.api = api;
    this.clock = clock;
    this.take = take;
    /** By symbol, when it was asked for, and for what clock. @type {Map<string, {at: number, clock: ?number}>} */
    this.asked = new Map();
    this.busy = false;
    setInterval(() => document.hidden || void this.look(), LOOK_MS);
  }

  async look() {
    if (this.busy || !this.api.getColumn("spark")?.isVisible()) return;
    const [now, clock] = [performance.now(), this.clock()];
    const due = (/** @type {string} */ symbol) => {
      const before = this.asked.get(symbol);
      if (!before || (before.clock === null) !== (clock === null)) return true;
      return now - before.at > EVERY_MS || (clock !== null && (clock < before.clock || clock - before.clock > EVERY_MS));
    };
    const symbols = this.api.getRenderedNodes().filter((/** @type {any} */ { data }) => data?.section === undefined).map((/** @type {any} */ { data }) => data.symbol);
    // A comma is what the names are told apart by.
    const wanted = symbols.filter((/** @type {string} */ symbol) => !symbol.includes(",") && due(symbol)).slice(0, MOST_AT_ONCE);
    if (!wanted.length) return;
    this.busy = true;
    try {
      const asked = new URLSearchParams({ symbols: wanted.join(",") });
      if (clock !== null) asked.set("until", new Date(clock).toISOString());
      const answer = await fetch(`api/day-lines?${asked}`);
      const lines = answer.ok ? await answer.json() : {};
      for (const symbol of wanted) {
        this.asked.set(symbol, { at: now, clock });
        if (lines[symbol]) this.take(symbol, lines[symbol]);
      }
    } catch {
      // The connection tells that the server is away; it is asked again.
    } finally {
      this.busy = false;
    }
  }
}
