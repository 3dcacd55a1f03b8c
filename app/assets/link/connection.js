// The connection: WebSocket first, for ever; the same frames by polling where WebSockets do not get through.

import { clockIsUnknown, clockWas } from "../lib/now.js";

/** @typedef {"connecting" | "live" | "stale" | "reconnecting" | "polling"} ConnectionState */
/** @typedef {import("../watchlist/watchlist.js").Row} Row */

const LOOK_MS = 500;
/** After so many looks in a row at which nothing had come: ask; the market shown may be old; the connection is lost. */
const ASK_LOOKS = 2;
const STALE_LOOKS = 5;
const DEAD_LOOKS = 24;
/** Ask so often at least, for the round trip. */
const ROUND_TRIP_LOOKS = 10;
/** Watching this much late on a visible page means that the machine slept. */
const SLEPT_MS = 12_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
const OPEN_TIMEOUT_MS = 5_000;
const POLL_MS = 1_000;
const POLL_TIMEOUT_MS = 12_000;
/** Sockets in a row that brought nothing before polling is tried. */
const FAILURES_BEFORE_POLLING = 2;
/** A polling page tries a socket again after so long at first, and at the longest. */
const FIRST_SOCKET_RETRY_MS = 2_000;
const LONGEST_SOCKET_RETRY_MS = 30_000;

export class Connection {
  /**
   * @param {object} use
   * @param {() => object} use.subscription what to watch, asked on every (re)connect
   * @param {() => object} [use.greeting] what else to ask for then
   * @param {() => boolean} [use.canPoll] does polling bring what the page shows?  A replay needs a socket.
   * @param {() => number[]} [use.painted] how long frames took to be seen, ms, since it was asked last
   * @param {(message: any) => void} use.onMessage a message of the protocol
   * @param {(state: ConnectionState) => void} use.onState
   * @param {(code: number) => void} [use.onClosed] the first socket of a row was closed, or refused, with this code
   */
  constructor({ subscription, greeting = () => ({}), canPoll = () => true, painted = () => [], onMessage, onState, onClosed = () => {} }) {
    this.subscription = subscription;
    this.greeting = greeting;
    this.canPoll = canPoll;
    this.painted = painted;
    this.onMessage = onMessage;
    this.onState = onState;
    this.onClosed = onClosed;
    /** Round trip of the last ping, ms. @type {?number} */
    this.roundTrip = null;
    /** @type {?WebSocket} */
    this.socket = null;
    /** @type {ConnectionState} */
    this.state = "connecting";
    /** Sockets in a row that were refused, or opened and brought nothing. */
    this.failures = 0;
    this.everConnected = false;
    this.pingNumber = 0;
    this.pingSentAt = 0;
    /** Looks since anything was heard.  Counted, not timed: timers of a hidden page run once a minute. */
    this.silentLooks = 0;
    /** Looks since the last ping. */
    this.looksSincePing = 0;
    /** When `watch` ran, ms since the epoch. */
    this.watchedAt = Date.now();
    this.retryTimer = 0;
    this.polling = false;
    this.pollSequence = 0;
    this.socketRetries = 0;
    setInterval(() => this.watch(), LOOK_MS);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.shownAgain());
  }

  /** Connect, and stay connected until the page goes. */
  start() {
    const socket = new WebSocket(new URL("ws", location.href).href.replace(/^http/, "ws"));
    const tooLong = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    this.socket = socket;
    socket.onopen = () => {
      clearTimeout(tooLong);
      this.silentLooks = 0;
      this.send({ ...this.greeting(), subscribe: this.subscription() });
      this.ping();
    };
    socket.onmessage = (event) => this.socket === socket && this.hearSocket(JSON.parse(event.data));
    socket.onclose = (event) => {
      clearTimeout(tooLong);
      if (!this.failures) this.onClosed(event.code);
      if (this.socket === socket) this.lost();
    };
  }

  /** Tell the server that the subscription has changed. */
  resubscribe() {
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ subscribe: this.subscription() });
    else if (this.polling) this.poll();
  }

  /** @param {object} message @returns {boolean} whether there is a socket to send it by */
  send(message) {
    const open = this.socket?.readyState === WebSocket.OPEN;
    if (open) this.socket.send(JSON.stringify(message));
    return open;
  }

  /** A message of the socket: this way works, unless all it says is that it does not. @param {any} message */
  hearSocket(message) {
    this.silentLooks = 0;
    if (message.type !== "error") {
      this.failures = 0;
      this.socketRetries = 0;
      this.everConnected = true;
      this.polling = false;
      this.become("live");
    }
    if (message.type === "pong") {
      if (message.pong === this.pingNumber) {
        this.roundTrip = performance.now() - this.pingSentAt;
        if (message.time) clockWas(message.time, this.roundTrip);
      }
    } else {
      this.onMessage(message);
    }
  }

  ping() {
    this.looksSincePing = 0;
    this.pingNumber += 1;
    this.pingSentAt = performance.now();
    const painted = this.painted();
    this.send({ ping: this.pingNumber, ...(painted.length ? { painted } : {}) });
  }

  /** Twice a second: judge for how long nothing came, and ask; a busy market's frames are answer enough. */
  watch() {
    const now = Date.now();
    const slept = !document.hidden && now - this.watchedAt > SLEPT_MS;
    this.watchedAt = now;
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    // A connection rarely survives that: what is shown counts as old until something is heard.
    this.silentLooks = slept ? Math.max(this.silentLooks, STALE_LOOKS) : this.silentLooks + 1;
    this.looksSincePing += 1;
    if (this.silentLooks >= DEAD_LOOKS) {
      const dead = this.socket;
      this.lost();
      dead.close();
      return;
    }
    if (this.silentLooks >= STALE_LOOKS && !this.failures) this.become("stale");
    if (slept || this.looksSincePing >= (this.silentLooks >= ASK_LOOKS ? ASK_LOOKS : ROUND_TRIP_LOOKS)) this.ping();
  }

  lost() {
    this.socket = null;
    this.roundTrip = null;
    clockIsUnknown();
    this.failures += 1;
    if (this.failures >= FAILURES_BEFORE_POLLING && !this.polling && this.canPoll()) {
      this.polling = true;
      this.socketRetries = 0;
      this.poll();
    }
    if (this.polling) {
      const wait = Math.min(LONGEST_SOCKET_RETRY_MS, FIRST_SOCKET_RETRY_MS * 2 ** this.socketRetries);
      this.socketRetries += 1;
      this.retryIn(wait);
    } else {
      this.become(this.everConnected ? "reconnecting" : "connecting");
      this.retryIn(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1)));
    }
  }

  /** Try a socket again, pages not all at once. @param {number} longest ms */
  retryIn(longest) {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.start(), longest * (0.5 + Math.random() / 2));
  }

  retryNow() {
    if (this.socket || this.polling) return;
    clearTimeout(this.retryTimer);
    this.start();
  }

  /** Its timers run again: ask at once whether the connection lives. */
  shownAgain() {
    this.watchedAt = Date.now();
    this.watch();
    this.retryNow();
  }

  /** Ask for frames over HTTP until a socket brings them, or this way fails too; a newer call takes over from an older. */
  async poll() {
    const mine = ++this.pollSequence;
    const current = () => this.polling && mine === this.pollSequence;
    let version = null;
    while (current()) {
      if (!this.canPoll()) return this.pollFailed();
      const late = setTimeout(() => current() && this.become("stale"), STALE_LOOKS * LOOK_MS);
      try {
        const asked = new URLSearchParams({ subscribe: JSON.stringify(this.subscription()) });
        if (version !== null) asked.set("since", String(version));
        const sent = performance.now();
        const answer = await fetch(`api/frames?${asked}`, { signal: AbortSignal.timeout(POLL_TIMEOUT_MS) });
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
        const message = await answer.json();
        if (!current()) return;
        this.roundTrip = performance.now() - sent;
        version = message.version ?? version;
        this.everConnected = true;
        this.onMessage(message);
        this.become("polling");
      } catch {
        if (current()) this.pollFailed();
        return;
      } finally {
        clearTimeout(late);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Neither way gets through: go on with sockets; the next one that fails has polling tried again. */
  pollFailed() {
    this.polling = false;
    this.become(this.everConnected ? "reconnecting" : "connecting");
    if (!this.socket) this.retryIn(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1)));
  }

  /** @param {ConnectionState} state */
  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
}

/** The watchlist's compact rows, made whole again: about half the bytes of whole objects. */
export class CompactRows {
  constructor() {
    /** The order of the values, as the last snapshot named it. @type {string[]} */
    this.fields = [];
  }

  /**
   * @param {{fields?: string[], rows: any[][]}} part of a snapshot or a frame
   * @param {(symbol: string) => Row | undefined} known the newest row of a symbol, for what a frame leaves out
   * @returns {Row[]}
   */
  read(part, known) {
    this.fields = part.fields ?? this.fields;
    return part.rows.map((values) => {
      const row = /** @type {Row} */ ({ ...known(values[0]) });
      values.forEach((value, place) => (row[this.fields[place]] = value));
      return row;
    });
  }
}
