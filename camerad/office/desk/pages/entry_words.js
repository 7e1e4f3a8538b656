// What entries of the ledgers are called, whom and what they are about, and why they are there.

import { GROUNDS } from "./holds.js";
import { gettext, say, wordFor } from "./words.js";

/** What a kind of entry is called. */
export function kindWords(kind) {
  const known = ["opened", "closed", "recovered", "acknowledged", "received", "found", "hold", "hold_until", "hold_ground", "release", "release_reason", "deleted", "missing", "changed", "viewed", "downloaded", "viewing_approved", "judged", "case", "case_added", "case_removed", "handed_over", "signed", "rights", "camera", "offer", "report_made", "start", "epoch", "carried", "identity"];
  return known.includes(kind) ? say(`kind_${kind}`) : `${gettext("entry")} ${kind}`;
}

/** What was done, by entries that say more than their kind does. */
const DONE = {
  signed: ["in", "out", "refused"],
  rights: ["added", "roles", "link", "passkey_added", "openid_connected", "withdrawn", "restored", "signed_out"],
  case: ["opened", "added", "removed", "note", "handed_over", "recording_handed_over", "closed", "reopened"],
  camera: ["withdrawn", "returned"],
  offer: ["offered", "withdrawn"],
};
const HOW = ["passkey", "link", "openid", "asked", "by_administrator", "replaced"];
const ROLES = ["shift_lead", "desk", "supervisor", "data_protection", "administrator"];

/** What an entry of the office's ledger says was done. */
export function doneWords({ kind, facts }) {
  return Object.hasOwn(DONE, kind) && DONE[kind].includes(facts?.what) ? say(`did_${kind}_${facts.what}`) : kindWords(kind);
}

/** Who did it: `""` is the command on the server. */
export function whoWords(who) {
  return who === "" ? gettext("command on the server") : (who ?? "");
}

/** Whom or what it is about: recording, person, case, camera; each as a text. */
export function aboutWords({ recording, person, case_number: number, facts }) {
  return [person, facts?.name, recording, number && gettext("Case {number}", { number })].filter(Boolean);
}

/** What else it says: which roles, how somebody came in, to whom something went, and the reason.
 * called: as `reportWords` has it. */
export function detailWords(row, called) {
  const { kind, facts } = row;
  if (facts === null) return reasonWords(row, called);
  const roles = (names) => names.map((one) => (ROLES.includes(one) ? say(`role_${one}_short`) : one)).join(", ");
  const more = {
    signed: () => [HOW.includes(facts.how) ? say(`how_${facts.how}`) : facts.how],
    rights: () => [facts.what === "roles" && facts.former ? gettext("roles: {roles} (before: {former})", { roles: roles(facts.roles), former: roles(facts.former) }) : gettext("roles: {roles}", { roles: roles(facts.roles) })],
    case: () => [facts.what.endsWith("handed_over") ? gettext("to: {to}", { to: facts.reason }) : facts.reason],
    camera: () => [facts.why && say(`withdrawn_${facts.why}`), facts.reason],
    offer: () => [facts.offer === "settings" ? gettext("Settings") : gettext("Version {version}", facts)],
  }[kind];
  const said = more === undefined ? [row.reason, facts.approved_by && gettext("approved by {who}", { who: facts.approved_by })] : more();
  return said.filter(Boolean).join(" · ");
}

/** Why, in the page's language where a program said it. called: as `reportWords` has it. */
export function reasonWords(entry, called) {
  if (entry.kind === "deleted") return whyDeleted(entry.reason);
  if (entry.kind === "hold_ground" && GROUNDS.includes(entry.reason)) return say(`ground_${entry.reason}`);
  if (entry.kind === "judged") return foundWords(entry);
  const ended = ["closed", "received", "recovered"].includes(entry.kind);
  return (ended ? wordFor(called.end_reasons, entry.reason) : entry.reason) ?? "";
}

/** Whose tab found what: never as if the server had. */
export function foundWords({ reason, who }) {
  return ["authentic", "qualified", "not_authentic", "unreadable"].includes(reason) ? say(`judged_${reason}`, { who }) : reason;
}

/** Why something was deleted. */
export function whyDeleted(why) {
  const known = { expired: "why_over", offloaded: "why_offloaded" };
  return Object.hasOwn(known, why) ? say(known[why]) : (why ?? "");
}
