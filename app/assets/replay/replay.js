// A replay on the page: its controls and keys, its clock, and the address that holds it:
// `?replay=2013-10-07T13:30Z&speed=60&symbol=SPY`.

import { closest, element, writeTo } from "../lib/dom.js";
import { addInstruments, knownSymbols, legsOf } from "../lib/instruments.js";
import { knownIs } from "../lib/known.js";
import { choose, view } from "../lib/selection.js";
import { clock as clockText, day as dayText, wallClock } from "../lib/zone.js";

/**
 * @typedef {import("./timeline.js").TimelineState & {
 *   room: string, state: "playing" | "paused" | "ended" | "failed", speed: number | "max", failure: ?string,
 *   instruments: any[], holder: ?string, viewers: string[], you: string, ranged: boolean, as_known: boolean,
 *   skip_nights: boolean, account: ?import("./practice.js").Account}} ReplayState
 *   a replay as the server describes it, docs/replay.md
 */

/** @type {(number | "max")[]} */
const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 1000, "max"];
const ADDRESS_EVERY_MS = 2_000;
/** Icons of the buttons: paths in a box of 16. */
const ICONS = {
  open: "M3 3v10M13 3 6 8l7 5z",
  "minute-back": "M8 3 2 8l6 5zM14 3 8 8l6 5z",
  "candle-back": "M12 3v10M9 3 3 8l6 5z",
  "tick-back": "M10 3 4 8l6 5",
  tick: "M6 3l6 5-6 5",
  candle: "M4 3v10M7 3l6 5-6 5z",
  minute: "M2 3l6 5-6 5zM8 3l6 5-6 5z",
  close: "M13 3v10M3 3l7 5-7 5z",
};
const PLAY = "M4 2l10 6-10 6z";
const PAUSE = "M4 2v12M12 2v12M5 2v12M11 2v12";
/** So many symbols need no watchlist over the height of the page. */
const FEW = 6;
/** What of the address is the replay's. */
const ADDRESS_FIELDS = ["replay", "speed", "symbols", "room", "from", "to", "known"];

const button = (/** @type {string} */ name) =>
  /** @type {HTMLButtonElement} */ (document.querySelector(`[data-replay="${name}"]`));

export class Replay {
  /**
   * @param {object} use
   * @param {(message: object) => boolean} use.send to the server; whether there is a connection for it
   * @param {() => string[]} use.symbols of the watchlist
   * @param {(ms: ?number) => void} use.onClock the replay's clock; null: live
   * @param {(why: string) => void} use.say a notice
   * @param {(symbol: string) => ?number} use.lastOf the last price of a symbol
   * @param {(then: (ms: number) => void) => void} use.pick have the user click at a time on the chart
   */
  constructor({ send, symbols, onClock, say, lastOf, pick }) {
    this.send = send;
    this.onClock = onClock;
    this.say = say;
    /** @type {?ReplayState} */
    this.current = null;
    /** The request that is not answered yet: a room may have ended, then the address opens one anew. */
    this.pending = "";
    /** The speed that was asked for last and is not confirmed yet. @type {number | "max" | null} */
    this.pacing = null;
    this.addressWrittenAt = 0;
    /** Start of the loop that is being set, ms. @type {?number} */
    this.loopFrom = null;
    /** Where alerts have fired, ms. @type {Set<number>} */
    this.marks = new Set();
    /** What only a replay needs, loaded with the first one. @type {?import("./timeline.js").Timeline} */
    this.timeline = null;
    /** @type {?import("./practice.js").Practice} */
    this.practice = null;
    this.use = { lastOf, pick };
    this.preparing = false;
    /** @type {?import("./dialog.js").Dialog} */
    this.dialog = null;
    // Those that are replayed already, else what the chart shows.
    const offered = () => (this.current ? symbols().slice(0, 50) : legsOf(view().symbol ?? ""));
    const known = () => [...symbols(), ...knownSymbols()];
    this.makeDialog = async () => {
      const { Dialog } = await import("./dialog.js");
      this.dialog ??= new Dialog({ offered, known }, () => this.current?.clock ?? null, (request) => this.ask("open", { open: request }));
    };
    element("replay-open").addEventListener("click", () => void this.choose());
    element("replay-pick").addEventListener("click", () => {
      this.dialog?.hide();
      pick((ms) => this.jump(ms));
    });
    for (const [name, path] of Object.entries(ICONS)) drawIcon(button(name), path);
    document.addEventListener("click", (event) => {
      const name = closest(event, "[data-replay]")?.dataset.replay;
      if (!name) return;
      closest(event, "button").blur(); // so that the keys go on working
      this.press(name);
    });
    document.addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("popstate", () => this.follow());
  }

  /** Open the dialog. */
  async choose() {
    try {
      await this.makeDialog();
      this.dialog.show();
    } catch {
      // The connection tells that the server is away; the next press asks again.
    }
  }

  /** Have what a replay needs. */
  async prepare() {
    if (this.preparing) return;
    this.preparing = true;
    try {
      const [{ Timeline }, { Practice }] = await Promise.all([import("./timeline.js"), import("./practice.js")]);
      this.practice = new Practice(this, this.use);
      this.timeline = new Timeline(element("replay-timeline"), this.marks, (ms) => this.do("seek", { to: ms }));
    } catch {
      return; // The connection tells that the server is away; the next message asks again.
    } finally {
      this.preparing = false;
    }
    this.draw();
  }

  /** What a new connection asks for besides its subscription. */
  greeting() {
    if (!addressHasReplay()) return {};
    const room = new URLSearchParams(location.search).get("room");
    this.pending = room ? "join" : "open";
    return { replay: room ? { join: room } : openRequest() };
  }

  /** @param {string} what @param {object} message */
  ask(what, message) {
    this.pending = what;
    this.say(this.send({ replay: message }) ? "" : "A replay needs a WebSocket, and none is open.");
  }

  /** @param {string} what @param {object} [how] */
  do(what, how = {}) {
    this.ask(what, { do: what, ...how });
  }

  /** The server refused something. @param {string} why @returns {boolean} whether it is dealt with */
  refused(why) {
    const pending = this.pending;
    this.pending = "";
    this.pacing = null;
    if (pending === "join") {
      this.ask("open", openRequest());
      return true;
    }
    if (pending === "open" && this.dialog?.isOpen) {
      this.dialog.refuse(why);
      return true;
    }
    if (pending === "open" && !this.current) clearAddress();
    return false;
  }

  /** @param {?Partial<ReplayState>} news all of it, what moved, or null: no replay any more */
  receive(news) {
    if (news === null) {
      this.current = null;
      this.loopFrom = null;
      clearAddress();
    } else if ("room" in news) {
      addInstruments(news.instruments);
      const opened = this.current?.room !== news.room;
      this.current = /** @type {ReplayState} */ (news);
      this.pending = "";
      if (opened || news.speed === this.pacing) this.pacing = null;
      if (opened) {
        this.marks.clear();
        this.dialog?.hide();
        this.say("");
      }
      if (news.failure) this.say(news.failure);
      this.updateAddress(opened);
    } else if (this.current) {
      const profile = news.profile ? [...this.current.profile, ...news.profile] : this.current.profile;
      this.current = { ...this.current, ...news, profile };
      if (news.speed === this.pacing) this.pacing = null;
      if (performance.now() - this.addressWrittenAt > ADDRESS_EVERY_MS) this.updateAddress(false);
    }
    this.draw();
  }

  /** Go to a time: within the replay, else in one that is opened there. @param {number} ms */
  jump(ms) {
    const { current } = this;
    if (current && ms >= current.from && ms <= current.to) return this.do("seek", { to: ms });
    const symbols = current ? current.instruments.map(({ symbol }) => symbol) : legsOf(view().symbol ?? "");
    return this.ask("open", { open: { symbols, at: ms, speed: current?.speed ?? 1, as_known: current?.as_known ?? false } });
  }

  /** An alert has fired at this instant of the replay. @param {number} ms */
  mark(ms) {
    if (!this.current) return;
    this.marks.add(ms);
    this.draw();
  }

  /** The server's clock in a message of the market: what is shown is never later than the clock beside it. */
  clockIs(/** @type {number} */ ms) {
    if (!this.current || this.current.clock === ms) return;
    this.current = { ...this.current, clock: ms };
    this.draw();
  }

  /** Few symbols leave the chart the room that a watchlist of all of them would have. @param {number} symbols 0: no replay */
  seat(symbols) {
    const few = symbols > 0 && symbols <= FEW;
    document.body.dataset.few = String(few);
    document.body.style.setProperty("--few", String(symbols));
  }

  draw() {
    const { current } = this;
    if (current && !this.timeline) void this.prepare();
    element("transport").hidden = !current || !this.timeline;
    document.body.dataset.replaying = current?.state ?? "";
    this.seat(current?.instruments.length ?? 0);
    knownIs(current?.as_known ? current.clock : null);
    this.onClock(current?.clock ?? null);
    if (!current) return void this.practice?.hide();
    const wall = wallClock(current.clock, current.timezone);
    writeTo("replay-date", dayText(wall));
    const place = current.timezone.split("/").pop().replaceAll("_", " ");
    writeTo("replay-clock", `${clockText(wall)}.${Math.floor((current.clock % 1000) / 100)} ${place}`);
    writeTo("replay-speed", current.speed === "max" ? "max" : `${current.speed}×`);
    drawIcon(button("toggle"), current.state === "playing" ? PAUSE : PLAY);
    button("toggle").setAttribute("aria-pressed", String(current.state === "playing"));
    const mine = current.controls;
    for (const one of document.querySelectorAll("#transport [data-replay]")) {
      const always = ["take", "live", "practice"].includes(one.getAttribute("data-replay"));
      /** @type {HTMLButtonElement} */ (one).disabled = !mine && !always;
    }
    button("take").hidden = mine || current.holder !== null;
    button("give").hidden = !mine || current.viewers.length < 2;
    button("corrections").setAttribute("aria-pressed", String(current.as_known));
    button("nights").setAttribute("aria-pressed", String(current.skip_nights));
    button("loop").setAttribute("aria-pressed", String(current.loop !== null || this.loopFrom !== null));
    const others = current.viewers.length - 1;
    writeTo("replay-viewers", others ? `${others + 1} viewers${mine ? "" : " · watching"}` : "");
    this.practice?.show(current);
    this.timeline?.show(current);
  }

  /** @param {string} name of a button */
  press(name) {
    const { current } = this;
    if (!current) return;
    if (!current.controls && !["take", "live", "practice"].includes(name)) return this.say(notYours(current));
    if (name === "toggle") this.do(current.state === "playing" ? "pause" : "play");
    else if (["open", "close", "take", "live"].includes(name)) this.do(name);
    else if (name === "slower" || name === "faster") this.pace(name === "faster" ? 1 : -1);
    else if (name === "give") this.do("give", { to: current.viewers.find((one) => one !== current.you) });
    else if (name === "nights") this.do(name, { skip: !current.skip_nights });
    else if (name === "practice") this.practice?.toggle();
    else if (name === "loop") this.loop();
    else if (name === "corrections") this.do(name, { as_known: !current.as_known });
    else this.step(name.replace("-back", ""), name.endsWith("-back") ? -1 : 1);
  }

  /** Play the chosen symbol from an instant on: the replay that runs, where it has that, else one of its own. @param {?number} ms null: nowhere */
  from(ms) {
    const { current } = this;
    const { symbol } = view();
    if (ms === null || !symbol) return this.say("Point at a candle first: a replay begins there.");
    if (current && ms >= current.from && ms < current.to) {
      if (!current.controls) return this.say(notYours(current));
      return this.do("seek", { to: ms });
    }
    return this.ask("open", { open: { symbols: [symbol], at: iso(ms), speed: 1 } });
  }

  /** @param {string} unit @param {number} steps */
  step(unit, steps) {
    const { symbol, interval } = view();
    this.do("step", { unit, steps, symbol, interval });
  }

  /** To the next speed there is a button for. @param {number} way */
  pace(way) {
    const value = (/** @type {number | "max"} */ speed) => (speed === "max" ? Infinity : speed);
    const now = value(this.pacing ?? this.current.speed); // a press counts from the last one, answered or not
    const beyond = SPEEDS.filter((speed) => (way > 0 ? value(speed) > now : value(speed) < now));
    const speed = way > 0 ? beyond[0] : beyond.at(-1);
    if (speed === undefined) return;
    this.pacing = speed;
    this.do("speed", { speed });
  }

  /** First press: the loop's start; second: its end; third: no loop. */
  loop() {
    const now = this.current.clock;
    if (this.current.loop) this.do("loop");
    else if (this.loopFrom === null || this.loopFrom >= now) this.loopFrom = this.loopFrom === null ? now : null;
    else {
      this.do("loop", { from: this.loopFrom, to: now });
      this.loopFrom = null;
    }
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    // In a grid the keys up and down are the grid's, those of a replay go on being the replay's.
    const busy = closest(event, "input, textarea, select, [role=dialog]");
    if (busy || this.dialog?.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "r") {
      void this.choose();
    } else if (!this.current) {
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
    if (addressHasReplay()) this.send(this.greeting());
    else if (this.current) this.do("live");
  }

  /** @param {boolean} opened */
  updateAddress(opened) {
    this.addressWrittenAt = performance.now();
    writeAddress(this.current, opened);
    const symbols = this.current.instruments.map(({ symbol }) => symbol);
    if (!legsOf(view().symbol ?? "").every((one) => symbols.includes(one))) choose({ symbol: symbols[0] }, { replace: true });
  }
}

/** Why a viewer cannot move a replay. @param {ReplayState} replay */
function notYours({ holder }) {
  return holder === null
    ? "Nobody holds the controls of this replay: press “Take controls” to play, pause and move it."
    : "Another viewer holds the controls of this replay: you see what they play.";
}

/** Draw a button's icon. @param {HTMLElement} at @param {string} path in a box of 16 */
function drawIcon(at, path) {
  if (at.dataset.icon === path) return;
  at.dataset.icon = path;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  at.replaceChildren(svg);
}

const iso = (/** @type {number} */ ms) => new Date(ms).toISOString().replace(/(:00)?\.000Z$/, "Z");

/** Does the address hold a replay? */
export const addressHasReplay = () => new URLSearchParams(location.search).has("replay");

/** The request that opens what the address holds. */
function openRequest() {
  const asked = new URLSearchParams(location.search);
  const symbols = asked.get("symbols") ?? asked.get("symbol") ?? "";
  const open = { symbols: symbols.split(","), at: asked.get("replay"), speed: asked.get("speed") ?? 1 };
  for (const edge of ["from", "to"]) if (asked.has(edge)) open[edge] = asked.get(edge);
  if (asked.has("known")) open.as_known = asked.get("known") === "then";
  return { open };
}

/**
 * Let the address hold the replay as it stands.
 * @param {ReplayState} replay
 * @param {boolean} opened just now: a new entry in the browser's history
 */
function writeAddress(replay, opened) {
  const address = new URL(location.href);
  const search = address.searchParams;
  const before = search.has("replay");
  for (const name of ADDRESS_FIELDS) search.delete(name);
  search.set("replay", iso(replay.clock));
  search.set("speed", String(replay.speed));
  if (replay.instruments.length > 1) search.set("symbols", replay.instruments.map(({ symbol }) => symbol).join(","));
  if (replay.ranged) {
    search.set("from", iso(replay.from));
    search.set("to", iso(replay.to));
  }
  if (replay.as_known) search.set("known", "then");
  search.set("room", replay.room);
  const text = address.href.replaceAll("%3A", ":").replaceAll("%2C", ",");
  history[opened && !before ? "pushState" : "replaceState"](null, "", text);
}

/** The page shows the live market again. */
function clearAddress() {
  const address = new URL(location.href);
  if (!address.searchParams.has("replay")) return;
  for (const name of ADDRESS_FIELDS) address.searchParams.delete(name);
  history.pushState(null, "", address);
}
