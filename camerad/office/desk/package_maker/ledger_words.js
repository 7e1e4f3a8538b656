// Statements of both ledgers on a recording: from signed statements, and from nothing else that the
// server says (camerad/ledger/entries.py).
//
// Each statement has to be by the key that it names, in its one spelling, about this recording, and
// behind the one before it. What the camera alone can say counts by the camera's registered key, by
// which the recording itself is judged. Which other keys are the office's, the server says: they go
// into the package, where they can be compared. One that is not so is a LedgerError, and there is no
// package: no honest server has it.

import { JsonError, decode } from "../player/evidence/json.js";
import { check, JwsError, parse } from "../player/evidence/jws.js";
import { PublicKey } from "../player/evidence/keys.js";

const LEDGER = "camerad-ledger";
const CARRIED = "carried";
/** Kinds that say how a recording ended, and whether the camera or the office says it. */
const ENDS = new Map([
  ["closed", ["camera"]],
  ["recovered", ["camera"]],
  ["received", ["office"]],
  ["found", ["camera", "office"]],
]);
const SHA256 = /^[0-9a-f]{64}$/;
/** Of SubjectPublicKeyInfo before an Ed25519 key (RFC 8410, 4). */
const SPKI = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]{60})\n-----END PUBLIC KEY-----\n$/;

/** Error thrown when what the server gives for ledgers is not what they can say of a recording. */
export class LedgerError extends Error {
  /** @param {string} recording @param {string} why @param {unknown} [cause] */
  constructor(recording, why, cause) {
    super(`the ledgers of ${recording}: ${why}`, { cause });
    this.name = "LedgerError";
    this.recording = recording;
  }
}

/** A public key as PEM has it. @param {Uint8Array} raw */
export function pem(raw) {
  return `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...SPKI, ...raw))}\n-----END PUBLIC KEY-----\n`;
}

/**
 * What the ledgers say, checked. tokens: the statements; signers: keys that signed them, but the
 * camera's; final: SHA-256 of the recording's end, null if none names it; hold: why the office keeps
 * it until it is released, null if it does not; software: that the server says that it runs.
 * @typedef {{tokens: string[], signers: PublicKey[], final: string | null,
 *   hold: {reason: string, who: string} | null, software: string}} LedgerWords
 *
 * Throws LedgerError, and KeyError where this browser cannot check signatures.
 * @param {any} said by the server @param {string} recording
 * @param {string} camera thumbprint of its registered key
 * @returns {Promise<LedgerWords>}
 */
export async function ledgerWords(said, recording, camera) {
  const keys = new Map();
  for (const one of said.signers) {
    const key = await PublicKey.of(rawOf(one.pem, recording));
    keys.set(key.thumbprint, key);
  }
  /** @type {{camera: string | null, office: string | null}} */
  const finals = { camera: null, office: null };
  let hold = null;
  for (const token of said.carried) {
    const { facts, kind, whose } = await entryOf(token, keys, recording, camera);
    if (kind !== CARRIED) throw new LedgerError(recording, `an entry ${kind} carries nothing on`);
    const known = [facts.recordings].flat().find((one) => one?.id === recording);
    if (known === undefined) throw new LedgerError(recording, "an entry carries on nothing of it");
    finals[whose] = endIn(known, recording);
  }
  /** @type {Map<string, number>} sequence of the last, by signer */
  const last = new Map();
  for (const token of said.tokens) {
    const { facts, kind, kid, sequence, whose } = await entryOf(token, keys, recording, camera);
    if (facts.id !== recording) throw new LedgerError(recording, `an entry ${kind} is about another one`);
    if (sequence <= (last.get(kid) ?? 0)) throw new LedgerError(recording, `entry ${sequence} is not in its place`);
    last.set(kid, sequence);
    if (ENDS.get(kind)?.includes(whose)) finals[whose] = endIn(facts, recording);
    if (whose !== "office") continue;
    if (kind === "hold") hold = { reason: String(facts.reason), who: String(facts.who) || "–" };
    else if (kind === "release") hold = null;
  }
  const signers = [...keys.values()].filter(({ thumbprint }) => last.has(thumbprint) && thumbprint !== camera);
  // The office has the last word, as for the command.
  return { tokens: said.tokens, signers, final: finals.office ?? finals.camera, hold, software: said.software };
}

/** A signed entry. @param {string} token @param {Map<string, PublicKey>} keys */
async function entryOf(token, keys, recording, camera) {
  try {
    const statement = parse(new TextEncoder().encode(token));
    await check(statement, keys);
    if (statement.kind !== LEDGER) throw new JwsError(`this is a ${statement.kind}`);
    const { kind, sequence, facts } = decode(statement.payload) ?? {};
    if (!Number.isSafeInteger(sequence) || typeof (facts ?? "") !== "object") throw new JwsError("this is no entry");
    return { kind, sequence, facts, kid: statement.kid, whose: statement.kid === camera ? "camera" : "office" };
  } catch (error) {
    if (!(error instanceof JwsError || error instanceof JsonError)) throw error;
    throw new LedgerError(recording, error.message, error);
  }
}

/** The end that an entry names. */
function endIn({ final }, recording) {
  if (final !== null && !SHA256.test(final)) throw new LedgerError(recording, "an end is no SHA-256");
  return final;
}

/** A public key's bytes, from PEM. */
function rawOf(text, recording) {
  const found = PEM.exec(text);
  const bytes = found === null ? [] : Array.from(atob(found[1]), (one) => one.charCodeAt(0));
  if (bytes.length !== SPKI.length + 32 || SPKI.some((byte, at) => bytes[at] !== byte)) {
    throw new LedgerError(recording, "a key of theirs is none");
  }
  return Uint8Array.from(bytes.slice(SPKI.length));
}
