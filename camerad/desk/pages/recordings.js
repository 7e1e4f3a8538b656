// Recordings: the list, and one of them.

import { get, post, RefusedError } from "./api.js";
import { addToCase } from "./cases.js";
import { ask, field, fill, make, tell } from "./dom.js";
import { askDue, questionOf } from "./filters.js";
import { kindWords, reasonWords, whyDeleted } from "./entries.js";
import { day, duration, idTime, moment, zone } from "./format.js";
import { strip } from "./strip.js";
import { tags } from "./tags.js";
import { closePlayer, takeAlong, view } from "./viewing.js";
import { reportWords, say, sentence } from "./words.js";

const FLAGS = [["flagged", "only_marked"], ["held", "only_held"], ["handed_over", "only_handed_over"], ["recovered", "only_recovered"], ["has_gaps", "only_gaps"]];
const STAGES = ["starting", "idle", "self_view", "recording", "stopping", "off"];
const STATES = ["here", "deleted", "missing", "unreadable", "unseen", "apart"];

/** The list, the newest first, with its filters. */
export async function showRecordings({ main }) {
  const marked = make("tbody");
  const body = make("tbody");
  const more = make("button", { class: "more", hidden: true, onclick: () => load(false) }, say("more"));
  const none = make("p", { class: "none", hidden: true }, say("none_found"));
  const state = make("select", { name: "state" }, make("option", { value: "" }, say("any_state")), STATES.map((one) => make("option", { value: one }, say(`state_${one}`))));
  const form = make(
    "form",
    { class: "filters", onsubmit: (event) => { event.preventDefault(); load(true); } },
    field(say("from"), make("input", { name: "from", type: "datetime-local", step: 1 })),
    field(say("to"), make("input", { name: "to", type: "datetime-local", step: 1 })),
    field(say("camera"), make("input", { name: "camera", autocomplete: "off" })),
    field(say("wearer"), make("input", { name: "wearer", autocomplete: "off" })),
    field(say("state"), state),
    field(say("due_on"), make("input", { name: "due_on", type: "date" })),
    make("div", { class: "checks" }, FLAGS.map(([name, words]) => make("label", { class: "check" }, make("input", { type: "checkbox", name }), say(words)))),
    make("button", { class: "main" }, say("find")),
  );
  fill(
    main,
    make("h1", {}, say("recordings")),
    form,
    make("p", { class: "hint" }, say("utc_offset", { zone: zone() })),
    make(
      "div",
      { class: "wide", role: "region", "aria-label": say("recordings"), tabindex: 0 },
      make("table", {}, make("thead", {}, make("tr", {}, ["when", "camera", "wearer", "length", "state", "kept"].map((one) => make("th", { scope: "col" }, say(one))))), marked, body),
    ),
    none,
    more,
  );
  let next = null;
  await load(true);

  async function load(anew) {
    const asked = questionOf(form, ["camera", "wearer", "state"], FLAGS.map(([name]) => name));
    askDue(asked, form.elements.due_on.value);
    if (!anew && next !== null) asked.set("after", next);
    try {
      const [page, first] = await Promise.all([get(`/api/recordings?${asked}`), anew ? getMarked([...asked].length === 0) : null]);
      if (anew) {
        body.replaceChildren();
        fillMarked(marked, first);
      }
      body.append(...page.rows.map(drawRow));
      next = page.next;
      more.hidden = next === null;
      none.hidden = body.children.length > 0;
    } catch (error) {
      if (!(error instanceof RefusedError) || error.why === "not_signed_in") throw error;
      tell(sentence(error), "wrong");
    }
  }
}

/** The newest that have a mark and are not held; none where something else is asked for. */
async function getMarked(wanted) {
  return wanted ? (await get("/api/recordings?flagged=true&state=here&held=false&limit=10")).rows : [];
}

/** Shows them before all others. */
function fillMarked(place, rows) {
  place.replaceChildren(...rows.map(drawRow));
  if (rows.length === 0) return;
  const head = (key) => make("tr", {}, make("th", { colspan: 6, scope: "rowgroup", class: "group" }, say(key)));
  place.prepend(head("marked_first"));
  place.append(head("all_of_them"));
}

/** What was recorded at the same time, by whichever camera. */
async function alongside(row) {
  if (row === null || row.began_us === null || row.ended_us === null) return null;
  const asked = new URLSearchParams({ from_us: row.began_us, to_us: row.ended_us, limit: 50 });
  const others = (await get(`/api/recordings?${asked}`)).rows.filter((one) => one.id !== row.id);
  if (others.length === 0) return null;
  return make(
    "section",
    {},
    make("h2", {}, say("same_time")),
    make("p", {}, make("a", { href: `#incident/${encodeURIComponent(row.id)}` }, say("side_by_side_look"))),
    make("ul", {}, others.map((one) => make("li", {}, make("a", { href: `#recording/${encodeURIComponent(one.id)}` }, moment(one.began_us, one.clock)), ` · ${one.camera ?? "–"} · ${duration(one.length_us / 1e6)} `, tags(one)))),
  );
}

function drawRow(row) {
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("a", { href: `#recording/${encodeURIComponent(row.id)}` }, moment(row.began_us ?? idTime(row.id) ?? row.at_us, row.clock))),
    make("td", {}, row.camera ?? "–"),
    make("td", {}, row.wearer ?? "–"),
    make("td", { class: "number" }, duration(row.length_us === null ? null : row.length_us / 1e6)),
    make("td", {}, tags(row)),
    make("td", {}, keptUntil(row)),
  );
}

function keptUntil(row) {
  if (row.state === "deleted") return moment(row.deleted_us, row.deleted_clock);
  if (row.held) return [say("kept_by_hold"), (row.holds ?? []).map((one) => make("div", { class: "hint" }, one.reason))];
  return row.due_us === null ? say("not_known") : say("due", { day: day(row.due_us) });
}

/** Until when it is kept, and why: its holds with who placed each, or the day and the days till then. */
function keptWhy(row) {
  if (row === null || row.state === "deleted") return null;
  const holds = (row.holds ?? []).map((one) => make("li", {}, `${one.reason} · ${one.who} · `, one.until_us === null ? say("until_released") : say("until_day", { day: day(one.until_us) })));
  if (row.held) return [say("kept_by_hold"), make("ul", {}, holds)];
  return row.due_us === null ? say("not_known") : say("due_why", { day: day(row.due_us), days: row.retention_days ?? "?" });
}

/** One recording: what it says, what happened to it, and what can be done. viewed: where it is just
 * being viewed, which goes on. */
export async function showRecording({ main, me, go }, [id = ""], viewed = null) {
  if (viewed === null) closePlayer();
  let found = null;
  try {
    found = await get(`/api/recordings/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.why !== "not_there") throw error;
    fill(main, back(go), make("h1", {}, say("recording", { id })), make("p", { role: "alert" }, say("never")));
    return;
  }
  const { rows, said, unreadable, history, held, cases, key, handed_over: left } = found;
  const row = rows.length === 0 ? null : { ...rows[0], held };
  const called = await reportWords();
  const here = said !== null || unreadable;
  const seen = viewed ?? make("section", { class: "seen", hidden: true });
  const again = () => showRecording({ main, me, go }, [id], seen);
  fill(
    main,
    back(go),
    make("h1", {}, say("recording", { id })),
    row === null ? null : make("p", {}, tags(row), " ", row.state === "deleted" ? say("deleted_on", { day: day(row.deleted_us), why: whyDeleted(row.deleted_why) }) : null),
    make(
      "div",
      { class: "buttons" },
      said === null ? null : make("button", { class: "main", onclick: () => view(found, seen, me) }, say("view")),
      here ? make("button", { onclick: () => takeAlong(id, cases, me) }, say("take_along")) : null,
      here ? make("button", { onclick: () => hold(id, again) }, say("hold")) : null,
      here ? make("button", { onclick: () => addToCase(id, held, again) }, say("add_to_case")) : null,
      held && me.roles.includes("supervisor") ? make("button", { onclick: () => release(id, again) }, say("release")) : null,
    ),
    unreadable ? make("p", { role: "alert" }, say("unreadable")) : null,
    seen,
    cases.length === 0 ? null : make("p", {}, `${say("cases")}: `, cases.map((number) => [make("a", { href: `#cases/${encodeURIComponent(number)}` }, number), " "])),
    left.length === 0 ? null : make("p", {}, make("span", { class: "tag held" }, say("handed_over")), " ", left.map((us) => moment(us)).join(", ")),
    said === null ? null : facts(said, key, row, called),
    await alongside(row),
    make("h2", {}, say("history")),
    make(
      "ol",
      { class: "history" },
      history.map((one) => make("li", {}, moment(one.wall_us, one.clock), ` · ${say(`ledger_${one.ledger}`)} · `, words(one, called))),
    ),
  );
}

function back(go) {
  return make("button", { class: "quiet", onclick: () => go("recordings") }, `‹ ${say("back")}`);
}

function words(entry, called) {
  return [kindWords(entry.kind), entry.who, reasonWords(entry, called)].filter(Boolean).join(" · ");
}

function facts(said, key, row, called) {
  const stages = said.stages.map((one) => `${duration(one.at)} ${STAGES.includes(one.stage) ? say(`stage_${one.stage}`) : one.stage}`);
  const gap = (one) => `${duration(one.from)}–${duration(one.to)} (${called.gap_reasons[one.reason] ?? one.reason})`;
  const list = [
    ["began", moment(said.began_us, said.clock)],
    ["press", say("press_at", { at: duration(said.trigger_at) })],
    ["length", duration(said.seconds)],
    ["ended_by", called.end_reasons[said.reason] ?? said.reason ?? "–"],
    ["camera", said.device],
    ["wearer", said.wearer ?? "–"],
    ["stages", stages.length ? stages.join(", ") : say("none")],
    ["marks", said.marks.length ? said.marks.map(duration).join(", ") : say("none")],
    ["gaps", said.gaps.length ? said.gaps.map(gap).join(", ") : say("none")],
    ["sound", say(said.sound ? "yes" : "no")],
    ["camera_key", key === null ? say("no_camera_key") : [make("code", {}, key.thumbprint), " ", say("camera_key_text", key)]],
    ["openers", [said.recipients.length === 1 ? say("opener_text") : say("openers_text", { count: said.recipients.length }), said.recipients.map((one) => make("div", {}, make("code", {}, one)))]],
    ["kept", keptWhy(row) ?? "–"],
  ];
  return make(
    "section",
    {},
    make("h2", {}, say("says")),
    strip(said),
    make("dl", {}, list.map(([key, text]) => [make("dt", {}, say(key)), make("dd", {}, text)])),
  );
}

async function hold(id, again) {
  const reason = field(say("reason"), make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off" }));
  const until = field(say("hold_until"), make("input", { name: "until", type: "date" }), say("hold_until_hint"));
  const said = await ask(say("hold"), say("hold_text"), [reason, until], say("hold"), say("cancel"));
  const body = { reason: said?.reason, until_us: said?.until ? endOf(said.until) : null };
  await done(said, () => post(`/api/recordings/${encodeURIComponent(id)}/hold`, body), "held_now", again);
}

/** The end of a day here, as wall time in microseconds. */
function endOf(day) {
  const [year, month, number] = day.split("-").map(Number);
  return new Date(year, month - 1, number + 1).getTime() * 1000;
}

async function release(id, again) {
  const said = await ask(say("release"), say("release_text"), [], say("release"), say("cancel"));
  await done(said, () => post(`/api/recordings/${encodeURIComponent(id)}/release`, { reason: "" }), "released_now", again);
}

async function done(said, work, told, again) {
  if (said === null) return;
  try {
    await work();
    tell(say(told));
    await again();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}
