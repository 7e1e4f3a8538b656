// One time bar for several recordings: a lane for each, by wall time. A slider for hand, mouse and
// keyboard; times are microseconds of wall time since 1970.

import { make } from "./dom.js";
import { dragged, piecesOf, timeByKey } from "./time_bar.js";
import { timeOfDay } from "./times.js";

const SECOND = 1_000_000;

/**
 * @typedef {object} Lane
 * @property {import("./timeline.js").Timeline} timeline
 * @property {(at: number) => number} wallAt wall time of a moment of the recording
 */

/** Calls `onSeek` with a wall time when somebody chooses one. */
export class WallBar {
  #lanes;
  #position;
  #at = 0;
  #from = 0;
  #to = 1;

  /** @param {any} words @param {(wall: number) => void} onSeek */
  constructor(words, onSeek) {
    this.words = words;
    this.onSeek = onSeek;
    this.#lanes = make("div", { class: "lanes" });
    this.#position = make("div", { class: "position" });
    this.element = make(
      "div",
      {
        class: "bar wall",
        role: "slider",
        tabindex: 0,
        "aria-label": words.wallPosition,
        "aria-valuemin": 0,
        "aria-valuenow": 0,
        keydown: (/** @type {KeyboardEvent} */ event) => this.#pressed(event),
        ...dragged((share) => this.onSeek(this.#from + share * (this.#to - this.#from))),
      },
      this.#lanes,
      this.#position,
    );
  }

  /**
   * Draw what the statements say.
   * @param {(Lane | null)[]} lanes null for a recording of which nothing is proven
   * @param {number} from @param {number} to
   */
  draw(lanes, from, to) {
    this.#from = from;
    this.#to = Math.max(to, from + 1);
    const drawn = lanes.map((lane, number) => {
      const share = (/** @type {number} */ at) => this.#share(lane?.wallAt(at) ?? from);
      const pieces = lane === null ? [] : piecesOf(lane.timeline, share, this.words.preShort);
      return make("div", { class: "layers" }, ...pieces, make("b", { class: "number", text: String(number + 1) }));
    });
    this.#lanes.replaceChildren(...drawn);
    this.element.setAttribute("aria-valuemax", String(Math.round((this.#to - from) / SECOND)));
    this.move(this.#at);
  }

  #share(/** @type {number} */ wall) {
    return (wall - this.#from) / (this.#to - this.#from);
  }

  /** Show where the pictures are. @param {number} wall */
  move(wall) {
    this.#at = wall;
    this.#position.style.left = `${Math.min(1, Math.max(0, this.#share(wall))) * 100}%`;
    this.element.setAttribute("aria-valuenow", String(Math.round((wall - this.#from) / SECOND)));
    this.element.setAttribute("aria-valuetext", timeOfDay(wall, this.words.locale));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const to = timeByKey(event, this.#at, this.#from, this.#to);
    if (to !== undefined) this.onSeek(to);
  }
}
