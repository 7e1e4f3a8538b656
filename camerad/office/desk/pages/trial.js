// A pilot: what was drawn for today's shifts, what happened in a shift, and what came of it later.

import { get, post } from "./api.js";
import { dayField, isoOf, spelledDay } from "./dates.js";
import { askToDo, attempt, field, make, tell } from "./dom.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  drawn_self_view_true: N_("With self-view"),
  drawn_self_view_false: N_("Without self-view"),
  drawn_camera_true: N_("With camera"),
  drawn_camera_false: N_("Without camera"),
  do_self_view_true: N_("Hand out cameras that show their picture."),
  do_self_view_false: N_("Hand out cameras whose settings have no display."),
  do_camera_true: N_("Hand out cameras."),
  do_camera_false: N_("Hand out no camera."),
  count_occasions: N_("situations for a camera"),
  count_announced: N_("of these announced"),
  count_calmed_by_sight: N_("calmed down at the sight of the camera"),
  count_calmed_by_self_view: N_("calmed down at the self-view"),
  count_calmed_by_recording: N_("calmed down at the recording"),
  count_insults: N_("insults and threats"),
  count_assaults: N_("assaults"),
  count_injuries: N_("staff injured"),
  count_force: N_("uses of force"),
  count_complaints: N_("complaints"),
  count_false_activations: N_("false activations"),
  reason_not_held: N_("shift not held"),
  reason_no_camera: N_("no camera was ready"),
  reason_failed: N_("camera failed"),
  reason_swapped: N_("cameras were swapped"),
  reason_declined: N_("staff declined"),
  reason_ordered: N_("ordered otherwise"),
  reason_mistake: N_("by mistake"),
  outcome_open: N_("still open"),
  outcome_conviction: N_("conviction"),
  outcome_penalty: N_("penal order or fine"),
  outcome_discontinued: N_("discontinued"),
  outcome_acquittal: N_("acquittal"),
  outcome_complaint_upheld: N_("complaint upheld"),
  survey_staff_before: N_("Staff, before"),
  survey_staff_after: N_("Staff, after"),
  survey_public_before: N_("Public, before"),
  survey_public_after: N_("Public, after"),
  answer_agree: N_("agree"),
  answer_rather_agree: N_("rather agree"),
  answer_undecided: N_("undecided"),
  answer_rather_disagree: N_("rather disagree"),
  answer_disagree: N_("disagree"),
});

const CALMED = ["calmed_by_sight", "calmed_by_self_view", "calmed_by_recording"];
const COUNTS = ["occasions", "announced", ...CALMED, "insults", "assaults", "injuries", "force", "complaints", "false_activations"];
const REASONS = ["no_camera", "failed", "swapped", "declined", "ordered", "mistake", "not_held"];
const OUTCOMES = ["open", "conviction", "penalty", "discontinued", "acquittal", "complaint_upheld"];
const SURVEYS = ["staff/before", "staff/after", "public/before", "public/after"];
const ANSWERS = ["agree", "rather_agree", "undecided", "rather_disagree", "disagree"];
const MOST = 99;
const MOST_PEOPLE = 100000;

/** The pilot that goes on, or the form of one of its shifts. */
export async function showTrial(page, [what, name] = []) {
  const trial = await get("/api/trial");
  if (trial === null) return [make("h1", {}, gettext("Pilot")), make("p", {}, gettext("No pilot goes on."))];
  const one = trial.shifts?.find((other) => idOf(other.shift) === name);
  if (what === "form" && one !== undefined) return drawForm(one, trial, page);
  return [
    make("h1", {}, gettext("Pilot {name}", trial)),
    trial.shifts === null ? null : drawShifts(trial, page),
    trial.proceedings === null ? null : [drawProceedings(trial, page), drawSurveys(trial, page)],
  ];
}

/** What was drawn for today, to be seen where cameras are handed out; null where no pilot goes on. */
export async function drawToday() {
  const trial = await get("/api/trial");
  if (trial === null) return null;
  return make(
    "section",
    { class: "card" },
    make("h2", {}, make("a", { href: "#trial" }, gettext("Pilot: drawn for today"))),
    todays(trial).map((one) => make("p", {}, `${shiftWords(one.shift, trial)}: `, make("strong", {}, drawnWords(one, trial)))),
    noneToday(trial),
  );
}

function todays(trial) {
  return trial.shifts.filter((one) => one.shift[0] === trial.today).reverse();
}

function noneToday(trial) {
  if (todays(trial).length > 0) return null;
  return make("p", {}, trial.today < trial.first ? gettext("It begins on {day}.", { day: spelledDay(trial.first) }) : gettext("No shift is drawn for today."));
}

/** The name of a shift everywhere. */
function idOf([day, service, team]) {
  return `${day}/${service}/${team}`;
}

/** A shift of today, or of another day, for people. */
function shiftWords([day, service, team], trial) {
  const words = trial.teams > 1 ? gettext("{service}, team {number}", { service, number: team }) : service;
  return day === trial.today ? words : `${spelledDay(day)}, ${words}`;
}

function drawnWords(one, trial) {
  return say(`drawn_${trial.compares}_${one.having}`);
}

function drawShifts(trial, page) {
  const before = trial.shifts.filter((one) => one.shift[0] !== trial.today);
  const list = (shifts) => make("ul", { class: "people" }, shifts.map((one) => drawShift(one, trial, page)));
  return [
    make("h2", {}, gettext("Drawn for today")),
    noneToday(trial),
    list(todays(trial)),
    before.length === 0 ? null : [make("h2", {}, gettext("The days before")), make("p", { class: "hint" }, gettext("Forms and deviations are taken for a week.")), list(before)],
  ];
}

function drawShift(one, trial, { again }) {
  const isToday = one.shift[0] === trial.today;
  return make(
    "li",
    { class: "card" },
    make("h3", {}, shiftWords(one.shift, trial)),
    make("p", { class: "drawn" }, drawnWords(one, trial)),
    isToday ? make("p", {}, say(`do_${trial.compares}_${one.having}`)) : null,
    make(
      "p",
      {},
      one.form === null ? make("span", { class: isToday ? "tag away" : "tag gap" }, gettext("no form yet")) : make("span", { class: "tag good" }, gettext("form is there")),
      one.deviation === null ? null : make("span", { class: "tag gap" }, gettext("not as drawn: {reason}", { reason: say(`reason_${one.deviation}`) })),
    ),
    make(
      "div",
      { class: "buttons" },
      make("a", { class: one.form === null ? "button main" : "button", href: `#trial/form/${encodeURIComponent(idOf(one.shift))}`, "aria-label": `${formWords(one)}: ${shiftWords(one.shift, trial)}` }, formWords(one)),
      make("button", { onclick: () => deviate(one, trial, again), "aria-label": `${gettext("Deviation")}: ${shiftWords(one.shift, trial)}` }, gettext("Deviation")),
    ),
  );
}

function formWords(one) {
  return one.form === null ? gettext("Fill in the form") : gettext("Correct the form");
}

async function deviate(one, trial, again) {
  const reasons = REASONS.map((reason) => make("option", { value: reason, selected: reason === one.deviation }, say(`reason_${reason}`)));
  const fields = [field(gettext("Reason"), make("select", { name: "reason", required: true }, make("option", { value: "" }, gettext("Choose")), reasons))];
  const text = gettext("The shift counts as drawn all the same. The report says how many were not as drawn, and why.");
  const work = ({ reason }) => post("/api/trial/deviation", { name: idOf(one.shift), fields: { reason } });
  await askToDo(`${gettext("Deviation")}: ${shiftWords(one.shift, trial)}`, text, fields, gettext("Note down"), work, gettext("The deviation is noted."), again);
}

/** The form of a shift, for a thumb. */
function drawForm(one, trial, { go }) {
  const inputs = {};
  /** Situations are at least as many as were announced, or calmed down. */
  const even = () => {
    const [announced, ...calmed] = ["announced", ...CALMED].map((what) => Number(inputs[what].value));
    const least = Math.max(announced, calmed.reduce((sum, number) => sum + number, 0));
    if (Number(inputs.occasions.value) < least) inputs.occasions.value = least;
  };
  const button = make("button", { class: "main large" }, gettext("Save"));
  const save = (event) => {
    event.preventDefault();
    even();
    const fields = Object.fromEntries(COUNTS.map((what) => [what, Number(inputs[what].value)]));
    attempt(async () => {
      await post("/api/trial/form", { name: idOf(one.shift), fields });
      tell(gettext("The form is saved."));
      go("trial");
    }, button);
  };
  return [
    make("h1", {}, gettext("Form: {shift}", { shift: shiftWords(one.shift, trial) })),
    make("p", { class: "hint" }, one.form === null ? gettext("How often, in this shift. No names. If nothing happened, save it as it is.") : gettext("This takes the place of what was noted. The ledger keeps that it was changed.")),
    make("form", { class: "counts", onsubmit: save }, COUNTS.map((what) => counter(what, one.form?.[what] ?? 0)), make("div", { class: "save" }, button)),
  ];

  function counter(what, value) {
    const input = make("input", { name: what, type: "number", min: 0, max: MOST, step: 1, required: true, inputmode: "numeric", value, onchange: even, onfocus: () => input.select() });
    inputs[what] = input;
    const step = (by) => () => {
      input.value = Math.min(MOST, Math.max(0, Number(input.value) + by));
      even();
    };
    const less = make("button", { type: "button", "aria-label": gettext("One less: {what}", { what: say(`count_${what}`) }), onclick: step(-1) }, "−");
    const more = make("button", { type: "button", "aria-label": gettext("One more: {what}", { what: say(`count_${what}`) }), onclick: step(1) }, "+");
    return field(say(`count_${what}`), Object.assign(make("span", { class: "steps" }, less, input, more), { control: input }));
  }
}

function drawProceedings(trial, { again }) {
  const rows = Object.entries(trial.proceedings).map(([number, { shift, outcome }]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, number),
      make("td", {}, shiftWords(partsOf(shift), { ...trial, today: null })),
      make("td", {}, say(`outcome_${outcome}`)),
      make("td", {}, make("button", { "aria-label": gettext("Change: {what}", { what: number }), onclick: () => noteProceedings(number, { shift, outcome }, trial, again) }, gettext("Change"))),
    ),
  );
  const heads = [gettext("File number"), gettext("Shift"), gettext("Outcome"), gettext("Action")];
  return [
    make("h2", {}, gettext("Proceedings")),
    make("p", { class: "hint" }, gettext("Those that began in a shift, by file number and without names. What was drawn for it is not shown here: the person who notes an outcome must not know it.")),
    make("div", { class: "buttons" }, make("button", { onclick: () => noteProceedings("", {}, trial, again) }, gettext("Note proceedings"))),
    rows.length === 0 ? null : make("div", { class: "wide", role: "region", "aria-label": gettext("Proceedings"), tabindex: 0 }, make("table", {}, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows))),
  ];
}

/** The day, the service and the team of a shift's name. */
function partsOf(id) {
  const [day, service, team] = id.split("/");
  return [day, service, Number(team)];
}

async function noteProceedings(number, { shift = "", outcome = "open" }, trial, again) {
  const [began, service, team] = partsOf(shift || `${trial.today}//1`);
  const options = (all, chosen, words) => all.map((one) => make("option", { value: one, selected: one === chosen }, words(one)));
  const teams = Array.from({ length: trial.teams }, (_, at) => at + 1);
  const fields = [
    field(gettext("File number"), make("input", { name: "number", required: true, maxlength: 60, autocomplete: "off", value: number, readonly: number !== "" })),
    field(gettext("Day of the shift"), dayField("day", { required: true, value: began })),
    field(gettext("Service"), make("select", { name: "service" }, options(trial.services, service, String))),
    trial.teams > 1 ? field(gettext("Team"), make("select", { name: "team" }, options(teams, team, String))) : null,
    field(gettext("Outcome"), make("select", { name: "outcome" }, options(OUTCOMES, outcome, (one) => say(`outcome_${one}`)))),
  ];
  const work = async (typed) => {
    const day = isoOf(typed.day);
    if (!day) return gettext("There is no such date. For example: 28/11/2026");
    const began = idOf([day, typed.service, typed.team ?? 1]);
    return post("/api/trial/proceeding", { name: typed.number, fields: { shift: began, outcome: typed.outcome } });
  };
  await askToDo(gettext("Proceedings"), null, fields.filter((one) => one !== null), gettext("Note down"), work, gettext("The proceedings are noted."), again);
}

function drawSurveys(trial, { again }) {
  return [
    make("h2", {}, gettext("Surveys")),
    make("p", { class: "hint" }, gettext("The question was: do cameras make encounters better?")),
    make("ul", { class: "people" }, SURVEYS.map((name) => drawSurvey(name, trial.surveys[name] ?? null, again))),
  ];
}

function surveyWords(name) {
  return say(`survey_${name.replace("/", "_")}`);
}

function drawSurvey(name, survey, again) {
  const words = survey === null ? gettext("Type in the answers") : gettext("Change");
  return make(
    "li",
    { class: "card" },
    make("h3", {}, surveyWords(name)),
    make("p", {}, survey === null ? gettext("not noted yet") : gettext("Answers: {count}", { count: ANSWERS.reduce((sum, one) => sum + survey[one], 0) })),
    make("div", { class: "buttons" }, make("button", { "aria-label": `${words}: ${surveyWords(name)}`, onclick: () => noteSurvey(name, survey, again) }, words)),
  );
}

async function noteSurvey(name, survey, again) {
  const fields = ANSWERS.map((one) => field(say(`answer_${one}`), make("input", { name: one, type: "number", min: 0, max: MOST_PEOPLE, step: 1, required: true, inputmode: "numeric", value: survey?.[one] ?? 0 })));
  const work = (typed) => post("/api/trial/survey", { name, fields: Object.fromEntries(ANSWERS.map((one) => [one, Number(typed[one])])) });
  await askToDo(surveyWords(name), gettext("How many people gave which answer."), fields, gettext("Note down"), work, gettext("The survey is noted."), again);
}
