// The report: choose a period, type in what no camera counts, look at it, print it, take it along.

import { post, textOf } from "./api.js";
import { dayField, isoOf } from "./dates.js";
import { attempt, field, fill, make, tell } from "./dom.js";
import { LANGUAGES, N_, gettext, language, nameOf, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  report_side_with_camera: N_("On duty with a camera"),
  report_side_without_camera: N_("On duty without a camera"),
  report_side_last_year: N_("The same months of the year before"),
  report_counted_hours: N_("Hours of duty"),
  report_counted_announced: N_("Announced recordings"),
  report_counted_persons: N_("Persons met in conflict"),
  report_counted_assaults: N_("Assaults on staff"),
  report_counted_insults: N_("Insults and threats"),
  report_counted_injuries: N_("Staff injured"),
});

const COUNTED = ["hours", "announced", "persons", "assaults", "insults", "injuries"];
const SIDES = ["with_camera", "without_camera", "last_year"];
const MOST = 10000000;

/** The form, and below it what was made by it. */
export function showReport() {
  const made = make("section", { "aria-live": "polite" });
  const button = make("button", { class: "main" }, gettext("Make the report"));
  const form = make(
    "form",
    { class: "report", onsubmit: (event) => { event.preventDefault(); makeOne(form, button, made); } },
    make(
      "div",
      { class: "filters" },
      field(gettext("First day"), dayField("first", { required: true, value: spelled(-1, 1) })),
      field(gettext("Last day"), dayField("last", { required: true, value: spelled(0, 0) })),
      field(gettext("Language of the report"), make("select", { name: "language" }, LANGUAGES.map((one) => make("option", { value: one, selected: one === language() }, nameOf(one, language()))))),
    ),
    make("p", { class: "hint" }, gettext("The last day has to be over for a day. The same period gives the same report.")),
    make("details", {}, make("summary", {}, gettext("Figures counted by hand")), typed()),
    make("details", {}, make("summary", {}, gettext("Compare with an earlier report")), earlier()),
    make("div", { class: "buttons" }, button),
  );
  return [make("h1", {}, gettext("Report")), make("p", {}, gettext("The use of the cameras, in figures that name no person. The server signs it.")), form, made];
}

/** A day of a month that is `months` away from this one, as a field of dates has it; 0 is the last before. */
function spelled(months, day) {
  const today = new Date();
  const found = new Date(Date.UTC(today.getFullYear(), today.getMonth() + months, day));
  return found.toISOString().slice(0, 10);
}

function number(name) {
  return make("input", { name, type: "number", min: 0, max: MOST, step: 1, inputmode: "numeric" });
}

function typed() {
  return [
    make("p", { class: "hint" }, gettext("All numbers are of the whole period. Leave out what was not counted. No names, and nothing about one person.")),
    make("div", { class: "filters" }, field(gettext("People who wore cameras"), number("wearers"), gettext("With fewer than 5 nothing is shown of what people did."))),
    SIDES.map((side) =>
      make(
        "fieldset",
        {},
        make("legend", {}, say(`report_side_${side}`)),
        make("div", { class: "filters" }, COUNTED.map((what) => field(say(`report_counted_${what}`), number(`${side}.${what}`)))),
      ),
    ),
    field(gettext("Occasions"), make("textarea", { name: "occasions", rows: 4 }), gettext("One a line, and how often a camera was used there. Such as: Parking: 40")),
    field(gettext("Surveys"), make("textarea", { name: "surveys", rows: 3 }), gettext("One result a line.")),
  ];
}

function earlier() {
  return [
    make("p", { class: "hint" }, gettext("Its table (.csv) and its signature (.jws), as they were saved.")),
    make(
      "div",
      { class: "filters" },
      field(gettext("Table"), make("input", { name: "table", type: "file", accept: ".csv" })),
      field(gettext("Signature"), make("input", { name: "signature", type: "file", accept: ".jws" })),
    ),
  ];
}

/** What was typed in, as the server reads it; null if a line of occasions has no number. */
function typedIn(said) {
  const lines = (name) => said.get(name).split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const counts = (names, prefix = "") =>
    Object.fromEntries(names.filter((name) => said.get(prefix + name) !== "").map((name) => [name, Number(said.get(prefix + name))]));
  const form = counts(["wearers"]);
  for (const side of SIDES) {
    const found = counts(COUNTED, `${side}.`);
    if (Object.keys(found).length > 0) form[side] = found;
  }
  const occasions = lines("occasions").map((line) => /^(.+?)\s*:\s*(\d+)$/.exec(line));
  if (occasions.includes(null)) return null;
  if (occasions.length > 0) form.occasions = Object.fromEntries(occasions.map((one) => [one[1], Number(one[2])]));
  if (lines("surveys").length > 0) form.surveys = lines("surveys");
  return form;
}

/** The earlier report that was chosen; null if there is none. */
async function chosen(said) {
  const [table, signature] = [said.get("table"), said.get("signature")];
  if (table.size === 0 && signature.size === 0) return null;
  return { name: table.name, table: await textOf(table), signature: await textOf(signature) };
}

async function makeOne(form, button, made) {
  const said = new FormData(form);
  const typedForm = typedIn(said);
  if (typedForm === null) {
    tell(gettext("Each line of the occasions needs a colon and a number. Such as: Parking: 40"), "wrong");
    return;
  }
  const [first, last] = ["first", "last"].map((name) => isoOf(said.get(name)));
  if (!first || !last) {
    tell(gettext("There is no such date. For example: 28/11/2026"), "wrong");
    form.elements[first ? "last" : "first"].focus();
    return;
  }
  fill(made, make("p", { role: "status" }, gettext("It is being made. A year may take some seconds.")));
  const done = await attempt(async () => {
    const asked = { first, last, language: said.get("language") };
    const found = await post("/api/report", { ...asked, form: typedForm, earlier: await chosen(said) });
    fill(made, draw(found));
    button.classList.remove("main");
    tell(gettext("The report is there"));
    // A person who types on meanwhile keeps the focus there.
    if (!form.contains(document.activeElement) || document.activeElement === button) made.querySelector("a").focus();
  }, button);
  if (!done) fill(made);
}

function draw({ report, files }) {
  const address = (name) => `/api/report/${encodeURIComponent(report)}/${encodeURIComponent(name)}`;
  return [
    make("h2", {}, gettext("The report is there")),
    make("p", {}, make("a", { class: "button main", href: address(files[0]), target: "_blank", rel: "noopener" }, gettext("Open it in a new tab"))),
    make("p", { class: "hint" }, gettext("Print it there by the browser (Ctrl+P), also as PDF.")),
    make("h3", {}, gettext("Save")),
    make("ul", {}, files.map((name) => make("li", {}, make("a", { href: `${address(name)}?save`, download: name }, name)))),
    make("p", { class: "hint" }, gettext("Keep the files together. Whether one was changed since, this finds on the server:")),
    make("pre", { tabindex: 0 }, `camerad office report --check ${files[0]}`),
  ];
}
