// A recording of which the statements are at hand, all at once, from the holder of its file
// (camerad/evidence/player_modules.py). They need not be trusted: a statement is taken for what its
// signature makes it, wherever it was read.

import { SourceError } from "./evidence/source.js";

const HEAD_BYTES = 12;

/** @implements {import("./evidence/source.js").Source} */
export class ExtentSource {
  /** Where each extent begins, ascending. @type {number[]} */
  #begins = [];
  /** @type {Uint8Array[]} */
  #extents = [];

  /**
   * @param {import("./evidence/source.js").Source} source the recording itself
   * @param {Promise<Uint8Array>} answer the extents; before they come, and where they cannot be had,
   *   everything is read from the recording
   */
  constructor(source, answer) {
    this.source = source;
    this.loaded = answer.then(
      (bytes) => this.#take(bytes),
      () => {},
    );
  }

  get size() {
    return this.source.size;
  }

  /** The recording itself, to check every byte of it. */
  get whole() {
    return this.source;
  }

  async open() {
    await this.source.open();
    return this;
  }

  /** @param {Uint8Array} bytes */
  #take(bytes) {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
      const begin = Number(data.getBigUint64(at));
      const length = data.getUint32(at + 8);
      const end = at + HEAD_BYTES + length;
      if (end > bytes.length || begin < (this.#begins.at(-1) ?? 0)) return;
      this.#begins.push(begin);
      this.#extents.push(bytes.subarray(at + HEAD_BYTES, end));
      at = end;
    }
  }

  /** The extent that has a byte, and where in it; null where none has. @param {number} offset */
  #find(offset) {
    let low = 0;
    let high = this.#begins.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#begins[middle] <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const extent = this.#extents[low - 1];
    const within = offset - this.#begins[low - 1];
    return within < extent.length ? { extent, within } : null;
  }

  /** How many bytes from `offset` on are at hand; undefined for none. @param {number} offset */
  reach(offset) {
    const found = this.#find(offset);
    return found === null ? undefined : found.extent.length - found.within;
  }

  /** @param {number} from @param {number} to */
  async read(from, to) {
    if (to > this.size) throw new SourceError(`bytes ${from} to ${to} are not in the file`);
    const found = this.#find(from);
    if (found === null || to - from > found.extent.length - found.within) {
      return this.source.read(from, to);
    }
    return found.extent.subarray(found.within, found.within + to - from);
  }
}
