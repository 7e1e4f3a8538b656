// What a person has masked, muted and seen so far in a recording: the draft of a redacted copy. Pictures are
// counted from 0.

import { MASK_KINDS, maskAt } from "../player/evidence/redaction.js";

/** Points of a template, in each direction; how far a mask is looked for, pixels; how alike is still it. */
const POINTS = 16;
const REACH = 24;
const ALIKE = 26;
/** Pictures that a mask is followed at most, where no later box ends it. */
const FARTHEST = 90;

/**
 * A mask: it is only suggested until a person confirms it. boxes: x, y, width, height by picture.
 * @typedef {{kind: string, suggested: boolean, boxes: Map<number, number[]>}} DraftMask
 */

export class Draft {
  /** @type {DraftMask[]} */
  masks = [];
  /** Media times from and up to which sound is muted. @type {{from_us: number, to_us: number}[]} */
  mutes = [];
  /** Where a mute begins or ends whose other end is still to come. @type {number | null} */
  muteFrom = null;

  /** @param {import("./redaction_film.js").Film} film */
  constructor(film) {
    this.film = film;
    this.seen = new Uint8Array(film.pictures.length);
    const { width, height } = film.candidate.verdict.header;
    this.size = { width, height };
  }

  /** How many pictures were seen, with their masks drawn. */
  get seenCount() {
    return this.seen.reduce((sum, one) => sum + one, 0);
  }

  /** How many masks are only suggested. */
  get suggestedCount() {
    return this.masks.filter((one) => one.suggested).length;
  }

  /** Whether the copy may be made. */
  get isDone() {
    return this.seenCount === this.seen.length && this.suggestedCount === 0 && this.muteFrom === null && this.masks.length + this.mutes.length > 0;
  }

  /** As the list has it. */
  get plan() {
    return { masks: this.masks.map((one) => this.#listed(one)), mutes: this.mutes };
  }

  /** @param {DraftMask} mask */
  #listed({ kind, boxes }) {
    const numbers = [...boxes.keys()].sort((one, other) => one - other);
    return { boxes: numbers.map((number) => [this.film.pictures[number].at, ...boxes.get(number)]), kind };
  }

  /** Where a mask is in a picture: x, y, width, height; null if it is not there. @param {DraftMask} mask @param {number} number */
  boxIn(mask, number) {
    const found = maskAt(this.#listed(mask), this.film.pictures[number].at);
    return found && [found.x, found.y, found.width, found.height];
  }

  /** The first and the last picture of a mask. @param {DraftMask} mask */
  rangeOf({ boxes }) {
    return { from: Math.min(...boxes.keys()), to: Math.max(...boxes.keys()) };
  }

  /** A mask that a person draws. @param {number} number @param {number[]} box */
  add(number, box) {
    const mask = { kind: MASK_KINDS[0], suggested: false, boxes: new Map() };
    this.masks.push(mask);
    this.put(mask, number, box);
    return mask;
  }

  /** Place a mask in a picture; those before and behind it are to be seen again. @param {DraftMask} mask @param {number} number @param {number[]} box */
  put(mask, number, box) {
    const { width, height } = this.size;
    const [x, y] = [Math.min(Math.max(0, Math.round(box[0])), width - 1), Math.min(Math.max(0, Math.round(box[1])), height - 1)];
    mask.boxes.set(number, [x, y, Math.max(1, Math.min(Math.round(box[2]), width - x)), Math.max(1, Math.min(Math.round(box[3]), height - y))]);
    const others = [...mask.boxes.keys()];
    this.#unsee(Math.max(...others.filter((one) => one < number), -1) + 1, Math.min(...others.filter((one) => one > number), number + 1));
  }

  /** Let a mask end with a picture. @param {DraftMask} mask @param {number} number */
  end(mask, number) {
    const box = this.boxIn(mask, number);
    if (box === null) return;
    const { to } = this.rangeOf(mask);
    for (const one of mask.boxes.keys()) if (one > number) mask.boxes.delete(one);
    mask.boxes.set(number, box);
    this.#unsee(number, to + 1);
  }

  /** @param {DraftMask} mask */
  remove(mask) {
    const { from, to } = this.rangeOf(mask);
    this.masks.splice(this.masks.indexOf(mask), 1);
    this.#unsee(from, to + 1);
  }

  /** @param {number} from @param {number} to */
  #unsee(from, to) {
    this.seen.fill(0, Math.max(0, from), to);
  }

  /**
   * Follow a mask from a picture on: up to its next box, else as far as what it covers is found. It is
   * suggested then. Comes to the last picture that it reached.
   * @param {DraftMask} mask @param {number} number @param {AbortSignal} signal
   */
  async follow(mask, number, signal) {
    const start = this.boxIn(mask, number);
    if (start === null) return number;
    mask.boxes.set(number, start);
    const next = Math.min(...[...mask.boxes.keys()].filter((one) => one > number));
    const last = Math.min(next - 1, number + FARTHEST, this.film.pictures.length - 1);
    const template = templateOf(await this.film.picture(number), start);
    let box = start;
    let at = number;
    while (at < last) {
      const picture = await this.film.picture(at + 1);
      signal.throwIfAborted();
      const guess = next === Infinity ? box : this.boxIn(mask, at + 1);
      const found = bestMatch(picture, template, guess);
      if (next === Infinity && found.difference > ALIKE) break;
      at += 1;
      if (found.difference <= ALIKE) box = found.box;
      else box = guess;
      this.put(mask, at, box);
    }
    if (at > number) mask.suggested = true;
    return at;
  }
}

/** Luma at points of a box. @param {any} picture @param {number[]} box */
function templateOf({ data, width, height }, [x, y, wide, high]) {
  const found = new Uint8Array(POINTS * POINTS);
  for (let row = 0; row < POINTS; row += 1) {
    const line = Math.min(height - 1, y + Math.floor(((row + 0.5) * high) / POINTS));
    for (let column = 0; column < POINTS; column += 1) {
      found[row * POINTS + column] = data[line * width + Math.min(width - 1, x + Math.floor(((column + 0.5) * wide) / POINTS))];
    }
  }
  return found;
}

/** Where a template is most alike, near a box, and the mean difference there. */
function bestMatch(picture, template, [x, y, wide, high]) {
  let best = { box: [x, y, wide, high], difference: Infinity };
  const look = (left, top) => {
    if (left < 0 || top < 0 || left + wide > picture.width || top + high > picture.height) return;
    const there = templateOf(picture, [left, top, wide, high]);
    let sum = 0;
    for (let at = 0; at < there.length; at += 1) sum += Math.abs(there[at] - template[at]);
    const difference = sum / there.length;
    if (difference < best.difference) best = { box: [left, top, wide, high], difference };
  };
  for (let top = -REACH; top <= REACH; top += 4) for (let left = -REACH; left <= REACH; left += 4) look(x + left, y + top);
  const [left, top] = best.box;
  for (let down = -3; down <= 3; down += 1) for (let right = -3; right <= 3; right += 1) look(left + right, top + down);
  return best;
}
