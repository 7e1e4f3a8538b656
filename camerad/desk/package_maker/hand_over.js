// How the recordings of an open case leave the office: as a package that this tab makes, or by the
// command. That they have left is written down only for a package that is there, or for one of which
// somebody says that it has really gone out.

import { get, post, RefusedError } from "../api.js";
import { done } from "../cases.js";
import { ask, field, fill, make, tell } from "../dom.js";
import { say, sentence } from "../words.js";
import { sayHere } from "./maker_words.js";

/** Packages that were made in this tab and not handed over yet, by person and case. */
const made = new Map();
/** Pages of recordings that were put apart, at the most; the newest come first. */
const PAGES_APART = 5;

/** How the recordings of an open case leave the office. */
export function handing(one, me, again) {
  if (one.recordings.length === 0) return make("section", {}, make("h2", {}, say("hand_over")), make("p", {}, sayHere("hand_over_empty")));
  const key = `${me.id} ${one.number}`;
  const ready = made.get(key);
  const warning = make("div", {});
  const place = make("div", { class: "package" });
  const start = make("button", { class: "main", onclick: () => makePackage(one, me, { key, start, place }, again) }, sayHere("package_make"));
  const more = `--state ${sayHere("hand_over_store")} --identity ${sayHere("hand_over_key")} --who ${me.id} --reference ${quoted(one.number)}`;
  const command = make("pre", { tabindex: 0 }, one.recordings.map(({ id }) => `camerad evidence export ${id} ${more}`).join("\n"));
  warnOfApart(one, warning);
  return make(
    "section",
    {},
    make("h2", {}, say("hand_over")),
    warning,
    ready === undefined ? null : drawMade(one, ready, key, again),
    make("p", {}, sayHere("package_text")),
    make("div", { class: "buttons" }, start),
    place,
    make("p", {}, sayHere("package_command")),
    make("p", { class: "hint" }, sayHere("package_command_hint")),
    make("div", { class: "command" }, command, make("button", { onclick: () => copy(command) }, sayHere("copy"))),
    make("div", { class: "buttons" }, make("button", { onclick: () => recordHandOver(one, null, key, again) }, sayHere("record_elsewhere"))),
  );
}

/** Makes a package in this tab; what does that comes when somebody wants one. */
async function makePackage(one, me, { key, start, place }, again) {
  start.disabled = true;
  try {
    const { packageOf } = await import("./package_view.js");
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
    make("h3", {}, sayHere("package_ready")),
    make("dl", {}, facts.map(([label, text]) => [make("dt", {}, sayHere(label)), make("dd", {}, text)])),
    sealedOnly.length === 0 ? null : make("p", { class: "wrong" }, `${sayHere("package_bad", { count: sealedOnly.length })} ${sealedOnly.join(", ")}`),
    make("p", {}, sayHere("package_next")),
    make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => recordHandOver(one, made.get(key), key, again) }, sayHere("record_hand_over"))),
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
  if (ids.length > 0) fill(place, make("p", { class: "wrong", role: "alert" }, `${sayHere("hand_over_apart")} ${ids.join(", ")}`));
}

/** A word for a shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    tell(sayHere("copied"));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    getSelection().selectAllChildren(element);
    tell(sayHere("copy_by_hand"), "wrong");
  }
}

/** Writes down that something left the office: a package of this tab, or one that was made elsewhere. */
async function recordHandOver(one, ready, key, again) {
  const fields = [field(say("handed_to"), make("input", { name: "text", required: true, maxlength: 200, autocomplete: "off" }), say("handed_to_hint"))];
  if (ready === null) fields.push(make("label", { class: "check" }, make("input", { type: "checkbox", name: "gone", required: true }), sayHere("really_gone")));
  else fields.push(make("p", {}, `${ready.name}: SHA-256 `, make("code", {}, ready.sha256)));
  const said = await ask(sayHere("record_hand_over"), sayHere("record_text"), fields, sayHere("record_hand_over"), say("cancel"));
  if (said === null) return;
  const body = { number: one.number, text: said.text };
  if (ready !== null) Object.assign(body, { package: ready.sha256, recordings: ready.recordings });
  const work = async () => {
    await post("/api/cases/hand-over", body);
    made.delete(key);
  };
  await done(work, "handed_over_now", again);
}
