// Tags of a recording: a word or two each.

import { make } from "./dom.js";
import { say } from "./words.js";

/** Its tags: whose tab found it not authentic, mark, hold, whether it left the office, what else is
 * wrong with it, and where it is. */
export function tags(row) {
  const found = [];
  const add = (is, kind, key, values) => {
    if (is) found.push(make("span", { class: `tag ${kind}` }, say(key, values)));
  };
  add(row.not_authentic_by, "refuted", "not_authentic_by", { who: row.not_authentic_by });
  add(row.flagged, "mark", "marked");
  add(row.held, "held", "held");
  add(row.handed_over, "held", "handed_over");
  add(row.has_gaps, "gap", "with_gaps");
  add(row.course === "recovered", "gap", "recovered");
  add(row.changed && row.state === "here", "quarantined", "changed");
  add(row.state !== "here" || found.length === 0, row.state, `state_${row.state}`);
  return found;
}
