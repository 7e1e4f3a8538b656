// What the check says of a recording: its verdict, and each finding in the words of the sheet.

import { make, show } from "./dom.js";
import { Exit } from "./evidence/verdict.js";
import { recordingTime } from "./times.js";

/** Findings that are listed one by one. */
const MOST = 200;

/** A banner and a list; `element` is to be put into a page. */
export class VerdictView {
  #title;
  #text;
  #details;
  #list;

  /** @param {any} words */
  constructor(words) {
    this.words = words;
    this.#title = make("strong");
    this.#text = make("p");
    this.#list = make("ul");
    this.#details = make("details", {}, make("summary", { text: words.findings }), this.#list);
    const said = make("div", { role: "status" }, this.#title, this.#text);
    this.element = make("div", { class: "verdict checking" }, said, this.#details);
    show(this.#details, false);
  }

  /** How far the check is. @param {number} share from 0 to 1 */
  checking(share) {
    const percent = Math.min(99, Math.floor(share * 100));
    const text = this.words.checking(percent);
    // Ten times in all, so that whoever hears the page is not read every step.
    if (percent % 10 === 0 || this.#title.textContent === "") this.#title.textContent = text;
  }

  /** That the check begins anew. */
  again() {
    this.element.className = "verdict checking";
    this.#title.textContent = "";
    this.#text.textContent = "";
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
    const [tone, title, text] = {
      [Exit.AUTHENTIC]: ["good", report.authentic, words.authenticText],
      [Exit.QUALIFIED]: ["remarks", report.qualified, words.qualifiedText],
      [Exit.NOT_AUTHENTIC]: ["bad", words.notAuthentic, words.notAuthenticText],
      [Exit.UNREADABLE]: ["bad", words.unreadable, words.unreadableText],
    }[verdict.exit];
    this.element.className = `verdict ${tone}`;
    this.#title.textContent = title;
    this.#text.textContent = text;
    const found = verdict.findings.slice(0, MOST).map((one) => make("li", { text: this.#finding(one) }));
    const left = verdict.findings.length - found.length + verdict.dropped;
    if (left > 0) found.push(make("li", { text: words.more(left) }));
    this.#list.replaceChildren(...found);
    show(this.#details, found.length > 0);
    this.#details.open = verdict.exit >= Exit.NOT_AUTHENTIC;
  }

  #finding({ code, text, first, last, at_us: from, to_us: to }) {
    const { words } = this;
    const said = words.report.kinds[code] ?? text;
    const members = [...new Set([first, last].filter(Boolean))].join("–");
    const times = [from, to].map((at) => (at === null ? null : recordingTime(at, words.decimal)));
    const range = times.some((one) => one !== null)
      ? ` (${words.from} ${times[0] ?? "…"} ${words.to} ${times[1] ?? "…"})`
      : "";
    return `${members === "" ? "" : `${members}: `}${said}${range}`;
  }
}
