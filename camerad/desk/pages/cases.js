// Cases: what belongs to a file of the office's, and what left it.

import { get, post, RefusedError } from "./api.js";
import { ask, field, fill, make, tell } from "./dom.js";
import { moment } from "./format.js";
import { say, sentence } from "./words.js";

/** All cases, or the one with a number. */
export async function showCases(page, [number]) {
  const cases = await get("/api/cases");
  const one = cases.find((found) => found.number === number);
  if (one !== undefined) return drawCase(page, one);
  const again = () => showCases(page, []);
  return fill(
    page.main,
    make("h1", {}, say("cases")),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => open(page, again) }, say("open_case"))),
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
}

function caseTags(one) {
  const tags = [];
  if (one.handed_over.length > 0) tags.push(make("span", { class: "tag held" }, say("handed_over")));
  if (one.closed_us !== null) tags.push(make("span", { class: "tag" }, say("closed")));
  return tags;
}

async function drawCase(page, one) {
  const again = () => showCases(page, [one.number]);
  const number = one.number;
  const isOpen = one.closed_us === null;
  // It comes with the words that only it says.
  const { handing } = await import("./package/hand_over.js");
  const act = (key, path, body, told) => make("button", { onclick: () => done(() => post(path, body), told, again) }, say(key));
  fill(
    page.main,
    make("button", { class: "quiet", onclick: () => page.go("cases") }, `‹ ${say("back")}`),
    make("h1", {}, say("case", { number })),
    make("p", {}, say("case_opened", { when: moment(one.opened_us), who: one.opened_by }), " ", caseTags(one)),
    make(
      "div",
      { class: "buttons" },
      isOpen ? make("button", { onclick: () => note(number, again) }, say("add_note")) : null,
      isOpen ? act("close_case", "/api/cases/close", { number }, "case_closed_now") : act("reopen_case", "/api/cases/reopen", { number }, "case_open_now"),
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
          make("a", { href: `#recording/${encodeURIComponent(there.id)}` }, there.id),
          ` · ${moment(there.added_us)} · ${there.added_by} `,
          isOpen ? make("button", { class: "quiet", "aria-label": `${say("take_out")}: ${there.id}`, onclick: () => done(() => post("/api/cases/remove", { number, recording: there.id }), "taken_out", again) }, say("take_out")) : null,
        ),
      ),
    ),
    isOpen ? handing(one, page.me, again) : null,
    one.handed_over.length === 0 ? null : [
      make("h2", {}, say("hand_overs")),
      make("ul", { class: "history" }, one.handed_over.map(drawHandOver)),
    ],
    make("h2", {}, say("notes")),
    one.notes.length === 0 ? make("p", {}, say("none")) : null,
    make("ul", {}, one.notes.map((line) => make("li", {}, `${moment(line.at_us)} · ${line.by} · ${line.text}`))),
  );
}

async function open(page, again) {
  const number = field(say("case_number"), make("input", { name: "number", required: true, maxlength: 60, autocomplete: "off" }), say("case_number_hint"));
  const said = await ask(say("open_case"), null, [number], say("open_case"), say("cancel"));
  if (said === null) return;
  await done(() => post("/api/cases/open", { number: said.number }), "case_open_now", () => page.go("cases", said.number.trim()), again);
}

async function note(number, again) {
  const text = field(say("note"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), say("note_hint"));
  const said = await ask(say("add_note"), null, [text], say("add_note"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/note", { number, text: said.text }), "noted", again);
}

function drawHandOver(left) {
  const said = `${moment(left.at_us)} · ${left.by} · ${left.to} · ${say("case_has", { count: left.recordings.length })}`;
  return make("li", {}, said, left.package ? [" · SHA-256 ", make("code", {}, left.package)] : null);
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

/** Asks into which open case a recording goes, and adds it. held: whether it is held already. */
export async function addToCase(recording, held, again) {
  const cases = (await get("/api/cases")).filter((one) => one.closed_us === null);
  if (cases.length === 0) {
    tell(say("no_open_case"), "wrong");
    return;
  }
  const choice = make("select", { name: "number" }, cases.map((one) => make("option", { value: one.number }, one.number)));
  const said = await ask(say("add_to_case"), null, [field(say("case_number"), choice)], say("add"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/add", { number: said.number, recording }), held ? "added_held_to_case" : "added_to_case", again);
}
