// Where in a recording's chain a check is (camerad.verify.chain_position).

/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */

export class ChainPosition {
  constructor() {
    /** Sequence of the next commit. */
    this.next = 0n;
    /** Digest of the statement right before, null if that is missing or not authentic. @type {string | null} */
    this.previous = null;
    /** The chain is unbroken up to here. */
    this.linked = false;
    /** Facts of the commit before, null behind a break. @type {FragmentFacts | null} */
    this.last = null;
    /** Where the last signed fragment ends. */
    this.untilUs = 0;
    /** Pictures per second that the camera was told to take; null behind a break. @type {number | null} */
    this.fps = null;
  }

  /** The same position, to be gone back to. */
  copy() {
    return Object.assign(new ChainPosition(), this);
  }
}
