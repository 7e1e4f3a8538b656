// What the camera does now, in words; and the three stages.

import { $, make, mark, write } from "./dom.js";
const STEP_OF = { idle: "idle", self_view: "self_view", recording: "recording", stopping: "recording" };

/** Show the three stages, as telling.js has them. */
export function explain(stages) {
  if ($("stages").childElementCount === 0) {
    for (const { name } of stages) {
      $("stages").append(make("li", { class: `tone-${name}`, id: `step-${name}` }, make("strong"), make("span")));
    }
  }
  for (const { name, title, says } of stages) {
    const [strong, span] = $(`step-${name}`).children;
    write(strong, title);
    write(span, says);
  }
}

/** Show what telling.js says. */
export function showStage(told) {
  mark($("telling"), "data-tone", told.tone);
  for (const part of ["headline", "elapsed", "wearer", "hint", "cue"]) write($(part === "headline" ? "stage" : part), told[part]);
  for (const step of $("stages").children) {
    if (step.id === `step-${STEP_OF[told.stage]}`) mark(step, "aria-current", "step");
    else step.removeAttribute("aria-current");
  }
  if (told.conditions.join() !== [...$("conditions").children].map((one) => one.textContent).join()) {
    $("conditions").replaceChildren(...told.conditions.map((text) => make("li", { text })));
  }
}
