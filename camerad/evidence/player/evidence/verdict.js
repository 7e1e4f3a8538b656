// What a check found, for people and for programs (camerad.verify.verdict).
//
// The verdict, the findings and their order are those of `camerad evidence verify`; `asJson` is its
// `--json` of one recording, without what only that command knows (paths, ledgers, what it wrote).

import { FindingKind, Severity } from "./findings.js";
import { RECOVERED, SECOND, rfc3339 } from "./statements.js";

/** @typedef {import("./findings.js").Finding} Finding */
/** @typedef {import("./findings.js").Span} Span */
/** @typedef {import("./statements.js").Gap} Gap */
/** @typedef {import("./statements.js").Header} Header */

/** The result of a check; its number is the command's exit code. */
export const Exit = Object.freeze({
  /** Authentic and complete. */
  AUTHENTIC: 0,
  /** Authentic, but recovered, running, or with gaps. */
  QUALIFIED: 1,
  /** Something was changed, is missing, or is not by a trusted key. */
  NOT_AUTHENTIC: 2,
  /** There is no recording that could be judged. */
  UNREADABLE: 3,
});

/** A program's word for each. */
export const NAMES = Object.freeze(["authentic", "qualified", "not_authentic", "unreadable"]);
/** A person's. */
export const WORDS = Object.freeze([
  "authentic and complete",
  "authentic, with remarks",
  "NOT AUTHENTIC",
  "unreadable",
]);

/** A check of one recording. */
export class Report {
  /**
   * @param {number} bytes of the file
   * @param {import("./result.js").Result | null} result what its members say; null if there is no
   *   recording, and then `problem` says why
   * @param {string | null} [problem]
   * @param {string | null} [damage] what a ledger knows of a recording that is not there
   */
  constructor(bytes, result, problem = null, damage = null) {
    this.bytes = bytes;
    this.result = result;
    this.problem = problem;
    this.damage = damage;
  }

  /** One of `Exit`. */
  get exit() {
    const { result } = this;
    if (this.damage !== null) return Exit.NOT_AUTHENTIC;
    if (result === null) return Exit.UNREADABLE;
    if (!result.authentic) return Exit.NOT_AUTHENTIC;
    const hasRemark = result.findings.list.some((one) => one.kind !== FindingKind.TORN);
    const hasGap = result.gaps.length > 0 || result.soundGaps.length > 0;
    return hasRemark || hasGap ? Exit.QUALIFIED : Exit.AUTHENTIC;
  }

  /** What the recording's wall time is worth; null if nothing of the recording is believed. */
  get timeWorth() {
    return this.result === null || this.exit >= Exit.NOT_AUTHENTIC ? null : this.result.timeWorth;
  }

  /** "closed", "recovered", "running", "unclosed" or "unreadable". */
  get state() {
    const { result } = this;
    if (result === null) return "unreadable";
    if (result.closing !== null && result.endLinked) {
      return result.closing.reason === RECOVERED ? "recovered" : "closed";
    }
    const runs = result.findings.list.some((one) => one.kind === FindingKind.RUNNING);
    return runs ? "running" : "unclosed";
  }

  /**
   * @returns {Record<string, any>} times in seconds of the recording; sums beyond 2^53 - 1 are
   *   BigInt
   */
  asJson() {
    const { result, exit } = this;
    const said = {
      bytes: this.bytes,
      verdict: NAMES[exit],
      exit_code: exit,
      state: this.state,
      time_worth: this.timeWorth,
      problem: this.problem,
      ledger: this.damage === null ? [] : [{ severity: Severity.DAMAGE, text: this.damage }],
    };
    if (result === null) return said;
    const header = result.header === null ? {} : this.#header(result.header);
    return { ...said, ...header, ...this.#members(result), ...this.#said(result) };
  }

  /** @param {Header} header */
  #header(header) {
    return {
      id: header.id,
      device: header.device,
      header_linked: !this.result?.strangeHeader,
      started: rfc3339(header.started_wall_us),
      begins: rfc3339(beginsUs(header)),
      trigger: header.trigger,
      trigger_seconds: this.seconds(header.trigger_us),
      continues: header.continues,
      policy: header.policy,
      retention_days: header.retention_days,
      sound: header.sound,
      microphone: header.microphone?.device ?? null,
      software: header.software,
      wearer: header.wearer,
      recipients: header.recipients,
    };
  }

  /** @param {import("./result.js").Result} result */
  #members(result) {
    return {
      key: result.kid,
      seconds: result.endUs / SECOND,
      fragments: result.commits,
      frames: count(result.frames),
      unlinked_fragments: result.unlinkedCommits,
      unlinked_frames: count(result.unlinkedFrames),
      reason: result.endLinked ? (result.closing?.reason ?? null) : null,
      end_linked: result.endLinked,
      final: result.final,
      sound_units: count(result.units),
      findings: result.findings.list.map(findingAsJson),
      findings_dropped: result.findings.dropped,
      proven: result.proven.map(spanAsJson),
      signed_only: result.signed.map(spanAsJson),
    };
  }

  /** @param {import("./result.js").Result} result */
  #said(result) {
    const at = (/** @type {number} */ us) => this.seconds(us);
    return {
      gaps: result.gaps.map((one) => this.#gap(one)),
      sound_gaps: result.soundGaps.map((one) => this.#gap(one)),
      sound_states: result.soundStates.map((one) => ({
        at: at(one.at_us),
        state: one.state,
        why: one.why,
      })),
      marks: result.marks.map(at),
      stages: result.stages.map((one) => ({
        at: at(one.at_us),
        stage: one.stage,
        display: one.display,
      })),
      rates: result.rates.map((one) => ({
        at: at(one.at_us),
        from: one.from_fps,
        to: one.to_fps,
        reason: one.reason,
      })),
      clock_sources: result.clockSources,
      clock_steps: result.clockSteps.map(([atUs, stepUs]) => ({
        at: atUs / SECOND,
        seconds: stepUs / SECOND,
      })),
      slow_syncs: result.slowSyncs.map(([atUs, tookUs]) => ({
        at: atUs / SECOND,
        seconds: tookUs / SECOND,
      })),
    };
  }

  /** Seconds of the recording. @param {number | null} mediaUs */
  seconds(mediaUs) {
    return mediaUs === null ? null : (mediaUs - (this.result?.originUs ?? 0)) / SECOND;
  }

  /** @param {Gap} gap */
  #gap(gap) {
    return {
      reason: gap.reason,
      frames: gap.frames,
      from: this.seconds(gap.from_us),
      to: this.seconds(gap.to_us),
    };
  }
}

/**
 * A finding in one line, as the command prints it.
 * @param {Finding} finding
 */
export function sentence(finding) {
  const { first, last, fromUs, toUs, text } = finding;
  const members = last === first ? first : `${first} to ${last}`;
  const when = fromUs === null ? "" : ` (${range(fromUs, toUs)})`;
  return members === "" ? `${text}${when}` : `${members}: ${text}${when}`;
}

/**
 * Seconds with three digits, a half rounded to the even digit.
 * @param {number} us
 */
export function inSeconds(us) {
  const seconds = us / SECOND;
  // Only then is it exactly between two: 1,000,000 is 2^6 * 15,625.
  const isBetween = Math.abs(us % 1000) === 500 && us % 15_625 === 0;
  if (!isBetween) return seconds.toFixed(3);
  const ms = Math.floor(Math.abs(us) / 1000);
  return `${us < 0 ? "-" : ""}${((ms % 2 === 0 ? ms : ms + 1) / 1000).toFixed(3)}`;
}

/** @param {number | null} fromUs @param {number | null} toUs */
function range(fromUs, toUs) {
  const begin = fromUs === null ? "the beginning" : `${inSeconds(fromUs)} s`;
  const end = toUs === null ? "the end, wherever that was" : `${inSeconds(toUs)} s`;
  return `from ${begin} to ${end}`;
}

/** @param {bigint} sum */
function count(sum) {
  return sum <= Number.MAX_SAFE_INTEGER ? Number(sum) : sum;
}

/** Wall time of second 0. @param {Header} header */
export function beginsUs(header) {
  const before = BigInt(header.trigger_us) - BigInt(header.origin_us);
  return BigInt(header.started_wall_us) - before;
}

/** @param {Span} span */
function spanAsJson(span) {
  return { from: span.fromUs / SECOND, to: span.toUs / SECOND };
}

/** @param {Finding} finding */
function findingAsJson(finding) {
  return {
    kind: finding.kind,
    severity: finding.severity,
    text: finding.text,
    first_member: finding.first || null,
    last_member: finding.last || null,
    from: finding.fromUs === null ? null : finding.fromUs / SECOND,
    to: finding.toUs === null ? null : finding.toUs / SECOND,
  };
}
