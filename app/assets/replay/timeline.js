// The replay's timeline: the range as a track, volume drawn up to the clock only, a head that can be dragged.

import { ink, onLook, tint } from "../lib/look.js";
import { clock, day, wallClock } from "../lib/zone.js";

/**
 * @typedef {object} TimelineState what the timeline shows, times in ms
 * @property {number} from @property {number} to @property {number} clock @property {string} timezone
 * @property {number} step length of a bucket of the profile
 * @property {[number, number][]} profile start and volume of each bucket that is over
 * @property {{open: number, close: number}[]} sessions
 * @property {?[number, number]} loop @property {boolean} controls
 */

const SEEK_AT_MOST_EVERY_MS = 100;

export class Timeline {
  /** @param {HTMLElement} at @param {Set<number>} marks where alerts have fired, ms @param {(ms: number) => void} seek */
  constructor(at, marks, seek) {
    this.at = at;
    this.seek = seek;
    onLook(() => this.draw());
    this.canvas = /** @type {HTMLCanvasElement} */ (at.querySelector("#replay-profile"));
    this.head = /** @type {HTMLElement} */ (at.querySelector("#replay-head"));
    this.hint = /** @type {HTMLElement} */ (at.querySelector("#replay-hint"));
    this.loop = /** @type {HTMLElement} */ (at.querySelector("#replay-loop-range"));
    /** @type {?TimelineState} */
    this.state = null;
    /** Where the head is dragged to, ms. @type {?number} */
    this.dragged = null;
    this.sought = 0;
    this.marks = marks;
    /** What the user has marked, and its notes. @type {{t: number, note: string}[]} */
    this.bookmarks = [];
    this.timer = 0;
    at.addEventListener("pointerdown", (event) => this.grab(event));
    at.addEventListener("pointermove", (event) => this.point(event));
    at.addEventListener("pointerup", (event) => this.release(event));
    at.addEventListener("pointercancel", () => this.drop());
    at.addEventListener("pointerleave", () => this.dragged ?? (this.hint.hidden = true));
    new ResizeObserver(() => this.draw()).observe(at);
  }

  /** @param {TimelineState} state */
  show(state) {
    this.state = state;
    this.place();
    const over = this.canvas.dataset.drawn;
    const key = `${state.from} ${state.to} ${state.profile.length} ${state.profile.at(-1)?.[0]} ${this.marks.size} ${JSON.stringify(this.bookmarks)} ${this.at.clientWidth}`;
    if (over !== key) this.draw();
    this.canvas.dataset.drawn = key;
  }

  place() {
    const { from, to, clock: now, timezone, loop } = this.state;
    const at = this.dragged ?? now;
    this.head.style.left = `${(100 * (at - from)) / (to - from)}%`;
    this.at.setAttribute("aria-valuemin", String(from));
    this.at.setAttribute("aria-valuemax", String(to));
    this.at.setAttribute("aria-valuenow", String(at));
    this.at.setAttribute("aria-valuetext", clock(wallClock(at, timezone)));
    this.loop.hidden = !loop;
    if (loop) {
      this.loop.style.left = `${(100 * (loop[0] - from)) / (to - from)}%`;
      this.loop.style.width = `${(100 * (loop[1] - loop[0])) / (to - from)}%`;
    }
  }

  draw() {
    if (!this.state || !this.at.clientWidth) return;
    const { from, to, profile, step, sessions } = this.state;
    const scale = devicePixelRatio || 1;
    const width = Math.round(this.at.clientWidth * scale);
    const height = Math.round(this.at.clientHeight * scale);
    this.canvas.width = width;
    this.canvas.height = height;
    const paint = this.canvas.getContext("2d");
    const px = (/** @type {number} */ ms) => ((ms - from) / (to - from)) * width;
    paint.fillStyle = ink("replay-line");
    for (const { open, close } of sessions) paint.fillRect(px(open), 0, px(close) - px(open), height);
    const most = Math.max(...profile.map(([, volume]) => volume), Number.MIN_VALUE);
    for (const [start, volume] of profile) {
      const regular = !sessions.length || sessions.some(({ open, close }) => start >= open && start < close);
      paint.fillStyle = regular ? ink("replay") : tint("replay", 0.5);
      const left = px(start);
      const tall = Math.max(scale, Math.sqrt(volume / most) * height * 0.92);
      paint.fillRect(left, height - tall, Math.max(1, px(start + step) - left - scale * 0.5), tall);
    }
    paint.fillStyle = ink("warn");
    for (const at of this.marks) {
      const middle = px(at);
      paint.fillRect(middle - scale / 2, 0, scale, height);
      paint.beginPath();
      paint.moveTo(middle - 4 * scale, 0);
      paint.lineTo(middle + 4 * scale, 0);
      paint.lineTo(middle, 6 * scale);
      paint.fill();
    }
    paint.fillStyle = ink("drawn");
    for (const { t } of this.bookmarks) {
      if (t < from || t > to) continue;
      paint.fillRect(px(t) - scale / 2, 0, scale, height);
      paint.fillRect(px(t), 0, 6 * scale, 5 * scale);
    }
  }

  /** Instant under the pointer. @param {PointerEvent} event */
  instant(event) {
    const box = this.at.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return Math.round(this.state.from + share * (this.state.to - this.state.from));
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (!this.state?.controls || event.button) return;
    this.at.setPointerCapture(event.pointerId);
    this.dragged = this.instant(event);
    this.place();
    this.soon();
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (!this.state) return;
    const at = this.instant(event);
    const box = this.at.getBoundingClientRect();
    this.hint.hidden = false;
    const near = (6 / box.width) * (this.state.to - this.state.from);
    const note = this.bookmarks.find(({ t }) => Math.abs(t - at) < near)?.note;
    const wall = wallClock(at, this.state.timezone);
    const days = this.state.to - this.state.from > 86_400_000 ? `${day(wall)} ` : "";
    this.hint.textContent = `${days}${clock(wall)}${note ? ` ${note}` : ""}`;
    this.hint.style.left = `${Math.min(Math.max(event.clientX - box.left, 28), box.width - 28)}px`;
    if (this.dragged === null) return;
    this.dragged = at;
    this.place();
    this.soon();
  }

  /** @param {PointerEvent} event */
  release(event) {
    if (this.dragged === null) return;
    const at = this.instant(event);
    this.drop();
    this.seek(at);
  }

  drop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.dragged = null;
    this.hint.hidden = true;
  }

  /** Let the market follow the head while it is dragged. */
  soon() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (this.dragged !== null && this.dragged !== this.sought) this.seek((this.sought = this.dragged));
    }, SEEK_AT_MOST_EVERY_MS);
  }
}
