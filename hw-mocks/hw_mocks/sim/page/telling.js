// What the page says of the camera: a function of facts that are known just now. No document here.
//
// A daemon that is dead, stalled or out of reach says nothing of the camera, so neither does the page;
// what its pins drive, it still shows. A cue that was felt is read for as long as it is true.

import { clock } from "./live.js";
import { duration, number, say, words } from "./words.js";

/** The stages that only a daemon tells of. */
const TOLD_BY_DAEMON = new Set(["idle", "self_view", "recording", "stopping"]);
/** What bodycam-sim calls the trigger of a recording that nobody pressed for: it was cut off before. */
const CONTINUED = "continued";
const NOTHING = { stage: "unknown", ready: false, empty: false, conditions: [], recording: null, shift: null };
/** Without which whoever stands before the camera sees themselves on its display. */
const UNSEEN = ["camera_down", "camera_covered", "display_down"];

/** Where what a cue says is so; of one that is not here, wherever the daemon answers. */
const HOLDS = {
  records: ({ stage }) => stage === "recording",
  silent: ({ stage }) => stage === "recording",
  light: () => true,
  // Also a recording whose camera delivers nothing.
  no_recording: ({ stage, ready }) => stage !== "recording" || !ready,
  left: ({ stage }) => stage !== "recording",
  done: ({ stage }) => stage !== "recording",
};

/**
 * Everything in words: {stage, tone, headline, elapsed, wearer, conditions, hint, cue}. `tone`: "ready",
 * "refused", "recording" or "none".
 *
 * state: as bodycam-sim tells it, null while nothing is heard of it. board: what the camera consists
 * of. cue: name of the rhythm that was felt, null. note: what is to be read for a moment. veil: what an
 * exercise keeps back, {ways, causes}.
 */
export function tell({ state, board, cue = null, note = "", veil = {} }) {
  const text = words();
  const known = state ?? NOTHING;
  const { stage } = known;
  const answers = TOLD_BY_DAEMON.has(stage);
  const ready = answers && known.ready;
  const told = { stage, tone: toneOf(stage, ready), elapsed: "", wearer: "", conditions: [], cue: "" };
  told.headline = nameOf(stage, ready);
  told.hint = known.awaits_answer ? text.next.answer : note || hint(known, board, ready, state === null);
  if (!answers) return told;
  if (veil.causes) return { ...told, tone: "none", headline: text.exercise.headline, hint: note || text.exercise.hint };
  told.elapsed = elapsed(known, board.policy);
  told.wearer = wearer(known);
  told.conditions = conditionsOf(known, board.covers ?? {}, told.tone === "ready");
  if (cue !== null && (HOLDS[cue] ?? (() => true))({ stage, ready })) told.cue = felt(cue, known);
  if (veil.ways) told.hint = note || text.exercise.hint;
  return told;
}

/** What a rhythm says. The display says what is the matter where it works, and nobody else reads it. */
function felt(cue, { stage, conditions }) {
  const text = words().rhythms;
  if (cue !== "look") return text[cue] ?? text.strange;
  if (conditions.includes("display_down")) return text.lookDark;
  return stage === "idle" ? text.look : text.lookLater;
}

/**
 * The three stages in words: [{name, title, says}]. state: as of `tell`. Of a recording it is said what
 * it takes, of self-view whether people see themselves, both as it is now.
 */
export function stagesOf(state, policy) {
  const { stageIs, stageIsNot } = words();
  const ready = mayBegin(state);
  const conditions = state?.conditions ?? [];
  const seen = !UNSEEN.some((name) => conditions.includes(name));
  return ["idle", "self_view", "recording"].map((name) => {
    const held = policy.pre_event_seconds && policy.armed_in.includes(name) ? number(policy.pre_event_seconds, 0) : "";
    const says = (ready ? stageIs : stageIsNot)[name]({ held, seen, takes: takenBy(state, policy.sound) });
    return { name, title: nameOf(name, ready), says };
  });
}

/** Whether a recording could begin, or runs; also where that is unknown. */
export function mayBegin(state) {
  return state === null || state.recording !== null || state.ready || !["idle", "self_view", "off"].includes(state.stage);
}

/** What a recording takes: "both", "picture", "sound" or "nothing". One that is not there yet has what works. */
function takenBy(state, sound) {
  const { stage, conditions, ...known } = state ?? NOTHING;
  const picture = !conditions.includes("camera_down");
  const heard = sound && (stage === "recording" ? soundOf(known) === "on" : !conditions.includes("microphone_down"));
  if (picture) return heard ? "both" : "picture";
  return heard ? "sound" : "nothing";
}

/** What a stage is called: one from which no recording could begin is not called ready. */
export function nameOf(stage, ready) {
  return (ready ? null : words().stagesRefused[stage]) ?? say("stages", stage);
}

function toneOf(stage, ready) {
  if (stage === "idle" || stage === "self_view") return ready ? "ready" : "refused";
  return stage === "recording" || stage === "stopping" ? "recording" : "none";
}

/** What is the matter, without what a graver one says anyway; and how handing over goes. */
function conditionsOf({ conditions, handover }, covers, ready) {
  const covered = new Set(conditions.map((name) => covers[name]));
  const told = conditions.filter((name) => !covered.has(name)).map((name) => say("conditions", name));
  // Its lights are those of handing over where being docked is all that they say.
  if (handover) told.push(handedOver(handover, ready && conditions.every((name) => name === "docked")));
  return told;
}

/** How handing over goes; lit: with what the lights do meanwhile. */
function handedOver({ state, done, total, trouble }, lit) {
  const text = words().handover;
  const said = trouble === null ? text[state](number(done, 0), number(total, 0)) : text.failed(say("troubles", trouble));
  return lit ? `${said} (${text.lights[trouble === null ? state : "failed"]})` : said;
}

function wearer({ shift, looking_for_badge: looks }) {
  const text = words();
  if (shift) return text.wornBy(shift.wearer);
  return looks ? text.looksForBadge : "";
}

/** What a recording hears now: "on", "muted" or "none", as the display tells it. */
function soundOf({ muted, microphone }) {
  if (muted) return "muted";
  return microphone === "on" ? "on" : "none";
}

function elapsed(state, policy) {
  const text = words();
  if (state.recording !== null) {
    const { since_us: sinceUs, pre_event_seconds: before, trigger } = state.recording;
    // Counted from the press, as on the display; from before the press is told apart.
    const said = trigger === CONTINUED ? text.elapsedContinued : text.elapsed;
    const time = sinceUs === null ? [] : [said(duration((clock.nowUs() - sinceUs) / 1e6))];
    const earlier = before > 0 ? [text.elapsedBefore(number(before, 0))] : [];
    const picture = state.conditions.includes("camera_down") ? [text.noPicture] : [];
    return [...time, ...earlier, ...picture, text.soundNow[soundOf(state)]].join(" · ");
  }
  if (!policy.pre_event_seconds) return text.noBuffer;
  if (!policy.armed_in.includes(state.stage)) return "";
  return text.buffer(number(state.pre_event_seconds, 0), number(policy.pre_event_seconds, 0));
}

/** The one thing that somebody who reads nothing else should read. */
function hint(state, board, ready, lost) {
  const text = words();
  const { stage } = state;
  if (state.empty) return text.hints.empty;
  if (stage === "unknown" && !lost) return text.hints.silent;
  if (stage in text.hints) return text.hints[stage];
  const buttons = board.buttons;
  if (stage === "recording") {
    for (const { name, ...button } of buttons) {
      const stop = stopOf(button);
      if (stop) return text.next.stop(text.buttonsIn[name] ?? say("buttons", name), stop.seconds);
    }
  }
  if (stage === "idle" && ready && state.cut_off) {
    for (const { name, gestures } of buttons) {
      if (gestures.some((one) => one.gesture === "hold" && one.in.includes(stage) && records(one.intent, stage))) {
        return text.next.goOn(text.buttonsIn[name] ?? say("buttons", name));
      }
    }
  }
  const press = (buttons[0]?.gestures ?? []).find((one) => one.gesture === "press" && one.in.includes(stage));
  const refused = ready ? "" : [text.hints.amber, cause(state, board.gravity ?? [])].filter(Boolean).join(" ");
  if (press === undefined) return refused;
  if (records(press.intent, stage)) return refused || text.next.record;
  if (refused || stage !== "idle") return refused;
  return state.conditions.includes("display_down") ? text.next.viewDark : text.next.view;
}

/** Why it cannot record, and what to do; "" where no cause is known. `gravity`: the gravest first. */
function cause({ conditions }, gravity) {
  const name = gravity.find((one) => conditions.includes(one) && one in words().toDo);
  if (name === undefined) return "";
  const said = say("conditions", name);
  return `${said[0].toUpperCase()}${said.slice(1)}. ${words().toDo[name]}`;
}

/** Whether an intent begins a recording from a stage. */
export const records = (intent, stage) =>
  intent === "record" ? stage !== "recording" : intent === "escalate" && stage === "self_view";

/** The gesture of a button that ends a recording; undefined if none does. */
export const stopOf = ({ gestures }) =>
  gestures.find((one) => one.gesture === "hold_press" && one.intent === "stop" && one.in.includes("recording"));

/** How many marks the camera has set between two of its states, the first of which may be null. */
export function marksSince(before, next) {
  const { since_us: began, marks = 0 } = before?.recording ?? {};
  if (before === null || next.stage !== "recording" || next.recording === null) return 0;
  return next.recording.marks - (began === next.recording.since_us ? marks : 0);
}
