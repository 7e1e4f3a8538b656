// Views a recording in this tab, or takes it along, sealed: each for a reason, which is written down
// before the first byte. What was opened here is let go of when another person may sit before it.

import { bytes, coming, get, piece, post, RefusalError, USED } from "./api.js";
import { ask, attempt, field, fill, make, tell } from "./dom.js";
import { headed } from "./titles.js";
import { N_, gettext, language, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  view_text: N_("It is checked and opened in this tab, with the office's key. The ledger then has that it was you, and your reason: without names."),
  take_along_text: N_("The file is saved on this computer as it is kept, sealed: only the office's key opens it. The ledger then has that it was you, and your reason: without names."),
});

const PIECE = 64 << 20;

/** Event of `document`: the person is signed out, or another one is signed in. What was begun
 * ends. */
export const LET_GO = "let-go";

/** The office's key, once opened: good for every recording of this tab, for a quarter of an hour. */
let held = null;
let player = null;
/** Counts who was let go of and what was left, so that what was asked for before is not shown after. */
let turn = 0;
/** Why this tab used which recording last, by its id. */
export const reasons = new Map();
/** A person is just being asked why: a second click asks nothing more. */
let asking = false;
addEventListener("hashchange", () => {
  turn += 1;
  closePlayer();
});

/** Ends what is shown. The key stays. */
export function closePlayer() {
  player?.close();
  player = null;
}

/** Ends what is shown and what is being made, and forgets the key: the person is signed out, or
 * another one is signed in, or that is not known. Comes to whether there was anything. */
export function letGo() {
  const was = player !== null || held?.isOpen === true;
  turn += 1;
  closePlayer();
  held?.forget();
  reasons.clear();
  held = null;
  document.dispatchEvent(new Event(LET_GO));
  return was;
}

/** The office's key of this tab, which the package maker uses too. */
export function keyOfTab(HeldKey) {
  held ??= new HeldKey();
  return held;
}

/** Asks why, has that written down, and plays the recording in this tab. judged: is told the verdict. */
export async function view(found, place, me, again, judged) {
  const { said, key } = found;
  if (key === null) {
    tell(gettext("The register has no camera with the key of this recording, so it cannot be checked here."), "wrong");
    return;
  }
  const before = turn;
  await attempt(async () => {
    playerParts().catch(() => null); // comes while the person types why
    const headers = await grant(said.id, "view", found, me, again);
    if (headers === null) return;
    closePlayer();
    const { form, parts } = await comingPlayer(place).catch((error) => {
      place.replaceChildren();
      throw error;
    });
    if (turn !== before || !place.isConnected) return;
    const typing = place.contains(document.activeElement) ? document.activeElement : null;
    place.replaceChildren();
    held ??= new parts.HeldKey();
    player = parts.mountPlayer(place, {
      ...opened(parts, said.id, headers, key, judged),
      identity: held,
      words: parts.wordsOf(language()),
      form,
    });
    place.scrollIntoView({ block: "start" });
    (typing?.isConnected ? typing : place.querySelector(".camerad-player")).focus({ preventScroll: true });
  });
}

/** The player's parts. Until they are here their place asks for the key already, which a player then
 * goes on with. Comes to them and to that form, which is null if the key is open. */
async function comingPlayer(place) {
  const all = playerParts();
  all.catch(() => null); // said where it is awaited
  showLoading(place);
  place.scrollIntoView({ block: "start" });
  if (held?.isOpen) return { form: null, parts: await all };
  const [{ KeyForm }, { wordsOf }] = await coming(Promise.all([import("./player/key_form.js"), import("./player/words.js"), playerSheet()]));
  const open = async (content, passphrase) => {
    const { HeldKey } = await all;
    held ??= new HeldKey();
    await held.open(content, passphrase);
  };
  const form = new KeyForm({ open }, wordsOf(language()));
  place.append(make("div", { class: "camerad-player" }, form.element));
  return { form, parts: await all };
}

function showLoading(place) {
  const text = gettext("The player is being loaded. You can open the key already.");
  fill(place, make("p", { role: "status" }, text), make("progress", { "aria-label": text }));
  place.hidden = false;
}

/** Asks why once, has that written down for each, and plays them in this tab, side by side. */
export async function viewTogether(rows, place, me) {
  if (asking) return;
  asking = true;
  const before = turn;
  try {
    await attempt(async () => {
      const found = await Promise.all(rows.map((row) => get(pathOf(row.id))));
      if (found.some(({ key, said }) => key === null || said === null)) {
        tell(gettext("The register has no camera with the key of this recording, so it cannot be checked here."), "wrong");
        return;
      }
      const ids = rows.map((row) => row.id);
      const asked = await askOnce(ids, [...new Set(found.flatMap((one) => one.cases))], me, place);
      if (asked === null || turn !== before) return;
      for (const id of ids) reasons.set(id, asked.reason.trim());
      const { viewings, waiting } = await post("/api/viewings", { recordings: ids, reason: asked.reason, case: asked.case ?? "" });
      if (waiting > 0) {
        tell(gettext("A supervisor has to approve {count} of these. Your requests are written down; come back with the same reason once all are approved.", { count: waiting }));
        return;
      }
      closePlayer();
      showLoading(place);
      const [parts, { mountTogether }] = await Promise.all([playerParts(), coming(import("./player/together.js"))]);
      if (turn !== before || !place.isConnected) return;
      place.replaceChildren();
      held ??= new parts.HeldKey();
      const recordings = found.map(({ said, key }, number) => ({
        ...opened(parts, said.id, { Viewing: viewings[number] }, key),
        label: [number + 1, rows[number].camera, rows[number].wearer].filter(Boolean).join(" · "),
      }));
      player = mountTogether(place, { recordings, identity: held, words: parts.wordsOf(language()) });
      place.scrollIntoView({ block: "start" });
    });
  } finally {
    asking = false;
  }
}

/** The reason for all of them; offered is what was approved for all of them. place: on their page. */
async function askOnce(ids, cases, me, place) {
  const requests = await get("/api/viewing-requests");
  if (!place.isConnected) return null;
  const mine = requests.filter((one) => one.person === me.id && one.purpose === "view" && one.approved_by && ids.includes(one.recording));
  const same = (one, other) => one.reason === other.reason && one.case === other.case;
  const known = mine.find((one) => ids.every((id) => mine.some((other) => other.recording === id && same(one, other))));
  return askWhy("view", gettext("See them side by side"), gettext("{count} recordings are checked and opened in this tab, with the office's key. For each of them the ledger then has that it was you, and your reason: without names.", { count: ids.length }), cases, known);
}

/** Asks why, and for which case. known: what a supervisor has approved, if anything. */
function askWhy(does, title, text, cases, known) {
  const numbers = [...new Set([...cases, ...(known?.case ? [known.case] : [])])];
  const first = cases.length === 1 ? cases[0] : "";
  const reason = make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off", value: known?.reason ?? first });
  const choice = make(
    "select",
    { name: "case" },
    ["", ...numbers].map((one) => make("option", { value: one, selected: one === (known?.case ?? first) }, one || gettext("without a case"))),
  );
  const fields = [field(gettext("File number or reason"), reason), numbers.length === 0 ? [] : field(gettext("Case"), choice)];
  const said = known ? `${text} ${gettext("{who} approved it, once, for this reason.", { who: known.approved_by })}` : text;
  return ask(title, said, fields.flat(), say(does), gettext("Cancel"));
}

/** What a player is given to read a recording by. judged: is told the verdict. */
function opened(parts, id, headers, key, judged = () => {}) {
  const path = pathOf(id);
  const raw = parts.decodeBase64url(new TextEncoder().encode(key.x));
  const source = watched(new parts.RangeSource(`${path}/content`, { headers }));
  return {
    source: new parts.ExtentSource(source, bytes(`${path}/statements`, headers)),
    key: raw,
    onVerdict: async (verdict) => {
      judged(verdict.verdict);
      await parts.noteVerdict(id, headers, verdict, (await parts.PublicKey.of(raw)).thumbprint);
    },
    registered: key.camera,
    name: `${id}.tar`,
  };
}

/** Asks why, has that written down, and saves the file as it is kept, sealed. */
export async function takeAlong(id, found, me, again) {
  await attempt(async () => {
    const headers = await grant(id, "download", found, me, again);
    if (headers === null) return;
    tell(gettext("It is being fetched."));
    const file = await whole(`${pathOf(id)}/content`, headers);
    const address = URL.createObjectURL(file);
    make("a", { href: address, download: `${id}.tar` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    tell(gettext("Saved under Downloads, sealed: {name}", { name: `${id}.tar` }));
  });
}

/** The fields that a granted recording is asked for with; null if it is not granted (yet). does: key of
 * what is to be done with it. */
async function grant(id, purpose, found, me, again, does = purpose === "view" ? "check_view" : "take_along") {
  if (asking) return null;
  asking = true;
  try {
    return await askedFor(id, purpose, found, me, again, does);
  } finally {
    asking = false;
  }
}

async function askedFor(id, purpose, found, me, again, does) {
  const page = document.getElementById("main");
  const requests = me.two_for_viewing ? await get("/api/viewing-requests") : [];
  if (!page.isConnected) return null;
  const known = requests.find(
    (one) => one.person === me.id && one.recordings.length === 1 && one.recording === id && one.purpose === purpose && one.approved_by,
  );
  const text = purpose === "view" ? "view_text" : "take_along_text";
  const before = turn;
  const asked = await askWhy(does, headed(does, id, found), me.two_for_viewing && !known ? `${say(text)} ${gettext("This office wants two people for that: a supervisor has to approve it first.")}` : say(text), found.cases, known);
  if (asked === null || turn !== before) return null;
  reasons.set(id, asked.reason.trim());
  const granted = await post("/api/viewings", { recordings: [id], reason: asked.reason, purpose, case: asked.case ?? "" });
  if (granted.waiting > 0) {
    tell(gettext("A supervisor has to approve this. Your request is written down; try again after."));
    await again();
    return null;
  }
  return { Viewing: granted.viewings[0] };
}

/** Asks why, has that written down, and has a redacted copy made in this tab. */
export async function makeRedacted(id, found, place, me, again) {
  await attempt(async () => {
    const [{ cannotRedact, redact }, { canRedact }] = await coming(Promise.all([import("./package/redaction_view.js"), import("./package/reencoder.js")]));
    if (!(await canRedact())) {
      fill(place, cannotRedact(id));
      place.hidden = false;
      place.scrollIntoView({ block: "start" });
      return;
    }
    const headers = await grant(id, "view", found, me, again, "redact");
    if (headers === null) return;
    closePlayer();
    await redact(id, headers, place);
  });
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
    if (got.blob.size === 0) throw new RefusalError("offline", 0);
  }
  return new Blob(parts, { type: "application/x-tar" });
}

/** A source whose reads count as use, and that asks, where it gets nothing, whether a person is
 * signed in still. */
function watched(source) {
  const read = source.read.bind(source);
  source.read = async (from, to) => {
    try {
      const got = await read(from, to);
      document.dispatchEvent(new Event(USED));
      return got;
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

/** The player, which weighs more than the page: it comes at the first viewing. */
async function playerParts() {
  const [, ...modules] = await coming(Promise.all([
    playerSheet(),
    import("./player/evidence/keys.js"),
    import("./player/evidence/source.js"),
    import("./player/extents.js"),
    import("./player/key_file.js"),
    import("./player/player.js"),
    import("./player/words.js"),
    import("./package/verdict_note.js"),
  ]));
  return Object.assign({}, ...modules);
}

/** Its style sheet, before the page's own, once. */
export async function playerSheet() {
  if (document.getElementById("player-sheet") !== null) return;
  const sheet = make("link", { id: "player-sheet", rel: "stylesheet", href: "/page/player/player.css" });
  await new Promise((settle, fail) => {
    sheet.onload = settle;
    sheet.onerror = () => fail(new RefusalError("offline", 0));
    document.querySelector("link[rel=stylesheet]").before(sheet);
  }).catch((error) => {
    sheet.remove();
    throw error;
  });
}
