// Taking the chart along: as a picture with title, time and zone, or the candles in view as a file.

import { fullTime } from "./axis.js";
import { shape, set } from "../lib/dom.js";
import { known } from "../lib/known.js";
import { iso, zoneName } from "../lib/zone.js";

/** @typedef {import("./chart.js").Chart} Chart */

/** Styles that a picture must hold itself, as there is no style sheet beside it. */
const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "font-family",
  "font-size", "font-weight", "text-anchor", "display", "vector-effect", "shape-rendering",
];
const TITLE_PX = 40;
/** Pixels of the picture a pixel of the page. */
const SHARPNESS = 2;

/**
 * The chart as it is on the screen, without the crosshair.
 * @param {Chart} chart @param {string} format "png" or "svg" @returns {Promise<Blob>}
 */
export async function pictureOf(chart, format) {
  const { width, height } = chart.plot._fullLayout;
  const svg = drawing(chart, width, height);
  const text = new XMLSerializer().serializeToString(svg);
  const blob = new Blob([text], { type: "image/svg+xml" });
  if (format === "svg") return blob;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * SHARPNESS;
  canvas.height = height * SHARPNESS;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((made) => resolve(made), "image/png"));
}

/** All layers in one drawing. @param {Chart} chart @param {number} width @param {number} height */
function drawing(chart, width, height) {
  const holder = document.createElement("div");
  const svg = shape(holder, "svg");
  set(svg, { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}` });
  const panel = getComputedStyle(chart.panel);
  set(shape(svg, "rect"), { width, height, fill: panel.backgroundColor });
  const { back, front, cross } = chart.overlay;
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (chart.panel.querySelectorAll("#chart-front canvas"))) {
    if (canvas.width && canvas.height) set(shape(holder, "image", "canvas"), { href: canvas.toDataURL(), width, height });
  }
  for (const layer of [back, ...chart.plot.querySelectorAll(".main-svg"), front]) {
    if (layer === front) svg.append(...holder.querySelectorAll("image.canvas"));
    const copy = /** @type {Element} */ (layer.cloneNode(true));
    inline(layer, copy, cross);
    for (const drag of copy.querySelectorAll(".draglayer")) drag.remove();
    set(copy, { width, height });
    svg.append(copy);
  }
  const font = { "font-family": panel.fontFamily };
  const { candles, symbol, interval, view } = chart;
  const [first, last] = [Math.ceil(view.from), Math.floor(view.to)].map((number) =>
    candles.at(Math.min(Math.max(number, candles.base), candles.lastNumber)),
  );
  const title = shape(svg, "text");
  set(title, { x: 8, y: 18, fill: panel.color, ...font, "font-size": 14, "font-weight": 600 });
  title.textContent = `${symbol} · ${interval}`;
  const line = shape(svg, "text");
  set(line, { x: 8, y: TITLE_PX - 6, fill: panel.getPropertyValue("--muted"), ...font, "font-size": 11 });
  const name = last ? zoneName(last.t, candles.zone) : candles.zone;
  const zone = name === candles.zone ? name : `${name} (${candles.zone})`;
  const span = [first, last].filter(Boolean).map((candle) => fullTime(candle, candles.zone, interval));
  line.textContent = `${span.join(" – ")} ${zone} · Tickdeck`;
  return svg;
}

/** Write each element's look into its copy, which has no style sheet beside it. @param {Element} from @param {Element} to @param {Element} without */
function inline(from, to, without) {
  if (from === without) return void to.remove();
  if (from instanceof SVGGraphicsElement && !(from instanceof SVGSVGElement)) {
    const style = getComputedStyle(from);
    const kept = STYLES.map((name) => [name, style.getPropertyValue(name)]).filter(([, value]) => value && value !== "none" && value !== "normal");
    if (style.display === "none") return void to.remove();
    for (const name of ["fill", "stroke"]) if (style.getPropertyValue(name) === "none") kept.push([name, "none"]);
    set(to, Object.fromEntries(kept)); // as attributes: the page's policy takes no style written into it
  }
  const copies = [...to.children];
  [...from.children].forEach((child, index) => inline(child, copies[index], without));
  return undefined;
}

/**
 * The candles in view as a file of the server's.
 * @param {Chart} chart @param {string} format "csv" or "parquet"; with the indicators that are shown @returns {Promise<?Blob>} null: could not be read
 */
export async function rowsOf({ candles, view, symbol, interval, replayClock, indicators }, format) {
  const part = candles.part(Math.ceil(view.from), Math.floor(view.to));
  if (!part.length) return null;
  const [start, end] = [part[0].t, part[part.length - 1].t + 0.001].map(iso);
  const asked = new URLSearchParams({ symbol, interval, start, end, limit: "20000", format, ...known() });
  for (const { id } of indicators?.chosen ?? []) asked.append("indicators", id);
  if (replayClock !== null) asked.set("until", new Date(replayClock).toISOString());
  try {
    const answer = await fetch(`api/candles?${asked}`);
    return answer.ok ? await answer.blob() : null;
  } catch {
    return null;
  }
}

/** Have the browser keep a file. @param {string} name @param {Blob} content */
export function save(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
