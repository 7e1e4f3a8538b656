// Fragments, and the chain of statements that links them to their recording's header
// (camerad.verify.chain_check).
//
// The chain decides about order, not the place in the file. If a commit names the statement before
// it, the device made it next, whatever lies between them in the file.

import { AudioCheck } from "./audio_check.js";
import { HEADER_NAME, INIT_NAME, commitName, fragmentName } from "./chain.js";
import { ChainPosition } from "./chain_position.js";
import { AHEAD_US } from "./coverage.js";
import { FindingKind, Severity, Span, extendSpans } from "./findings.js";
import { PictureCheck } from "./picture_check.js";
import { isSame, untilUs } from "./statements.js";
import { TimeCheck } from "./time_check.js";

/** @typedef {import("./statements.js").Commit} Commit */
/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */
/** @typedef {import("./statements.js").Closing} Closing */
/** @typedef {import("./chain_position.js").Located} Located */
/** @typedef {import("./chain_position.js").JudgedCommit} JudgedCommit */
/** @typedef {import("./chain_position.js").Jump} Jump */

/** The most fragments that wait for their commit. An undamaged recording has one. */
export const MOST_WAITING = 8;
export const MISPLACED = "is not in its place, or there twice";

/** Judges fragments and commits; `result` grows meanwhile. */
export class ChainCheck {
  /** @param {import("./result.js").Result} result @param {boolean} isPart others are elsewhere */
  constructor(result, isPart) {
    this.isPart = isPart;
    /** Where the next statement belongs. */
    this.at = new ChainPosition();
    /** The initialisation segment, if it is there. @type {Located | null} */
    this.init = null;
    this.result = result;
    this.found = result.findings;
    /** @type {Jump | null} */
    this.jump = null;
    /** Fragments whose commit has not come yet. @type {Map<bigint, Located>} */
    this.pending = new Map();
    /** First and last commit that nothing links to the start. @type {[bigint, bigint] | null} */
    this.unlinked = null;
    this.pictures = new PictureCheck(result);
    this.audio = new AudioCheck(result);
    this.times = new TimeCheck(result);
  }

  /** The fragments whose commit has not come yet. */
  get waiting() {
    return [...this.pending.keys()].sort((one, other) => (one < other ? -1 : 1));
  }

  /** Whether there was footage before. */
  get hasFootage() {
    return this.at.next > 0n || this.pending.size > 0;
  }

  /** Whether it is clear which key is the recording's. */
  get hasKey() {
    return this.at.linked || this.at.last !== null;
  }

  /**
   * Begin the chain with an authentic header.
   * @param {import("./statements.js").Header} header
   * @param {string} digest of its statement
   */
  begin(header, digest) {
    this.at.previous = digest;
    this.at.linked = true;
    this.at.fps = header.fps;
    this.audio.header(header, HEADER_NAME);
    this.times.header(header);
  }

  /** Whether the chain is past this fragment for good. @param {bigint} sequence */
  isPast(sequence) {
    const place = this.jump === null ? this.at : this.jump.place;
    return sequence < (place.next < this.at.next ? place.next : this.at.next);
  }

  /**
   * Take a fragment; its commit decides what it is worth.
   * @param {bigint} sequence
   * @param {Located} content
   */
  fragment(sequence, content) {
    if (this.pending.has(sequence) || this.isPast(sequence)) {
      this.found.say(FindingKind.EXTRA, MISPLACED, fragmentName(sequence));
      return;
    }
    this.pending.set(sequence, content);
    if (this.pending.size > MOST_WAITING) this.uncommitted(this.waiting[0]);
  }

  /** Go on behind a commit that is not authentic. @param {bigint} sequence */
  skipForged(sequence) {
    if (sequence !== this.at.next) return;
    this.found.leaveTimeOpen(this.at.untilUs);
    this.pending.delete(sequence);
    this.#skip(sequence + 1n);
  }

  /**
   * Judge a signed commit, whose name has its sequence number. Null if it is not in its place.
   * @param {Commit} commit
   * @param {string} digest of its statement
   * @returns {JudgedCommit | null}
   */
  commit(commit, digest) {
    const sequence = BigInt(commit.facts.sequence);
    if (sequence < this.at.next) {
      if (this.jump === null || commit.previous !== this.jump.place.previous) {
        this.found.say(FindingKind.EXTRA, MISPLACED, commitName(sequence));
        return null;
      }
      return this.#return(this.jump, commit, digest);
    }
    if (sequence > this.at.next) this.#leap(commit, digest);
    return this.#judge(commit, digest);
  }

  /**
   * Judge a signed end.
   * @param {number} commits how many it counts
   * @param {string} previous the statement before it, as it says
   * @param {string} name
   */
  end(commits, previous, name) {
    const { at, result } = this;
    const counted = BigInt(commits);
    if (counted > at.next) {
      this.#missing(at.next, counted - 1n);
      this.#skip(counted);
    } else if (counted < at.next) {
      const text = `says that there are ${commits} fragments, and there are ${at.next}`;
      this.found.say(FindingKind.CONTRADICTION, text, name);
    }
    const follows = previous === at.previous;
    // What it follows may itself be linked to nothing.
    result.endLinked = follows && at.linked;
    if (result.endLinked) result.headerLinked = true;
    if (!follows) {
      const text = "signed, and nothing links it to the statements before it";
      this.found.say(FindingKind.UNLINKED, text, name);
      at.linked = false;
    }
  }

  /** Report what only the whole recording shows. */
  finish() {
    const { header, commits, unlinkedCommits, endUs } = this.result;
    if (header !== null && commits > unlinkedCommits) {
      const untilAllUs = BigInt(header.origin_us) + BigInt(endUs) + BigInt(AHEAD_US);
      if (BigInt(header.trigger_us) > untilAllUs) {
        this.found.contradict("a trigger after its last picture", HEADER_NAME);
      }
    }
    this.#reportUnlinked();
    this.pictures.report();
    this.audio.report();
  }

  /** Report a fragment whose commit did not come. @param {bigint} sequence */
  uncommitted(sequence) {
    this.pending.delete(sequence);
    this.found.say(FindingKind.MISSING, "is missing", commitName(sequence));
    const text = "is vouched for by no statement";
    this.found.say(FindingKind.UNCOMMITTED, text, fragmentName(sequence));
    this.found.leaveTimeOpen(this.at.untilUs);
  }

  /**
   * Compare a linked end with the commits, and with the time at which it can have been made.
   * @param {Closing} closing
   * @param {number} madeUs as for `PictureCheck.statement`
   * @param {string} name
   */
  checkClosing(closing, madeUs, name) {
    this.pictures.statement(this.at, closing, madeUs, name);
    this.pictures.end(this.at, closing);
    this.audio.end(closing.sound, closing.at_us, name);
    this.times.end(closing, name);
  }

  /** @param {bigint} first @param {bigint} last */
  #missing(first, last) {
    this.found.say(FindingKind.MISSING, "missing", fragmentName(first), commitName(last));
    this.found.leaveTimeOpen(this.at.untilUs);
  }

  /**
   * Go on at a signed commit that comes too early: members are missing, or it is not in its place.
   * @param {Commit} commit
   * @param {string} digest
   */
  #leap(commit, digest) {
    const place = this.at;
    const sequence = BigInt(commit.facts.sequence);
    this.at = place.copy();
    const late = this.waiting.filter((number) => number < sequence);
    if (this.jump === null || !this.jump.place.linked) {
      this.jump = { place, finding: this.found.list.length, commit, digest };
    }
    for (const number of late) {
      if (number > this.at.next) this.#missing(this.at.next, number - 1n);
      this.at.next = number + 1n;
      this.uncommitted(number);
    }
    if (sequence > this.at.next) this.#missing(this.at.next, sequence - 1n);
    this.#skip(sequence);
  }

  /**
   * Go back to the position that was left too early: what came in between did not belong there.
   * @param {Jump} jump
   * @param {Commit} commit
   * @param {string} digest
   */
  #return(jump, commit, digest) {
    this.jump = null;
    const early = jump.commit.facts;
    this.found.replace(jump.finding, {
      kind: FindingKind.EXTRA,
      severity: Severity.DAMAGE,
      text: "is not in its place",
      first: fragmentName(early.sequence),
      last: commitName(early.sequence),
      fromUs: null,
      toUs: null,
    });
    this.found.forgetOpenTimes();
    this.at = jump.place;
    const judged = this.#judge(commit, digest);
    const span = this.#span(early);
    if (jump.commit.previous === digest) this.#goOnFrom(jump, span);
    return judged;
  }

  /**
   * Two were exchanged: the chain leads to the early one, and on from there.
   * @param {Jump} jump
   * @param {Span} span
   */
  #goOnFrom(jump, span) {
    const { at, result } = this;
    const early = jump.commit.facts;
    const sequence = BigInt(early.sequence);
    at.next = sequence + 1n;
    at.previous = jump.digest;
    at.last = early;
    at.untilUs = span.toUs;
    at.fps = early.rates?.at(-1)?.to_fps ?? at.fps;
    if (this.unlinked?.every((one) => one === sequence)) this.unlinked = null;
    if (!at.linked) return;
    result.addLate(early);
    const index = result.signed.findIndex(
      (one) => one.fromUs === span.fromUs && one.toUs === span.toUs,
    );
    if (index < 0) return;
    result.signed.splice(index, 1);
    extendSpans(result.proven, span.fromUs, span.toUs);
  }

  /** @param {Commit} commit @param {string} digest @returns {JudgedCommit} */
  #judge(commit, digest) {
    const { facts } = commit;
    const { result } = this;
    const sequence = BigInt(facts.sequence);
    this.#link(commit);
    const span = this.#span(facts);
    this.found.closeOpenTimes(span.fromUs);
    const init = this.#judgeInit(commit);
    const fragment = this.#judgeFragment(commit, span);
    this.pictures.commit(this.at, facts);
    const statement = commitName(sequence);
    const { at } = this;
    this.audio.commit(facts, at.last, statement, at.linked);
    this.times.commit(facts, statement, at.linked);
    result.addCommit(commit, at.linked);
    at.next = sequence + 1n;
    at.previous = digest;
    at.untilUs = Math.max(at.untilUs, span.toUs);
    if (facts.frames > 0 || at.last === null) at.last = facts;
    if (!at.linked) this.unlinked = [this.unlinked?.[0] ?? sequence, sequence];
    if (fragment !== null) {
      extendSpans(at.linked ? result.proven : result.signed, span.fromUs, span.toUs);
    }
    return { facts, fragment, init, linked: at.linked };
  }

  /** The fragment, if it is the one that was signed. @param {Commit} commit @param {Span} span */
  #judgeFragment(commit, { fromUs, toUs }) {
    const sequence = BigInt(commit.facts.sequence);
    const name = fragmentName(sequence);
    const there = this.pending.get(sequence);
    this.pending.delete(sequence);
    for (const number of this.pending.keys()) {
      if (number > sequence) {
        this.found.say(FindingKind.EXTRA, "is not in its place", fragmentName(number));
      }
    }
    if (there === undefined) {
      const elsewhere = { severity: Severity.NOTE, fromUs, toUs };
      if (this.isPart) this.found.say(FindingKind.PART, "is in another part", name, "", elsewhere);
      else this.found.say(FindingKind.MISSING, "is missing", name, "", { fromUs, toUs });
      return null;
    }
    if (isSame(there, commit.fragment)) return there;
    const text =
      there.bytes === commit.fragment.bytes
        ? "has other bytes than those that were signed"
        : `has ${there.bytes} bytes, and ${commit.fragment.bytes} were signed`;
    this.found.say(FindingKind.CHANGED, text, name, "", { fromUs, toUs });
    return null;
  }

  /** @param {Commit} commit */
  #judgeInit(commit) {
    const isFirst = commit.facts.sequence === 0;
    if ((commit.init !== null) !== isFirst) {
      const text = isFirst ? "commits no initialisation segment" : "commits a second segment";
      this.found.say(FindingKind.CONTRADICTION, text, commitName(commit.facts.sequence));
    }
    if (commit.init === null) return null;
    if (isSame(this.init, commit.init)) return this.init;
    if (this.init === null) {
      const text = "is missing: the footage cannot be opened";
      this.found.say(FindingKind.MISSING, text, INIT_NAME);
    } else {
      const text = "has other bytes than those that were signed: the footage cannot be opened";
      this.found.say(FindingKind.CHANGED, text, INIT_NAME);
    }
    return null;
  }

  /**
   * Check that a commit follows the statement before it; if not, begin a piece of its own.
   * @param {Commit} commit
   */
  #link(commit) {
    const { at, result } = this;
    if (commit.previous === at.previous) return;
    if (at.previous !== null) {
      const name = commitName(commit.facts.sequence);
      if (result.commits > 0) {
        const text = "names another statement before it than the one that is there";
        this.found.say(FindingKind.UNLINKED, text, name);
      } else {
        const text = "the header is not the one with which this recording began";
        this.found.say(FindingKind.UNLINKED, text, HEADER_NAME, name);
      }
    }
    // The header is another recording's, and so is its origin.
    if (result.commits === 0) result.originUs = null;
    this.#skip(BigInt(commit.facts.sequence));
  }

  /** Go on at `sequence`, where nothing is linked to what was before. @param {bigint} sequence */
  #skip(sequence) {
    const { at } = this;
    at.next = sequence;
    at.previous = null;
    at.linked = false;
    at.last = null;
    at.fps = null;
    this.audio.skip();
    this.times.skip();
  }

  /**
   * The time of a fragment: that of its pictures, or of its sound if it has none.
   * @param {FragmentFacts} facts
   */
  #span(facts) {
    let { first_us: firstUs, end_us: endUs } = facts;
    if (facts.frames === 0 && facts.sound !== undefined) {
      firstUs = Math.max(firstUs, facts.sound.first_us ?? 0);
      endUs = Math.max(firstUs, untilUs(facts));
    }
    const fromUs = this.result.recordingUs(firstUs);
    return new Span(fromUs, this.result.recordingUs(endUs));
  }

  /** Report the part that is signed and linked to nothing. */
  #reportUnlinked() {
    if (this.unlinked === null) return;
    const [first, last] = this.unlinked;
    const spans = this.result.signed;
    const text = "signed, and nothing links it to the beginning: it may be another recording's";
    this.found.say(FindingKind.UNLINKED, text, fragmentName(first), commitName(last), {
      fromUs: spans.at(0)?.fromUs ?? null,
      toUs: spans.at(-1)?.toUs ?? null,
    });
  }
}
