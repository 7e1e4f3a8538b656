// What entries of the ledgers are called, and why they are there.

import { GROUNDS } from "./holds.js";
import { say, wordFor } from "./words.js";

/** What a kind of entry is called. */
export function kindWords(kind) {
  const known = ["opened", "closed", "recovered", "acknowledged", "received", "found", "hold", "hold_until", "hold_ground", "release", "deleted", "missing", "changed", "viewed", "downloaded", "viewing_approved", "judged", "case", "case_added", "case_removed", "handed_over", "signed", "rights", "camera", "offer", "report_made", "start"];
  return known.includes(kind) ? say(`kind_${kind}`) : `${say("kind_other")} ${kind}`;
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
