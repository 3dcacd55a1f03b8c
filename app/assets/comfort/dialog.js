// What the dialogs have in common: the browser's own modal <dialog>, which keeps the focus and gives it back.

/** @type {?HTMLDialogElement} */
let open = null;

/**
 * Show a dialog with this content; another one that is open goes.
 * @param {string} name the dialog's id @param {string} label read out @param {Node[]} content
 * @returns {HTMLDialogElement}
 */
export function showDialog(name, label, content) {
  open?.close();
  const made = document.createElement("dialog");
  made.id = name;
  made.className = "comfort";
  made.setAttribute("role", "dialog"); // by which the page's keys know that they are not meant
  made.setAttribute("aria-label", label);
  made.append(...content);
  made.addEventListener("close", () => {
    made.remove();
    if (open === made) open = null;
  });
  made.addEventListener("click", (event) => event.target === made && made.close()); // beside it
  document.body.append(made);
  made.showModal();
  open = made;
  return made;
}

/**
 * An element in one line.
 * @param {string} tag @param {Record<string, string>} attributes @param {(Node | string)[]} content
 */
export function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/** The head of a dialog: its name, and a button that closes it. @param {string} title */
export function head(title) {
  const close = make("button", { type: "button", "aria-label": "Close", title: "Close (Esc)" }, "✕");
  close.addEventListener("click", () => /** @type {HTMLDialogElement} */ (close.closest("dialog")).close());
  return make("div", { class: "comfort-head" }, make("h2", {}, title), close);
}
