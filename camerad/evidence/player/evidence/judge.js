// Checks a recording with nothing but the device's public key, and without decrypting it
// (camerad.verify.judge).
//
// `judge` reads all of it once, in constant memory but for the list of commits. `openProven`
// (opened.js) checks no more than what is to be played next. Neither throws because of what a
// recording says: whatever is wrong with it is in the verdict.

import { HEADER_NAME } from "./chain.js";
import { Checker } from "./checker.js";
import { FindingKind } from "./findings.js";
import { keyRing } from "./keys.js";
import { LostBytes, MemberSeen, Tail, TailKind, isRecording, walkMembers } from "./reader.js";
import { SourceError } from "./source.js";
import { RECORDING_ID } from "./statements.js";
import { NAMES, Report, WORDS, sentence } from "./verdict.js";

export { NotProvenError, openProven, readChecked } from "./opened.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {import("./chain_position.js").JudgedCommit} JudgedCommit */
/** @typedef {import("./statements.js").FragmentFacts} FragmentFacts */

/**
 * Where a member's content lies, and what it was when it was checked.
 * @typedef {{offset: number, size: number, sha256: string}} Place
 *
 * A commit that the trusted key signed.
 * @typedef {object} Committed
 * @property {number} sequence
 * @property {Place | null} fragment null if the bytes that are there are not the signed ones
 * @property {Place | null} init of the initialisation segment; null but in commit 0
 * @property {FragmentFacts} facts
 * @property {boolean} proven its fragment is the signed one, and an unbroken chain leads to it
 *
 * @typedef {object} Said
 * @property {string} severity "not authentic" or "note"
 * @property {string} code what it is: one of `FindingKind`
 * @property {string} text
 * @property {string} sentence the text with the members and the seconds that it is about
 * @property {string} first with `last`: the members that it is about; "" if it is about none
 * @property {string} last
 * @property {number | null} at_us with `to_us`: the time that it is about, microseconds of the
 *   recording
 * @property {number | null} to_us
 *
 * @typedef {object} Verdict
 * @property {number} exit that of `camerad evidence verify`: 0 authentic, 1 with remarks, 2 not
 *   authentic, 3 unreadable
 * @property {string} verdict its word for programs
 * @property {string} words its words for people
 * @property {string} state "closed", "recovered", "running", "unclosed" or "unreadable"
 * @property {string | null} problem why it is unreadable
 * @property {Said[]} findings
 * @property {number} dropped findings that are not in the list
 * @property {import("./statements.js").Header | null} header
 * @property {boolean} headerLinked something leads back to it
 * @property {Committed[]} commits
 * @property {import("./statements.js").RecordingEnd | null} end
 * @property {boolean} endLinked an unbroken chain leads to it from the header
 * @property {number} proven how many commits are proven
 * @property {Report} report all of it; `report.asJson()` is the command's
 */

/** A recording's id at the beginning of a file's name. */
const ID = new RegExp(`^${RECORDING_ID}`);

/**
 * Judge a recording. Throws KeyError for a key that is none, and what `signal` was aborted with.
 * @param {Source} source
 * @param {object} how
 * @param {Uint8Array | Iterable<Uint8Array>} how.key the camera's registered public key, raw, or
 *   several of them. It never comes from the recording or from beside it
 * @param {(doneBytes: number) => void} [how.onProgress]
 * @param {(commit: Committed) => void} [how.onCommit] told each commit as soon as it was judged
 * @param {AbortSignal} [how.signal]
 * @param {string} [how.name] of the file: another recording's id in it is a finding
 * @param {string | null} [how.final] SHA-256 of the recording's end, if a ledger or a receipt names
 *   it
 * @param {boolean} [how.begun] a ledger names the recording, with or without an end
 * @param {boolean} [how.part] it is a part of a recording, whose other fragments are elsewhere
 * @param {boolean} [how.running] a recorder has the file open, and its ledger agrees
 * @returns {Promise<Verdict>}
 */
export async function judge(source, how) {
  const { key, name = "", final = null, begun = false, part = false } = how;
  const checker = new Checker(await keyRing(key instanceof Uint8Array ? [key] : key), part);
  /** @type {Committed[]} */
  const commits = [];
  const onCommit = (/** @type {Committed} */ commit) => {
    commits.push(commit);
    how.onCommit?.(commit);
  };
  try {
    await source.open();
    const problem = await readAll(source, checker, { ...how, onCommit });
    if (problem !== null) {
      return verdictOf(new Report(source.size, null, problem, wiped(final, begun)));
    }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return verdictOf(new Report(Math.max(0, source.size), null, error.message));
  }
  const { result } = checker;
  const named = ID.exec(name);
  if (result.header !== null && named !== null && named[0] !== result.header.id) {
    const text = `the file is named like ${named[0]}, and holds ${result.header.id}`;
    result.findings.say(FindingKind.MISNAMED, text);
  }
  if (final !== null && result.final !== final) {
    const text = `the ledger knows the end ${final}, this one is ${result.final ?? "none"}`;
    result.findings.say(FindingKind.OTHER_END, text);
  }
  return verdictOf(new Report(source.size, result), checker, commits);
}

/**
 * Let `checker` judge everything. Returns why there is no recording, null if there is one.
 * @param {Source} source
 * @param {Checker} checker
 * @param {object} how as for `judge`
 * @param {(commit: Committed) => void} how.onCommit
 * @param {(doneBytes: number) => void} [how.onProgress]
 * @param {AbortSignal} [how.signal]
 * @param {boolean} [how.running]
 */
async function readAll(source, checker, { onCommit, onProgress, signal, running = false }) {
  if (source.size === 0) return "the file is empty: there is no recording in it";
  let isOurs = false;
  for await (const found of walkMembers(source, signal)) {
    if (found instanceof Tail) {
      const isBegun = found.kind === TailKind.CUT && found.name === HEADER_NAME;
      if (!isOurs && !isBegun) return whyNone(found, source.size);
      checker.finish(found, running && checker.result.header !== null);
    } else if (found instanceof LostBytes) checker.lost(found);
    else {
      isOurs ||= isRecording(found);
      const judged = await checker.member(found);
      if (judged !== null) onCommit(committed(judged));
      if (found.token !== null) onProgress?.(endOf(found));
    }
  }
  onProgress?.(source.size);
  return null;
}

/** @param {MemberSeen} seen */
function endOf(seen) {
  return seen.offset + seen.size;
}

/** @param {Tail} tail @param {number} size of the file */
function whyNone(tail, size) {
  if (tail.offset === 0 && tail.kind === TailKind.ZEROS) {
    return `the file has ${size} zeros and nothing else: no recording was begun in it`;
  }
  return "this is not a recording of camerad: there is no signed statement of one in it";
}

/**
 * What a ledger says to a file that is no recording.
 * @param {string | null} final
 * @param {boolean} begun
 */
function wiped(final, begun) {
  if (final === null && !begun) return null;
  const end = final === null ? "" : `, with the end ${final}`;
  return `the ledger knows a recording here${end}: its file was wiped or replaced`;
}

/** @param {JudgedCommit} judged @returns {Committed} */
function committed({ facts, fragment, init, linked }) {
  return {
    sequence: facts.sequence,
    fragment: place(fragment),
    init: place(init),
    facts,
    proven: linked && fragment !== null,
  };
}

/** @param {import("./chain_position.js").Located | null} member @returns {Place | null} */
function place(member) {
  return member && { offset: member.offset, size: member.bytes, sha256: member.sha256 };
}

/**
 * What a report says.
 * @param {Report} report
 * @param {Checker} [checker]
 * @param {Committed[]} [commits]
 * @returns {Verdict}
 */
export function verdictOf(report, checker, commits = []) {
  const { exit, state, problem, result } = report;
  return {
    exit,
    verdict: NAMES[exit],
    words: WORDS[exit],
    state,
    problem,
    findings: (result?.findings.list ?? []).map((one) => ({
      severity: one.severity,
      code: one.kind,
      text: one.text,
      sentence: sentence(one),
      first: one.first,
      last: one.last,
      at_us: one.fromUs,
      to_us: one.toUs,
    })),
    dropped: result?.findings.dropped ?? 0,
    header: result?.header ?? null,
    headerLinked: result !== null && result.header !== null && !result.strangeHeader,
    commits,
    end: checker?.end ?? null,
    endLinked: result?.endLinked ?? false,
    proven: commits.filter((one) => one.proven).length,
    report,
  };
}
