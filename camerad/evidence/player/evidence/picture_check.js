// Judges the times of pictures, and the times that statements name (camerad.verify.time_check);
// fed by chain_check.js.

import { commitName } from "./chain.js";
import { AHEAD_US, Holes } from "./coverage.js";
import { FindingKind, Severity } from "./findings.js";
import { untilUs } from "./statements.js";

/** @typedef {import("./chain_position.js").ChainPosition} ChainPosition */
/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */
/** @typedef {import("./statements.js").Closing} Closing */

/** No picture lasts longer. The last one before a hole lasts as long as any other. */
export const LONGEST_PICTURE_US = 2_000_000;

export class PictureCheck {
  /** @param {import("./result.js").Result} result */
  constructor(result) {
    this.result = result;
    this.found = result.findings;
    this.holes = new Holes();
  }

  /**
   * Judge the times of a commit's pictures.
   * @param {ChainPosition} at the position before it
   * @param {FragmentFacts} facts
   */
  commit(at, facts) {
    const name = commitName(facts.sequence);
    const { last, linked } = at;
    const rises = facts.first_us <= facts.last_us && facts.last_us < facts.end_us;
    // `AudioCheck` judges those of a fragment that has sound only.
    if (facts.frames > 0 && !rises) {
      this.found.say(FindingKind.CONTRADICTION, "gives times that do not rise", name);
    }
    if (facts.end_us - facts.last_us > LONGEST_PICTURE_US) {
      this.found.contradict("a picture that lasts for seconds", name);
    }
    if (facts.last_us > facts.clock.boot_us + AHEAD_US) {
      this.found.contradict("pictures from after its own signature", name);
    }
    this.statement(at, facts, Math.max(untilUs(facts), facts.clock.boot_us), name);
    const beginsUs = last === null ? this.result.originUs : last.end_us;
    if (last !== null && beginsEarly(facts, last)) {
      const text = "begins before the fragment before it ends";
      this.found.say(FindingKind.CONTRADICTION, text, name);
    } else if (last === null && linked && beginsUs !== null && facts.first_us < beginsUs) {
      this.found.say(FindingKind.CONTRADICTION, "begins before the recording's origin", name);
    }
    if (linked && beginsUs !== null) this.holes.add(beginsUs, facts.first_us);
  }

  /**
   * Compare where the pictures end with the time up to which footage was wanted.
   * @param {ChainPosition} at
   * @param {Closing} closing
   */
  end(at, closing) {
    const endsUs = at.last === null ? this.result.originUs : at.last.end_us;
    if (endsUs !== null) this.holes.add(endsUs, closing.at_us);
  }

  /**
   * Compare the times that a signed statement names with when it was made. `at.fps` moves on.
   * @param {ChainPosition} at
   * @param {FragmentFacts | Closing} said
   * @param {number} madeUs media time at which it was made, or its footage ends
   * @param {string} name
   */
  statement(at, said, madeUs, name) {
    const latestUs = madeUs + AHEAD_US;
    const { header } = this.result;
    let earliestUs = 0;
    if (header !== null && at.linked) {
      earliestUs = Math.min(header.origin_us, header.trigger_us) - AHEAD_US;
    }
    if (said.marks.some((atUs) => atUs > latestUs)) {
      this.found.contradict("a mark from after it", name);
    }
    if (said.marks.some((atUs) => atUs < earliestUs)) {
      this.found.contradict("a mark from before the recording", name);
    }
    if (said.stages.some((one) => one.at_us > latestUs)) {
      this.found.contradict("a stage from after it", name);
    }
    this.#checkRates(at, said, latestUs, name);
    if (said.sound?.states.some((one) => one.at_us > latestUs)) {
      this.found.contradict("a state of its sound from after it", name);
    }
    for (const { from_us: fromUs, to_us: toUs } of [...said.gaps, ...(said.sound?.gaps ?? [])]) {
      const latest = toUs ?? fromUs;
      if (fromUs !== null && toUs !== null && fromUs > toUs) {
        this.found.contradict("a gap that ends before it begins", name);
      } else if (latest !== null && latest > latestUs) {
        this.found.contradict("a gap from after it", name);
      }
    }
  }

  /**
   * Report every time without pictures that no statement explains, in the pieces that no gap
   * covers.
   */
  report() {
    for (const { bare } of this.holes.unstated(this.result.gaps)) {
      for (const piece of bare) {
        this.found.say(FindingKind.UNSTATED, "no pictures, and no statement says why", "", "", {
          severity: Severity.NOTE,
          fromUs: this.result.recordingUs(piece.fromUs),
          toUs: this.result.recordingUs(piece.toUs),
        });
      }
    }
  }

  /**
   * Each change must begin with the rate that the change before led to, the first one with the
   * header's.
   * @param {ChainPosition} at
   * @param {FragmentFacts | Closing} said
   * @param {number} latestUs
   * @param {string} name
   */
  #checkRates(at, said, latestUs, name) {
    for (const { at_us: atUs, from_fps: from, to_fps: to } of said.rates ?? []) {
      if (atUs > latestUs) {
        this.found.contradict("a change of the pictures per second from after it", name);
      }
      if (from === to || (at.fps !== null && at.fps !== from)) {
        const text = `a change from ${from} to ${to} pictures per second`;
        this.found.contradict(`${text}, where there were ${at.fps ?? "as many"}`, name);
      }
      at.fps = to;
    }
  }
}

/** @param {FragmentFacts} facts @param {FragmentFacts} last */
function beginsEarly(facts, last) {
  return last.frames > 0 ? facts.first_us <= last.last_us : facts.first_us < last.end_us;
}
