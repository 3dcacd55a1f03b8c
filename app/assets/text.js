// Writing text.

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
  write(/** @type {Element} */ (document.getElementById(id)), text);
}
