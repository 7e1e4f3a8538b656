// The time bar: stages, what lies before the trigger, holes and marks of a recording, and where the
// picture is. A slider for hand, mouse and keyboard; times are microseconds of the recording.

import { make } from "./dom.js";
import { recordingTime } from "./times.js";

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
export function piecesOf(timeline, shareOf, pre) {
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
export function timeByKey(event, at, from, to) {
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
export function dragged(choose) {
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

/** Calls `onSeek` with a time when somebody chooses one. */
export class TimeBar {
  #layers;
  #position;
  #at = 0;
  #length = 1;

  /** @param {any} words @param {(at: number) => void} onSeek */
  constructor(words, onSeek) {
    this.words = words;
    this.onSeek = onSeek;
    this.#layers = make("div", { class: "layers" });
    this.#position = make("div", { class: "position" });
    this.element = make(
      "div",
      {
        class: "bar",
        role: "slider",
        tabindex: 0,
        "aria-label": words.position,
        "aria-valuemin": 0,
        keydown: (/** @type {KeyboardEvent} */ event) => this.#pressed(event),
        ...dragged((share) => this.onSeek(share * this.#length)),
      },
      this.#layers,
      this.#position,
    );
  }

  /** Draw what the statements say. @param {import("./timeline.js").Timeline} timeline @param {number} length */
  draw(timeline, length) {
    this.#length = Math.max(length, 1);
    const pieces = piecesOf(timeline, (at) => at / this.#length, this.words.preShort);
    this.#layers.replaceChildren(...pieces);
    this.element.setAttribute("aria-valuemax", String(Math.round(this.#length / SECOND)));
    this.move(this.#at);
  }

  /** Show where the picture is. @param {number} at */
  move(at) {
    this.#at = at;
    this.#position.style.left = `${Math.min(1, Math.max(0, at / this.#length)) * 100}%`;
    this.element.setAttribute("aria-valuenow", String(Math.round(at / SECOND)));
    const { decimal, positionOf } = this.words;
    const time = recordingTime(at, decimal);
    this.element.setAttribute("aria-valuetext", positionOf(time, recordingTime(this.#length, decimal)));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const to = timeByKey(event, this.#at, 0, this.#length);
    if (to !== undefined) this.onSeek(to);
  }
}
