// The office's key file, opened in the tab: what `camerad keys new` and age-keygen write.
//
// A key file has age identities, one a line (AGE-SECRET-KEY-1...), and is itself sealed with a
// passphrase by age (scrypt), armored or not. What was opened stays in this tab's memory: it is not
// stored, not sent, and forgotten a quarter of an hour after it was last used, or as soon as a person
// says so. What decrypts is a key of WebCrypto's, which no script can read; the bytes that it was made
// of are overwritten at once. Text cannot be: forgotten means that nothing refers to it any more.

import { bech32 } from "@scure/base";
import { Decrypter, armor } from "age-encryption";

/** Milliseconds that a key is kept after it was last used. */
export const KEPT_MS = 15 * 60 * 1000;
/** The largest key file, bytes; the command has the same bound. */
const LARGEST = 64 * 1024;
const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";
const AGE = "age-encryption.org/";
const PRIVATE = "AGE-SECRET-KEY-";
/** Of PKCS #8 before the 32 bytes of an X25519 key (RFC 8410, 7). */
const PKCS8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];
const KEY_BYTES = 32;

/** Why a key file cannot be opened. */
export const KeyProblem = Object.freeze({
  TOO_LARGE: "too_large",
  NO_PASSPHRASE: "no_passphrase",
  PASSPHRASE: "passphrase",
  TOO_MUCH_WORK: "too_much_work",
  NO_KEY: "no_key",
});

/** Error thrown when a key file cannot be opened; its text never repeats what is in it. */
export class KeyFileError extends Error {
  /** @param {string} problem one of KeyProblem */
  constructor(problem) {
    super(`the key file cannot be opened: ${problem}`);
    this.name = "KeyFileError";
    this.problem = problem;
  }
}

/**
 * Whether a key file is sealed with a passphrase. Throws KeyFileError.
 * @param {Uint8Array} bytes
 */
export function isSealed(bytes) {
  if (bytes.length > LARGEST) throw new KeyFileError(KeyProblem.TOO_LARGE);
  const text = new TextDecoder().decode(bytes).trimStart();
  return text.startsWith(ARMOR) || text.startsWith(AGE);
}

/**
 * The identities in a key file. passphrase: of a sealed one; the work that it takes was chosen when
 * the file was made, usually a second or two. Throws KeyFileError.
 * @param {Uint8Array} bytes
 * @param {string} passphrase
 * @returns {Promise<string[]>}
 */
export async function identitiesIn(bytes, passphrase) {
  let text = new TextDecoder().decode(bytes);
  if (isSealed(bytes)) {
    if (passphrase === "") throw new KeyFileError(KeyProblem.NO_PASSPHRASE);
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    try {
      const sealed = text.trimStart().startsWith(ARMOR) ? armor.decode(text.trim()) : bytes;
      text = await textOf(await decrypter.decrypt(new Blob([sealed]).stream()));
    } catch (error) {
      // A wrong passphrase looks like a damaged file. The other is told by its text only.
      const tooMuch = /work factor/.test(String(error));
      throw new KeyFileError(tooMuch ? KeyProblem.TOO_MUCH_WORK : KeyProblem.PASSPHRASE);
    }
  }
  const lines = text.split("\n").map((line) => line.trim());
  const found = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (found.length === 0 || !found.every((line) => line.startsWith(PRIVATE))) {
    throw new KeyFileError(KeyProblem.NO_KEY);
  }
  return found;
}

/** All text of a stream, whose bytes are overwritten. @param {ReadableStream<Uint8Array>} stream */
async function textOf(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let text = "";
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    text += decoder.decode(step.value, { stream: true });
    step.value.fill(0);
  }
  return text + decoder.decode();
}

/**
 * An identity as a key that no script can read; as it is where this browser has none of its kind.
 * Throws for one that is none.
 * @param {string} identity
 */
async function unreadable(identity) {
  if (!identity.startsWith(`${PRIVATE}1`)) return identity;
  const { bytes } = bech32.decodeToBytes(identity);
  const wrapped = new Uint8Array(PKCS8.length + KEY_BYTES);
  try {
    if (bytes.length !== KEY_BYTES) return identity;
    wrapped.set(PKCS8);
    wrapped.set(bytes, PKCS8.length);
    return await crypto.subtle.importKey("pkcs8", wrapped, { name: "X25519" }, false, ["deriveBits"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return identity;
    throw error;
  } finally {
    bytes.fill(0);
    wrapped.fill(0);
  }
}

/**
 * The key that a tab holds for a while, and what decrypts with it. `forgotten` is dispatched when it
 * is let go of, `opened` when it is there.
 */
export class HeldKey extends EventTarget {
  /** @type {Decrypter | null} */
  #decrypter = null;
  #timer = 0;
  /** When it will be forgotten, as Date.now() has it; 0 without a key. */
  until = 0;

  /** Whether the key is there. */
  get isOpen() {
    return this.#decrypter !== null;
  }

  /**
   * Open a key file; a key that was held before is let go of. Throws KeyFileError.
   * @param {Uint8Array} bytes of the file
   * @param {string} passphrase
   */
  async open(bytes, passphrase) {
    const decrypter = new Decrypter();
    try {
      for (const one of await identitiesIn(bytes, passphrase)) decrypter.addIdentity(await unreadable(one));
    } catch (error) {
      if (error instanceof KeyFileError) throw error;
      throw new KeyFileError(KeyProblem.NO_KEY);
    }
    this.forget();
    this.#decrypter = decrypter;
    this.#used();
    this.dispatchEvent(new Event("opened"));
  }

  #used() {
    this.until = Date.now() + KEPT_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.forget(), KEPT_MS);
  }

  /** Let go of the key. */
  forget() {
    clearTimeout(this.#timer);
    if (this.#decrypter === null) return;
    this.#decrypter = null;
    this.until = 0;
    this.dispatchEvent(new Event("forgotten"));
  }

  /**
   * The file key of a sealed member, which opens this member and no other. Throws as `decrypt`.
   * @param {Uint8Array} sealed
   * @returns {Promise<Uint8Array>}
   */
  fileKey(sealed) {
    return this.#with((decrypter) => decrypter.decryptHeader(sealed));
  }

  /**
   * Decrypt a sealed member. Throws NoKeyError if there is no key any more, and WrongKeyError if it
   * is not one of those that the member is sealed to.
   * @param {Uint8Array} sealed
   * @returns {Promise<Uint8Array>}
   */
  decrypt(sealed) {
    return this.#with((decrypter) => decrypter.decrypt(sealed));
  }

  /** @param {(decrypter: Decrypter) => Promise<Uint8Array>} work */
  async #with(work) {
    const decrypter = this.#decrypter;
    if (decrypter === null) throw new NoKeyError();
    let plain;
    try {
      plain = await work(decrypter);
    } catch (error) {
      throw new WrongKeyError(error);
    }
    // It may have been forgotten meanwhile.
    if (this.#decrypter !== decrypter) throw new NoKeyError();
    this.#used();
    return plain;
  }
}

/** Error thrown when something is to be decrypted and the key was forgotten. */
export class NoKeyError extends Error {
  constructor() {
    super("there is no key: it was forgotten, or none was opened");
    this.name = "NoKeyError";
  }
}

/** Error thrown when the key that is held does not open a member. */
export class WrongKeyError extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("this key does not open the recording", { cause });
    this.name = "WrongKeyError";
  }
}
