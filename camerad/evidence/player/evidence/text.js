// Words that come from outside, made fit to be printed, and which of them a statement may have
// (camerad.base.text).
//
// What a statement may have is decided by a table, never by a version of Unicode. What `printable`
// escapes besides is what this browser knows no character for.

/** A longer word in a statement is refused, code points. */
export const LONGEST = 200;

/**
 * Code points that no text of a statement has, first and last: docs/evidence-format.md, section 1.
 * The last two of the planes 0 to E come to these.
 */
const NEVER_PLAIN =
  "0-1F 7F-A0 AD 600-605 61C 6DD 70F 890-891 8E2 1680 180E 2000-200F 2028-202F 205F-206F 3000 " +
  "D800-F8FF FDD0-FDEF FEFF FFF0-FFFB 110BD 110CD 13430-1343F 1BCA0-1BCA3 1D173-1D17A " +
  "E0000-E00FF F0000-10FFFF";
const ODD = new RegExp(`[${[...NEVER_PLAIN.split(" "), ...lastTwo()].map(inClass).join("")}]`, "u");
/** Controls, format characters, what is not assigned, separators, and spaces but the plain one. */
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/u;

function lastTwo() {
  return [..."0123456789ABCDE"].map((plane) => `${plane}FFFE-${plane}FFFF`);
}

/** A range as a regular expression has it. @param {string} range */
function inClass(range) {
  return range.split("-").map((code) => `\\u{${code}}`).join("-");
}

/**
 * Whether `text` may stand in a statement: it prints on one line, and is not too long.
 * @param {string} text
 */
export function isPlain(text) {
  // No code point takes more than two units, so most texts need not be counted.
  const short = text.length <= LONGEST || (text.length <= 2 * LONGEST && count(text) <= LONGEST);
  return short && !ODD.test(text);
}

/** @param {string} text */
function count(text) {
  return [...text].length;
}

/**
 * The text on one line, with escapes (as in `\x1b`, `\u202e`) for what does not print.
 * @param {string} text
 */
export function printable(text) {
  if (!ODD.test(text) && !UNPRINTABLE.test(text)) return text;
  return [...text].map((letter) => (isPrinted(letter) ? letter : escaped(letter))).join("");
}

/** @param {string} letter */
function isPrinted(letter) {
  return !ODD.test(letter) && !UNPRINTABLE.test(letter);
}

/** @param {string} letter */
function escaped(letter) {
  const code = /** @type {number} */ (letter.codePointAt(0));
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}
