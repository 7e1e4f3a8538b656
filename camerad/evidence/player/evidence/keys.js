// Ed25519 keys that sign evidence, and base64url (camerad.container.keys).
//
// A public key is named by its thumbprint: RFC 7638 over the JWK of RFC 8037. It comes from where
// the device was enrolled, never from the recording or from beside it. WebCrypto checks signatures;
// a browser that cannot (before Chromium 137, Firefox 129) is told so, and nothing is judged.

import { encode } from "./utf8.js";

const RAW_BYTES = 32;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PAD = 0x3d;
/** The value of each byte as a digit; of `+` and `/` as well, and of no other. */
const VALUES = new Int8Array(256).fill(-1);
[...DIGITS].forEach((digit, value) => (VALUES[digit.charCodeAt(0)] = value));
VALUES["+".charCodeAt(0)] = 62;
VALUES["/".charCodeAt(0)] = 63;

/** Error thrown when bytes are no canonical base64url. */
export class Base64Error extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "Base64Error";
  }
}

/** Error thrown when a key is none, or when this browser cannot check signatures. */
export class KeyError extends Error {
  /** @param {string} text @param {unknown} [cause] */
  constructor(text, cause) {
    super(text, { cause });
    this.name = "KeyError";
  }
}

/**
 * Base64url without padding (RFC 7515, 2).
 * @param {Uint8Array} data
 */
export function encodeBase64url(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 3) {
    const left = Math.min(3, data.length - at);
    const group = (data[at] << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
    for (let digit = 0; digit <= left; digit++) text += DIGITS[(group >> (18 - 6 * digit)) & 63];
  }
  return text;
}

/**
 * The bytes of canonical base64url without padding. Throws Base64Error for every other spelling of
 * the same bytes, and for what is no base64url.
 * @param {Uint8Array} raw
 */
export function decodeBase64url(raw) {
  const digits = digitsBeforePadding(raw);
  const left = digits % 4;
  const data = new Uint8Array(Math.floor((digits * 3) / 4));
  let canonical = digits === raw.length;
  let group = 0;
  let filled = 0;
  for (let at = 0; at < digits; at++) {
    const byte = raw[at];
    if (byte === 0x2b || byte === 0x2f) canonical = false;
    group = ((group << 6) | VALUES[byte]) & 0xffffff;
    if (at % 4 > 0) data[filled++] = (group >> (6 - 2 * (at % 4))) & 0xff;
  }
  if (left > 0 && (group & (left === 2 ? 0xf : 0x3)) !== 0) canonical = false;
  if (!canonical) throw new Base64Error("this is not canonical base64url");
  return data;
}

/**
 * How many digits there are, if nothing but padding follows them, and as much as there may be.
 * @param {Uint8Array} raw
 */
function digitsBeforePadding(raw) {
  let digits = 0;
  while (digits < raw.length && VALUES[raw[digits]] >= 0) digits++;
  for (let at = digits; at < raw.length; at++) {
    if (raw[at] !== PAD) throw new Base64Error("this is not base64url");
  }
  const padding = raw.length - digits + ((4 - (raw.length % 4)) % 4);
  const wanted = (4 - (digits % 4)) % 4;
  const nothing = digits === 0 && raw.length > 0;
  if (nothing || digits % 4 === 1 || (wanted > 0 && padding !== wanted)) {
    throw new Base64Error("this is not base64url");
  }
  return digits;
}

/** An Ed25519 public key; `PublicKey.of` makes one. */
export class PublicKey {
  /** @param {Uint8Array} raw @param {string} thumbprint @param {CryptoKey} key */
  constructor(raw, thumbprint, key) {
    this.raw = raw;
    this.thumbprint = thumbprint;
    this.key = key;
  }

  /**
   * Throws KeyError.
   * @param {Uint8Array} raw its 32 bytes (RFC 8032, 5.1.5)
   */
  static async of(raw) {
    if (raw.length !== RAW_BYTES) throw new KeyError(`a key has 32 bytes, not ${raw.length}`);
    if (globalThis.crypto?.subtle === undefined) {
      throw new KeyError("signatures can be checked only on a page from a file or by HTTPS");
    }
    let key;
    try {
      key = await crypto.subtle.importKey("raw", own(raw), "Ed25519", true, ["verify"]);
    } catch (error) {
      const text = "this browser cannot check signatures of the kind Ed25519: use a newer one";
      throw new KeyError(text, error);
    }
    const x = encodeBase64url(raw);
    const digest = await sha256(encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`));
    return new PublicKey(raw, encodeBase64url(digest), key);
  }

  /**
   * Whether the key's owner signed `data` (RFC 8032).
   * @param {Uint8Array} signature
   * @param {Uint8Array} data
   */
  async verify(signature, data) {
    return crypto.subtle.verify("Ed25519", this.key, own(signature), own(data));
  }
}

/**
 * The public keys that are trusted, by thumbprint.
 * @param {Iterable<Uint8Array>} raws
 * @returns {Promise<Map<string, PublicKey>>}
 */
export async function keyRing(raws) {
  const keys = await Promise.all([...raws].map((raw) => PublicKey.of(raw)));
  return new Map(keys.map((key) => [key.thumbprint, key]));
}

/** @param {Uint8Array} data */
export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", own(data)));
}

/**
 * SHA-256 in hexadecimal.
 * @param {Uint8Array} data
 */
export async function hexDigest(data) {
  return [...(await sha256(data))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** WebCrypto takes no shared memory, which is what the type says. @param {Uint8Array} data */
function own(data) {
  return /** @type {Uint8Array<ArrayBuffer>} */ (data);
}
