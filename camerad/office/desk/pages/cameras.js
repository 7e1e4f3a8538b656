// Cameras: which can be handed out, what keeps the others, and what can be done about it.

import { coming, get, post } from "./api.js";
import { askToDo, attempt, field, fill, make, whenWidthChanges } from "./dom.js";
import { age, moment } from "./format.js";
import { NC_, N_, gettext, language, ngettext, pgettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  camera_needs: N_("not ready"),
  camera_ready: N_("ready"),
  camera_away: N_("not in its dock"),
  camera_withdrawn: NC_("of a camera", "withdrawn"),
  in_dock: N_("Dock"),
  battery: N_("Battery"),
  left: N_("Still on the camera"),
  version: N_("Version"),
  action: N_("Action"),
  settings_by_hand: N_("set by hand"),
  settings_waiting: N_("Others count from its next start on"),
  doctor: N_("Last check"),
  last_shift: N_("Last shift"),
  why_never_seen: N_("It has never been in its dock."),
  why_no_press: N_("A press would not record. Run the check."),
  why_percent: N_("The battery has {count} %. Leave it in the dock."),
  why_storage_low: N_("The card is nearly full. Leave it in the dock."),
  why_storage_full: N_("The card is full. Leave it in the dock."),
  why_storage_failed: N_("The card loses what is written. To the workshop."),
  why_storage_stalled: N_("The card does not answer. To the workshop."),
  why_storage_read_only: N_("The card can only be read. To the workshop."),
  why_ledger_failed: N_("Its ledger or key cannot be used. To the workshop."),
  why_no_recipients: N_("No person is named who could open its recordings. Offer it settings."),
  why_unprovisioned: N_("It is not set up."),
  why_provision_refused: N_("It refused the file on its card."),
  why_office_disputed: N_("It disputes this office's ledger. Tell the data protection officer."),
  why_battery_low: N_("The battery is low. Leave it in the dock."),
  why_battery_critical: N_("The battery is empty. Leave it in the dock."),
  why_battery_unknown: N_("The battery's gauge fails. To the workshop."),
  why_hot: N_("It is too hot. Let it cool down."),
  why_clock_untrusted: N_("Its clock is not confirmed. Leave it in the dock for a minute."),
  why_camera_down: N_("The camera module fails. To the workshop."),
  why_camera_covered: N_("The picture was black in a recording. Look whether the lens is free."),
  why_display_down: N_("The display fails. To the workshop."),
  why_light_down: N_("A light fails. To the workshop."),
  why_microphone_down: N_("The microphone fails. To the workshop."),
});

const WIDE = matchMedia("(min-width: 70rem)");
const TAGS = { needs: "missing", ready: "good", away: "away", withdrawn: "missing" };
const WHYS = ["lost", "stolen", "broken", "other"];
const KNOWN = [
  "storage_low", "storage_full", "storage_failed", "storage_stalled", "storage_read_only", "ledger_failed", "no_recipients",
  "unprovisioned", "provision_refused", "office_disputed", "battery_low", "battery_critical", "battery_unknown", "hot", "clock_untrusted", "camera_down",
  "camera_covered", "display_down", "light_down", "microphone_down", "never_seen", "silent", "no_press", "percent", "left",
];
/** What is otherwise as soon as a camera is elsewhere. */
const PASSING = ["left", "percent", "battery_low", "battery_critical", "storage_low", "storage_full"];

/** All cameras, those that need attention first; or the place to print badges. */
export async function showCameras({ me, again }, [where] = []) {
  const handsOut = ["shift_lead", "administrator"].some((role) => me.roles.includes(role));
  if (where === "badges" && handsOut) return (await coming(import("./badges.js"))).showBadges();
  const manages = me.roles.includes("administrator");
  const list = await get("/api/cameras");
  const seesDraw = me.trial && me.roles.includes("shift_lead");
  const drawn = seesDraw ? await (await coming(import("./trial.js"))).drawToday() : null;
  const body = make("div");
  const offers = manages ? await coming(import("./camera_offers.js")) : null;
  const may = { handsOut, manages, offers, again, now: list.now_us, wearers: list.wearers };
  const drawRows = () => fill(body, draw(list.rows, may));
  drawRows();
  whenWidthChanges(WIDE, body, drawRows);
  return [
    make("h1", {}, gettext("Cameras")),
    drawn,
    make("p", {}, gettext("{ready} of {all} can be handed out.", { ready: list.rows.filter((one) => one.state === "ready").length, all: list.rows.length })),
    make("p", { class: "hint" }, gettext("As each camera said in its dock, every quarter of an hour. What it does elsewhere is not known here.")),
    buttons(list.rows, may),
    body,
    (await coming(import("./vouching.js"))).drawVouching(list),
    offers?.drawOffers(list.rows, again),
  ];
}

function buttons(rows, { handsOut, offers, again }) {
  if (!handsOut) return null;
  return make(
    "div",
    { class: "buttons" },
    make("button", { onclick: () => attempt(again) }, gettext("Look again")),
    make("a", { class: "button", href: `/sheets/labels?language=${language()}`, target: "_blank", rel: "noopener" }, gettext("Print labels")),
    make("a", { class: "button", href: "#cameras/badges" }, gettext("Print badges")),
    offers ? make("button", { onclick: () => offers.askForSettings(again) }, gettext("Offer settings")) : null,
    offers && rows.length > 0 ? make("button", { onclick: () => offers.askForUpdate(rows, again) }, gettext("Offer an update")) : null,
  );
}

function draw(rows, may) {
  if (rows.length === 0) return make("p", {}, gettext("No camera is in the register. The server's operator puts it there."));
  return WIDE.matches ? drawTable(rows, may) : make("ul", { class: "people" }, rows.map((one) => drawCard(one, may)));
}

/** What is said of each camera: a heading, and its words. */
function columns(one, may) {
  const known = one.seen_us !== null;
  return [
    ["in_dock", [dockWords(one, may.now), witnessWords(one, may.now)]],
    ["battery", !known ? gettext("not known yet") : one.battery === null ? gettext("It has no gauge") : `${one.battery} %`],
    ["left", known ? String(one.left) : gettext("not known yet")],
    ["version", [make("span", {}, one.version ?? gettext("not known yet")), updateWords(one)]],
    ["settings", [make("span", {}, one.serial === null ? gettext("not known yet") : gettext("Number {number}", { number: one.serial })), settingsWords(one)]],
    ["doctor", doctorWords(one, known)],
    may.wearers ? ["last_shift", shiftWords(one.course)] : null,
  ].filter((part) => part !== null);
}

function drawTable(rows, may) {
  const heads = ["camera", ...columns(rows[0], may).map(([key]) => key), ...(may.handsOut ? ["action"] : [])];
  return make(
    "div",
    { class: "wide", role: "region", "aria-label": gettext("Cameras"), tabindex: 0 },
    make(
      "table",
      { class: "cameras" },
      make("thead", {}, make("tr", {}, heads.map((key) => make("th", { scope: "col" }, say(key))))),
      make("tbody", {}, rows.map((one) => make("tr", {}, make("th", { scope: "row" }, title(one, "strong"), reasons(one, may.now)), columns(one, may).map(([, words]) => make("td", {}, words)), may.handsOut ? make("td", {}, actions(one, may)) : null))),
    ),
  );
}

function drawCard(one, may) {
  return make(
    "li",
    { class: "card" },
    title(one, "h2"),
    reasons(one, may.now),
    one.seen_us === null ? null : make("dl", {}, columns(one, may).map(([key, words]) => [make("dt", {}, say(key)), make("dd", {}, words)])),
    actions(one, may),
  );
}

function title(one, tag) {
  return make(tag, {}, one.name, " ", make("span", { class: `tag ${TAGS[one.state]}` }, say(`camera_${one.state}`)));
}

/** Why it cannot be handed out, in the page's language; the server's own words where it has none. */
function reasons(one, now) {
  if (one.state === "withdrawn") {
    const { at_us: at, who, why, reason } = one.withdrawn;
    return make("ul", { class: "why" }, make("li", {}, gettext("{why}: {reason} ({who}, {when})", { why: say(`withdrawn_${why}`), reason, who, when: moment(at) })));
  }
  const words = one.why_not.filter((why) => one.state !== "away" || !PASSING.includes(why.code)).map((why) => make("li", {}, reasonWords(why)));
  if (one.state === "away") words.unshift(make("li", {}, gettext("Heard of {age}: it is out, or its dock has no network.", { age: age(one.seen_us, now) })));
  if (one.update === "waiting") words.push(make("li", {}, gettext("An update has its trial before it. Leave it in the dock.")));
  else if (one.update === "offered" && one.state !== "away") words.push(make("li", {}, gettext("Version {version} is on offer. It fetches it when all is handed over.", { version: one.offered_update.version })));
  if (one.settings === "waiting") words.push(make("li", {}, gettext("It has new settings. Switch it off and on before you hand it out.")));
  else if (one.settings === "offered" && one.state !== "away") words.push(make("li", {}, gettext("Settings are on offer. It fetches them within a quarter of an hour.")));
  return words.length === 0 ? null : make("ul", { class: "why" }, words);
}

function reasonWords(why) {
  if (why.code === "silent") return ngettext("Not in its dock for {number} day. Look for it.", "Not in its dock for {number} days. Look for it.", why.number);
  if (why.code === "left") return ngettext("{number} recording still on the camera. Leave it in the dock.", "{number} recordings still on the camera. Leave it in the dock.", why.number);
  if (KNOWN.includes(why.code)) return say(`why_${why.code}`, { count: why.number });
  if (why.code === "doctor") return [gettext("The last check found a fault:"), " ", make("code", {}, why.detail)];
  if (why.code === "settings_refused") return [gettext("It refused its settings:"), " ", said(why.detail)];
  return said(why.text);
}

/** Words of the camera's or the server's, which are English. */
function said(text) {
  return make("q", { lang: "en" }, text);
}

function dockWords(one, now) {
  if (one.seen_us === null) return gettext("not known yet");
  const seen = make("small", {}, gettext("Heard of {age} ({when})", { age: age(one.seen_us, now), when: moment(one.seen_us) }));
  if (one.state === "away" || one.state === "withdrawn" || one.why_not.some((why) => why.code === "silent")) return [make("span", {}, gettext("Not in its dock")), seen];
  const since = one.course.docked && one.course.docked_us !== null ? gettext("In its dock since {when}", { when: moment(one.course.docked_us) }) : gettext("In its dock");
  return [make("span", {}, since), seen];
}

function updateWords(one) {
  if (one.offered_update === null) return null;
  const words = make("small", {}, say(`update_${one.update}`, { version: one.offered_update.version }));
  return one.update_text ? [words, make("small", {}, said(one.update_text))] : words;
}

function settingsWords(one) {
  if (["current", "unknown"].includes(one.settings) && one.offered_settings === null) return null;
  const number = one.offered_settings?.serial ?? "?";
  return make("small", {}, say(one.offered_settings === null ? `settings_${one.settings}` : `settings_offer_${one.settings}`, { number }));
}

function witnessWords(one, now) {
  if (one.witnessed_us === null) return null;
  return make("small", {}, gettext("Witnessed the office's ledger {age}", { age: age(one.witnessed_us, now) }));
}

function doctorWords(one, known) {
  if (one.doctor === null) return gettext(known ? N_("Not since its start") : N_("not known yet"));
  const { at, clock, failed, warned, not_tested: left } = one.doctor;
  const when = Date.parse(at);
  return [
    make("span", {}, failed.length > 0 ? gettext("faults: {count}", { count: failed.length }) : gettext(warned.length > 0 ? N_("remarks: {count}") : N_("All is well"), { count: warned.length })),
    [...failed, ...warned].map((name) => make("code", {}, name)),
    left > 0 ? make("small", {}, gettext("{count} not tried", { count: left })) : null,
    make("small", {}, Number.isNaN(when) ? said(at) : moment(when * 1000, clock)),
  ];
}

function shiftWords({ shift, as_of_us: asOf }) {
  if (shift === null) return gettext("not known yet");
  const words = shift.ended ? gettext("{began} to {ended}", { began: moment(shift.began_us), ended: moment(shift.ended_us) }) : gettext("since {began}", { began: moment(shift.began_us) });
  return [make("span", {}, shift.wearer), make("small", {}, words), make("small", {}, gettext("As of {when}", { when: moment(asOf) }))];
}

function actions(one, { handsOut, manages, again }) {
  if (one.state === "withdrawn") return manages ? make("button", { onclick: () => takeBack(one, again), "aria-label": `${gettext("Take back")}: ${one.name}` }, gettext("Take back")) : null;
  return handsOut ? make("button", { onclick: () => withdraw(one, again), "aria-label": `${pgettext("of a camera", "Withdraw")}: ${one.name}` }, pgettext("of a camera", "Withdraw")) : null;
}

function reasonField() {
  return field(gettext("Explanation"), make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off" }), gettext("One line, without names. It stays in the ledger."));
}

async function withdraw(one, again) {
  const choices = make("select", { name: "why", required: true }, make("option", { value: "" }, gettext("Choose")), WHYS.map((why) => make("option", { value: why }, say(`withdrawn_${why}`))));
  const work = ({ why, reason }) => post("/api/cameras/withdraw", { kid: one.kid, why, reason });
  await askToDo(gettext("Withdraw {name}?", one), gettext("From then on the office takes nothing of this camera: no recording, no check-in. What is here already stays. The camera itself goes on recording; when it is back, an administrator takes it back and it hands over what it has. The ledger keeps who did this and why."), [field(gettext("Occasion"), choices), reasonField()], pgettext("of a camera", "Withdraw"), work, gettext("{name} is withdrawn.", one), again);
}

async function takeBack(one, again) {
  const work = ({ reason }) => post("/api/cameras/return", { kid: one.kid, reason });
  await askToDo(gettext("Take {name} back?", one), gettext("From then on the office takes its recordings again, the ones from meanwhile included. If it was out of hand, have it checked first: another person may have its key."), [reasonField()], gettext("Take back"), work, gettext("{name} counts again.", one), again);
}
