// What a recording's statements say about its time: pure, and without its footage.
//
// All times are microseconds of the recording: media time minus the header's `origin_us`. Of what was
// not checked nothing is here: statements are added as they are proven.

/** A hole in the pictures that is shorter is no hole to be jumped over, only a mark on the bar. */
export const JUMPED_US = 250_000;
/** Pieces that are closer than this touch: media times are rounded. */
const TOUCHING_US = 10_000;

/**
 * @typedef {object} Hole
 * @property {number} from
 * @property {number} to
 * @property {string[]} reasons what the camera says about it; none if it says nothing
 * @property {boolean} heard whether there is sound in it
 * @property {boolean} torn whether there are pictures in it that are not proven
 *
 * @typedef {object} Gap
 * @property {number} from @property {number} to @property {string} reason
 * @property {number | null} frames @property {boolean} sound whether it is one of sound
 */

/** The time of one recording, as far as it is proven. */
export class Timeline {
  /** @param {any} header what `header.jws` says */
  constructor(header) {
    this.header = header;
    this.origin = header.origin_us;
    /** When the trigger was; what lies before it is pre-event footage. */
    this.trigger = header.trigger_us - this.origin;
    /** @type {any[]} what each commit says, in their order; commits are counted by this */
    this.facts = [];
    /** Where the last picture or sound ends that is proven. */
    this.end = 0;
    /** Up to where footage was wanted; null until the end is proven. @type {number | null} */
    this.closed = null;
    /** @type {number[]} */
    this.marks = [];
    /** @type {{at: number, stage: string, display: boolean}[]} */
    this.stages = [];
    /** @type {Gap[]} */
    this.gaps = [];
    /** Sound that is there: [from, to] of each commit that has any. @type {[number, number][]} */
    this.sounds = [];
    /** Numbers of the commits with pictures. @type {number[]} */
    this.pictured = [];
  }

  /** The next commit's facts. @param {any} facts */
  add(facts) {
    if (facts.frames > 0) this.pictured.push(this.facts.length);
    this.facts.push(facts);
    const sound = facts.sound;
    if (sound?.units > 0) this.sounds.push([this.us(sound.first_us), this.us(sound.end_us)]);
    this.end = Math.max(this.end, this.us(facts.end_us), sound?.units ? this.us(sound.end_us) : 0);
    this.#note(facts);
  }

  /** What the end says. @param {any} closing */
  close(closing) {
    this.#note(closing);
    this.closed = Math.max(this.end, this.us(closing.at_us));
  }

  #note(said) {
    for (const at of said.marks) this.marks.push(this.us(at));
    for (const { at_us: at, stage, display } of said.stages) {
      this.stages.push({ at: this.us(at), stage, display });
    }
    const gaps = [...said.gaps.map((gap) => [gap, false]), ...(said.sound?.gaps ?? []).map((gap) => [gap, true])];
    for (const [{ from_us: from, to_us: to, reason, frames }, sound] of gaps) {
      this.gaps.push({
        from: from === null ? -Infinity : this.us(from),
        to: to === null ? Infinity : this.us(to),
        reason,
        frames,
        sound,
      });
    }
  }

  /** @param {number} media media time */
  us(media) {
    return media - this.origin;
  }

  /** How long the recording is, as far as it is known. */
  get length() {
    return this.closed ?? this.end;
  }

  /** Where the first picture is; 0 while there is none. */
  get first() {
    return this.pictured.length === 0 ? 0 : this.us(this.facts[this.pictured[0]].first_us);
  }

  /** Where the last picture ends that is proven. */
  get last() {
    const number = this.pictured.at(-1);
    return number === undefined ? 0 : this.us(this.facts[number].end_us);
  }

  /** When the last picture begins that is proven. */
  get lastPicture() {
    const number = this.pictured.at(-1);
    return number === undefined ? 0 : this.us(this.facts[number].last_us);
  }

  /**
   * The picture at the edge of the next commit, or of the one before, for a caller without the
   * pictures themselves; the place itself where there is none.
   * @param {number} at @param {1 | -1} way
   */
  pictureBeside(at, way) {
    const place = this.pictured.indexOf(this.commitAt(at));
    const facts = this.facts[this.pictured[place + way] ?? -1];
    if (facts === undefined) return at;
    return this.us(way > 0 ? facts.first_us : facts.last_us);
  }

  /**
   * The number of the last commit with pictures that begins at `at` or before; the first one with
   * pictures where there is none, -1 if there are no pictures at all.
   * @param {number} at
   */
  commitAt(at) {
    const { pictured, facts } = this;
    let low = 0;
    let high = pictured.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.us(facts[pictured[middle]].first_us) <= at) low = middle + 1;
      else high = middle;
    }
    return pictured[Math.max(0, low - 1)] ?? -1;
  }

  /** Whether commits before this one are missing, because they are not proven. @param {number} number */
  isTorn(number) {
    return number > 0 && this.facts[number].sequence !== this.facts[number - 1].sequence + 1;
  }

  /**
   * Where the pictures behind a commit are missing: from, and to where. Null where none are, and
   * where what is behind it cannot be decoded without them.
   * @param {number} number
   */
  holeBehind(number) {
    for (let next = number + 1; next < this.facts.length; next += 1) {
      if (this.isTorn(next)) return null;
      if (this.facts[next].frames === 0) continue;
      const from = this.us(this.facts[number].end_us);
      const to = this.us(this.facts[next].first_us);
      return to - from > TOUCHING_US ? { from, to } : null;
    }
    return null;
  }

  /** Every hole in the pictures, also before the first and behind the last one. @returns {Hole[]} */
  holes() {
    const found = [];
    let from = 0;
    let before = -1;
    for (const number of this.pictured) {
      const { first_us: first, end_us: end, sequence } = this.facts[number];
      const torn = sequence - before !== 1 && !this.#isSound(before, sequence);
      if (this.us(first) - from > TOUCHING_US) found.push(this.#hole(from, this.us(first), torn));
      from = this.us(end);
      before = sequence;
    }
    if (this.closed !== null && this.closed - from > TOUCHING_US) {
      found.push(this.#hole(from, this.closed, false));
    }
    return found;
  }

  /** Whether all commits between two are there, which then have sound only. */
  #isSound(before, sequence) {
    const there = this.facts.filter((one) => one.sequence > before && one.sequence < sequence);
    return there.length === sequence - before - 1;
  }

  #hole(from, to, torn) {
    const within = this.gaps.filter((gap) => !gap.sound && gap.from < to && gap.to > from);
    const reasons = [...new Set(within.map((gap) => gap.reason))];
    return { from, to, reasons, heard: this.isHeard(from, to), torn };
  }

  /** Whether there is sound between two times. @param {number} from @param {number} to */
  isHeard(from, to) {
    let low = 0;
    let high = this.sounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sounds[middle][1] <= from + TOUCHING_US) low = middle + 1;
      else high = middle;
    }
    return low < this.sounds.length && this.sounds[low][0] < to - TOUCHING_US;
  }

  /** When the next sound of a commit behind `number` begins; null where none is known. */
  nextSound(number) {
    for (let next = number + 1; next < this.facts.length; next += 1) {
      const sound = this.facts[next].sound;
      if (sound?.units > 0) return this.us(sound.first_us);
      if (this.facts[next].frames > 0 && next > number + 4) return null;
    }
    return null;
  }

  /**
   * The time of day at a moment of the recording, by the clock of the commit that has it, and what
   * that clock was worth.
   * @param {number} at
   * @returns {{wall_us: number, source: string}}
   */
  wall(at) {
    const number = this.commitAt(at);
    const clock = number < 0 ? this.header.clock : this.facts[number].clock;
    return { wall_us: at + this.origin + clock.wall_us - clock.boot_us, source: clock.source };
  }

  /**
   * The moment of the recording at which a clock said this wall time, by the clock of the commit that
   * has it; before the first picture and behind the last by the nearest one's. The inverse of `wall`.
   * @param {number} wall microseconds since 1970
   */
  atWall(wall) {
    const { pictured, facts } = this;
    const at = (/** @type {{wall_us: number, boot_us: number}} */ clock) =>
      wall - this.origin - clock.wall_us + clock.boot_us;
    let low = 0;
    let high = pictured.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = facts[pictured[middle]];
      if (this.us(one.first_us) <= at(one.clock)) low = middle + 1;
      else high = middle;
    }
    const number = pictured[Math.max(0, low - 1)];
    return at(number === undefined ? this.header.clock : facts[number].clock);
  }

  /** How far the clock was put right while it recorded, microseconds in all, either way. */
  get clockSteps() {
    return this.facts.reduce((sum, { clock_step_us: step }) => sum + Math.abs(step ?? 0), 0);
  }

  /** The stage that a moment lies in, null where no statement says. @param {number} at */
  stageAt(at) {
    const before = this.stages.filter((one) => one.at <= at);
    return before.at(-1)?.stage ?? null;
  }

  /** Stages as pieces of the bar. @returns {{from: number, to: number, stage: string}[]} */
  stagePieces() {
    return this.stages.map((one, number) => ({
      from: Math.max(0, one.at),
      to: Math.max(0, Math.min(this.length, this.stages[number + 1]?.at ?? this.length)),
      stage: one.stage,
    }));
  }
}
