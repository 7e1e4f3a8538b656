// Time bars: stages, what lies before the trigger, holes and marks, and where the picture is. Sliders
// for hand, mouse and keyboard. Times are microseconds: of the recording, or of wall time since 1970.

import { make } from "./dom.js";
import { recordingTime, timeOfDay } from "./times.js";

const SECOND = 1_000_000;
/** The most pieces of a kind that are drawn; more than pixels are of no use. */
const MOST = 600;
const STEP_US = 5 * SECOND;
const PAGE_US = 60 * SECOND;

/**
 * Footage, stages, holes, trigger and marks of a recording, as elements of a bar.
 * @param {import("./timeline.js").Timeline} timeline
 * @param {(at: number) => number} shareOf where on the bar a moment of the recording is, from 0 to 1
 * @param {string} pre what is written on the footage before the trigger
 * @returns {HTMLElement[]}
 */
function piecesOf(timeline, shareOf, pre) {
  const percent = (/** @type {number} */ at) => Math.min(1, Math.max(0, shareOf(at))) * 100;
  const piece = (/** @type {string} */ kind, /** @type {number} */ from, to = from, text = "") => {
    const made = make("div", { class: kind, text });
    made.style.left = `${percent(from)}%`;
    if (to > from) made.style.width = `${percent(to) - percent(from)}%`;
    return made;
  };
  const pieces = [piece("footage", timeline.first, timeline.last)];
  for (const { from, to, stage } of timeline.stagePieces().slice(0, MOST)) {
    pieces.push(piece(`stage ${stage.replaceAll("_", "-")}`, from, to));
  }
  const holes = timeline.holes().sort((one, other) => other.to - other.from - one.to + one.from);
  for (const { from, to } of holes.slice(0, MOST)) pieces.push(piece("hole", from, to));
  if (timeline.trigger > 0) {
    pieces.push(piece("pre", 0, timeline.trigger, pre));
    pieces.push(piece("trigger", timeline.trigger));
  }
  for (const at of timeline.marks.slice(0, MOST)) pieces.push(piece("mark", at));
  return pieces;
}

/**
 * The time that a key leads to, which then does nothing else; undefined if it leads nowhere.
 * @param {KeyboardEvent} event @param {number} at where it is now
 * @param {number} from @param {number} to the ends of the bar
 */
function timeByKey(event, at, from, to) {
  const there = {
    ArrowLeft: at - STEP_US,
    ArrowDown: at - STEP_US,
    ArrowRight: at + STEP_US,
    ArrowUp: at + STEP_US,
    PageDown: at - PAGE_US,
    PageUp: at + PAGE_US,
    Home: from,
    End: to,
  }[event.key];
  if (there === undefined || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return undefined;
  event.preventDefault();
  event.stopPropagation();
  return there;
}

/**
 * What a bar does with a mouse or finger: `choose` is given the share of its width, and as it is dragged.
 * @param {(share: number) => void} choose
 */
function dragged(choose) {
  const chosen = (/** @type {PointerEvent} */ event) => {
    const { left, width } = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    choose((event.clientX - left) / width);
  };
  return {
    pointerdown: (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      chosen(event);
    },
    pointermove: (/** @type {PointerEvent} */ event) => {
      if (/** @type {HTMLElement} */ (event.currentTarget).hasPointerCapture(event.pointerId)) chosen(event);
    },
  };
}

/**
 * @typedef {object} Lane
 * @property {import("./timeline.js").Timeline} timeline
 * @property {(at: number) => number} [wallAt] wall time of a moment of the recording
 */

/** The bar of one recording. Calls `onSeek` with a time when a person chooses one. */
export class TimeBar {
  #lanes;
  #position;
  #at = 0;
  #from = 0;
  #to = 1;

  /**
   * @param {any} words @param {(at: number) => void} onSeek
   * @param {{label?: string, kind?: string}} [how] label: its name; kind: its class
   */
  constructor(words, onSeek, { label = words.position, kind = "" } = {}) {
    this.words = words;
    this.onSeek = onSeek;
    this.#lanes = make("div", { class: "lanes" });
    this.#position = make("div", { class: "position" });
    this.element = make(
      "div",
      {
        class: `bar ${kind}`,
        role: "slider",
        tabindex: 0,
        "aria-label": label,
        "aria-valuemin": 0,
        "aria-valuenow": 0,
        keydown: (/** @type {KeyboardEvent} */ event) => {
          const to = timeByKey(event, this.#at, this.#from, this.#to);
          if (to !== undefined) this.onSeek(to);
        },
        ...dragged((share) => this.onSeek(this.#from + share * (this.#to - this.#from))),
      },
      this.#lanes,
      this.#position,
    );
  }

  /**
   * Draw what the statements say.
   * @param {(Lane | null)[]} lanes null for a recording of which nothing is proven
   * @param {number} from @param {number} to the ends of the bar
   */
  draw(lanes, from, to) {
    this.#from = from;
    this.#to = Math.max(to, from + 1);
    this.#lanes.replaceChildren(...lanes.map((lane, number) => make("div", { class: "layers" }, ...this.drawn(lane, number))));
    this.element.setAttribute("aria-valuemax", String(Math.round((this.#to - from) / SECOND)));
    this.move(this.#at);
  }

  /** The elements of a lane. @param {Lane | null} lane @param {number} _number @returns {HTMLElement[]} */
  drawn(lane, _number) {
    if (lane === null) return [];
    const { timeline, wallAt = (/** @type {number} */ at) => at } = lane;
    return piecesOf(timeline, (at) => this.#share(wallAt(at)), this.words.preShort);
  }

  #share(/** @type {number} */ at) {
    return (at - this.#from) / (this.#to - this.#from);
  }

  /** Show where the picture is. @param {number} at */
  move(at) {
    this.#at = at;
    this.#position.style.left = `${Math.min(1, Math.max(0, this.#share(at))) * 100}%`;
    this.element.setAttribute("aria-valuenow", String(Math.round((at - this.#from) / SECOND)));
    this.element.setAttribute("aria-valuetext", this.said(at, this.#to));
  }

  /** A time as a person reads it. @param {number} at @param {number} to where the bar ends */
  said(at, to) {
    const { decimal, positionOf } = this.words;
    return positionOf(recordingTime(at, decimal), recordingTime(to, decimal));
  }
}

/** The bar of several recordings by wall time: a lane for each, with its number. */
export class WallBar extends TimeBar {
  /** @param {any} words @param {(wall: number) => void} onSeek */
  constructor(words, onSeek) {
    super(words, onSeek, { label: words.wallPosition, kind: "wall" });
  }

  /** @param {Lane | null} lane @param {number} number */
  drawn(lane, number) {
    return [...super.drawn(lane, number), make("b", { class: "number", text: String(number + 1) })];
  }

  /** @param {number} wall */
  said(wall) {
    return timeOfDay(wall, this.words.locale);
  }
}
