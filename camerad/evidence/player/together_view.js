// What a person sees of recordings side by side: a panel for each, one time bar, one set of buttons.

import { Controls } from "./controls.js";
import { icon, make, show } from "./dom.js";
import { KeyForm } from "./key_form.js";
import { legendOf } from "./player_view.js";
import { WallBar } from "./time_bar.js";
import { timeOfDay } from "./times.js";

const SOUND = "M4 9h4l6-5v16l-6-5H4zM16 8q3 4 0 8zM18 5q6 7 0 14l-1-1q4-6 0-12z";

/** One recording: `place` takes its player. handlers: `hear` and `shift` (by how many pictures). */
class Panel {
  #sound;
  #shifted;
  #away;
  #steps;

  /**
   * @param {any} words @param {string} label
   * @param {{hear: () => void, shift: (by: number) => void}} handlers
   */
  constructor(words, label, handlers) {
    this.words = words;
    this.place = make("div", { class: "place" });
    this.#away = make("p", { class: "away", hidden: true, text: words.notThen });
    this.#steps = make("p", { class: "steps", hidden: true });
    this.#sound = make(
      "button",
      { type: "button", "aria-label": words.soundOf(label), title: words.soundOf(label), click: handlers.hear },
      icon(SOUND),
    );
    this.#shifted = make("span", { class: "shifted", role: "status" });
    const button = (/** @type {string} */ text, /** @type {string} */ says, /** @type {number} */ by) =>
      make("button", { type: "button", text, title: says, "aria-label": says, click: () => handlers.shift(by) });
    this.element = make(
      "section",
      { class: "panel", "aria-label": label },
      make("h2", { text: label }),
      this.#away,
      this.place,
      this.#steps,
      make(
        "div",
        { class: "buttons" },
        this.#sound,
        button("−1", words.earlier(label), -1),
        button("+1", words.later(label), 1),
        this.#shifted,
      ),
    );
    this.shifted(0, 0);
    this.heard(false, false);
  }

  /** Say that there is no picture at this time. @param {boolean} is */
  away(is) {
    show(this.#away, is);
  }

  /** Show whether there is sound, and whether it is on. @param {boolean} there @param {boolean} on */
  heard(there, on) {
    this.#sound.disabled = !there;
    this.#sound.setAttribute("aria-pressed", String(there && on));
  }

  /** Say by how much it was shifted by hand. @param {number} pictures @param {number} us */
  shifted(pictures, us) {
    const ms = Math.round(us / 1000);
    this.#shifted.textContent = pictures === 0 ? this.words.notShifted : this.words.shifted(pictures, ms);
  }

  /** Say how far its clock was put right meanwhile. @param {number} us */
  clockSteps(us) {
    show(this.#steps, us > 0);
    this.#steps.textContent = us > 0 ? this.words.clockSteps(Math.round(us / 1000)) : "";
  }
}

/**
 * The parts; `element` is to be put into a page. handlers: `seek` (wall), `act` (what; see Controls),
 * `hear` (which) and `shift` (which, by).
 */
export class TogetherView {
  #time;
  #asks;
  #kept;

  /**
   * @param {any} words
   * @param {import("./key_file.js").HeldKey} identity
   * @param {string[]} labels of the recordings
   * @param {{seek: (wall: number) => void, act: (what: string) => void,
   *   hear: (which: number) => void, shift: (which: number, by: number) => void}} handlers
   */
  constructor(words, identity, labels, handlers) {
    this.words = words;
    this.#asks = new KeyForm(identity, words);
    this.bar = new WallBar(words, handlers.seek);
    this.controls = new Controls(words, handlers.act);
    this.#time = make("p", { class: "time" });
    const forget = make("button", { type: "button", text: words.forget, click: () => identity.forget() });
    this.#kept = make("p", { class: "kept" }, words.kept, " ", forget);
    this.panels = labels.map(
      (label, which) =>
        new Panel(words, label, {
          hear: () => handlers.hear(which),
          shift: (by) => handlers.shift(which, by),
        }),
    );
    const keys = words.keys.map(([key, does]) => [make("dt", { text: key }), make("dd", { text: does })]);
    this.element = make(
      "section",
      {
        class: "camerad-player together",
        "aria-label": words.together,
        keydown: (/** @type {KeyboardEvent} */ event) => this.controls.pressed(event),
      },
      this.#asks.element,
      make("div", { class: "panels" }, ...this.panels.map(({ element }) => element)),
      make("div", { class: "deck" }, this.#time, this.bar.element, this.controls.element),
      legendOf(words),
      make("p", { class: "kept", text: words.togetherHint }),
      this.#kept,
      make("details", {}, make("summary", { text: words.keyboard }), make("dl", { class: "keys" }, ...keys.flat())),
    );
    this.opened(identity.isOpen);
  }

  /** Whether the key is there. @param {boolean} is @param {string} why it is not any more */
  opened(is, why = "") {
    show(this.#asks.element, !is);
    this.#asks.say(why);
    show(this.#kept, is);
    show(this.controls.element, is);
    this.controls.enable(is);
    this.bar.element.setAttribute("aria-disabled", String(!is));
  }

  /** Where the pictures are. @param {number} wall */
  tell(wall) {
    this.bar.move(wall);
    this.#time.textContent = timeOfDay(wall, this.words.locale);
  }
}
