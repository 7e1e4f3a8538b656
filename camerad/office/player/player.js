// A player for one recording: checks it, decrypts it in the tab, and plays it.
//
//   const player = mountPlayer(element, { source, key, identity, words, onViewed });
//
// source: the recording's bytes (evidence/source.js). key: the camera's registered public key, 32
// bytes. identity: a HeldKey (key_file.js), which several players may share; where it is not open, the
// player asks for the key file. words: of words.js. onViewed: called with {from, to}, microseconds of
// the recording, for each piece whose pictures were shown.
//
// Nothing is shown that was not checked before. While the whole recording is still being checked,
// what is shown is said to be proven so far; of a recording that is not authentic the proven part is
// played only if somebody asks for it, in a frame that says so.

import { Controls } from "./controls.js";
import { make, show } from "./dom.js";
import { judge } from "./evidence/judge.js";
import { SourceError } from "./evidence/source.js";
import { EventList } from "./event_list.js";
import { Feed, micros, reasonOf } from "./feed.js";
import { KeyForm } from "./key_form.js";
import { ProvenRecording } from "./recording.js";
import { TimeBar } from "./time_bar.js";
import { JUMPED_US } from "./timeline.js";
import { duration, recordingTime, timeOfDay } from "./times.js";
import { Exit, VerdictView } from "./verdict_view.js";

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** How long it is said that a gap was jumped over, milliseconds. */
const SAID_MS = 3000;
/** Pictures that follow sooner than this are one piece of what was viewed. */
const VIEWED_US = SECOND;

/**
 * Put a player into an element. It is ended by `close()`, which lets go of all that was decrypted.
 * @param {HTMLElement} element
 * @param {{source: any, key: Uint8Array, identity: import("./key_file.js").HeldKey, words: any,
 *   onViewed?: (piece: {from: number, to: number}) => void}} options
 */
export function mountPlayer(element, options) {
  return new Player(element, options);
}

class Player {
  #options;
  #words;
  #video = make("video", { playsinline: true, preload: "auto", tabindex: -1 });
  #note = make("p", { class: "note", role: "status" });
  #frame = make("p", { class: "frame" });
  #screen;
  #form;
  #bar;
  #events;
  #controls;
  #verdict;
  #clock = make("p", { class: "clock" });
  #time = make("p", { class: "time" });
  #problem = make("p", { class: "problem", role: "alert" });
  #kept = make("p", { class: "kept" });
  #proven;
  #again;
  /** @type {ProvenRecording | null} */
  #recording = null;
  /** @type {Feed | null} */
  #feed = null;
  #holes = [];
  #at = 0;
  #viewed = null;
  #noted = 0;
  #checking = false;
  #asked = false;
  #closed = false;

  constructor(element, options) {
    const { words, identity } = options;
    this.#options = options;
    this.#words = words;
    this.#video.setAttribute("aria-label", words.screen);
    this.#screen = make("div", { class: "screen" }, this.#video, this.#frame, this.#note);
    this.#form = new KeyForm(identity, words);
    this.#bar = new TimeBar(words, (at) => this.seek(at));
    this.#events = new EventList(words, (at) => this.seek(at));
    this.#controls = new Controls(words, (what) => this.#act(what));
    this.#verdict = new VerdictView(words);
    const button = (text, click) => make("button", { type: "button", text, click, hidden: true });
    this.#proven = button(words.playProven, () => this.#playProven());
    this.#again = button(words.again, () => this.#retry());
    const forget = make("button", { type: "button", text: words.forget, click: () => identity.forget() });
    this.#kept.append(make("span"), " ", forget);
    const keys = words.keys.map(([key, does]) => [make("dt", { text: key }), make("dd", { text: does })]);
    this.element = make(
      "section",
      {
        class: "camerad-player",
        "aria-label": words.player,
        keydown: (event) => this.#controls.pressed(event),
      },
      this.#verdict.element,
      this.#problem,
      this.#proven,
      this.#again,
      this.#form.element,
      this.#screen,
      make("div", { class: "times" }, this.#time, this.#clock),
      this.#bar.element,
      legend(words),
      this.#controls.element,
      this.#kept,
      this.#events.element,
      make(
        "details",
        {},
        make("summary", { text: words.keyboard }),
        make("dl", { class: "keys" }, ...keys.flat()),
      ),
    );
    for (const [name, act] of Object.entries(this.#listeners())) this.#video.addEventListener(name, act);
    identity.addEventListener("opened", this.#opened);
    identity.addEventListener("forgotten", this.#forgotten);
    show(this.#kept, false);
    show(this.#frame, false);
    show(this.#note, false);
    this.#controls.enable(false);
    this.#form.show(!identity.isOpen);
    element.append(this.element);
    this.#verdict.checking(0);
    /** Resolves when the recording was opened, or cannot be. */
    this.ready = this.#open();
  }

  /** Microseconds of the recording at which the picture is that is shown. */
  get position() {
    return this.#at;
  }

  /** What is known of the recording; null before anything is. */
  get recording() {
    return this.#recording;
  }

  /** Show a time. @param {number} at microseconds of the recording */
  seek(at) {
    if (this.#feed === null || this.#recording === null) return;
    const { timeline } = this.#recording;
    this.#tellViewed();
    this.#at = Math.min(Math.max(at, timeline.first), timeline.lastPicture);
    this.#tell();
    this.#feed.seek(this.#at);
  }

  /** Play, from the beginning where it has ended. */
  async play() {
    if (this.#feed === null) return;
    if (this.#video.ended) this.seek(0);
    try {
      await this.#video.play();
    } catch (error) {
      // A seek or a pause came between; then nobody wants it any more.
      if (error.name !== "AbortError") throw error;
    }
  }

  pause() {
    this.#video.pause();
  }

  /** End, and let go of everything. */
  close() {
    this.#closed = true;
    this.#tellViewed();
    this.#stop();
    const { identity } = this.#options;
    identity.removeEventListener("opened", this.#opened);
    identity.removeEventListener("forgotten", this.#forgotten);
    this.element.remove();
    return this.#recording?.close();
  }

  // ---------------------------------------------------------------- opening and checking

  async #open() {
    const { source, key, identity } = this.#options;
    try {
      this.#recording = await ProvenRecording.open(source, key);
    } catch (error) {
      await this.#judgeOnly(error);
      return;
    }
    if (this.#closed) {
      this.#recording.close();
      return;
    }
    this.#recording.addEventListener("growth", () => this.#draw());
    this.#recording.addEventListener("progress", () => {
      this.#verdict.checking(this.#recording.done / this.#recording.size);
    });
    this.#draw();
    if (identity.isOpen) await this.#start(0);
    else this.#check();
  }

  /** Where not even the beginning is proven, the judge says why. */
  async #judgeOnly(error) {
    const { source, key } = this.#options;
    this.#form.show(false);
    if (error instanceof SourceError) {
      this.#fail(error);
      return;
    }
    this.#checking = true;
    try {
      const verdict = await judge(source, { key });
      this.#verdict.tell(verdict);
      this.#problem.textContent = this.#words.nothingProven;
    } catch (failure) {
      this.#verdict.failed(failure.message);
    }
  }

  async #check() {
    if (this.#checking || this.#recording === null) return;
    this.#checking = true;
    let verdict;
    try {
      verdict = await this.#recording.check();
    } catch (error) {
      if (this.#closed) return;
      this.#checking = false;
      this.#verdict.failed(error.message);
      if (!(error instanceof SourceError)) throw error;
      show(this.#again, true);
      return;
    }
    this.#verdict.tell(verdict);
    if (verdict.exit < Exit.NOT_AUTHENTIC) return;
    this.#stop();
    this.#form.show(false);
    show(this.#proven, verdict.proven > 0);
    if (verdict.proven === 0) this.#problem.textContent = this.#words.nothingProven;
  }

  get #isBad() {
    return (this.#recording?.verdict?.exit ?? 0) >= Exit.NOT_AUTHENTIC;
  }

  #playProven() {
    this.#asked = true;
    show(this.#proven, false);
    const { identity } = this.#options;
    if (identity.isOpen) this.#start(0);
    else this.#form.show(true);
  }

  #retry() {
    show(this.#again, false);
    this.#problem.textContent = "";
    if (this.#recording === null) this.ready = this.#open();
    else {
      this.#check();
      if (this.#options.identity.isOpen) this.#start(this.#at);
    }
  }

  // ---------------------------------------------------------------- playing

  #opened = () => {
    this.#form.show(false);
    if (this.#recording !== null && (!this.#isBad || this.#asked)) this.#start(this.#at);
  };

  #forgotten = () => {
    this.#stop();
    this.#form.say(this.#words.forgotten);
    this.#form.show(!this.#isBad || this.#asked);
  };

  async #start(at) {
    this.#stop();
    this.#problem.textContent = "";
    const feed = new Feed(this.#video, this.#recording, this.#options.identity);
    this.#feed = feed;
    feed.addEventListener("stopped", (event) => this.#stopped(event.detail));
    const bad = this.#isBad;
    this.element.classList.toggle("proven-part", bad);
    this.#frame.textContent = bad ? this.#words.provenPart : "";
    show(this.#frame, bad);
    const { timeline } = this.#recording;
    try {
      await feed.start(Math.max(at, timeline.first));
    } catch (error) {
      if (this.#feed === feed) this.#fail(error);
      this.#check();
      return;
    }
    if (this.#feed !== feed) return;
    this.#controls.enable(true);
    this.#controls.heard(this.#recording.header.sound, !this.#video.muted);
    show(this.#kept, true);
    this.#tellKept();
    this.#watch(feed);
    await new Promise((resolve) => {
      this.#video.addEventListener("loadeddata", resolve, { once: true });
      feed.addEventListener("stopped", resolve, { once: true });
    });
    this.#controls.focus();
    this.#check();
  }

  /** Let go of what was decrypted. */
  #stop() {
    this.#video.pause();
    this.#feed?.close();
    this.#feed = null;
    this.#controls.enable(false);
    show(this.#kept, false);
    show(this.#note, false);
  }

  /** Follow the pictures as they are shown. @param {Feed} feed */
  #watch(feed) {
    const step = (_, { mediaTime }) => {
      if (this.#feed !== feed) return;
      this.#shown(micros(mediaTime));
      this.#video.requestVideoFrameCallback(step);
    };
    this.#video.requestVideoFrameCallback(step);
    const look = () => {
      if (this.#feed !== feed) return;
      if (!this.#video.paused) this.#mind(micros(this.#video.currentTime));
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }

  /** A picture is on the screen. @param {number} at */
  #shown(at) {
    this.#at = at;
    this.#tell();
    const viewed = this.#viewed;
    if (viewed !== null && at >= viewed.to && at - viewed.to < VIEWED_US) viewed.to = at;
    else {
      this.#tellViewed();
      this.#viewed = { from: at, to: at };
    }
  }

  /** Jump over a hole, or say that there is one. @param {number} at */
  #mind(at) {
    const hole = this.#holes.find((one) => one.from <= at && at < one.to);
    if (hole === undefined || this.#video.seeking) {
      if (this.#noted !== 0 && performance.now() > this.#noted) show(this.#note, false);
      return;
    }
    const { gapJumped, gapHeard, decimal } = this.#words;
    const length = duration(hole.to - hole.from, decimal);
    const text = (hole.heard ? gapHeard : gapJumped)(length, this.#events.why(hole));
    if (this.#note.textContent !== text) this.#note.textContent = text;
    show(this.#note, true);
    this.#noted = performance.now() + SAID_MS;
    if (!hole.heard && hole.to <= this.#recording.timeline.lastPicture) this.seek(hole.to);
  }

  #stopped(error) {
    if (error.name !== "UnprovenError" || this.#feed?.pictures.length === 0) this.#fail(error);
  }

  /** @param {any} error */
  #fail(error) {
    const reason = reasonOf(error);
    const { stopped } = this.#words;
    const more = { wrongKey: this.#recording?.header.recipients.join(", "), unexpected: error.message };
    this.#problem.textContent = [stopped[reason], more[reason]].filter(Boolean).join(" ");
    show(this.#again, reason === "source");
    if (reason === "wrongKey") {
      this.#stop();
      this.#form.show(true);
    }
    if (reason === "unexpected") throw error;
  }

  #listeners() {
    const playing = () => this.#controls.playing(!this.#video.paused);
    return {
      play: playing,
      pause: () => {
        playing();
        this.#tellViewed();
      },
      ended: () => {
        this.#tellViewed();
        if (this.#feed?.stopped) this.#fail(this.#feed.stopped);
      },
      click: () => this.#act("toggle"),
    };
  }

  // ---------------------------------------------------------------- what a person does

  /** @param {string} what */
  #act(what) {
    if (this.#feed === null) return;
    const does = {
      toggle: () => (this.#video.paused ? this.play() : this.pause()),
      pictureBack: () => this.#step(-1),
      pictureOn: () => this.#step(1),
      back: () => this.seek(this.#at - 5 * SECOND),
      on: () => this.seek(this.#at + 5 * SECOND),
      minuteBack: () => this.seek(this.#at - MINUTE),
      minuteOn: () => this.seek(this.#at + MINUTE),
      eventBack: () => this.#toEvent(-1),
      eventOn: () => this.#toEvent(1),
      sound: () => {
        this.#video.muted = !this.#video.muted;
        this.#controls.heard(this.#recording.header.sound, !this.#video.muted);
      },
      begin: () => this.seek(0),
      end: () => this.seek(Infinity),
    };
    does[what]();
  }

  /** Show the next picture, or the one before. @param {1 | -1} way */
  #step(way) {
    this.pause();
    const { pictures } = this.#feed;
    const { timeline } = this.#recording;
    // A picture's time may be rounded by the element.
    const here = pictures.findLastIndex((time) => time <= this.#at + 100);
    const there = here < 0 ? undefined : pictures[here + way];
    this.seek(there ?? timeline.pictureBeside(this.#at, way));
  }

  /** @param {1 | -1} way */
  #toEvent(way) {
    const { timeline } = this.#recording;
    const places = [timeline.trigger, ...timeline.marks];
    for (const hole of this.#holes) places.push(hole.from, hole.to);
    places.sort((one, other) => one - other);
    const place =
      way > 0 ? places.find((at) => at > this.#at + 1000) : places.findLast((at) => at < this.#at - SECOND / 2);
    if (place !== undefined) this.seek(place);
  }

  // ---------------------------------------------------------------- what a person sees

  #draw() {
    const { timeline, complete, size } = this.#recording;
    // Where not all statements are known, the bytes that are known say how long it may become.
    const known = this.#recording.knownBytes / size;
    const length = complete ? timeline.length : timeline.end / Math.max(known, 1e-6);
    this.#bar.draw(timeline, length);
    if (!complete && this.#holes.length === 0) this.#events.draw(timeline);
    if (complete) this.#events.draw(timeline);
    this.#holes = timeline.holes().filter(({ from, to }) => to - from >= JUMPED_US);
    this.#tell();
  }

  #tell() {
    const { timeline } = this.#recording;
    const { decimal, code, clockWas, report, pre, stages, stage } = this.#words;
    this.#bar.move(this.#at);
    const time = recordingTime(this.#at, decimal);
    const before = this.#at < timeline.trigger ? ` · ${pre}` : "";
    this.#time.textContent = `${time} / ${recordingTime(timeline.length, decimal)}${before}`;
    const { wall_us: wall, source } = timeline.wall(this.#at);
    const is = timeline.stageAt(this.#at);
    const said = [timeOfDay(wall, code), clockWas(report.clock[source] ?? source)];
    if (is !== null) said.push(`${stage}: ${stages[is] ?? is}`);
    this.#clock.textContent = said.join(" · ");
  }

  #tellKept() {
    const until = new Date(this.#options.identity.until);
    const time = until.toLocaleTimeString(this.#words.code, { hour: "2-digit", minute: "2-digit" });
    this.#kept.firstChild.textContent = this.#words.keptUntil(time);
  }

  #tellViewed() {
    const viewed = this.#viewed;
    this.#viewed = null;
    if (viewed !== null) this.#options.onViewed?.(viewed);
  }
}

/** What the colours of the time bar mean. @param {any} words */
function legend({ legend: named }) {
  const lines = Object.entries(named).map(([name, text]) =>
    make("li", {}, make("span", { class: `swatch ${name}` }), text),
  );
  return make("ul", { class: "legend" }, ...lines);
}
