// Who did what: the office's ledger; and what was and will be deleted.

import { get, RefusedError } from "./api.js";
import { csvOf } from "./csv.js";
import { field, fill, make, newest, tell, withoutMore } from "./dom.js";
import { aboutWords, detailWords, doneWords, kindWords, whoWords, whyDeleted } from "./entry_words.js";
import { mistakeIn, periodFields, questionOf } from "./filters.js";
import { day, moment, timeOf, zone } from "./format.js";
import { holdWords } from "./holds.js";
import { linked, smallId } from "./titles.js";
import { language, reportWords, say, sentence } from "./words.js";

const KINDS = ["signed", "viewed", "downloaded", "viewing_approved", "judged", "hold", "hold_until", "hold_ground", "release", "release_reason", "case", "rights", "camera", "offer", "report_made", "received", "deleted", "start"];

const COLUMNS = ["entry_when", "who", "entry_kind", "entry_about", "entry_detail"];

/** The ledger, the newest first, with filters, and as a table to take along. */
export async function showEntries({ main }) {
  const body = make("tbody");
  const found = make("span");
  const more = make("button", { hidden: true, onclick: () => load(false) }, say("more"));
  const form = make(
    "form",
    { class: "filters", novalidate: true, onsubmit: search },
    periodFields(),
    field(say("who_or_whom"), make("input", { name: "who", autocomplete: "off" })),
    field(say("entry_kind"), make("select", { name: "kind" }, make("option", { value: "" }, say("any_kind")), KINDS.map((one) => make("option", { value: one }, kindWords(one))))),
    field(say("number_or_reason"), make("input", { name: "said", autocomplete: "off", maxlength: 200 })),
    field(say("recording_id"), make("input", { name: "recording", autocomplete: "off" })),
    field(say("camera"), make("input", { name: "camera", autocomplete: "off" })),
    field(say("wearer"), make("input", { name: "wearer", autocomplete: "off" })),
    make("button", { class: "main" }, say("find")),
    make("button", { type: "button", onclick: () => save(rows, called) }, say("save_table")),
  );
  const called = await reportWords();
  let next = null;
  let rows = [];
  // What the rows answer: the form may say something else by the time that more of them are wanted.
  let question = new URLSearchParams();
  fill(
    main,
    make("h1", {}, say("entries")),
    form,
    make("p", {}, make("span", { role: "status" }, found), " ", make("span", { class: "hint" }, `${say("utc_offset", { zone: zone() })} ${say("save_table_hint")}`)),
    make(
      "div",
      { class: "wide", role: "region", "aria-label": say("entries"), tabindex: 0 },
      make("table", {}, make("thead", {}, make("tr", {}, COLUMNS.map((one) => make("th", { scope: "col" }, say(one))))), body),
    ),
    more,
  );
  await load(true);

  function search(event) {
    event.preventDefault();
    const wrong = mistakeIn(form);
    if (wrong === null) withoutMore(more, () => load(true));
    else tell(wrong, "wrong");
  }

  async function load(anew) {
    const wanted = anew ? questionOf(form, ["who", "kind", "recording", "said", "camera", "wearer"]) : question;
    const asked = new URLSearchParams(wanted);
    if (!anew && next !== null) asked.set("before", String(next));
    let page;
    try {
      page = await newest(body, get(`/api/entries?${asked}`));
    } catch (error) {
      if (!(error instanceof RefusedError) || error.why === "not_signed_in") throw error;
      if (anew) {
        [rows, next] = [[], null];
        body.replaceChildren();
        fill(found, sentence(error));
        more.hidden = true;
      }
      tell(sentence(error), "wrong");
      return;
    }
    if (page === null) return;
    rows = anew ? page.rows : [...rows, ...page.rows];
    if (anew) body.replaceChildren();
    body.append(...page.rows.map((row) => draw(row, called)));
    [next, question] = [page.next, wanted];
    more.hidden = next === null;
    fill(found, rows.length === 0 ? say("no_entry_found") : say(next === null ? "entries_found" : "entries_first", { count: rows.length }));
  }
}

/** What is shown of an entry: a text for each of `COLUMNS`, the last but one of several. */
function textsOf(row, called) {
  return [moment(row.wall_us, row.clock), whoWords(row.who), doneWords(row), aboutWords(row), detailWords(row, called)];
}

function draw(row, called) {
  const [when, who, done, about, detail] = textsOf(row, called);
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, when),
    make("td", {}, who),
    make("td", {}, done),
    make("td", {}, about.map((one) => make("div", {}, one))),
    make("td", {}, detail),
  );
}

/** Saves what is shown, and no more, as the table programs of the page's language read it. */
function save(rows, called) {
  const head = [say("entry_number"), say("entry_when_zone", { zone: zone() }), ...COLUMNS.slice(1).map((one) => say(one)), say("entry_sha256")];
  const lines = rows.map((row) => [row.sequence, ...textsOf(row, called).map((one) => (Array.isArray(one) ? one.join("; ") : one)), row.sha256]);
  const text = csvOf(head, lines, language() === "de" ? ";" : ",");
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: address, download: say("entry_file") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** What went since yesterday, what goes within a day, and what is late. */
export async function showDeletions({ main, me }) {
  const opens = me.roles.some((role) => role === "desk" || role === "supervisor");
  const { done, coming, late, held } = await get("/api/deletions");
  const list = (rows, when) =>
    rows.length === 0
      ? make("p", {}, say("none"))
      : make("ul", {}, rows.map((row) => {
          const id = row.id ?? row.recording;
          return make("li", {}, linked(id, row, opens), ` · ${when(row)}`, row.flagged ? " " : null, row.flagged ? make("span", { class: "tag mark" }, say("marked")) : null, smallId(id));
        }));
  fill(
    main,
    make("h1", {}, say("deletions")),
    make("h2", {}, say("late")),
    late.length === 0 ? make("p", {}, say("nothing_late")) : list(late, (row) => say("due", { day: moment(row.due_us) })),
    held.length === 0 ? null : [make("h2", {}, say("late_held")), list(held, (row) => `${say("would_have_gone", { day: moment(row.due_us) })} · ${row.holds.map(holdWords).join("; ") || say("held")}`)],
    make("h2", {}, say("coming")),
    list(coming, (row) => say("due", { day: moment(row.due_us) })),
    make("h2", {}, say("gone")),
    list(done, (row) => `${say("deleted_at", { day: day(row.deleted_us), time: timeOf(row.deleted_us) })} · ${row.why === "expired" ? say(row.retention_days === 1 ? "why_expired_one" : "why_expired", { days: row.retention_days, day: row.ended_us === null ? "–" : day(row.ended_us) }) : whyDeleted(row.why)}`),
  );
}
