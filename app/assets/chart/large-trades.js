// From which size on a trade is large: typed, and kept by the browser.

const KEPT = "tickdeck.large-trades";
const USUAL = "99.9%";

export class LargeTrades {
  /** @param {() => void} changed */
  constructor(changed) {
    this.field = document.createElement("input");
    this.field.className = "num";
    this.field.title = "From which size on a trade is large: 5000; or larger than so many of all in view: 99.9%";
    this.field.setAttribute("aria-label", this.field.title);
    this.field.value = kept();
    this.field.addEventListener("change", () => {
      const text = this.field.value.trim();
      this.field.setCustomValidity(meaning(text) ? "" : "A size such as 5000, or a share of all trades such as 99.9%");
      if (!this.field.reportValidity()) return;
      try {
        localStorage.setItem(KEPT, text);
      } catch {
        // A browser that keeps nothing.
      }
      changed();
    });
  }

  /** @returns {{least?: number, share?: number}} */
  get wanted() {
    return meaning(this.field.value.trim()) ?? meaning(USUAL);
  }
}

/** What a text says; null: nothing. @param {string} text @returns {?{least?: number, share?: number}} */
function meaning(text) {
  const [, number, percent] = /^(\d{1,15}(?:\.\d{1,9})?)\s*(%?)$/.exec(text) ?? [];
  if (number === undefined) return null;
  if (!percent) return { least: Number(number) };
  return Number(number) <= 100 ? { share: Number(number) / 100 } : null;
}

function kept() {
  try {
    return localStorage.getItem(KEPT) || USUAL;
  } catch {
    return USUAL;
  }
}
