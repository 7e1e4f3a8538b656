// Signed statements: JSON Web Signatures in compact form, in one spelling only
// (camerad.container.jws; docs/evidence-format.md, section 2).
//
// What is not spelled so is not a statement, by any signature.

import { Base64Error, decodeBase64url } from "./keys.js";
import { JsonError, decode as decodeJson } from "./json.js";
import { LimitError, checkLimits } from "./limits.js";

/** A longer statement is refused unread, bytes. */
export const LONGEST = 1 << 20;

const DOT = 0x2e;
const SIGNATURE_BYTES = 64;
const KID = "[A-Za-z0-9_-]{43}";
const KIND = "camerad-[a-z]{1,32}(?:-[a-z]{1,32})?";
const HEADER = new RegExp(`^\\{"alg":"EdDSA","kid":"(${KID})","typ":"(${KIND})\\+json"\\}$`);

/** Error thrown when bytes are not a statement in its one spelling, or not by the key they name. */
export class JwsError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "JwsError";
  }
}

/** Error thrown when a statement names a key that is not among the trusted ones. */
export class UnknownKeyError extends JwsError {
  /** @param {string} kid */
  constructor(kid) {
    super(`signed by the key ${kid}, which is not among those trusted`);
    this.name = "UnknownKeyError";
  }
}

/**
 * A statement taken apart, its signature not checked yet.
 * @typedef {object} Statement
 * @property {string} kind such as `camerad-header`
 * @property {string} kid thumbprint of the key that it names
 * @property {Uint8Array} payload JSON
 * @property {Uint8Array} signature over `signed`
 * @property {Uint8Array} signed
 */

/**
 * Take a token apart. Throws JwsError if it is not in its one spelling.
 * @param {Uint8Array} token @param {number} [longest] the most bytes
 * @returns {Statement}
 */
export function parse(token, longest = LONGEST) {
  if (token.length > longest) {
    throw new JwsError(`${token.length} bytes are too many for a statement`);
  }
  const parts = split(token);
  if (parts.length !== 3) throw new JwsError("a compact JWS has three parts");
  const [header, payload, signature] = parts.map(decoded);
  const found = HEADER.exec(String.fromCharCode(...header.subarray(0, 512)));
  if (found === null) {
    throw new JwsError("the protected header is not the one that camerad writes");
  }
  if (signature.length !== SIGNATURE_BYTES) {
    throw new JwsError("the signature does not have 64 bytes");
  }
  const signed = token.subarray(0, parts[0].length + 1 + parts[1].length);
  return { kind: found[2], kid: found[1], payload, signature, signed };
}

/**
 * Throws UnknownKeyError or JwsError unless one of `keys` signed the statement.
 * @param {Statement} statement
 * @param {Map<string, import("./keys.js").PublicKey>} keys
 */
export async function check(statement, keys) {
  const key = keys.get(statement.kid);
  if (key === undefined) throw new UnknownKeyError(statement.kid);
  if (!(await key.verify(statement.signature, statement.signed))) {
    throw new JwsError("the signature is not by the key that is named");
  }
}

/**
 * The payload, if it is of that kind and has the fields of `type`. Throws JwsError.
 * @param {Statement} statement
 * @param {string} kind
 * @param {import("./json.js").ObjectType} type
 * @returns {any}
 */
export function decode(statement, kind, type) {
  if (statement.kind !== kind) throw new JwsError(`this is a ${statement.kind}, not a ${kind}`);
  return inOneSpelling(statement.payload, type, `the payload of this ${kind}`);
}

/**
 * JSON as `type` says. Throws JwsError.
 * @param {Uint8Array} raw
 * @param {import("./json.js").ObjectType} type
 * @param {string} what for messages
 * @returns {any}
 */
export function inOneSpelling(raw, type, what) {
  try {
    const said = decodeJson(raw, type);
    checkLimits(said, type);
    return said;
  } catch (error) {
    if (error instanceof JsonError) throw new JwsError(`${what} is not in its one spelling`);
    if (error instanceof LimitError) throw new JwsError(`${what} is wrong: ${error.message}`);
    throw error;
  }
}

/** @param {Uint8Array} part */
function decoded(part) {
  try {
    return decodeBase64url(part);
  } catch (error) {
    if (error instanceof Base64Error) throw new JwsError(error.message);
    throw error;
  }
}

/** @param {Uint8Array} token */
function split(token) {
  const parts = [];
  let from = 0;
  for (let at = token.indexOf(DOT); at >= 0; at = token.indexOf(DOT, from)) {
    parts.push(token.subarray(from, at));
    from = at + 1;
  }
  parts.push(token.subarray(from));
  return parts;
}
