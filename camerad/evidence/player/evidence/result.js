// All that a recording's members say (the class Result of camerad.verify.findings).
//
// What only unlinked statements say is not a fact about this recording. Their fragments and
// pictures are counted, also by themselves, and nothing else of them is here. Counts that are sums
// are BigInt: a statement may count up to 2^53 - 1.

import { FindingKind, Findings } from "./findings.js";
import { MOST_EVENTS } from "./limits.js";
import { RECOVERED, SECOND, eventsIn, untilUs } from "./statements.js";

/** How far wall time may be set in a recording whose times are as good as before. */
const STEPPED_US = 2 * SECOND;
const TOO_MANY =
  `names more than ${MOST_EVENTS.toLocaleString("en-US")} gaps, marks and changes, which no camera ` +
  "does; the others are not listed";

/** @typedef {import("./findings.js").Span} Span */
/** @typedef {import("./statements.js").Header} Header */
/** @typedef {import("./statements.js").Closing} Closing */
/** @typedef {import("./statements.js").Commit} Commit */
/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */

export class Result {
  constructor() {
    /** @type {Header | null} */
    this.header = null;
    /** @type {Closing | null} */
    this.closing = null;
    /** The key that signed, null if no statement could be read. @type {string | null} */
    this.kid = null;
    this.commits = 0;
    this.frames = 0n;
    this.sealedBytes = 0n;
    /**
     * Media time of second 0: the header's, or else the first signed picture's.
     * @type {number | null}
     */
    this.originUs = null;
    /** Where the last signed fragment ends. */
    this.endUs = 0;
    /** SHA-256 of a signed end. @type {string | null} */
    this.final = null;
    /** An unbroken chain leads from the header to the end. */
    this.endLinked = false;
    /** Footage, or the end, is linked to the header. */
    this.headerLinked = false;
    this.unlinkedCommits = 0;
    this.unlinkedFrames = 0n;
    this.findings = new Findings();
    /** Pieces that are authentic and complete. @type {Span[]} */
    this.proven = [];
    /** Pieces that are signed, but linked to nothing. @type {Span[]} */
    this.signed = [];
    /** @type {import("./statements.js").Gap[]} */
    this.gaps = [];
    /** Access units of sound. */
    this.units = 0n;
    /** @type {import("./statements.js").Gap[]} */
    this.soundGaps = [];
    /** @type {import("./statements.js").SoundChange[]} */
    this.soundStates = [];
    /** @type {number[]} */
    this.marks = [];
    /** @type {import("./statements.js").StageChange[]} */
    this.stages = [];
    /** @type {import("./statements.js").RateChange[]} */
    this.rates = [];
    /** Where wall time came from, in the order of first use. @type {string[]} */
    this.clockSources = [];
    /** Time, and how far. @type {[number, number][]} */
    this.clockSteps = [];
    /** Time, and how long. @type {[number, number][]} */
    this.slowSyncs = [];
    /** How many gaps, marks and changes the linked statements name. */
    this.events = 0;
  }

  /** Whether nothing is damaged. */
  get authentic() {
    return !this.findings.damage;
  }

  /** Whether the header is signed, and nothing links it to the rest of the file. */
  get strangeHeader() {
    const isThere = this.commits > 0 || this.closing !== null;
    return this.header !== null && isThere && !this.headerLinked;
  }

  /**
   * Media time in microseconds of the recording; without a header, after the first signed picture.
   * @param {number} mediaUs
   */
  recordingUs(mediaUs) {
    this.originUs ??= mediaUs;
    return mediaUs - this.originUs;
  }

  /** Count what a signed commit says. @param {Commit} commit @param {boolean} linked */
  addCommit(commit, linked) {
    const { facts } = commit;
    this.commits += 1;
    this.frames += BigInt(facts.frames);
    this.sealedBytes += BigInt(commit.fragment.bytes) + BigInt(commit.init?.bytes ?? 0);
    if (linked) this.#addLinked(facts);
    else {
      this.unlinkedCommits += 1;
      this.unlinkedFrames += BigInt(facts.frames);
    }
  }

  /** A commit that was counted as unlinked is linked after all. @param {FragmentFacts} facts */
  addLate(facts) {
    this.unlinkedCommits -= 1;
    this.unlinkedFrames -= BigInt(facts.frames);
    this.#addLinked(facts);
  }

  /**
   * Count what a signed end says.
   * @param {Closing} closing
   * @param {string} final SHA-256 of its statement
   */
  addClosing(closing, final) {
    this.closing = closing;
    this.final = final;
    if (this.endLinked) this.#addFacts(closing, closing.at_us);
  }

  /** What the recording's wall time is worth: "stepped", else the worst of what vouched for it. */
  get timeWorth() {
    if (this.clockSteps.some(([, stepUs]) => Math.abs(stepUs) > STEPPED_US)) return "stepped";
    return ["unknown", "rtc", "synchronised"].find((one) => this.clockSources.includes(one)) ?? "unknown";
  }

  /** Take note of where wall time came from. @param {string} source */
  addSource(source) {
    if (!this.clockSources.includes(source)) this.clockSources.push(source);
  }

  /** @param {FragmentFacts} facts */
  #addLinked(facts) {
    this.headerLinked = true;
    this.endUs = Math.max(this.endUs, this.recordingUs(untilUs(facts)));
    if (facts.sound !== undefined) this.units += BigInt(facts.sound.units);
    this.#addFacts(facts, facts.end_us);
  }

  /** @param {FragmentFacts | Closing} facts @param {number} mediaUs */
  #addFacts(facts, mediaUs) {
    const before = this.events;
    this.events += eventsIn(facts);
    if (this.events > MOST_EVENTS) {
      if (before <= MOST_EVENTS) this.findings.say(FindingKind.CONTRADICTION, TOO_MANY);
      return;
    }
    addAll(this.gaps, facts.gaps);
    addAll(this.marks, facts.marks);
    addAll(this.stages, facts.stages);
    addAll(this.rates, facts.rates ?? []);
    if (facts.sound !== undefined) {
      addAll(this.soundGaps, facts.sound.gaps);
      addAll(this.soundStates, facts.sound.states);
    }
    // Repair has a time of its own.
    if (/** @type {any} */ (facts).reason !== RECOVERED) this.addSource(facts.clock.source);
    if (facts.clock_step_us !== null) {
      this.clockSteps.push([this.recordingUs(mediaUs), facts.clock_step_us]);
    }
    if (facts.sync_us !== null) this.slowSyncs.push([this.recordingUs(mediaUs), facts.sync_us]);
  }
}

/**
 * One by one: as arguments of one call a hundred thousand would not fit, and a statement may say
 * that many.
 * @template T @param {T[]} all @param {Iterable<T>} more
 */
function addAll(all, more) {
  for (const one of more) all.push(one);
}
