// What the camera tells by vibration, as strokes and by the name of its rhythm: "• • •". telling.js has
// the words, for as long as they are true.

import { $, write } from "./dom.js";

/** Strokes are short or long; nothing lies near this. */
const LONG_US = 300_000;
/**
 * Between the strokes of a cue the pause is as long as this. A longer one ends a cue, and word of its
 * end is waited for a little longer; after a shorter one another cue has cut this one short, as the
 * answer to a press does.
 */
const PAUSE_US = [80_000, 240_000];
const WAIT_MS = 500;
/** So long it can be read; then it is past. */
const READ_MS = 8000;
const GLYPHS = { ".": "•", "-": "▬" };

export class Cues {
  /**
   * `rhythms`: {strokes: what they say}, as the board tells them. changed: called when another one is
   * said. felt: called when one is over, with the media time of its last stroke's end.
   */
  constructor(rhythms, changed = () => {}, felt = () => {}) {
    this.rhythms = rhythms;
    this.felt = felt;
    this.changed = () => {};
    this.forget();
    this.changed = changed;
  }

  /** Nothing is known of what was felt. */
  forget() {
    clearTimeout(this.ending);
    this.strokes = "";
    this.since = null;
    this.offUs = -Infinity;
    this.said = null;
    this.show();
  }

  /** The name of the rhythm that was felt last; null while none is over. Who hears the page hears it once. */
  get name() {
    return this.said?.over ? (this.rhythms[this.said.strokes] ?? "strange") : null;
  }

  /** An edge of the motor's pin. */
  edge({ on, at_us: atUs }) {
    clearTimeout(this.ending);
    if (on) {
      // By the time of the pin: this word may come so late that the cue was thought to be over.
      const pauseUs = atUs - this.offUs;
      const [shortest, longest] = PAUSE_US;
      if (pauseUs > longest && this.said?.over === false) this.end();
      if (pauseUs < shortest || pauseUs > longest) this.strokes = "";
      this.since = atUs;
      return;
    }
    if (this.since === null) return;
    this.strokes += atUs - this.since > LONG_US ? "-" : ".";
    this.since = null;
    this.offUs = atUs;
    this.said = { strokes: this.strokes, over: false };
    this.show();
    this.ending = setTimeout(() => this.end(), WAIT_MS);
  }

  end() {
    this.said = { strokes: this.strokes, over: true };
    this.show();
    this.felt(this.offUs);
    clearTimeout(this.ending);
    this.ending = setTimeout(() => {
      this.said = null;
      this.show();
    }, READ_MS);
  }

  show() {
    write($("strokes"), [...(this.said?.strokes ?? "")].map((one) => GLYPHS[one]).join(" "));
    this.changed();
  }
}
