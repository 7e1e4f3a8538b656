// Cases: what belongs to a file of the office's, and what left it.

import { get, post } from "./api.js";
import { ask, askToDo, attempt, field, make, newest, redraw, tell } from "./dom.js";
import { day, moment, recently } from "./format.js";
import { holdsIn } from "./holds.js";
import { tags } from "./tags.js";
import { headed, linked, rowsOf, smallId, titleOf } from "./titles.js";
import { say, sentence } from "./words.js";

/** What no case has for a number: it has to be chosen. */
const UNCHOSEN = " ";
/** The part of a case's page where it is handed over, in addresses. */
const HAND_OVER = "hand-over";

function caseAddress(number) {
  return `#cases/${encodeURIComponent(number)}`;
}

/** All cases, or the one with a number. where: the part of it to go on from; comes to what to go on
 * from there. */
export async function showCases(page, [number, where = ""]) {
  const got = await newest(page.main, gathered(number));
  if (got === null) return null;
  const { cases, unreadable, one } = got;
  if (one !== undefined) {
    drawCase(page, got);
    return where === HAND_OVER ? page.main.querySelector(".hand-over :is(button.main, button)") : null;
  }
  redraw(
    page.main,
    make("h1", {}, say("cases")),
    number === undefined ? null : make("p", { class: "wrong" }, say("no_case_here", { number })),
    unreadable.count === 0 ? null : make("p", { class: "wrong" }, say("cases_unreadable", unreadable)),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => open(page, cases) }, say("open_case"))),
    cases.length === 0 ? make("p", {}, say("no_cases")) : null,
    make(
      "ul",
      { class: "people" },
      cases.map((found) =>
        make(
          "li",
          { class: "card" },
          make("h2", {}, make("a", { href: caseAddress(found.number) }, found.number)),
          make("p", {}, say("case_has", { count: found.recordings.length }), " ", caseTags(found)),
        ),
      ),
    ),
  );
  return null;
}

/** All cases, and what is shown of the one with a number. */
async function gathered(number) {
  const [cases, unreadable] = await Promise.all([get("/api/cases"), get("/api/cases/unreadable")]);
  const one = cases.find((found) => found.number === number);
  if (one === undefined) return { cases, unreadable, one };
  const ids = [...one.recordings.map(({ id }) => id), ...one.handed_over.flatMap(({ recordings }) => recordings)];
  // What hands over comes with the words that only it says.
  const [rows, { handing }] = await Promise.all([rowsOf([...new Set(ids)]), import("./package/hand_over.js")]);
  return { cases, unreadable, one, rows, handing };
}

function caseTags(one) {
  const tags = [];
  if (one.handed_over.length > 0) tags.push(make("span", { class: "tag held" }, say("handed_over")));
  if (one.closed_us !== null) tags.push(make("span", { class: "tag" }, say("closed")));
  return tags;
}

function drawCase(page, { one, rows, handing }) {
  const again = () => showCases(page, [one.number]);
  const number = one.number;
  const isOpen = one.closed_us === null;
  const reopen = () =>
    attempt(async () => {
      await post("/api/cases/reopen", { number });
      tell(say("case_open_now"));
      await again();
    });
  redraw(
    page.main,
    make("button", { class: "quiet", onclick: () => page.go("cases") }, `‹ ${say("back")}`),
    make("h1", {}, say("case", { number })),
    make("p", {}, say("case_opened", { when: moment(one.opened_us), who: one.opened_by }), " ", caseTags(one)),
    make(
      "div",
      { class: "buttons" },
      isOpen ? make("button", { onclick: () => note(number, again) }, say("add_note")) : null,
      isOpen ? make("button", { onclick: () => close(number, again) }, say("close_case")) : make("button", { onclick: reopen }, say("reopen_case")),
    ),
    make("h2", {}, say("recordings")),
    one.recordings.length === 0 ? make("p", {}, say("case_empty")) : null,
    make(
      "ul",
      {},
      one.recordings.map((there) =>
        make(
          "li",
          {},
          linked(there.id, rows[there.id]),
          ` · ${say("case_added", { when: recently(there.added_us), who: there.added_by })} `,
          rows[there.id] === undefined ? null : tags(rows[there.id]),
          isOpen ? make("button", { class: "quiet", "aria-label": `${say("take_out")}: ${titleOf(there.id, rows[there.id])}`, onclick: () => takeOut(one, there.id, titleOf(there.id, rows[there.id]), again) }, say("take_out")) : null,
          smallId(there.id),
        ),
      ),
    ),
    isOpen ? handing(one, page.me, again) : null,
    one.handed_over.length === 0 ? null : [
      make("h2", {}, say("hand_overs")),
      make("ul", { class: "history" }, one.handed_over.map((left) => drawHandOver(left, rows))),
    ],
    make("h2", {}, say("notes")),
    one.notes.length === 0 ? make("p", {}, say("none")) : null,
    make("ul", {}, one.notes.map((line) => make("li", {}, `${moment(line.at_us)} · ${line.by} · ${line.text}`))),
  );
}

async function open(page, cases) {
  const number = field(say("case_number"), make("input", { name: "number", required: true, maxlength: 60, autocomplete: "off" }), say("case_number_hint"));
  const said = await ask(say("open_case"), null, [number], say("open_case"), say("cancel"), (typed) => openNew(typed.number.trim(), cases));
  if (said === null) return;
  tell(say("case_opened_now"));
  page.go("cases", said.number.trim());
}

/** Opens a case. Comes to null, or to where the one of this number is, which is there already. */
async function openNew(number, cases) {
  try {
    await post("/api/cases/open", { number });
    return null;
  } catch (error) {
    if (error.why !== "case_taken") throw error;
    const alike = (text) => text.normalize("NFKC").trim().toLowerCase();
    const there = cases.find((one) => alike(one.number) === alike(number)) ?? { number, closed_us: null };
    return [sentence(error), there.closed_us === null ? "" : ` (${say("closed")})`, " ", make("a", { href: caseAddress(there.number) }, say("case", there))];
  }
}

async function close(number, again) {
  await askToDo(`${say("close_case")}: ${number}`, say("close_case_text"), [], say("close_case"), () => post("/api/cases/close", { number }), say("case_closed_now"), again);
}

async function takeOut({ number, handed_over: left }, recording, title, again) {
  const last = left.findLast(({ recordings }) => recordings.includes(recording));
  const more = last === undefined ? "" : ` ${say("take_out_left", { day: day(last.at_us) })}`;
  await askToDo(`${say("take_out")}: ${title}`, say("take_out_text", { number }) + more, [], say("take_out"), () => post("/api/cases/remove", { number, recording }), say("taken_out"), again);
}

async function note(number, again) {
  const text = field(say("note"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), say("note_hint"));
  await askToDo(say("add_note"), null, [text], say("add_note"), (typed) => post("/api/cases/note", { number, text: typed.text }), say("noted"), again);
}

function drawHandOver(left, rows) {
  const said = `${moment(left.at_us)} · ${left.by} · ${left.to} · ${say("case_has", { count: left.recordings.length })}`;
  const which = make("ul", {}, left.recordings.map((id) => make("li", {}, linked(id, rows[id]))));
  return make("li", {}, said, left.package ? [" · SHA-256 ", make("code", {}, left.package)] : null, which);
}

/** Adds a recording to a case that somebody chooses. found: the recording as the server says it. */
export async function addToCase({ main }, recording, found, again) {
  await attempt(async () => {
    const cases = await get("/api/cases");
    if (!main.isConnected || (await addedTo("add_to_case", null, recording, found, cases)) === null) return;
    tell(say(found.held ? "added_held_to_case" : "added_to_case"));
    await again();
  });
}

/** Leads to where a recording is handed over: its open case, or the one that it is added to first. */
export async function handOver({ main, go }, recording, found) {
  await attempt(async () => {
    const cases = await get("/api/cases");
    if (!main.isConnected) return;
    const ours = cases.filter(({ number }) => found.cases.includes(number));
    const open = ours.filter((one) => one.closed_us === null);
    const closed = ours.map((one) => make("a", { href: caseAddress(one.number) }, say("case", one)));
    const text = open.length > 0 || ours.length === 0 ? say("hand_over_choose") : [say("hand_over_closed"), closed.map((one) => [" ", one])].flat(2);
    const number = open.length === 1 ? open[0].number : await addedTo("hand_over", text, recording, found, open.length > 1 ? open : cases);
    if (number !== null && main.isConnected) go("cases", number, HAND_OVER);
  });
}

/** Asks into which open case a recording goes, or for the number of a new one, and adds it. Comes to
 * the case's number; to null if it is added to none. */
async function addedTo(does, text, recording, found, cases) {
  const reason = holdsIn(found.history).at(-1)?.reason ?? "";
  const like = /\d/.test(reason) && reason.length <= 60 ? reason : null;
  const numbers = cases.filter((one) => one.closed_us === null).map((one) => one.number);
  const known = numbers.includes(like) ? like : numbers.length === 0 ? "" : UNCHOSEN;
  const words = { "": say("case_new"), [UNCHOSEN]: say("choose") };
  const choice = make("select", { name: "number", onchange: () => show() }, [UNCHOSEN, ...numbers, ""].map((one) => make("option", { value: one, selected: one === known }, words[one] ?? one)));
  const anew = make("input", { name: "anew", maxlength: 60, autocomplete: "off", value: like });
  const place = field(say("case_number"), anew, say("case_number_hint"));
  let opened = null;
  show();
  const said = await ask(headed(does, recording, found), text, [field(say("case_which"), choice), place], say(does === "hand_over" ? "on" : "add"), say("cancel"), async (typed) => {
    const number = numberIn(typed);
    if (typed.number === "" && opened !== number) {
      const there = await openNew(number, cases);
      if (there !== null) return there;
      opened = number;
    }
    if (!found.cases.includes(number)) await post("/api/cases/add", { number, recording });
    return null;
  });
  return said === null ? null : numberIn(said);

  function numberIn(typed) {
    return typed.number || typed.anew.trim();
  }
  function show() {
    place.hidden = choice.value !== "";
    anew.required = choice.value === "";
    choice.setCustomValidity(choice.value === UNCHOSEN ? say("choose") : "");
  }
}
