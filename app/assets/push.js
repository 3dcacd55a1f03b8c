// The connection: WebSocket first, for ever; the same frames by polling where WebSockets do not get through.

/** @typedef {"connecting" | "live" | "stale" | "reconnecting" | "polling"} ConnectionState */

const PING_MS = 2_000;
const STALE_MS = 6_000;
const DEAD_MS = 12_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
const OPEN_TIMEOUT_MS = 5_000;
const POLL_MS = 1_000;
/** Attempts that never opened before polling starts, and how often a polling page tries a socket again. */
const TRIES_BEFORE_POLLING = 2;
const RETRY_SOCKET_MS = 30_000;

export class Connection {
  /**
   * @param {object} use
   * @param {() => object} use.subscription what to watch, asked on every (re)connect
   * @param {() => object} [use.greeting] what else to ask for then
   * @param {(message: any) => void} use.onMessage a message of the protocol
   * @param {(state: ConnectionState) => void} use.onState
   */
  constructor({ subscription, greeting = () => ({}), onMessage, onState }) {
    this.subscription = subscription;
    this.greeting = greeting;
    this.onMessage = onMessage;
    this.onState = onState;
    /** Round trip of the last ping, ms. @type {?number} */
    this.roundTrip = null;
    /** @type {?WebSocket} */
    this.socket = null;
    this.state = "connecting";
    this.failures = 0;
    this.everOpened = false;
    this.heardAt = 0;
    this.pingNumber = 0;
    this.pingSentAt = 0;
    this.retryTimer = 0;
    this.polling = false;
    this.pollSequence = 0;
    setInterval(() => this.watch(), PING_MS);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
  }

  /** Connect, and stay connected until the page goes. */
  start() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    const tooLong = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    this.socket = socket;
    socket.onopen = () => {
      clearTimeout(tooLong);
      this.failures = 0;
      this.everOpened = true;
      this.polling = false;
      this.heardAt = performance.now();
      this.send({ ...this.greeting(), subscribe: this.subscription() });
      this.ping();
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      clearTimeout(tooLong);
      if (this.socket === socket) this.lost();
    };
  }

  /** Tell the server that the subscription has changed. */
  resubscribe() {
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ subscribe: this.subscription() });
    else if (this.polling) this.poll();
  }

  /** @param {object} message */
  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {any} message */
  hear(message) {
    this.heardAt = performance.now();
    if ("pong" in message) {
      if (message.pong === this.pingNumber) this.roundTrip = performance.now() - this.pingSentAt;
    } else {
      this.onMessage(message);
    }
    this.become(this.polling ? "polling" : "live");
  }

  ping() {
    this.pingNumber += 1;
    this.pingSentAt = performance.now();
    this.send({ ping: this.pingNumber });
  }

  /** Every ping interval: ask, and judge how long the server has been silent. */
  watch() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const silent = performance.now() - this.heardAt;
    if (silent > DEAD_MS) {
      const dead = this.socket;
      this.lost();
      dead.close();
      return;
    }
    if (silent > STALE_MS) this.become("stale");
    this.ping();
  }

  lost() {
    this.socket = null;
    this.roundTrip = null;
    this.failures += 1;
    if (!this.everOpened && this.failures >= TRIES_BEFORE_POLLING && !this.polling) {
      this.polling = true;
      this.poll();
    }
    if (!this.polling) this.become(this.everOpened ? "reconnecting" : "connecting");
    const backOff = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
    const wait = this.polling ? RETRY_SOCKET_MS : backOff * (0.5 + Math.random() / 2);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.start(), wait);
  }

  retryNow() {
    if (this.socket || this.polling) return;
    clearTimeout(this.retryTimer);
    this.start();
  }

  /** Ask for frames over HTTP until a socket opens; a newer call takes over from an older one. */
  async poll() {
    const mine = ++this.pollSequence;
    let version = null;
    while (this.polling && mine === this.pollSequence) {
      try {
        const asked = new URLSearchParams({ subscribe: JSON.stringify(this.subscription()) });
        if (version !== null) asked.set("since", String(version));
        const sent = performance.now();
        const answer = await fetch(`/api/frames?${asked}`, { signal: AbortSignal.timeout(DEAD_MS) });
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
        const message = await answer.json();
        if (mine !== this.pollSequence || !this.polling) return;
        this.roundTrip = performance.now() - sent;
        version = message.version ?? version;
        this.hear(message);
      } catch {
        version = null;
        this.become("reconnecting");
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** @param {ConnectionState} state */
  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
}
