// Cases: what belongs to a file of the office's, and what left it.

import { get, post, RefusedError } from "./api.js";
import { ask, field, fill, make, tell } from "./dom.js";
import { moment } from "./format.js";
import { say, sentence } from "./words.js";

/** Packages that were made in this tab and not handed over yet, by person and case. */
const made = new Map();
/** Pages of recordings that were put apart, at the most; the newest come first. */
const PAGES_APART = 5;

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

function drawCase(page, one) {
  const again = () => showCases(page, [one.number]);
  const number = one.number;
  const isOpen = one.closed_us === null;
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
      make("h2", {}, say("handed_over")),
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

/** How the recordings of an open case leave the office. */
function handing(one, me, again) {
  if (one.recordings.length === 0) return make("section", {}, make("h2", {}, say("hand_over")), make("p", {}, say("hand_over_empty")));
  const key = `${me.id} ${one.number}`;
  const ready = made.get(key);
  const warning = make("div", {});
  const place = make("div", { class: "package" });
  const start = make("button", { class: "main", onclick: () => makePackage(one, me, { key, start, place }, again) }, say("package_make"));
  const more = `--state ${say("hand_over_store")} --identity ${say("hand_over_key")} --who ${me.id} --reference ${quoted(one.number)}`;
  const command = make("pre", { tabindex: 0 }, one.recordings.map(({ id }) => `camerad evidence export ${id} ${more}`).join("\n"));
  warnOfApart(one, warning);
  return make(
    "section",
    {},
    make("h2", {}, say("hand_over")),
    warning,
    ready === undefined ? null : drawMade(one, ready, key, again),
    make("p", {}, say("package_text")),
    make("div", { class: "buttons" }, start),
    place,
    make("p", {}, say("package_command")),
    make("p", { class: "hint" }, say("package_command_hint")),
    make("div", { class: "command" }, command, make("button", { onclick: () => copy(command) }, say("copy"))),
    make("div", { class: "buttons" }, make("button", { onclick: () => recordHandOver(one, null, key, again) }, say("record_elsewhere"))),
  );
}

/** Makes a package in this tab; what does that comes when somebody wants one. */
async function makePackage(one, me, { key, start, place }, again) {
  start.disabled = true;
  try {
    const { packageOf } = await import("./package/package_view.js");
    const got = await packageOf(one, me, place);
    if (got === null) return;
    made.set(key, got);
    if (place.isConnected) await again();
  } finally {
    start.disabled = false;
  }
}

/** What was made here, to be handed over. */
function drawMade(one, { name, bytes, sha256, sealedOnly }, key, again) {
  const facts = [
    ["package_file", name],
    ["package_size", new Intl.NumberFormat(document.documentElement.lang).format(bytes)],
    ["package_sha256", make("code", {}, sha256)],
  ];
  return make(
    "div",
    { class: "card" },
    make("h3", {}, say("package_ready")),
    make("dl", {}, facts.map(([label, text]) => [make("dt", {}, say(label)), make("dd", {}, text)])),
    sealedOnly.length === 0 ? null : make("p", { class: "wrong" }, `${say("package_bad", { count: sealedOnly.length })} ${sealedOnly.join(", ")}`),
    make("p", {}, say("package_next")),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => recordHandOver(one, made.get(key), key, again) }, say("record_hand_over"))),
  );
}

/** Says which recordings were put apart when the office got them, since they are not authentic. */
async function warnOfApart(one, place) {
  const ours = new Set(one.recordings.map(({ id }) => id));
  const found = [];
  try {
    let next = null;
    for (let page = 0; page < PAGES_APART && (page === 0 || next !== null); page += 1) {
      const answer = await get(`/api/recordings?state=apart${next === null ? "" : `&after=${encodeURIComponent(next)}`}`);
      found.push(...answer.rows.filter(({ id }) => ours.has(id)));
      ({ next } = answer);
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    fill(place, make("p", { class: "hint" }, sentence(error)));
    return;
  }
  const ids = [...new Set(found.map(({ id }) => id))];
  if (ids.length > 0) fill(place, make("p", { class: "wrong", role: "alert" }, `${say("hand_over_apart")} ${ids.join(", ")}`));
}

/** A word for a shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    tell(say("copied"));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    getSelection().selectAllChildren(element);
    tell(say("copy_by_hand"), "wrong");
  }
}

/** Writes down that something left the office: a package of this tab, or one that was made elsewhere. */
async function recordHandOver(one, ready, key, again) {
  const fields = [field(say("handed_to"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), say("handed_to_hint"))];
  if (ready === null) fields.push(make("label", { class: "check" }, make("input", { type: "checkbox", name: "gone", required: true }), say("really_gone")));
  else fields.push(make("p", {}, `${ready.name}: SHA-256 `, make("code", {}, ready.sha256)));
  const said = await ask(say("record_hand_over"), say("record_text"), fields, say("record_hand_over"), say("cancel"));
  if (said === null) return;
  const body = { number: one.number, text: said.text };
  if (ready !== null) Object.assign(body, { package: ready.sha256, recordings: ready.recordings });
  const work = async () => {
    await post("/api/cases/hand-over", body);
    made.delete(key);
  };
  await done(work, "handed_over_now", again);
}

async function done(work, told, again) {
  try {
    await work();
    tell(say(told));
    await again();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}

/** Asks into which open case a recording goes, and adds it. */
export async function addToCase(recording, again) {
  const cases = (await get("/api/cases")).filter((one) => one.closed_us === null);
  if (cases.length === 0) {
    tell(say("no_open_case"), "wrong");
    return;
  }
  const choice = make("select", { name: "number" }, cases.map((one) => make("option", { value: one.number }, one.number)));
  const said = await ask(say("add_to_case"), null, [field(say("case_number"), choice)], say("add"), say("cancel"));
  if (said !== null) await done(() => post("/api/cases/add", { number: said.number, recording }), "added_to_case", again);
}
