// The trigger, marks and gaps of a recording as a list; each is a button that goes there.

import { make } from "./dom.js";
import { duration, recordingTime } from "./times.js";
import { wordFor } from "./word_for.js";

/** Lines that are listed; the time bar has all of them. */
const MOST = 200;

/** Calls `onSeek` with the time of what was chosen. */
export class EventList {
  #list = make("ul", { class: "events" });

  /** @param {any} words @param {(at: number) => void} onSeek */
  constructor(words, onSeek) {
    this.words = words;
    this.onSeek = onSeek;
    this.element = make("details", {}, make("summary", { text: words.events }), this.#list);
  }

  /** @param {import("./timeline.js").Timeline} timeline */
  draw(timeline) {
    const { words } = this;
    const { decimal } = words;
    const lines = [];
    if (timeline.trigger >= 0) {
      lines.push([timeline.trigger, words.triggerAt(recordingTime(timeline.trigger, decimal))]);
    }
    timeline.marks.forEach((at, number) => {
      lines.push([at, words.markAt(number + 1, recordingTime(at, decimal))]);
    });
    for (const hole of timeline.holes()) lines.push([hole.from, this.gap(hole)]);
    for (const { from, to, reason, sound } of timeline.gaps) {
      if (!sound) continue;
      const [begin, end] = [Math.max(0, from), Math.min(timeline.length, to)];
      const said = wordFor(words.report.gap_reasons, reason);
      const time = recordingTime(begin, decimal);
      lines.push([begin, words.soundGapAt(time, duration(end - begin, decimal), said)]);
    }
    lines.sort((one, other) => one[0] - other[0]);
    const shown = lines.slice(0, MOST).map(([at, text]) =>
      make("li", {}, make("button", { type: "button", text, click: () => this.onSeek(at) })),
    );
    if (lines.length > MOST) shown.push(make("li", { text: words.more(lines.length - MOST) }));
    if (lines.length === 0) shown.push(make("li", { text: words.noEvents }));
    this.#list.replaceChildren(...shown);
  }

  /** What a hole is, in words. @param {import("./timeline.js").Hole} hole */
  gap(hole) {
    const { decimal, gapAt, unprovenAt } = this.words;
    const time = recordingTime(hole.from, decimal);
    const length = duration(hole.to - hole.from, decimal);
    return hole.torn ? unprovenAt(time, length) : gapAt(time, length, this.why(hole));
  }

  /** Why there are no pictures in a hole. @param {import("./timeline.js").Hole} hole */
  why({ reasons }) {
    const { report, unexplained } = this.words;
    return reasons.map((one) => wordFor(report.gap_reasons, one)).join(", ") || unexplained;
  }
}
