// A player for one recording: checks it, decrypts it in the tab, and plays it.
//
//   const player = mountPlayer(element, { source, key, identity, words, ... });
//
// source: the recording's bytes (evidence/source.js). key: the camera's registered public key, 32
// bytes. registered: the camera that the office's register says the key is of, if it was asked; the
// verdict then says so. name: of the recording's file, "" if it has none. identity: a HeldKey (key_file.js), which several players may
// share; where it is not open, the player asks for the key file, under `folded` if that is a text, by
// `form` if there is one already.
// words: of words.js. led: for one of several side by side (together.js), who leads it: `act` does what
// a click on the picture wants, `at` says where to begin, `changed` hears that it is another one. It
// has no buttons and no time bar then.
// onViewed: called with {from, to}, microseconds of the recording, for each piece
// whose pictures were shown.
//
// Nothing is shown that was not checked before. While the whole recording is still being checked,
// what is shown is said to be proven so far; of a recording that is not authentic the proven part is
// played only if a person asks for it, in a frame that says so.

import { SourceError } from "./evidence/source.js";
import { Feed, micros, reasonOf } from "./feed.js";
import { PlayerView } from "./player_view.js";
import { ProvenRecording } from "./recording.js";
import { JUMPED_US } from "./timeline.js";
import { duration } from "./times.js";

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** How long it is said that a gap was jumped over, milliseconds. */
const SAID_MS = 3000;
/** How long before a hole decoding may come to a stop. */
const STALLED_US = 100_000;
/** Pictures that follow sooner than this are one piece of what was viewed. */
const VIEWED_US = SECOND;

/**
 * Put a player into an element. It is ended by `close()`, which lets go of all that was decrypted.
 * @param {HTMLElement} element
 * @param {{source: any, key: Uint8Array, registered?: string, name?: string,
 *   identity: import("./key_file.js").HeldKey, words: any,
 *   folded?: string, form?: import("./key_form.js").KeyForm,
 *   led?: {act: (what: string) => void, at: () => number | null, changed: () => void},
 *   onVerdict?: (verdict: import("./evidence/judge.js").Verdict) => void,
 *   onViewed?: (piece: {from: number, to: number}) => void}} options
 */
export function mountPlayer(element, options) {
  return new Player(element, options);
}

class Player {
  #options;
  #words;
  #led;
  #view;
  #video;
  /** @type {ProvenRecording | null} */
  #recording = null;
  /** @type {Feed | null} */
  #feed = null;
  /** Holes that are jumped over. @type {import("./timeline.js").Hole[]} */
  #holes = [];
  #at = 0;
  /** @type {{from: number, to: number} | null} */
  #viewed = null;
  /** Until when a note is shown, as performance.now() has it. */
  #noted = 0;
  /** How often a person has sought: only the last one counts. */
  #sought = 0;
  #checking = false;
  /** Whether a person has asked for the proven part of what is not authentic. */
  #asked = false;
  /** Whether it is said beside the pictures that the key which is held is another one. */
  #isRefused = false;
  #closed = false;

  constructor(element, options) {
    const { words, identity, led } = options;
    this.#options = options;
    this.#words = words;
    this.#led = led ?? null;
    this.#view = new PlayerView(words, identity, options.folded ?? "", {
      seek: (at) => this.seek(at),
      act: (what) => this.#act(what),
      playProven: () => this.#playProven(),
      retry: () => this.#retry(),
    }, this.#led !== null, options.form);
    this.#video = this.#view.video;
    for (const [name, act] of Object.entries(this.#listeners())) this.#video.addEventListener(name, act);
    identity.addEventListener("opened", this.#opened);
    identity.addEventListener("forgotten", this.#forgotten);
    this.#view.verdict.registered = options.registered ?? "";
    element.append(this.#view.element);
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

  /** The element that shows the pictures. */
  get video() {
    return this.#video;
  }

  /** Whether there are pictures to be shown: it is open, and so is the key. */
  get isPlayable() {
    return this.#feed !== null && this.#feed.stopped === null;
  }

  /** Show no picture: there is none at this time. @param {boolean} is */
  blank(is) {
    this.#view.blank(is);
  }

  /** The hole in the pictures at a moment, undefined where there is none. @param {number} at */
  holeAt(at) {
    return this.#holes.find(({ from, to }) => from <= at && at < to);
  }

  /**
   * When the next picture begins, or the one before, as far as pictures are known.
   * @param {1 | -1} way
   */
  beside(way) {
    const { timeline } = this.#recording;
    const pictures = this.#feed?.pictures ?? [];
    // A picture's time may be rounded by the element.
    const here = pictures.findLastIndex((time) => time <= this.#at + 100);
    const there = here < 0 ? undefined : pictures[here + way];
    return there ?? timeline.pictureBeside(this.#at, way);
  }

  /**
   * Show a time, as soon as the chain of statements leads there.
   * @param {number} at microseconds of the recording
   */
  async seek(at) {
    const recording = this.#recording;
    const feed = this.#feed;
    if (feed === null || !recording?.timeline) return;
    this.#tellViewed();
    this.#view.problem("");
    this.#view.blank(false);
    this.#sought += 1;
    const sought = this.#sought;
    await recording.until(() => sought !== this.#sought || recording.timeline.last > at);
    if (sought !== this.#sought || feed !== this.#feed) return;
    const { timeline } = recording;
    this.#at = Math.min(Math.max(at, timeline.first), timeline.lastPicture);
    this.#tell();
    feed.seek(this.#at);
  }

  /** Play, from the beginning where it has ended. */
  async play() {
    if (this.#feed === null) return;
    if (this.#video.ended) await this.seek(0);
    try {
      await this.#video.play();
    } catch (error) {
      // A seek or a pause came between; then it is not wanted any more.
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
    this.#view.element.remove();
    return this.#recording?.close();
  }

  // ---------------------------------------------------------------- opening and checking

  async #open(at = 0) {
    const { source, key, name = "", identity } = this.#options;
    let recording;
    try {
      recording = await ProvenRecording.open(source, { key, name });
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#closed) {
      recording.close();
      return;
    }
    this.#recording = recording;
    recording.addEventListener("growth", () => this.#draw());
    recording.addEventListener("progress", () => {
      this.#view.verdict.checking(recording.done / recording.size);
    });
    this.#draw();
    if (recording.timeline === null) this.#view.asks(false);
    if (recording.timeline !== null && identity.isOpen) await this.#start(at);
    else {
      if (recording.timeline !== null) recording.prepare();
      this.#check();
    }
  }

  async #check() {
    const recording = this.#recording;
    if (this.#checking || recording === null) return;
    this.#checking = true;
    let verdict;
    try {
      verdict = await recording.check();
    } catch (error) {
      if (this.#closed) return;
      this.#checking = false;
      this.#view.verdict.failed(error.message);
      if (!(error instanceof SourceError)) throw error;
      this.#view.offer({ again: true });
      return;
    }
    this.#view.verdict.tell(verdict);
    this.#options.onVerdict?.(verdict);
    if (!recording.isBad) return;
    this.#stop();
    this.#at = 0;
    this.#view.asks(false);
    this.#view.offer({ proven: recording.timeline !== null });
    if (recording.timeline === null) this.#view.problem(this.#words.nothingProven);
  }

  get #isBad() {
    return this.#recording?.isBad ?? false;
  }

  #playProven() {
    this.#asked = true;
    this.#view.offer({ proven: false });
    const { identity } = this.#options;
    if (identity.isOpen) this.#start(0);
    else this.#view.asks(true);
  }

  #retry() {
    this.#view.offer({ again: false });
    this.#view.problem("");
    this.#stop();
    this.#recording?.close();
    this.#recording = null;
    this.#checking = false;
    this.#view.verdict.again();
    this.ready = this.#open(this.#at);
  }

  // ---------------------------------------------------------------- playing

  #opened = () => {
    this.#view.asks(false);
    if (this.#recording?.timeline && (!this.#isBad || this.#asked)) this.#start(this.#at);
  };

  #forgotten = () => {
    this.#stop();
    if (this.#isRefused) this.#view.problem("");
    this.#isRefused = false;
    this.#view.form.say(this.#words.forgotten);
    this.#view.asks(!this.#isBad || this.#asked);
    // Its first picture may not have come; the check waited for that.
    this.#check();
  };

  async #start(at) {
    this.#stop();
    this.#view.problem("");
    const feed = new Feed(this.#video, this.#recording, this.#options.identity);
    this.#feed = feed;
    feed.addEventListener("stopped", (event) => this.#stopped(event.detail));
    this.#view.frame(this.#isBad);
    const { timeline } = this.#recording;
    try {
      await feed.start(Math.max(this.#led?.at() ?? at, timeline.first));
    } catch (error) {
      if (this.#feed === feed) this.#fail(error);
      this.#check();
      return;
    }
    if (this.#feed !== feed) return;
    this.#view.playable(true);
    this.#led?.changed();
    this.#view.controls.heard(this.#recording.timeline.header.sound, !this.#video.muted);
    this.#watch(feed);
    await new Promise((resolve) => {
      this.#video.addEventListener("loadeddata", resolve, { once: true });
      feed.addEventListener("stopped", resolve, { once: true });
    });
    this.#view.controls.focus();
    this.#check();
  }

  /** Let go of what was decrypted. */
  #stop() {
    this.#video.pause();
    this.#feed?.close();
    this.#feed = null;
    this.#view.playable(false);
    this.#led?.changed();
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
    const hole = this.#holes.find((one) => one.from <= at + STALLED_US && at < one.to);
    const stalls = this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (hole === undefined || this.#video.seeking || (at < hole.from && !stalls)) {
      if (performance.now() > this.#noted) this.#view.note(null);
      return;
    }
    const { gapJumped, gapHeard, unprovenJumped, decimal } = this.#words;
    const length = duration(hole.to - hole.from, decimal);
    const said = hole.torn ? unprovenJumped : hole.heard ? gapHeard : gapJumped;
    this.#view.note(said(length, this.#view.events.why(hole)));
    this.#noted = performance.now() + SAID_MS;
    const next = this.#feed.nextPicture(hole.to);
    if (this.#led === null && (!hole.heard || hole.torn) && next !== null) this.seek(next);
  }

  #stopped(error) {
    const nothing = this.#feed?.pictures.length === 0;
    this.#view.blank(nothing);
    // What is buffered is played first.
    if (nothing || reasonOf(error) !== "unproven") this.#fail(error);
  }

  /** @param {any} error */
  #fail(error) {
    const reason = reasonOf(error);
    const { stopped } = this.#words;
    this.#view.offer({ again: reason === "source" });
    if (reason === "wrongKey") {
      this.#refuse(stopped.wrongKey);
      return;
    }
    this.#view.problem(reason === "unexpected" ? `${stopped[reason]} ${error.message}` : stopped[reason]);
    if (reason === "unexpected") throw error;
  }

  /** Say that the key is another one: where it is asked for, unless another part does that. */
  #refuse(/** @type {string} */ text) {
    this.#stop();
    this.#isRefused = this.#led !== null;
    if (this.#isRefused) this.#view.problem(text);
    else this.#view.form.reject(text, this.#recording?.timeline?.header.recipients);
    this.#view.asks(true);
  }

  #listeners() {
    const playing = () => this.#view.controls.playing(!this.#video.paused);
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
      click: () => (this.#led === null ? this.#act("toggle") : this.#led.act("toggle")),
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
        this.#view.controls.heard(this.#recording.timeline.header.sound, !this.#video.muted);
      },
      begin: () => this.seek(0),
      end: () => this.seek(Infinity),
    };
    does[what]();
  }

  /** Show the next picture, or the one before. @param {1 | -1} way */
  #step(way) {
    this.pause();
    this.seek(this.beside(way));
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
    if (timeline === null) return;
    // Where not all statements are known, the bytes that are known say how long it may become.
    const known = this.#recording.knownBytes / size;
    const length = complete ? timeline.length : timeline.end / Math.max(known, 1e-6);
    this.#view.bar.draw([{ timeline }], 0, length);
    if (!complete && this.#holes.length === 0) this.#view.events.draw(timeline);
    if (complete) this.#view.events.draw(timeline);
    this.#holes = timeline.holes().filter(({ from, to }) => to - from >= JUMPED_US);
    this.#tell();
    this.#led?.changed();
  }

  #tell() {
    this.#view.tell(this.#at, this.#recording.timeline);
  }

  #tellViewed() {
    const viewed = this.#viewed;
    this.#viewed = null;
    if (viewed !== null) this.#options.onViewed?.(viewed);
  }
}
