// Asks the server. What it refuses comes as a RefusalError with one word (`why`), for which
// `words.js` has a sentence.

/** Event of `document`: a request was refused because the session has ended. */
export const SIGNED_OUT = "signed-out";
/** Event of `document`: the server answered a person who is signed in, or is being sent something by
 * them, so it counts from now how long they do nothing. */
export const USED = "used";

export class RefusalError extends Error {
  constructor(why, status) {
    super(why);
    this.name = "RefusalError";
    this.why = why;
    this.status = status;
  }
}

/** Events of `document`: something has been waited for so long that the page says so, and is no more. */
export const WAITS = "waits";
export const WAITED = "waited";
/** A wait that is shorter is not said; a click is answered within 300 ms in any case. */
const UNSAID_MS = 100;
let waiting = 0;

/** Waits for something, and has the page say so. */
export async function during(work) {
  const saying = setTimeout(() => document.dispatchEvent(new Event(WAITS)), waiting === 0 ? UNSAID_MS : 0);
  waiting += 1;
  try {
    return await work;
  } finally {
    waiting -= 1;
    clearTimeout(saying);
    if (waiting === 0) document.dispatchEvent(new Event(WAITED));
  }
}

/** Asks for an object. Throws RefusalError; `why` is "offline" if the server does not answer. */
export function get(path, headers = {}) {
  return during(reach(path, { headers }).then(read));
}

/** Has something done. Throws RefusalError. */
export function post(path, body = {}, headers = {}) {
  const options = { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return during(reach(path, options).then(read));
}

/** How long the server has to say whether the session goes on. */
const STILL_MS = 4000;

/** Whether a person is signed in still, and the same one; null if the server does not answer. It counts
 * as no use. */
export async function isStill(person) {
  try {
    const answer = await fetch("/api/session", { credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(STILL_MS) });
    return answer.ok ? (await answer.json())?.person === person : null;
  } catch {
    return null;
  }
}

const SENDING_MS = 60_000;

/** Sends a file as it is, without reading it into memory. Sending counts as use all the
 * while, for the server too. Throws RefusalError. */
export async function file(path, content) {
  const sending = setInterval(() => document.dispatchEvent(new Event(USED)), SENDING_MS);
  try {
    return await during(reach(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: content }).then(read));
  } finally {
    clearInterval(sending);
  }
}

/** What a chosen file says. Throws RefusalError where it was changed or taken away since. */
export async function textOf(chosen) {
  try {
    return await chosen.text();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new RefusalError("file_changed", 0);
  }
}

/** Asks for bytes. Throws RefusalError. */
export async function bytes(path, headers) {
  const answer = await reach(path, { headers });
  if (!answer.ok) await read(answer);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Asks for a range: its bytes, of how many, and the tag of the file. Throws RefusalError. */
export async function piece(path, headers) {
  const answer = await reach(path, { headers });
  if (!answer.ok) await read(answer);
  const size = Number(/\/(\d+)$/.exec(answer.headers.get("Content-Range") ?? "")?.[1] ?? 0);
  try {
    return { blob: await answer.blob(), size, tag: answer.headers.get("ETag") };
  } catch {
    throw new RefusalError("offline", answer.status);
  }
}

/** Counts those who have signed in, one after the other. */
let sitting = 0;
/** For each answer, the sitting in which it was asked for: a refusal from before says nothing of who has signed in since. */
const asked = new WeakMap();

/** A person has signed in. */
export function beginSitting() {
  sitting += 1;
}

async function reach(path, options) {
  const mine = sitting;
  try {
    const answer = await fetch(path, { credentials: "same-origin", redirect: "error", ...options });
    asked.set(answer, mine);
    if (answer.ok) document.dispatchEvent(new Event(USED));
    return answer;
  } catch {
    throw new RefusalError("offline", 0);
  }
}

async function read(answer) {
  let said = null;
  try {
    said = await answer.json();
  } catch {
    throw new RefusalError("offline", answer.status);
  }
  if (said?.error === "not_signed_in" && asked.get(answer) === sitting) document.dispatchEvent(new Event(SIGNED_OUT));
  if (!answer.ok) throw new RefusalError(said?.error ?? "not_understood", answer.status);
  return said;
}

/** What does something by a module that comes when it is first needed. Refused where it cannot be had. */
export function fetched(load, name) {
  return async (...given) => {
    const module = await coming(load());
    return module[name](...given);
  };
}

/** Modules that come. Refused where they cannot be had. */
export function coming(modules) {
  return during(modules).catch((error) => { throw error instanceof TypeError ? new RefusalError("offline", 0) : error; });
}
