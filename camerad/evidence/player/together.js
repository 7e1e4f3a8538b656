// Recordings of several cameras side by side, at one wall time: begun, stopped, sought and stepped
// together.
//
//   const together = mountTogether(element, { recordings: [{ source, key, name, label }], ... });
//
// Each recording has a player of its own (player.js), which checks it, and keeps of it what one player
// keeps; so memory is bounded by their number. identity: the HeldKey that they share. words: of words.js.
//
// A recording's place on the common time follows from its own clock, commit by commit, which no part
// knows better: what each clock was worth is said, and a person who sees the same moment in two of them can
// shift one by pictures. While it plays the one that is heard leads, and all wait for those without a
// picture yet; the others follow (pace.js). Where they stand still each shows the picture of that very
// moment: at most one picture apart.

import { micros } from "./feed.js";
import { APART_US, pace } from "./pace.js";
import { mountPlayer } from "./player.js";
import { TogetherView } from "./together_view.js";

export { APART_US };

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** The most that the common time goes on by itself at once, where no camera recorded. */
const STRIDE_US = 100_000;
/** So near to the end of its pictures an element may have nothing more to wait for. */
const ENDING_US = 200_000;

/**
 * Put recordings side by side into an element. It is ended by `close()`, which lets go of all that was
 * decrypted.
 * @param {HTMLElement} element
 * @param {{recordings: {source: any, key: Uint8Array, registered?: string, name?: string, label: string,
 *   onVerdict?: (verdict: any) => void}[],
 *   identity: import("./key_file.js").HeldKey, words: any}} options
 */
export function mountTogether(element, options) {
  return new Together(element, options);
}

/** A recording on the common time. */
class Member {
  /** By how many pictures it was shifted by hand. */
  shift = 0;
  /** Whether it has nothing to show at the common time. */
  away = false;
  /** Whether it was opened, or cannot be. */
  settled = false;

  constructor(player, panel) {
    this.player = player;
    this.panel = panel;
  }

  /** @returns {import("./timeline.js").Timeline | null} */
  get timeline() {
    return this.player.recording?.timeline ?? null;
  }

  get video() {
    return this.player.video;
  }

  get shiftUs() {
    return Math.round((this.shift * SECOND) / (this.timeline?.header.fps || 30));
  }

  /** @param {number} at */
  wallAt(at) {
    return this.timeline.wall(at).wall_us + this.shiftUs;
  }

  /** @param {number} wall */
  at(wall) {
    return this.timeline.atWall(wall - this.shiftUs);
  }

  /** Whether it has a picture at a wall time. @param {number} wall */
  covers(wall) {
    if (this.timeline === null) return false;
    const at = this.at(wall);
    const { first, last } = this.timeline;
    return at >= first && at < last && !this.player.holeAt(at)?.torn;
  }

  /** Whether it has the next picture, so that its time goes on. */
  get goesOn() {
    const { seeking, ended, readyState } = this.video;
    return !seeking && !ended && readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  /** Whether none need wait for it: it goes on, or its pictures end here. @param {number} wall */
  isReady(wall) {
    if (this.goesOn) return true;
    const soon = this.at(wall) + ENDING_US;
    return !this.video.seeking && (soon > this.timeline.last || this.player.holeAt(soon)?.torn === true);
  }
}

class Together {
  #view;
  #identity;
  #words;
  /** @type {Member[]} */
  #members = [];
  /** The common time; null before all are opened. @type {number | null} */
  #wall = null;
  #plays = false;
  /** Which one is heard. @type {Member | null} */
  #heard = null;
  #before = 0;
  #closed = false;

  constructor(element, { recordings, identity, words }) {
    this.#identity = identity;
    this.#words = words;
    const labels = recordings.map(({ label }) => label);
    this.#view = new TogetherView(words, identity, labels, {
      seek: (wall) => this.seek(wall),
      act: (what) => this.#act(what),
      hear: (which) => this.#hear(this.#members[which] === this.#heard ? null : this.#members[which]),
      shift: (which, by) => this.#shift(this.#members[which], by),
    });
    element.append(this.#view.element);
    identity.addEventListener("opened", this.#opened);
    identity.addEventListener("forgotten", this.#forgotten);
    const members = recordings.map(({ source, key, registered, name, onVerdict }, which) => {
      const panel = this.#view.panels[which];
      const led = {
        act: (/** @type {string} */ what) => this.#act(what),
        at: () => (this.#wall === null ? null : member.at(this.#wall)),
        changed: () => this.#changed(),
      };
      const player = mountPlayer(panel.place, { source, key, registered, name, identity, words, led, onVerdict });
      const member = new Member(player, panel);
      player.video.muted = true;
      player.ready.then(() => {
        member.settled = true;
        this.#changed();
      });
      return member;
    });
    this.#members = members;
    requestAnimationFrame(this.#tick);
  }

  /** The players, in the order of the recordings. */
  get players() {
    return this.#members.map(({ player }) => player);
  }

  /** The common wall time, microseconds; null before all are opened. */
  get wall() {
    return this.#wall;
  }

  /** Whether they play, or wait to. */
  get plays() {
    return this.#plays;
  }

  /** How far the videos are from the common time just now: the farthest, microseconds. */
  get apart() {
    const there = this.#there();
    const lead = this.#leadOf(there);
    if (lead === null) return 0;
    const wall = lead.wallAt(micros(lead.video.currentTime));
    return Math.max(...there.map((one) => Math.abs(one.at(wall) - micros(one.video.currentTime))));
  }

  /** Show a wall time, wherever there are pictures of it. @param {number} wall */
  seek(wall) {
    if (this.#wall === null) return;
    const { from, to } = this.#range();
    this.#wall = Math.round(Math.min(Math.max(wall, from), to));
    for (const one of this.#members) this.#place(one);
    this.#tell();
  }

  /** Play, from the beginning where all have ended. */
  play() {
    if (this.#wall === null || !this.#identity.isOpen) return;
    const { from, to } = this.#range();
    if (this.#wall >= to) this.seek(from);
    this.#plays = true;
    this.#view.controls.playing(true);
  }

  /** Stand still, all at one moment. */
  pause() {
    if (!this.#plays) return;
    const lead = this.#leadOf(this.#there().filter((one) => one.goesOn));
    if (lead !== null) this.#wall = lead.wallAt(lead.player.position);
    this.#plays = false;
    this.#view.controls.playing(false);
    for (const { video } of this.#members) {
      video.pause();
      video.playbackRate = 1;
    }
    this.seek(this.#wall);
  }

  /** End, and let go of everything. */
  close() {
    this.#closed = true;
    this.#identity.removeEventListener("opened", this.#opened);
    this.#identity.removeEventListener("forgotten", this.#forgotten);
    for (const { player } of this.#members) player.close();
    this.#view.element.remove();
  }

  // ---------------------------------------------------------------- as they are opened

  #opened = () => {
    this.#view.opened(true);
    // The form went from above the pictures, which are to be seen with what plays them.
    this.#view.element.scrollIntoView({ block: "start" });
  };

  #forgotten = () => {
    this.#plays = false;
    this.#view.controls.playing(false);
    this.#view.opened(false, this.#words.forgotten);
  };

  /** A recording was opened, grew, was found not to be authentic, or begins to show pictures. */
  #changed() {
    if (this.#closed || this.#members.length === 0) return;
    if (this.#wall === null) this.#begin();
    if (this.#wall === null) return;
    this.#draw();
    if (!this.#plays) for (const one of this.#members) this.#show(one);
  }

  /** Begin where the last one begins, if all the others record still, once all are opened. */
  #begin() {
    const isOpen = (/** @type {Member} */ one) => one.settled || one.player.recording !== null;
    const known = this.#members.filter(({ timeline }) => timeline !== null);
    if (known.length === 0 || !this.#members.every(isOpen)) return;
    const begins = known.map((one) => one.wallAt(one.timeline.first));
    const last = Math.max(...begins);
    // Of some it is not known yet whether they go on that long.
    if (known.some((one) => !one.covers(last) && !one.player.recording.complete)) return;
    this.#wall = known.every((one) => one.covers(last)) ? last : Math.min(...begins);
    this.#hear(known.find(({ timeline }) => timeline.header.sound) ?? null);
    this.seek(this.#wall);
  }

  /** Have one show the common time. @param {Member} one */
  #place(one) {
    this.#show(one);
    if (one.away) one.player.pause();
    else if (one.player.isPlayable) one.player.seek(one.at(this.#wall));
  }

  /** Say whether one has something to show. @param {Member} one */
  #show(one) {
    one.away = !one.covers(this.#wall);
    one.panel.away(one.away && one.timeline !== null);
    one.player.blank(one.away);
  }

  // ---------------------------------------------------------------- while they play

  /** Those that have a picture at the common time. */
  #there() {
    if (this.#wall === null) return [];
    return this.#members.filter((one) => one.player.isPlayable && one.covers(this.#wall));
  }

  /** @param {Member[]} there @returns {Member | null} */
  #leadOf(there) {
    return there.find((one) => one === this.#heard) ?? there[0] ?? null;
  }

  #tick = (/** @type {number} */ now) => {
    if (this.#closed) return;
    requestAnimationFrame(this.#tick);
    const passed = Math.min((now - this.#before) * 1000, STRIDE_US);
    this.#before = now;
    if (!this.#plays) return;
    this.#go(passed);
    this.#tell();
  };

  #go(/** @type {number} */ passed) {
    let there = this.#there();
    for (const one of this.#members) {
      if (there.includes(one) === !one.away) continue;
      // It has just begun, or ended.
      this.#place(one);
    }
    there = there.filter((one) => !one.away);
    const ready = there.every((one) => one.isReady(this.#wall));
    for (const { player, video } of there) {
      if (ready && video.paused && !video.ended) player.play();
      if (!ready && !video.paused) player.pause();
    }
    if (!ready) return;
    const lead = this.#leadOf(there.filter((one) => one.goesOn));
    if (lead === null) {
      // None has a picture to go by: time goes on by itself.
      this.#wall += Math.round(passed);
      if (this.#wall >= this.#range().to) this.pause();
      return;
    }
    if (lead.video.paused) return;
    lead.video.playbackRate = 1;
    this.#wall = lead.wallAt(micros(lead.video.currentTime));
    for (const one of there) {
      if (one === lead || !one.goesOn) continue;
      const { rate, seeks } = pace(one.at(this.#wall) - micros(one.video.currentTime));
      if (seeks) one.player.seek(one.at(this.#wall));
      if (one.video.playbackRate !== rate) one.video.playbackRate = rate;
    }
  }

  // ---------------------------------------------------------------- what a person does

  /** @param {string} what */
  #act(what) {
    if (this.#wall === null || !this.#identity.isOpen) return;
    const by = (/** @type {number} */ us) => this.seek(this.#wall + us);
    const does = {
      toggle: () => (this.#plays ? this.pause() : this.play()),
      pictureBack: () => this.#step(-1),
      pictureOn: () => this.#step(1),
      back: () => by(-5 * SECOND),
      on: () => by(5 * SECOND),
      minuteBack: () => by(-MINUTE),
      minuteOn: () => by(MINUTE),
      eventBack: () => this.#toEvent(-1),
      eventOn: () => this.#toEvent(1),
      sound: () => this.#hear(this.#heard === null ? this.#withSound() : null),
      begin: () => this.seek(this.#range().from),
      end: () => this.seek(this.#range().to),
    };
    does[what]();
  }

  /** Show the next picture of the one that leads, and what the others have of that moment. @param {1 | -1} way */
  #step(way) {
    this.pause();
    const lead = this.#leadOf(this.#there());
    if (lead === null) this.seek(this.#wall + (way * SECOND) / 30);
    else this.seek(lead.wallAt(lead.player.beside(way)));
  }

  /** @param {1 | -1} way */
  #toEvent(way) {
    const places = this.#members.flatMap((one) => {
      if (one.timeline === null) return [];
      const { trigger, marks } = one.timeline;
      const holes = one.timeline.holes().flatMap(({ from, to }) => [from, to]);
      return [trigger, ...marks, ...holes].map((at) => one.wallAt(at));
    });
    places.sort((one, other) => one - other);
    const wall = this.#wall;
    const place =
      way > 0 ? places.find((at) => at > wall + 1000) : places.findLast((at) => at < wall - SECOND / 2);
    if (place !== undefined) this.seek(place);
  }

  #withSound() {
    return this.#members.find(({ timeline }) => timeline?.header.sound) ?? null;
  }

  /** Hear one of them, and no other. @param {Member | null} wanted */
  #hear(wanted) {
    this.#heard = wanted;
    for (const one of this.#members) {
      one.video.muted = one !== wanted;
      one.panel.heard(one.timeline?.header.sound ?? false, one === wanted);
    }
    this.#view.controls.heard(this.#withSound() !== null, wanted !== null);
  }

  /** @param {Member} one @param {number} by pictures */
  #shift(one, by) {
    if (one.timeline === null) return;
    this.pause();
    one.shift += by;
    one.panel.shifted(one.shift, one.shiftUs);
    this.#draw();
    this.seek(this.#wall);
  }

  // ---------------------------------------------------------------- what a person sees

  /** From where to where there are pictures of any. */
  #range() {
    const known = this.#members.filter(({ timeline }) => timeline !== null);
    if (known.length === 0) return { from: this.#wall, to: this.#wall };
    const from = Math.min(...known.map((one) => one.wallAt(one.timeline.first)));
    return { from, to: Math.max(...known.map((one) => one.wallAt(one.timeline.last))) };
  }

  #draw() {
    const { from, to } = this.#range();
    const lanes = this.#members.map((one) =>
      one.timeline === null ? null : { timeline: one.timeline, wallAt: (/** @type {number} */ at) => one.wallAt(at) },
    );
    this.#view.bar.draw(lanes, from, to);
    for (const one of this.#members) one.panel.clockSteps(one.timeline?.clockSteps ?? 0);
    this.#tell();
  }

  #tell() {
    this.#view.tell(this.#wall);
  }
}
