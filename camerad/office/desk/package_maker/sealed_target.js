// Encrypts what is written for its recipient (age, X25519), as it comes: the target behind it, of
// saving.js, never has anything in the clear.

import { Encrypter } from "age-encryption";

const PUBLIC = /^age1[02-9ac-hj-np-z]{58}$/;
const PRIVATE = "AGE-SECRET-KEY-";

/** Error thrown for a recipient that is no public key; its text does not repeat what was typed. */
export class RecipientError extends Error {
  /** @param {boolean} isPrivate whether it is a private key */
  constructor(isPrivate) {
    super("this is no public age key");
    this.name = "RecipientError";
    this.isPrivate = isPrivate;
  }
}

/** What encrypts for a public key as a person typed it. Throws RecipientError. @param {string} typed */
export function encrypterFor(typed) {
  const recipient = typed.trim();
  const encrypter = new Encrypter();
  try {
    if (!PUBLIC.test(recipient)) throw new RangeError("it is not of that form");
    encrypter.addRecipient(recipient);
  } catch {
    throw new RecipientError(recipient.toUpperCase().startsWith(PRIVATE));
  }
  return encrypter;
}

/** A target of saving.js that is encrypted. Use `SealedTarget.onto` to get one. */
export class SealedTarget {
  #target;
  #writer;
  #written;

  /** @param {any} target @param {WritableStreamDefaultWriter} writer @param {Promise<void>} written */
  constructor(target, writer, written) {
    this.name = target.name;
    this.#target = target;
    this.#writer = writer;
    this.#written = written;
  }

  /** @param {any} target @param {Encrypter} encrypter of `encrypterFor` */
  static async onto(target, encrypter) {
    const { readable, writable } = new TransformStream();
    const sealed = await encrypter.encrypt(readable);
    const written = sealed.pipeTo(new WritableStream({ write: (piece) => target.write(piece) }));
    // Writing and closing throw the same error.
    written.catch(() => {});
    return new SealedTarget(target, writable.getWriter(), written);
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    // The stream may keep it for a while, and then it must be the same.
    await this.#writer.write(bytes.slice());
  }

  /** All is there. Returns the file, to be read back. */
  async close() {
    await this.#writer.close();
    await this.#written;
    return this.#target.close();
  }

  /** Give it up. */
  async discard() {
    await Promise.allSettled([this.#writer.abort(), this.#written]);
    await this.#target.discard();
  }

  /** As the target behind it does. */
  offer() {
    this.#target.offer();
  }
}
