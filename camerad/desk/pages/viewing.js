// Views a recording in this tab, or takes it along, sealed: each for a reason, which is written down
// before the first byte. What was opened here is let go of when somebody else may sit before it.

import { bytes, get, piece, post, RefusedError } from "./api.js";
import { ask, field, make, tell } from "./dom.js";
import { language, say, sentence } from "./words.js";

const PIECE = 64 << 20;

/** The office's key, once opened: good for every recording of this tab, for a quarter of an hour. */
let held = null;
let player = null;
/** Counts who was let go of, so that what was asked for before is not shown after. */
let turn = 0;
/** Somebody is just being asked why: a second click asks nothing more. */
let asking = false;
addEventListener("hashchange", closePlayer);

/** Ends what is shown. The key stays. */
export function closePlayer() {
  player?.close();
  player = null;
}

/** Ends what is shown, and forgets the key: nobody is signed in any more, or somebody else is. */
export function letGo() {
  turn += 1;
  closePlayer();
  held?.forget();
  held = null;
}

/** Asks why, has that written down, and plays the recording in this tab. */
export async function view({ said, key, cases }, place, me) {
  if (key === null) {
    tell(say("no_camera_key"), "wrong");
    return;
  }
  const before = turn;
  await attempt(async () => {
    const headers = await grant(said.id, "view", cases, me);
    if (headers === null) return;
    closePlayer();
    place.replaceChildren();
    place.hidden = false;
    const parts = await playerParts();
    if (turn !== before) return;
    held ??= new parts.HeldKey();
    const path = pathOf(said.id);
    const source = watched(new parts.RangeSource(`${path}/content`, { headers }));
    player = parts.mountPlayer(place, {
      source: new parts.ExtentSource(source, bytes(`${path}/statements`, headers)),
      key: parts.decodeBase64url(new TextEncoder().encode(key.x)),
      name: `${said.id}.tar`,
      identity: held,
      words: parts.wordsOf(language()),
      registered: key.camera,
    });
    place.scrollIntoView({ block: "start" });
    place.querySelector(".camerad-player").focus({ preventScroll: true });
  });
}

/** Asks why, has that written down, and saves the file as it is kept, sealed. */
export async function takeAlong(id, cases, me) {
  await attempt(async () => {
    const headers = await grant(id, "download", cases, me);
    if (headers === null) return;
    tell(say("saving"));
    const file = await whole(`${pathOf(id)}/content`, headers);
    const address = URL.createObjectURL(file);
    make("a", { href: address, download: `${id}.tar` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    tell(say("saved"));
  });
}

/** The fields that a granted recording is asked for with; null if it is not granted (yet). */
async function grant(id, purpose, cases, me) {
  if (asking) return null;
  asking = true;
  try {
    return await askedFor(id, purpose, cases, me);
  } finally {
    asking = false;
  }
}

async function askedFor(id, purpose, cases, me) {
  const known = (await get("/api/viewing-requests")).find(
    (one) => one.person === me.id && one.recording === id && one.purpose === purpose && one.approved_by,
  );
  const numbers = [...new Set([...cases, ...(known?.case ? [known.case] : [])])];
  const reason = make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off", value: known?.reason ?? null });
  const choice = make(
    "select",
    { name: "case" },
    ["", ...numbers].map((one) => make("option", { value: one, selected: one === (known?.case ?? "") }, one || say("without_case"))),
  );
  const fields = [field(say("reason"), reason), numbers.length === 0 ? [] : field(say("case_number"), choice)];
  const does = say(purpose === "view" ? "view" : "take_along");
  const text = say(purpose === "view" ? "view_text" : "take_along_text");
  const before = turn;
  const asked = await ask(does, known ? `${text} ${say("approved_reason", { who: known.approved_by })}` : text, fields.flat(), does, say("cancel"));
  if (asked === null || turn !== before) return null;
  const granted = await post(`${pathOf(id)}/viewing`, { reason: asked.reason, purpose, case: asked.case ?? "" });
  if (granted.viewing === "") {
    tell(say("approval_asked"));
    return null;
  }
  return { Viewing: granted.viewing };
}

/** All of a file, piece by piece, so that a browser can keep it outside its memory. */
async function whole(path, headers) {
  const parts = [];
  let tag = null;
  for (let from = 0, size = 1; from < size; ) {
    const range = { ...headers, Range: `bytes=${from}-${from + PIECE - 1}` };
    const got = await piece(path, tag === null ? range : { ...range, "If-Match": tag });
    parts.push(got.blob);
    from += got.blob.size;
    ({ size, tag } = got);
    if (got.blob.size === 0) throw new RefusedError("offline", 0);
  }
  return new Blob(parts, { type: "application/x-tar" });
}

/** A source that, where it gets nothing, asks whether anybody is signed in still. */
function watched(source) {
  const read = source.read.bind(source);
  source.read = async (from, to) => {
    try {
      return await read(from, to);
    } catch (error) {
      await get("/api/recordings?limit=1").catch(() => null);
      throw error;
    }
  };
  return source;
}

function pathOf(id) {
  return `/api/recordings/${encodeURIComponent(id)}`;
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}

/** The player, which weighs more than the page: it comes when somebody views something. */
async function playerParts() {
  const modules = await Promise.all([
    import("./player/evidence/keys.js"),
    import("./player/evidence/source.js"),
    import("./player/extents.js"),
    import("./player/key_file.js"),
    import("./player/player.js"),
    import("./player/words.js"),
  ]);
  return Object.assign({}, ...modules);
}
