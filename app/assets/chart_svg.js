// Writing SVG.  What is written anew, though it is the same, is styled, laid out and painted anew; most of it is the
// same from frame to frame.

const SVG = "http://www.w3.org/2000/svg";

/** @param {Element} parent @param {string} name @param {string} [kind] class */
export function shape(parent, name, kind = "") {
  const made = document.createElementNS(SVG, name);
  if (kind) made.setAttribute("class", kind);
  parent.append(made);
  return made;
}

/** @param {Element} at @param {Record<string, string | number>} attributes */
export function set(at, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (at.getAttribute(name) !== text) at.setAttribute(name, text);
  }
}

/** @param {any} at @param {boolean} visible */
export function display(at, visible) {
  const value = visible ? "" : "none";
  if (at.style.display !== value) at.style.display = value;
}
