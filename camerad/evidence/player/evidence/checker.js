// Judges a recording (camerad.verify.checker). It is given the members in their order.
//
// It trusts the keys that it is given, and nothing that the file brings. A finding names the
// members and the seconds that it affects. Seconds are proven if the bytes of their fragments are
// the signed ones, the commits are by the recording's key, and an unbroken chain of statements
// links them to the signed header.

import { END_NAME, HEADER_NAME, INIT_NAME, TORN_NAME } from "./chain.js";
import { commitName, fragmentName, numbered } from "./chain.js";
import { ChainCheck, MISPLACED } from "./chain_check.js";
import { AHEAD_US } from "./coverage.js";
import { FindingKind, Severity } from "./findings.js";
import * as jws from "./jws.js";
import { TailKind, tokenOf } from "./reader.js";
import { Result } from "./result.js";
import { COMMIT, COMMIT_TYPE, END, END_TYPE, FORMAT, HEADER, HEADER_TYPE } from "./statements.js";
import { RECOVERED, isSame } from "./statements.js";
import { ARCHIVE_END, BLOCK } from "./ustar.js";

/** @typedef {import("./reader.js").MemberSeen} MemberSeen */
/** @typedef {import("./chain_position.js").JudgedCommit} JudgedCommit */
/** @typedef {import("./chain_position.js").Located} Located */
/** @typedef {import("./statements.js").RecordingEnd} RecordingEnd */
/** @typedef {import("./statements.js").Closing} Closing */

/**
 * Feed `member` and `lost` in the order of the file, then `finish` once; `result` grows meanwhile.
 */
export class Checker {
  /**
   * @param {Map<string, import("./keys.js").PublicKey>} keys those that are trusted
   * @param {boolean} [isPart] it is a part of a recording, whose other fragments are elsewhere
   */
  constructor(keys, isPart = false) {
    this.result = new Result();
    this.found = this.result.findings;
    this.keys = keys;
    this.chain = new ChainCheck(this.result, isPart);
    this.headerSeen = false;
    /** @type {Located | null} */
    this.torn = null;
    this.ended = false;
    /** What the end says, if it is signed. @type {RecordingEnd | null} */
    this.end = null;
  }

  /**
   * Judge the next member. Returns what a commit says, if it is signed.
   * @param {MemberSeen} seen
   * @returns {Promise<JudgedCommit | null>}
   */
  async member(seen) {
    if (seen.foreign) {
      const text = "is not a member that a recording has; it was passed over";
      this.found.say(FindingKind.FOREIGN, text, seen.name);
      return null;
    }
    const name = seen.name || this.#expected(seen.token !== null && tokenOf(seen.token) !== null);
    if (seen.damage !== null) {
      const text = `${seen.damage}; its content counts by itself`;
      this.found.say(FindingKind.ARCHIVE, text, name);
    }
    if (this.ended) {
      this.found.say(FindingKind.EXTRA, "stands behind the end of the recording", name);
      return null;
    }
    if (name === HEADER_NAME) await this.#header(seen);
    else if (name === INIT_NAME) this.#initialisation(seen);
    else if (name === TORN_NAME) this.#tornTail(seen);
    else if (name === END_NAME) await this.#end(seen);
    else return this.#footage(name, seen);
    return null;
  }

  /** Report bytes that are no member. @param {import("./reader.js").LostBytes} lost */
  lost(lost) {
    const text = `${lost.size} bytes at ${lost.offset} cannot be read as a member`;
    this.found.say(FindingKind.LOST, text, this.#expected(this.chain.pending.size > 0));
  }

  /**
   * Judge what lies behind the last member.
   * @param {import("./reader.js").Tail} tail
   * @param {boolean} [running] a recorder has the file open
   */
  finish(tail, running = false) {
    if (!this.headerSeen) this.#headerMissing();
    if (!this.ended) this.#unclosed(tail, running);
    else if (tail.kind !== TailKind.ZEROS || tail.size !== ARCHIVE_END) {
      const text = `${tail.size} bytes follow the end instead of ${ARCHIVE_END} zeros`;
      this.found.say(FindingKind.ARCHIVE, text, END_NAME);
    }
    this.chain.finish();
    return this.result;
  }

  // -- members -----------------------------------------------------------------------------------

  /** @param {MemberSeen} seen */
  async #header(seen) {
    if (this.headerSeen || this.chain.hasFootage) {
      this.found.say(FindingKind.EXTRA, MISPLACED, HEADER_NAME);
      return;
    }
    this.headerSeen = true;
    const header = await this.#statement(seen, HEADER, HEADER_TYPE, HEADER_NAME, "everything");
    if (header === null) return;
    if (header.format !== FORMAT) {
      const which = `is of format ${header.format}, and this program knows ${FORMAT}`;
      const text = `${which}; use a later one`;
      this.found.say(FindingKind.FORGED, text, HEADER_NAME);
      return;
    }
    this.result.header = header;
    this.result.addSource(header.clock.source);
    this.result.originUs = header.origin_us;
    this.chain.begin(header, seen.sha256);
  }

  #headerMissing() {
    this.headerSeen = true;
    const text = "the header is missing: nothing says which recording this is";
    this.found.say(FindingKind.MISSING, text, HEADER_NAME);
  }

  /** @param {MemberSeen} seen */
  #initialisation(seen) {
    if (!this.headerSeen) this.#headerMissing();
    if (this.chain.init !== null || this.chain.hasFootage) {
      this.found.say(FindingKind.EXTRA, MISPLACED, INIT_NAME);
      return;
    }
    this.chain.init = located(seen);
  }

  /** @param {string} name @param {MemberSeen} seen */
  async #footage(name, seen) {
    const found = numbered(name);
    if (found === null || ![fragmentName, commitName].some((of) => of(found.sequence) === name)) {
      this.found.say(FindingKind.FOREIGN, "is not a member that a recording has", name);
      return null;
    }
    if (!this.headerSeen) this.#headerMissing();
    if (this.torn !== null) this.found.say(FindingKind.EXTRA, "is not in its place", TORN_NAME);
    if (found.isCommit) return this.#commit(found.sequence, seen);
    this.chain.fragment(found.sequence, located(seen));
    return null;
  }

  /** @param {bigint} sequence @param {MemberSeen} seen */
  async #commit(sequence, seen) {
    const name = commitName(sequence);
    if (this.chain.isPast(sequence)) {
      this.found.say(FindingKind.EXTRA, MISPLACED, name);
      return null;
    }
    const worth = "the fragment it is to commit";
    let commit = await this.#statement(seen, COMMIT, COMMIT_TYPE, name, worth);
    if (commit !== null && BigInt(commit.facts.sequence) !== sequence) {
      const text = `is the commit of fragment ${commit.facts.sequence}, in another one's place`;
      this.found.say(FindingKind.FORGED, text, name);
      commit = null;
    }
    if (commit === null) {
      this.chain.skipForged(sequence);
      return null;
    }
    return this.chain.commit(commit, seen.sha256);
  }

  /** @param {MemberSeen} seen */
  #tornTail(seen) {
    if (!this.headerSeen) this.#headerMissing();
    if (this.torn !== null) this.found.say(FindingKind.EXTRA, "is there twice", TORN_NAME);
    else this.torn = located(seen);
  }

  /** @param {MemberSeen} seen */
  async #end(seen) {
    if (!this.headerSeen) this.#headerMissing();
    this.ended = true;
    for (const number of this.chain.waiting) this.chain.uncommitted(number);
    const end = await this.#statement(seen, END, END_TYPE, END_NAME, "how the recording ended");
    if (end === null) {
      this.found.leaveTimeOpen(this.chain.at.untilUs);
      return;
    }
    this.end = end;
    this.chain.end(end.commits, end.previous, END_NAME);
    this.#judgeEnd(end);
    this.result.addClosing(end.closing, seen.sha256);
  }

  /** @param {RecordingEnd} end */
  #judgeEnd(end) {
    const { closing } = end;
    const { result } = this;
    this.#judgeTorn(end);
    if (this.chain.init !== null && end.commits === 0) {
      this.found.say(FindingKind.UNCOMMITTED, "is vouched for by no statement", INIT_NAME);
    }
    const isWhole = this.chain.at.linked && result.commits === end.commits;
    if (isWhole && BigInt(closing.frames) !== result.frames) {
      const text = `counts ${closing.frames} pictures, and the commits ${result.frames}`;
      this.found.say(FindingKind.CONTRADICTION, text, END_NAME);
    }
    this.#checkClosing(closing);
    if (closing.reason === RECOVERED) {
      const text = "the recording was interrupted and closed by repair";
      this.found.say(FindingKind.RECOVERED, text, END_NAME, "", { severity: Severity.NOTE });
    }
  }

  /** @param {RecordingEnd} end */
  #judgeTorn(end) {
    if (!isSame(this.torn, end.torn)) {
      if (this.torn === null) {
        const text = "is missing, and the end describes it";
        this.found.say(FindingKind.MISSING, text, TORN_NAME);
      } else if (end.torn === null) {
        const text = "is there, and the end does not know it";
        this.found.say(FindingKind.FOREIGN, text, TORN_NAME);
      } else {
        const text = "has other bytes than those that were signed";
        this.found.say(FindingKind.CHANGED, text, TORN_NAME);
      }
    } else if (end.torn !== null) {
      const text = `repair kept ${end.torn.bytes} bytes from behind the last commit; no footage`;
      this.found.say(FindingKind.TORN, text, TORN_NAME, "", { severity: Severity.NOTE });
    }
  }

  /**
   * An end cannot know what comes after it. Only times of the header's boot can be compared.
   * @param {Closing} closing
   */
  #checkClosing(closing) {
    const { header, endUs } = this.result;
    if (header === null || !this.chain.at.linked) return;
    const nowUs = closing.boot_id === header.boot_id ? closing.clock.boot_us : 0;
    const endsUs = this.chain.hasFootage ? header.origin_us + endUs : 0;
    const knownUs = Math.max(header.trigger_us, endsUs, nowUs);
    if (closing.at_us > knownUs + AHEAD_US) {
      this.found.contradict("footage was wanted until after it", END_NAME);
    }
    this.chain.checkClosing(closing, Math.max(knownUs, closing.at_us), END_NAME);
  }

  /** @param {import("./reader.js").Tail} tail @param {boolean} running */
  #unclosed(tail, running) {
    if (running) {
      const text = "the recording goes on: proven is what was committed up to now";
      this.found.say(FindingKind.RUNNING, text, "", "", { severity: Severity.NOTE });
      return;
    }
    const what = tail.name || this.#expected(this.chain.pending.size > 0);
    for (const number of this.chain.waiting) {
      const text = "is vouched for by no statement";
      this.found.say(FindingKind.UNCOMMITTED, text, fragmentName(number));
    }
    if (tail.kind !== TailKind.ZEROS && tail.size > 0) {
      const where = `${tail.size} bytes at ${tail.offset}`;
      const text = `is cut or damaged: ${where}, and no member behind them`;
      this.found.say(FindingKind.LOST, text, what);
    }
    const text =
      "the end is missing: the recording was interrupted and not repaired yet, or cut; " +
      "whether there was more cannot be proven";
    this.found.say(FindingKind.UNCLOSED, text, END_NAME, "", { fromUs: this.chain.at.untilUs });
  }

  // -- statements --------------------------------------------------------------------------------

  /**
   * What a statement says, null if it is not authentic.
   * @param {MemberSeen} seen
   * @param {string} kind
   * @param {import("./json.js").ObjectType} type
   * @param {string} name
   * @param {string} worth what it is worth
   * @returns {Promise<any>}
   */
  async #statement(seen, kind, type, name, worth) {
    if (seen.token === null) {
      const text = `is too long for a statement: ${seen.size} bytes`;
      this.found.say(FindingKind.FORGED, text, name);
      return null;
    }
    let statement, said;
    try {
      statement = jws.parse(seen.token);
      this.result.kid ??= statement.kid;
      await jws.check(statement, this.keys);
      said = jws.decode(statement, kind, type);
    } catch (error) {
      if (error instanceof jws.UnknownKeyError) {
        this.found.say(FindingKind.UNKNOWN_KEY, `is ${error.message}`, name);
      } else if (error instanceof jws.JwsError) {
        const text = `is not authentic, and with it ${worth}: ${error.message}`;
        this.found.say(FindingKind.FORGED, text, name);
      } else throw error;
      return null;
    }
    if (statement.kid !== this.result.kid) {
      if (this.chain.hasKey) {
        const text = `is signed by another trusted key (${statement.kid}) than the recording's`;
        this.found.say(FindingKind.FORGED, text, name);
        return null;
      }
      this.result.kid = statement.kid;
    }
    return said;
  }

  /**
   * Name of the member that comes next, for one whose name is lost.
   * @param {boolean} isStatement
   */
  #expected(isStatement) {
    const { chain } = this;
    if (!this.headerSeen) return isStatement ? HEADER_NAME : INIT_NAME;
    if (isStatement) return chain.pending.size > 0 ? commitName(chain.at.next) : END_NAME;
    if (chain.init === null && !chain.hasFootage) return INIT_NAME;
    return fragmentName(chain.at.next);
  }
}

/** @param {MemberSeen} seen @returns {Located} */
function located(seen) {
  return { bytes: seen.size, sha256: seen.sha256, offset: seen.offset + BLOCK };
}
