// Titles of recordings: the camera and when it began, here; its id stands beneath.

import { get } from "./api.js";
import { make } from "./dom.js";
import { idTime, moment } from "./format.js";
import { gettext, say } from "./words.js";

/** As many as the server gives at once. */
const PAGE = 50;
/** Which of several rows with one id stands for it: the higher one; a copy behind what it is of. */
const RANKS = { here: 2, quarantined: 0 };
const rank = (row) => (row === undefined ? -1 : (RANKS[row.state] ?? 1) - (row.copy ? 0.5 : 0));

/** Rows of recordings by their ids, as far as the index has them. */
export async function rowsOf(ids) {
  const found = Object.create(null);
  for (let from = 0; from < ids.length; from += PAGE) {
    const asked = new URLSearchParams({ ids: ids.slice(from, from + PAGE).join(",") });
    let next = null;
    do {
      if (next !== null) asked.set("after", next);
      const page = await get(`/api/recordings?${asked}`);
      for (const row of page.rows) if (rank(row) > rank(found[row.id])) found[row.id] = row;
      next = page.next;
    } while (next !== null);
  }
  return found;
}

/** "camera-03, 28.11.2026, 22:12:05". row: what is known of it, perhaps nothing. */
export function titleOf(id, row) {
  const began = row?.began_us ?? idTime(id);
  return [row?.camera, began === null ? null : moment(began, row?.clock)].filter(Boolean).join(", ") || id;
}

/** What a dialog about it is headed by. found: as the server says it. */
export function headed(key, id, { rows, said }) {
  return `${say(key)}: ${titleOf(id, rows[0] ?? (said && { ...said, camera: said.device }))}`;
}

/** Where its page is. */
export function addressOf(id) {
  return `#recording/${encodeURIComponent(id)}`;
}

/** A link to it; its title alone for a person who may not see it. */
export function linked(id, row, opens = true) {
  return opens ? make("a", { href: addressOf(id) }, titleOf(id, row)) : titleOf(id, row);
}

/** Its id, small. */
export function smallId(id) {
  return make("div", { class: "hint" }, gettext("ID {id}", { id }));
}
