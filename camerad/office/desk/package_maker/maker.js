// Makes the package for the public prosecutor in this tab, as `camerad evidence export` makes it
// (camerad/evidence/export.py): for each recording a folder with the same files.
//
// First each recording is judged by the camera's registered key, with the end that signed entries of
// the ledgers name (ledger_words.js), and it is tried whether the office's key opens it; only then is
// anything made. Of one that is not authentic there is no film: the sealed original goes along, and
// its sheet says so. What is copied and opened is what was judged (pinned_source.js), and a fragment
// is opened only when it is the signed one. The film is what was sealed, piece by piece: a fragmented
// MP4, as a camera makes it, or there is no package. Nothing in the clear goes to the server.

import { get, post } from "../api.js";
import { fragmentName, INIT_NAME } from "../player/evidence/chain.js";
import { judge, readChecked } from "../player/evidence/judge.js";
import { LEDGER } from "../player/evidence/package_proofs.js";
import { PublicKey, decodeBase64url, encodeBase64url, hexDigest, toPem } from "../player/evidence/keys.js";
import { RangeSource, SourceError } from "../player/evidence/source.js";
import { Exit } from "../player/evidence/verdict.js";
import { SegmentError, samplesOf, tracksOf } from "../player/fragments.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { LedgerError, ledgerWords } from "./ledger_words.js";
import { PinnedSource } from "./pinned_source.js";
import { sheetPage } from "./sheet.js";
import { LocalTime, format } from "./sheet_format.js";
import { ZipFile } from "./zip_file.js";

/** Bytes that are copied at once. */
const PIECE = 1 << 20;
/** The same in every package. */
export const PLAYER = "player.html";
const PLAYER_PATH = `/page/package/${PLAYER}`;
const KEY_PEM = "device-key.pem";
const KEY_JWK = "device-key.jwk";
const CHECKS = "checks.json";
const INSTRUCTIONS = "how-to-verify.txt";
export const REPORT = "report.html";
const SUMS = "SHA256SUMS";
/** Room for what is not a recording, bytes of each. */
export const BESIDE = 4 << 20;

/** Why a recording cannot go into a package at all. */
export const Problem = Object.freeze({
  NO_KEY: "no_key",
  UNREADABLE: "unreadable",
  NO_PICTURES: "no_pictures",
});

/** Error thrown where a page that goes into every package does not come. */
export class MissingPageError extends Error {
  constructor() {
    super(`the server does not give ${PLAYER}`);
    this.name = "MissingPageError";
  }
}

/** Error thrown when what the camera signed is, once opened, not pictures and sound as it makes them. */
export class NoFilmError extends Error {
  /** @param {string} recording @param {string} member @param {unknown} [cause] */
  constructor(recording, member, cause) {
    super(`${recording}: ${member} is no part of a film`, { cause });
    this.name = "NoFilmError";
    this.recording = recording;
    this.member = member;
  }
}

/** A recording that is to go into a package, judged. Use `Candidate.judged` to get one. */
export class Candidate {
  /** @param {string} id @param {PinnedSource} source @param {any} parts */
  constructor(id, source, { key, ledgers, verdict, problem }) {
    this.id = id;
    this.source = source;
    /** The camera's, of the register. @type {{raw: Uint8Array, thumbprint: string} | null} */
    this.key = key;
    /** What the ledgers say of it, checked; null without a key. @type {import("./ledger_words.js").LedgerWords | null} */
    this.ledgers = ledgers;
    this.verdict = verdict;
    /** One of Problem; null if it can go into a package. */
    this.problem = problem;
  }

  /** Whether it is authentic, so that there will be a film of it. */
  get isGood() {
    return this.problem === null && this.verdict.exit < Exit.NOT_AUTHENTIC;
  }

  /** Bytes of its part of the package, at most. */
  get room() {
    return (this.isGood ? 2 : 1) * this.source.size + BESIDE;
  }

  /**
   * Judge a recording. Throws RefusalError, SourceError, LedgerError, and what `signal` was aborted
   * with.
   * @param {string} id @param {Record<string, string>} headers of what was granted
   * @param {(done: number, size: number) => void} onProgress @param {AbortSignal} signal
   */
  static async judged(id, headers, onProgress, signal) {
    const path = `/api/recordings/${encodeURIComponent(id)}`;
    const detail = await get(path);
    const source = new PinnedSource(new RangeSource(`${path}/content`, { headers, signal }));
    await source.open();
    if (detail.key === null) return new Candidate(id, source, { key: null, ledgers: null, verdict: null, problem: Problem.NO_KEY });
    const raw = decodeBase64url(new TextEncoder().encode(detail.key.x));
    const key = { raw, thumbprint: (await PublicKey.of(raw)).thumbprint };
    const ledgers = await ledgersOf(id, key);
    const verdict = await judge(source, {
      key: raw,
      name: `${id}.tar`,
      final: ledgers.final,
      onProgress: (done) => onProgress(done, source.size),
      signal,
    });
    // The judge takes bytes that cannot be had for a recording that cannot be read.
    if (source.failure !== null) throw source.failure;
    source.release();
    let problem = null;
    if (verdict.exit === Exit.UNREADABLE || verdict.header === null) problem = Problem.UNREADABLE;
    else if (verdict.exit < Exit.NOT_AUTHENTIC && verdict.report.result.frames === 0n) problem = Problem.NO_PICTURES;
    return new Candidate(id, source, { key, ledgers, verdict, problem });
  }

  /**
   * What the ledgers say now. Throws RefusalError, LedgerError, and SourceError if they name another
   * end.
   * @param {string} [reference] number of the case that a package is made for: the office says so in its
   * ledger, and gives the proofs that go along
   */
  async readLedgers(reference) {
    const before = this.ledgers?.final;
    this.ledgers = await ledgersOf(this.id, this.key, reference);
    if (this.ledgers.final !== before) throw new SourceError("the ledgers name another end than before");
  }

  /**
   * The initialisation segment, opened, and the tracks that it describes. Throws WrongKeyError,
   * NoKeyError, NoFilmError.
   * @param {any} identity
   */
  async init(identity) {
    const { init } = this.verdict.commits.find((one) => one.init !== null);
    const bytes = await identity.decrypt(await readChecked(this.source, init, INIT_NAME));
    return { bytes, tracks: this.understood(INIT_NAME, () => tracksOf(bytes)) };
  }

  /** The film, piece by piece, each of which is one as a camera makes it. @param {any} identity */
  async *film(identity) {
    const { bytes, tracks } = await this.init(identity);
    yield bytes;
    let pictures = 0;
    /** When the last sample of each track begins. */
    const begun = new Map(tracks.map((track) => [track, 0]));
    for (const { fragment, sequence } of this.verdict.commits) {
      const name = fragmentName(sequence);
      const piece = await identity.decrypt(await readChecked(this.source, fragment, name));
      const samples = this.understood(name, () => samplesOf(piece, tracks));
      for (const [track, some] of samples) {
        if (some.some(({ time }) => time < begun.get(track))) throw new NoFilmError(this.id, name);
        begun.set(track, some.at(-1)?.time ?? begun.get(track));
        pictures += track.picture ? some.length : 0;
      }
      yield piece;
    }
    if (pictures === 0) throw new NoFilmError(this.id, INIT_NAME);
  }

  /** What `read` makes of a member. @param {string} member @param {() => any} read */
  understood(member, read) {
    try {
      return read();
    } catch (error) {
      // Numbers that lead beyond a piece are a RangeError.
      if (!(error instanceof SegmentError || error instanceof RangeError)) throw error;
      throw new NoFilmError(this.id, member, error);
    }
  }

  /** The original, piece by piece. */
  async *original() {
    for (let at = 0; at < this.source.size; at += PIECE) {
      yield await this.source.read(at, Math.min(at + PIECE, this.source.size));
    }
  }
}

/** The page that goes into every package. Throws MissingPageError. @param {AbortSignal} signal */
export async function playerPage(signal) {
  const answer = await fetch(PLAYER_PATH, { credentials: "same-origin", redirect: "error", signal });
  if (!answer.ok) throw new MissingPageError();
  return new Uint8Array(await answer.arrayBuffer());
}

/**
 * Make a package of recordings that can go into one. Throws RefusalError, SourceError, LedgerError,
 * NoFilmError, NoKeyError, WrongKeyError, MissingPageError, what `signal` was aborted with, and what
 * writing comes to.
 * @param {any} target of saving.js
 * @param {Candidate[]} candidates
 * @param {object} how
 * @param {any} how.identity the office's key, open
 * @param {any} how.words of a language (sheet_texts.js)
 * @param {{id: string, name: string}} how.me who makes it
 * @param {string} how.reference the case's number
 * @param {(done: number, all: number) => void} how.onProgress bytes
 * @param {AbortSignal} how.signal
 * @returns {Promise<Map<string, string>>} the sheet of each, by the recording's id
 */
export async function makePackage(target, candidates, how) {
  const player = await playerPage(how.signal);
  const made = new Date();
  const zip = new ZipFile(target, made);
  const all = candidates.reduce((sum, one) => sum + (one.isGood ? 2 : 1) * one.source.size, 0);
  let done = 0;
  const sheets = new Map();
  const onBytes = (/** @type {number} */ count) => how.onProgress((done += count), all);
  for (const one of candidates) {
    const hold = await held(one, how, made);
    sheets.set(one.id, await new RecordingPart(zip, one, { ...how, made, hold, player, onBytes }).write());
    one.source.release();
  }
  await zip.finish();
  return sheets;
}

/** What the ledgers say of a recording now; reference: as of `Candidate.readLedgers`. */
async function ledgersOf(id, key, reference) {
  const path = `/api/recordings/${encodeURIComponent(id)}`;
  const said = reference === undefined ? await get(`${path}/ledgers`) : await post(`${path}/package`, { case: reference });
  return ledgerWords(said, id, key);
}

/** The hold that keeps a recording for good, by the office's ledger; one is placed where none does. */
async function held(one, { words, reference }, made) {
  await one.readLedgers();
  if (one.ledgers.hold === null) {
    const day = new LocalTime(made.getTime() * 1000, "UTC").strftime(words.day_format);
    const reason = `${format(words.hold_reason, { day })}, ${reference}`;
    await post(`/api/recordings/${encodeURIComponent(one.id)}/hold`, { reason, until_us: null, ground: "prosecution" });
  }
  await one.readLedgers(reference);
  if (one.ledgers.hold === null) throw new LedgerError(one.id, "the hold that was placed is not there");
  return one.ledgers.hold;
}

/** One folder of a package, with the list of its files' SHA-256. */
export class PackageFolder {
  /** SHA-256 by name. @type {Map<string, string>} */
  sums = new Map();

  /** @param {ZipFile} zip @param {string} folder @param {{signal: AbortSignal, onBytes: (count: number) => void}} how */
  constructor(zip, folder, how) {
    this.zip = zip;
    this.folder = folder;
    this.how = how;
  }

  /** @param {string} name @param {number} atMost @param {AsyncIterable<Uint8Array>} pieces */
  async stream(name, atMost, pieces) {
    const hash = sha256.create();
    await this.zip.begin(`${this.folder}/${name}`, atMost);
    for await (const piece of pieces) {
      this.how.signal.throwIfAborted();
      hash.update(piece);
      await this.zip.write(piece);
      this.how.onBytes(piece.length);
    }
    await this.zip.end();
    this.sums.set(name, Array.from(hash.digest(), (one) => one.toString(16).padStart(2, "0")).join(""));
  }

  /** @param {string} name @param {string | Uint8Array} content */
  async add(name, content) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await this.zip.begin(`${this.folder}/${name}`, bytes.length);
    await this.zip.write(bytes);
    await this.zip.end();
    this.sums.set(name, await hexDigest(bytes));
  }

  /** The camera's key. @param {{raw: Uint8Array}} key */
  async addKey(key) {
    await this.add(KEY_PEM, toPem(key.raw));
    await this.add(KEY_JWK, `${JSON.stringify(jwk(key), null, 2)}\n`);
  }

  /** The list of SHA-256, behind all else. */
  async finish() {
    const names = [...this.sums.keys()].sort();
    await this.add(SUMS, names.map((name) => `${this.sums.get(name)}  ${name}\n`).join(""));
  }
}

/** One recording's folder in the package. */
class RecordingPart extends PackageFolder {
  constructor(zip, candidate, how) {
    super(zip, `${candidate.id}-export`, how);
    this.candidate = candidate;
    this.container = `${candidate.id}.tar`;
    this.video = candidate.isGood ? `${candidate.id}.mp4` : null;
    this.report = candidate.verdict.report;
  }

  /** Write all of it. Comes to what makes its sheet as it is printed: with the whole package, a file with
   * name, role and sha256, which the sheet inside of it cannot name. */
  async write() {
    const { candidate, how } = this;
    const { size } = candidate.source;
    await this.stream(this.container, size, candidate.original());
    if (this.video !== null) await this.stream(this.video, size, candidate.film(how.identity));
    await this.addKey(candidate.key);
    for (const [name, text] of Object.entries(candidate.ledgers.files)) await this.add(name, text);
    await this.add(CHECKS, `${JSON.stringify(this.#said(), plainNumber, 2)}\n`);
    await this.add(INSTRUCTIONS, this.#instructions());
    await this.add(PLAYER, how.player);
    const sheet = this.#sheet();
    await this.add(REPORT, sheetPage(sheet, how.words));
    await this.finish();
    return (whole) => sheetPage({ ...sheet, delivered: [whole, ...sheet.delivered] }, how.words);
  }

  get #ledgerAgrees() {
    const { final } = this.candidate.ledgers;
    return final === null ? null : this.report.result.final === final;
  }

  get #madeBy() {
    const { id, name } = this.how.me;
    return `${name} (${id})`;
  }

  /** What the check found, for programs. */
  #said() {
    return {
      path: this.container,
      ...this.report.asJson(),
      output: this.video,
      export: {
        software: this.candidate.ledgers.software,
        who: this.#madeBy,
        hold: this.how.hold,
        ledger_agrees: this.#ledgerAgrees,
      },
    };
  }

  #instructions() {
    const { words } = this.how;
    const { video, container } = this;
    return format(words.instructions, {
      key_pem: KEY_PEM,
      thumbprint: this.report.result.kid ?? words.unknown,
      container,
      final: this.report.result.final ?? words.none,
      video: video === null ? words.video_none : format(words.video_joined, { video }),
      ledger: LEDGER,
    });
  }

  #sheet() {
    const { words, made, hold, reference } = this.how;
    const file = (name, role) => ({ name, role, sha256: this.sums.get(name) });
    return {
      exit: this.candidate.verdict.exit,
      result: this.report.result,
      delivered: [
        ...(this.video === null ? [] : [file(this.video, words.file_video)]),
        file(this.container, words.file_container),
        file(PLAYER, words.file_player),
      ],
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      hold,
      reference,
      ledgerAgrees: this.#ledgerAgrees,
      stamps: this.candidate.ledgers.stamps,
      madeUs: made.getTime() * 1000,
      madeBy: this.#madeBy,
      software: this.candidate.ledgers.software,
      details: CHECKS,
      instructions: INSTRUCTIONS,
    };
  }
}

/** @param {{raw: Uint8Array, thumbprint: string}} key */
function jwk({ raw, thumbprint }) {
  return { crv: "Ed25519", kty: "OKP", x: encodeBase64url(raw), kid: thumbprint, alg: "EdDSA", use: "sig" };
}

/** A sum beyond 2^53 - 1 as text, since JSON here knows no other way. */
function plainNumber(_, value) {
  return typeof value === "bigint" ? String(value) : value;
}
