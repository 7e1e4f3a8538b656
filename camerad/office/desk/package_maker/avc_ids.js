// Gives H.264 parameter sets and slices of a browser's encoder the id 1 (ITU-T H.264, 7.3), so that
// they stand beside the camera's in one film, which have the id 0.
//
// Only slices with CAVLC are understood: behind a longer header their bits just move on. A browser is
// asked for the Constrained Baseline profile, which has no other.

import { joined } from "../player/fragments.js";

const [SLICE, KEY_SLICE] = [1, 5];
/** The spelling of 1 as ue(v) (9.1). */
const ONE = [0, 1, 0];
/** Bytes of a NAL unit's length. */
const LENGTH = 4;

/** Error thrown when an encoder writes something that cannot stand beside the camera's pictures. */
export class EncodingError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "EncodingError";
  }
}

/** Bits of a NAL unit without emulation prevention (7.4.1). */
class Bits {
  /** @param {Uint8Array} nal */
  constructor(nal) {
    const plain = new Uint8Array(nal.length);
    let zeros = 0;
    let size = 0;
    for (const byte of nal) {
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      plain[size++] = byte;
    }
    this.bytes = plain.subarray(0, size);
    this.at = 0;
  }

  bit() {
    const byte = this.bytes[this.at >> 3];
    if (byte === undefined) throw new EncodingError("a NAL unit is too short");
    return (byte >> (7 - (this.at++ & 7))) & 1;
  }

  /** ue(v) (9.1). */
  number() {
    let zeros = 0;
    while (this.bit() === 0) zeros += 1;
    let value = 1;
    for (let left = zeros; left > 0; left -= 1) value = 2 * value + this.bit();
    return value - 1;
  }

  /** Where the stop bit is, which is the last 1 (7.3.2.11). */
  get stop() {
    let last = this.bytes.length - 1;
    while (this.bytes[last] === 0) last -= 1;
    return 8 * last + 7 - Math.log2(this.bytes[last] & -this.bytes[last]);
  }
}

/** Collects bits of a NAL unit. */
class Written {
  /** @type {number[]} */
  #bytes = [];
  #waiting = 0;
  #count = 0;
  #zeros = 0;

  /** @param {number} bit */
  bit(bit) {
    this.#waiting = 2 * this.#waiting + bit;
    this.#count += 1;
    if (this.#count < 8) return;
    if (this.#zeros >= 2 && this.#waiting <= 3) {
      this.#bytes.push(3);
      this.#zeros = 0;
    }
    this.#zeros = this.#waiting === 0 ? this.#zeros + 1 : 0;
    this.#bytes.push(this.#waiting);
    [this.#waiting, this.#count] = [0, 0];
  }

  /** The NAL unit, ended by a stop bit. */
  get nal() {
    this.bit(1);
    while (this.#count > 0) this.bit(0);
    return Uint8Array.from(this.#bytes);
  }
}

/**
 * A NAL unit with other ids: those that begin at `at`.
 * @param {Bits} bits @param {number} at @param {number} end where the last of them ends
 * @param {number[]} ids
 */
function exchanged(bits, at, end, ids) {
  const { stop } = bits;
  const written = new Written();
  bits.at = 0;
  while (bits.at < at) written.bit(bits.bit());
  for (const bit of ids) written.bit(bit);
  bits.at = end;
  while (bits.at < stop) written.bit(bits.bit());
  return written.nal;
}

/** A sequence parameter set (7.3.2.1). @param {Uint8Array} nal */
function sequence(nal) {
  const bits = new Bits(nal);
  // Behind the NAL unit's header, the profile, its constraints and the level.
  bits.at = 32;
  bits.number();
  return exchanged(bits, 32, bits.at, ONE);
}

/** A picture parameter set (7.3.2.2). @param {Uint8Array} nal */
function picture(nal) {
  const bits = new Bits(nal);
  bits.at = 8;
  bits.number();
  bits.number();
  const end = bits.at;
  if (bits.bit() !== 0) throw new EncodingError("the browser's encoder writes CABAC");
  return exchanged(bits, 8, end, [...ONE, ...ONE]);
}

/** A slice (7.3.3). @param {Uint8Array} nal */
function slice(nal) {
  const bits = new Bits(nal);
  bits.at = 8;
  bits.number();
  bits.number();
  const at = bits.at;
  bits.number();
  return exchanged(bits, at, bits.at, ONE);
}

/**
 * The parameter sets in a decoder's configuration (ISO/IEC 14496-15, 5.3.3.1).
 * @param {Uint8Array} configuration
 */
function parameterSets(configuration) {
  const view = new DataView(configuration.buffer, configuration.byteOffset, configuration.byteLength);
  const found = { sequences: [], pictures: [], sequencesEnd: 0, picturesEnd: 0 };
  let at = 5;
  for (const kind of ["sequences", "pictures"]) {
    const count = configuration[at] & (kind === "sequences" ? 31 : 255);
    at += 1;
    for (let number = 0; number < count; number += 1) {
      const size = view.getUint16(at);
      found[kind].push(configuration.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
    found[`${kind}End`] = at;
  }
  return found;
}

/**
 * The camera's configuration with the encoder's parameter sets behind its own, with the id 1.
 * @param {Uint8Array} camera @param {Uint8Array} encoder
 */
export function withBoth(camera, encoder) {
  const own = parameterSets(camera);
  if (own.sequences.length !== 1 || own.pictures.length !== 1) throw new EncodingError("the camera has several parameter sets");
  const added = renamed(encoder);
  const pieces = [
    camera.subarray(0, 5), [camera[5] + 1], camera.subarray(6, own.sequencesEnd), sized(added[0]),
    [camera[own.sequencesEnd] + 1], camera.subarray(own.sequencesEnd + 1, own.picturesEnd), sized(added[1]),
    camera.subarray(own.picturesEnd),
  ];
  return joined(pieces);
}

/** The encoder's parameter sets, with the id 1. @param {Uint8Array} encoder its configuration */
function renamed(encoder) {
  const { sequences, pictures } = parameterSets(encoder);
  if (sequences.length !== 1 || pictures.length !== 1) throw new EncodingError("the browser's encoder has several parameter sets");
  return [sequence(sequences[0]), picture(pictures[0])];
}

/** A parameter set behind its length. @param {Uint8Array} nal */
const sized = (nal) => joined([[nal.length >> 8, nal.length & 255], nal]);

/**
 * An encoded picture whose slices name the picture parameter set 1. Nothing else is in it, but for a key
 * picture its parameter sets: Firefox does not know those in the film's head beside the camera's.
 * @param {Uint8Array} sample @param {Uint8Array | null} encoder configuration of the encoder, for a key picture
 */
export function ofOwnSets(sample, encoder) {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.byteLength);
  const units = encoder === null ? [] : renamed(encoder);
  const sets = units.length;
  for (let at = 0; at < sample.length; ) {
    const size = view.getUint32(at);
    const nal = sample.subarray(at + LENGTH, at + LENGTH + size);
    if (size === 0 || nal.length !== size) throw new EncodingError("an encoded picture is cut off");
    at += LENGTH + size;
    if ([SLICE, KEY_SLICE].includes(nal[0] & 31)) units.push(slice(nal));
  }
  if (units.length === sets) throw new EncodingError("an encoded picture has no slices");
  return joined(units.flatMap((nal) => {
    const length = new Uint8Array(LENGTH);
    new DataView(length.buffer).setUint32(0, nal.length);
    return [length, nal];
  }));
}
