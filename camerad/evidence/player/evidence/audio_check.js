// Judges what signed statements say about sound (camerad.verify.audio_check); fed by
// chain_check.js.

import { AHEAD_US, Holes, UNSTATED_US, firstBeyond, lastsUs } from "./coverage.js";
import { FindingKind, Severity, Span } from "./findings.js";
import { SECOND } from "./statements.js";

/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */
/** @typedef {import("./statements.js").FragmentSound} FragmentSound */
/** @typedef {import("./statements.js").Header} Header */

/** Media times of sound are rounded. They may differ by so much from what the samples add up to. */
export const SLACK_US = 5_000;

/** The state in which there is sound. Before the first stated state nothing is known. */
const ON = "on";

export class AudioCheck {
  /** @param {import("./result.js").Result} result */
  constructor(result) {
    this.result = result;
    this.found = result.findings;
    /**
     * Where the last signed sound ends; null before any, and behind a break of the chain.
     * @type {number | null}
     */
    this.untilUs = null;
    this.holes = new Holes();
    this.broken = false;
  }

  /** What a header says. @param {Header} header @param {string} name */
  header(header, name) {
    const wanted = header.microphone !== undefined;
    if (header.sound && !wanted) {
      this.found.contradict("a sound track without a microphone", name);
    } else if (wanted && !header.sound) {
      const text = "sound was wanted, and there is none at all";
      this.found.say(FindingKind.SILENT, text, name, "", { severity: Severity.NOTE });
    }
  }

  /** Statements are missing here, or not linked to those before. */
  skip() {
    this.untilUs = null;
    this.broken = true;
  }

  /**
   * What a commit says.
   * @param {FragmentFacts} facts
   * @param {FragmentFacts | null} last the facts of the one before, null behind a break
   * @param {string} name
   * @param {boolean} linked
   */
  commit(facts, last, name, linked) {
    const { sound } = facts;
    const { header } = this.result;
    if (facts.frames === 0) this.#alone(facts, last, name);
    if (linked && header !== null && header.sound !== (sound !== undefined)) {
      this.found.contradict(`sound: ${header.sound ? "a" : "no"} track was announced`, name);
    }
    if (sound !== undefined) this.#times(sound, facts, name, linked);
  }

  /**
   * What a linked end says.
   * @param {import("./statements.js").SoundEnd | undefined} sound
   * @param {number} atUs up to when footage was wanted
   * @param {string} name
   */
  end(sound, atUs, name) {
    const { header, units, commits } = this.result;
    if (header === null || !header.sound) {
      if (sound !== undefined) this.found.contradict("sound: no track was announced", name);
      return;
    }
    if (sound === undefined) {
      this.found.contradict("sound: a track was announced", name);
      return;
    }
    if (!this.broken && BigInt(sound.units) !== units) {
      const text = `counts ${sound.units} access units of sound, and the commits ${units}`;
      this.found.say(FindingKind.CONTRADICTION, text, name);
    }
    if (!this.broken && commits > 0) this.holes.add(this.#soundDueUs(header), atUs);
  }

  /**
   * Report every silence that no statement explains. A silence is explained by gaps; or, if the recorder
   * did not live to state gaps, by the states of sound. Only the pieces that neither covers are
   * reported.
   */
  report() {
    const changes = [...this.result.soundStates].sort((one, other) => one.at_us - other.at_us);
    for (const { hole, bare } of this.holes.unstated(this.result.soundGaps)) {
      const pieces = byState(hole, bare, changes);
      const unexplained = pieces.filter(({ state }) => state === ON).map(({ piece }) => piece);
      if (lastsUs(unexplained) > UNSTATED_US) {
        for (const piece of unexplained) {
          this.#noSound(FindingKind.SILENT, "no sound, and no statement says why", piece);
        }
        continue;
      }
      for (const { state, piece } of pieces) {
        if (state !== ON) this.#noSound(FindingKind.QUIET, `no sound: ${state}`, piece);
      }
    }
  }

  /** @param {string} kind @param {string} text @param {Span} piece */
  #noSound(kind, text, piece) {
    this.found.say(kind, text, "", "", {
      severity: Severity.NOTE,
      fromUs: this.result.recordingUs(piece.fromUs),
      toUs: this.result.recordingUs(piece.toUs),
    });
  }

  /**
   * A fragment without a picture must have sound, and say where the picture before it ended.
   * @param {FragmentFacts} facts
   * @param {FragmentFacts | null} last
   * @param {string} name
   */
  #alone(facts, last, name) {
    const { sound, first_us: firstUs, last_us: lastUs, end_us: endUs } = facts;
    if (facts.sequence === 0 || sound === undefined || sound.units === 0) {
      this.found.contradict("a fragment of nothing", name);
    } else if (firstUs !== endUs || lastUs !== endUs) {
      this.found.contradict("times of pictures, and there are none", name);
    } else if (last !== null && endUs !== last.end_us) {
      this.found.contradict("another end of the picture before it", name);
    }
  }

  /**
   * @param {FragmentSound} sound
   * @param {FragmentFacts} facts
   * @param {string} name
   * @param {boolean} linked
   */
  #times(sound, facts, name, linked) {
    const { header } = this.result;
    const { first_us: firstUs, end_us: endUs, units } = sound;
    if (firstUs === null || endUs === null) {
      if (firstUs !== endUs || units > 0) this.found.contradict("sound without its times", name);
      return;
    }
    if (units === 0 || firstUs >= endUs) {
      this.found.contradict("times of sound that do not rise", name);
      return;
    }
    if (endUs > facts.clock.boot_us + AHEAD_US) {
      this.found.contradict("sound from after its own signature", name);
    }
    if (this.untilUs !== null && firstUs < this.untilUs - SLACK_US) {
      this.found.contradict("sound that begins before the sound before it ends", name);
    }
    if (header === null || !linked) return;
    if (firstUs < header.origin_us) {
      this.found.contradict("sound from before the recording's origin", name);
    }
    if (header.microphone !== undefined) {
      const { samples, rate } = header.microphone;
      const soundUs = (BigInt(units) * BigInt(samples) * BigInt(SECOND)) / BigInt(rate);
      if (soundUs > endUs - firstUs + SLACK_US) {
        this.found.contradict("more sound than there is time for", name);
      }
    }
    if (!this.broken) this.holes.add(this.#soundDueUs(header), firstUs);
    this.untilUs = endUs;
  }

  /** Media time from which on more sound should follow. @param {Header} header */
  #soundDueUs(header) {
    if (this.untilUs !== null) return this.untilUs;
    if (header.microphone?.pre_event) return header.origin_us;
    return Math.max(header.origin_us, header.trigger_us);
  }
}

/**
 * The pieces of `hole` that no gap covers, ascending, each with the state of sound in it. They are
 * cut where the state changed.
 * @param {Span} hole
 * @param {Span[]} bare
 * @param {import("./statements.js").SoundChange[]} changes of all the recording, ascending
 */
function byState(hole, bare, changes) {
  const before = firstBeyond(changes, hole.fromUs, (one) => one.at_us);
  const edges = [{ atUs: hole.fromUs, state: before > 0 ? changes[before - 1].state : ON }];
  for (let at = before; at < changes.length && changes[at].at_us < hole.toUs; at++) {
    edges.push({ atUs: changes[at].at_us, state: changes[at].state });
  }
  edges.push({ atUs: hole.toUs, state: ON });
  /** @type {{state: string, piece: Span}[]} */
  const pieces = [];
  let next = 0;
  for (let index = 0; index + 1 < edges.length; index++) {
    const { atUs, state } = edges[index];
    const uptoUs = edges[index + 1].atUs;
    while (next < bare.length && bare[next].fromUs < uptoUs) {
      const piece = new Span(Math.max(bare[next].fromUs, atUs), Math.min(bare[next].toUs, uptoUs));
      if (piece.fromUs < piece.toUs) pieces.push({ state, piece });
      if (bare[next].toUs > uptoUs) break; // it goes on with the next state
      next += 1;
    }
  }
  return pieces;
}
