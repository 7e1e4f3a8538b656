// Checks the proofs in a package that the office's entries about a recording lie in its witnessed log
// (camerad/evidence/package_proofs.py; docs/transparency.md has the formats, which are C2SP's).

import { decode, JsonError } from "./json.js";
import { check, JwsError, parse } from "./jws.js";
import { fromPem, hexDigest, PublicKey, sha256 } from "./keys.js";

export const LEDGER = "ledger.jws";
export const LEDGER_KEYS = "ledger-keys.txt";
export const POLICY = "office.tlog-policy";
export const PROOF = /\.tlog-(proof|policy)$/;

/** What proofs come to. All but the first two are damage: the package is not as the office made it. */
export const ProofState = Object.freeze({
  NONE: "none",
  PROVEN: "proven",
  ENTRY: "entry",
  UNNAMED: "unnamed",
  POLICY: "policy",
  UNFIT: "unfit",
  CHECKPOINT: "checkpoint",
  MISSING: "missing",
  QUORUM: "quorum",
});

const FIRST = "c2sp.org/tlog-proof@v1";
const LONGEST_NOTE = 64 * 1024;
const MOST_HASHES = 63;
const HASH = 32;
const TIME = 8;
const ID = 4;
const [LOG, WITNESS] = [1, 4];
/** A cosignature of a later second is of no date. */
const LAST_SECOND = 253_402_300_799n;
const NUMBER = /^(0|[1-9][0-9]{0,17})$/;
const NAME = /^[^\s+\x00-\x1f\x7f]{1,200}$/u;
const ORIGIN = /^[^\x00-\x1f\x7f]{1,200}$/u;
const LINE = /^— ([^\s+\x00-\x1f\x7f]{1,200}) ([A-Za-z0-9+/]{8,}={0,2})$/u;
const KEY = /-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=]{60}\n-----END PUBLIC KEY-----\n/g;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Error thrown inside of a check: what the proofs come to, and the file with the problem. */
class ProblemError extends Error {
  /** @param {string} state @param {string} file */
  constructor(state, file = "") {
    super(`${file}: ${state}`);
    this.found = { state, file };
  }
}

/**
 * @typedef {Record<string, Uint8Array>} Files by name
 * @typedef {{state: string, file: string, origin?: string, size?: number, proven?: number[], later?: number,
 *   kid?: string, cosigned?: Record<string, number>}} PackageProofs
 * proven: numbers of the entries that lie in the log, which has this origin and size. later: how many were
 * written after those. kid: of the office's key, which nothing here vouches for. cosigned: when each
 * witness of the policy signed, seconds since 1970, by its name.
 */

/**
 * Check the proofs of one recording's package, by the policy in it.
 * @param {Files} files it may have more than is looked at
 * @param {{raw: Uint8Array, thumbprint: string}} camera whose recording it is @param {string} recording
 * @returns {Promise<PackageProofs>}
 */
export async function checkProofs(files, camera, recording) {
  try {
    return await checked(files, camera, recording);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return error.found;
  }
}

async function checked(files, camera, recording) {
  const keys = new Map([[camera.thumbprint, await PublicKey.of(camera.raw)]]);
  for (const one of latin(files[LEDGER_KEYS]).match(KEY) ?? []) {
    const raw = fromPem(one);
    const key = raw === null ? null : await PublicKey.of(raw);
    if (key !== null) keys.set(key.thumbprint, key);
  }
  const entries = [];
  for (const token of latin(files[LEDGER]).split("\n").filter((one) => one !== "")) {
    entries.push(await entryOf(token, keys, recording));
  }
  const said = entries.findLast(({ kind, kid }) => kind === "packaged" && kid !== camera.thumbprint);
  const names = Object.keys(files).filter((one) => PROOF.test(one)).sort();
  if (said === undefined) return { state: names.length > 0 ? ProofState.UNNAMED : ProofState.NONE, file: "" };
  const { origin, size, root } = said.facts;
  const policy = await attempt(ProofState.POLICY, POLICY, async () => {
    const content = files[POLICY];
    return content !== undefined && (await hexDigest(content)) === said.facts.policy ? policyOf(DECODER.decode(content)) : null;
  });
  // The camera's ledger has the same numbers, and comes first.
  const byName = new Map(entries.map((one) => [`entry-${one.sequence}.tlog-proof`, one]));
  const notes = new Map();
  const proven = new Set();
  for (const name of names.filter((one) => one !== POLICY)) {
    const entry = byName.get(name);
    const note = await attempt(ProofState.UNFIT, name, async () => {
      const proof = proofOf(DECODER.decode(files[name]));
      return entry !== undefined && (await isIncluded(await leafOf(entry.token), proof)) ? proof.note : null;
    });
    if (note.text !== `${origin}\n${size}\n${root}\n`) throw new ProblemError(ProofState.CHECKPOINT, name);
    notes.set(note.whole, [name, note]);
    proven.add(entry.sequence);
  }
  if (proven.size === 0 || proven.size !== said.facts.entries) throw new ProblemError(ProofState.MISSING);
  const cosigned = {};
  for (const [name, note] of notes.values()) {
    Object.assign(cosigned, await attempt(ProofState.QUORUM, name, () => cosignedBy(policy, note)));
  }
  const last = Math.max(...proven);
  const later = entries.filter(({ kid, sequence }) => kid === said.kid && sequence > last).length;
  const numbers = [...proven].sort((one, other) => one - other);
  return { state: ProofState.PROVEN, file: "", origin, size, proven: numbers, later, kid: said.kid, cosigned };
}

/** What `work` comes to; if that is null, or a text is not as it has to be, there is that problem. */
async function attempt(state, file, work) {
  let found;
  try {
    found = await work();
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new ProblemError(state, file);
  }
  if (found === null) throw new ProblemError(state, file);
  return found;
}

async function entryOf(token, keys, recording) {
  try {
    const statement = parse(ENCODER.encode(token));
    await check(statement, keys);
    const { kind, sequence, facts } = decode(statement.payload) ?? {};
    if (statement.kind === "camerad-ledger" && Number.isSafeInteger(sequence) && facts?.id === recording) {
      return { token, kid: statement.kid, kind, sequence, facts };
    }
  } catch (error) {
    if (!(error instanceof JwsError || error instanceof JsonError)) throw error;
  }
  throw new ProblemError(ProofState.ENTRY);
}

// ------------------------------------------------------------------------------- proofs and notes

/** A proof (tlog-proof). Throws SyntaxError. */
function proofOf(text) {
  const end = text.indexOf("\n\n");
  const [first, ...lines] = text.slice(0, Math.max(end, 0)).split("\n");
  if (lines[0]?.startsWith("extra ")) decodeBase64(lines.shift().slice(6));
  const [number, ...hashes] = lines;
  const index = /^index (.*)$/.exec(number ?? "")?.[1] ?? "";
  wanted(first === FIRST && NUMBER.test(index) && hashes.length <= MOST_HASHES);
  return { index: BigInt(index), hashes: hashes.map(hashOf), note: noteOf(text.slice(end + 2)) };
}

/** A checkpoint and the lines below it (tlog-checkpoint). No signature is checked. Throws SyntaxError. */
function noteOf(whole) {
  const end = whole.lastIndexOf("\n\n");
  wanted(end >= 0 && [...whole].length <= LONGEST_NOTE && whole.endsWith("\n"));
  const text = whole.slice(0, end + 1);
  const [origin, size, root, ...more] = text.slice(0, -1).split("\n");
  wanted(more.length === 0 && ORIGIN.test(origin) && NUMBER.test(size ?? "") && root !== undefined);
  const lines = whole.slice(end + 2, -1).split("\n").map((line) => {
    const found = LINE.exec(line);
    wanted(found !== null);
    const raw = decodeBase64(found[2]);
    wanted(raw.length > ID);
    return { name: found[1], id: latin(raw.subarray(0, ID)), signature: raw.subarray(ID) };
  });
  return { whole, text, origin, size: BigInt(size), root: hashOf(root), lines };
}

/** The hash of an entry's leaf: that of the SHA-256 of its token. */
async function leafOf(token) {
  return sha256(joined([0], await sha256(ENCODER.encode(token))));
}

/** Whether a leaf is in the tree of a proof's checkpoint (RFC 9162, 2.1.3.2). */
async function isIncluded(leaf, { index, hashes, note }) {
  if (index >= note.size) return false;
  let [node, last, found] = [index, note.size - 1n, leaf];
  for (const one of hashes) {
    if (last === 0n) return false;
    const isRight = (node & 1n) === 1n || node === last;
    found = await sha256(isRight ? joined([1], one, found) : joined([1], found, one));
    if (isRight) for (; node > 0n && (node & 1n) === 0n; node >>= 1n) last >>= 1n;
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && latin(found) === latin(note.root);
}

// ---------------------------------------------------------------------------------------- policies

/** A policy (tlog-policy). Throws SyntaxError. */
async function policyOf(text) {
  wanted(!/[\x00-\x08\x0b-\x1f\x7f]/.test(text));
  const policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  const grouped = new Set();
  const isKnown = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  for (const line of text.split("\n")) {
    const [what, ...words] = line.split(/[ \t]+/).filter((one) => one !== "");
    if (what === undefined || what.startsWith("#")) continue;
    if (what === "log") {
      policy.logs.push(await keyOf(words[0], LOG, policy.logs));
    } else if (what === "witness") {
      wanted(words[0] !== "none" && !isKnown(words[0]));
      policy.witnesses.set(words[0], await keyOf(words[1], WITNESS, [...policy.witnesses.values()]));
    } else if (what === "group") {
      const [name, least, ...members] = words;
      const count = { all: members.length, any: 1 }[least] ?? (/^[1-9][0-9]{0,5}$/.test(least ?? "") ? Number(least) : 0);
      wanted(name !== "none" && !isKnown(name) && count >= 1 && count <= members.length);
      for (const one of members) {
        wanted(isKnown(one) && !grouped.has(one));
        grouped.add(one);
      }
      policy.groups.set(name, { count, members });
    } else {
      wanted(what === "quorum" && policy.quorum === null && words.length === 1 && (words[0] === "none" || isKnown(words[0])));
      [policy.quorum] = words;
    }
  }
  wanted(policy.quorum !== null);
  return policy;
}

/** A verifier key (signed-note), of that kind and not among others. Throws SyntaxError. */
async function keyOf(text, kind, others) {
  const [, name, id, encoded] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(text ?? "") ?? [];
  wanted(name !== undefined && NAME.test(name));
  const raw = decodeBase64(encoded);
  wanted(raw.length === 1 + HASH && raw[0] === kind);
  const digest = (await sha256(joined(ENCODER.encode(`${name}\n`), raw))).subarray(0, ID);
  wanted(hex(digest) === id);
  const key = await PublicKey.of(raw.subarray(1));
  wanted(others.every((one) => one.key.thumbprint !== key.thumbprint));
  return { name, kind, id: latin(digest), key };
}

/** When each witness of a policy has signed a checkpoint; null if that is not enough, or wrong. */
async function cosignedBy(policy, note) {
  let isLogged = false;
  for (const one of policy.logs.filter(({ name }) => name === note.origin)) isLogged = (await signedAt(one, note)) !== null || isLogged;
  const counting = new Set();
  const cosigned = {};
  for (const [name, key] of policy.witnesses) {
    const seconds = await signedAt(key, note);
    if (seconds === null) continue;
    counting.add(name);
    cosigned[key.name] = Number(seconds);
  }
  // A group's members stand before it.
  for (const [name, { count, members }] of policy.groups) {
    if (members.filter((one) => counting.has(one)).length >= count) counting.add(name);
  }
  return isLogged && (policy.quorum === "none" || counting.has(policy.quorum)) ? cosigned : null;
}

/** When a key has signed a checkpoint, seconds (a log: 0); null if it has not. Throws SyntaxError if its
 * signature is wrong. */
async function signedAt({ name, kind, id, key }, note) {
  const line = note.lines.find((one) => one.name === name && one.id === id);
  if (line === undefined) return null;
  let [{ signature }, { text }, seconds] = [line, note, 0n];
  if (kind === WITNESS) {
    wanted(signature.length > TIME);
    seconds = BigInt(`0x${hex(signature.subarray(0, TIME))}`);
    wanted(seconds > 0n && seconds <= LAST_SECOND);
    text = `cosignature/v1\ntime ${seconds}\n${text}`;
    signature = signature.subarray(TIME);
  }
  wanted(await key.verify(signature, ENCODER.encode(text)));
  return seconds;
}

// ------------------------------------------------------------------------------------------- bytes

/** Throws SyntaxError unless this is so. @param {boolean} is @returns {asserts is} */
function wanted(is) {
  if (!is) throw new SyntaxError("this is not as it has to be");
}

/** Bytes of base64 in its one spelling. Throws SyntaxError. @param {string} text */
function decodeBase64(text) {
  wanted(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text));
  const found = atob(text);
  wanted(btoa(found) === text);
  return Uint8Array.from(found, (one) => one.charCodeAt(0));
}

/** @param {string} text */
function hashOf(text) {
  const found = decodeBase64(text);
  wanted(found.length === HASH);
  return found;
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

/** A character a byte. @param {Uint8Array | undefined} bytes */
function latin(bytes) {
  return Array.from(bytes ?? [], (one) => String.fromCharCode(one)).join("");
}

/** @param {...(Uint8Array | number[])} parts */
function joined(...parts) {
  return Uint8Array.from(parts.flatMap((one) => [...one]));
}
