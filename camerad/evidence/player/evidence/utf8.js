// UTF-8, strictly: of bytes that are none it is said where and why, in the words of CPython, which
// are those of `camerad evidence verify`.

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Error thrown where bytes are no UTF-8. */
export class Utf8Error extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "Utf8Error";
  }
}

/** @param {string} text */
export function encode(text) {
  return ENCODER.encode(text);
}

/**
 * Throws Utf8Error.
 * @param {Uint8Array} bytes
 */
export function decode(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new Utf8Error(`'utf-8' codec can't decode ${whatIsWrong(bytes)}`);
  }
}

/** @param {Uint8Array} bytes that are no UTF-8 */
function whatIsWrong(bytes) {
  let at = 0;
  for (;;) {
    const length = sequenceLength(bytes[at]);
    if (length === 0) return place(bytes, at, at + 1, "invalid start byte");
    for (let next = 1; next < length; next++) {
      if (at + next >= bytes.length) {
        return place(bytes, at, bytes.length, "unexpected end of data");
      }
      if (!mayFollow(bytes[at], bytes[at + next], next)) {
        return place(bytes, at, at + next, "invalid continuation byte");
      }
    }
    at += length;
  }
}

/** Bytes of a character that begins so; 0 if none does. @param {number} first */
function sequenceLength(first) {
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** @param {number} first @param {number} byte @param {number} index of `byte` behind `first` */
function mayFollow(first, byte, index) {
  if (byte < 0x80 || byte > 0xbf) return false;
  if (index > 1) return true;
  const least = { 0xe0: 0xa0, 0xf0: 0x90 }[first] ?? 0x80;
  const most = { 0xed: 0x9f, 0xf4: 0x8f }[first] ?? 0xbf;
  return byte >= least && byte <= most;
}

/** @param {Uint8Array} bytes @param {number} from @param {number} to @param {string} why */
function place(bytes, from, to, why) {
  if (to - from > 1) return `bytes in position ${from}-${to - 1}: ${why}`;
  const byte = bytes[from].toString(16).padStart(2, "0");
  return `byte 0x${byte} in position ${from}: ${why}`;
}
