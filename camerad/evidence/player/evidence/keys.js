// Ed25519 keys that sign evidence, and base64url (camerad.container.keys).
//
// A public key is named by its thumbprint: RFC 7638 over the JWK of RFC 8037. It comes from where
// the device was enrolled, never from the recording or from beside it. WebCrypto checks signatures;
// a browser that cannot (before Chromium 137, Firefox 129) is told so, and nothing is judged.

const RAW_BYTES = 32;
/** Bytes that become text at once: as arguments of one call more would not fit. */
const PIECE = 1 << 14;
/** Of SubjectPublicKeyInfo before an Ed25519 key (RFC 8410, 4). */
const SPKI = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/]{59}=)\n-----END PUBLIC KEY-----\n$/;
const LATIN = new TextDecoder("latin1");

/** Error thrown when bytes are no canonical base64url. */
export class Base64Error extends Error {
  constructor() {
    super("this is not canonical base64url");
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
  for (let at = 0; at < data.length; at += PIECE) text += String.fromCharCode(...data.subarray(at, at + PIECE));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The bytes of canonical base64url without padding. Throws Base64Error for every other spelling of
 * the same bytes, and for what is no base64url.
 * @param {Uint8Array} raw
 */
export function decodeBase64url(raw) {
  const text = LATIN.decode(raw);
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new Base64Error();
  const found = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const data = new Uint8Array(found.length);
  for (let at = 0; at < found.length; at += 1) data[at] = found.charCodeAt(at);
  // Bits behind the last byte are 0.
  const left = data.length % 3;
  if (left > 0 && encodeBase64url(data.subarray(-left)) !== text.slice(-left - 1)) throw new Base64Error();
  return data;
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
    const digest = await sha256(new TextEncoder().encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`));
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

/** A public key as PEM has it. @param {Uint8Array} raw */
export function toPem(raw) {
  return `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...SPKI, ...raw))}\n-----END PUBLIC KEY-----\n`;
}

/** The bytes of a public key in PEM; null if it is none. @param {string} text */
export function fromPem(text) {
  const found = PEM.exec(text);
  const bytes = found === null ? [] : Array.from(atob(found[1]), (one) => one.charCodeAt(0));
  const isKey = bytes.length === SPKI.length + RAW_BYTES && SPKI.every((byte, at) => bytes[at] === byte);
  return isKey ? Uint8Array.from(bytes.slice(SPKI.length)) : null;
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
