// One incident, several cameras: what was recorded at the same time, on one time bar, to be chosen and
// seen side by side.

import { get } from "./api.js";
import { fill, make, tell } from "./dom.js";
import { duration, moment } from "./format.js";
import { tags } from "./tags.js";
import { closePlayer, viewTogether } from "./viewing.js";
import { say } from "./words.js";

const MOST = 4;

/** What was recorded while this recording was made. */
export async function showIncident({ main, me, go }, [id = ""]) {
  closePlayer();
  const { rows, said } = await get(`/api/recordings/${encodeURIComponent(id)}`);
  const one = rows[0] ?? null;
  const back = make("button", { class: "quiet", onclick: () => go("recording", id) }, `‹ ${say("back")}`);
  if (said === null || one === null || one.began_us === null) {
    fill(main, back, make("h1", {}, say("side_by_side")), make("p", {}, say("nothing_at_once")));
    return;
  }
  const asked = new URLSearchParams({ from_us: one.began_us, to_us: one.ended_us, state: "here", limit: 50 });
  const others = (await get(`/api/recordings?${asked}`)).rows.filter((row) => row.id !== id && !row.copy);
  const all = [one, ...others].sort((row, other) => row.began_us - other.began_us);
  const from = Math.min(...all.map((row) => row.began_us));
  const to = Math.max(...all.map((row) => row.ended_us), from + 1);
  const boxes = all.map((row) => {
    const cameras = [one, ...others].map(({ camera }) => camera);
    // It and, of each other camera, the first, as many as there is room for.
    const place = [one, ...others].filter((other, number) => cameras.indexOf(other.camera) === number).indexOf(row);
    const checked = place >= 0 && place < MOST;
    return make("input", { type: "checkbox", value: row.id, checked, onclick: () => count() });
  });
  const button = make("button", { class: "main", onclick: () => look() }, say("side_by_side_look"));
  const seen = make("section", { class: "seen", hidden: true });
  fill(
    main,
    back,
    make("h1", {}, say("side_by_side")),
    make("p", { class: "hint" }, say("side_by_side_text", { most: MOST })),
    make("p", { class: "axis" }, make("span", {}, moment(from)), make("span", {}, moment(to))),
    make("ul", { class: "lanes" }, all.map((row, number) => lane(row, boxes[number], from, to))),
    make("div", { class: "buttons" }, button),
    seen,
  );
  count();

  function chosen() {
    return boxes.filter((box) => box.checked).map((box) => all.find((row) => row.id === box.value));
  }
  function count() {
    const { length } = chosen();
    for (const box of boxes) box.disabled = !box.checked && length >= MOST;
    button.disabled = length < 2;
  }
  async function look() {
    const rows = chosen();
    if (rows.length < 2) tell(say("side_by_side_text", { most: MOST }), "wrong");
    else await viewTogether(rows, seen, me);
  }
}

function lane(row, box, from, to) {
  const span = make("div", { class: "span" });
  span.style.left = `${((row.began_us - from) / (to - from)) * 100}%`;
  span.style.width = `${((row.ended_us - row.began_us) / (to - from)) * 100}%`;
  return make(
    "li",
    {},
    make("label", { class: "check" }, box, make("span", {}, make("b", {}, row.camera ?? "–"), ` · ${row.wearer ?? "–"} · ${moment(row.began_us, row.clock)} · ${duration(row.length_us / 1e6)} `, tags(row))),
    make("div", { class: "lane", "aria-hidden": "true" }, span),
  );
}
