// The watchlist's compact rows, made whole again: about half the bytes of whole objects.

/** @typedef {import("./watchlist.js").Row} Row */

export class CompactRows {
  constructor() {
    /** The order of the values, as the last snapshot told it. @type {string[]} */
    this.fields = [];
  }

  /**
   * @param {{fields?: string[], rows: any[][]}} part of a snapshot or a frame
   * @param {(symbol: string) => Row | undefined} known the newest row of a symbol, for what a frame leaves out
   * @returns {Row[]}
   */
  read(part, known) {
    this.fields = part.fields ?? this.fields;
    return part.rows.map((values) => {
      const row = /** @type {Row} */ ({ ...known(values[0]) });
      values.forEach((value, place) => (row[this.fields[place]] = value));
      return row;
    });
  }
}
