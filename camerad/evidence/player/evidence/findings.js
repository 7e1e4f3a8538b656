// What a check of a recording says, in the words that programs and people share
// (camerad.verify.findings).
//
// Times of findings and spans are those of the recording: media time minus its origin,
// microseconds.

import { HEADER_NAME, INIT_NAME, numbered } from "./chain.js";
import { MOST_EVENTS } from "./limits.js";

/** Pieces that are closer than this are one: no picture is as short, at any rate of the camera. */
export const TOUCHING_US = 10_000;
/** The most findings that are kept one by one; further ones are counted. */
export const MOST = 1_000;

/** What a finding means for the recording. */
export const Severity = Object.freeze({ DAMAGE: "not authentic", NOTE: "note" });

/** What a finding is; programs go by this, people by its text. */
export const FindingKind = Object.freeze({
  /** The archive around a member is not as it was written; its content is judged by itself. */
  ARCHIVE: "archive",
  /** Bytes that are no member. */
  LOST: "lost",
  /** A member that no recording has. */
  FOREIGN: "foreign",
  /** A member that is there a second time, or not in its place. */
  EXTRA: "extra",
  /** Members that the statements say were there. */
  MISSING: "missing",
  /** A member whose bytes are not those that were signed. */
  CHANGED: "changed",
  /** A statement that is not by the recording's key, or not in its one spelling. */
  FORGED: "forged",
  /** Statements by a key that is not trusted. */
  UNKNOWN_KEY: "unknown key",
  /** Signed statements that nothing links to the beginning of this recording. */
  UNLINKED: "unlinked",
  /** Footage that no statement vouches for. */
  UNCOMMITTED: "uncommitted",
  /** Signed statements that cannot all be true. */
  CONTRADICTION: "contradiction",
  /** There is no end: whether there was more cannot be proven. */
  UNCLOSED: "unclosed",
  /** The file has the name of another recording. */
  MISNAMED: "misnamed",
  /** The ledger knows another end of this recording. */
  OTHER_END: "other end",
  RUNNING: "running",
  RECOVERED: "recovered",
  /** What repair kept from behind the last commit. */
  TORN: "torn",
  /** Time without pictures that no statement explains. */
  UNSTATED: "unstated hole",
  /** Time without sound that no statement explains, though sound was wanted. */
  SILENT: "unstated silence",
  /** Times of statements that do not fit each other, though each could be. */
  UNFIT: "unfit times",
  /** Time without sound that no gap states, and that the states of sound explain. */
  PART: "part",
  QUIET: "stated silence",
});

/**
 * What is wrong, or worth knowing.
 * @typedef {object} Finding
 * @property {string} kind one of FindingKind
 * @property {string} severity one of Severity
 * @property {string} text
 * @property {string} first with `last`: the members affected, with all between them; "" if no
 *   member is
 * @property {string} last
 * @property {number | null} fromUs with `toUs`: the time affected; one is null if it is not known,
 *   both if no time is affected
 * @property {number | null} toUs
 */

/** A piece of the recording, in its microseconds. */
export class Span {
  /** @param {number} fromUs @param {number} toUs */
  constructor(fromUs, toUs) {
    this.fromUs = fromUs;
    this.toUs = toUs;
  }
}

/** What was found, in its order. At most `MOST` findings are kept, further ones are counted. */
export class Findings {
  constructor() {
    /** @type {Finding[]} */
    this.list = [];
    /** How many are not in the list. */
    this.dropped = 0;
    /** @type {Set<string>} */
    this.droppedKinds = new Set();
    /** Whether any of all is damage. */
    this.damage = false;
    /**
     * @type {number[]} indices of findings whose time ends where the next signed fragment begins
     */
    this.open = [];
  }

  /** @param {Finding} found */
  add(found) {
    this.damage ||= found.severity === Severity.DAMAGE;
    const last = this.list.at(-1);
    const one = last === undefined ? null : joined(last, found);
    if (one !== null) this.list[this.list.length - 1] = one;
    else if (this.list.length < MOST) this.list.push(found);
    else {
      this.dropped += 1;
      this.droppedKinds.add(found.kind);
    }
  }

  /** The kinds of all findings, also of those that are only counted. @returns {Set<string>} */
  get kinds() {
    return new Set([...this.list.map((one) => one.kind), ...this.droppedKinds]);
  }

  /**
   * Add a finding about `first`, or about all members from `first` to `last`.
   * @param {string} kind
   * @param {string} text
   * @param {string} [first]
   * @param {string} [last]
   * @param {{severity?: string, fromUs?: number | null, toUs?: number | null}} [more]
   */
  say(kind, text, first = "", last = "", more = {}) {
    const { severity = Severity.DAMAGE, fromUs = null, toUs = null } = more;
    this.add({ kind, severity, text, first, last: last || first, fromUs, toUs });
  }

  /**
   * Add the finding that the member `name` says what cannot be.
   * @param {string} what
   * @param {string} name
   */
  contradict(what, name) {
    this.say(FindingKind.CONTRADICTION, `says what cannot be: ${what}`, name);
  }

  /**
   * Replace a finding that turned out to be another one.
   * @param {number} index
   * @param {Finding} found
   */
  replace(index, found) {
    if (index < this.list.length) this.list[index] = found;
  }

  /**
   * The last finding is about footage from `fromUs` to the next signed fragment.
   * @param {number} fromUs
   */
  leaveTimeOpen(fromUs) {
    if (this.list.length === 0 || this.dropped > 0) return;
    const index = this.list.length - 1;
    const last = this.list[index];
    if (last.fromUs === null) this.list[index] = { ...last, fromUs };
    if (!this.open.includes(index)) this.open.push(index);
  }

  /** The next signed fragment begins at `toUs`. @param {number} toUs */
  closeOpenTimes(toUs) {
    for (const index of this.open) {
      const { fromUs } = this.list[index];
      const isKnown = fromUs !== null && fromUs <= toUs;
      this.list[index] = { ...this.list[index], toUs: isKnown ? toUs : null };
    }
    this.open = [];
  }

  /** Leave findings about an open time as they are. */
  forgetOpenTimes() {
    this.open = [];
  }
}

/**
 * Two findings of one kind as one, if they are about the same member or about neighbours; else
 * null.
 * @param {Finding} one
 * @param {Finding} other
 */
function joined(one, other) {
  if (one.kind !== other.kind || one.text !== other.text || other.first === "") return null;
  if (other.first === other.last && other.first === one.last) return one;
  const steps = place(other.first) - place(one.last);
  if (steps !== 1n && steps !== 2n) return null;
  return { ...one, last: other.last, toUs: other.toUs };
}

/** Where a member stands among those of a recording, apart from its end. @param {string} name */
function place(name) {
  const found = numbered(name);
  if (found !== null) return 2n + 2n * found.sequence + (found.isCommit ? 1n : 0n);
  if (name === HEADER_NAME) return 0n;
  return name === INIT_NAME ? 1n : -(1n << 62n);
}

/**
 * Add a piece. If it begins in the last one or at its end, that one becomes longer. Of more than
 * `MOST_EVENTS` pieces the others are left out.
 * @param {Span[]} spans
 * @param {number} fromUs
 * @param {number} toUs
 */
export function extendSpans(spans, fromUs, toUs) {
  const last = spans.at(-1);
  if (last !== undefined && last.fromUs <= fromUs && fromUs < last.toUs + TOUCHING_US) {
    spans[spans.length - 1] = new Span(last.fromUs, Math.max(last.toUs, toUs));
  } else if (spans.length < MOST_EVENTS) spans.push(new Span(fromUs, toUs));
}
