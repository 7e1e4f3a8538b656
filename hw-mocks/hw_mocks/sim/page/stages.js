// What the camera does now, and the three stages.

import { $, make, mark, write } from "./dom.js";
import { duration, number, say, words } from "./words.js";

const STEPS = ["idle", "self_view", "recording"];
const STEP_OF = { idle: "idle", self_view: "self_view", recording: "recording", stopping: "recording" };

/** The three stages, in the language that is spoken. */
export function explain() {
  const steps = STEPS.map((name) =>
    make(
      "li",
      { class: `tone-${name}`, id: `step-${name}` },
      make("strong", { text: words().stages[name] }),
      make("span", { text: words().stageIs[name] }),
    ),
  );
  $("stages").replaceChildren(...steps);
}

/** `since`: milliseconds for which the recording went on since the state was told. */
export function showStage(state, policy, since) {
  const stage = state?.stage ?? "starting";
  mark($("now"), "data-stage", stage);
  write($("stage"), say("stages", stage));
  write($("elapsed"), elapsed(state, policy, since));
  for (const name of STEPS) {
    if (STEP_OF[stage] === name) mark($(`step-${name}`), "aria-current", "step");
    else $(`step-${name}`).removeAttribute("aria-current");
  }
  const told = (state?.conditions ?? []).map((name) => say("conditions", name));
  if (told.join() !== [...$("conditions").children].map((one) => one.textContent).join()) {
    $("conditions").replaceChildren(...told.map((text) => make("li", { text })));
  }
}

function elapsed(state, policy, since) {
  const text = words();
  if (state === null || !(state.stage in STEP_OF)) return "";
  if (state.recording !== null) return text.elapsed(duration(state.recording.seconds + since / 1000));
  if (!policy.pre_event_seconds) return text.noBuffer;
  if (!policy.armed_in.includes(state.stage)) return "";
  return text.buffer(number(state.pre_event_seconds, 0), number(policy.pre_event_seconds, 0));
}
