// A recording as the player needs it: statements as they are proven, and checked members.
//
// Two checks go on. The quick one (`openProven`) follows the chain of signatures; what is asked for
// is compared with what was signed before it is handed out. The whole one (`judge`) reads every
// byte, takes its time, and says in the end what `camerad evidence verify` says. What it does not
// find proven is not handed out from then on.

import { judge, openProven } from "./evidence/judge.js";
import { SourceError } from "./evidence/source.js";
import { Timeline } from "./timeline.js";

/** Error thrown when what was asked for is not proven. */
export class UnprovenError extends Error {
  /** @param {number} number of the first fragment that is not @param {unknown} [cause] */
  constructor(number, cause) {
    super(`fragment ${number} is not proven`, { cause });
    this.name = "UnprovenError";
    this.number = number;
  }
}

/**
 * Dispatches `growth` when more statements are proven, `progress` while all of it is checked, and
 * `verdict` when that is done.
 */
export class ProvenRecording extends EventTarget {
  #opened;
  #source;
  #key;
  #abort = new AbortController();
  #walking;
  #waiting = [];

  constructor(source, key, opened) {
    super();
    this.#source = source;
    this.#key = key;
    this.#opened = opened;
    this.header = opened.header;
    this.timeline = new Timeline(opened.header);
    /** Whether all statements are known that can be. */
    this.complete = false;
    /** Why the chain of statements ends before the recording does; null if it does not. */
    this.broken = null;
    /** @type {any} what the whole check found; null before it is done */
    this.verdict = null;
    /** Bytes that the whole check has done. */
    this.done = 0;
    this.#take();
    this.#walking = this.#walk();
  }

  /**
   * The recording in a source, with the first of its statements proven. Throws what the judge throws
   * where there is nothing that is proven, and SourceError.
   * @param {import("./evidence/source.js").Source} source
   * @param {Uint8Array} key the camera's public key
   */
  static async open(source, key) {
    await source.open();
    return new ProvenRecording(source, key, await openProven(source, { key }));
  }

  /** Bytes of the recording's file. */
  get size() {
    return this.#source.size;
  }

  /** What the end says of the recording; null where none is proven. */
  get closing() {
    return this.#opened.end?.closing ?? null;
  }

  /** Up to which byte the statements are known. */
  get knownBytes() {
    const last = this.#opened.commits.at(-1)?.fragment;
    return last === undefined ? 0 : last.offset + last.size;
  }

  /** How many commits are proven by now. */
  get count() {
    const known = this.timeline.facts.length;
    return this.verdict === null ? known : Math.min(known, this.verdict.proven);
  }

  #take() {
    const { facts } = this.timeline;
    for (const commit of this.#opened.commits.slice(facts.length)) this.timeline.add(commit.facts);
    if (this.#opened.end !== null && this.timeline.closed === null) {
      this.timeline.close(this.#opened.end.closing);
    }
    this.#waiting.splice(0).forEach((wake) => wake());
    this.dispatchEvent(new Event("growth"));
  }

  async #walk() {
    let told = performance.now();
    try {
      while (!this.#abort.signal.aborted && (await this.#opened.extend())) {
        if (this.#waiting.length === 0 && performance.now() - told < 100) continue;
        this.#take();
        told = performance.now();
      }
    } catch (error) {
      this.broken = error;
    }
    this.complete = true;
    this.#take();
  }

  /** Wait until something holds of the timeline, or everything is known. @param {() => boolean} is */
  async until(is) {
    while (!is() && !this.complete) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The sealed initialisation segment, checked. */
  async init() {
    if (this.count === 0) throw new UnprovenError(0);
    return proven(0, this.#opened.init());
  }

  /** A sealed fragment, checked. @param {number} number */
  async fragment(number) {
    if (number >= this.count) throw new UnprovenError(number, this.broken);
    return proven(number, this.#opened.fragment(number));
  }

  /** Check all of it; resolves with the verdict, and is to be called once. */
  async check() {
    const verdict = await judge(this.#source, {
      key: this.#key,
      signal: this.#abort.signal,
      onProgress: (done) => {
        this.done = done;
        this.dispatchEvent(new Event("progress"));
      },
    });
    this.verdict = verdict;
    this.dispatchEvent(new Event("verdict"));
    return verdict;
  }

  /** End both checks. */
  close() {
    this.#abort.abort();
    return this.#walking;
  }
}

/** What a member is, or why it is not shown. @param {number} number @param {Promise<Uint8Array>} member */
async function proven(number, member) {
  try {
    return await member;
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new UnprovenError(number, error);
  }
}
