// Writing to the page: text, SVG, and what may wait until a frame is drawn.  What is written anew, though it is the
// same, is styled, laid out and painted anew; most of it is the same from frame to frame.

const SVG = "http://www.w3.org/2000/svg";

/** The page's element of this id. @param {string} id @returns {HTMLElement} */
export const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** The element that an event is about: its target, or the nearest around it. @param {Event} event @param {string} selector */
export const closest = (event, selector) =>
  /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(selector));

/**
 * Change an element's text, where it is another.  Its text node stays: where one comes or goes Chromium styles every
 * element around it anew, up to the page, as AG Grid's theme has a rule with `:has()` for all of it.
 * @param {Element} at @param {string} text
 */
export function write(at, text) {
  const node = at.firstChild;
  if (at.textContent === text) return;
  if (node instanceof Text && !node.nextSibling) node.data = text;
  else at.textContent = text;
}

/** The same by the element's id. @param {string} id @param {string} text */
export function writeTo(id, text) {
  write(element(id), text);
}

/** Append an SVG element. @param {Element} parent @param {string} name @param {string} [kind] class */
export function shape(parent, name, kind = "") {
  const made = document.createElementNS(SVG, name);
  if (kind) made.setAttribute("class", kind);
  parent.append(made);
  return made;
}

/** Set those attributes that differ. @param {Element} at @param {Record<string, string | number>} attributes */
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

/**
 * Do `work` once the next animation frame is drawn, so that what was written before it is seen first.  A hidden page
 * draws none: there soon.
 * @param {() => void} work
 */
export function afterFrame(work) {
  if (document.hidden) setTimeout(work);
  else requestAnimationFrame(() => setTimeout(work));
}
