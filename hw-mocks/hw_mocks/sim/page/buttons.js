// The camera's buttons: pressed with mouse, touch or keyboard, for as long as one holds them.

import { $, make, write } from "./dom.js";
import { tell } from "./live.js";
import { records } from "./telling.js";
import { number, say, words } from "./words.js";

/** How long it is pressed by what has no finger. */
const TAP_MS = 100;
const PRESS_KEYS = new Set([" ", "Enter"]);

/** The holds that mean something in a stage, shortest first. */
const holdsOf = (gestures, stage) =>
  gestures
    .filter((one) => ["hold", "hold_press"].includes(one.gesture) && one.in.includes(stage))
    .sort((one, other) => one.seconds - other.seconds);

/**
 * `stage` is a function; `told` is called with what a press has come to: the button, the stage that
 * it began in, and its seconds; null for both if nobody was there to be told. `big`: the one to begin
 * with.
 */
export class PressedButton {
  constructor({ name, gestures }, stage, told, big) {
    this.name = name;
    this.gestures = gestures;
    this.stage = stage;
    this.told = told;
    this.down = false;
    /** Whether another hand was on it together with this page's, at its newest press. */
    this.shared = false;
    this.label = make("span");
    this.held = make("small", { "aria-hidden": "true" });
    this.element = make(
      "button",
      { type: "button", id: `button-${name}`, class: big ? "press main" : "press" },
      this.label,
      ...(big ? [this.held] : []),
    );
    this.listen();
  }

  listen() {
    const on = (kind, handler) => this.element.addEventListener(kind, handler);
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.element.setPointerCapture(event.pointerId);
      this.press(true, event.timeStamp);
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      on(kind, (event) => this.press(false, event.timeStamp));
    }
    on("keydown", (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      event.preventDefault();
      if (!event.repeat) this.press(true, event.timeStamp);
    });
    on("keyup", (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      // Else some browsers make a click of it, which would be one press more.
      event.preventDefault();
      this.press(false, event.timeStamp);
    });
    // What presses without pointer or key, as assistive technology does, presses shortly.
    on("click", (event) => {
      if (event.detail === 0 && !this.down && event.isTrusted) this.tap();
    });
    // A long touch is a hold here, not a question for a menu.
    on("contextmenu", (event) => event.preventDefault());
    addEventListener("pagehide", (event) => this.press(false, event.timeStamp));
  }

  tap() {
    const now = performance.now();
    this.press(true, now);
    setTimeout(() => this.press(false, now + TAP_MS), TAP_MS);
  }

  /** A finger comes down or up, at a time of the page: that of its event, which may be handled late. */
  press(down, atMs) {
    if (down === this.down) return;
    this.down = down;
    const told = tell({ button: this.name, down, at_ms: atMs });
    if (down) {
      if (!told) {
        this.down = false;
        this.told(this, null, null);
        return;
      }
      $("device").classList.remove("untouched");
      this.since = atMs;
      this.shared = false;
      this.from = this.stage();
      this.holds = holdsOf(this.gestures, this.from);
      this.count();
    } else {
      this.told(this, told ? this.from : null, told ? (atMs - this.since) / 1000 : null);
    }
    this.show();
  }

  /** Another hand, a stuck contact or a program presses it: seen at its pin. */
  seen(on) {
    this.contact = on;
    this.show();
  }

  show() {
    this.element.classList.toggle("down", this.down || this.contact === true);
    this.element.classList.toggle("holding", this.down && this.holds.length > 0);
    if (!this.down) {
      this.held.textContent = "";
      this.element.classList.remove("done");
    }
  }

  count() {
    if (!this.down) return;
    const seconds = (performance.now() - this.since) / 1000;
    this.held.textContent = `${number(seconds)} s`;
    const wanted = this.holds.at(-1)?.seconds;
    if (wanted !== undefined) {
      this.element.style.setProperty("--hold", String(Math.min(1, seconds / wanted)));
      this.element.classList.toggle("done", seconds >= wanted);
    }
    requestAnimationFrame(() => this.count());
  }

  speak() {
    write(this.label, words().labels[this.name] ?? say("buttons", this.name));
  }
}

/** Whether a short press of a button sets a mark in a recording. */
export const marks = ({ gestures }) =>
  gestures.some(
    (one) => one.gesture === "press" && one.in.includes("recording") && ["mark", "escalate"].includes(one.intent),
  );

const MUTES = ["toggle_mute", "sound"];

/** The gesture by which `does(intent)` comes about in a stage, in words; "" if there is none. */
export function wayTo(buttons, stage, does) {
  for (const { name, gestures } of buttons) {
    const one = gestures.find(({ in: stages, intent }) => stages.includes(stage) && does(intent));
    if (one) return words().way(say("buttons", name), gestureIn(one));
  }
  return "";
}

function gestureIn({ gesture, seconds }) {
  const said = words().gestures[gesture];
  return typeof said === "function" ? said(seconds) : said;
}

/**
 * What the buttons do in a stage under a policy, as lists of gestures and what they come to. `ready`:
 * whether a recording could begin.
 */
export function keysIn(stage, buttons, policy, ready = true) {
  const text = words();
  const silent = (one) => MUTES.includes(one.intent) && !policy.sound;
  const muting = Object.fromEntries(MUTES.map((name) => [name, text.mayNotMute]));
  const intents = policy.may_mute ? text.intents : { ...text.intents, ...muting };
  return buttons.flatMap(({ name, gestures }) => {
    const lines = gestures
      .filter((one) => one.in.includes(stage) && !silent(one))
      .flatMap((one) => {
        const done = intents[one.intent];
        // What is pressed while it starts or closes a recording is done as from idle, when it can be.
        const said = (typeof done === "string" ? done : (done?.[stage] ?? done?.idle)) ?? say("intents", one.intent);
        const refused = !ready && records(one.intent, stage);
        return [
          make("dt", { text: gestureIn(one) }),
          make("dd", { class: refused ? "would-not" : "", text: refused ? text.wouldNot(said) : said }),
        ];
      });
    if (lines.length === 0) return [];
    return [make("div", {}, make("h3", { text: say("buttons", name) }), make("dl", {}, ...lines))];
  });
}
