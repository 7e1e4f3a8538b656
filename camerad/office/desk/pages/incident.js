// One incident, several cameras: what was recorded at the same time, on one time bar, to be chosen and
// seen side by side.

import { get } from "./api.js";
import { fill, make, tell } from "./dom.js";
import { PagedList } from "./paging.js";
import { duration, moment } from "./format.js";
import { tags } from "./tags.js";
import { closePlayer, viewTogether } from "./viewing.js";
import { gettext } from "./words.js";

const MOST = 4;
/** Of others, so many are asked for at a time. */
const PAGE = 50;

/** What was recorded while this recording was made. */
export async function showIncident({ me, go }, [id = ""]) {
  closePlayer();
  const { rows, said } = await get(`/api/recordings/${encodeURIComponent(id)}`);
  const one = rows[0] ?? null;
  const back = make("button", { class: "quiet", onclick: () => go("recording", id) }, `‹ ${gettext("Back")}`);
  if (said === null || one === null || one.began_us === null) {
    return [back, make("h1", {}, gettext("Several cameras at the same time")), make("p", {}, gettext("There is no file of this recording here, so there is nothing to be seen beside it."))];
  }
  const asked = new URLSearchParams({ from_us: one.began_us, to_us: one.ended_us, state: "here", limit: PAGE });
  let boxes = [];
  const axis = make("p", { class: "axis" });
  const lanes = make("ul", { class: "lanes" });
  const left = make("p", { class: "hint", role: "status" });
  const list = new PagedList(lanes, { ask, draw, fail: (why) => fill(left, why) });
  const button = make("button", { class: "main", onclick: () => look() }, gettext("See them side by side"));
  const seen = make("section", { class: "seen", hidden: true });
  const choice = make("details", { class: "choice", open: true }, make("summary", {}, gettext("Choice")), axis, lanes, left, make("div", { class: "buttons" }, button, list.more));
  await list.begin(null);
  return [
    back,
    make("h1", {}, gettext("Several cameras at the same time")),
    make("p", { class: "hint" }, gettext("Choose 2 to {most} recordings. The bar shows when each camera recorded.", { most: MOST })),
    choice,
    seen,
  ];

  function ask(_, mark) {
    if (mark !== null) asked.set("after", mark);
    return get(`/api/recordings?${asked}`);
  }
  function found() {
    return [one, ...list.rows.filter((row) => row.id !== id && !row.copy)];
  }
  /** Those that were chosen stay so. */
  function draw(_, isFirst) {
    const picked = new Set(isFirst ? proposed(found()) : chosen().map((row) => row.id));
    const all = found().sort((row, other) => row.began_us - other.began_us);
    const from = Math.min(...all.map((row) => row.began_us));
    const to = Math.max(...all.map((row) => row.ended_us), from + 1);
    boxes = all.map((row) => make("input", { type: "checkbox", value: row.id, checked: picked.has(row.id), onclick: () => count() }));
    fill(axis, make("span", {}, moment(from)), make("span", {}, moment(to)));
    fill(lanes, all.map((row, number) => lane(row, boxes[number], from, to)));
    left.hidden = list.next === null;
    left.textContent = list.next === null ? "" : gettext("{count} are shown. There are more of that time.", { count: all.length });
    count();
  }
  function chosen() {
    return boxes.filter((box) => box.checked).map((box) => found().find((row) => row.id === box.value));
  }
  function count() {
    const { length } = chosen();
    for (const box of boxes) box.disabled = !box.checked && length >= MOST;
    button.disabled = length < 2;
  }
  async function look() {
    const rows = chosen();
    if (rows.length < 2) tell(gettext("Choose 2 to {most} recordings. The bar shows when each camera recorded.", { most: MOST }), "wrong");
    else await viewTogether(rows, seen, me);
    if (seen.childElementCount === 0) return;
    choice.open = false;
    seen.scrollIntoView({ block: "start" });
  }
}

/** The first of each camera, as many as there is room for. */
function proposed(rows) {
  const cameras = rows.map(({ camera }) => camera);
  return rows.filter((row, number) => cameras.indexOf(row.camera) === number).slice(0, MOST).map((row) => row.id);
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
