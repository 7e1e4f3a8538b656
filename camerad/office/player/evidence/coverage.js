// Times without pictures, or without sound, and how much of them the stated gaps cover
// (camerad.verify.coverage).

import { Span } from "./findings.js";

/** @typedef {import("./statements.js").Gap} Gap */

/**
 * A statement may name times so far beyond what it can know, so that no rounding is called a
 * contradiction.
 */
export const AHEAD_US = 60_000_000;
/** A longer time without pictures, or without sound, must be stated as a gap. */
export const UNSTATED_US = 1_000_000;

/** Times without pictures, or without sound, that are long enough that they must be stated. */
export class Holes {
  constructor() {
    /** @type {Span[]} */
    this.found = [];
  }

  /**
   * Note that nothing is between these two media times, unless the time is short.
   * @param {number} fromUs
   * @param {number} toUs
   */
  add(fromUs, toUs) {
    if (toUs - fromUs > UNSTATED_US) this.found.push(new Span(fromUs, toUs));
  }

  /**
   * Each hole that `gaps` leave unexplained for too long, and the pieces that none covers.
   * @param {Gap[]} gaps
   * @returns {Generator<{hole: Span, bare: Span[]}>}
   */
  *unstated(gaps) {
    for (const hole of this.found) {
      const bare = uncovered(hole, gaps);
      if (lastsUs(bare) > UNSTATED_US) yield { hole, bare };
    }
  }
}

/**
 * The pieces of a hole that no gap covers, in their order. A gap without a beginning or an end
 * reaches beyond the hole. Gaps may overlap and be in any order.
 * @param {Span} hole in media time
 * @param {Gap[]} gaps
 */
export function uncovered(hole, gaps) {
  const covered = gaps.map((gap) => [gap.from_us ?? hole.fromUs, gap.to_us ?? hole.toUs]);
  covered.sort(([one, ends], [other, otherEnds]) => one - other || ends - otherEnds);
  /** @type {Span[]} */
  const left = [];
  let atUs = hole.fromUs;
  for (const [fromUs, toUs] of covered) {
    if (fromUs > atUs) left.push(new Span(atUs, Math.min(fromUs, hole.toUs)));
    atUs = Math.min(Math.max(atUs, toUs), hole.toUs);
  }
  left.push(new Span(atUs, hole.toUs));
  return left.filter((one) => one.toUs > one.fromUs);
}

/** Sum of the lengths of these pieces, microseconds. @param {Span[]} spans */
export function lastsUs(spans) {
  return spans.reduce((sum, one) => sum + one.toUs - one.fromUs, 0);
}
