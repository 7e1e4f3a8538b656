// Names of the ledgers' entries, with their subjects and reasons.

import { GROUNDS } from "./holds.js";
import { N_, gettext, sayFrom, wordFor } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  kind_case_added: N_("put into a case"),
  kind_case_removed: N_("taken out of a case"),
  kind_handed_over: N_("handed over"),
  kind_opened: N_("recording began"),
  kind_closed: N_("recording ended"),
  kind_recovered: N_("closed after it was cut off"),
  kind_acknowledged: N_("the office has it"),
  kind_received: N_("taken over from the camera"),
  kind_found: N_("a file that the ledger did not know"),
  kind_hold: N_("kept, no end"),
  kind_hold_until: N_("kept to a day"),
  kind_hold_ground: N_("what it is kept for"),
  kind_release: N_("protection ended"),
  kind_release_reason: N_("why it ended"),
  kind_deleted: N_("deleted"),
  kind_missing: N_("file vanished"),
  kind_changed: N_("file is another one"),
  kind_viewed: N_("fetched to view"),
  kind_downloaded: N_("downloaded"),
  kind_case: N_("case changed"),
  kind_camera: N_("camera withdrawn or taken back"),
  kind_offer: N_("offer to a camera"),
  kind_signed: N_("signed in or out"),
  kind_viewing_approved: N_("viewing approved"),
  kind_judged: N_("checked in a browser"),
  kind_packaged: N_("put into a package"),
  kind_redacted: N_("redacted copy made"),
  recipient_person: N_("for the person recorded"),
  recipient_prosecutor: N_("for the prosecutor"),
  recipient_court: N_("for a court"),
  recipient_other: N_("for others"),
  judged_authentic: N_("checked in the browser of {who}: authentic and complete"),
  judged_qualified: N_("checked in the browser of {who}: authentic, with remarks"),
  judged_not_authentic: N_("checked in the browser of {who}: NOT authentic"),
  judged_unreadable: N_("checked in the browser of {who}: not readable as a recording"),
  kind_rights: N_("rights and access"),
  kind_start: N_("server started"),
  kind_epoch: N_("new file of the ledger"),
  kind_carried: N_("carried over from the file before"),
  kind_identity: N_("the server's key"),
  kind_report_made: N_("report"),
  kind_trial_started: N_("pilot began"),
  kind_trial_noted: N_("noted in the pilot"),
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

/** What a kind of entry is called. */
export function kindWords(kind) {
  const known = ["opened", "closed", "recovered", "acknowledged", "received", "found", "hold", "hold_until", "hold_ground", "release", "release_reason", "deleted", "missing", "changed", "viewed", "downloaded", "viewing_approved", "judged", "packaged", "redacted", "case", "case_added", "case_removed", "handed_over", "signed", "rights", "camera", "offer", "report_made", "trial_started", "trial_noted", "start", "epoch", "carried", "identity"];
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
/** For whom a redacted copy is made, by role. */
export const RECIPIENTS = ["person", "prosecutor", "court", "other"];
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
    redacted: () => [redactedFor(facts.recipient, facts.reference)],
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
  if (entry.kind === "redacted") return redactedFor(...entry.reason.split(" "));
  const ended = ["closed", "received", "recovered"].includes(entry.kind);
  return (ended ? wordFor(called.end_reasons, entry.reason) : entry.reason) ?? "";
}

/** For whom a copy was made, by role, and the file number. */
function redactedFor(recipient, ...reference) {
  const role = RECIPIENTS.includes(recipient) ? say(`recipient_${recipient}`) : recipient;
  return [role, reference.join(" ")].filter(Boolean).join(" · ");
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
