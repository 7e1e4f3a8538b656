// Finds the members of a recording's file without reading what they say
// (camerad.container.members).
//
// `members` gives each one out when its header, content and padding are as they should be, and
// stops at the first byte that is not. `reader.js` goes on behind damage. Read are headers and
// padding only, some kilobytes at a time.

import { SourceError } from "./source.js";
import { ARCHIVE_END, BLOCK, TarError, isZeros, parse } from "./ustar.js";

/** @typedef {import("./source.js").Source} Source */

/**
 * @typedef {object} Located
 * @property {string} name
 * @property {number} offset of the content
 * @property {number} size bytes of the content
 * @property {number} headerOffset where its header begins
 * @property {number} endOffset where the next member begins
 */

/** Bytes that are read at once: a fragment's padding, its commit and the next header usually. */
const READ_AHEAD = 8192;
const PIECE = 1 << 20;

/** Why a walk stopped before the archive's end. */
export const StopReason = Object.freeze({
  /** A block of zeros, but not the end of the archive: room reserved for what was to come. */
  ROOM: "room",
  /** The file ends before the archive does. */
  CUT: "cut",
  /** Something else than a member's header or padding is there. */
  DAMAGED: "damaged",
});

/** Error thrown where an archive is not as docs/evidence-format.md, 3.1, says. */
export class ArchiveError extends Error {
  /**
   * @param {string} why one of StopReason
   * @param {number} offset of the first byte that was not understood
   * @param {string} text
   */
  constructor(why, offset, text) {
    super(`at byte ${offset}: ${text}`);
    this.name = "ArchiveError";
    this.why = why;
    this.offset = offset;
  }
}

/**
 * The members of an archive, in their order. Ends after the archive's end; throws ArchiveError
 * where it is another, and SourceError.
 * @param {Source} source
 * @param {{from?: number, window?: Window}} [how] from: where a member's header is to begin with;
 *   window: through which to read
 * @returns {AsyncGenerator<Located, void, void>}
 */
export async function* members(source, { from = 0, window = new Window(source) } = {}) {
  await source.open();
  let offset = from;
  let padding = 0;
  /** @type {Located | null} */
  let held = null;
  for (;;) {
    // The padding of the member before comes with the header of the next, in one read.
    const block = await window.read(offset - padding, padding + BLOCK);
    if (!isZeros(block.subarray(0, padding))) {
      throw new ArchiveError(StopReason.DAMAGED, offset - padding, "the padding is not zeros");
    }
    if (held !== null) yield held;
    const header = block.subarray(padding);
    if (header.length === BLOCK && isZeros(header)) {
      await checkEnd(source, offset);
      return;
    }
    held = locate(header, offset, source.size);
    offset = held.endOffset;
    padding = held.endOffset - held.offset - held.size;
  }
}

/** @param {Uint8Array} block @param {number} offset @param {number} size of the file */
function locate(block, offset, size) {
  if (block.length < BLOCK) {
    const text = "the file ends here, without the archive's end";
    throw new ArchiveError(StopReason.CUT, offset, text);
  }
  let member;
  try {
    member = parse(block);
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw new ArchiveError(StopReason.DAMAGED, offset, error.message);
  }
  const endOffset = offset + BLOCK + member.blocksBytes;
  if (endOffset > size) {
    const text = `the file ends within the member ${member.name}`;
    throw new ArchiveError(StopReason.CUT, offset, text);
  }
  const { name, size: bytes } = member;
  return { name, offset: offset + BLOCK, size: bytes, headerOffset: offset, endOffset };
}

/** @param {Source} source @param {number} offset of a block of zeros */
async function checkEnd(source, offset) {
  if (offset + ARCHIVE_END === source.size && (await onlyZeros(source, offset))) return;
  const text = "a block of zeros, which is not the archive's end";
  throw new ArchiveError(StopReason.ROOM, offset, text);
}

/**
 * Whether there is nothing but zeros from `offset` to the end of the file.
 * @param {Source} source
 * @param {number} offset
 */
export async function onlyZeros(source, offset) {
  for (let from = offset; from < source.size; from += PIECE) {
    if (!isZeros(await source.read(from, Math.min(from + PIECE, source.size)))) return false;
  }
  return true;
}

/** Small pieces of a file that lie close to each other, read some kilobytes at a time. */
export class Window {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.at = 0;
    /** @type {Uint8Array} */
    this.bytes = new Uint8Array(0);
  }

  /** Fewer bytes at the end of the file. @param {number} from @param {number} size */
  async read(from, size) {
    const to = Math.min(from + size, this.source.size);
    if (from < this.at || to > this.at + this.bytes.length) {
      // A source that has some bytes at hand says how many (extents.js).
      const reach = Math.max(to - from, this.source.reach?.(from) ?? READ_AHEAD);
      const end = Math.min(from + reach, this.source.size);
      const bytes = await this.source.read(from, end);
      if (bytes.length !== end - from) throw new SourceError("the file has become shorter");
      this.bytes = bytes;
      this.at = from;
    }
    return this.bytes.subarray(from - this.at, to - this.at);
  }
}
