// The letter that answers a request for access, in any language of the page. The name of the person who asks
// is typed for the letter alone: it is sent nowhere.

import { make } from "../dom.js";
import { day, timeOf, zone } from "../format.js";
import { sayIn } from "./access_words.js";

/** How a language spells dates. */
const spelling = (words) => words.pgettext("locale for numbers and dates", "en-GB");

/** What is answered about a recording, if it is told. */
export function answerFor({ state, holds }) {
  if (state === "deleted") return "deleted";
  if (state !== "here") return "unclear";
  return holds.length === 0 ? "kept" : "held";
}

/** A day and a time of day. */
export function when(words, us) {
  return `${day(us, spelling(words))}, ${timeOf(us, spelling(words))}`;
}

/** When it was recorded: "24.11.2026, 16:30 – 16:39". */
export function timesOf(words, { began_us: began, ended_us: ended, clock }) {
  // By another clock it may have ended before the time in its id.
  const end = ended === null || ended < began ? [] : [timeOf(ended, spelling(words))];
  const times = [when(words, began), ...end].join(" – ");
  return clock === "unknown" ? `${times} (${words.gettext("clock not confirmed")})` : times;
}

/** What is told of a recording: a sentence or more. silent: grounds of refusals are left out. */
export function told(words, row, { answer, ground }, silent = false) {
  const dayOf = (us) => day(us, spelling(words));
  if (answer === "refused") return silent ? words.gettext("We give no information about it.") : words.gettext("We give no information about it, because {ground}.", { ground: sayIn(words, `refusal_${ground}`) });
  const parts = [];
  const due = row.due_us === null ? null : dayOf(row.due_us);
  if (answer === "deleted") parts.push(row.deleted_us === null ? words.gettext("It was deleted.") : words.gettext("It was deleted on {day}.", { day: dayOf(row.deleted_us) }));
  else if (answer === "unclear") parts.push(words.gettext("It was recorded. Its file is damaged or missing; we are looking into it."));
  else if (row.holds.length > 0) parts.push(heldWords(words, row, due));
  else parts.push(due === null ? words.gettext("It is kept. The day of its deletion is not fixed yet.") : words.gettext("It is kept until {day}, and then deleted.", { day: due }));
  if (row.handed_us !== null) parts.push(words.gettext("It was handed over to another authority on {day}.", { day: dayOf(row.handed_us) }));
  if (answer === "copy") parts.push(words.gettext("You receive a copy in which other people cannot be recognised."));
  return parts.join(" ");
}

/** For what it is kept beyond its day: the grounds alone, since a reason may name others. */
function heldWords(words, { holds }, due) {
  const grounds = holds.map(({ ground, until_us: until }) => {
    const what = sayIn(words, `ground_${ground}`);
    return until === null ? what : words.gettext("{ground} (until {day})", { ground: what, day: day(until - 1, spelling(words)) });
  });
  const why = [...new Set(grounds)].join("; ");
  return due === null ? words.gettext("It is kept for this: {grounds}.", { grounds: why }) : words.gettext("Its day of deletion is {day}. It is kept beyond that for this: {grounds}.", { day: due, grounds: why });
}

/**
 * The letter. found: as the server says it. given: each recording that is told of as `row`, with its `answer`
 * and `ground`. typed: `person`, `office`, `authority`, and `silent`: grounds of refusals are left out.
 */
export function letterOf(words, { request, waiting, known_since_us: known }, given, { person, office, authority, silent }) {
  const from = request.from_us;
  const refused = given.some(({ answer }) => answer === "refused");
  const lines = (text) => text.split("\n").map((line) => make("div", {}, line));
  const times = { from: when(words, from), to: when(words, request.to_us), zone: zone() };
  const received = day(Date.parse(`${request.received}T12:00`) * 1000, spelling(words));
  const paragraphs = (...texts) => texts.filter(Boolean).map((text) => make("p", {}, text));
  return make(
    "section",
    { class: "letter draft", lang: words.language, "aria-label": words.gettext("Letter") },
    make("p", { class: "sender" }, office),
    make("div", { class: "recipient" }, lines(person)),
    make("p", { class: "date" }, words.gettext("Reference {number}, {day}", { number: request.number, day: day(Date.now() * 1000, spelling(words)) })),
    make("h2", {}, words.gettext("Your request for access (Art. 15 GDPR, § 57 BDSG)")),
    paragraphs(
      words.gettext("We received your request on {received}. It is about recordings of our body cameras from {from} to {to} (local time, {zone}).", { received, ...times }),
      given.length === 0 ? words.gettext("We keep no recording of you from this time, and know of none that was deleted.") : words.gettext("We tell you the following about recordings from this time:"),
    ),
    given.length === 0 ? null : make("ol", {}, given.map((one) => make("li", {}, make("b", {}, timesOf(words, one.row)), ` (${one.row.id}). `, told(words, one.row, one, silent)))),
    paragraphs(
      known !== null && known > from ? words.gettext("What was deleted before {day} is not on record.", { day: day(known, spelling(words)) }) : null,
      waiting.length > 0 ? words.gettext("Not every camera has handed over all of its recordings yet. If one of them changes this answer, we will write to you again.") : null,
      words.gettext("You may ask us to correct or delete data about you, or to restrict their processing (Art. 16 to 18 GDPR, § 58 BDSG)."),
      words.gettext("You may lodge a complaint with the data protection authority (Art. 77 GDPR, § 60 BDSG): {authority}", { authority }),
      refused ? words.gettext("Where we refuse information, you may also exercise your right of access through that authority, and you may go to court (§ 57(7) BDSG, Art. 79 GDPR).") : null,
      words.gettext("Purposes, legal basis and recipients of such recordings are in our information on data protection, which is enclosed."),
    ),
  );
}
