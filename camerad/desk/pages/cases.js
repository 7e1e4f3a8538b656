// Cases: what belongs to a file of the office's, and what left it.

import { get, post, RefusedError } from "./api.js";
import { ask, field, fill, make, tell } from "./dom.js";
import { day, moment, recently } from "./format.js";
import { holdsIn } from "./holds.js";
import { tags } from "./tags.js";
import { headed, linked, rowsOf, smallId, titleOf } from "./titles.js";
import { say, sentence } from "./words.js";

/** What no case has for a number: it has to be chosen. */
const UNCHOSEN = " ";

/** All cases, or the one with a number. */
export async function showCases(page, [number]) {
  const [cases, unreadable] = await Promise.all([get("/api/cases"), get("/api/cases/unreadable")]);
  const one = cases.find((found) => found.number === number);
  if (one !== undefined) return drawCase(page, one);
  fill(
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
          make("h2", {}, make("a", { href: `#cases/${encodeURIComponent(found.number)}` }, found.number)),
          make("p", {}, say("case_has", { count: found.recordings.length }), " ", caseTags(found)),
        ),
      ),
    ),
  );
  return undefined;
}

function caseTags(one) {
  const tags = [];
  if (one.handed_over.length > 0) tags.push(make("span", { class: "tag held" }, say("handed_over")));
  if (one.closed_us !== null) tags.push(make("span", { class: "tag" }, say("closed")));
  return tags;
}

async function drawCase(page, one) {
  const rows = await rowsOf([...new Set([...one.recordings.map(({ id }) => id), ...one.handed_over.flatMap(({ recordings }) => recordings)])]);
  const again = () => showCases(page, [one.number]);
  const number = one.number;
  const isOpen = one.closed_us === null;
  // It comes with the words that only it says.
  const { handing } = await import("./package/hand_over.js");
  const reopen = () => done(() => post("/api/cases/reopen", { number }), "case_open_now", again);
  fill(
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
    return [sentence(error), there.closed_us === null ? "" : ` (${say("closed")})`, " ", make("a", { href: `#cases/${encodeURIComponent(there.number)}` }, say("case", there))];
  }
}

async function close(number, again) {
  const said = await ask(`${say("close_case")}: ${number}`, say("close_case_text"), [], say("close_case"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/close", { number }), "case_closed_now", again);
}

async function takeOut({ number, handed_over: left }, recording, title, again) {
  const last = left.findLast(({ recordings }) => recordings.includes(recording));
  const more = last === undefined ? "" : ` ${say("take_out_left", { day: day(last.at_us) })}`;
  const said = await ask(`${say("take_out")}: ${title}`, say("take_out_text", { number }) + more, [], say("take_out"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/remove", { number, recording }), "taken_out", again);
}

async function note(number, again) {
  const text = field(say("note"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), say("note_hint"));
  const said = await ask(say("add_note"), null, [text], say("add_note"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/note", { number, text: said.text }), "noted", again);
}

function drawHandOver(left, rows) {
  const said = `${moment(left.at_us)} · ${left.by} · ${left.to} · ${say("case_has", { count: left.recordings.length })}`;
  const which = make("ul", {}, left.recordings.map((id) => make("li", {}, linked(id, rows[id]))));
  return make("li", {}, said, left.package ? [" · SHA-256 ", make("code", {}, left.package)] : null, which);
}

/** Does something, and says that it is done, or why not. */
export async function done(work, told, again) {
  try {
    await work();
    tell(say(told));
    await again();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}

/** Asks into which open case a recording goes, or for the number of a new one, and adds it. found: the
 * recording as the server says it. */
export async function addToCase(recording, found, again) {
  const { held, history } = found;
  const cases = await get("/api/cases");
  const reason = holdsIn(history).at(-1)?.reason ?? "";
  const like = /\d/.test(reason) && reason.length <= 60 ? reason : null;
  const numbers = cases.filter((one) => one.closed_us === null).map((one) => one.number);
  const known = numbers.includes(like) ? like : numbers.length === 0 ? "" : UNCHOSEN;
  const words = { "": say("case_new"), [UNCHOSEN]: say("choose") };
  const choice = make("select", { name: "number", onchange: () => show() }, [UNCHOSEN, ...numbers, ""].map((one) => make("option", { value: one, selected: one === known }, words[one] ?? one)));
  const anew = make("input", { name: "anew", maxlength: 60, autocomplete: "off", value: like });
  const place = field(say("case_number"), anew, say("case_number_hint"));
  let opened = null;
  show();
  const said = await ask(headed("add_to_case", recording, found), null, [field(say("case_which"), choice), place], say("add"), say("cancel"), async (typed) => {
    const number = typed.number || typed.anew.trim();
    if (typed.number === "" && opened !== number) {
      const there = await openNew(number, cases);
      if (there !== null) return there;
      opened = number;
    }
    await post("/api/cases/add", { number, recording });
    return null;
  });
  if (said === null) return;
  tell(say(held ? "added_held_to_case" : "added_to_case"));
  await again();

  function show() {
    place.hidden = choice.value !== "";
    anew.required = choice.value === "";
    choice.setCustomValidity(choice.value === UNCHOSEN ? say("choose") : "");
  }
}
