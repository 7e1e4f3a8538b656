// The time of a recording as a strip: stages, what lies before the press, gaps and marks.

import { make } from "./dom.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  strip_recording: N_("recording"),
  strip_self_view: N_("self-view"),
  strip_pre: N_("before the press"),
  strip_gap: N_("gap: pictures missing"),
  strip_flag: N_("mark"),
  strip_press: N_("press"),
  strip_footage: N_("pictures"),
});

/** A strip of what a recording says of its time; what is in it stands below it as text. */
export function strip(said) {
  const length = Math.max(said.seconds, 0.001);
  const share = (at) => Math.min(1, Math.max(0, (at ?? 0) / length)) * 100;
  const piece = (kind, from, to = null) => {
    const made = make("div", { class: kind });
    made.style.left = `${share(from)}%`;
    if (to !== null) made.style.width = `${share(to) - share(from)}%`;
    return made;
  };
  const pieces = said.stages.map((one, number) => piece(`stage ${one.stage}`, one.at, said.stages[number + 1]?.at ?? length));
  pieces.unshift(piece("footage", 0, length));
  if (said.trigger_at > 0) pieces.push(piece("pre", 0, said.trigger_at));
  for (const gap of said.gaps) pieces.push(piece("gap", gap.from ?? 0, gap.to ?? length));
  pieces.push(piece("press", said.trigger_at));
  for (const at of said.marks) pieces.push(piece("flag", at));
  // It explains what is there, and nothing else.
  const there = (kind) => pieces.some((one) => one.classList.contains(kind));
  const kinds = ["recording", "self_view", "footage", "pre", "press", "gap", "flag"].filter(there);
  return [
    make("div", { class: "strip", role: "img", "aria-label": gettext("Stages, gaps and marks of the recording; the same stands below as text") }, pieces),
    make("ul", { class: "legend", "aria-hidden": "true" }, kinds.map((one) => make("li", {}, make("span", { class: `swatch-${one}` }), say(`strip_${one}`)))),
  ];
}
