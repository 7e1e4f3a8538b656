// The buttons under the picture, and the keys that do the same.

import { icon, make } from "./dom.js";

const ICONS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  pictureBack: "M16 5v14l-9-7zM5 5h2v14H5z",
  pictureOn: "M8 5v14l9-7zM17 5h2v14h-2z",
  back: "M12 5v14l-9-7zM21 5v14l-9-7z",
  on: "M12 5v14l9-7zM3 5v14l9-7z",
  eventBack: "M3 4h2v16H3zM13 5v14l-7-7zM21 5v14l-7-7z",
  eventOn: "M19 4h2v16h-2zM11 5v14l7-7zM3 5v14l7-7z",
  sound: "M4 9h4l6-5v16l-6-5H4zM16 8q3 4 0 8zM18 5q6 7 0 14l-1-1q4-6 0-12z",
};
/** What each key does, by the name that `KeyboardEvent.key` has for it. */
const KEYS = {
  " ": "toggle",
  k: "toggle",
  ",": "pictureBack",
  ".": "pictureOn",
  ArrowLeft: "back",
  ArrowRight: "on",
  p: "eventBack",
  n: "eventOn",
  m: "sound",
  Home: "begin",
  End: "end",
};
const SHIFTED = { ArrowLeft: "minuteBack", ArrowRight: "minuteOn" };

/**
 * Calls `act` with what is to be done: toggle, pictureBack, pictureOn, back, on, minuteBack,
 * minuteOn, eventBack, eventOn, sound, begin, end.
 */
export class Controls {
  #play;
  #sound;

  /** @param {any} words @param {(what: string) => void} act */
  constructor(words, act) {
    this.words = words;
    this.act = act;
    const button = (/** @type {string} */ name) =>
      make(
        "button",
        { type: "button", title: words[name], "aria-label": words[name], click: () => act(name) },
        icon(ICONS[name]),
      );
    this.#play = make("button", { type: "button", class: "primary play", click: () => act("toggle") });
    this.#sound = button("sound");
    this.element = make(
      "div",
      { class: "buttons" },
      this.#play,
      ...["eventBack", "back", "pictureBack", "pictureOn", "on", "eventOn"].map(button),
      this.#sound,
    );
    this.playing(false);
    this.heard(false, false);
  }

  /** Show whether it plays. @param {boolean} is */
  playing(is) {
    const name = is ? "pause" : "play";
    this.#play.replaceChildren(icon(ICONS[name]), make("span", { text: this.words[name] }));
  }

  /** Show whether there is sound, and whether it is on. @param {boolean} there @param {boolean} on */
  heard(there, on) {
    this.#sound.disabled = !there;
    this.#sound.setAttribute("aria-pressed", String(there && on));
    this.#sound.title = there ? this.words.sound : this.words.noSound;
    this.#sound.setAttribute("aria-label", this.#sound.title);
  }

  /** Let nothing be pressed that would do nothing. @param {boolean} is */
  enable(is) {
    for (const one of this.element.querySelectorAll("button")) {
      if (one !== this.#sound) one.disabled = !is;
    }
  }

  /** Put the focus on the button that plays. */
  focus() {
    this.#play.focus({ preventScroll: true });
  }

  /** Do what a key says; of use as a listener. @param {KeyboardEvent} event */
  pressed(event) {
    if (this.#play.disabled || event.ctrlKey || event.altKey || event.metaKey) return;
    const within = /** @type {Element} */ (event.target);
    if (within.closest("input, summary, select, textarea")) return;
    if (event.key === " " && within.closest("button")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const what = event.shiftKey ? SHIFTED[key] : KEYS[key];
    if (what === undefined) return;
    event.preventDefault();
    this.act(what);
  }
}
