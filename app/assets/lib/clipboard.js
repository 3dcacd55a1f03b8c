// What is copied for another place.

/** Copy a text; false where the browser refuses, as on a page without TLS: there it can be copied by hand. @param {string} text @returns {Promise<boolean>} */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
