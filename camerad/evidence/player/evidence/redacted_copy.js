// Checks a redacted copy with the camera's key and the office's (camerad.evidence.redaction.copy_check):
// the recording's own statements, and that nothing differs but what the signed list names.
//
// The statements are checked as in a recording. In place of each fragment that the list replaces stands
// what the camera signed of it; the fragment itself is compared with the list. Each fault is a
// problem: a word of `redactionTexts().wrong`, and the member that it is about.

import { Decrypter } from "age-encryption";
import { SegmentError, hasRoom, samplesOf, tracksOf, withConfiguration } from "../fragments.js";
import { PicturesError, canDecode, decodePictures } from "../pictures.js";
import { ArchiveError, members } from "./archive.js";
import { END_NAME, HEADER_NAME, INIT_NAME, TORN_NAME, fragmentName, numbered } from "./chain.js";
import { Checker } from "./checker.js";
import { JsonError, decode } from "./json.js";
import * as jws from "./jws.js";
import { Base64Error, decodeBase64url, hexDigest, keyRing } from "./keys.js";
import { MemberSeen, Tail, TailKind } from "./reader.js";
import { BLACK, BLOCK as SQUARE, CLEAR_INIT_NAME, KEYS_NAME, KEYS_TYPE, LONGEST, REDACTION, REDACTION_NAME, REDACTION_TYPE, SILENT_UNIT, blocksOf, isExtended, isMuted, isPlain, isPossible, rectanglesAt } from "./redaction.js";
import { COMMIT, COMMIT_TYPE, END, END_TYPE } from "./statements.js";
import { ARCHIVE_END, BLOCK } from "./ustar.js";
import { Exit, NAMES, Report } from "./verdict.js";

const CLEAR = /^([0-9]{6,18})\.m4s$/;
/** How far the mean of a masked block may be from black once it was encoded, and a sample of it. */
const NEAR = 6;
const FURTHEST = 44;
/** How far decode times of sound may be from media times, microseconds. */
const SOUND_US = 2_000;

/** Whether a file begins as a redacted copy does. @param {import("./source.js").Source} source */
export async function isRedactedCopy(source) {
  await source.open();
  const begins = await source.read(0, Math.min(source.size, REDACTION_NAME.length + 1));
  return new TextDecoder().decode(begins) === `${REDACTION_NAME}\0`;
}

/**
 * Check a copy. Throws KeyError for a key that is none, and SourceError.
 * @param {import("./source.js").Source} source
 * @param {{key: Uint8Array, office: Uint8Array, onProgress: (share: number) => void}} how
 */
export async function checkCopy(source, how) {
  const check = new CopyCheck(source, await keyRing([how.key]), await keyRing([how.office]));
  try {
    for await (const one of members(source)) {
      await check.member(one);
      how.onProgress(one.endOffset / source.size);
    }
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    check.say("place", error.message);
  }
  await check.finish();
  return check;
}

class CopyCheck {
  /** @type {{wrong: string, member: string}[]} */
  problems = [];
  /** What was signed of the changes; null if nothing was. @type {any} */
  list = null;
  /** The film in the clear, piece by piece. @type {Uint8Array[]} */
  film = [];
  /** The member before. */
  #before = REDACTION_NAME;
  #keys = new Map();
  #used = 0;
  /** Members that wait for their commit, by name. @type {Map<string, Uint8Array>} */
  #held = new Map();
  #tracks = [];
  /** Pictures of the group that is going on, and whether one of them is masked. */
  #group = { samples: /** @type {any[]} */ ([]), isMasked: false };
  #canLook = true;
  /** Whether the list could be about this recording: else its film is not compared with it. */
  #canBe = true;
  #pictures = 0;
  #masked = 0;

  constructor(source, keys, office) {
    this.source = source;
    this.office = office;
    this.checker = new Checker(keys);
  }

  /** @param {string} wrong what: a word @param {string} member where */
  say(wrong, member) {
    this.problems.push({ wrong, member });
  }

  /** What the statements come to, as of a recording. */
  get report() {
    return new Report(this.source.size, this.checker.result);
  }

  /** @param {import("./archive.js").Located} located */
  async member({ name, offset, size, headerOffset }) {
    const bytes = await this.source.read(offset, offset + size);
    if (headerOffset === 0) return this.#readList(bytes);
    if (this.list === null) return;
    const before = this.#before;
    this.#before = name;
    if (name === KEYS_NAME && before === REDACTION_NAME) return this.#readKeys(bytes);
    if (CLEAR.test(name) || name === CLEAR_INIT_NAME) {
      if (this.#held.has(name) || (name === CLEAR_INIT_NAME && before !== INIT_NAME)) this.say("place", name);
      this.#held.set(name, bytes);
      return;
    }
    const found = numbered(name);
    const seen = new MemberSeen({ name, size, offset: headerOffset, sha256: await hexDigest(bytes), token: name.endsWith(".jws") ? bytes : null });
    if (name === HEADER_NAME && seen.sha256 !== this.list.original.header) this.say("other", name);
    if (name === END_NAME) await this.#torn(bytes, headerOffset);
    if (found?.isCommit) await this.#commit(name, Number(found.sequence), bytes, headerOffset);
    else if (name !== HEADER_NAME && name !== END_NAME) this.#held.set(name, bytes);
    await this.checker.member(seen);
    const { header } = this.checker.result;
    if (name === HEADER_NAME && header !== null && !isPossible(this.list, header.width, header.height)) {
      this.say("count", REDACTION_NAME);
      this.#canBe = false;
    }
  }

  async #readList(token) {
    try {
      const statement = jws.parse(token, LONGEST);
      this.list = jws.decode(statement, REDACTION, REDACTION_TYPE);
      await jws.check(statement, this.office);
    } catch (error) {
      if (!(error instanceof jws.JwsError)) throw error;
      this.say(error instanceof jws.UnknownKeyError ? "signer" : "list", REDACTION_NAME);
    }
  }

  async #readKeys(bytes) {
    await this.#compare(KEYS_NAME, bytes, this.list.keys);
    try {
      let last = -2;
      for (const { key, sequence } of decode(bytes, KEYS_TYPE)) {
        if ((sequence ?? -1) <= last) throw new JsonError();
        last = sequence ?? -1;
        this.#keys.set(sequence, decodeBase64url(new TextEncoder().encode(key)));
      }
    } catch (error) {
      if (!(error instanceof JsonError || error instanceof Base64Error)) throw error;
      this.say("other", KEYS_NAME);
    }
  }

  /** @param {string} name @param {Uint8Array} bytes @param {{bytes: number, sha256: string}} signed */
  async #compare(name, bytes, signed) {
    if (bytes.length !== signed.bytes || (await hexDigest(bytes)) !== signed.sha256) this.say("other", name);
  }

  /** What a copy leaves out of a recording that was repaired. */
  async #torn(token, offset) {
    const said = decoded(token, END, END_TYPE)?.torn ?? null;
    if (said !== null) await this.checker.member(new MemberSeen({ name: TORN_NAME, size: said.bytes, offset, sha256: said.sha256 }));
  }

  async #commit(name, sequence, token, offset) {
    const said = decoded(token, COMMIT, COMMIT_TYPE);
    if (said === null) return; // which the checker says
    const [sealedName, clearName] = [fragmentName(sequence), fragmentName(sequence).replace(/\.age$/, "")];
    const listed = this.list.changed.find((one) => one.sequence === sequence);
    if (said.init !== null) await this.#segment();
    const clear = listed === undefined ? await this.#opened(sequence, sealedName) : this.#held.get(clearName);
    if (listed !== undefined) {
      if (clear !== undefined) await this.#compare(clearName, clear, listed.content);
      else this.say("place", clearName);
      if (!this.#held.has(sealedName)) await this.checker.member(new MemberSeen({ name: sealedName, size: said.fragment.bytes, offset, sha256: said.fragment.sha256 }));
    }
    const inPlace = [listed === undefined ? sealedName : clearName, ...(said.init === null ? [] : [INIT_NAME, CLEAR_INIT_NAME])];
    for (const other of this.#held.keys()) if (!inPlace.includes(other)) this.say("place", other);
    this.#held.clear();
    if (clear === undefined || this.#tracks.length === 0) return;
    this.film.push(clear);
    await this.#fragment(listed === undefined ? sealedName : clearName, clear, said.facts, listed !== undefined);
  }

  /** A sealed member's content; undefined if its key does not open it. */
  async #opened(sequence, name) {
    const [sealed, key] = [this.#held.get(name), this.#keys.get(sequence)];
    if (sealed === undefined) return undefined; // which the checker says
    try {
      if (key === undefined) throw new RangeError("there is no key for it");
      const decrypter = new Decrypter();
      decrypter.addIdentity({ unwrapFileKey: () => key });
      const clear = await decrypter.decrypt(sealed);
      this.#used += 1;
      return clear;
    } catch {
      this.say("closed", name);
      return undefined;
    }
  }

  async #segment() {
    const sealed = await this.#opened(null, INIT_NAME);
    const clear = this.#held.get(CLEAR_INIT_NAME);
    if (clear === undefined) return this.say("place", CLEAR_INIT_NAME);
    if (!this.#canBe) return undefined;
    await this.#compare(CLEAR_INIT_NAME, clear, this.list.init);
    try {
      const tracks = tracksOf(clear);
      const own = sealed === undefined ? null : tracksOf(sealed)[0].configuration;
      const { configuration } = this.list.masks.length > 0 ? tracks[0] : { configuration: own };
      const same = own !== null && (configuration === own || isExtended(configuration, own)) && withConfiguration(sealed, configuration);
      if (!same || (await hexDigest(same)) !== this.list.init.sha256) this.say("unlisted", CLEAR_INIT_NAME);
      this.#tracks = tracks;
      this.film = [clear];
      this.#canLook = await canDecode(tracks[0]);
    } catch (error) {
      if (!(error instanceof SegmentError || error instanceof RangeError)) throw error;
      this.say("unlisted", CLEAR_INIT_NAME);
    }
  }

  /** Compare a fragment with what its commit and the list say of it. */
  async #fragment(name, clear, facts, isReplaced) {
    const origin = this.checker.result.originUs;
    const { masks, mutes } = this.list;
    let samples;
    try {
      samples = samplesOf(clear, this.#tracks);
    } catch (error) {
      if (!(error instanceof SegmentError || error instanceof RangeError)) throw error;
      return this.say("unlisted", name);
    }
    if (isReplaced && hasRoom(clear, [...samples.values()].flat())) return this.say("unlisted", name);
    const [track, heard] = this.#tracks;
    const pictures = samples.get(track);
    const units = heard === undefined ? [] : samples.get(heard);
    const last = pictures.at(-1);
    const heardAt = units.length === 0 ? 0 : origin + units[0].time - facts.sound?.first_us;
    const ends =
      (last === undefined || (origin + pictures[0].time === facts.first_us && origin + last.time === facts.last_us && origin + last.time + last.duration === facts.end_us)) &&
      Math.abs(heardAt) <= SOUND_US;
    const isAsSigned = pictures.length === facts.frames && units.length === (facts.sound?.units ?? 0) && ends;
    if (isReplaced && !isAsSigned) return this.say("times", name);
    let isChanged = false;
    for (const one of pictures) {
      const isMasked = rectanglesAt(masks, origin + one.time).length > 0;
      // A picture that is the first encoded anew is a key picture, and of the camera's group all the same.
      if (one.sync && !(isMasked && !this.#group.isMasked && this.#group.samples.length > 0 && isReplaced)) await this.#look();
      this.#group.samples.push(one);
      this.#group.isMasked ||= isMasked;
      isChanged ||= this.#group.isMasked;
      if (this.#group.isMasked && !isPlain(one.data, track.configuration)) this.say("unlisted", name);
      this.#pictures += 1;
      this.#masked += Number(isMasked);
    }
    for (const one of units.filter((unit) => isMuted(mutes, unit, heard.rate, origin))) {
      isChanged = true;
      const silent = SILENT_UNIT[heard.channels];
      if (one.data.length !== silent.length || silent.some((byte, at) => byte !== one.data[at])) this.say("visible", name);
    }
    if (isChanged !== isReplaced) this.say("unlisted", name);
  }

  /** Look at the group of pictures that has ended: what is masked has to be black. */
  async #look() {
    const { samples, isMasked } = this.#group;
    this.#group = { samples: [], isMasked: false };
    if (!isMasked || !this.#canLook) return;
    const origin = this.checker.result.originUs;
    const { masks } = this.list;
    const { header } = this.checker.result;
    const name = `${(samples[0].time / 1e6).toFixed(2)} s`;
    try {
      for (const one of await decodePictures(this.#tracks[0], samples, (time) => rectanglesAt(masks, origin + time).length > 0)) {
        if (one.width !== header?.width || one.height !== header.height) return this.say("visible", name);
        if (rectanglesAt(masks, origin + one.time).some((box) => !isBlack(one, blocksOf(box, one.width, one.height)))) return this.say("visible", name);
      }
    } catch (error) {
      if (!(error instanceof PicturesError)) throw error;
      this.say("visible", name);
    }
  }

  /** Say what only the whole copy shows. */
  async finish() {
    await this.#look();
    const { result } = this.checker;
    this.checker.finish(new Tail(TailKind.ZEROS, this.source.size - ARCHIVE_END, ARCHIVE_END));
    const { list } = this;
    if (list === null) return;
    for (const name of this.#held.keys()) this.say("place", name);
    const isNamed = list.changed.every(({ sequence }) => BigInt(sequence) < this.checker.chain.at.next) && (this.report.exit >= Exit.NOT_AUTHENTIC || list.original.verdict === NAMES[this.report.exit]);
    const isWhole = isNamed && list.original.id === result.header?.id && list.original.final === result.final && list.pictures === this.#pictures && list.masked === this.#masked;
    if (!isWhole || this.#used !== this.#keys.size) this.say("count", REDACTION_NAME);
    if (list.masked > 0 && !this.#canLook) this.say("unseen", REDACTION_NAME);
  }

  /** Whether it is the copy that was signed; what was not looked at does not count. */
  get isGood() {
    return this.list !== null && this.report.exit < 2 && this.problems.every(({ wrong }) => wrong === "unseen");
  }
}

/** What a statement says, by any signature; null if it is none. */
function decoded(token, kind, type) {
  try {
    return jws.decode(jws.parse(token), kind, type);
  } catch (error) {
    if (error instanceof jws.JwsError) return null;
    throw error;
  }
}

/** Whether a part of a picture is black. @param {import("../pictures.js").Picture} picture */
function isBlack({ data, width, height, isExact }, box) {
  const half = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const planes = [{ start: 0, stride: width, scale: 1, value: BLACK[0] }];
  for (const which of isExact ? [0, 1] : []) {
    planes.push({ start: width * height + which * half[0] * half[1], stride: half[0], scale: 2, value: BLACK[1] });
  }
  for (let y = box.y; y < box.y + box.height; y += SQUARE) {
    for (let x = box.x; x < box.x + box.width; x += SQUARE) {
      const [right, bottom] = [Math.min(x + SQUARE, box.x + box.width), Math.min(y + SQUARE, box.y + box.height)];
      if (!planes.every((plane) => isNear(data, plane, [x, y, right, bottom]))) return false;
    }
  }
  return true;
}

/** Whether a block of a plane is black. @param {Uint8Array} data @param {number[]} block left, top, right and bottom, pixels */
function isNear(data, { start, stride, scale, value }, block) {
  const [left, top, right, bottom] = block.map((one) => Math.ceil(one / scale));
  let sum = 0;
  for (let y = top; y < bottom; y += 1) {
    for (const sample of data.subarray(start + y * stride + left, start + y * stride + right)) {
      if (Math.abs(sample - value) > FURTHEST) return false;
      sum += sample;
    }
  }
  return Math.abs(sum / ((right - left) * (bottom - top)) - value) <= NEAR;
}
