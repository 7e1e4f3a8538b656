// Who did what: the office's ledger; and what was and will be deleted.

import { coming, get } from "./api.js";
import { csvOf } from "./csv.js";
import { field, fill, make, tell } from "./dom.js";
import { aboutWords, detailWords, doneWords, whoWords } from "./entry_details.js";
import { kindWords, whyDeleted } from "./entry_words.js";
import { mistakeIn, periodFields, questionOf } from "./filters.js";
import { day, moment, timeOf, zone } from "./format.js";
import { holdWords } from "./holds.js";
import { PagedList } from "./paging.js";
import { linked, smallId } from "./titles.js";
import { N_, gettext, ngettext, pgettext, reportWords, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  entry_when: N_("When"),
  entry_kind: N_("What"),
  entry_about: N_("About"),
  entry_detail: N_("Details and reason"),
});

const KINDS = ["signed", "viewed", "downloaded", "viewing_approved", "judged", "packaged", "redacted", "hold", "hold_until", "hold_ground", "release", "release_reason", "case", "rights", "camera", "offer", "access_request", "report_made", "trial_started", "trial_noted", "received", "deleted", "start"];

const COLUMNS = ["entry_when", "who", "entry_kind", "entry_about", "entry_detail"];

/** The ledger, the newest first, with filters, and as a table to take along. */
export async function showEntries() {
  const body = make("tbody");
  const found = make("span");
  const form = make(
    "form",
    { class: "filters", novalidate: true, onsubmit: search },
    periodFields(),
    field(gettext("Who, or whose rights"), make("input", { name: "who", autocomplete: "off" })),
    field(gettext("What"), make("select", { name: "kind" }, make("option", { value: "" }, gettext("Anything")), KINDS.map((one) => make("option", { value: one }, kindWords(one))))),
    field(gettext("File number or reason"), make("input", { name: "said", autocomplete: "off", maxlength: 200 })),
    field(gettext("Recording"), make("input", { name: "recording", autocomplete: "off" })),
    field(gettext("Camera"), make("input", { name: "camera", autocomplete: "off" })),
    field(gettext("Worn by"), make("input", { name: "wearer", autocomplete: "off" })),
    make("button", { class: "main" }, gettext("Find")),
    make("button", { type: "button", onclick: () => save(list.rows, called) }, gettext("Save as a table")),
  );
  const [report, { answersIn: answers }] = await Promise.all([reportWords(), coming(import("./access/access_words.js"))]);
  const called = { ...report, answers };
  const list = new PagedList(body, { ask, draw, fail });
  await begin();
  return [
    make("h1", {}, gettext("Ledger")),
    form,
    make("p", {}, make("span", { role: "status" }, found), " ", make("span", { class: "hint" }, `${gettext("All times are local ({zone}).", { zone: zone() })} ${gettext("The table that is saved has the rows that are shown, and no others.")}`)),
    make(
      "div",
      { class: "wide", role: "region", "aria-label": gettext("Ledger"), tabindex: 0 },
      make("table", {}, make("thead", {}, make("tr", {}, COLUMNS.map((one) => make("th", { scope: "col" }, say(one))))), body),
    ),
    list.more,
  ];

  function search(event) {
    event.preventDefault();
    const wrong = mistakeIn(form);
    if (wrong === null) begin();
    else tell(wrong, "wrong");
  }

  function begin() {
    return list.begin(questionOf(form, ["who", "kind", "recording", "said", "camera", "wearer"]));
  }

  function ask(question, mark) {
    const asked = new URLSearchParams(question);
    if (mark !== null) asked.set("before", String(mark));
    return get(`/api/entries?${asked}`);
  }

  function draw(page, isFirst) {
    if (isFirst) body.replaceChildren();
    body.append(...page.rows.map((row) => drawRow(row, called)));
    const count = list.rows.length;
    fill(found, count === 0 ? gettext("No entry matches.") : gettext(list.next === null ? N_("Entries: {count}.") : N_("The newest {count} entries."), { count }));
  }

  function fail(why) {
    body.replaceChildren();
    fill(found, why);
  }
}

/** What is shown of an entry: a text for each of `COLUMNS`, the last but one of several. */
function textsOf(row, called) {
  return [moment(row.wall_us, row.clock), whoWords(row.who), doneWords(row), aboutWords(row), detailWords(row, called)];
}

function drawRow(row, called) {
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
  const head = [gettext("No."), gettext("When (local time, {zone})", { zone: zone() }), ...COLUMNS.slice(1).map((one) => say(one)), gettext("SHA-256 of the entry")];
  const lines = rows.map((row) => [row.sequence, ...textsOf(row, called).map((one) => (Array.isArray(one) ? one.join("; ") : one)), row.sha256]);
  const text = csvOf(head, lines, pgettext("between cells of a table", ","));
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: address, download: gettext("ledger.csv") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** What went since yesterday, what goes within a day, and what is late. */
export async function showDeletions({ me }) {
  const opens = me.roles.some((role) => role === "desk" || role === "supervisor");
  const { done, coming, late, held } = await get("/api/deletions");
  const list = (rows, when) =>
    rows.length === 0
      ? make("p", {}, gettext("none"))
      : make("ul", {}, rows.map((row) => {
          const id = row.id ?? row.recording;
          return make("li", {}, linked(id, row, opens), ` · ${when(row)}`, row.flagged ? " " : null, row.flagged ? make("span", { class: "tag mark" }, gettext("marked")) : null, smallId(id));
        }));
  return [
    make("h1", {}, gettext("Deletions")),
    make("h2", {}, gettext("Late")),
    late.length === 0 ? make("p", {}, gettext("Nothing is late.")) : list(late, (row) => gettext("on {day}", { day: moment(row.due_us) })),
    held.length === 0 ? null : [make("h2", {}, gettext("Past their day, and here since they are kept")), list(held, (row) => `${gettext("would have been deleted on {day}", { day: moment(row.due_us) })} · ${row.holds.map(holdWords).join("; ") || gettext("kept")}`)],
    make("h2", {}, gettext("In the next 24 hours")),
    list(coming, (row) => gettext("on {day}", { day: moment(row.due_us) })),
    make("h2", {}, gettext("Since yesterday")),
    list(done, (row) => `${gettext("deleted on {day}, {time}", { day: day(row.deleted_us), time: timeOf(row.deleted_us) })} · ${row.why === "expired" ? ngettext("{number} day after its end on {day}", "{number} days after its end on {day}", row.retention_days, { day: row.ended_us === null ? "–" : day(row.ended_us) }) : whyDeleted(row.why)}`),
  ];
}
