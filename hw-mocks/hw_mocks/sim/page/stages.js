// What the camera does now, in words; and the three stages.

import { $, make, mark, write } from "./dom.js";
import { nameOf } from "./telling.js";
import { number, words } from "./words.js";

const STEPS = ["idle", "self_view", "recording"];
const STEP_OF = { idle: "idle", self_view: "self_view", recording: "recording", stopping: "recording" };

/** The three stages, in the language that is spoken. */
export function explain(policy, ready = true) {
  const held = (name) => (policy.armed_in.includes(name) ? number(policy.pre_event_seconds, 0) : "");
  const says = (name) => {
    const text = words().stageIs[name](policy.pre_event_seconds ? held(name) : "", policy.sound);
    return ready ? text : (words().stageIsNot[name] ?? text);
  };
  const steps = STEPS.map((name) =>
    make(
      "li",
      { class: `tone-${name}`, id: `step-${name}` },
      make("strong", { text: nameOf(name, ready) }),
      make("span", { text: says(name) }),
    ),
  );
  $("stages").replaceChildren(...steps);
}

/** Show what telling.js says. */
export function showStage(told) {
  mark($("telling"), "data-tone", told.tone);
  for (const part of ["headline", "elapsed", "wearer", "hint", "cue"]) write($(part === "headline" ? "stage" : part), told[part]);
  for (const name of STEPS) {
    if (STEP_OF[told.stage] === name) mark($(`step-${name}`), "aria-current", "step");
    else $(`step-${name}`).removeAttribute("aria-current");
  }
  if (told.conditions.join() !== [...$("conditions").children].map((one) => one.textContent).join()) {
    $("conditions").replaceChildren(...told.conditions.map((text) => make("li", { text })));
  }
}
