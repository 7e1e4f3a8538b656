// Keeping recordings from deletion: why, until when, one of them or several at once.

import { post, RefusalError } from "./api.js";
import { ask, attempt, field, make, tell } from "./dom.js";
import { dayField, isoOf } from "./dates.js";
import { wall } from "./filters.js";
import { day } from "./format.js";
import { headed } from "./titles.js";
import { reasons } from "./viewing.js";
import { N_, gettext, say, sentence } from "./words.js";

/** What recordings are kept for, as the ledger names it. */
export const GROUNDS = ["prosecution", "danger", "lawfulness", "person", "other"];

/** What a hold says. It ends as its last day does, if it has one. */
export function holdWords({ until_us: until, reason, who = null }) {
  const why = [reason, who].filter(Boolean).join(", ");
  return until ? gettext("kept until {day} ({reason})", { day: day(until - 1), reason: why }) : gettext("kept, no end ({reason})", { reason: why });
}

/** Those that hold now, by what happened. */
export function holdsIn(history) {
  let found = [];
  for (const one of history.filter(({ ledger }) => ledger === "office")) {
    if (one.kind === "release") found = [];
    if (one.kind === "hold" || one.kind === "hold_until") found.push(one);
  }
  return found;
}

/** Asks why and until when, and keeps it. found: as the server says it. */
export async function hold(id, found, me, again) {
  const { history, cases } = found;
  const before = holdsIn(history);
  const text = reasons.get(id) ?? cases[0] ?? null;
  const kept = before.length === 0 ? "" : `${gettext("Kept already: {holds}.", { holds: before.map((one) => `${one.reason} (${one.who})`).join("; ") })} `;
  const said = await ask(headed("hold", id, found), kept + gettext("It is not deleted until the day below is over or a supervisor releases it. The reason is in the ledger for good: no names."), fields(text), gettext("Keep from deletion"), gettext("Cancel"), async (typed) => {
    const body = bodyOf(typed);
    const same = before.find((one) => one.reason === body.reason && one.who === me.id && (one.until_us ?? Infinity) >= (body.until_us ?? Infinity));
    if (same !== undefined) return gettext("Is kept already: {reason}, {who}", same);
    await place(id, body);
    return null;
  });
  if (said === null) return;
  tell(gettext("The recording is kept from deletion."));
  await attempt(again);
}

/** Asks once for several, one after the other. titles: by their ids. again: is told which are left. */
export async function holdAll(titles, again) {
  const left = new Map(titles);
  const text = gettext(left.size === 1 ? N_("It is not deleted until the day below is over or a supervisor releases it. The reason is in the ledger for good: no names.") : N_("{count} recordings are not deleted until the day below is over or a supervisor releases them. The reason is in the ledger for good, with each: no names."), { count: left.size });
  const names = make("ul", { class: "choose" }, [...titles.values()].map((title) => make("li", {}, title)));
  await ask(gettext("Keep from deletion"), text, [names, ...fields(null)], gettext("Keep from deletion"), gettext("Cancel"), async (typed) => {
    const failed = [];
    for (const [id, title] of [...left]) {
      try {
        await place(id, bodyOf(typed));
        left.delete(id);
      } catch (error) {
        if (!(error instanceof RefusalError)) throw error;
        if (["not_signed_in", "hold_end", "reason_needed"].includes(error.why)) throw error;
        failed.push(`${title} – ${sentence(error)}`);
      }
    }
    return failed.length === 0 ? null : gettext("Not kept: {names}", { names: failed.join("; ") });
  });
  if (left.size < titles.size) tell(gettext("Kept from deletion: {count}.", { count: titles.size - left.size }));
  await attempt(() => again([...left.keys()]));
}

function fields(reason) {
  const grounds = GROUNDS.map((one) => make("option", { value: one }, say(`ground_${one}`)));
  return [
    field(gettext("What for"), make("select", { name: "ground", required: true }, make("option", { value: "" }, gettext("Choose")), grounds)),
    field(gettext("File number or reason"), make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off", value: reason })),
    field(gettext("Kept up to and including (empty: no end)"), dayField("until")),
  ];
}

function bodyOf({ reason, until, ground }) {
  const day = isoOf(until);
  if (day === null) throw new RefusalError("hold_end", 0);
  return { reason: reason.trim(), until_us: day ? wall(day, "", 1) : null, ground };
}

async function place(id, body) {
  await post(`/api/recordings/${encodeURIComponent(id)}/hold`, body);
  reasons.set(id, body.reason);
}
