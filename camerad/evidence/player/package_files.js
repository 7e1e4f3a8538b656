// The files of a package for the prosecutor, told apart by their names, and the camera's key in it.

import { PublicKey, decodeBase64url } from "./evidence/keys.js";
import { LEDGER, LEDGER_KEYS, PROOF } from "./evidence/package_proofs.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** Characters of a thumbprint that have to be compared: 72 bits, for which no second key can be found. */
export const COMPARED = 12;
const LARGEST_KEY = 64 * 1024;
const LARGEST_TEXT = 16 << 20;
const PIECE = 4 << 20;
/** Characters that look alike on paper; which one it is makes no difference. */
const ALIKE = { I: "1", l: "1", "|": "1", O: "0" };

/** Error thrown when a file that should be the camera's key is none. */
export class NotAKeyError extends Error {
  constructor() {
    super("this is no public key of a camera");
    this.name = "NotAKeyError";
  }
}

/**
 * @typedef {object} PackageFiles
 * @property {File | null} container @property {File | null} key
 * @property {File | null} video @property {File | null} sums
 */

/** By its name, what a file is. @type {Record<string, (name: string) => boolean>} */
const KINDS = {
  container: (name) => name.endsWith(".tar"),
  key: (name) => name.endsWith(".jwk"),
  video: (name) => name.endsWith(".mp4"),
  sums: (name) => name === "SHA256SUMS",
};

/**
 * What each of the chosen files is; of several of a kind the first.
 * @param {File[]} files
 * @returns {PackageFiles}
 */
export function sorted(files) {
  const found = Object.entries(KINDS).map(([kind, is]) => [kind, files.find(({ name }) => is(name)) ?? null]);
  return Object.fromEntries(found);
}

/**
 * Those of which a package has one, and here are several: it is unknown which are one package's.
 * @param {File[]} files
 */
export function doubled(files) {
  const same = Object.values(KINDS).map((is) => files.filter(({ name }) => is(name)));
  return same.filter(({ length }) => length > 1).flat();
}

/**
 * The files that were dropped, also those of a folder.
 * @param {DataTransfer} dropped
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry()).filter((one) => one !== null);
  const found = [];
  for (const entry of entries) {
    if (!entry.isDirectory) {
      found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      continue;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      for (const one of some) {
        if (one.isFile) found.push(await new Promise((resolve, reject) => one.file(resolve, reject)));
      }
    }
  }
  return found;
}

/** What `checkProofs` needs of the files that somebody chose. @param {File[]} files */
export async function proofFiles(files) {
  const needed = files.filter(({ name, size }) => size <= LARGEST_TEXT && (PROOF.test(name) || name === LEDGER || name === LEDGER_KEYS));
  return Object.fromEntries(await Promise.all(needed.map(async (one) => [one.name, new Uint8Array(await one.arrayBuffer())])));
}

/**
 * The public key in a file `device-key.jwk`. Throws NotAKeyError.
 * @param {File} file
 * @returns {Promise<{raw: Uint8Array, thumbprint: string}>}
 */
export async function readKey(file) {
  if (file.size > LARGEST_KEY) throw new NotAKeyError();
  try {
    const { crv, kty, x } = JSON.parse(await file.text());
    if (crv !== "Ed25519" || kty !== "OKP") throw new NotAKeyError();
    const raw = decodeBase64url(new TextEncoder().encode(x));
    const { thumbprint } = await PublicKey.of(raw);
    return { raw, thumbprint };
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new NotAKeyError();
  }
}

/**
 * Whether what was read off paper is the beginning of a thumbprint; null while it is too short
 * to say.
 * @param {string} typed @param {string} thumbprint
 */
export function isSameKey(typed, thumbprint) {
  const plain = (/** @type {string} */ text) => text.replace(/\s/g, "").replace(/[Il|O]/g, (one) => ALIKE[one]);
  const read = plain(typed);
  if (read.length < COMPARED) return null;
  return plain(thumbprint).startsWith(read);
}

/**
 * SHA-256 of a file, however long it is.
 * @param {Blob} file @param {(share: number) => void} onProgress
 */
export async function fingerprint(file, onProgress) {
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
    onProgress(at / file.size);
  }
  return Array.from(hash.digest(), (one) => one.toString(16).padStart(2, "0")).join("");
}

/**
 * What the list of fingerprints says of a file; null if nothing.
 * @param {string} sums text of SHA256SUMS @param {string} name
 */
export function listed(sums, name) {
  const line = sums.split("\n").find((one) => one.slice(64) === `  ${name}`);
  return line === undefined ? null : line.slice(0, 64);
}
