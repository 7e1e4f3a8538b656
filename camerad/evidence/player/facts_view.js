// What the signed statements say of a recording as a whole, in the words of the sheet.

import { make } from "./dom.js";
import { recordingTime, timeOfDay } from "./times.js";
import { wordFor } from "./word_for.js";

/** A table; `element` is to be put into a page. */
export class FactsView {
  /** @param {any} words */
  constructor(words) {
    this.words = words;
    this.element = make("dl", { class: "facts" });
  }

  /**
   * @param {import("./timeline.js").Timeline} timeline
   * @param {any} closing what the end says; null where none is proven
   */
  draw(timeline, closing) {
    const { header } = timeline;
    const { decimal, locale, report } = this.words;
    const time = (/** @type {number} */ at) => recordingTime(at, decimal);
    const day = (/** @type {number} */ wall) => timeOfDay(wall, locale);
    const begun = header.started_wall_us;
    const pre = Math.min(Math.max(0, timeline.trigger), timeline.end);
    const reason = closing === null ? report.unknown : wordFor(report.end_reasons, closing.reason);
    const rows = [
      [report.recording, header.id],
      [report.device, header.device],
      [report.begun, `${day(begun)}; ${wordFor(report.clock, header.clock.source)}`],
      [report.ended, reason],
      [report.length, time(timeline.length)],
      [report.pre_event, pre > 0 ? time(pre) : report.no_pre_event],
      [report.marks, timeline.marks.map(time).join(", ") || report.none],
      [report.wearer, header.wearer ?? report.no_wearer],
      [report.policy, wordFor(report.policies, header.policy)],
      [report.trigger, this.#trigger(header.trigger)],
      [report.software, header.software],
    ];
    if (header.continues !== null) rows.splice(1, 0, [report.continues, header.continues]);
    const cells = rows.map(([name, text]) => [make("dt", { text: name }), make("dd", { text })]);
    this.element.replaceChildren(...cells.flat());
  }

  #trigger(trigger) {
    const { report } = this.words;
    if (Object.hasOwn(report.triggers, trigger)) return report.triggers[trigger];
    return trigger.startsWith("button:") ? report.button.replace("{name}", trigger.slice(7)) : trigger;
  }
}
