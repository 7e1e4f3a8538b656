// The camera's buttons: pressed with mouse, touch or keyboard, for as long as one holds them.

import { $, make, write } from "./dom.js";
import { ask } from "./live.js";
import { number, say, words } from "./words.js";

const PRESS_KEYS = new Set([" ", "Enter"]);

/** The holds that mean something in a stage, shortest first. */
const holdsOf = (gestures, stage) =>
  gestures
    .filter((one) => one.gesture === "hold" && one.in.includes(stage))
    .sort((one, other) => one.seconds - other.seconds);

/** `stage` is a function; `told` is called with what a press has come to; `big`: the one to begin with. */
export class PressedButton {
  constructor({ name, gestures }, stage, told, big) {
    this.name = name;
    this.gestures = gestures;
    this.stage = stage;
    this.told = told;
    this.down = false;
    this.sent = Promise.resolve();
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
      this.press(true);
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      on(kind, () => this.press(false));
    }
    on("keydown", (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      event.preventDefault();
      if (!event.repeat) this.press(true);
    });
    on("keyup", (event) => {
      if (!PRESS_KEYS.has(event.key)) return;
      // Else some browsers make a click of it, which would be one press more.
      event.preventDefault();
      this.press(false);
    });
    // What presses without pointer or key, as assistive technology does, presses shortly.
    on("click", (event) => {
      if (event.detail === 0 && !this.down && event.isTrusted) this.tap();
    });
    // A long touch is a hold here, not a question for a menu.
    on("contextmenu", (event) => event.preventDefault());
    addEventListener("pagehide", () => this.press(false));
  }

  tap() {
    this.sent = this.sent.then(() => this.send({ button: this.name, seconds: 0.1 }));
  }

  press(down) {
    if (down === this.down) return;
    this.down = down;
    $("device").classList.remove("untouched");
    if (down) {
      this.since = performance.now();
      this.from = this.stage();
      this.holds = holdsOf(this.gestures, this.from);
      this.count();
    } else {
      this.told(this, this.from, (performance.now() - this.since) / 1000);
    }
    this.show();
    // One after the other: a release must never overtake its press.
    this.sent = this.sent.then(() => this.send({ button: this.name, down }));
  }

  async send(order) {
    try {
      await ask("/api/press", order);
    } catch (error) {
      this.told(this, null, error.message);
    }
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
    write(this.label, say("buttons", this.name));
  }
}

/** What the buttons do in a stage under a policy, as lists of gestures and what they come to. */
export function keysIn(stage, buttons, policy) {
  const text = words();
  const silent = (one) => one.intent === "toggle_mute" && !policy.sound;
  const intents = policy.may_mute ? text.intents : { ...text.intents, toggle_mute: text.mayNotMute };
  return buttons.flatMap(({ name, gestures }) => {
    const lines = gestures
      .filter((one) => one.in.includes(stage) && !silent(one))
      .flatMap((one) => {
        const gesture = text.gestures[one.gesture];
        const done = intents[one.intent] ?? one.intent.replaceAll("_", " ");
        return [
          make("dt", { text: typeof gesture === "function" ? gesture(one.seconds) : gesture }),
          make("dd", { text: typeof done === "string" ? done : (done[stage] ?? one.intent) }),
        ];
      });
    if (lines.length === 0) return [];
    return [make("div", {}, make("h3", { text: say("buttons", name) }), make("dl", {}, ...lines))];
  });
}
