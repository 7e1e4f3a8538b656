// What the check says of a recording: its verdict, and each finding in the words of the sheet.

import { make, show } from "./dom.js";
import { Exit } from "./evidence/verdict.js";
import { duration, nearestSecond, recordingTime } from "./times.js";
import { wordFor } from "./word_for.js";

/** Findings that are listed one by one. */
const MOST = 200;
/** Remarks that are in the box; the list of gaps has all of them. */
const IN_BOX = 5;
const PIECE = /^([0-9]{6,})\.(m4s\.age|jws)$/;

/** A banner and a list; `element` is to be put into a page. */
export class VerdictView {
  #title;
  #time;
  #text;
  #remarks;
  #details;
  #list;

  /** @param {any} words */
  constructor(words) {
    this.words = words;
    /** Whose key it is, if the office's register says so: a camera's name. */
    this.registered = "";
    this.#title = make("strong");
    this.#time = make("span", { class: "worth" });
    this.#text = make("p");
    this.#remarks = make("ul", { class: "noted" });
    this.#list = make("ul");
    this.#details = make("details", {}, make("summary", { text: words.findings }), this.#list);
    const said = make("div", { role: "status" }, this.#title, " ", this.#time, this.#text, this.#remarks);
    this.element = make("div", { class: "verdict checking" }, said, this.#details);
    show(this.#details, false);
  }

  /** How far the check is. @param {number} share from 0 to 1 */
  checking(share) {
    const percent = Math.min(99, Math.floor(share * 100));
    const text = this.words.checking(percent);
    // Ten times in all, so that a screen reader does not read every step.
    if (percent % 10 === 0 || this.#title.textContent === "") this.#title.textContent = text;
  }

  /** That the check begins anew. */
  again() {
    this.element.className = "verdict checking";
    this.#title.textContent = "";
    this.#time.textContent = "";
    this.#text.textContent = "";
    this.#remarks.replaceChildren();
    this.checking(0);
  }

  /** That there is no verdict, and why. @param {string} text */
  failed(text) {
    this.element.className = "verdict bad";
    this.#title.textContent = this.words.checkFailed;
    this.#text.textContent = text;
  }

  /** Show a verdict. @param {any} verdict as the judge gives it */
  tell(verdict) {
    const { words } = this;
    const { report } = words;
    const by = (/** @type {string} */ text, /** @type {(camera: string) => string} */ said) =>
      this.registered === "" ? text : said(this.registered);
    const [tone, title, text] = {
      [Exit.AUTHENTIC]: ["good", report.authentic, by(words.authenticText, words.authenticBy)],
      [Exit.QUALIFIED]: ["remarks", report.qualified, by(words.qualifiedText, words.qualifiedBy)],
      [Exit.NOT_AUTHENTIC]: ["bad", words.notAuthentic, words.notAuthenticText],
      [Exit.UNREADABLE]: ["bad", words.unreadable, words.unreadableText],
    }[verdict.exit];
    this.element.className = `verdict ${tone}`;
    this.#title.textContent = title;
    const worth = verdict.report.timeWorth;
    this.#time.textContent = worth === null ? "" : report.time.replace("{worth}", wordFor(report.clock, worth));
    this.#text.textContent = text;
    this.#remarks.replaceChildren(...(verdict.exit === Exit.QUALIFIED ? this.#noted(verdict) : []));
    const found = verdict.findings.slice(0, MOST).map((one) => this.#finding(one));
    const left = verdict.findings.length - found.length + verdict.dropped;
    if (left > 0) found.push(make("li", { text: words.more(left) }));
    this.#list.replaceChildren(...found);
    show(this.#details, found.length > 0);
    this.#details.open = verdict.exit >= Exit.NOT_AUTHENTIC;
  }

  /** Why it is not complete: each gap, and each finding that is not one of these. */
  #noted({ report, findings, dropped }) {
    const { words } = this;
    const { gaps, soundGaps, originUs, endUs } = report.result;
    const said = (/** @type {any} */ { from_us: from, to_us: to, reason }, /** @type {any} */ write) => {
      const begin = from === null ? 0 : Math.max(0, from - originUs);
      const end = to === null ? Math.max(begin, endUs) : Math.max(begin, to - originUs);
      const why = wordFor(words.report.gap_reasons, reason);
      return `${write(nearestSecond(begin), duration(end - begin, words.decimal), why)}.`;
    };
    const lines = [
      ...gaps.map((/** @type {any} */ one) => said(one, words.gapAt)),
      ...soundGaps.map((/** @type {any} */ one) => said(one, words.soundGapAt)),
      ...findings.map((/** @type {any} */ one) => this.#sentence(one)),
    ];
    const left = Math.max(0, lines.length - IN_BOX) + dropped;
    const shown = lines.slice(0, IN_BOX).map((text) => make("li", { text }));
    if (left > 0) shown.push(make("li", { text: words.more(left) }));
    return shown;
  }

  /** @param {any} finding */
  #finding(finding) {
    const names = [...new Set([finding.first, finding.last].filter(Boolean))];
    const line = make("li", { text: this.#sentence(finding) });
    if (names.some((one) => this.#member(one) !== one)) line.append(make("small", { text: names.join("–") }));
    return line;
  }

  #sentence({ code, text, first, last, at_us: from, to_us: to }) {
    const { words } = this;
    const said = wordFor(words.report.kinds, code, text);
    const names = [...new Set([first, last].filter(Boolean))].map((one) => this.#member(one));
    const times = [from, to].map((at) => (at === null ? null : recordingTime(at, words.decimal)));
    const range = times.some((one) => one !== null)
      ? ` (${words.from} ${times[0] ?? "…"} ${words.to} ${times[1] ?? "…"})`
      : "";
    return `${names.length === 0 ? "" : `${names.join(` ${words.to} `)}: `}${said}${range}`;
  }

  /** What a part of the recording's file is in plain words. @param {string} name */
  #member(name) {
    const { words } = this;
    const found = PIECE.exec(name);
    if (found === null) return wordFor(words.members, name);
    return (found[2] === "jws" ? words.statement : words.piece)(Number(found[1]));
  }
}
