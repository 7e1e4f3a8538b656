// Cases: what belongs to a file of the office's, and what left it.

import { coming, get, post } from "./api.js";
import { ask, askToDo, attempt, field, fill, make, newest, tell } from "./dom.js";
import { day, moment, recently } from "./format.js";
import { holdsIn } from "./holds.js";
import { PagedList } from "./paging.js";
import { tags } from "./tags.js";
import { headed, linked, rowsOf, smallId, titleOf } from "./titles.js";
import { N_, gettext, sentence, wordFor } from "./words.js";

/** What no case has for a number: it has to be chosen. */
const UNCHOSEN = " ";
/** The part of a case's page where it is handed over, in addresses. */
const HAND_OVER = "hand-over";

function caseAddress(number) {
  return `#cases/${encodeURIComponent(number)}`;
}

/** The cases, a page at a time, or the one with a number. more: of one, the part of it to go on from;
 * of all, a part of the numbers that are looked for. Comes to what to go on from in the first. */
export async function showCases(page, [number = "", more = ""]) {
  const got = await gathered(number);
  if (got.one === null) return drawCases(page, got, number, number === "" ? more : "");
  const parts = drawCase(page, got);
  return more === HAND_OVER ? Object.assign(parts, { from: ".hand-over :is(button.main, button)" }) : parts;
}

/** What is shown of the case of a number; without one, or if there is none, what all of them lack. */
async function gathered(number) {
  const one = number === "" ? null : await caseOf(number, ["no_such_case", "storage"]);
  if (one === null) {
    return { one, missing: await get("/api/cases/missing") };
  }
  const ids = [...one.recordings.map(({ id }) => id), ...one.handed_over.flatMap(({ recordings }) => recordings)];
  // What hands over comes with the words that only it says.
  const [rows, { handing }] = await Promise.all([rowsOf([...new Set(ids)]), coming(import("./package/hand_over.js"))]);
  return { one, rows, handing };
}

async function drawCases(page, { missing: { unreadable, lost, numbers } }, number, said) {
  const list = make("ul", { class: "people" });
  const none = make("p", { role: "status", hidden: true });
  const wanted = make("input", { name: "said", type: "search", maxlength: 60, autocomplete: "off", value: said });
  const pages = new PagedList(list, { ask: findCases, draw, fail: () => list.replaceChildren() });
  await pages.begin(wanted.value.trim());
  return [
    make("h1", {}, gettext("Cases")),
    number === "" ? null : make("p", { class: "wrong" }, gettext("There is no case {number} here, or it cannot be read.", { number })),
    unreadable === 0 ? null : make("p", { class: "wrong" }, gettext("Cases that cannot be read and are not shown here: {count}. The server's log says which files are damaged; the server's operator puts them back from a backup.", { count: unreadable })),
    lost === 0 ? null : make("p", { class: "wrong" }, gettext("Cases that the ledger tells of and whose files are gone: {count} ({numbers}). The server's log names the files; the server's operator puts them back from a backup.", { numbers: numbers.join(", ") + (lost > numbers.length ? ", …" : ""), count: lost })),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => open(page) }, gettext("Open a case"))),
    make("form", { class: "filters", onsubmit: search }, field(gettext("Number contains"), wanted), make("button", {}, gettext("Find"))),
    none,
    list,
    make("div", { class: "buttons" }, pages.more),
  ];

  async function search(event) {
    event.preventDefault();
    const typed = wanted.value.trim();
    history.replaceState(null, "", typed === "" ? "#cases" : `#cases//${encodeURIComponent(typed)}`);
    await pages.begin(typed);
  }

  function findCases(said, mark) {
    return get(`/api/cases?${new URLSearchParams({ ...(said && { said }), ...(mark && { after: mark }) })}`);
  }

  function draw(found, isFirst, said) {
    if (isFirst) list.replaceChildren();
    list.append(...found.rows.map(drawCard));
    none.hidden = list.children.length > 0;
    fill(none, none.hidden ? null : gettext(said === "" ? N_("There is no case yet.") : N_("No case matches.")));
  }
}

function drawCard(one) {
  return make(
    "li",
    { class: "card" },
    make("h2", {}, make("a", { href: caseAddress(one.number) }, one.number)),
    make("p", {}, gettext("recordings: {count}", { count: one.recordings }), " ", caseTags(one.handed_over, one.closed)),
  );
}

/** The case of a number, however it is typed; null if that is refused for one of these reasons. */
async function caseOf(number, reasons = ["no_such_case"]) {
  try {
    return await get(`/api/cases/one?${new URLSearchParams({ number })}`);
  } catch (error) {
    if (!reasons.includes(error.why)) throw error;
    return null;
  }
}

function caseTags(left, closed) {
  const tags = [];
  if (left) tags.push(make("span", { class: "tag held" }, gettext("handed over")));
  if (closed) tags.push(make("span", { class: "tag" }, gettext("closed")));
  return tags;
}

function drawCase(page, { one, rows, handing }) {
  const { again } = page;
  const number = one.number;
  const isOpen = one.closed_us === null;
  const reopen = () =>
    attempt(async () => {
      await post("/api/cases/reopen", { number });
      tell(gettext("The case is open again."));
      await again();
    });
  return [
    make("button", { class: "quiet", onclick: () => page.go("cases") }, `‹ ${gettext("Back")}`),
    make("h1", {}, gettext("Case {number}", { number })),
    make("p", {}, gettext("Opened on {when} by {who}.", { when: moment(one.opened_us), who: one.opened_by }), " ", caseTags(one.handed_over.length > 0, !isOpen)),
    make(
      "div",
      { class: "buttons" },
      isOpen ? make("button", { onclick: () => note(number, again) }, gettext("Write a note")) : null,
      isOpen ? make("button", { onclick: () => close(number, again) }, gettext("Close the case")) : make("button", { onclick: reopen }, gettext("Open it again")),
    ),
    make("h2", {}, gettext("Recordings")),
    one.recordings.length === 0 ? make("p", {}, gettext("No recording. On the page of a recording: “Add to a case”.")) : null,
    make(
      "ul",
      {},
      one.recordings.map((there) =>
        make(
          "li",
          {},
          linked(there.id, rows[there.id]),
          ` · ${gettext("added {when} by {who}", { when: recently(there.added_us), who: there.added_by })} `,
          rows[there.id] === undefined ? null : tags(rows[there.id]),
          isOpen ? make("button", { class: "quiet", "aria-label": `${gettext("Take out")}: ${titleOf(there.id, rows[there.id])}`, onclick: () => takeOut(one, there.id, titleOf(there.id, rows[there.id]), again) }, gettext("Take out")) : null,
          smallId(there.id),
        ),
      ),
    ),
    isOpen ? handing(one, page.me, again) : null,
    one.handed_over.length === 0 ? null : [
      make("h2", {}, gettext("Handed over before")),
      make("ul", { class: "history" }, one.handed_over.map((left) => drawHandOver(left, rows))),
    ],
    make("h2", {}, gettext("Notes")),
    one.notes.length === 0 ? make("p", {}, gettext("none")) : null,
    make("ul", {}, one.notes.map((line) => make("li", {}, `${moment(line.at_us)} · ${line.by} · ${line.text}`))),
  ];
}

async function open(page) {
  const number = field(gettext("File number"), make("input", { name: "number", required: true, maxlength: 60, autocomplete: "off" }), gettext("As the office has it. No names."));
  const said = await ask(gettext("Open a case"), null, [number], gettext("Open a case"), gettext("Cancel"), (typed) => openNew(typed.number.trim()));
  if (said === null) return;
  tell(gettext("The case is opened."));
  page.go("cases", said.number.trim());
}

/** Opens a case. Comes to null, or to where the one of this number is, which is there already. */
async function openNew(number) {
  try {
    await post("/api/cases/open", { number });
    return null;
  } catch (error) {
    if (error.why !== "case_taken") throw error;
    const there = (await caseOf(number)) ?? { number, closed_us: null };
    return [sentence(error), there.closed_us === null ? "" : ` (${gettext("closed")})`, " ", make("a", { href: caseAddress(there.number) }, gettext("Case {number}", there))];
  }
}

async function close(number, again) {
  await askToDo(`${gettext("Close the case")}: ${number}`, gettext("After that nothing can be added, taken out or handed over, until it is opened again."), [], gettext("Close the case"), () => post("/api/cases/close", { number }), gettext("The case is closed."), again);
}

async function takeOut({ number, handed_over: left }, recording, title, again) {
  const last = left.findLast(({ recordings }) => recordings.includes(recording));
  const more = last === undefined ? "" : ` ${gettext("It was handed over on {day}; that stays written down.", { day: day(last.at_us) })}`;
  await askToDo(`${gettext("Take out")}: ${title}`, gettext("It is in case {number} no longer then.", { number }) + more, [], gettext("Take out"), () => post("/api/cases/remove", { number, recording }), gettext("The recording is not in this case any more. If it was kept from deletion, it still is."), again);
}

async function note(number, again) {
  const text = field(gettext("Note"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), gettext("One line. It stays in the ledger for good: no names."));
  await askToDo(gettext("Write a note"), null, [text], gettext("Write a note"), (typed) => post("/api/cases/note", { number, text: typed.text }), gettext("Noted."), again);
}

function drawHandOver(left, rows) {
  const said = `${moment(left.at_us)} · ${left.by} · ${left.to} · ${gettext("recordings: {count}", { count: left.recordings.length })}`;
  const which = make("ul", {}, left.recordings.map((id) => make("li", {}, linked(id, rows[id]))));
  return make("li", {}, said, left.package ? [" · SHA-256 ", make("code", {}, left.package)] : null, which);
}

/** Adds a recording to a case that the person chooses. found: the recording as the server says it. */
export async function addToCase(page, recording, found) {
  if ((await addedTo("add_to_case", null, page, recording, found)) === null) return;
  tell(gettext(found.held ? N_("The recording is in the case.") : N_("The recording is in the case. So that it stays, keep it from deletion as well.")));
  await page.again();
}

/** Leads to where a recording is handed over: its open case, or the one that it is added to first. */
export async function handOver(page, recording, found) {
  const ours = (await Promise.all(found.cases.map((number) => caseOf(number)))).filter((one) => one !== null);
  const open = ours.filter((one) => one.closed_us === null).map((one) => one.number);
  const closed = ours.map((one) => make("a", { href: caseAddress(one.number) }, gettext("Case {number}", one)));
  const text = open.length > 0 || ours.length === 0 ? gettext("A case is handed over, with all of its recordings. Choose it, or open one.") : [gettext("Its case is closed. Choose another one, or open it again there:"), closed.map((one) => [" ", one])].flat(2);
  const number = open.length === 1 ? open[0] : await addedTo("hand_over", text, page, recording, found, open);
  if (number !== null && page.isShown()) page.go("cases", number, HAND_OVER);
}

/** The first open cases whose numbers have this in them, as the server answers. */
function openOnes(said = "") {
  return get(`/api/cases?${new URLSearchParams(said === "" ? { open: true } : { open: true, said })}`);
}

function numbersOf({ rows }) {
  return rows.map((one) => one.number);
}

/** Asks into which open case a recording goes, or for the number of a new one, and adds it. ours: those
 * to choose from; any, if there are none. Comes to the case's number; to null if it is added to none,
 * or its page was left. */
async function addedTo(does, text, page, recording, found, ours = []) {
  const first = ours.length > 0 ? { rows: ours.map((number) => ({ number })), next: null } : await openOnes();
  const reason = holdsIn(found.history).at(-1)?.reason ?? "";
  const like = /\d/.test(reason) && reason.length <= 60 ? reason : null;
  const numbers = numbersOf(first);
  if (like !== null && first.next !== null && !numbers.includes(like)) numbers.unshift(...numbersOf(await openOnes(like)).filter((one) => one === like));
  if (!page.isShown()) return null;
  const known = numbers.includes(like) ? like : numbers.length === 0 ? "" : UNCHOSEN;
  const words = { "": gettext("Open a new case"), [UNCHOSEN]: gettext("Choose") };
  const choice = make("select", { name: "number", onchange: () => show() });
  const wanted = make("input", { name: "said", type: "search", maxlength: 60, autocomplete: "off", oninput: () => attempt(search) });
  const typing = field(gettext("Number contains"), wanted, gettext("Below are then only the open cases that match."));
  offer(numbers, known);
  const anew = make("input", { name: "anew", maxlength: 60, autocomplete: "off", value: like });
  const place = field(gettext("File number"), anew, gettext("As the office has it. No names."));
  let opened = null;
  show();
  const fields = [first.next === null ? null : typing, field(gettext("Case"), choice), place];
  const said = await ask(headed(does, recording, found), text, fields, gettext(does === "hand_over" ? N_("Continue") : N_("Add")), gettext("Cancel"), async (typed) => {
    const number = numberIn(typed);
    if (typed.number === "" && opened !== number) {
      const there = await openNew(number);
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

  /** Those that have what is typed in their numbers; the only one is chosen. */
  async function search() {
    const there = await newest(choice, openOnes(wanted.value.trim()));
    if (there === null) return;
    const some = numbersOf(there);
    offer(some, some.length === 1 ? some[0] : UNCHOSEN);
    show();
  }

  function offer(some, chosen) {
    fill(choice, [UNCHOSEN, ...some, ""].map((one) => make("option", { value: one, selected: one === chosen }, wordFor(words, one))));
  }

  function show() {
    place.hidden = choice.value !== "";
    anew.required = choice.value === "";
    choice.setCustomValidity(choice.value === UNCHOSEN ? gettext("Choose") : "");
  }
}
