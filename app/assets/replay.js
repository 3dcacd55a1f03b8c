// A replay on the page: its controls and keys, its clock, and the address that holds it.

import { know } from "./instruments.js";
import { addressed, forget, held, keep } from "./replay_address.js";
import { Dialog } from "./replay_dialog.js";
import { icon, ICONS, PAUSE, PLAY } from "./replay_icons.js";
import { Timeline } from "./replay_timeline.js";
import { choose, view } from "./selection.js";
import { writeTo } from "./text.js";
import { clock as clockText, day as dayText, wallClock } from "./zone.js";

/**
 * @typedef {import("./replay_timeline.js").Shown & {
 *   room: string, state: "playing" | "paused" | "ended" | "failed", speed: number | "max", failure: ?string,
 *   instruments: any[], holder: ?string, viewers: string[], you: string}} Told what the server tells, docs/replay.md
 */

const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 1000, "max"];
const ADDRESS_EVERY_MS = 2_000;
const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const button = (/** @type {string} */ name) =>
  /** @type {HTMLButtonElement} */ (document.querySelector(`[data-replay="${name}"]`));
export class Replay {
  /**
   * @param {object} use
   * @param {(message: object) => void} use.send to the server
   * @param {() => string[]} use.symbols of the watchlist
   * @param {(ms: ?number) => void} use.onClock the replay's clock; null: live
   * @param {(why: string) => void} use.say a notice
   */
  constructor({ send, symbols, onClock, say }) {
    Object.assign(this, { send, onClock, say });
    /** @type {?Told} */
    this.told = null;
    /** What was asked and not yet answered: a room may have ended, then the address opens one anew. */
    this.asked = "";
    this.addressedAt = 0;
    /** Start of the loop that is being set, ms. @type {?number} */
    this.loopFrom = null;
    this.timeline = new Timeline(element("replay-timeline"), (ms) => this.do("seek", { to: ms }));
    const offered = () => (symbols().length ? symbols().slice(0, 50) : [view().symbol ?? ""]);
    this.dialog = new Dialog(offered, () => this.told?.clock ?? null, (asked) => this.ask("open", { open: asked }));
    for (const [name, path] of Object.entries(ICONS)) icon(button(name), path);
    document.addEventListener("click", (event) => {
      const name = event.target.closest("[data-replay]")?.dataset.replay;
      if (!name) return;
      event.target.closest("button").blur(); // so that the keys go on working
      this.press(name);
    });
    document.addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("popstate", () => this.follow());
  }

  /** What a new connection asks for besides its subscription. */
  greeting() {
    if (!addressed()) return {};
    const room = new URLSearchParams(location.search).get("room");
    this.asked = room ? "join" : "open";
    return { replay: room ? { join: room } : held() };
  }

  /** @param {string} what @param {object} message */
  ask(what, message) {
    this.asked = what;
    this.say("");
    this.send({ replay: message });
  }

  /** @param {string} what @param {object} [how] */
  do(what, how = {}) {
    this.ask(what, { do: what, ...how });
  }

  /** The server refused something. @param {string} why @returns {boolean} whether it is dealt with */
  refused(why) {
    const asked = this.asked;
    this.asked = "";
    if (asked === "join") {
      this.ask("open", held());
      return true;
    }
    if (asked === "open" && this.dialog.shown) {
      this.dialog.refuse(why);
      return true;
    }
    if (asked === "open" && !this.told) forget();
    return false;
  }

  /** @param {?Partial<Told>} told all of it, what moved, or null: no replay any more */
  receive(told) {
    if (told === null) {
      this.told = null;
      this.loopFrom = null;
      forget();
    } else if ("room" in told) {
      know(told.instruments);
      const opened = this.told?.room !== told.room;
      this.told = /** @type {Told} */ (told);
      this.asked = "";
      if (opened) {
        this.dialog.hide();
        this.say("");
      }
      if (told.failure) this.say(told.failure);
      this.toAddress(opened);
    } else if (this.told) {
      const profile = told.profile ? [...this.told.profile, ...told.profile] : this.told.profile;
      this.told = { ...this.told, ...told, profile };
      if (performance.now() - this.addressedAt > ADDRESS_EVERY_MS) this.toAddress(false);
    }
    this.draw();
  }

  /** The server's clock in a message of the market: what is shown is never later than the clock beside it. */
  heard(/** @type {number} */ ms) {
    if (!this.told || this.told.clock === ms) return;
    this.told = { ...this.told, clock: ms };
    this.draw();
  }

  draw() {
    const { told } = this;
    element("transport").hidden = !told;
    document.body.dataset.replaying = told?.state ?? "";
    this.onClock(told?.clock ?? null);
    if (!told) return;
    const wall = wallClock(told.clock, told.timezone);
    writeTo("replay-date", dayText(wall));
    const place = told.timezone.split("/").pop().replaceAll("_", " ");
    writeTo("replay-clock", `${clockText(wall)}.${Math.floor((told.clock % 1000) / 100)} ${place}`);
    writeTo("replay-speed", told.speed === "max" ? "max" : `${told.speed}×`);
    icon(button("toggle"), told.state === "playing" ? PAUSE : PLAY);
    button("toggle").setAttribute("aria-pressed", String(told.state === "playing"));
    const mine = told.controls;
    for (const one of document.querySelectorAll("#transport [data-replay]")) {
      /** @type {HTMLButtonElement} */ (one).disabled = !mine && !["take", "live"].includes(one.dataset.replay);
    }
    button("take").hidden = mine || told.holder !== null;
    button("give").hidden = !mine || told.viewers.length < 2;
    button("loop").setAttribute("aria-pressed", String(told.loop !== null || this.loopFrom !== null));
    const others = told.viewers.length - 1;
    writeTo("replay-viewers", others ? `${others + 1} viewers${mine ? "" : " · watching"}` : "");
    this.timeline.show(told);
  }

  /** @param {string} name of a button */
  press(name) {
    const { told } = this;
    if (!told) return;
    if (name === "toggle") this.do(told.state === "playing" ? "pause" : "play");
    else if (["open", "close", "take", "live"].includes(name)) this.do(name);
    else if (name === "slower" || name === "faster") this.pace(name === "faster" ? 1 : -1);
    else if (name === "give") this.do("give", { to: told.viewers.find((one) => one !== told.you) });
    else if (name === "loop") this.loop();
    else this.step(name.replace("-back", ""), name.endsWith("-back") ? -1 : 1);
  }

  /** @param {string} unit @param {number} steps */
  step(unit, steps) {
    const { symbol, interval } = view();
    this.do("step", { unit, steps, symbol, interval });
  }

  /** To the next speed there is a button for. @param {number} way */
  pace(way) {
    const now = this.told.speed === "max" ? Infinity : this.told.speed;
    const value = (/** @type {number | "max"} */ speed) => (speed === "max" ? Infinity : speed);
    const beyond = SPEEDS.filter((speed) => (way > 0 ? value(speed) > now : value(speed) < now));
    const speed = way > 0 ? beyond[0] : beyond.at(-1);
    if (speed === undefined) return;
    this.do("speed", { speed });
    this.told = { ...this.told, speed }; // the next press counts from here; what the server says will follow
  }

  /** First press: the loop's start; second: its end; third: no loop. */
  loop() {
    const now = this.told.clock;
    if (this.told.loop) this.do("loop");
    else if (this.loopFrom === null || this.loopFrom >= now) this.loopFrom = this.loopFrom === null ? now : null;
    else {
      this.do("loop", { from: this.loopFrom, to: now });
      this.loopFrom = null;
    }
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const busy = event.target.closest("input, textarea, select, .ag-cell, [role=dialog]");
    if (busy || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "r") {
      this.dialog.show();
    } else if (!this.told) {
      return;
    } else {
      const shifted = event.shiftKey ? "candle" : "tick";
      const name = {
        " ": "toggle",
        ArrowRight: shifted,
        ArrowLeft: `${shifted}-back`,
        "+": "faster",
        "=": "faster",
        "-": "slower",
        l: "live",
        L: "live",
        Home: "open",
        End: "close",
      }[event.key];
      if (!name) return;
      this.press(name);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** The browser went back or forth: do what the address says. */
  follow() {
    if (addressed()) this.send(this.greeting());
    else if (this.told) this.do("live");
  }

  /** @param {boolean} opened */
  toAddress(opened) {
    this.addressedAt = performance.now();
    keep(this.told, opened);
    const symbols = this.told.instruments.map(({ symbol }) => symbol);
    if (!symbols.includes(view().symbol ?? "")) choose({ symbol: symbols[0] }, { replace: true });
  }
}
