// The icons of the replay's buttons: paths in a box of 16.

export const ICONS = {
  open: "M3 3v10M13 3 6 8l7 5z",
  "minute-back": "M8 3 2 8l6 5zM14 3 8 8l6 5z",
  "candle-back": "M12 3v10M9 3 3 8l6 5z",
  "tick-back": "M10 3 4 8l6 5",
  tick: "M6 3l6 5-6 5",
  candle: "M4 3v10M7 3l6 5-6 5z",
  minute: "M2 3l6 5-6 5zM8 3l6 5-6 5z",
  close: "M13 3v10M3 3l7 5-7 5z",
};
export const PLAY = "M4 2l10 6-10 6z";
export const PAUSE = "M4 2v12M12 2v12M5 2v12M11 2v12";

/** Draw a button's icon. @param {HTMLElement} at @param {string} path in a box of 16 */
export function icon(at, path) {
  if (at.dataset.icon === path) return;
  at.dataset.icon = path;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  at.replaceChildren(svg);
}
