// Who is signed in, the way out, and the way back to the door when the session is over.

import { panel } from "../lib/panel.js";

/** The socket's close code where the session is over (app/web/gate.py). */
const SESSION_OVER = 4401;

/** Who signs out is on his way already: the socket, which closes then, must not lead him elsewhere. */
let signingOut = false;
addEventListener("pageshow", () => {
  signingOut = false; // back by the browser's button
});

/** Leave for the door, and come back to this very view afterwards. */
function toTheDoor() {
  if (signingOut) return;
  const page = panel ? parent : window; // a panel's is the workspace around it
  page.location.assign(`login?next=${encodeURIComponent(page.location.pathname + page.location.search)}`);
}

/** A socket was closed: where that was because the session is over, go and sign in. @param {number} code */
export async function askAgain(code) {
  if (code === SESSION_OVER) return toTheDoor();
  try {
    // A refused handshake does not say why.
    const answer = await fetch("api/me");
    if (answer.status === 401) toTheDoor();
  } catch {
    // The server is away: the connection goes on trying.
  }
}

/** Show who is signed in, with a button to sign out; nothing where there are no users. @param {HTMLElement} place */
export async function showAccount(place) {
  const answer = await fetch("api/me");
  if (!answer.ok) return;
  const me = await answer.json();
  if (!me.signed_in) return;
  const name = document.createElement("span");
  name.textContent = me.name; // hostile as any text: never markup
  name.title = `Signed in as ${me.role}`;
  const form = document.createElement("form");
  form.method = "post";
  form.action = "logout";
  form.addEventListener("submit", () => {
    signingOut = true;
  });
  const button = document.createElement("button");
  button.textContent = "Sign out";
  form.append(button);
  place.replaceChildren(name, form);
  place.hidden = false;
}
