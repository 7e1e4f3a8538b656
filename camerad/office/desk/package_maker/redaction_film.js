// A recording's film, picture by picture, for the person who makes a redacted copy of it.
//
// What is read is what was judged (pinned_source.js). Pictures are decoded a group at a time, from a key
// picture up to the next one, and few groups are kept.

import { fragmentName, INIT_NAME } from "../player/evidence/chain.js";
import { readChecked } from "../player/evidence/judge.js";
import { samplesOf, segment } from "../player/fragments.js";
import { PicturesError, decodePictures } from "../player/pictures.js";

/** Groups of pictures that are kept decoded. */
const KEPT = 2;

/** Use `Film.open` to get one. */
export class Film {
  /** Groups that are decoded, by their first picture; the latest last. @type {Map<number, Promise<any[]>>} */
  #groups = new Map();

  /** @param {import("./maker.js").Candidate} candidate @param {any} identity @param {Uint8Array} init @param {any[]} tracks */
  constructor(candidate, identity, init, tracks) {
    this.candidate = candidate;
    this.identity = identity;
    /** The clear initialisation segment, and the tracks that it describes. */
    this.init = init;
    this.tracks = tracks;
    /** All of it: media time, whether it is a key picture, and the commit that it is in, by its place.
     * @type {{at: number, time: number, sync: boolean, commit: number}[]} */
    this.pictures = [];
    /** All sound, as a file that an element plays; null without any. @type {Blob | null} */
    this.sound = null;
    /** Bits a second that the camera's pictures have. */
    this.bitrate = 0;
    /** Media time at which the recording begins. @type {number} */
    this.origin = candidate.verdict.header.origin_us;
  }

  /**
   * Open a recording that is authentic. Throws NoKeyError, WrongKeyError, NoFilmError, SourceError.
   * @param {import("./maker.js").Candidate} candidate @param {any} identity
   * @param {(share: number) => void} onProgress
   */
  static async open(candidate, identity, onProgress) {
    const { bytes, tracks } = await candidate.init(identity);
    const film = new Film(candidate, identity, bytes, tracks);
    await film.read(onProgress);
    return film;
  }

  /**
   * Read all of it: what pictures there are, and its sound. Once more after `close`. Throws as `open`.
   * @param {(share: number) => void} onProgress
   */
  async read(onProgress) {
    const [track, heard] = this.tracks;
    const sound = heard === undefined ? [] : [heard.init];
    this.pictures = [];
    let [bytes, duration] = [0, 1];
    for (let commit = 0; commit < this.commits.length; commit += 1) {
      const samples = await this.samples(commit);
      for (const one of samples.get(track)) {
        this.pictures.push({ at: this.origin + one.time, time: one.time, sync: one.sync, commit });
        bytes += one.data.length;
        duration += one.duration;
      }
      const units = heard === undefined ? [] : samples.get(heard);
      if (units.length > 0) sound.push(segment(heard, units));
      onProgress((commit + 1) / this.commits.length);
    }
    this.bitrate = (8e6 * bytes) / duration;
    this.sound = sound.length < 2 ? null : new Blob(sound, { type: "audio/mp4" });
  }

  /** @returns {{sequence: number, fragment: any, init: any, facts: any}[]} */
  get commits() {
    return this.candidate.verdict.commits;
  }

  /** The last picture that begins at or before a media time. @param {number} at */
  pictureAt(at) {
    let [low, high] = [0, this.pictures.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.pictures[middle].at <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The group of a picture: numbers of its first picture and of the first behind it. @param {number} number */
  groupOf(number) {
    let from = number;
    while (from > 0 && !this.pictures[from].sync) from -= 1;
    let to = number + 1;
    while (to < this.pictures.length && !this.pictures[to].sync) to += 1;
    return { from, to };
  }

  /** A fragment, sealed, as the camera wrote it. @param {number} commit its place */
  sealed(commit) {
    const { fragment, sequence } = this.commits[commit];
    return readChecked(this.candidate.source, fragment, fragmentName(sequence));
  }

  /** The sealed initialisation segment. */
  sealedInit() {
    const { init } = this.commits.find((one) => one.init !== null);
    return readChecked(this.candidate.source, init, INIT_NAME);
  }

  /** A fragment in the clear. @param {number} commit */
  async clear(commit) {
    return this.identity.decrypt(await this.sealed(commit));
  }

  /** Its samples, by track. @param {number} commit @param {Uint8Array} [clear] its bytes, if they are at hand */
  async samples(commit, clear) {
    const bytes = clear ?? (await this.clear(commit));
    return this.candidate.understood(fragmentName(this.commits[commit].sequence), () => samplesOf(bytes, this.tracks));
  }

  /** The encoded pictures from one number up to, and without, another. @param {number} from @param {number} to */
  async encoded(from, to) {
    const found = [];
    for (let commit = this.pictures[from].commit; commit <= this.pictures[to - 1].commit; commit += 1) {
      found.push(...(await this.samples(commit)).get(this.tracks[0]));
    }
    const [first, last] = [this.pictures[from].time, this.pictures[to - 1].time];
    return found.filter(({ time }) => first <= time && time <= last);
  }

  /** A group's pictures, decoded. @param {number} from its first picture @param {number} to */
  async decode(from, to) {
    const pictures = await decodePictures(this.tracks[0], await this.encoded(from, to));
    if (!pictures.every(({ isExact }) => isExact)) throw new PicturesError("they are not decoded exactly");
    return pictures;
  }

  /** One picture, decoded. Throws PicturesError. @param {number} number */
  async picture(number) {
    const { from, to } = this.groupOf(number);
    const known = this.#groups.get(from) ?? this.decode(from, to);
    known.catch(() => this.#groups.delete(from));
    this.#groups.delete(from);
    this.#groups.set(from, known);
    for (const oldest of this.#groups.keys()) {
      if (this.#groups.size <= KEPT) break;
      this.#groups.delete(oldest);
    }
    return (await known)[number - from];
  }

  /** Let go of what is in the clear. */
  close() {
    this.#groups.clear();
    this.sound = null;
  }
}
