// Recordings: the list, with what is asked for in the address, so that going back finds it again.

import { get } from "./api.js";
import { dayField } from "./dates.js";
import { field, fill, make, tell, whenWidthChanges } from "./dom.js";
import { markPeriod, mistakeIn, periodFields, putInto, questionOf, spokenIn, usualPeriods, wordsOf } from "./filters.js";
import { day, duration, idTime, moment, timeOf, zone } from "./format.js";
import { holdAll, holdWords } from "./holds.js";
import { PagedList } from "./paging.js";
import { tags } from "./tags.js";
import { addressOf, titleOf } from "./titles.js";
import { N_, gettext, ngettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  when: N_("Begin"),
  choose_row: N_("Selection"),
  only_marked: N_("Marked only"),
  only_held: N_("Kept only"),
  only_handed_over: N_("Handed over only"),
  only_not_authentic: N_("Only not authentic (checked in a browser)"),
  only_recovered: N_("Only those cut off"),
  only_gaps: N_("With gaps only"),
  marked_first: N_("With a mark, and not kept yet"),
  all_of_them: N_("All, the newest first"),
});

const FLAGS = [["flagged", "only_marked"], ["held", "only_held"], ["handed_over", "only_handed_over"], ["not_authentic", "only_not_authentic"], ["recovered", "only_recovered"], ["has_gaps", "only_gaps"]];
const STATES = ["here", "deleted", "missing", "unreadable", "unseen", "quarantined"];
const COLUMNS = ["choose_row", "when", "camera", "wearer", "length", "state", "kept"];
const WHOLE_ID = /^\d{8}T\d{6}Z-\d{6,18}-[\da-f]{8}$/;
/** Its number, the last of its letters, or both. */
const PART_OF_ID = /^((\d{1,18}-)?[\da-f]{4,8}|\d{1,18})$/;
const WIDE = matchMedia("(min-width: 48rem), print");
/** Where all of the search leaves room for the list below it. */
const ROOMY = matchMedia("(min-width: 48rem) and (min-height: 56rem)");
/** How the list was left in this tab: by whom, what was asked for, how many pages, and which
 * recording was opened. */
let left = { who: "", spoken: "", pages: 1, opened: "" };

/** Leads from a recording to the list as it was. */
export function back(go, id) {
  const there = left.spoken === "" ? ["recordings"] : ["recordings", left.spoken];
  left.opened = id;
  return make("button", { class: "quiet", onclick: () => go(...there) }, `‹ ${gettext("Back")}`);
}

/** The list, the newest first, with its filters. spoken: what the form had. It goes on from the link of
 * the recording that was opened from it. */
export async function showRecordings({ me }, [spoken = ""]) {
  const place = make("div");
  const none = make("div", { hidden: true }, make("p", { class: "none" }, gettext("No recording matches.")), make("button", { onclick: clear }, gettext("Clear search")));
  const keep = make("button", { disabled: true, onclick: () => holdAll(titles(), again) }, gettext("Keep the selected"));
  const names = make("datalist", { id: "camera-names" });
  const state = make("select", { name: "state" }, make("option", { value: "" }, gettext("Any state")), STATES.map((one) => make("option", { value: one }, say(`state_${one}`))));
  const fold = make(
    "details",
    { class: "search", open: ROOMY.matches },
    make("summary", {}, gettext("More to ask for")),
    make(
      "div",
      { class: "filters" },
      periodFields(),
      field(gettext("Camera"), make("input", { name: "camera", autocomplete: "off", maxlength: 100, list: names.id })),
      names,
      field(gettext("Worn by"), make("input", { name: "wearer", autocomplete: "off", maxlength: 100 })),
      field(gettext("State"), state),
      field(gettext("To be deleted on"), dayField("due_on")),
      field(gettext("ID"), make("input", { name: "ids", autocomplete: "off", maxlength: 60 }), gettext("number or end will do")),
      make("div", { class: "checks" }, FLAGS.map(([name, words]) => make("label", { class: "check" }, make("input", { type: "checkbox", name }), say(words)))),
    ),
  );
  const first = make("div", { class: "line" }, field(gettext("File number or reason"), make("input", { name: "said", type: "search", autocomplete: "off", maxlength: 200 })), make("button", { class: "main" }, gettext("Find")));
  const form = make("form", { role: "search", novalidate: true, onsubmit: search }, first, fold);
  const periods = usualPeriods(form);
  first.append(...periods);
  const found = make("span", { role: "status" });
  putInto(form, spoken);
  const chosen = new Set();
  const list = new PagedList(place, { ask, draw: drawPage, fail: noneFor });
  let [marked, total] = [[], null];
  const before = left.who === me.id && left.spoken === spoken ? left : { pages: 1, opened: "" };
  let mine = { who: me.id, spoken, pages: 0, opened: "" };
  left = mine;
  await loadPages(before.pages);
  whenWidthChanges(WIDE, place, draw);
  const parts = [
    make("h1", {}, gettext("Recordings")),
    form,
    make("p", {}, found, " ", make("span", { class: "hint" }, gettext("All times are local ({zone}).", { zone: zone() }))),
    none,
    place,
    make("div", { class: "buttons" }, list.more, keep),
  ];
  return Object.assign(parts, { from: [...place.querySelectorAll("a")].find((one) => one.hash === addressOf(before.opened)) });

  function clear() {
    form.reset();
    form.requestSubmit();
    first.querySelector("input").focus();
  }

  async function search(event) {
    event.preventDefault();
    const id = spelledId(form.elements.ids.value);
    const isId = id === "" || WHOLE_ID.test(id) || PART_OF_ID.test(id);
    const wrong = isId ? mistakeIn(form) : gettext("No id is found like this. Type its number, its last 4 to 8 letters, or all of it. It begins with a time: ask for that by “From” and “To”.");
    if (wrong !== null) {
      if (!isId) noneFor(wrong);
      tell(wrong, "wrong");
      return;
    }
    fold.open = ROOMY.matches;
    mine = { who: me.id, spoken: spokenIn(form), pages: 0, opened: "" };
    left = mine;
    history.replaceState(null, "", mine.spoken === "" ? "#recordings" : `#recordings/${encodeURIComponent(mine.spoken)}`);
    await loadPages(1);
  }

  function questionNow() {
    const asked = questionOf(form, ["said", "camera", "wearer", "state"], FLAGS.map(([name]) => name));
    const id = spelledId(form.elements.ids.value);
    if (id !== "") asked.set(WHOLE_ID.test(id) ? "ids" : "id", id);
    return { asked, said: wordsOf(form) };
  }

  /** Asks anew, for so many pages. Of what was chosen stays so what is there then. */
  async function loadPages(count) {
    let drawn = await list.begin(questionNow());
    while (drawn && mine.pages < count && list.next !== null) drawn = await list.go();
    const there = all().map((row) => row.id);
    for (const id of chosen) if (!there.includes(id)) chosen.delete(id);
    keep.disabled = chosen.size === 0;
  }

  async function ask({ asked }, mark) {
    const question = new URLSearchParams(asked);
    if (mark !== null) question.set("after", mark);
    const [page, first] = await Promise.all([get(`/api/recordings?${question}`), mark === null ? getMarked(question.size === 0) : marked]);
    return { ...page, marked: first };
  }

  function drawPage(page, isFirst, { said }) {
    if (isFirst) {
      fill(names, page.cameras.map((value) => make("option", { value })));
      [marked, total, mine.pages] = [page.marked, page.total, 0];
    }
    mine.pages += 1;
    markPeriod(periods, form);
    const count = new Set(list.rows.map(({ id }) => id)).size;
    fill(found, [count === 0 ? null : counted(count, list.next === null, total), ...said].filter(Boolean).join(" · "));
    if (isFirst) draw();
    else add(page.rows);
  }

  /** What was asked for has no answer: the rows of the last question go, and why is said. */
  function noneFor(why) {
    list.clear();
    marked = [];
    fill(found, why);
    draw();
    none.hidden = true;
  }

  function all() {
    return [...marked, ...list.rows];
  }

  function draw() {
    fill(place, list.rows.length === 0 ? null : (WIDE.matches ? drawTable : drawCards)(marked, list.rows, box));
    showButtons();
  }

  /** Puts more below what is there, which stays as it is. */
  function add(those) {
    place.querySelector("tbody:last-of-type, ul:last-of-type").append(...those.map((row) => (WIDE.matches ? drawRow : drawCard)(row, box)));
    showButtons();
  }

  function showButtons() {
    none.hidden = list.rows.length > 0;
    none.lastChild.hidden = mine.spoken === "";
    keep.hidden = list.rows.length === 0;
    keep.disabled = chosen.size === 0;
  }

  /** To choose it by, with others. One that is there twice is chosen in both places. */
  function box(row) {
    if (row.state !== "here") return null;
    const choose = (event) => {
      chosen[event.target.checked ? "add" : "delete"](row.id);
      for (const one of place.querySelectorAll("input")) one.checked = chosen.has(one.value);
      keep.disabled = chosen.size === 0;
    };
    return make("input", { type: "checkbox", value: row.id, checked: chosen.has(row.id), "aria-label": `${gettext("Selection")}: ${titleOf(row.id, row)}`, onclick: choose });
  }

  function titles() {
    return new Map([...chosen].map((id) => [id, titleOf(id, all().find((row) => row.id === id))]));
  }

  /** ids: of those that were chosen, which are left, on any page. What is chosen while the list
   * comes stays so. */
  async function again(ids) {
    chosen.clear();
    for (const id of ids) chosen.add(id);
    draw();
    await loadPages(mine.pages);
  }
}

/** The newest that have a mark and are not held; none where something else is asked for. */
async function getMarked(wanted) {
  return wanted ? (await get("/api/recordings?flagged=true&state=here&held=false&limit=10")).rows : [];
}

/** Those with a mark come before all others. */
function drawTable(marked, rows, box) {
  const head = (key) => make("tr", {}, make("th", { colspan: COLUMNS.length, scope: "rowgroup", class: "group" }, say(key)));
  const part = (some, key) => make("tbody", {}, marked.length === 0 ? null : head(key), some.map((row) => drawRow(row, box)));
  return make(
    "div",
    { class: "wide", role: "region", "aria-label": gettext("Recordings"), tabindex: 0 },
    make("table", {}, make("thead", {}, make("tr", {}, COLUMNS.map((one) => make("th", { scope: "col", class: one }, say(one))))), marked.length === 0 ? null : part(marked, "marked_first"), part(rows, "all_of_them")),
  );
}

function drawRow(row, box) {
  return make(
    "tr",
    {},
    make("td", { class: "choose_row" }, box(row)),
    make("th", { scope: "row" }, link(row)),
    make("td", { class: "name" }, row.camera ?? "–"),
    make("td", {}, row.wearer ?? "–"),
    make("td", { class: "number" }, lengthOf(row)),
    make("td", {}, tags(row)),
    make("td", {}, keptUntil(row)),
  );
}

function drawCards(marked, rows, box) {
  const part = (some, key) => [marked.length === 0 ? null : make("h2", {}, say(key)), make("ul", { class: "people" }, some.map((row) => drawCard(row, box)))];
  return [marked.length === 0 ? null : part(marked, "marked_first"), part(rows, "all_of_them")].flat();
}

function drawCard(row, box) {
  return make(
    "li",
    { class: "card" },
    make("div", { class: "check" }, box(row), link(row)),
    make("div", {}, tags(row)),
    make("div", {}, [row.camera ?? "–", row.wearer, lengthOf(row)].filter(Boolean).join(" · ")),
    make("div", {}, `${gettext("Deletion")}: `, keptUntil(row)),
  );
}

/** A link to one, by when it began: as its id says it, where nothing else does. */
export function link(row) {
  return make("a", { href: addressOf(row.id) }, moment(row.began_us ?? idTime(row.id) ?? row.at_us, row.clock));
}

/** How long it is, as far as that is known. */
export function lengthOf(row) {
  return duration(row.length_us === null ? null : row.length_us / 1e6);
}

function keptUntil(row) {
  if (row.state === "deleted") return gettext("deleted on {day}, {time}", { day: day(row.deleted_us), time: timeOf(row.deleted_us) });
  if (row.held) return row.holds.length === 0 ? gettext("kept") : row.holds.map((one) => make("div", {}, holdWords({ ...one, who: null })));
  return row.due_us === null ? gettext("day still open") : gettext("on {day}, about {time}", { day: day(row.due_us), time: timeOf(row.due_us) });
}

/** An id as files have it, however it was typed: large letters in the time, small ones at the end. */
function spelledId(text) {
  const parts = text.replace(/\.tar\s*$/i, "").replace(/[^\w-]/g, "").replace(/^-+/, "").split("-");
  return [...parts.slice(0, -1).map((one) => one.toUpperCase()), parts.at(-1).toLowerCase()].join("-");
}

/** How many are shown. total: of how many, null for very many. */
function counted(number, isAll, total) {
  if (isAll) return ngettext("{number} recording", "{number} recordings", number);
  return total === null ? gettext("The first {number} of more than 10,000 recordings", { number }) : gettext("The first {number} of {total} recordings", { number, total });
}
