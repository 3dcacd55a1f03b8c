// The symbols of a live feed: more and fewer of them while it runs, by administrators.

import { closest, write } from "../lib/dom.js";

export class FeedSymbols {
  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.feed = "";
    this.at = document.createElement("form");
    this.at.id = "feed-symbols";
    this.at.hidden = true;
    this.title = document.createElement("span");
    this.list = document.createElement("ul");
    this.input = document.createElement("input");
    this.input.placeholder = "SOL/USDT";
    this.input.setAttribute("aria-label", "Symbol to add");
    this.input.maxLength = 64;
    const add = document.createElement("button");
    add.textContent = "Add";
    this.said = document.createElement("p");
    this.said.setAttribute("role", "status");
    this.at.append(this.title, this.list, this.input, add, this.said);
    panel.append(this.at);
    this.at.addEventListener("submit", (event) => {
      event.preventDefault();
      const symbol = this.input.value.trim();
      if (symbol) void this.change({ add: [symbol] });
    });
    this.list.addEventListener("click", (event) => {
      const button = closest(event, "button[data-symbol]");
      if (button) void this.change({ remove: [button.dataset.symbol] });
    });
  }

  /** Show the symbols of a feed; pressed again, hide them. @param {string} feed */
  async open(feed) {
    if (!this.at.hidden && this.feed === feed) {
      this.at.hidden = true;
      return;
    }
    this.feed = feed;
    write(this.title, `Symbols of ${feed}`);
    this.say("");
    try {
      const answer = await fetch("api/feeds");
      const content = await answer.json();
      if (!answer.ok) throw new Error(content.detail);
      const found = content.find((/** @type {{name: string}} */ each) => each.name === feed);
      if (!found) throw new Error(`${feed} does not run`);
      this.show(found.symbols);
    } catch (error) {
      this.show([]);
      this.say(error instanceof Error ? error.message : "the server did not answer");
    }
    this.at.hidden = false;
    this.input.focus();
  }

  /** @param {{add?: string[], remove?: string[]}} wanted */
  async change(wanted) {
    try {
      const answer = await fetch("api/feeds/symbols", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ feed: this.feed, ...wanted }),
      });
      const content = await answer.json();
      if (!answer.ok) throw new Error(content.detail);
      this.show(content.symbols);
      if (wanted.add) this.input.value = "";
      this.say("The feed takes it up within seconds.");
    } catch (error) {
      this.say(error instanceof Error ? error.message : "the server did not answer");
    }
  }

  /** @param {string[]} symbols */
  show(symbols) {
    this.list.replaceChildren(
      ...symbols.map((symbol) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.symbol = symbol;
        button.textContent = "\u00d7";
        button.setAttribute("aria-label", `Remove ${symbol}`);
        item.append(symbol, button);
        return item;
      }),
    );
  }

  /** @param {string} text */
  say(text) {
    write(this.said, text);
  }
}
