// What the camera does now, and the three stages.

import { $, make, mark, write } from "./dom.js";
import { clock } from "./live.js";
import { duration, number, say, words } from "./words.js";

/** What bodycam-sim calls the trigger of a recording that nobody pressed for: it was cut off before. */
const CONTINUED = "continued";
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
      make("strong", { text: words().stages[name] }),
      make("span", { text: says(name) }),
    ),
  );
  $("stages").replaceChildren(...steps);
}

export function showStage(state, policy) {
  const stage = state?.stage ?? "unknown";
  mark($("now"), "data-stage", stage);
  mark($("now"), "data-empty", String(state?.empty ?? false));
  write($("stage"), say("stages", stage));
  write($("elapsed"), elapsed(state, policy));
  write($("wearer"), wearer(state));
  for (const name of STEPS) {
    if (STEP_OF[stage] === name) mark($(`step-${name}`), "aria-current", "step");
    else $(`step-${name}`).removeAttribute("aria-current");
  }
  const told = (state?.conditions ?? []).map((name) => say("conditions", name));
  if (state?.handover) told.push(handover(state.handover));
  if (told.join() !== [...$("conditions").children].map((one) => one.textContent).join()) {
    $("conditions").replaceChildren(...told.map((text) => make("li", { text })));
  }
}

/** Why it cannot record, and what to do; "" where no cause is known. `gravity`: the gravest first. */
export function cause({ conditions }, gravity) {
  const name = gravity.find((one) => conditions.includes(one) && one in words().toDo);
  if (name === undefined) return "";
  const said = say("conditions", name);
  return `${said[0].toUpperCase()}${said.slice(1)}. ${words().toDo[name]}`;
}

/** What a recording hears now: "on", "muted" or "none", as the display tells it. */
export function soundOf({ muted, microphone }) {
  if (muted) return "muted";
  return microphone === "on" ? "on" : "none";
}

/** How handing over goes, with what the green light does meanwhile. */
function handover({ state, done, total, trouble }) {
  if (trouble !== null) return words().handover.failed(say("troubles", trouble));
  return words().handover[state](number(done, 0), number(total, 0));
}

function wearer(state) {
  const text = words();
  if (state?.shift) return text.wornBy(state.shift.wearer);
  return state?.looking_for_badge ? text.looksForBadge : "";
}

function elapsed(state, policy) {
  const text = words();
  if (state === null || !(state.stage in STEP_OF)) return "";
  if (state.recording !== null) {
    const { since_us: sinceUs, pre_event_seconds: before, trigger } = state.recording;
    // Counted from the press, as on the display; from before the press is told apart.
    const said = trigger === CONTINUED ? text.elapsedContinued : text.elapsed;
    const time = sinceUs === null ? [] : [said(duration((clock.nowUs() - sinceUs) / 1e6))];
    const earlier = before > 0 ? [text.elapsedBefore(number(before, 0))] : [];
    return [...time, ...earlier, text.soundNow[soundOf(state)]].join(" · ");
  }
  if (!policy.pre_event_seconds) return text.noBuffer;
  if (!policy.armed_in.includes(state.stage)) return "";
  return text.buffer(number(state.pre_event_seconds, 0), number(policy.pre_event_seconds, 0));
}
