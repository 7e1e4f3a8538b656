// What a header of an archive says that camerad did not write, or that is damaged.
//
// Its numbers and names are read as leniently as `camerad evidence verify` reads them: Python's
// `int(text, 8)` and `bytes.decode("utf-8", "replace")`.

import { printable } from "./text.js";
import { BLOCK, checksum } from "./ustar.js";

export const MAGIC_AT = 257;
/** Names of a recording's members. */
export const OURS =
  /^(header\.jws|init\.mp4\.age|[0-9]{6,}\.(m4s\.age|jws)|torn\.bin|end\.jws)$/;

const MAGIC = "ustar";
/** Types of members that only say more about the members behind them (pax; GNU tar). */
const ABOUT_THE_NEXT = "xgLK";
const OCTAL = /^[\t-\r ]*([+-]?)(?:0[oO]_?)?([0-7]+(?:_[0-7]+)*)[\t-\r ]*$/;
const NAMES = new TextDecoder("utf-8", { ignoreBOM: true });

/** @param {Uint8Array} block or the beginning of one */
export function hasMagic(block) {
  return [...MAGIC].every((one, at) => block[MAGIC_AT + at] === one.charCodeAt(0));
}

/** The size in it; null if there is none. @param {Uint8Array} block */
export function saidSize(block) {
  if (block.length < BLOCK || !hasMagic(block)) return null;
  const size = octal(block.subarray(124, 136));
  return size === null || size < 0 ? null : size;
}

/** Its name if it is one that a recording's member has, else "". @param {Uint8Array} block */
export function ownName(block) {
  // Put into an archive again from a directory, a member is called by its path.
  const name = nameByAnother(block).split("/").at(-1) ?? "";
  return OURS.test(name) ? name : "";
}

/**
 * The name of a member that another program added, fit to be printed; null if it may be one of the
 * recording.
 * @param {Uint8Array} block
 */
export function foreignName(block) {
  const name = nameByAnother(block);
  const isAbout = ABOUT_THE_NEXT.includes(String.fromCharCode(block[156]));
  if (name === "" || (!isAbout && ownName(block) !== "")) return null;
  return printable(name);
}

/**
 * The name in a header that another program wrote; "" if the header is just damaged. The checksum
 * of such a header is right. Of any other, the name itself may be damaged.
 * @param {Uint8Array} block
 */
function nameByAnother(block) {
  if (octal(block.subarray(148, 156)) !== checksum(block)) return "";
  const end = block.subarray(0, 100).indexOf(0);
  return NAMES.decode(block.subarray(0, end < 0 ? 100 : end));
}

/** @param {Uint8Array} field */
function octal(field) {
  let from = 0;
  let to = field.length;
  while (from < to && isFiller(field[from])) from++;
  while (to > from && isFiller(field[to - 1])) to--;
  const found = OCTAL.exec(String.fromCharCode(...field.subarray(from, to)));
  if (found === null) return null;
  const value = Number.parseInt(found[2].replaceAll("_", ""), 8);
  return found[1] === "-" ? -value : value;
}

/** @param {number} byte */
function isFiller(byte) {
  return byte === 0 || byte === 0x20;
}
