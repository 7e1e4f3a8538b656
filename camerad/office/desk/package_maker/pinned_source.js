// A recording's bytes, held to what they were when they were first read.
//
// A package is made of several readings: one to judge, one to copy, one to open. A server that gave
// other bytes the second time would have a forged copy handed over beside a good verdict. So the
// SHA-256 of each piece is kept, and a piece that is another one later is a SourceError.

import { hexDigest } from "../player/evidence/keys.js";
import { SourceError } from "../player/evidence/source.js";

/** Bytes that are asked for at once. */
const PIECE = 4 << 20;
/** Pieces that are kept in memory. */
const KEPT = 3;

/** @implements {import("../player/evidence/source.js").Source} */
export class PinnedSource {
  #source;
  /** @type {string[]} by the number of the piece */
  #digests = [];
  /** @type {Map<number, Promise<Uint8Array>>} the latest last */
  #pieces = new Map();

  /** @param {import("../player/evidence/source.js").Source} source */
  constructor(source) {
    this.#source = source;
    /** Why bytes could not be had, once they could not. @type {SourceError | null} */
    this.failure = null;
  }

  get size() {
    return this.#source.size;
  }

  async open() {
    try {
      await this.#source.open();
    } catch (error) {
      throw this.#failed(error);
    }
    return this;
  }

  /** @param {number} from @param {number} to */
  async read(from, to) {
    const found = [];
    for (let at = from; at < to; ) {
      const number = Math.floor(at / PIECE);
      const piece = await this.#piece(number);
      const within = at - number * PIECE;
      const some = piece.subarray(within, within + to - at);
      if (some.length === 0) throw this.#failed(new SourceError(`there is no byte ${at}`));
      found.push(some);
      at += some.length;
    }
    if (found.length === 1) return found[0];
    const all = new Uint8Array(to - from);
    let at = 0;
    for (const some of found) {
      all.set(some, at);
      at += some.length;
    }
    return all;
  }

  /** Let go of the bytes that are at hand; what they were is kept. */
  release() {
    this.#pieces.clear();
  }

  /** @param {number} number */
  #piece(number) {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const piece = this.#readPiece(number);
    this.#pieces.set(number, piece);
    piece.catch(() => this.#pieces.delete(number));
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= KEPT) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }

  /** @param {number} number */
  async #readPiece(number) {
    try {
      const from = number * PIECE;
      const bytes = await this.#source.read(from, Math.min(from + PIECE, this.size));
      const digest = await hexDigest(bytes);
      this.#digests[number] ??= digest;
      if (this.#digests[number] !== digest) {
        throw new SourceError("the server gives other bytes than before");
      }
      return bytes;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof SourceError) this.failure ??= error;
    return error;
  }
}
