// Whether the times of signed statements fit each other (camerad.verify.time_check).
//
// Contradictions are found in chain_check.js. Here are times that a camera does not state: each of
// them is possible by itself, and only together they show that one of them is wrong. What is not
// linked to the statement before is not compared with it.

import { FindingKind, Severity } from "./findings.js";
import { RECOVERED } from "./statements.js";

/** @typedef {import("./statements.js").Moment} Moment */

/** Up to this it is no finding: a loop that is late, and a time server that steers the clock, move times by less. */
export const TOLERANCE_US = 2_000_000;
/** No recorder writes its end later than so after footage was wanted. */
export const CLOSING_US = 600_000_000;

export class TimeCheck {
  /** @param {import("./result.js").Result} result */
  constructor(result) {
    this.result = result;
    this.bootId = "";
    /** @type {Moment | null} */
    this.clock = null;
    this.footageUs = 0;
  }

  /** What a header says. @param {import("./statements.js").Header} header */
  header(header) {
    this.bootId = header.boot_id;
    this.clock = header.clock;
  }

  /** Statements are missing here, or not linked to those before. */
  skip() {
    this.clock = null;
  }

  /**
   * What a commit says.
   * @param {import("./statements.js").FragmentFacts} facts
   * @param {string} name
   * @param {boolean} linked
   */
  commit(facts, name, linked) {
    this.#follows(facts.clock, facts.clock_step_us, name);
    this.clock = facts.clock;
    if (linked && facts.frames > 0) this.footageUs = Math.max(this.footageUs, facts.last_us);
    if (linked && facts.sound !== undefined) {
      this.footageUs = Math.max(this.footageUs, facts.sound.end_us ?? 0);
    }
  }

  /**
   * What a linked end says.
   * @param {import("./statements.js").Closing} closing
   * @param {string} name
   */
  end(closing, name) {
    if (closing.at_us < this.footageUs - TOLERANCE_US) {
      this.#say("footage was wanted until before the last that is there", name);
    }
    if (closing.boot_id !== this.bootId) return;
    const repaired = closing.reason === RECOVERED;
    this.#follows(closing.clock, closing.clock_step_us, name, repaired);
    if (!repaired && closing.clock.boot_us > closing.at_us + CLOSING_US) {
      this.#say("it was written long after footage was wanted no more", name);
    }
  }

  /**
   * @param {Moment} clock
   * @param {number | null} stepUs
   * @param {string} name
   * @param {boolean} [repaired]
   */
  #follows(clock, stepUs, name, repaired = false) {
    const before = this.clock;
    if (before === null) return;
    if (clock.boot_us < before.boot_us - TOLERANCE_US) {
      this.#say("its clock is behind that of the statement before", name);
    }
    const offBy = ahead(clock) - ahead(before) - BigInt(stepUs ?? 0);
    // A repair does not know how the clock was set meanwhile.
    if (!repaired && (offBy > TOLERANCE_US || offBy < -TOLERANCE_US)) {
      this.#say("the wall clock moved otherwise than is stated", name);
    }
  }

  /** @param {string} what @param {string} name */
  #say(what, name) {
    const text = `times do not fit each other: ${what}`;
    this.result.findings.say(FindingKind.UNFIT, text, name, "", { severity: Severity.NOTE });
  }
}

/**
 * How far wall time is before boot time; exact, since sums of such may be too large for a Number.
 * @param {Moment} clock
 */
function ahead(clock) {
  return BigInt(clock.wall_us) - BigInt(clock.boot_us);
}
