// A recording as the player needs it: statements as they are proven, and checked members.
//
// Two checks go on. The quick one (`openProven`) follows the chain of signatures; what is asked for
// is compared with what was signed before it is handed out. The whole one (`judge`) reads every
// byte, takes its time, and says in the end what `camerad evidence verify` says. Where it finds that
// the recording is not authentic, nothing but the commits that it has proven are there from then on.
//
// Commits are counted from 0 among those that are there, which are numbers of the recording's own as
// long as none is missing.

import { fragmentName, INIT_NAME } from "./evidence/chain.js";
import { judge, openProven } from "./evidence/judge.js";
import { NotProvenError, readChecked } from "./evidence/opened.js";
import { SourceError } from "./evidence/source.js";
import { Exit } from "./evidence/verdict.js";
import { Timeline } from "./timeline.js";

/** How many statements are asked for at once, and how often it is told that there are more. */
const STRIDE = 16;
const TOLD_MS = 250;

/**
 * Dispatches `growth` when other statements are proven, `progress` while all of it is checked, and
 * `verdict` when that is done. Use `ProvenRecording.open` to get one.
 */
export class ProvenRecording extends EventTarget {
  #opened;
  #source;
  #how;
  #abort = new AbortController();
  /** @type {(() => void)[]} */
  #waiting = [];
  /** The first members, which were fetched before there was a key. @type {(Promise<Uint8Array> | null)[]} */
  #ahead = [null, null];
  /** How many wait for a picture just now; meanwhile the checks wait. */
  #hurries = 0;
  /** @type {(() => void)[]} */
  #patient = [];
  /** Resolves when all statements are known that can be. */
  #walked = Promise.resolve();

  constructor(source, how, opened) {
    super();
    this.#source = source;
    this.#how = how;
    this.#opened = opened;
    /** What of it is proven; null while nothing is. @type {Timeline | null} */
    this.timeline = null;
    /** What the end says; null while none is proven. @type {any} */
    this.closing = null;
    /** The commits that are there. @type {{sequence: number, fragment: any, init: any, facts: any}[]} */
    this.commits = [];
    /** Whether all statements are known that can be. */
    this.complete = opened === null;
    /** Why not all statements can be read; null if they can. @type {SourceError | null} */
    this.failed = null;
    /** What the whole check found; null before it is done. @type {any} */
    this.verdict = null;
    /** Bytes that the whole check has done. */
    this.done = 0;
    if (opened === null) return;
    this.timeline = new Timeline(opened.header);
    this.#take();
    this.#walked = this.#walk();
  }

  /**
   * The recording in a source. Where not even its beginning is proven nothing is there before `check`
   * is done, and perhaps not then. Throws SourceError, and KeyError for a key that is none.
   * @param {import("./evidence/source.js").Source} source
   * @param {{key: Uint8Array, name?: string}} how the camera's public key, and the file's name
   */
  static async open(source, how) {
    let opened = null;
    try {
      opened = await openProven(source, how);
    } catch (error) {
      if (!(error instanceof NotProvenError)) throw error;
    }
    return new ProvenRecording(source, how, opened);
  }

  /** Bytes of the recording's file. */
  get size() {
    return this.#source.size;
  }

  /** Whether it was found not to be authentic. */
  get isBad() {
    return this.verdict !== null && this.verdict.exit >= Exit.NOT_AUTHENTIC;
  }

  /** Up to which byte the statements are known. */
  get knownBytes() {
    const last = this.commits.at(-1)?.fragment;
    return last === undefined ? 0 : last.offset + last.size;
  }

  /** What the chain of statements has proven since. */
  #take() {
    const { commits, end } = this.#opened;
    const more = commits.slice(this.commits.length);
    for (const one of more) {
      this.commits.push(one);
      this.timeline.add(one.facts);
    }
    if (end !== null && this.closing === null) {
      this.closing = end.closing;
      this.timeline.close(end.closing);
    }
    this.#grown();
  }

  #grown() {
    this.#waiting.splice(0).forEach((wake) => wake());
    this.dispatchEvent(new Event("growth"));
  }

  async #walk() {
    let told = performance.now();
    const opened = this.#opened;
    try {
      while (!opened.finished && !this.#abort.signal.aborted && !this.isBad) {
        await this.#calm(() => this.#waiting.length > 0);
        await opened.upTo(opened.commits.length + STRIDE - 1);
        if (this.isBad) return;
        if (this.#waiting.length === 0 && performance.now() - told < TOLD_MS) continue;
        this.#take();
        told = performance.now();
      }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.failed = error;
    }
    if (this.isBad) return;
    this.complete = true;
    this.#take();
  }

  /**
   * Let both checks wait, because a person waits for a picture; until what this returns is called.
   * @returns {() => void}
   */
  hurry() {
    let isOver = false;
    this.#hurries += 1;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#hurries -= 1;
      if (this.#hurries === 0) this.#patient.splice(0).forEach((wake) => wake());
    };
  }

  /** Wait until no person waits for a picture, or this is what they wait for. */
  async #calm(isWanted = () => false) {
    while (this.#hurries > 0 && !isWanted()) {
      await new Promise((resolve) => this.#patient.push(() => resolve(undefined)));
    }
  }

  /** Wait until something holds of the timeline, or everything is known. @param {() => boolean} is */
  async until(is) {
    while (!is() && !this.complete) {
      await new Promise((resolve) => {
        this.#waiting.push(() => resolve(undefined));
        this.#patient.splice(0).forEach((wake) => wake());
      });
    }
  }

  /** Fetch and check what is needed first, so that it is there when the key is. */
  prepare() {
    this.#ahead = [this.#readInit(), this.#readFragment(0)];
    // The part that needs it hears of a failure.
    for (const one of this.#ahead) one?.catch(() => {});
  }

  /** What was fetched ahead, once; null if it was not. @param {0 | 1} which */
  #taken(which) {
    const ahead = this.#ahead[which];
    this.#ahead[which] = null;
    return ahead;
  }

  /** The sealed initialisation segment, checked. Throws NotProvenError and SourceError. */
  async init() {
    return this.#taken(0) ?? this.#readInit();
  }

  /**
   * A sealed fragment, checked. Throws NotProvenError and SourceError.
   * @param {number} number of the commit, among those that are there
   */
  async fragment(number) {
    return (number === 0 ? this.#taken(1) : null) ?? this.#readFragment(number);
  }

  async #readInit() {
    const place = this.commits.find(({ init }) => init !== null)?.init;
    if (place === undefined) throw new NotProvenError("no beginning of the footage is proven");
    return readChecked(this.#source, place, INIT_NAME);
  }

  async #readFragment(/** @type {number} */ number) {
    const commit = this.commits[number];
    if (commit === undefined) throw new NotProvenError(`no fragment ${number} is proven`);
    return readChecked(this.#source, commit.fragment, fragmentName(commit.sequence));
  }

  /**
   * Check all of it, once all statements are known. Throws SourceError where that cannot be finished.
   */
  async check() {
    // In no hurry: what a person waits for goes first.
    await this.#walked;
    if (this.failed !== null) throw this.failed;
    // Of the bytes themselves, and not of what they are said to be (extents.js).
    const whole = this.#source.whole ?? this.#source;
    const patient = {
      size: whole.size,
      open: () => whole.open(),
      read: async (/** @type {number} */ from, /** @type {number} */ to) => {
        await this.#calm();
        return whole.read(from, to);
      },
    };
    const verdict = await judge(patient, {
      ...this.#how,
      signal: this.#abort.signal,
      onProgress: (done) => {
        this.done = done;
        this.dispatchEvent(new Event("progress"));
      },
    });
    // What was a recording a moment ago is one; it cannot be read any more.
    if (verdict.exit === Exit.UNREADABLE && this.timeline !== null) {
      throw new SourceError(verdict.problem ?? "");
    }
    this.verdict = verdict;
    // An unbroken chain may look broken where its place was told wrongly.
    if (this.isBad || this.#opened === null || this.#opened.broken !== null) this.#restrict(verdict);
    this.dispatchEvent(new Event("verdict"));
    return verdict;
  }

  /** Let nothing be there but what was proven. */
  #restrict({ header, commits, end, endLinked }) {
    this.complete = true;
    this.#ahead = [null, null];
    this.commits = header === null ? [] : commits.filter((/** @type {any} */ one) => one.proven);
    this.timeline = null;
    this.closing = null;
    if (this.commits.length > 0) {
      this.timeline = new Timeline(header);
      for (const { facts } of this.commits) this.timeline.add(facts);
      if (end !== null && endLinked) {
        this.closing = end.closing;
        this.timeline.close(end.closing);
      }
    }
    this.#grown();
  }

  /** End both checks. */
  close() {
    this.#abort.abort();
    this.complete = true;
    this.#waiting.splice(0).forEach((wake) => wake());
  }
}
