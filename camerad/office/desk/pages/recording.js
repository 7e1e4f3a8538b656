// One recording: what it says, what happened to it, and what can be done.

import { fetched, get, post } from "./api.js";
import { askToDo, attempt, field, fill, make } from "./dom.js";
import { foundWords, kindWords, reasonWords, whyDeleted } from "./entry_words.js";
import { day, duration, moment } from "./format.js";
import { hold, holdsIn, holdWords } from "./holds.js";
import { back, lengthOf, link } from "./recordings.js";
import { strip } from "./strip.js";
import { tags } from "./tags.js";
import { headed, smallId, titleOf } from "./titles.js";
import { closePlayer, makeRedacted, takeAlong, view } from "./viewing.js";
import { NC_, N_, gettext, ngettext, reportWords, sayFrom, wordFor } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  stages: N_("Stages"),
  stage_starting: N_("starting"),
  stage_idle: N_("idle"),
  stage_self_view: N_("self-view"),
  stage_recording: N_("recording"),
  stage_stopping: N_("stopping"),
  stage_off: N_("off"),
  began: N_("Begin"),
  ended_by: N_("End"),
  marks: N_("Marks"),
  gaps: N_("Gaps"),
  sound: N_("Sound"),
  openers: N_("Who can open it"),
  ledger_camera: NC_("whose ledger", "camera"),
  ledger_office: N_("office"),
  missing_cases: N_("Not every case can be read now. This recording may belong to one of those, or may have left the office with it. The server's log says which file is damaged."),
  missing_camera_ledger: N_("The ledger of the camera cannot be read now, so its part of what happened is missing here. The server's operator puts the camera's key file back."),
});

const addToCase = fetched(() => import("./cases.js"), "addToCase");
const handOver = fetched(() => import("./cases.js"), "handOver");
/** Seconds; what is shorter is in the player alone. */
const LEAST = 0.5;
const STAGES = ["starting", "idle", "self_view", "recording", "stopping", "off"];

/** What was recorded at the same time, by whichever camera. */
async function alongside(row) {
  if (row === null || row.began_us === null || row.ended_us === null) return null;
  const asked = new URLSearchParams({ from_us: row.began_us, to_us: row.ended_us, limit: 50 });
  const others = (await get(`/api/recordings?${asked}`)).rows.filter((one) => one.id !== row.id);
  if (others.length === 0) return null;
  return make(
    "section",
    {},
    make("h2", {}, gettext("Recorded at the same time")),
    make("p", {}, make("a", { href: `#incident/${encodeURIComponent(row.id)}` }, gettext("See them side by side"))),
    make("ul", {}, others.map((one) => make("li", {}, link(one), ` · ${one.camera ?? "–"} · ${lengthOf(one)} `, tags(one)))),
  );
}

/** Until when it is kept, and why: its holds with who placed each, or the day and the days till then. */
function keptWhy(row) {
  if (row === null || row.state === "deleted") return null;
  if (row.held) return row.holds.length === 0 ? gettext("kept") : make("ul", {}, row.holds.map((one) => make("li", {}, holdWords(one))));
  if (row.due_us === null && row.state !== "here") return null;
  if (row.due_us === null) return gettext(row.in_ledger ? N_("The day is still open, mostly because the server's time is not confirmed yet. It is here as soon as a time server confirms it. Nothing is deleted before {days} days are over.") : N_("The day is certain as soon as the server has taken the recording into its ledger, mostly within minutes."), { days: row.retention_days ?? row.stated_days ?? "?" });
  return ngettext("on {day}, {number} day after its end", "on {day}, {number} days after its end", row.retention_days ?? "?", { day: day(row.due_us) });
}

/** What a tab found last; nothing where none has. */
function lastOf(history) {
  return history.findLast((one) => one.kind === "judged");
}

/** Whose tab found last that it is not authentic; "" if that found something else, null if none did. */
function refuterIn(history) {
  const last = lastOf(history);
  return last === undefined ? null : last.reason === "not_authentic" ? last.who : "";
}

function lastFound(history) {
  const last = lastOf(history);
  return last && make("p", { class: last.reason === "not_authentic" ? "wrong" : "hint" }, gettext("{when}: {what}. The check is made in the browser, not on the server.", { when: moment(last.wall_us, last.clock), what: foundWords(last) }));
}

/** What is shown of a recording. page.viewed: where it is just being viewed, which goes on, and the row that
 * is shown of it by now. */
export async function showRecording(page, [id = ""]) {
  const { me, go, again } = page;
  if (page.viewed === undefined) closePlayer();
  let got = null;
  try {
    got = await gathered(id, me);
  } catch (error) {
    if (error.why !== "not_there") throw error;
    return [back(go, id), make("h1", {}, gettext("Recording {id}", { id })), make("p", { role: "alert" }, gettext("The office knows no recording of this name: neither it nor its deletion is in the ledger."))];
  }
  const { found, row, called, asked, beside } = got;
  const { said, unreadable, history, held, cases, key, handed_over: left } = found;
  const here = said !== null || unreadable;
  const shown = (page.viewed ??= { seen: make("section", { class: "seen", hidden: true }) });
  shown.row = row;
  const { seen } = shown;
  /** What the tab has just found is said above as well. */
  const judged = (verdict) => shown.row && fill(seen.closest("main").querySelector(".tags"), tags({ ...shown.row, not_authentic_by: verdict === "not_authentic" ? me.id : null }));
  return [
    back(go, id),
    make("h1", {}, titleOf(id, row ?? (said && { ...said, camera: said.device }))),
    smallId(id),
    row === null ? null : make("p", {}, make("span", { class: "tags" }, tags(row)), " ", row.state === "deleted" ? gettext("Deleted on {day}: {why}", { day: day(row.deleted_us), why: whyDeleted(row.deleted_why) }) : null),
    make(
      "div",
      { class: "buttons" },
      said === null ? null : make("button", { class: shown.seen.childElementCount === 0 ? "main" : null, onclick: () => view(found, seen, me, again, judged) }, gettext("Check and view")),
      said === null || key === null ? null : make("button", { onclick: () => makeRedacted(id, found, seen, me, again) }, gettext("Make a redacted copy")),
      here ? make("button", { onclick: () => takeAlong(id, found, me, again) }, gettext("Save the sealed file")) : null,
      here ? make("button", { onclick: () => hold(id, found, me, again) }, gettext(held ? N_("Keep it once more") : N_("Keep from deletion"))) : null,
      here ? make("button", { onclick: () => attempt(() => addToCase(page, id, found)) }, gettext("Add to a case")) : null,
      here ? make("button", { onclick: () => attempt(() => handOver(page, id, found)) }, gettext(left.length === 0 ? N_("Hand over") : N_("Hand over again"))) : null,
      held && me.roles.includes("supervisor") ? make("button", { onclick: () => release(id, found, again) }, gettext("End the protection")) : null,
    ),
    unreadable ? make("p", { role: "alert" }, gettext("This file cannot be read as a recording. What happened to it is below. It can be kept from deletion, and saved sealed.")) : null,
    said === null ? null : make("p", { class: "hint screen" }, gettext("“Check and view” says whether it is authentic; no key is needed for that. If it is not: do not hand it over, and tell a supervisor.")),
    asked.map((one) => make("p", {}, make("a", { href: "#requests" }, gettext(one.approved_by ? N_("Your request is approved ({reason})") : N_("Your request waits ({reason})"), { reason: one.reason })))),
    seen,
    found.missing.map((what) => make("p", { class: "wrong" }, say(`missing_${what}`))),
    cases.length === 0 ? null : make("p", {}, `${gettext("Cases")}: `, cases.map((number) => [make("a", { href: `#cases/${encodeURIComponent(number)}` }, number), " "])),
    lastFound(history) ?? null,
    left.length === 0 ? null : make("p", {}, make("span", { class: "tag held" }, gettext("handed over")), " ", left.map((us) => moment(us)).join(", ")),
    said === null ? null : facts(said, key, row, called),
    beside,
    make("h2", {}, gettext("History")),
    make(
      "ol",
      { class: "history" },
      history.map((one) => make("li", {}, moment(one.wall_us, one.clock), ` · ${say(`ledger_${one.ledger}`)} · `, words(one, called))),
    ),
  ];
}

/** What is shown of a recording. */
async function gathered(id, me) {
  const found = await get(`/api/recordings/${encodeURIComponent(id)}`);
  const { rows, history, held } = found;
  // The ledger is read as it is now; the index has what was just done some seconds later.
  const holds = holdsIn(history);
  const row = rows.length === 0 ? null : { ...rows[0], held, holds: holds.length === 0 ? rows[0].holds : holds, not_authentic_by: refuterIn(history) ?? rows[0].not_authentic_by };
  const [called, requests, beside] = await Promise.all([reportWords(), me.two_for_viewing ? get("/api/viewing-requests") : [], alongside(row)]);
  const asked = requests.filter((one) => one.person === me.id && one.recordings.includes(id));
  return { found, row, called, asked, beside };
}

function words(entry, called) {
  if (["hold", "hold_until"].includes(entry.kind)) return holdWords(entry);
  if (entry.kind === "judged") return foundWords(entry);
  return [kindWords(entry.kind), entry.who, reasonWords(entry, called)].filter(Boolean).join(" · ");
}

/** Seconds of a recording without pictures; gaps may overlap. */
function missingSeconds({ gaps, seconds }) {
  let [sum, until] = [0, 0];
  for (const { from, to } of gaps.map((one) => ({ from: one.from ?? 0, to: one.to ?? seconds })).sort((one, other) => one.from - other.from)) {
    sum += Math.max(0, Math.min(to, seconds) - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

function facts(said, key, row, called) {
  const stages = said.stages.map((one) => `${duration(one.at)} ${STAGES.includes(one.stage) ? say(`stage_${one.stage}`) : one.stage}`);
  const gap = (one) => `${duration(one.from ?? 0)}–${duration(one.to ?? said.seconds)} (${wordFor(called.gap_reasons, one.reason)})`;
  const silent = said.sound_gaps.filter((one) => (one.to ?? said.seconds) - (one.from ?? 0) >= LEAST);
  const missing = missingSeconds(said);
  const length = duration(said.seconds);
  const list = [
    ["began", moment(said.began_us, said.clock)],
    ["press", gettext(said.trigger_at < 0 ? N_("{at} before the first picture") : N_("{at} after the begin"), { at: duration(Math.abs(said.trigger_at)) })],
    ["length", missing < LEAST ? length : gettext("{length}, of these {missing} without pictures", { length, missing: duration(missing) })],
    ["ended_by", wordFor(called.end_reasons, said.reason) ?? "–"],
    ["camera", said.device],
    ["wearer", said.wearer ?? "–"],
    ["marks", said.marks.length ? said.marks.map(duration).join(", ") : gettext("none")],
    ["gaps", said.gaps.length ? said.gaps.map(gap).join(", ") : gettext("none")],
    ["sound", said.sound && silent.length ? gettext("yes, except {gaps}", { gaps: silent.map(gap).join(", ") }) : gettext(said.sound ? N_("yes") : N_("no"))],
    ["kept", keptWhy(row) ?? "–"],
  ];
  const technical = [
    ["stages", stages.length ? stages.join(", ") : gettext("none")],
    ["camera_key", key === null ? gettext("The register has no camera with the key of this recording, so it cannot be checked here.") : [make("code", {}, key.thumbprint), " ", gettext("It is that of {camera} in the register. The same stands on its label.", key)]],
    ["openers", [said.recipients.length === 1 ? gettext("a person with this key:") : gettext("a person with one of these {count} keys:", { count: said.recipients.length }), said.recipients.map((one) => make("div", {}, make("code", {}, one)))]],
  ];
  const draw = (rows) => make("dl", {}, rows.map(([key, text]) => [make("dt", {}, say(key)), make("dd", {}, text)]));
  return make(
    "section",
    {},
    make("h2", {}, gettext("About the recording")),
    strip(said),
    draw(list),
    make("details", {}, make("summary", {}, gettext("Technical")), draw(technical)),
  );
}

async function release(id, found, again) {
  const why = field(gettext("Reason"), make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off" }));
  await askToDo(headed("release", id, found), gettext("Every protection of this recording from deletion ends. If its day is over, it is deleted within the hour. The reason is in the ledger for good: no names."), [why], gettext("End the protection"), ({ reason }) => post(`/api/recordings/${encodeURIComponent(id)}/release`, { reason: reason.trim() }), gettext("The recording is kept from deletion no more."), again);
}

