// Statements of both ledgers on a recording: from signed statements, and from nothing else that the
// server says (camerad/ledger/entries.py).
//
// Each statement has to be by the key that it names, in its one spelling, about this recording, and
// behind the one before it. What the camera alone can say counts by the camera's registered key, by
// which the recording itself is judged. Which other keys are the office's, the server says: they go
// into the package, where they can be compared. One that is not so is a LedgerError, and there is no
// package: no honest server has it.

import { checkProofs, LEDGER as FILE, LEDGER_KEYS, PROOF, ProofState } from "../player/evidence/package_proofs.js";
import { JsonError, decode } from "../player/evidence/json.js";
import { check, JwsError, parse } from "../player/evidence/jws.js";
import { fromPem, PublicKey, toPem } from "../player/evidence/keys.js";

const LEDGER = "camerad-ledger";
const CARRIED = "carried";
/** Kinds that say how a recording ended, and whether the camera or the office says it. */
const ENDS = new Map([
  ["closed", ["camera"]],
  ["recovered", ["camera"]],
  ["received", ["office"]],
  ["found", ["camera", "office"]],
]);
/** A file of a time stamp (camerad/transparency/stamp_files.py). */
const STAMP = /^\d{12}-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([a-z0-9._-]{1,253})\.(tsr|checkpoint)$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Error thrown when what the server gives for ledgers is not what they can say of a recording. */
export class LedgerError extends Error {
  /** @param {string} recording @param {string} why @param {unknown} [cause] */
  constructor(recording, why, cause) {
    super(`the ledgers of ${recording}: ${why}`, { cause });
    this.name = "LedgerError";
    this.recording = recording;
  }
}

/**
 * What the ledgers say, checked. files: by name, for a package; final: SHA-256 of the recording's end,
 * null if none names it; hold: why the office keeps it until it is released, null if it does not;
 * software: that the server says that it runs; stamps: when authorities stamped the office's log, which
 * no browser can check.
 * @typedef {{files: Record<string, string | Uint8Array>, stamps: {timeUs: number, authority: string}[], final: string | null,
 *   hold: {reason: string, who: string} | null, software: string}} LedgerWords
 *
 * Throws LedgerError, and KeyError where this browser cannot check signatures.
 * @param {any} said by the server @param {string} recording
 * @param {{raw: Uint8Array, thumbprint: string}} key the camera's, by the register
 * @returns {Promise<LedgerWords>}
 */
export async function ledgerWords(said, recording, key) {
  const camera = key.thumbprint;
  const keys = new Map();
  for (const one of said.signers) {
    const raw = fromPem(one.pem);
    if (raw === null) throw new LedgerError(recording, "a key of theirs is none");
    const signer = await PublicKey.of(raw);
    keys.set(signer.thumbprint, signer);
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
  const files = { ...said.proofs, [FILE]: said.tokens.map((one) => `${one}\n`).join("") };
  if (signers.length > 0) files[LEDGER_KEYS] = signers.map((one) => `${one.thumbprint}\n${toPem(one.raw)}`).join("");
  const bytes = Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]);
  const { state, file } = await checkProofs(Object.fromEntries(bytes), key, recording);
  const isProof = Object.keys(said.proofs).every((one) => PROOF.test(one));
  if (!isProof || (state !== ProofState.NONE && state !== ProofState.PROVEN)) {
    throw new LedgerError(recording, `the proofs from the office's log do not fit: ${state} ${file}`);
  }
  const stamps = Object.entries(said.stamps).flatMap(([name, content]) => {
    files[name] = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const [, year, month, day, hour, minute, second, authority, ending] = STAMP.exec(name) ?? [];
    if (ending === undefined) throw new LedgerError(recording, "a time stamp has another name");
    if (ending === "checkpoint") return [];
    return [{ timeUs: Date.UTC(+year, month - 1, +day, +hour, +minute, +second) * 1000, authority }];
  });
  // The office has the last word, as for the command.
  return { files, stamps, final: finals.office ?? finals.camera, hold, software: said.software };
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
