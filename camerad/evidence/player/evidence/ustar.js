// The archive that a recording is: POSIX tar (ustar), in one spelling only
// (camerad.container.ustar).
//
// Only name and size of a member's header vary. So a header is ours only if it is, byte for byte,
// what `header` makes. docs/evidence-format.md, 3.1, has the table.

export const BLOCK = 512;
/** Bytes of zeros that follow the last member, and end the file. */
export const ARCHIVE_END = 2 * BLOCK;
/** The most bytes of a member's content. */
export const LARGEST = 64 * 1024 * 1024;

const NAME = /^[0-9a-z][0-9a-z.-]{0,98}[0-9a-z]$/;
const CHECKSUM_AT = 148;
const SPACE = 0x20;
const ENCODER = new TextEncoder();

/** Error thrown when a block is not a member's header in its one spelling. */
export class TarError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "TarError";
  }
}

/** A member, as its header says. */
export class Member {
  /** @param {string} name @param {number} size bytes of its content */
  constructor(name, size) {
    this.name = name;
    this.size = size;
  }

  /** Zeros behind the content, up to a whole block. */
  get padding() {
    return (BLOCK - (this.size % BLOCK)) % BLOCK;
  }

  /** Bytes of content and padding. */
  get blocksBytes() {
    return this.size + this.padding;
  }
}

/**
 * The 512 bytes before a member's content. Throws TarError for a name or a size that no member of a
 * recording has.
 * @param {string} name
 * @param {number} size
 */
export function header(name, size) {
  if (!NAME.test(name)) throw new TarError("this is no name of a recording's member");
  if (!(Number.isSafeInteger(size) && size >= 0 && size <= LARGEST)) {
    throw new TarError(`a member cannot have ${size} bytes`);
  }
  const block = new Uint8Array(BLOCK);
  const put = (/** @type {number} */ at, /** @type {string} */ text) =>
    block.set(ENCODER.encode(text), at);
  put(0, name);
  put(100, "0000444\0"); // mode
  put(108, "0000000\0"); // user
  put(116, "0000000\0"); // group
  put(124, `${octal(size, 11)}\0`);
  put(136, "00000000000\0"); // time
  put(156, "0"); // a regular file
  put(257, "ustar\x0000");
  put(329, "0000000\x000000000\0"); // device
  put(CHECKSUM_AT, `${octal(checksum(block), 6)}\0 `);
  return block;
}

/**
 * The member whose header `block` is. Throws TarError unless `header` would make the same.
 * @param {Uint8Array} block
 */
export function parse(block) {
  if (block.length !== BLOCK) throw new TarError(`${block.length} bytes are not a header`);
  const name = text(block, 0, 100).replace(/\0+$/, "");
  const digits = text(block, 124, 135);
  if (!/^[0-7]{11}$/.test(digits)) {
    throw new TarError("a member's header is damaged, or not one of camerad's");
  }
  const size = Number.parseInt(digits, 8);
  const ours = header(name, size);
  if (ours.some((byte, at) => byte !== block[at])) {
    throw new TarError("a member's header is not the one that camerad writes");
  }
  return new Member(name, size);
}

/**
 * Sum of a header's bytes, those of the sum itself counted as spaces.
 * @param {Uint8Array} block
 */
export function checksum(block) {
  let sum = 8 * SPACE;
  for (let at = 0; at < block.length; at++) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + 8) sum += block[at];
  }
  return sum;
}

/**
 * Whether there is nothing but zeros.
 * @param {Uint8Array} bytes
 */
export function isZeros(bytes) {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

/**
 * Bytes as text, one character each.
 * @param {Uint8Array} block
 * @param {number} from
 * @param {number} to
 */
function text(block, from, to) {
  return String.fromCharCode(...block.subarray(from, to));
}

/** @param {number} number @param {number} digits */
function octal(number, digits) {
  return number.toString(8).padStart(digits, "0");
}
