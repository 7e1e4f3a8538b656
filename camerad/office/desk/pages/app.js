// The page: who is signed in, where they are, and which view shows it. The place is in the address
// behind the #, so that going back works and a place can be kept.

import { beginSitting, fetched, get, post, SIGNED_OUT, WAITED, WAITS } from "./api.js";
import { attempt, closeDialogs, fill, make, newest, redraw, tell } from "./dom.js";
import { tellSignedOut, unwatchIdle, watchIdle } from "./idle.js";
import { showRecording } from "./recording.js";
import { showRecordings } from "./recordings.js";
import { finishOpenid, showLink, showSignIn, waitForAccount } from "./sign_in.js";
import { letGo } from "./viewing.js";
import { N_, gettext, language, nameOf, nextLanguage, sayFrom, sentence, switchLanguage } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  entries: N_("Ledger"),
  deletions: N_("Deletions"),
  requests: N_("Requests"),
  access: N_("Access requests"),
  trial: N_("Pilot"),
});

let main = document.getElementById("main");
const bar = document.getElementById("bar");

/** Views by the first word of the place: who may see them, what gets what is shown there, and for whom there
 * is one at all (`when`). What only others than clerks see comes when it is shown. */
const VIEWS = [
  { name: "recordings", roles: ["desk", "supervisor"], show: showRecordings },
  { name: "recording", roles: ["desk", "supervisor"], show: showRecording, hidden: true, within: "recordings" },
  { name: "incident", roles: ["desk", "supervisor"], show: fetched(() => import("./incident.js"), "showIncident"), hidden: true, within: "recordings" },
  { name: "cases", roles: ["desk", "supervisor"], show: fetched(() => import("./cases.js"), "showCases") },
  { name: "requests", roles: ["desk", "supervisor"], show: fetched(() => import("./requests.js"), "showRequests"), when: (one) => one.two_for_viewing },
  { name: "access", roles: ["data_protection", "desk", "supervisor"], show: fetched(() => import("./access/requests.js"), "showAccess") },
  { name: "cameras", roles: ["administrator", "desk", "shift_lead", "supervisor"], show: fetched(() => import("./cameras.js"), "showCameras") },
  { name: "trial", roles: ["desk", "shift_lead", "supervisor"], show: fetched(() => import("./trial.js"), "showTrial"), when: (one) => one.trial },
  { name: "deletions", roles: ["data_protection", "desk", "supervisor"], show: fetched(() => import("./entries.js"), "showDeletions") },
  { name: "entries", roles: ["data_protection", "supervisor"], show: fetched(() => import("./entries.js"), "showEntries") },
  { name: "report", roles: ["data_protection", "supervisor"], show: fetched(() => import("./report.js"), "showReport") },
  { name: "people", roles: ["administrator", "data_protection"], show: fetched(() => import("./people.js"), "showPeople") },
];
let me = null;
/** Whose place the address has, since they were signed out there; null if it is no person's. */
let was = null;
/** The place that is shown: another one begins at its top. */
let shown = null;
/** Counts pages, so that one which comes late is not drawn over the next. */
let turn = 0;

/** Shows the place that the address names. */
export async function show(why = null) {
  document.documentElement.lang = language();
  document.getElementById("skip").textContent = gettext("To the content");
  const [word, ...rest] = place();
  const mine = viewsOf(me);
  const view = mine.find((one) => one.name === word) ?? mine.find((one) => !one.hidden);
  drawBar(mine, view);
  if (word.startsWith("link=")) return open((page) => showLink(page, word.slice("link=".length)));
  if (me === null) return open((page) => showSignIn(page, why));
  if (view === undefined) return open(() => [make("h1", {}, gettext("Evidence desk")), make("p", {}, gettext("Your roles open nothing on this page yet."))]);
  return open((page) => view.show(page, view.name === word ? rest : []));
}

/** What a person may see; nothing without a person. */
function viewsOf(person) {
  if (person === null) return [];
  return VIEWS.filter((view) => view.roles.some((role) => person.roles.includes(role)) && (view.when?.(person) ?? true));
}

/** The words of the address's place; an address that is broken is that of the start. */
function place() {
  try {
    return location.hash.slice(1).split("/").map(decodeURIComponent);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return [""];
  }
}

/** Goes to a place. */
export function go(...words) {
  const there = `#${words.map(encodeURIComponent).join("/")}`;
  if (location.hash === there) show();
  else location.hash = there;
}

/** A person has signed in: at the place that the address names, unless another person left it. */
function enter(person) {
  letGo();
  beginSitting();
  if (was !== null && was !== person.id) history.replaceState(null, "", "/");
  me = person;
  watchIdle(me, leave, closeOpen);
  tell(gettext("Welcome, {name}", { name: person.name }));
  show();
}

/** Opens a page. view: comes to its parts, null for none, with `from` where a person goes on from an element
 * (or what a selector names), and not from the top. It is given no place to draw in: parts are drawn here, in
 * a separate element, and only those that were asked for last. */
async function open(view) {
  const mine = (turn += 1);
  const place = make("main", { id: "main", tabindex: -1 });
  const page = { me, go, enter, show, again, isShown: () => place.isConnected };
  let parts;
  try {
    parts = await view(page);
  } catch (error) {
    if (error.why === undefined) throw error;
    if (error.why === "not_signed_in") return;
    parts = [make("h1", {}, gettext("Evidence desk")), make("p", { class: "wrong", role: "alert" }, sentence(error))];
  }
  if (mine !== turn || parts === null) return;
  fill(place, parts);
  put(place, typeof parts.from === "string" ? place.querySelector(parts.from) : parts.from);

  /** Draws it by what is so now. */
  async function again() {
    const now = await newest(place, view(page));
    if (now !== null) redraw(place, now);
  }
}

/** Puts a page into the window; what is asked on the one before ends with that. from: where to go on from. */
function put(place, from) {
  closeDialogs();
  main.replaceWith(place);
  main = place;
  document.title = `${main.querySelector("h1").textContent} – camerad`;
  main.focus({ preventScroll: true });
  if (shown !== location.hash) scrollTo(0, 0);
  shown = location.hash;
  from?.focus();
}

/** mine: what may be seen. view: what is shown, as a part of what its link leads to. */
function drawBar(mine, view) {
  fill(
    bar,
    make("strong", {}, gettext("Evidence desk")),
    make(
      "nav",
      { "aria-label": gettext("Evidence desk") },
      mine.filter((one) => !one.hidden).map((one) =>
        make("a", { href: `#${one.name}`, "aria-current": one.name === (view?.within ?? view?.name) ? "page" : null, onclick: () => location.hash === `#${one.name}` && show() }, say(one.name)),
      ),
    ),
    make("button", { class: "quiet", lang: nextLanguage(), onclick: () => attempt(async () => { await switchLanguage(); await show(); }) }, nameOf(nextLanguage())),
    me === null ? null : make("span", { class: "who" }, me.name),
    me === null ? null : make("button", { class: "quiet", onclick: signOut }, gettext("Sign out")),
  );
}

/** The person is signed out: what is open is closed, in every view. */
async function leave(why = "refused_not_signed_in") {
  letGo();
  unwatchIdle();
  if (me === null) return;
  const said = say(why, { minutes: Math.round(me.idle_seconds / 60) });
  was = me.id;
  me = null;
  closeDialogs();
  await show(said);
}

/** The server does not answer, so it is not known whether what is open may be seen still. */
function closeOpen() {
  if (letGo()) tell(gettext("The server does not answer. What was open is closed, and the key is forgotten: without the server it is not known whether you may still see it."), "wrong");
}

async function signOut() {
  letGo();
  await attempt(async () => {
    try {
      await post("/api/sign-out");
    } catch (error) {
      if (error.why === "not_signed_in" || error.why === undefined) throw error;
      return tell(gettext("You are NOT signed out. {why} Until that works, lock this computer.", { why: sentence(error) }), "wrong");
    }
    unwatchIdle();
    tellSignedOut();
    me = was = null;
    tell(gettext("You are signed out."));
    history.replaceState(null, "", "/");
    await show();
  });
}

/** What the city's provider sent along, if it led here; its code is out of the address before anything else happens. */
function takeReturn() {
  if (location.pathname !== "/openid") return null;
  const said = location.search;
  history.replaceState(null, "", "/");
  return said;
}

const returned = takeReturn();
/** Whether it is not known who is signed in: a page to sign in on would say that no person is. */
let unknown = false;
addEventListener("hashchange", () => show());
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  (main.querySelector(".wide") ?? main).focus();
});
document.addEventListener(SIGNED_OUT, () => leave());
const busy = document.getElementById("busy");
document.addEventListener(WAITS, () => fill(busy, make("progress", { "aria-label": gettext("Loading") })));
document.addEventListener(WAITED, () => fill(busy));
try {
  me = await get("/api/me");
  if (me !== null) watchIdle(me, leave, closeOpen);
} catch (error) {
  unknown = true;
  document.documentElement.lang = language();
  fill(main, make("h1", {}, gettext("Evidence desk")), make("p", { role: "alert" }, gettext("It is not known now whether you are signed in. {why} Then load the page again.", { why: sentence(error) })));
}
if (!unknown && returned === null) await show();
else if (!unknown) {
  document.documentElement.lang = language();
  drawBar([]);
  fill(main, waitForAccount());
  try {
    await finishOpenid(enter, returned);
  } catch (error) {
    if (error.why === undefined) throw error;
    await show();
    tell(sentence(error), "wrong");
  }
}
