// Where in a recording's chain a check is (camerad.verify.chain_position), and what it says of a
// commit.

/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */
/** @typedef {import("./statements.js").Commit} Commit */
/** @typedef {import("./statements.js").Content & {offset: number}} Located a member's content, and
 *   where it begins in the file */

/**
 * What a commit with a good signature says.
 * @typedef {object} JudgedCommit
 * @property {FragmentFacts} facts
 * @property {Located | null} fragment null if the bytes that are there are not the signed ones
 * @property {Located | null} init the same of the initialisation segment; null except in commit 0
 * @property {boolean} linked an unbroken chain leads from here to the header
 */

/**
 * A signed commit that came too early, and the position at which it came.
 * @typedef {{place: ChainPosition, finding: number, commit: Commit, digest: string}} Jump
 */

export class ChainPosition {
  constructor() {
    /** Sequence of the next commit. */
    this.next = 0n;
    /**
     * Digest of the statement right before, null if that is missing or not authentic.
     * @type {string | null}
     */
    this.previous = null;
    /** The chain is unbroken up to here. */
    this.linked = false;
    /** Facts of the commit before, null behind a break. @type {FragmentFacts | null} */
    this.last = null;
    /** Where the last signed fragment ends. */
    this.untilUs = 0;
    /**
     * Pictures per second that the camera was told to take; null behind a break.
     * @type {number | null}
     */
    this.fps = null;
  }

  /** The same position, to be gone back to. */
  copy() {
    return Object.assign(new ChainPosition(), this);
  }
}
