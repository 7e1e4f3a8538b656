// The quick way to the first pictures: no more is checked than what is handed out, and nothing is
// handed out that was not checked.
//
// `openProven` checks the header and the first commit. `Opened.fragment` checks the chain of signed
// statements up to a fragment, then the fragment's own SHA-256. It is strict: at the first byte
// that is not as the format says, or the first statement that does not fit, the chain ends here
// (`Opened.broken`), and only `judge` says what is proven behind it. Whether all of the recording
// is there, and its times, only `judge` says as well.
//
// Statements are read one after the other, some kilobytes at a time; fragments only if asked for.
// While signatures and digests of some are worked out, the next ones are read already; none of them
// is used before its turn has come and all of it holds.

import { ArchiveError, Window, members } from "./archive.js";
import { END_NAME, HEADER_NAME, INIT_NAME, TORN_NAME, commitName, fragmentName } from "./chain.js";
import * as jws from "./jws.js";
import { hexDigest, keyRing } from "./keys.js";
import { COMMIT, COMMIT_TYPE, END, END_TYPE, FORMAT, HEADER, HEADER_TYPE } from "./statements.js";
import { isSame, untilUs } from "./statements.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {import("./archive.js").Located} Located */
/** @typedef {import("./statements.js").Content} Content */
/** @typedef {import("./statements.js").Header} Header */
/** @typedef {import("./statements.js").Commit} Commit */
/** @typedef {{offset: number, size: number, sha256: string}} Place */
/**
 * A commit to which the chain leads; what its fragment is worth shows when it is read.
 * @typedef {{sequence: number, fragment: Place, init: Place | null,
 *   facts: import("./statements.js").FragmentFacts}} Linked
 */

/**
 * A commit that was read, and is not linked yet.
 * @typedef {object} Candidate
 * @property {Linked} linked
 * @property {Located} token
 * @property {string} previous the statement before, as it says
 * @property {Promise<string>} digest of the token, once its signature was checked; rejects with
 *   NotProvenError
 */

/** The most commits that are worked on at once. */
const MOST_AT_ONCE = 64;

/** Error thrown where something is not proven, and so is not handed out. */
export class NotProvenError extends Error {
  /** @param {string} text @param {unknown} [cause] */
  constructor(text, cause) {
    super(text, { cause });
    this.name = "NotProvenError";
  }
}

/**
 * A recording to be played from. Throws NotProvenError if its header, or its first commit, is not
 * by the key; SourceError; KeyError.
 * @param {Source} source
 * @param {{key: Uint8Array}} how key: the camera's registered public key, raw
 * @returns {Promise<Opened>}
 */
export async function openProven(source, { key }) {
  await source.open();
  const opened = new Opened(source, await keyRing([key]));
  await opened.begin();
  return opened;
}

/** How far the chain was checked, and what it leads to. Use `openProven` to get one. */
export class Opened {
  /**
   * @param {Source} source
   * @param {Map<string, import("./keys.js").PublicKey>} keys
   */
  constructor(source, keys) {
    this.source = source;
    this.keys = keys;
    /** @type {Linked[]} as far as the chain was checked */
    this.commits = [];
    /** @type {import("./statements.js").RecordingEnd | null} once the chain was checked up to it */
    this.end = null;
    /**
     * Why the chain ends before the recording's end; null as long as it does not.
     * @type {NotProvenError | null}
     */
    this.broken = null;
    this.window = new Window(source);
    this.members = members(source, { window: this.window });
    /** Where what was checked ends, and the digest of its last statement. */
    this.offset = 0;
    this.previous = "";
    /** @type {Candidate[]} what was read behind that */
    this.candidates = [];
    /** @type {Promise<void>} what was asked for first is checked first */
    this.turn = Promise.resolve();
    /** @type {Header | null} */
    this.said = null;
  }

  /** What the recording is. @returns {Header} */
  get header() {
    if (this.said === null) throw new NotProvenError("the header was not checked yet");
    return this.said;
  }

  /** Whether the chain was checked as far as it goes. */
  get finished() {
    return this.end !== null || this.broken !== null;
  }

  /** Check the header, and the first commit if there is one. */
  async begin() {
    const found = await this.#member();
    if (found?.name !== HEADER_NAME) {
      throw new NotProvenError("there is no header at the beginning");
    }
    const { said, digest } = await this.#statement(found, HEADER, HEADER_TYPE);
    this.#advance(found, await digest);
    if (said.format !== FORMAT) {
      throw new NotProvenError(`the recording is of format ${said.format}; known is ${FORMAT}`);
    }
    this.said = said;
    await this.upTo(0);
    if (this.broken !== null && this.commits.length === 0) throw this.broken;
  }

  /**
   * Check the chain up to commit `sequence`, or as far as it goes. Returns that commit, null if the
   * chain ends before it.
   * @param {number} sequence
   * @returns {Promise<Linked | null>}
   */
  async upTo(sequence) {
    return this.#until(
      () => this.commits.length + this.candidates.length > sequence,
      () => this.commits[sequence] ?? null,
    );
  }

  /**
   * The commit whose pictures or sound are at a media time: the first that ends behind it. Null
   * behind the last one.
   * @param {number} mediaUs
   */
  async at(mediaUs) {
    const ends = (/** @type {Linked | undefined} */ one) =>
      one !== undefined && untilUs(one.facts) > mediaUs;
    return this.#until(
      () => ends(this.candidates.at(-1)?.linked ?? this.commits.at(-1)),
      () => this.commits.find(ends) ?? null,
    );
  }

  /**
   * The sealed initialisation segment, checked.
   * @returns {Promise<Uint8Array>}
   */
  async init() {
    const first = await this.upTo(0);
    if (!first?.init) throw this.broken ?? new NotProvenError("there is no footage");
    return readChecked(this.source, first.init, INIT_NAME);
  }

  /**
   * A sealed fragment, checked, with the chain that leads to it. Throws NotProvenError.
   * @param {number} sequence
   * @returns {Promise<Uint8Array>}
   */
  async fragment(sequence) {
    const found = await this.upTo(sequence);
    const name = fragmentName(sequence);
    if (found === null) throw this.broken ?? new NotProvenError(`there is no ${name}`);
    return readChecked(this.source, found.fragment, name);
  }

  /**
   * @template T
   * @param {() => boolean} isThere whether it was read
   * @param {() => T} wanted what is left of it once all was checked
   */
  async #until(isThere, wanted) {
    const before = this.turn;
    const work = (async () => {
      await before;
      while (!this.finished && !isThere()) await this.#next();
      await this.#settle();
    })();
    // What went wrong is told to the caller that asked, not to the next one.
    this.turn = work.catch(() => undefined);
    await work;
    return wanted();
  }

  /** Go on by one commit, or to the end. */
  async #next() {
    try {
      const found = await this.#member();
      if (found === null) throw new NotProvenError("the recording has no end");
      if (found.name === END_NAME || found.name === TORN_NAME) await this.#close(found);
      else await this.#commit(found);
    } catch (error) {
      await this.#settle();
      if (!(error instanceof NotProvenError)) throw this.#restarted(error);
      // What is wrong before it counts.
      this.broken ??= error;
    }
  }

  /** Link what was read, in its order, as far as all of it holds. */
  async #settle() {
    const candidates = this.candidates;
    this.candidates = [];
    for (const { linked, token, previous, digest } of candidates) {
      try {
        const said = await digest;
        if (previous !== this.previous) throw doesNotCommit(token);
        this.#advance(token, said);
      } catch (error) {
        if (!(error instanceof NotProvenError)) throw this.#restarted(error);
        this.broken = error;
        return;
      }
      this.commits.push(linked);
    }
  }

  /** A caller that asks again after `error` begins behind what was checked. @param {unknown} error */
  #restarted(error) {
    this.members = members(this.source, { from: this.offset, window: this.window });
    return error;
  }

  /** @param {Located} statement @param {string} digest */
  #advance(statement, digest) {
    this.offset = statement.endOffset;
    this.previous = digest;
  }

  /** @param {Located} first */
  async #commit(first) {
    const sequence = this.commits.length + this.candidates.length;
    let segment = null;
    let fragment = first;
    if (sequence === 0) {
      this.#expect(first, INIT_NAME);
      segment = first;
      fragment = await this.#following(fragmentName(0));
    }
    this.#expect(fragment, fragmentName(sequence));
    const token = await this.#following(commitName(sequence));
    const { said, digest } = await this.#statement(token, COMMIT, COMMIT_TYPE);
    const fits =
      said.facts.sequence === sequence &&
      said.fragment.bytes === fragment.size &&
      (said.init?.bytes ?? null) === (segment?.size ?? null);
    if (!fits) throw doesNotCommit(token);
    const linked = {
      sequence,
      fragment: placed(fragment, said.fragment),
      init: segment && placed(segment, said.init),
      facts: said.facts,
    };
    this.candidates.push({ linked, token, previous: said.previous, digest });
    if (this.candidates.length >= MOST_AT_ONCE) await this.#settle();
  }

  /** @param {Located} first */
  async #close(first) {
    const torn = first.name === TORN_NAME ? first : null;
    const token = torn === null ? first : await this.#following(END_NAME);
    const { said, digest } = await this.#statement(token, END, END_TYPE);
    await this.#settle();
    if (this.broken !== null) return;
    await digest;
    const isLinked = said.previous === this.previous && said.commits === this.commits.length;
    if (!isLinked || (said.torn?.bytes ?? null) !== (torn?.size ?? null)) {
      throw new NotProvenError("the end does not fit what lies before it");
    }
    this.end = said;
  }

  /** The next member, null behind the last. */
  async #member() {
    try {
      const { value } = await this.members.next();
      return value ?? null;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      throw new NotProvenError(`the recording breaks off: ${error.message}`, error);
    }
  }

  /** @param {string} name */
  async #following(name) {
    const found = await this.#member();
    if (found === null) throw new NotProvenError(`${name} is missing`);
    return this.#expect(found, name);
  }

  /** @param {Located} found @param {string} name */
  #expect(found, name) {
    if (found.name === name) return found;
    throw new NotProvenError(`${found.name} is where ${name} belongs`);
  }

  /**
   * What a statement says, if it is spelled as it has to be; its digest comes once it is clear that
   * the key has signed it.
   * @param {Located} found
   * @param {string} kind
   * @param {import("./json.js").ObjectType} type
   */
  async #statement(found, kind, type) {
    if (found.size > jws.LONGEST) {
      throw new NotProvenError(`${found.name} is too long for a statement`);
    }
    const token = await this.window.read(found.offset, found.size);
    try {
      const statement = jws.parse(token);
      const said = jws.decode(statement, kind, type);
      const digest = this.#digest(found.name, statement, token);
      // It is awaited in its turn.
      digest.catch(() => undefined);
      return { said, digest };
    } catch (error) {
      throw notAuthentic(found.name, error);
    }
  }

  /** @param {string} name @param {jws.Statement} statement @param {Uint8Array} token */
  async #digest(name, statement, token) {
    const digest = hexDigest(token);
    try {
      await jws.check(statement, this.keys);
    } catch (error) {
      throw notAuthentic(name, error);
    }
    return digest;
  }
}

/** @param {Located} token */
function doesNotCommit(token) {
  return new NotProvenError(`${token.name} does not commit what lies before it`);
}

/** @param {string} name @param {unknown} error */
function notAuthentic(name, error) {
  if (!(error instanceof jws.JwsError)) return error;
  return new NotProvenError(`${name} is not authentic: ${error.message}`, error);
}

/**
 * The bytes of a member, if they are what was signed. Throws NotProvenError.
 * @param {Source} source
 * @param {Place} place of a commit that is proven
 * @param {string} name for the message
 */
export async function readChecked(source, place, name) {
  const bytes = await source.read(place.offset, place.offset + place.size);
  const there = { bytes: bytes.length, sha256: await hexDigest(bytes) };
  if (isSame(there, { bytes: place.size, sha256: place.sha256 })) return bytes;
  throw new NotProvenError(`${name} has other bytes than those that were signed`);
}

/** @param {Located} member @param {Content} signed @returns {Place} */
function placed(member, signed) {
  return { offset: member.offset, size: member.size, sha256: signed.sha256 };
}
