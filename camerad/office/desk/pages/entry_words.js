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
  kind_received: N_("received from the camera"),
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
  kind_identity: N_("the server key"),
  kind_report_made: N_("report"),
  kind_access_request: N_("access request"),
  kind_trial_started: N_("pilot began"),
  kind_trial_noted: N_("noted in the pilot"),
});

/** What a kind of entry is called. */
export function kindWords(kind) {
  const known = ["opened", "closed", "recovered", "acknowledged", "received", "found", "hold", "hold_until", "hold_ground", "release", "release_reason", "deleted", "missing", "changed", "viewed", "downloaded", "viewing_approved", "judged", "packaged", "redacted", "case", "case_added", "case_removed", "handed_over", "signed", "rights", "camera", "offer", "access_request", "report_made", "trial_started", "trial_noted", "start", "epoch", "carried", "identity"];
  return known.includes(kind) ? say(`kind_${kind}`) : `${gettext("entry")} ${kind}`;
}

/** For whom a redacted copy is made, by role. */
export const RECIPIENTS = ["person", "prosecutor", "court", "other"];

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
export function redactedFor(recipient, ...reference) {
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
