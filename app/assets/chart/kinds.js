// The kinds of chart: how Plotly draws the closed candles of each, and by what paths the overlay draws the newest ones.
// Both must come out the same, to the pixel.

import { ink, tint } from "../lib/look.js";

/** @typedef {import("./candles.js").Candles} Candles */
/** @typedef {import("./candles.js").Prices} Prices */
/** @typedef {"candles" | "hollow" | "heikin" | "bars" | "line" | "area" | "baseline"} Kind */
/** @typedef {[x: number, y: number][]} Points */

/** The kinds, in the menu's order. @type {Kind[]} */
export const KINDS = ["candles", "hollow", "heikin", "bars", "line", "area", "baseline"];

/** Places of the traces in the figure that app/ui/figures.py makes. */
const [CANDLES, VOLUME, FALLEN, BARS, LINE, ABOVE, BELOW, LOWER] = [0, 1, 2, 3, 4, 5, 6, 7];
export const TRACES = [CANDLES, VOLUME, FALLEN, BARS, LINE, ABOVE, BELOW, LOWER];
/** Which of them a kind shows besides the volume. @type {Record<Kind, number[]>} */
const SHOWN = {
  candles: [CANDLES],
  hollow: [CANDLES, FALLEN],
  heikin: [CANDLES],
  bars: [BARS],
  line: [LINE],
  area: [LINE, ABOVE],
  baseline: [LINE, LOWER, ABOVE, BELOW],
};
/** Half of a candle's body and of a volume bar, in slots: Plotly leaves 0.3 free beside a body, and twice. */
const [BODY, BAR] = [(0.7 * 0.7) / 2, 0.35];
/** Length of a bar's ticks, in slots. */
const TICK = 0.3;
/** Of the volume bars' colours. */
const OPACITY = 0.42;

/** Is a candle no more than its close in this kind? @param {Kind} kind */
export const isCurve = (kind) => kind === "line" || kind === "area" || kind === "baseline";

/** The prices that are drawn. @param {Candles} candles @param {number} number @param {Kind} kind @returns {Prices} */
const drawn = (candles, number, kind) => (kind === "heikin" ? candles.heikin(number) : candles.at(number));

/** Is it drawn as risen? @param {Candles} candles @param {number} number @param {Kind} kind */
export function wentUp(candles, number, kind) {
  if (candles.at(number).empty) return true;
  if (kind === "heikin") {
    const { o, c } = candles.heikin(number);
    return c >= o;
  }
  const before = candles.before(number);
  if (kind === "hollow" && before && candles.at(number).c !== before.c) return candles.at(number).c > before.c;
  return candles.rose(number);
}

/** Is its body empty? @param {Candles} candles @param {number} number @param {Kind} kind */
const isHollow = (candles, number, kind) => kind === "hollow" && candles.at(number).c > candles.at(number).o;

/** One object a trace as Plotly's `restyle` takes them. @param {Record<string, any>[]} made */
function restyled(made) {
  const names = new Set(made.flatMap((trace) => Object.keys(trace)));
  return Object.fromEntries([...names].map((name) => [name, made.map((trace) => trace[name])]));
}

/** What the traces look like in a kind: to be told only when it is another, for Plotly makes its defaults anew. @param {Kind} kind */
export function looks(kind) {
  const made = TRACES.map((trace) => /** @type {Record<string, any>} */ ({ visible: trace === VOLUME || SHOWN[kind].includes(trace) }));
  const [up, down, panel] = ["up", "down", "panel"].map(ink);
  const lines = { "increasing.line.color": up, "decreasing.line.color": down };
  Object.assign(made[CANDLES], lines, { "increasing.fillcolor": up, "decreasing.fillcolor": down });
  if (kind === "hollow") Object.assign(made[CANDLES], { "increasing.fillcolor": panel, "decreasing.fillcolor": up, "decreasing.line.color": up });
  Object.assign(made[BARS], lines);
  Object.assign(made[FALLEN], { "increasing.line.color": down, "increasing.fillcolor": panel, "decreasing.line.color": down, "decreasing.fillcolor": down });
  made[LINE]["line.color"] = kind === "baseline" ? up : ink("accent");
  made[LOWER]["line.color"] = down;
  const area = kind === "baseline" ? ["toself", tint("up", 0.16)] : ["tozeroy", tint("accent", 0.14)];
  Object.assign(made[ABOVE], { fill: area[0], fillcolor: area[1] });
  made[BELOW].fillcolor = tint("down", 0.16);
  return restyled(made);
}

/**
 * The figure's traces with the candles from number `from` to `to`, as Plotly's `restyle` takes them.
 * @param {Candles} candles @param {number} from @param {number} to @param {Kind} kind @param {number} base of a baseline
 */
export function traces(candles, from, to, kind, base) {
  const numbers = [];
  for (let number = Math.max(from, candles.base); number <= Math.min(to, candles.lastNumber); number += 1) {
    if (!candles.at(number).empty) numbers.push(number);
  }
  const made = TRACES.map(() => /** @type {Record<string, any>} */ ({}));
  const prices = (/** @type {number[]} */ of) => {
    const all = of.map((number) => drawn(candles, number, kind));
    return {
      x: of,
      open: all.map(({ o }) => o),
      high: all.map(({ h }) => h),
      low: all.map(({ l }) => l),
      close: all.map(({ c }) => c),
    };
  };
  const rose = numbers.map((number) => wentUp(candles, number, kind));
  const [up, down] = [tint("up", OPACITY), tint("down", OPACITY)];
  if (kind === "hollow") {
    Object.assign(made[CANDLES], prices(numbers.filter((_, at) => rose[at])));
    Object.assign(made[FALLEN], prices(numbers.filter((_, at) => !rose[at])));
  } else {
    Object.assign(made[CANDLES], prices(numbers));
    if (kind === "bars") Object.assign(made[BARS], prices(numbers));
  }
  if (isCurve(kind)) {
    const points = numbers.map((number) => /** @type {[number, number]} */ ([number, candles.at(number).c]));
    const { above, below } = curve(points, kind, base);
    Object.assign(made[LINE], flat(above));
    if (kind === "area") Object.assign(made[ABOVE], flat(above));
    if (kind === "baseline") {
      Object.assign(made[LOWER], flat(below));
      Object.assign(made[ABOVE], flat(closed(above, base)));
      Object.assign(made[BELOW], flat(closed(below, base)));
    }
  }
  made[VOLUME].x = numbers;
  made[VOLUME].y = numbers.map((number) => candles.at(number).v);
  made[VOLUME]["marker.color"] = rose.map((risen) => (risen ? up : down));
  return restyled(made);
}

/** Pieces as one row of points, with a gap between them. @param {Points[]} pieces */
function flat(pieces) {
  /** @type {?number[]} */
  const x = [];
  const y = [];
  for (const piece of pieces) {
    if (x.length) {
      x.push(null);
      y.push(null);
    }
    for (const [at, value] of piece) {
      x.push(at);
      y.push(value);
    }
  }
  return { x, y };
}

/** Each piece and the way back along the base. @param {Points[]} pieces @param {number} base @returns {Points[]} */
const closed = (pieces, base) =>
  pieces.filter((piece) => piece.length > 1).map((piece) => [[piece[0][0], base], ...piece, [piece[piece.length - 1][0], base]]);

/**
 * A curve of closes: in one piece, or cut where it crosses the base.
 * @param {Points} points @param {Kind} kind @param {number} base @returns {{above: Points[], below: Points[]}}
 */
function curve(points, kind, base) {
  if (kind !== "baseline" || !Number.isFinite(base)) return { above: points.length ? [points] : [], below: [] };
  /** @type {{above: Points[], below: Points[]}} */
  const cut = { above: [], below: [] };
  /** @type {Points} */
  let piece = [];
  let side = "";
  points.forEach(([x, y], index) => {
    const here = y >= base ? "above" : "below";
    if (here !== side) {
      const before = points[index - 1];
      const crossing = before && before[1] !== y ? x - (y - base) / (y - before[1]) : x;
      if (before) piece.push([crossing, base]);
      piece = before ? [[crossing, base]] : [];
      cut[here].push(piece);
      side = here;
    }
    piece.push([x, y]);
  });
  return cut;
}

/**
 * The path of one candle in pixels of its pane, and its colour and fill.
 * @param {{x: any, y: any}} axes Plotly's @param {Candles} candles @param {number} number @param {Kind} kind
 */
export function candleLook({ x, y }, candles, number, kind) {
  if (candles.at(number).empty) return { d: "", "data-number": number };
  const prices = drawn(candles, number, kind);
  return {
    d: kind === "bars" ? barPath(x, y, number, prices) : bodyPath(x, y, number, prices),
    "data-went": wentUp(candles, number, kind) ? "up" : "down",
    "data-number": number,
    "data-hollow": String(isHollow(candles, number, kind)),
  };
}

/** A candlestick as Plotly writes it. @param {any} x @param {any} y @param {number} number @param {Prices} prices */
function bodyPath(x, y, number, prices) {
  const [left, middle, right] = [number - BODY, number, number + BODY].map((at) => x.l2p(at));
  const lower = y.c2p(Math.min(prices.o, prices.c), true);
  const upper = y.c2p(Math.max(prices.o, prices.c), true);
  // Its "median" is the close, kept a pixel from either end; in a body of less than two it is the middle of them.
  const close = constrain(y.c2p(prices.c, true), Math.min(lower, upper) + 1, Math.max(lower, upper) - 1);
  return (
    `M${left},${close}H${right}M${left},${lower}H${right}V${upper}H${left}Z` +
    `M${middle},${lower}V${y.c2p(prices.l, true)}M${middle},${upper}V${y.c2p(prices.h, true)}`
  );
}

/** An OHLC bar as Plotly writes it. @param {any} x @param {any} y @param {number} number @param {Prices} prices */
function barPath(x, y, number, prices) {
  const [left, middle, right] = [number - TICK, number, number + TICK].map((at) => x.c2p(at, true));
  const [o, h, l, c] = [prices.o, prices.h, prices.l, prices.c].map((price) => y.c2p(price, true));
  return `M${left},${o}H${middle}M${middle},${h}V${l}M${right},${c}H${middle}`;
}

/** A volume bar as Plotly writes it: on whole pixels. @param {any} x @param {any} y @param {number} number @param {number} volume */
export function volumePath(x, y, number, volume) {
  const [left, right] = [number - BAR, number + BAR].map((at) => Math.round(x.c2p(at, true)));
  const [bottom, top] = [0, volume].map((value) => Math.round(y.c2p(value, true)));
  return `M${left},${bottom}V${top}H${right}V${bottom}Z`;
}

/**
 * The paths of the newest part of a curve, which goes on where Plotly's ends: two lines and what is filled under each.
 * @param {{x: any, y: any}} axes Plotly's @param {Candles} candles @param {number} from @param {number} to
 * @param {Kind} kind @param {number} base
 */
export function curvePaths({ x, y }, candles, from, to, kind, base) {
  /** @type {Points} */
  const points = [];
  let first = Math.max(candles.base, from - 1);
  while (first > candles.base && candles.at(first).empty) first -= 1; // Plotly's curve ends there
  for (let number = first; number <= to; number += 1) {
    const { c, empty } = candles.at(number);
    if (!empty) points.push([number, c]);
  }
  const { above, below } = curve(points, kind, base);
  const write = (/** @type {Points[]} */ pieces) =>
    pieces.map((piece) => "M" + piece.map(([at, value]) => `${x.c2p(at, true)},${y.c2p(value, true)}`).join("L")).join("");
  const floor = (/** @type {Points[]} */ pieces) =>
    pieces
      .filter((piece) => piece.length > 1)
      .map((piece) => `${write([piece])}V${y._length}H${x.c2p(piece[0][0], true)}Z`)
      .join("");
  return {
    upper: write(above),
    lower: write(below),
    "upper-fill": kind === "baseline" ? write(closed(above, base)) : kind === "area" ? floor(above) : "",
    "lower-fill": write(closed(below, base)),
  };
}

const constrain = (/** @type {number} */ value, /** @type {number} */ one, /** @type {number} */ other) =>
  Math.max(Math.min(one, other), Math.min(Math.max(one, other), value));
