// Requests for access: a person asks what was recorded of them. What was recorded at that time is listed
// without showing any of it; a clerk answers for each recording, and prints one letter.

import { get, post } from "../api.js";
import { dayField, isoOf } from "../dates.js";
import { askToDo, attempt, field, fill, make, tell } from "../dom.js";
import { mistakeIn, periodFields, questionOf, wall } from "../filters.js";
import { day, zone } from "../format.js";
import { N_ } from "../player/gettext.js";
import { addressOf, smallId } from "../titles.js";
import { LANGUAGES, language, nameOf, sentence } from "../words.js";
import { gettext, sayIn, wordsIn } from "./access_words.js";
import { answerFor, letterOf, timesOf, told, when } from "./letter.js";

const ADDRESS = "/api/access-requests";
const LEFT_OUT = "left_out";
/** Grounds of a refusal, as the ledger names them. */
const REFUSALS = ["duties", "safety", "third_parties", "copy_of_others", "secret", "public_order", "control_only", "not_findable", "excessive"];

/** All requests, or the one with a number. */
export async function showAccess(page, [number = ""]) {
  if (number === "") return drawAll(page, await get(ADDRESS));
  const words = wordsIn(language());
  try {
    return new AccessRequest(page, number, words, await fetchOne(number)).draw();
  } catch (error) {
    if (error.why !== "not_there") throw error;
    return [make("h1", {}, gettext("Access request {number}", { number })), make("p", { role: "alert" }, sentence(error)), make("a", { href: "#access" }, gettext("Back"))];
  }
}

function fetchOne(number, more = {}) {
  return get(`${ADDRESS}/one?${new URLSearchParams({ number, ...more })}`);
}

/** The time that is asked about. */
function period({ from_us: from, to_us: to }) {
  const words = wordsIn(language());
  return `${when(words, from)} – ${when(words, to)}`;
}

/** A day of ISO 8601 for people. */
const spelled = (iso) => day(wall(iso));

function drawAll({ go }, requests) {
  const form = make(
    "form",
    { novalidate: true, onsubmit: open },
    make("div", { class: "filters" }, field(gettext("Received on"), dayField("received", { value: isoOf(day(Date.now() * 1000)) })), periodFields()),
    make("p", { class: "hint" }, gettext("From and to: when the person says that they were recorded. Ask for the time of day, the place, and what they remember of the officer.")),
    make("div", { class: "buttons" }, make("button", { class: "main" }, gettext("Open the request"))),
  );
  return [
    make("h1", {}, gettext("Access requests")),
    make("p", { class: "hint" }, gettext("A person asks what was recorded of them. No name is needed here: it is typed for the letter, and kept nowhere. Without an answer a request stays; an answered one goes after a month. The ledger has both.")),
    form,
    make("h2", {}, gettext("Open and answered")),
    requests.length === 0 ? make("p", {}, gettext("none")) : make("ul", { class: "people" }, requests.map(drawCard)),
  ];

  async function open(event) {
    event.preventDefault();
    const asked = questionOf(form, []);
    const received = isoOf(form.elements.received.value);
    const wrong = mistakeIn(form) ?? (received && asked.has("from_us") && asked.has("to_us") ? null : gettext("Three days are needed: received on, from and to."));
    if (wrong !== null) return tell(wrong, "wrong");
    const times = { from_us: Number(asked.get("from_us")), to_us: Number(asked.get("to_us")) };
    await attempt(async () => go("access", (await post(`${ADDRESS}/open`, { received, ...times })).number), event.submitter ?? {});
  }
}

function drawCard(one) {
  return make(
    "li",
    { class: "card" },
    make("h3", {}, make("a", { href: `#access/${encodeURIComponent(one.number)}` }, one.number)),
    make("p", {}, period(one)),
    make("p", {}, term(one)),
  );
}

/** Until when an answer is due, or when it was given. */
function term({ due, received, answered_us: answered }) {
  if (answered !== null) return make("span", { class: "tag good" }, gettext("answered on {day}", { day: day(answered) }));
  const isLate = wall(due, "", 1) <= Date.now() * 1000;
  return [gettext("Received on {day}.", { day: spelled(received) }), " ", make("span", { class: `tag ${isLate ? "refuted" : "gap"}` }, gettext(isLate ? N_("overdue since {day}") : N_("answer by {day}"), { day: spelled(due) }))];
}

/** One request, while it is worked on. */
class AccessRequest {
  /** What is answered, by ids: an answer, behind a space the ground of a refusal. */
  #chosen = new Map();
  #list = make("ol", { class: "people" });
  #letter = make("div");
  #print = make("div", { class: "buttons", hidden: true }, make("button", { class: "main", onclick: ({ target }) => this.#record(target) }, gettext("Record the answer and print")));

  constructor(page, number, words, first) {
    Object.assign(this, { page, number, words, found: first });
    this.seesFootage = page.me.roles.some((role) => role === "desk" || role === "supervisor");
    this.narrowing = make(
      "form",
      { class: "line", role: "search", onsubmit: (event) => { event.preventDefault(); attempt(() => this.#load()); } },
      field(gettext("Camera"), make("input", { name: "camera", maxlength: 100, autocomplete: "off" })),
      field(gettext("Worn by"), make("input", { name: "wearer", maxlength: 100, autocomplete: "off" })),
      make("button", {}, gettext("Narrow")),
    );
    const text = (name, label, value, more = {}, hint = null) => field(label, make("input", { name, value, maxlength: 200, autocomplete: "off", required: true, ...more }), hint);
    this.form = make(
      "form",
      { class: "entry", onsubmit: (event) => { event.preventDefault(); attempt(() => this.#preview()); }, oninput: () => this.#forget() },
      field(gettext("Name and address of the person"), make("textarea", { name: "person", rows: 4, required: true, autocomplete: "off" }), gettext("For the letter alone. It is neither sent nor kept.")),
      text("office", gettext("Office that answers"), first.office),
      text("authority", gettext("Data protection authority"), first.authority),
      field(gettext("Language of the letter"), make("select", { name: "language" }, LANGUAGES.map((one) => make("option", { value: one, selected: one === language() }, nameOf(one, language()))))),
      make("label", { class: "check" }, make("input", { type: "checkbox", name: "silent" }), gettext("Leave out the grounds of refusals, since telling them would defeat their purpose (§ 57(6), § 34(2) BDSG)")),
      make("div", { class: "buttons" }, make("button", {}, gettext("Show the letter")), first.request.answered_us === null ? make("button", { type: "button", onclick: () => this.#withdraw() }, gettext("The person withdrew the request")) : null),
    );
  }

  draw() {
    const { request, waiting, known_since_us: known } = this.found;
    this.#drawList();
    return [
      make("a", { href: "#access" }, `‹ ${gettext("Back")}`),
      make("h1", {}, gettext("Access request {number}", { number: this.number })),
      make("p", {}, term(request)),
      make("p", {}, gettext("Time asked about: {period}.", { period: period(request) }), " ", make("span", { class: "hint" }, gettext("All times are local ({zone}).", { zone: zone() }))),
      make("p", { class: "hint" }, gettext("Answer only for recordings that are about this person. Do not view one to find out: ask the person for more.")),
      this.narrowing,
      waiting.length === 0 ? make("p", {}, gettext("Every camera has been in its dock since, and has handed over all of its recordings.")) : make("div", {}, make("p", { class: "wrong" }, gettext("These cameras may still have recordings of that time:")), make("ul", {}, waiting.map((one) => make("li", {}, waitingWords(this.words, one))))),
      known !== null && known > request.from_us ? make("p", { class: "wrong" }, gettext("The ledger's entries begin on {day}: of recordings that were deleted before, it says nothing.", { day: day(known) })) : null,
      make("h2", {}, gettext("Recordings")),
      this.#list,
      make("h2", {}, gettext("Letter")),
      this.form,
      this.#print,
    ];
  }

  #drawList() {
    const { recordings } = this.found;
    if (recordings.length === 0) return fill(this.#list, make("li", { class: "none" }, gettext("Nothing was recorded then, and no deletion of such a recording is in the ledger.")));
    return fill(this.#list, recordings.map((row) => this.#drawRow(row)));
  }

  #drawRow(row) {
    const { words, seesFootage } = this;
    const own = answerFor(row);
    const option = (value, label) => make("option", { value, selected: this.#chosen.get(row.id) === value }, label);
    const refusals = REFUSALS.map((one) => option(`refused ${one}`, gettext("Refuse: {ground}", { ground: sayIn(words, `law_${one}`) })));
    const times = timesOf(words, row);
    const answer = make(
      "select",
      { "aria-label": gettext("Answer: {recording}", { recording: times }), onchange: () => { this.#chosen.set(row.id, answer.value); this.#forget(); } },
      option("", gettext("Choose")),
      option(LEFT_OUT, gettext("Not about this person: leave out")),
      option(own, sayIn(words, `tell_${own}`)),
      row.state === "here" ? option("copy", gettext("Give a copy with others masked")) : null,
      make("optgroup", { label: gettext("Refuse") }, refusals),
    );
    const isKept = row.holds.some((one) => one.reason.endsWith(` ${this.number}`));
    return make(
      "li",
      { class: "card" },
      make("h3", {}, times, row.camera === null ? null : `, ${row.camera}`),
      make("p", {}, told(words, row, { answer: own })),
      row.holds.length === 0 ? null : make("p", { class: "hint" }, gettext("Kept already: {holds}.", { holds: row.holds.map((one) => one.reason).join("; ") })),
      make("p", {}, answer),
      seesFootage && row.state === "here" ? make("div", { class: "buttons" }, isKept ? null : make("button", { onclick: ({ target }) => attempt(() => this.#hold(row.id), target) }, gettext("Keep until it is answered")), make("a", { class: "button", href: addressOf(row.id) }, gettext("To the recording"))) : null,
      smallId(row.id),
    );
  }

  /** Keeps a recording for as long as an answer may take. The reason is the number alone, no name. */
  async #hold(id) {
    const until_us = wall(this.found.request.longest, "", 1);
    await post(`/api/recordings/${encodeURIComponent(id)}/hold`, { reason: gettext("Access request {number}", { number: this.number }), until_us, ground: "person" });
    tell(gettext("The recording is kept from deletion."));
    await this.#load();
  }

  async #load() {
    const said = Object.fromEntries([...new FormData(this.narrowing)].filter(([, value]) => value.trim() !== ""));
    this.found = await fetchOne(this.number, said);
    this.#forget();
    this.#drawList();
  }

  /** Something is another one now: the letter that is shown does not say it. */
  #forget() {
    this.#letter.remove();
    this.#print.hidden = true;
  }

  /** What is told, in the letter's order; null if something is not decided. */
  #given() {
    const { recordings } = this.found;
    if (recordings.some(({ id }) => !this.#chosen.get(id))) return null;
    const told = recordings.filter(({ id }) => this.#chosen.get(id) !== LEFT_OUT);
    return told.map((row) => {
      const [answer, ground = ""] = this.#chosen.get(row.id).split(" ");
      return { row, answer, ground };
    });
  }

  async #preview() {
    const given = this.#given();
    if (given === null) return tell(gettext("Choose an answer for each recording."), "wrong");
    const typed = Object.fromEntries(new FormData(this.form));
    this.#letter.remove();
    this.#letter = letterOf(wordsIn(typed.language), this.found, given, { ...typed, silent: Boolean(typed.silent) });
    this.#print.before(this.#letter);
    this.#print.hidden = false;
    this.#letter.scrollIntoView({ block: "nearest" });
  }

  /** Writes the answer down once, and prints the letter: before, it is none. */
  async #record(button) {
    if (!this.#letter.classList.contains("draft")) return print();
    const answers = this.#given().map(({ row, answer, ground }) => ({ recording: row.id, answer, ground }));
    const isDone = await attempt(() => post(`${ADDRESS}/answer`, { number: this.number, answers }), button);
    if (!isDone) return;
    this.#letter.classList.remove("draft");
    tell(gettext("The answer is in the ledger. Print the letter before you leave this page: the name is not kept."));
    print();
  }

  #withdraw() {
    const { page, number } = this;
    askToDo(gettext("Access request {number}", { number }), gettext("The request goes without an answer. The ledger says so."), [], gettext("Withdraw the request"), () => post(`${ADDRESS}/withdraw`, { number }), gettext("The request is withdrawn."), () => page.go("access"));
  }
}

function waitingWords(words, { camera, seen_us: seen, left }) {
  if (seen === null) return gettext("{camera}: has never checked in", { camera });
  if (left > 0) return gettext("{camera}: recordings to hand over: {left} (in its dock on {when})", { camera, left, when: when(words, seen) });
  return gettext("{camera}: in its dock last on {when}", { camera, when: when(words, seen) });
}
