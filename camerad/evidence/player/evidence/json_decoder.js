// JSON read by what a statement should have, and written anew in its one spelling.
//
// `JSON.parse` loses what counts here: numbers beyond 2^53, doubled keys, their order, escapes.
// This reader keeps every number exactly, takes no value of another type, and passes over fields
// that it does not know. Its errors have the words, and come in the order, of the decoder of
// `camerad evidence verify` (msgspec): at the first byte that is wrong.

import { JsonError, Scanner } from "./json_scanner.js";
import { encode } from "./utf8.js";
import { quoted } from "./text.js";

export { JsonError };

/**
 * @typedef {object} IntType
 * @property {"int"} kind
 * @property {number} [least] @property {number} [most]
 * @property {boolean} [nullable]
 *
 * @typedef {object} StrType
 * @property {"str"} kind
 * @property {RegExp} [pattern] @property {string} [patternText] as messages show it
 * @property {readonly string[]} [values] if it is one of these
 * @property {boolean} [nullable]
 *
 * @typedef {object} BoolType
 * @property {"bool"} kind
 * @property {boolean} [nullable]
 *
 * @typedef {object} ArrayType
 * @property {"array"} kind
 * @property {Type} of
 * @property {number} [least] how many there are
 * @property {boolean} [nullable]
 *
 * @typedef {object} Field
 * @property {Type} type
 * @property {boolean} [optional] it may be left out
 *
 * @typedef {object} ObjectType
 * @property {"object"} kind
 * @property {Record<string, Field>} fields in the order in which they are checked
 * @property {boolean} [nullable]
 *
 * @typedef {IntType | StrType | BoolType | ArrayType | ObjectType} Type
 */

/** Objects and arrays within one another; a statement has five. */
const DEEPEST = 950;
/** Characters of a whole number; of a longer one nobody says its value. */
const LONGEST_NUMBER = 4300;
/** Only where one of these is does the order of UTF-16 differ from that of UTF-8. */
const SURROGATE = /[\ud800-\udfff]/;

/**
 * The value of JSON that is as `type` says. Numbers beyond 2^53 are BigInt. Throws JsonError, or
 * Utf8Error.
 * @param {Uint8Array} bytes
 * @param {Type} type
 * @returns {any}
 */
export function decode(bytes, type) {
  return whole(new TypedDecoder(bytes), (decoder) => decoder.value(type, "", 0));
}

/**
 * The value of any JSON. Objects become Maps, floating-point numbers `Float`s. Throws as `decode`.
 * @param {Uint8Array} bytes
 * @returns {any}
 */
export function decodeAny(bytes) {
  return whole(new TypedDecoder(bytes), (decoder) => decoder.any("", 0));
}

/**
 * A value in its one spelling: that of `decode` or of `decodeAny`.
 * @param {any} value
 */
export function canonical(value) {
  return encode(spelled(value));
}

/** A number with a fraction or an exponent, which no statement has. */
class Float {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }

  toString() {
    return Number.isInteger(this.value) && Math.abs(this.value) < 1e16
      ? `${this.value}.0`
      : String(this.value).replace("e+", "e");
  }
}

/** @param {any} value @returns {string} */
function spelled(value) {
  if (value instanceof Float) return value.toString();
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const parts = entries
    .filter(([, inner]) => inner !== undefined)
    .sort(([one], [other]) => byBytes(one, other))
    .map(([name, inner]) => `${JSON.stringify(name)}:${spelled(inner)}`);
  return `{${parts.join(",")}}`;
}

/** The order of UTF-8 is that of code points. @param {string} one @param {string} other */
function byBytes(one, other) {
  if (!SURROGATE.test(one) && !SURROGATE.test(other)) return one < other ? -1 : 1;
  const ones = [...one];
  const others = [...other];
  for (let at = 0; at < Math.min(ones.length, others.length); at++) {
    const differ = Number(ones[at].codePointAt(0)) - Number(others[at].codePointAt(0));
    if (differ !== 0) return differ;
  }
  return ones.length - others.length;
}

/** @param {TypedDecoder} decoder @param {(decoder: TypedDecoder) => any} read */
function whole(decoder, read) {
  const value = read(decoder);
  decoder.scanner.end();
  return value;
}

/** Text of a place in the value, as messages end with it. @param {string} path */
function at(path) {
  return path === "" ? "" : ` - at \`$${path}\``;
}

/** @param {Type} type */
function nameOf(type) {
  return type.nullable ? `${type.kind} | null` : type.kind;
}

class TypedDecoder {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.scanner = new Scanner(bytes);
  }

  /**
   * @param {Type} type
   * @param {string} path
   * @param {number} depth
   * @returns {any}
   */
  value(type, path, depth) {
    const found = this.scanner.begin();
    switch (found) {
      case "null":
        if (type.nullable) return null;
        break;
      case "bool": {
        const said = this.scanner.boolean;
        if (type.kind === "bool") return said;
        break;
      }
      case "str": {
        const raw = this.scanner.string();
        if (type.kind === "str") return checkedText(raw.text(), type, path);
        break;
      }
      case "array":
        if (type.kind === "array") return this.#array(type, path, depth);
        break;
      case "object":
        if (type.kind === "object") return this.#object(type, path, depth);
        break;
      default: {
        const said = this.scanner.number();
        return this.#number(said, type, path);
      }
    }
    throw new JsonError(`Expected \`${nameOf(type)}\`, got \`${found}\`${at(path)}`);
  }

  /** @param {import("./json_scanner.js").Digits} said @param {Type} type @param {string} path */
  #number(said, type, path) {
    const wholeNumber = said.isWhole && (type.kind === "int" || said.isWord);
    if (wholeNumber && type.kind === "int") {
      return checkedNumber(exact(said.text, path), type, path);
    }
    if (!wholeNumber) float(said.text, path);
    const got = wholeNumber ? "int" : "float";
    throw new JsonError(`Expected \`${nameOf(type)}\`, got \`${got}\`${at(path)}`);
  }

  /** @param {ArrayType} type @param {string} path @param {number} depth */
  #array(type, path, depth) {
    checkDepth(depth);
    /** @type {any[]} */
    const found = [];
    this.scanner.items(() => {
      found.push(this.value(type.of, `${path}[${found.length}]`, depth + 1));
    });
    if (found.length < (type.least ?? 0)) {
      throw new JsonError(`Expected \`array\` of length >= ${type.least}${at(path)}`);
    }
    return found;
  }

  /** @param {ObjectType} type @param {string} path @param {number} depth */
  #object(type, path, depth) {
    checkDepth(depth);
    /** @type {Record<string, any>} */
    const found = {};
    this.scanner.entries("object keys must be strings", () => {
      const key = this.scanner.string().latin();
      this.scanner.colon();
      const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
      if (field === undefined) this.#skip(depth + 1);
      else found[key] = this.value(field.type, `${path}.${key}`, depth + 1);
    });
    for (const [name, field] of Object.entries(type.fields)) {
      if (!field.optional && !Object.hasOwn(found, name)) {
        throw new JsonError(`Object missing required field \`${name}\`${at(path)}`);
      }
    }
    return found;
  }

  /** Passes over a value of an unknown field. @param {number} depth */
  #skip(depth) {
    const found = this.scanner.begin({ skipped: true });
    if (found === "str") this.scanner.skipString();
    else if (found === "number") this.scanner.skipNumber();
    else if (found === "array") {
      checkDepth(depth);
      this.scanner.items(() => this.#skip(depth + 1));
    } else if (found === "object") {
      checkDepth(depth);
      this.scanner.entries("expected '\"'", () => {
        this.scanner.skipString();
        this.scanner.colon();
        this.#skip(depth + 1);
      });
    }
  }

  /** @param {string} path @param {number} depth @returns {any} */
  any(path, depth) {
    switch (this.scanner.begin()) {
      case "null":
        return null;
      case "bool":
        return this.scanner.boolean;
      case "str":
        return this.scanner.string().text();
      case "array": {
        checkDepth(depth);
        /** @type {any[]} */
        const found = [];
        this.scanner.items(() => {
          found.push(this.any(`${path}[${found.length}]`, depth + 1));
        });
        return found;
      }
      case "object": {
        checkDepth(depth);
        const found = new Map();
        this.scanner.entries("object keys must be strings", () => {
          const key = this.scanner.string().text();
          this.scanner.colon();
          found.set(key, this.any(`${path}[...]`, depth + 1));
        });
        return found;
      }
      default: {
        const said = this.scanner.number();
        return said.isWhole ? exact(said.text, path) : new Float(float(said.text, path));
      }
    }
  }
}

/** @param {string} text @param {string} path @returns {number | bigint} */
function exact(text, path) {
  if (text.length > LONGEST_NUMBER) {
    throw new JsonError(`Integer value out of range${at(path)}`);
  }
  const value = BigInt(text);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number + 0 : value;
}

/** @param {string} text @param {string} path */
function float(text, path) {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new JsonError(`Number out of range${at(path)}`);
  return value;
}

/** @param {number | bigint} value @param {IntType} type @param {string} path */
function checkedNumber(value, type, path) {
  if (type.least !== undefined && value < type.least) {
    throw new JsonError(`Expected \`int\` >= ${type.least}${at(path)}`);
  }
  if (type.most !== undefined && value > type.most) {
    throw new JsonError(`Expected \`int\` <= ${type.most}${at(path)}`);
  }
  return value;
}

/** @param {string} text @param {StrType} type @param {string} path */
function checkedText(text, type, path) {
  if (type.values !== undefined && !type.values.includes(text)) {
    throw new JsonError(`Invalid enum value ${quoted(text)}${at(path)}`);
  }
  if (type.pattern !== undefined && !type.pattern.test(text)) {
    throw new JsonError(`Expected \`str\` matching regex ${type.patternText}${at(path)}`);
  }
  return text;
}

/** @param {number} depth */
function checkDepth(depth) {
  if (depth < DEEPEST) return;
  throw new JsonError("maximum recursion depth exceeded while deserializing an object");
}
