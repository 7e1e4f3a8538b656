// A source read from front to back in large pieces, the next one while this one is worked on.
//
// Memory is constant: two pieces, and the longest member. What was handed out is valid for as long
// as long as its caller keeps it.

/** @typedef {import("./source.js").Source} Source */

/** Bytes that are read at once. */
const PIECE = 2 << 20;

export class BufferedSource {
  /** @param {Source} source opened @param {AbortSignal} [signal] ends the reading */
  constructor(source, signal) {
    this.source = source;
    this.signal = signal;
    this.size = source.size;
    /** What was read and not yet handed out. @type {Uint8Array} */
    this.bytes = new Uint8Array(0);
    /** Where `bytes` begins in the file. */
    this.offset = 0;
    /** @type {{from: number, bytes: Promise<Uint8Array>} | null} */
    this.ahead = null;
  }

  get left() {
    return this.size - this.offset;
  }

  /** Go on somewhere else. @param {number} offset */
  seek(offset) {
    const within = offset - this.offset;
    if (within >= 0 && within <= this.bytes.length) this.bytes = this.bytes.subarray(within);
    else this.bytes = new Uint8Array(0);
    this.offset = offset;
  }

  /** The next bytes, fewer at the end of the file. @param {number} size */
  async exactly(size) {
    const wanted = Math.min(size, this.left);
    if (this.bytes.length < wanted) await this.#fill(wanted);
    const taken = this.bytes.subarray(0, wanted);
    this.bytes = this.bytes.subarray(wanted);
    this.offset += wanted;
    return taken;
  }

  /** Bytes elsewhere, fewer at the end of the file. @param {number} offset @param {number} size */
  async at(offset, size) {
    const to = Math.min(offset + size, this.size);
    const within = offset - this.offset;
    if (within >= 0 && to - this.offset <= this.bytes.length) {
      return this.bytes.subarray(within, Math.max(within, to - this.offset));
    }
    return to > offset ? this.#read(offset, to) : new Uint8Array(0);
  }

  /** @param {number} wanted */
  async #fill(wanted) {
    const pieces = [this.bytes];
    let there = this.bytes.length;
    while (there < wanted) {
      const from = this.offset + there;
      const piece = await this.#piece(from);
      pieces.push(piece);
      there += piece.length;
    }
    this.#readAhead(this.offset + there);
    this.bytes = joined(pieces, there);
  }

  /** @param {number} from */
  async #piece(from) {
    const ahead = this.ahead;
    this.ahead = null;
    if (ahead !== null && ahead.from === from) return ahead.bytes;
    return this.#read(from, Math.min(from + PIECE, this.size));
  }

  /** @param {number} from */
  #readAhead(from) {
    if (from >= this.size) return;
    const bytes = this.#read(from, Math.min(from + PIECE, this.size));
    // Only the caller that needs it is told of a failure.
    bytes.catch(() => undefined);
    this.ahead = { from, bytes };
  }

  /** @param {number} from @param {number} to */
  async #read(from, to) {
    this.signal?.throwIfAborted();
    return this.source.read(from, to);
  }
}

/** @param {Uint8Array[]} pieces @param {number} length of all of them */
function joined(pieces, length) {
  const filled = pieces.filter((one) => one.length > 0);
  if (filled.length === 1) return filled[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const one of filled) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}
