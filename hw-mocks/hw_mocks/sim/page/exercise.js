// One exercise: facts come in, steps are done. No document here, and no clock: time comes with the facts.

import { marksSince } from "./telling.js";

/** What of the camera's news is a fact: [{what, atUs, ...}], made of two states that follow each other. */
export class Facts {
  constructor() {
    this.before = null;
    this.busy = null;
  }

  /** A state, as bodycam-sim tells it. */
  state(next, atUs) {
    const facts = [];
    const { before } = this;
    this.before = next;
    if (before === null) return facts;
    if (next.stage === "self_view" && before.stage !== "self_view") facts.push({ what: "self_view", atUs });
    if (next.stage === "recording" && before.stage !== "recording") facts.push({ what: "recording", from: before.stage, atUs });
    // One that was cut off has not been stopped.
    if (before.recording !== null && next.recording === null && (next.stage === "idle" || next.stage === "stopping")) {
      facts.push({ what: "stopped", atUs });
    }
    if (next.stage === "recording" && before.stage === "recording" && next.muted !== before.muted) {
      facts.push({ what: next.muted ? "muted" : "unmuted", atUs });
    }
    for (let count = marksSince(before, next); count > 0; count -= 1) facts.push({ what: "mark", atUs });
    for (const name of next.conditions) {
      if (!before.conditions.includes(name)) facts.push({ what: "condition", name, atUs });
    }
    return facts;
  }

  /** A rhythm was felt to its end, while these conditions held. */
  felt(atUs) {
    return (this.before?.conditions ?? []).map((name) => ({ what: "felt", name, atUs }));
  }

  /** What the evidence desk tells: it was busy, and has found something. */
  desk({ busy, findings }, atUs) {
    const was = this.busy;
    this.busy = busy;
    if (was === null || busy !== null) return [];
    const { doing, verdict } = findings[was.id] ?? {};
    if (doing !== was.doing || verdict === null) return [];
    return [{ what: doing === "open" ? "opened" : "verified", id: was.id, atUs }];
  }
}

/** How a step came out. */
export const RIGHT = "right";
export const LATE = "late";
export const OTHERWISE = "otherwise";
export const WRONG = "wrong";
/** Whoever did it was shown how. */
export const HELPED = "helped";
export const MISSED = "missed";

/**
 * A scenario that is played; `results`: [{result, seconds, answer}] of the steps that are done. seconds: that
 * the step took.
 */
export class Exercise {
  constructor(scenario, atUs) {
    this.scenario = scenario;
    this.stepUs = atUs;
    this.results = [];
    this.helped = false;
  }

  /** The step that is to be done now; undefined when all are. */
  get step() {
    return this.scenario.steps[this.results.length];
  }

  /** What is not to be told, since it would give an answer away: {ways, causes} of what the camera does. */
  get veil() {
    const rest = this.scenario.steps.slice(this.results.length);
    return { ways: !this.scenario.guided && rest.length > 0, causes: rest.some((one) => one.ask !== undefined) };
  }

  /** Whoever does the step is shown how. */
  help() {
    this.helped = true;
  }

  /** Take a fact; whether it has done a step. */
  take(fact) {
    const { step } = this;
    // What was told before the exercise, or before the step, is none of it.
    if (step === undefined || fact.atUs < this.stepUs) return false;
    if (step.unless === fact.what) {
      this.done(step.wants === "mark" ? MISSED : OTHERWISE, fact.atUs);
      this.take(fact);
      return true;
    }
    if (step.wants !== fact.what) return false;
    if (step.name !== undefined && step.name !== fact.name) return false;
    this.done(step.from === undefined || step.from === fact.from ? RIGHT : OTHERWISE, fact.atUs);
    return true;
  }

  /** Take an answer by its place; whether there was a question. */
  answer(place, atUs) {
    const { step } = this;
    if (step?.ask === undefined) return false;
    this.done(place === step.right ? RIGHT : WRONG, atUs, place);
    return true;
  }

  done(result, atUs, answer) {
    const { within } = this.step;
    const late = within !== undefined && atUs - this.stepUs > within * 1e6;
    const came = result !== RIGHT ? result : this.helped ? HELPED : late ? LATE : RIGHT;
    this.results.push({ result: came, seconds: (atUs - this.stepUs) / 1e6, answer });
    this.stepUs = atUs;
    this.helped = false;
  }
}
