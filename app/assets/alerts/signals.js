// What is heard, and seen elsewhere, of an alert: a short tone, and a notification of the browser; both as the user chose.

import { element } from "../lib/dom.js";

const NOTES_HZ = [880, 1175];
const NOTE_S = 0.14;
/** Many alerts at once are one tone. */
const QUIET_MS = 1_000;

export class Signals {
  constructor() {
    /** @type {?AudioContext} */
    this.audio = null;
    this.toneAt = 0;
    this.sound = this.choice("alerts-sound", async () => this.tone());
    this.notify = this.choice("alerts-notify", async () => {
      if ("Notification" in window && (await Notification.requestPermission()) === "granted") return;
      throw new Error("The browser does not allow notifications of this page.");
    });
  }

  /**
   * A button that is on or off, and stays so.
   * @param {string} id @param {() => Promise<void>} begin runs when it is turned on; what it throws turns it off again
   * @returns {() => boolean} is it on?
   */
  choice(id, begin) {
    const name = `tickdeck.${id}`;
    const button = element(id);
    const isOn = () => localStorage.getItem(name) === "on";
    const show = () => button.setAttribute("aria-pressed", String(isOn()));
    button.addEventListener("click", async () => {
      const turned = !isOn();
      try {
        if (turned) await begin();
        if (turned) localStorage.setItem(name, "on");
        else localStorage.removeItem(name);
      } catch (error) {
        button.title = error.message;
      }
      show();
    });
    show();
    return isOn;
  }

  /** @param {string} title @param {string} text */
  tell(title, text) {
    if (this.sound()) this.tone();
    if (this.notify() && document.hidden && Notification.permission === "granted") new Notification(title, { body: text, tag: title });
  }

  /** Two short notes. */
  tone() {
    if (Date.now() - this.toneAt < QUIET_MS) return;
    this.toneAt = Date.now();
    this.audio ??= new AudioContext();
    const { audio } = this;
    void audio.resume();
    NOTES_HZ.forEach((hz, number) => {
      const [note, volume] = [audio.createOscillator(), audio.createGain()];
      const from = audio.currentTime + number * NOTE_S;
      note.frequency.value = hz;
      volume.gain.setValueAtTime(0.15, from);
      volume.gain.exponentialRampToValueAtTime(0.001, from + NOTE_S);
      note.connect(volume).connect(audio.destination);
      note.start(from);
      note.stop(from + NOTE_S);
    });
  }
}
