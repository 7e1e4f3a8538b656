// Hands over the recordings of an open case: as a package that this tab makes, or by the
// command. That they have left is written down only for a package that is there, or for one of which
// a person says that it has really gone out.

import { coming, get, post, RefusalError } from "../api.js";
import { askToDo, attempt, copy, field, fill, make, tell } from "../dom.js";
import { moment } from "../format.js";
import { titleOf } from "../titles.js";
import { sentence } from "../words.js";
import { gettext, ngettext, sayHere, size } from "./maker_words.js";

/** Packages that were made in this tab and not handed over yet, by person and case. */
const made = new Map();
// Only this tab knows of them: the browser asks before it leaves them behind.
addEventListener("beforeunload", (event) => {
  if (made.size > 0) event.preventDefault();
});
/** What makes a package just now, by person and case: its button and its place, which stay when the
 * page is drawn anew, and how that is done. */
const making = new Map();
/** Pages of recordings that were quarantined, at the most; the newest come first. */
const PAGES_APART = 5;

/** How the recordings of an open case leave the office. */
export function handing(one, me, again) {
  if (one.recordings.length === 0) return make("section", {}, make("h2", {}, gettext("Hand over")), make("p", {}, gettext("Add a recording first, to hand over.")));
  const key = `${me.id} ${one.number}`;
  const ready = made.get(key);
  const warning = make("div", {});
  const left = one.handed_over.at(-1);
  const now = making.get(key);
  if (now !== undefined) now.again = again;
  const place = now?.place ?? make("div", { class: "package" });
  const start = now?.start ?? make("button", { class: left === undefined ? "main" : null, onclick: () => makePackage(one, me, key, { start, place, again }) }, sayHere(left === undefined ? "package_make" : "package_again"));
  const more = `--state ${gettext("OFFICE")} --identity ${gettext("KEY")} --who ${me.id} --reference ${quoted(one.number)}`;
  const command = make("pre", { tabindex: 0 }, one.recordings.map(({ id }) => `camerad evidence export ${id} ${more}`).join("\n"));
  warnOfApart(one, warning);
  return make(
    "section",
    { class: "hand-over" },
    make("h2", {}, gettext("Hand over")),
    left === undefined ? null : make("p", {}, gettext("Handed over on {when}: {to}", { when: moment(left.at_us), to: left.to })),
    warning,
    ready === undefined ? null : drawMade(one, ready, key, again),
    make("p", {}, gettext("The package is made here, in this tab, with the office's key. Of each recording it has the original, the film, the cover sheet, and a page to check it with.")),
    make("div", { class: "buttons" }, start),
    place,
    make(
      "details",
      {},
      make("summary", {}, gettext("For your technician")),
      make("p", {}, gettext("Instead, your technician can make the package. Send them this command:")),
      make("p", { class: "hint" }, gettext("In place of OFFICE comes the office's directory, in place of KEY the file with the key.")),
      make("div", { class: "command" }, command, make("button", { onclick: () => copy(command) }, gettext("Copy"))),
    ),
    make("div", { class: "buttons" }, make("button", { onclick: () => recordHandOver(one, null, key, again) }, gettext("Your technician made the package: record the hand-over"))),
  );
}

/** Makes a package in this tab; what does that comes when a person wants one. */
async function makePackage(one, me, key, mine) {
  const { start, place } = mine;
  making.set(key, mine);
  await attempt(async () => {
    const { packageOf } = await coming(import("./package_view.js"));
    const got = await packageOf(one, me, place).finally(() => making.delete(key));
    if (got === null) return;
    made.set(key, got);
    if (place.isConnected) await mine.again();
  }, start).finally(() => making.delete(key));
}

/** What is said of recordings of which there is no film. @param {string[]} recordings */
export function badOf({ length: count }) {
  return ngettext("One recording is not authentic. Talk to a supervisor first. Only the sealed original goes along, and the cover sheet says so.", "{number} recordings are not authentic. Talk to a supervisor first. Only the sealed original goes along, and the cover sheet says so.", count);
}

/** What was made here, to be handed over. */
function drawMade(one, { name, bytes, sha256, recipient, sealedOnly, sheets }, key, again) {
  const facts = [
    ["package_file", name],
    ["package_size", size(bytes)],
    ["package_sha256", make("code", {}, sha256)],
    ...(recipient === "" ? [] : [["package_sealed", make("code", {}, recipient)]]),
  ];
  return make(
    "div",
    { class: "card" },
    make("h3", {}, gettext("The package is ready")),
    make("dl", {}, facts.map(([label, text]) => [make("dt", {}, sayHere(label)), make("dd", {}, text)])),
    sealedOnly.length === 0 ? null : make("p", { class: "wrong" }, `${badOf(sealedOnly)} ${sealedOnly.join("; ")}`),
    make("p", {}, gettext("Print the cover sheet of each recording. When all of it has gone out, record the hand-over.")),
    make("div", { class: "buttons" }, sheets.map(({ title, page }) => make("button", { onclick: () => printSheet(page) }, `${gettext("Print the cover sheet")}: ${title}`))),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => recordHandOver(one, made.get(key), key, again) }, gettext("Record the hand-over"))),
  );
}

/** Opens a cover sheet in a separate tab, and asks for the printer. */
function printSheet(page) {
  const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  const tab = open(address);
  if (tab === null) {
    URL.revokeObjectURL(address);
    tell(gettext("The browser does not open the cover sheet. It is report.html in the recording's folder of the package."), "wrong");
    return;
  }
  tab.addEventListener("load", () => {
    URL.revokeObjectURL(address);
    tab.print();
  });
}

/** Says which recordings were quarantined when the office got them, since they are not authentic. */
async function warnOfApart(one, place) {
  const ours = new Set(one.recordings.map(({ id }) => id));
  const found = [];
  try {
    let next = null;
    for (let page = 0; page < PAGES_APART && (page === 0 || next !== null); page += 1) {
      const answer = await get(`/api/recordings?state=quarantined${next === null ? "" : `&after=${encodeURIComponent(next)}`}`);
      found.push(...answer.rows.filter(({ id }) => ours.has(id)));
      ({ next } = answer);
    }
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    fill(place, make("p", { class: "hint" }, sentence(error)));
    return;
  }
  const titles = new Map(found.map((row) => [row.id, titleOf(row.id, row)]));
  if (titles.size > 0) fill(place, make("p", { class: "wrong", role: "alert" }, `${gettext("These recordings were not authentic when the office got them; there is no film of them:")} ${[...titles.values()].join("; ")}`));
}

/** A word for a shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Writes down that something left the office: a package of this tab, or one that was made elsewhere. */
async function recordHandOver(one, ready, key, again) {
  const fields = [field(gettext("To whom"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), gettext("Authority and its file number. No names."))];
  if (ready === null) fields.push(make("label", { class: "check" }, make("input", { type: "checkbox", name: "gone", required: true }), gettext("The package has really gone out")));
  else fields.push(make("p", {}, `${ready.name}: SHA-256 `, make("code", {}, ready.sha256)));
  const of = ready === null ? {} : { package: ready.sha256, recordings: ready.recordings };
  const work = async ({ text }) => {
    await post("/api/cases/hand-over", { number: one.number, text, ...of });
    made.delete(key);
  };
  await askToDo(gettext("Record the hand-over"), gettext("This stays in the ledger, and each recording says soon after that it was handed over."), fields, gettext("Record the hand-over"), work, gettext("It is written down that the case was handed over."), again);
  document.querySelector(".hand-over")?.scrollIntoView({ block: "nearest" });
}
