// What the camera tells by vibration, named in words as it is felt: "• • •  the camera records".

import { $, write } from "./dom.js";
import { words } from "./words.js";

/** Strokes are short or long; nothing lies near this. */
const LONG_US = 300_000;
/**
 * Between the strokes of a cue the pause is as long as this. A longer one ends a cue, and word of its
 * end is waited for a little longer; after a shorter one another cue has cut this one short, as the
 * answer to a press does.
 */
const PAUSE_US = [80_000, 300_000];
const WAIT_MS = 500;
/** So long it can be read; then it is past. */
const READ_MS = 8000;
const GLYPHS = { ".": "•", "-": "▬" };

export class Cues {
  /** `rhythms`: {strokes: what they say}, as the board tells them. */
  constructor(rhythms) {
    this.rhythms = rhythms;
    this.forget();
  }

  /** Nothing is known of what was felt. */
  forget() {
    clearTimeout(this.ending);
    this.strokes = "";
    this.since = null;
    this.offUs = -Infinity;
    this.said = null;
    this.speak();
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
    this.speak();
    this.ending = setTimeout(() => this.end(), WAIT_MS);
  }

  end() {
    this.said = { strokes: this.strokes, over: true };
    this.speak();
    clearTimeout(this.ending);
    this.ending = setTimeout(() => {
      this.said = null;
      this.speak();
    }, READ_MS);
  }

  speak() {
    const text = words();
    const strokes = this.said?.strokes ?? "";
    write($("strokes"), [...strokes].map((one) => GLYPHS[one]).join(" "));
    // Who hears the page hears the words once, and no strokes.
    const says = this.said?.over ? (text.rhythms[this.rhythms[strokes]] ?? text.rhythms.strange) : "";
    write($("cue"), says);
    $("cue").dataset.strokes = this.said?.over ? strokes : "";
  }
}
