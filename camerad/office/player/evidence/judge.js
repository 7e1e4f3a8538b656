// Checks a recording's signatures, chain and fingerprints; the full judgement comes with the judge.

import { members } from "./archive.js";

const DECODER = new TextDecoder("utf-8", { fatal: true });
const ENCODER = new TextEncoder();

/** Error thrown when a member is not what the camera signed. */
export class EvidenceError extends Error {
  constructor(text) {
    super(text);
    this.name = "EvidenceError";
  }
}

function decoded(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (one) => one.toString(16).padStart(2, "0")).join("");
}

export class Opened {
  constructor(source, key, walk) {
    this.source = source;
    this.key = key;
    this.walk = walk;
    this.header = null;
    this.commits = [];
    this.end = null;
    this.previous = "";
  }

  async #statement(member, kind) {
    const bytes = await this.source.read(member.offset, member.offset + member.size);
    const token = DECODER.decode(bytes);
    const parts = token.split(".");
    const head = JSON.parse(DECODER.decode(decoded(parts[0])));
    const payload = JSON.parse(DECODER.decode(decoded(parts[1])));
    const signed = ENCODER.encode(`${parts[0]}.${parts[1]}`);
    const good = await crypto.subtle.verify("Ed25519", this.key, decoded(parts[2]), signed);
    if (!good || head.typ !== `${kind}+json`) throw new EvidenceError(`${member.name} is forged`);
    if ("previous" in payload && payload.previous !== this.previous) {
      throw new EvidenceError(`${member.name} is not linked`);
    }
    this.previous = await sha256(bytes);
    return payload;
  }

  async #next() {
    const { value: member, done } = await this.walk.next();
    return done ? null : member;
  }

  async first() {
    this.header = await this.#statement(await this.#next(), "camerad-header");
    await this.extend();
  }

  /** Checks one more statement; false when there is none. */
  async extend() {
    if (this.end !== null) return false;
    let member = await this.#next();
    if (member === null) return false;
    let init = null;
    if (member.name === "end.jws") {
      this.end = await this.#statement(member, "camerad-end");
      return false;
    }
    if (member.name === "init.mp4.age") {
      init = member;
      member = await this.#next();
    }
    const commit = await this.#statement(await this.#next(), "camerad-commit");
    const sequence = this.commits.length;
    if (commit.facts.sequence !== sequence) throw new EvidenceError("the order is another");
    this.commits.push({
      sequence,
      fragment: { ...commit.fragment, offset: member.offset, size: member.size },
      init: init && { ...commit.init, offset: init.offset, size: init.size },
      facts: commit.facts,
    });
    return true;
  }

  async #content(what) {
    const bytes = await this.source.read(what.offset, what.offset + what.size);
    if (what.bytes !== what.size || (await sha256(bytes)) !== what.sha256) {
      throw new EvidenceError("the bytes are not those that were signed");
    }
    return bytes;
  }

  init() {
    return this.#content(this.commits[0].init);
  }

  fragment(number) {
    return this.#content(this.commits[number].fragment);
  }
}

export async function openProven(source, { key }) {
  const verifying = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  await source.open();
  const opened = new Opened(source, verifying, members(source));
  await opened.first();
  return opened;
}

export async function judge(source, { key, onProgress = () => {}, signal }) {
  const findings = [];
  let opened = null;
  let proven = 0;
  try {
    opened = await openProven(source, { key });
    while (await opened.extend()) signal?.throwIfAborted();
    for (; proven < opened.commits.length; proven += 1) {
      signal?.throwIfAborted();
      await opened.fragment(proven);
      onProgress(opened.commits[proven].fragment.offset);
    }
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    findings.push({ severity: "damage", code: "changed", text: error.message });
  }
  const exit = findings.length > 0 ? 2 : 0;
  return {
    exit,
    verdict: exit === 0 ? "authentic and complete" : "NOT AUTHENTIC",
    findings,
    header: opened?.header ?? null,
    commits: opened?.commits ?? [],
    end: opened?.end ?? null,
    proven,
  };
}
