// Times without pictures, or without sound, and how much of them the stated gaps cover
// (camerad.verify.coverage).

import { Span } from "./findings.js";
import { MOST_EVENTS } from "./limits.js";

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
   * Note that nothing is between these two media times, unless the time is short. Beyond
   * `MOST_EVENTS` they are left out: to state them all is more than a recording may.
   * @param {number} fromUs
   * @param {number} toUs
   */
  add(fromUs, toUs) {
    const isKept = toUs - fromUs > UNSTATED_US && this.found.length < MOST_EVENTS;
    if (isKept) this.found.push(new Span(fromUs, toUs));
  }

  /**
   * Each hole that `gaps` leave unexplained for too long, and the pieces that none covers.
   * @param {Gap[]} gaps
   * @returns {Generator<{hole: Span, bare: Span[]}>}
   */
  *unstated(gaps) {
    const covered = union(gaps);
    for (const hole of this.found) {
      const bare = bareOf(hole, covered, firstBeyond(covered, hole.fromUs, ([, toUs]) => toUs));
      if (lastsUs(bare) > UNSTATED_US) yield { hole, bare };
    }
  }
}

/**
 * What any gap covers, ascending, in media time. Gaps may overlap and be in any order; one without a
 * beginning or an end reaches beyond everything, and one that ends before it begins covers nothing.
 * @param {Gap[]} gaps
 */
export function union(gaps) {
  /** @type {[number, number][]} */
  const times = gaps.map((gap) => [gap.from_us ?? -Infinity, gap.to_us ?? Infinity]);
  // Two infinities have no difference to sort by.
  const order = (/** @type {number} */ one, /** @type {number} */ other) => Number(one > other) - Number(one < other);
  times.sort((one, other) => order(one[0], other[0]) || order(one[1], other[1]));
  /** @type {[number, number][]} */
  const found = [];
  for (const [fromUs, toUs] of times) {
    const last = found.at(-1);
    if (last !== undefined && fromUs <= last[1]) last[1] = Math.max(last[1], toUs);
    else if (fromUs <= toUs) found.push([fromUs, toUs]);
  }
  return found;
}

/**
 * The first of what is ascending that is beyond a time: its index, or how many there are.
 * @template T @param {T[]} all @param {number} us @param {(one: T) => number} timeOf
 */
export function firstBeyond(all, us, timeOf) {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(all[middle]) > us) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The pieces of a hole that nothing covers, in their order.
 * @param {Span} hole in media time
 * @param {[number, number][]} covered
 * @param {number} first what of it is the first that ends behind the hole's beginning
 */
function bareOf(hole, covered, first) {
  /** @type {Span[]} */
  const left = [];
  let atUs = hole.fromUs;
  for (let index = first; index < covered.length && covered[index][0] < hole.toUs; index++) {
    const [fromUs, toUs] = covered[index];
    if (fromUs > atUs) left.push(new Span(atUs, fromUs));
    atUs = Math.min(toUs, hole.toUs);
  }
  if (atUs < hole.toUs) left.push(new Span(atUs, hole.toUs));
  return left;
}

/** Sum of the lengths of these pieces, microseconds. @param {Span[]} spans */
export function lastsUs(spans) {
  return spans.reduce((sum, one) => sum + one.toUs - one.fromUs, 0);
}
