// What an entry of the office's ledger says besides its kind: who did what, about whom, and why.

import { kindWords, reasonWords, redactedFor } from "./entry_words.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  did_signed_in: N_("signed in"),
  did_signed_out: N_("signed out"),
  did_signed_refused: N_("sign-in refused"),
  how_passkey: N_("by passkey"),
  how_link: N_("by a link"),
  how_openid: N_("by the city's account"),
  how_asked: N_("by themselves"),
  how_by_administrator: N_("by an administrator"),
  how_replaced: N_("by another sign-in in the same browser"),
  did_rights_added: N_("person added, with a link"),
  did_rights_roles: N_("roles changed"),
  did_rights_link: N_("link made"),
  did_rights_passkey_added: N_("passkey added"),
  did_rights_openid_connected: N_("city's account connected"),
  did_rights_withdrawn: N_("access withdrawn"),
  did_rights_restored: N_("access restored, passkeys removed"),
  did_rights_signed_out: N_("signed out by another person"),
  did_case_opened: N_("case opened"),
  did_case_added: N_("put into the case"),
  did_case_removed: N_("taken out of the case"),
  did_case_note: N_("note in the case"),
  did_case_handed_over: N_("case handed over"),
  did_case_recording_handed_over: N_("recording handed over"),
  did_case_closed: N_("case closed"),
  did_case_reopened: N_("case opened again"),
  did_camera_withdrawn: N_("camera withdrawn"),
  did_camera_returned: N_("camera taken back"),
  did_offer_offered: N_("offered to a camera"),
  did_offer_withdrawn: N_("offer taken back"),
});

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

/** What else it says: which roles, how a person came in, to whom something went, and the reason.
 * called: as
 * `reportWords` has it, and `answers` of a request for access. */
export function detailWords(row, called) {
  const { kind, facts } = row;
  if (facts === null) return reasonWords(row, called);
  const roles = (names) => names.map((one) => (ROLES.includes(one) ? say(`role_${one}_short`) : one)).join(", ");
  const more = {
    signed: () => [HOW.includes(facts.how) ? say(`how_${facts.how}`) : facts.how],
    rights: () => [facts.what === "roles" && facts.former ? gettext("roles: {roles} (before: {former})", { roles: roles(facts.roles), former: roles(facts.former) }) : gettext("roles: {roles}", { roles: roles(facts.roles) })],
    case: () => [facts.what.endsWith("handed_over") ? gettext("to: {to}", { to: facts.reason }) : facts.reason],
    camera: () => [facts.why && say(`withdrawn_${facts.why}`), facts.reason],
    redacted: () => [redactedFor(facts.recipient, facts.reference)],
    access_request: () => called.answers(facts),
    offer: () => [facts.offer === "settings" ? gettext("Settings") : gettext("Version {version}", facts)],
  }[kind];
  const said = more === undefined ? [row.reason, facts.approved_by && gettext("approved by {who}", { who: facts.approved_by })] : more();
  return said.filter(Boolean).join(" · ");
}
