// Makes a redacted copy in this tab (docs/redaction.md): what is unchanged stays sealed as the camera
// sealed it, each piece with its own key; what is masked or muted is replaced, and listed. The office
// signs the list. No footage and no key goes to the server: it is told the list alone.

import { post } from "../api.js";
import { members } from "../player/evidence/archive.js";
import { END_NAME, HEADER_NAME, INIT_NAME, commitName, fragmentName } from "../player/evidence/chain.js";
import { spelled } from "../player/evidence/json.js";
import { JwsError, check, decode, parse } from "../player/evidence/jws.js";
import { PublicKey, encodeBase64url, fromPem, hexDigest, toPem } from "../player/evidence/keys.js";
import { CLEAR_INIT_NAME, KEYS_NAME, LONGEST, REDACTED_ENDING, REDACTION, REDACTION_NAME, REDACTION_TYPE, SILENT_UNIT, isMuted, rectanglesAt } from "../player/evidence/redaction.js";
import { BLOCK, ARCHIVE_END, Member, header } from "../player/evidence/ustar.js";
import { joined, segment, withConfiguration } from "../player/fragments.js";
import { LedgerError, ledgerWords } from "./ledger_words.js";
import { BESIDE, PLAYER, PackageFolder, REPORT, playerPage } from "./maker.js";
import { redactionSheet } from "./redaction_sheet.js";
import { Reencoder, blackOut } from "./reencoder.js";
import { ZipFile } from "./zip_file.js";

const OFFICE_KEY = "office-key.pem";
/** A hole in a track is a new run, microseconds. */
const HOLE = 1000;

/**
 * @typedef {{masks: import("../player/evidence/redaction.js").Mask[], mutes: import("../player/evidence/redaction.js").Mute[]}} Plan
 *
 * Make a redacted copy. Throws RefusalError, SourceError, LedgerError, PicturesError, EncodingError,
 * NoKeyError, MissingPageError, what `signal` was aborted with, and what writing comes to.
 * @param {any} target of saving.js
 * @param {import("./redaction_film.js").Film} film
 * @param {Plan} plan
 * @param {{recipient: string, reference: string, words: any, onProgress: (share: number) => void, signal: AbortSignal}} how
 */
export async function makeCopy(target, film, plan, how) {
  const player = await playerPage(how.signal);
  const copy = new Copy(film, plan, how);
  await copy.prepare();
  const signed = await copy.sign();
  const zip = new ZipFile(target, new Date());
  await copy.write(zip, signed, player);
  await zip.finish();
}

class Copy {
  /** Replaced fragments by the place of their commit: the clear bytes, and SHA-256 of the original's. */
  #changed = new Map();
  /** Encoded pictures by their time in the film. @type {Map<number, {data: Uint8Array, sync: boolean}>} */
  #encoded = new Map();
  #keys = [];
  #init;
  #steps = 0;

  /** @param {import("./redaction_film.js").Film} film @param {Plan} plan @param {any} how */
  constructor(film, plan, how) {
    this.film = film;
    this.plan = plan;
    this.how = how;
    this.#init = film.init;
    const { header: said } = film.candidate.verdict;
    this.encoder = new Reencoder(said, film.tracks[0], film.bitrate);
    this.masked = film.pictures.filter(({ at }) => rectanglesAt(plan.masks, at).length > 0).length;
  }

  /** Make everything that is replaced, and collect the keys of the rest. */
  async prepare() {
    const { film } = this;
    this.#keys.push({ key: encodeBase64url(await film.identity.fileKey(await film.sealedInit())), sequence: null });
    let done = 0;
    for (let commit = 0; commit < film.commits.length; commit += 1) {
      done = await this.#encodeUpTo(commit, done);
      const clear = await film.clear(commit);
      const made = this.#replaced(await film.samples(commit, clear));
      const { sequence } = film.commits[commit];
      if (made === null) this.#keys.push({ key: encodeBase64url(await film.identity.fileKey(await film.sealed(commit))), sequence });
      else this.#changed.set(commit, { bytes: made, original: await hexDigest(clear), sequence });
      this.#step();
    }
    if (this.masked > 0) this.#init = withConfiguration(film.init, this.encoder.configuration);
    film.close();
  }

  #step() {
    this.how.signal.throwIfAborted();
    this.#steps += 1;
    this.how.onProgress(this.#steps / (2 * this.film.commits.length));
  }

  /** Encode the masked groups that begin in this commit or before. Comes to the first picture behind them. */
  async #encodeUpTo(commit, from) {
    const { film, plan } = this;
    let number = from;
    while (number < film.pictures.length && film.pictures[number].commit <= commit) {
      const { from: first, to } = film.groupOf(number);
      const begins = film.pictures.slice(number, to).findIndex(({ at }) => rectanglesAt(plan.masks, at).length > 0);
      if (begins >= 0) {
        const pictures = (await film.decode(first, to)).slice(number - first + begins);
        for (const one of pictures) blackOut(one, rectanglesAt(plan.masks, film.origin + one.time));
        const made = await this.encoder.encode(pictures);
        for (const [at, data] of made.entries()) this.#encoded.set(pictures[at].time, { data, sync: at === 0 });
      }
      number = to;
    }
    return number;
  }

  /** A fragment with what is replaced in it; null if nothing is. @param {Map<any, any[]>} samples */
  #replaced(samples) {
    const { film, plan } = this;
    const [track] = film.tracks;
    let isChanged = false;
    const runs = [];
    for (const [of, some] of samples) {
      let last = null;
      for (const one of some) {
        const made = of === track ? this.#encoded.get(one.time) : this.#silenced(of, one);
        isChanged ||= made !== undefined;
        const sample = { ...one, ...made };
        if (last === null || Math.abs(one.time - last.time - last.duration) > HOLE) runs.push({ track: of, samples: [] });
        runs.at(-1).samples.push(sample);
        last = one;
      }
    }
    if (!isChanged) return null;
    return joined(runs.map((one) => segment(one.track, one.samples)));
  }

  /** Silence in place of a unit of sound that is muted. */
  #silenced(track, unit) {
    if (!isMuted(this.plan.mutes, unit, track.rate, this.film.origin)) return undefined;
    return { data: Uint8Array.from(SILENT_UNIT[track.channels]) };
  }

  /** Have the office sign the list. */
  async sign() {
    const { film, plan, how } = this;
    const { candidate } = film;
    const { verdict } = candidate;
    this.keys = new TextEncoder().encode(JSON.stringify(this.#keys));
    const list = {
      changed: await Promise.all([...this.#changed.values()].map(async ({ bytes, original, sequence }) => ({ content: await content(bytes), original, sequence }))),
      format: 1,
      init: await content(this.#init),
      keys: await content(this.keys),
      made_by: "",
      made_us: 0,
      masked: this.masked,
      masks: plan.masks,
      mutes: plan.mutes,
      original: { final: verdict.report.result.final, header: await this.#headerDigest(), id: candidate.id, verdict: verdict.verdict },
      pictures: film.pictures.length,
      recipient: how.recipient,
      reference: how.reference,
      software: "",
    };
    const { token, office, ledgers } = await post(`/api/recordings/${encodeURIComponent(candidate.id)}/redaction`, list);
    const bytes = new TextEncoder().encode(token);
    const key = await PublicKey.of(fromPem(office) ?? new Uint8Array());
    try {
      const statement = parse(bytes, LONGEST);
      await check(statement, new Map([[key.thumbprint, key]]));
      this.list = decode(statement, REDACTION, REDACTION_TYPE);
    } catch (error) {
      if (!(error instanceof JwsError)) throw error;
      throw new LedgerError(candidate.id, "the list is not signed as it has to be", error);
    }
    const { made_by, made_us, software } = this.list;
    if (spelled({ ...list, made_by, made_us, software }) !== spelled(this.list)) throw new LedgerError(candidate.id, "the office signed another list");
    return { bytes, key, ledgers: await ledgerWords(ledgers, candidate.id, candidate.key) };
  }

  async #headerDigest() {
    for await (const { name, offset, size } of members(this.film.candidate.source)) {
      if (name === HEADER_NAME) return hexDigest(await this.film.candidate.source.read(offset, offset + size));
    }
    throw new RangeError("a recording that was judged has no header");
  }

  /** Write the folder. @param {ZipFile} zip @param {any} signed @param {Uint8Array} player */
  async write(zip, { bytes, key: office, ledgers }, player) {
    const { candidate } = this.film;
    const { id, source, key } = candidate;
    const folder = new PackageFolder(zip, `${id}-redacted`, { signal: this.how.signal, onBytes: () => {} });
    const room = 2 * source.size + BESIDE;
    await folder.stream(`${id}.redacted.mp4`, room, this.#film());
    await folder.stream(`${id}${REDACTED_ENDING}`, room, this.#archive(bytes));
    await folder.addKey(key);
    await folder.add(OFFICE_KEY, toPem(office.raw));
    for (const [name, text] of Object.entries(ledgers.files)) await folder.add(name, text);
    await folder.add(PLAYER, player);
    const keys = { camera: key.thumbprint, office: office.thumbprint, list: await hexDigest(bytes) };
    await folder.add(REPORT, redactionSheet(this.list, keys, this.film.origin, this.how.words));
    await folder.finish();
  }

  async *#film() {
    yield this.#init;
    for (let commit = 0; commit < this.film.commits.length; commit += 1) {
      yield this.#changed.get(commit)?.bytes ?? (await this.film.clear(commit));
      this.#step();
    }
  }

  /** @param {Uint8Array} token */
  async *#archive(token) {
    const { source } = this.film.candidate;
    yield* archived(REDACTION_NAME, token);
    yield* archived(KEYS_NAME, this.keys);
    const changed = new Map([...this.#changed.values()].map(({ bytes, sequence }) => [fragmentName(sequence), bytes]));
    const kept = new Set([HEADER_NAME, INIT_NAME, END_NAME, ...this.film.commits.flatMap(({ sequence }) => [commitName(sequence), fragmentName(sequence)])]);
    for await (const { name, offset, size } of members(source)) {
      if (!kept.has(name)) continue;
      const replaced = changed.get(name);
      if (replaced !== undefined) yield* archived(name.replace(/\.age$/, ""), replaced);
      else yield* archived(name, await source.read(offset, offset + size));
      if (name === INIT_NAME) yield* archived(CLEAR_INIT_NAME, this.#init);
    }
    yield new Uint8Array(ARCHIVE_END);
  }
}

/** A member of an archive, with what is around it. @param {string} name @param {Uint8Array} bytes */
function* archived(name, bytes) {
  yield header(name, bytes.length);
  yield bytes;
  const { padding } = new Member(name, bytes.length);
  if (padding > 0) yield new Uint8Array(padding);
}

/** @param {Uint8Array} bytes */
async function content(bytes) {
  return { bytes: bytes.length, sha256: await hexDigest(bytes) };
}
