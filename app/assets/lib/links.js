// Links to what somebody shares: one is in the page's address, another is made and copied.

/** The link that the page's address holds; empty: none. @param {string} name */
export const linkOf = (name) => new URLSearchParams(location.search).get(name) ?? "";

/** Have the page's address hold it no more. @param {string} name */
export function forget(name) {
  const address = new URL(location.href);
  address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

/** The address at which others have what a link leads to. @param {string} name @param {string} token */
export function addressOf(name, token) {
  const address = new URL(location.href);
  address.search = String(new URLSearchParams({ [name]: token }));
  return address.href;
}

/** Copy a text; false where the browser refuses, as on a page without TLS: there it can be copied by hand. @param {string} text @returns {Promise<boolean>} */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
