// The marks of JSON (RFC 8259), one after the other; what they mean is json_decoder.js's.
//
// An error says the byte at which the text ceases to be JSON, counted from 0, as msgspec counts it.

import { decode } from "./utf8.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const OPEN = { array: 0x5b, object: 0x7b };
const CLOSE = { array: 0x5d, object: 0x7d };
/** What a letter behind a backslash stands for. */
const SHORT = new Map(
  [..."bfnrt\"\\/"].map((one, at) => [one.charCodeAt(0), "\b\f\n\r\t\"\\/".charCodeAt(at)]),
);

/** Error thrown where JSON is none, or has other values than it should. */
export class JsonError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "JsonError";
  }
}

/** The digits of a number. */
export class Digits {
  /** @param {string} text @param {boolean} isWhole it has neither fraction nor exponent */
  constructor(text, isWhole) {
    this.text = text;
    this.isWhole = isWhole;
  }

  /** Whether it fits into 64 bits: a decoder that wants none takes a longer one for a float. */
  get isWord() {
    if (this.text.length > 20) return false;
    const value = BigInt(this.text);
    return value >= -(2n ** 63n) && value < 2n ** 64n;
  }
}

/** A string as it stands there, its escapes resolved. */
class Raw {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /** Throws Utf8Error. */
  text() {
    return decode(this.bytes);
  }

  /** One character for each byte: enough to be compared with a name of ours. */
  latin() {
    let text = "";
    for (const byte of this.bytes) text += String.fromCharCode(byte);
    return text;
  }
}

export class Scanner {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    /** What the last "bool" was. */
    this.boolean = false;
  }

  /**
   * What the next value is: "null", "bool", "str", "array", "object" or "number". The first two are
   * read then.
   * @param {{skipped?: boolean}} [how] skipped: whether nobody wants to know it
   */
  begin({ skipped = false } = {}) {
    switch (this.#peek()) {
      case 0x6e:
        this.#word("ull", skipped);
        return "null";
      case 0x74:
        this.#word("rue", skipped);
        this.boolean = true;
        return "bool";
      case 0x66:
        this.#word("alse", skipped);
        this.boolean = false;
        return "bool";
      case QUOTE:
        return "str";
      case OPEN.array:
        return "array";
      case OPEN.object:
        return "object";
      default:
        return "number";
    }
  }

  /** Nothing but spaces is left. */
  end() {
    while (this.at < this.bytes.length) {
      const byte = this.bytes[this.at++];
      if (!isSpace(byte)) throw this.#invalid("trailing characters");
    }
  }

  /** Reads an array. @param {() => void} item reads one of its values */
  items(item) {
    this.#listed(CLOSE.array, "array", "]", item);
  }

  /**
   * Reads an object.
   * @param {string} noKey what is wrong where no string begins
   * @param {() => void} entry reads a key, the colon and a value
   */
  entries(noKey, entry) {
    this.#listed(CLOSE.object, "object", "}", () => {
      if (this.bytes[this.at] !== QUOTE) throw this.#invalid(noKey);
      entry();
    });
  }

  colon() {
    if (this.#peek() !== COLON) throw this.#invalid("expected ':'");
    this.at++;
  }

  string() {
    const start = ++this.at;
    let end = this.#plain();
    if (this.bytes[end] === QUOTE) {
      this.at++;
      return new Raw(this.bytes.subarray(start, end));
    }
    /** @type {number[]} */
    const found = [...this.bytes.subarray(start, end)];
    for (;;) {
      if (this.bytes[end] === QUOTE) {
        this.at++;
        return new Raw(Uint8Array.from(found));
      }
      if (this.bytes[end] !== BACKSLASH) throw this.#invalid("invalid character");
      this.at++;
      if (this.at === this.bytes.length) throw truncated();
      const letter = this.bytes[this.at++];
      const short = SHORT.get(letter);
      if (short !== undefined) found.push(short);
      else if (letter === 0x75) found.push(...new TextEncoder().encode(this.#escape()));
      else throw this.#invalid("invalid escape character in string");
      const from = this.at;
      end = this.#plain();
      for (let at = from; at < end; at++) found.push(this.bytes[at]);
    }
  }

  skipString() {
    this.at++;
    for (;;) {
      const byte = this.bytes[this.#plain()];
      if (byte === QUOTE) {
        this.at++;
        return;
      }
      if (byte !== BACKSLASH) throw this.#invalid("invalid character");
      this.at++;
      if (this.at === this.bytes.length) throw truncated();
      const letter = this.bytes[this.at];
      if (SHORT.has(letter)) this.at++;
      else if (letter === 0x75) {
        this.at++;
        this.#escape("unexpected end of hex escape");
      } else throw this.#invalid("invalid escaped character");
    }
  }

  number() {
    const start = this.at;
    if (this.bytes[this.at] === MINUS) {
      this.at++;
      if (this.at === this.bytes.length) throw this.#invalid("invalid number");
    }
    const isWhole = this.#digitsOfNumber();
    return new Digits(decode(this.bytes.subarray(start, this.at)), isWhole);
  }

  skipNumber() {
    if (this.bytes[this.at] === MINUS) this.at++;
    this.#digitsOfNumber();
  }

  /** What follows a sign. Returns whether the number is whole. */
  #digitsOfNumber() {
    if (this.bytes[this.at] === ZERO) {
      this.at++;
      if (isDigit(this.bytes[this.at])) throw this.#invalid("invalid number");
    } else if (!this.#digits()) throw this.#invalid("invalid character");
    let isWhole = true;
    if (this.bytes[this.at] === 0x2e) {
      isWhole = false;
      this.at++;
      if (!this.#digits()) throw this.#invalid("invalid number");
    }
    if (this.bytes[this.at] === 0x65 || this.bytes[this.at] === 0x45) {
      isWhole = false;
      this.at++;
      if (this.bytes[this.at] === 0x2b || this.bytes[this.at] === MINUS) this.at++;
      if (!this.#digits()) throw this.#invalid("invalid number");
    }
    return isWhole;
  }

  /** Whether there was at least one. */
  #digits() {
    const start = this.at;
    while (isDigit(this.bytes[this.at])) this.at++;
    return this.at > start;
  }

  /** Where the string's next mark is that is not itself: a quote, a backslash, a control. */
  #plain() {
    for (; this.at < this.bytes.length; this.at++) {
      const byte = this.bytes[this.at];
      if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return this.at;
    }
    throw truncated();
  }

  /** Reads the digits of a `\u`, and those of its second half. @param {string} [noSecond] */
  #escape(noSecond = "unexpected end of escaped utf-16 surrogate pair") {
    const first = this.#hex();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    if (first >= 0xdc00) throw this.#invalid("invalid utf-16 surrogate pair");
    if (this.bytes.length - this.at < 6) throw truncated();
    if (this.bytes[this.at] !== BACKSLASH || this.bytes[this.at + 1] !== 0x75) {
      throw this.#invalid(noSecond);
    }
    this.at += 2;
    const second = this.#hex();
    if (second < 0xdc00 || second > 0xdfff) throw this.#invalid("invalid utf-16 surrogate pair");
    return String.fromCharCode(first, second);
  }

  #hex() {
    if (this.bytes.length - this.at < 4) throw truncated();
    let value = 0;
    for (let left = 4; left > 0; left--) {
      const digit = Number.parseInt(String.fromCharCode(this.bytes[this.at++]), 16);
      if (Number.isNaN(digit)) throw this.#invalid("invalid character in unicode escape");
      value = value * 16 + digit;
    }
    return value;
  }

  /** @param {number} close @param {string} what @param {string} sign @param {() => void} one */
  #listed(close, what, sign, one) {
    this.at++;
    for (let first = true; ; first = false) {
      let byte = this.#peek();
      if (byte === close) {
        this.at++;
        return;
      }
      if (!first) {
        if (byte !== COMMA) throw this.#invalid(`expected ',' or '${sign}'`);
        this.at++;
        byte = this.#peek();
      }
      if (byte === close) throw this.#invalid(`trailing comma in ${what}`);
      one();
    }
  }

  /** @param {string} rest @param {boolean} skipped */
  #word(rest, skipped) {
    this.at++;
    if (this.bytes.length - this.at < rest.length) throw truncated();
    const same = [...rest].every((one, index) => this.bytes[this.at + index] === one.charCodeAt(0));
    // The two ways of reading differ in which byte they name.
    if (!same && skipped) throw this.#invalid("invalid character");
    this.at += rest.length;
    if (!same) throw this.#invalid("invalid character");
  }

  /** The next byte that is no space. */
  #peek() {
    while (this.at < this.bytes.length) {
      const byte = this.bytes[this.at];
      if (!isSpace(byte)) return byte;
      this.at++;
    }
    throw truncated();
  }

  /** @param {string} what */
  #invalid(what) {
    return new JsonError(`JSON is malformed: ${what} (byte ${this.at})`);
  }
}

function truncated() {
  return new JsonError("Input data was truncated");
}

/** @param {number} byte */
function isSpace(byte) {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** @param {number | undefined} byte */
function isDigit(byte) {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
