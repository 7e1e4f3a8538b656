// What a person sees of a player: its elements, and what is written into them.

import { Controls } from "./controls.js";
import { make, show } from "./dom.js";
import { EventList } from "./event_list.js";
import { KeyForm } from "./key_form.js";
import { TimeBar } from "./time_bar.js";
import { recordingTime, timeOfDay } from "./times.js";
import { VerdictView } from "./verdict_view.js";
import { wordFor } from "./word_for.js";

/**
 * The parts of a player; `element` is to be put into a page. handlers: `seek` (at), `act` (what; see
 * Controls), `playProven` and `retry`.
 */
export class PlayerView {
  #note = make("p", { class: "note", role: "status", hidden: true });
  #frame = make("p", { class: "frame", hidden: true });
  #time = make("p", { class: "time" });
  #clock = make("p", { class: "clock" });
  #problem = make("p", { class: "problem", role: "alert" });
  #kept;
  #proven;
  #again;
  #stage;
  #asks;
  #larger;

  /**
   * @param {any} words
   * @param {import("./key_file.js").HeldKey} identity
   * @param {string} folded what the key is asked for under, where that is to be unfolded first; ""
   *   asks at once
   * @param {{seek: (at: number) => void, act: (what: string) => void, playProven: () => void,
   *   retry: () => void}} handlers
   * @param {boolean} isLed whether another part has the key's form, the buttons and the time bar
   * @param {KeyForm | null} form that is there already
   */
  constructor(words, identity, folded, handlers, isLed, form = null) {
    this.words = words;
    this.video = make("video", { playsinline: true, preload: "auto", tabindex: -1 });
    this.video.setAttribute("aria-label", words.screen);
    this.form = form ?? new KeyForm(identity, words);
    this.form.key = identity;
    this.bar = new TimeBar(words, handlers.seek);
    this.events = new EventList(words, handlers.seek);
    this.controls = new Controls(words, handlers.act);
    this.verdict = new VerdictView(words);
    const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
      make("button", { type: "button", text, click, hidden: true });
    this.#proven = button(words.playProven, handlers.playProven);
    this.#again = button(words.again, handlers.retry);
    this.#larger = make("button", { type: "button", "aria-pressed": "false", text: words.larger, click: () => this.#enlarge() });
    const forget = make("button", { type: "button", text: words.forget, click: () => identity.forget() });
    this.#kept = make("p", { class: "kept", hidden: true }, words.kept, " ", forget);
    this.#asks =
      folded === ""
        ? this.form.element
        : make("details", {}, make("summary", { text: folded }), this.form.element);
    this.#stage = make(
      "div",
      { class: "stage", hidden: true },
      make("div", { class: "screen" }, this.video, this.#frame, this.#note),
      make("div", { class: "times" }, this.#time, this.#clock),
    );
    const keys = words.keys.map(([key, does]) => [make("dt", { text: key }), make("dd", { text: does })]);
    if (isLed) {
      // The pictures first, so that they stand beside each other.
      const parts = [this.#stage, this.verdict.element, this.#problem, this.#proven, this.#again];
      this.element = make("div", { class: "camerad-player led" }, ...parts);
    } else this.element = make(
      "section",
      {
        class: "camerad-player",
        tabindex: -1,
        "aria-label": words.player,
        keydown: (/** @type {KeyboardEvent} */ event) => this.controls.pressed(event),
      },
      this.verdict.element,
      this.#problem,
      this.#proven,
      this.#again,
      this.#asks,
      this.#stage,
      this.bar.element,
      this.controls.element,
      legendOf(words),
      this.#kept,
      this.events.element,
      make(
        "details",
        {},
        make("summary", { text: words.keyboard }),
        make("dl", { class: "keys" }, ...keys.flat()),
      ),
    );
    if (!isLed) this.controls.element.append(this.#larger);
    this.asks(!identity.isOpen);
    this.playable(false);
    this.verdict.checking(0);
  }

  /** Give the picture the room of what the verdict says in full, or give it back. */
  #enlarge() {
    const is = this.element.classList.toggle("large");
    this.#larger.setAttribute("aria-pressed", String(is));
    this.element.scrollIntoView({ block: "start" });
  }

  /** Ask for the key. @param {boolean} is */
  asks(is) {
    show(this.#asks, is);
  }

  /** Whether there is a key, so that there can be a picture. @param {boolean} is */
  playable(is) {
    show(this.#stage, is);
    show(this.controls.element, is);
    show(this.#kept, is);
    this.controls.enable(is);
    this.bar.element.setAttribute("aria-disabled", String(!is));
    if (!is) this.note(null);
  }

  /** Show no picture, where the one that is there is not the one that was asked for. @param {boolean} is */
  blank(is) {
    this.video.classList.toggle("blank", is);
  }

  /** Where the picture is, and what the statements say of that moment. */
  tell(/** @type {number} */ at, /** @type {import("./timeline.js").Timeline} */ timeline) {
    const { decimal, locale, clockWas, report, pre, stages, stage } = this.words;
    this.bar.move(at);
    const before = at < timeline.trigger ? ` · ${pre}` : "";
    const length = recordingTime(timeline.length, decimal);
    this.#time.textContent = `${recordingTime(at, decimal)} / ${length}${before}`;
    const { wall_us: wall, source } = timeline.wall(at);
    const is = timeline.stageAt(at);
    const said = [timeOfDay(wall, locale), clockWas(wordFor(report.clock, source))];
    if (is !== null) said.push(`${stage}: ${wordFor(stages, is)}`);
    this.#clock.textContent = said.join(" · ");
  }

  /** Write over the lower edge of the picture; null takes it away. @param {string | null} text */
  note(text) {
    if (text !== null && this.#note.textContent !== text) this.#note.textContent = text;
    show(this.#note, text !== null);
  }

  /** Frame the picture as a proven part. @param {boolean} is */
  frame(is) {
    this.element.classList.toggle("proven-part", is);
    this.#frame.textContent = is ? this.words.provenPart : "";
    show(this.#frame, is);
  }

  /** Say what is wrong; "" takes it away. @param {string} text */
  problem(text) {
    this.#problem.textContent = text;
  }

  /** Offer to play the proven part, or to try again. */
  offer(/** @type {{proven?: boolean, again?: boolean}} */ { proven, again }) {
    if (proven !== undefined) show(this.#proven, proven);
    if (again !== undefined) show(this.#again, again);
  }
}

/** What the colours of the time bar mean. @param {any} words */
export function legendOf({ legend: named }) {
  const lines = Object.entries(named).map(([name, text]) =>
    make("li", {}, make("span", { class: `swatch ${name}` }), text),
  );
  return make("ul", { class: "legend" }, ...lines);
}
