// Words that come from outside, made fit to be printed, and which of them a statement may have
// (camerad.base.text).
//
// What a statement may have is decided by a table, never by a version of Unicode. What `printable`
// escapes besides is what this browser knows no character for.

/** A longer word in a statement is refused, code points. */
export const LONGEST = 200;

/** Code points that no text of a statement has: docs/evidence-format.md, section 1. */
const ODD = new RegExp(
  "[\\u{0}-\\u{1F}\\u{7F}-\\u{A0}\\u{AD}\\u{600}-\\u{605}\\u{61C}\\u{6DD}\\u{70F}\\u{890}-\\u{891}" +
    "\\u{8E2}\\u{1680}\\u{180E}\\u{2000}-\\u{200F}\\u{2028}-\\u{202F}\\u{205F}-\\u{206F}\\u{3000}" +
    "\\u{D800}-\\u{F8FF}\\u{FDD0}-\\u{FDEF}\\u{FEFF}\\u{FFF0}-\\u{FFFB}\\u{110BD}\\u{110CD}" +
    "\\u{13430}-\\u{1343F}\\u{1BCA0}-\\u{1BCA3}\\u{1D173}-\\u{1D17A}\\u{E0000}-\\u{E00FF}" +
    "\\u{F0000}-\\u{10FFFF}" +
    lastTwo() +
    "]",
  "u",
);
/** Controls, format characters, what is not assigned, separators, and spaces but the plain one. */
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/u;

/** The last two code points of the planes 0 to E. */
function lastTwo() {
  let ranges = "";
  for (let plane = 0; plane <= 0xe; plane++) {
    const at = (plane * 0x10000 + 0xfffe).toString(16);
    ranges += `\\u{${at}}-\\u{${(plane * 0x10000 + 0xffff).toString(16)}}`;
  }
  return ranges;
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

/**
 * The text in quotes, as Python writes it.
 * @param {string} text
 */
export function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = [...text].map((letter) => {
    if (letter === quote || letter === "\\") return `\\${letter}`;
    const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[letter];
    return short ?? (UNPRINTABLE.test(letter) ? escaped(letter) : letter);
  });
  return `${quote}${inside.join("")}${quote}`;
}

/**
 * The first `most` code points.
 * @param {string} text
 * @param {number} most
 */
export function beginning(text, most) {
  return [...text.slice(0, 2 * most)].slice(0, most).join("");
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
