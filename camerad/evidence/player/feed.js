// Feeds a <video> element with a recording: what is around the position is fetched, checked,
// decrypted and appended; what is behind it is removed. Memory does not grow with the recording.
//
// Buffered is one unbroken run of fragments, `from` up to, and without, `next`. A seek beyond it
// begins a new run, with the last key frame at or before the place. Nothing is appended that was not
// checked (`recording.js`), and nothing decrypted is kept but in the element's buffers.

import { NoKeyError, WrongKeyError } from "./key_file.js";
import { NotProvenError } from "./evidence/opened.js";
import { SourceError } from "./evidence/source.js";
import { SegmentError, samplesOf, segment, silence, tracksOf } from "./fragments.js";

const SECOND = 1_000_000;
/** Footage that is kept ahead of the position, and behind it. */
const AHEAD_US = 15 * SECOND;
const BEHIND_US = 12 * SECOND;
/** Removed is what is longer behind than that, so that it is not done for each fragment. */
const SLACK_US = 4 * SECOND;
/** How far back a key frame is looked for, in fragments. */
const FARTHEST_KEY = 120;
/** Fragments that are fetched at once. */
const PARALLEL = 4;
/** Seconds that no recording reaches. */
const LONGEST_S = 30 * 24 * 3600;
/** What an element says when a picture is there. */
const ARRIVALS = ["loadeddata", "seeked"];
/** A silence that is shorter is no hole for a decoder. */
const HEARD_GAP_US = 25_000;

/** Dispatches `stopped` with the error as its detail when nothing more can be played. */
export class Feed extends EventTarget {
  #video;
  #recording;
  #key;
  #media = new MediaSource();
  /** @type {import("./fragments.js").Track[]} */
  #tracks = [];
  /** @type {Map<import("./fragments.js").Track, SourceBuffer>} */
  #buffers = new Map();
  /** @type {Map<number, Promise<any>>} */
  #loading = new Map();
  #url = "";
  #run = 0;
  #from = 0;
  #next = -1;
  #heard = 0;
  /** Whether the next picture has to be a key frame. */
  #waits = true;
  #wake = () => {};
  /** Ends the hurry for a person who waits for a picture. */
  #arrived = () => {};
  /** Whether no picture is there yet. */
  #isAwaited = true;
  #closed = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {import("./recording.js").ProvenRecording} recording
   * @param {import("./key_file.js").HeldKey} key
   */
  constructor(video, recording, key) {
    super();
    this.#video = video;
    this.#recording = recording;
    this.#key = key;
    /** When each buffered picture begins, ascending. @type {number[]} */
    this.pictures = [];
    /** Bytes that are buffered by now, as they were appended. */
    this.kept = 0;
    /** Why nothing more can be played, null while it can. @type {Error | null} */
    this.stopped = null;
  }

  /** The timeline of the recording. */
  get timeline() {
    return this.#recording.timeline;
  }

  /**
   * Begin at a time. Throws NotProvenError, NoKeyError, WrongKeyError, SegmentError, SourceError, and
   * UnplayableError if the browser has no decoder for it.
   * @param {number} at
   */
  async start(at) {
    this.#arrived = this.#recording.hurry();
    try {
      await this.#begin(at);
    } catch (error) {
      // A picture that never comes keeps nothing from the check.
      this.#arrived();
      throw error;
    }
  }

  async #begin(at) {
    const [init] = await Promise.all([
      this.#recording.init().then((sealed) => this.#key.decrypt(sealed)),
      this.#attach(),
    ]);
    // Else a seek beyond what was appended would end there. At the end it becomes what it is.
    this.#media.duration = LONGEST_S;
    this.#tracks = tracksOf(init);
    for (const track of this.#tracks) {
      const type = `${track.picture ? "video" : "audio"}/mp4; codecs="${track.codec}"`;
      if (!MediaSource.isTypeSupported(type)) throw new UnplayableError(type);
      this.#buffers.set(track, this.#media.addSourceBuffer(type));
    }
    // No buffer may be added once one has been told its format.
    for (const [track, buffer] of this.#buffers) {
      await changed(buffer, () => buffer.appendBuffer(track.init));
    }
    this.#video.addEventListener("timeupdate", this.#moved);
    for (const name of ARRIVALS) this.#video.addEventListener(name, this.#there);
    this.seek(at);
  }

  #attach() {
    return new Promise((resolve) => {
      this.#media.addEventListener("sourceopen", () => resolve(undefined), { once: true });
      this.#url = URL.createObjectURL(this.#media);
      this.#video.src = this.#url;
    });
  }

  #moved = () => this.#wake();

  #there = () => {
    this.#isAwaited = false;
    this.#arrived();
  };

  /** Show a time: at once if it is buffered, else as soon as it is. @param {number} at */
  seek(at) {
    if (this.#closed) return;
    const { timeline } = this;
    const number = timeline.commitAt(at);
    const isBuffered = number >= this.#from && number < this.#next && at >= (this.pictures[0] ?? Infinity);
    if (this.stopped === null && isBuffered) {
      this.#video.currentTime = seconds(at);
      this.#wake();
      return;
    }
    this.stopped = null;
    this.#run += 1;
    this.#wake();
    this.#arrived();
    this.#arrived = this.#recording.hurry();
    const run = this.#run;
    this.#pump(run, at).catch((error) => {
      if (run !== this.#run || this.#closed) return;
      this.#arrived();
      this.stopped = error;
      this.dispatchEvent(new CustomEvent("stopped", { detail: error }));
    });
  }

  /**
   * The first picture that is shown at `at` or behind it; `at` itself where none is buffered yet, null
   * behind the last one.
   * @param {number} at
   */
  nextPicture(at) {
    if (at > this.timeline.lastPicture) return null;
    return this.pictures.find((time) => time >= at - 1000) ?? at;
  }

  /** Let go of everything that was decrypted. */
  close() {
    this.#closed = true;
    this.#run += 1;
    this.#wake();
    this.#video.removeEventListener("timeupdate", this.#moved);
    for (const name of ARRIVALS) this.#video.removeEventListener(name, this.#there);
    this.#arrived();
    this.#loading.clear();
    this.#buffers.clear();
    this.pictures = [];
    this.kept = 0;
    if (this.#url === "") return;
    this.#video.removeAttribute("src");
    this.#video.load();
    URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  async #pump(run, at) {
    // The run before ends first: a buffer takes one thing at a time.
    await this.#emptied(run);
    if (run !== this.#run) return;
    // Not before: an element takes a buffer that begins a little behind the place for the place.
    this.#video.currentTime = seconds(at);
    const { timeline } = this;
    await this.#recording.until(() => run !== this.#run || timeline.last > at);
    if (run !== this.#run) return;
    let number = timeline.commitAt(Math.min(at, timeline.last - 1));
    number = await this.#keyFrameBefore(number, at, run);
    if (run !== this.#run) return;
    this.#from = number;
    this.#next = number;
    while (run === this.#run) {
      if (this.#isAhead()) {
        await this.#trim(run);
        await new Promise((resolve) => {
          this.#wake = () => resolve(undefined);
        });
        continue;
      }
      await this.#recording.until(() => run !== this.#run || timeline.facts.length > this.#next + 1);
      if (run !== this.#run) return;
      if (this.#next >= timeline.facts.length) {
        if (this.#recording.failed !== null) throw this.#recording.failed;
        this.#end();
        await new Promise((resolve) => {
          this.#wake = () => resolve(undefined);
        });
        continue;
      }
      await this.#append(this.#next, run);
    }
  }

  /** Wait for what the buffers are doing, and empty them. */
  async #emptied(run) {
    for (const buffer of this.#buffers.values()) {
      while (buffer.updating) await once(buffer, "updateend");
      if (run !== this.#run || this.#closed) return;
      if (buffer.buffered.length > 0) await changed(buffer, () => buffer.remove(0, Infinity));
    }
    this.pictures = [];
    this.kept = 0;
    this.#next = -1;
    this.#waits = true;
  }

  /** The fragment that has the last key frame at or before `at`. */
  async #keyFrameBefore(number, at, run) {
    const { facts } = this.timeline;
    for (let back = number; back >= Math.max(0, number - FARTHEST_KEY); back -= 1) {
      if (facts[back].frames === 0) continue;
      if (back < number && this.timeline.isTorn(back + 1)) break;
      if (back > 0) this.#load(back - 1);
      const samples = await this.#load(back);
      if (run !== this.#run) return number;
      const pictures = samples.get(this.#tracks[0]);
      // Before the first picture of all there is none to begin with.
      if (pictures.some((one) => one.sync && (one.time <= at || back === 0))) return back;
    }
    return number;
  }

  /** Whether there is enough ahead of the position; holes do not count. */
  #isAhead() {
    const { timeline } = this;
    const position = Math.max(micros(this.#video.currentTime), this.pictures[0] ?? 0);
    let ahead = 0;
    for (let number = this.#next - 1; number >= this.#from; number -= 1) {
      const { frames, first_us: first, end_us: end } = timeline.facts[number];
      if (timeline.us(end) <= position) break;
      if (frames > 0) ahead += end - Math.max(first, position + timeline.origin);
      if (ahead >= AHEAD_US) return true;
    }
    return false;
  }

  /** What a fragment has, decrypted; fetched once while it is wanted. */
  #load(number) {
    let loading = this.#loading.get(number);
    if (loading === undefined) {
      loading = this.#recording
        .fragment(number)
        .then((sealed) => this.#key.decrypt(sealed))
        .then((plain) => samplesOf(plain, this.#tracks));
      // Who waits for it hears of a mistake; who does not, need not.
      loading.catch(() => this.#loading.delete(number));
      this.#loading.set(number, loading);
    }
    return loading;
  }

  async #append(number, run) {
    const { timeline } = this;
    // Before the first picture nothing is fetched that it does not need.
    const parallel = this.#isAwaited ? 1 : PARALLEL;
    for (let ahead = 0; ahead < parallel; ahead += 1) {
      if (number + ahead < this.#recording.commits.length) this.#load(number + ahead);
    }
    const samples = await this.#load(number);
    for (const kept of this.#loading.keys()) {
      if (kept <= number || kept > number + FARTHEST_KEY) this.#loading.delete(kept);
    }
    if (run !== this.#run) return;
    const [pictured, heard] = this.#tracks;
    const pictures = standing(samples.get(pictured), timeline.holeBehind(number));
    if (heard !== undefined) await this.#appendSound(heard, samples.get(heard), pictures, number, run);
    if (pictures.length > 0 && run === this.#run) {
      if (timeline.isTorn(number)) this.#waits = true;
      // Where what was before is not there, nothing can be shown before the next key frame.
      const starts = this.#waits ? pictures.findIndex((one) => one.sync) : 0;
      const shown = starts < 0 ? [] : pictures.slice(starts);
      if (shown.length > 0) {
        this.#waits = false;
        await this.#put(pictured, shown);
        this.pictures.push(...shown.map((one) => one.time));
      }
    }
    if (run === this.#run) this.#next = number + 1;
  }

  /** Sound and, where there is none beside the pictures, silence. */
  async #appendSound(track, sounds, pictures, number, run) {
    const begins = pictures[0]?.time ?? sounds[0]?.time ?? 0;
    if (this.pictures.length === 0) this.#heard = Math.min(begins, sounds[0]?.time ?? begins);
    const put = [];
    const still = (to) => {
      if (to - this.#heard < HEARD_GAP_US) return;
      put.push(...silence(track, this.#heard, to));
      this.#heard = to;
    };
    if (sounds.length > 0) {
      still(sounds[0].time);
      put.push(...sounds);
      const last = sounds[sounds.length - 1];
      this.#heard = last.time + last.duration;
    }
    const last = pictures.at(-1);
    if (last !== undefined) {
      const until = last.time + last.duration;
      still(Math.min(until, this.timeline.nextSound(number) ?? until));
    }
    if (put.length > 0 && run === this.#run) await this.#put(track, put);
  }

  async #put(track, samples) {
    const buffer = this.#buffers.get(track);
    if (buffer === undefined) return;
    const made = segment(track, samples);
    this.kept += made.length;
    await changed(buffer, () => buffer.appendBuffer(made));
  }

  /** Remove what is long behind the position. */
  async #trim(run) {
    const until = micros(this.#video.currentTime) - BEHIND_US;
    if (this.pictures.length === 0 || until - this.pictures[0] < SLACK_US) return;
    for (const buffer of this.#buffers.values()) {
      if (run !== this.#run) return;
      await changed(buffer, () => buffer.remove(0, seconds(until)));
    }
    // A buffer removes up to the next key frame; what it has left is what counts.
    const ranges = this.#buffers.get(this.#tracks[0])?.buffered;
    const begins = ranges?.length ? micros(ranges.start(0)) : until;
    const left = this.pictures.findIndex((time) => time >= begins - 1000);
    const whole = this.pictures.length;
    this.pictures.splice(0, left < 0 ? whole : left);
    this.kept = Math.round((this.kept * this.pictures.length) / whole);
    while (this.#from < this.#next - 1) {
      const { end_us: end } = this.timeline.facts[this.#from];
      if (this.timeline.us(end) > (this.pictures[0] ?? 0)) break;
      this.#from += 1;
    }
  }

  #end() {
    if (this.#media.readyState === "open") this.#media.endOfStream();
  }
}

/** Error thrown when the browser cannot decode what the camera encoded. */
export class UnplayableError extends Error {
  /** @param {string} type */
  constructor(type) {
    super(`this browser cannot play ${type}`);
    this.name = "UnplayableError";
  }
}

/** Whether an error is one that a person at the page can do something about, and of which kind. */
export function reasonOf(error) {
  if (error instanceof NotProvenError) return "unproven";
  if (error instanceof NoKeyError) return "noKey";
  if (error instanceof WrongKeyError) return "wrongKey";
  if (error instanceof UnplayableError) return "unplayable";
  if (error instanceof SegmentError) return "notUnderstood";
  if (error instanceof SourceError) return "source";
  return "unexpected";
}

/** Pictures of which the last stands until the next one, where there is a hole behind them. */
function standing(pictures, hole) {
  if (hole === null || pictures.length === 0) return pictures;
  const last = pictures[pictures.length - 1];
  return [...pictures.slice(0, -1), { ...last, duration: hole.to - last.time }];
}

/** @param {EventTarget} target @param {string} name */
function once(target, name) {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}

/** Have a buffer do something, and wait until it has. @param {SourceBuffer} buffer @param {() => void} act */
async function changed(buffer, act) {
  let failed = false;
  buffer.addEventListener("error", () => (failed = true), { once: true });
  act();
  await once(buffer, "updateend");
  if (failed) throw new SegmentError("the browser does not take a segment");
}

/** Seconds, as an element has them: inside the picture that begins there. @param {number} us */
export const seconds = (us) => (us + 200) / SECOND;
/** @param {number} s */
export const micros = (s) => Math.round(s * SECOND);
