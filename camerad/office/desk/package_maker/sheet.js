// The sheet that goes to the public prosecutor with a recording (camerad/evidence/cover_sheet.py): the
// same page with the same words, made of what the judge in this tab found. The server makes no sheet:
// the paper has to say what was found where the key is. sheet_page.js is made of evidence/sheet.html.

import { Exit, inSeconds } from "../player/evidence/verdict.js";
import { FindingKind, Severity } from "../player/evidence/findings.js";
import { printable } from "../player/evidence/text.js";
import { LocalTime, format } from "./sheet_format.js";
import { SHEET_PAGE } from "./sheet_page.js";
import { wordFor } from "../player/word_for.js";

const SECOND = 1_000_000;
const LINES = 3;
const MARKS = 6;
const RATES = 2;
const BUTTON = "button:";
const RECOVERED = "recovered";
const UNSIGNED = [FindingKind.FORGED, FindingKind.UNKNOWN_KEY, FindingKind.CONTRADICTION];
const BROKEN = [
  FindingKind.UNLINKED, FindingKind.MISSING, FindingKind.EXTRA, FindingKind.FOREIGN, FindingKind.LOST,
  FindingKind.UNCLOSED,
];
const INCOMPLETE = [
  FindingKind.CHANGED, FindingKind.MISSING, FindingKind.UNCOMMITTED, FindingKind.ARCHIVE, FindingKind.LOST,
];
const BARE = [FindingKind.UNSTATED, FindingKind.SILENT, FindingKind.QUIET];
const HTML = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

/** Text for a page of HTML, without characters that would reorder or break its lines. @param {string} text */
function escape(text) {
  return printable(String(text)).replace(/[&<>"']/g, (one) => HTML[one]);
}

/**
 * The page. sheet: `result` of the judge, whose header is there, and its `exit`; `delivered` files with
 * name, role and sha256; `zone`, the name of a time zone; `reference`, the number of
 * the file that it is for, "" if there is none; `hold` {reason, who}; `ledgerAgrees`, null
 * where no ledger names an end; `stamps` {timeUs, authority}; `madeUs`, `madeBy`, `software`; `details`, `instructions`: names of files.
 * @param {any} sheet
 * @param {any} words of a language (sheet_texts.js)
 * @returns {string}
 */
export function sheetPage(sheet, words) {
  return new Page(sheet, words).html();
}

class Page {
  constructor(sheet, words) {
    this.sheet = sheet;
    this.words = words;
    this.result = sheet.result;
    this.header = sheet.result.header;
  }

  html() {
    const { words, sheet } = this;
    const isBad = sheet.exit >= Exit.NOT_AUTHENTIC;
    const [name, text] = isBad
      ? [words.sealed_only, words.sealed_only_text]
      : sheet.exit === Exit.AUTHENTIC
        ? [words.authentic, words.authentic_text]
        : [words.qualified, words.qualified_text];
    const parts = {
      lang: words.code,
      title: escape(`${words.title} ${this.header.id}`),
      heading: escape(words.title),
      subtitle: escape(words.subtitle),
      id: escape(this.header.id),
      tone: isBad ? "bad" : "good",
      verdict: escape(name),
      time: escape(this.#timeWorth()),
      verdict_text: escape(text),
      what_it_is: escape(words.what_it_is),
      facts_title: escape(words.facts),
      facts: this.#facts().map((row) => this.#row(row)).join(""),
      checks_title: escape(words.checks),
      checks: this.#checks().join(""),
      gaps_title: escape(words.gaps),
      gaps: this.#list(this.#gaps(), this.#noGaps()),
      damages: this.#section(words.damages, this.#findings(Severity.DAMAGE)),
      remarks: this.#section(words.remarks, this.#findings(Severity.NOTE)),
      contained: "",
      files_title: escape(words.files),
      file_title: escape(words.file),
      sha256_title: escape(words.sha256),
      files: this.#files(),
      again_title: escape(words.again),
      again: escape(format(words.again_text, { file: sheet.instructions })),
      handed_over: escape(words.handed_over),
      signature: escape(words.signature),
      made: escape(
        format(words.made, { when: this.#zoned(sheet.madeUs), who: sheet.madeBy, software: sheet.software }),
      ),
    };
    return SHEET_PAGE.replace(/\$(\w+)/g, (_, part) => parts[part]);
  }

  /** What the time is worth, beside the verdict; "" where that is worth nothing. */
  #timeWorth() {
    const { words, sheet, result } = this;
    if (sheet.exit >= Exit.NOT_AUTHENTIC) return "";
    return format(words.time, { worth: wordFor(words.clock, result.timeWorth) });
  }

  // What it is.

  /** @returns {[string, string][]} */
  #facts() {
    const { words, header, result, sheet } = this;
    const before = Math.max(0, Math.min(header.trigger_us - header.origin_us, result.endUs));
    const rows = sheet.reference === "" ? [] : [[words.reference, sheet.reference]];
    rows.push(
      [words.device, header.device],
      [words.key, result.kid ?? words.unknown],
      [words.begun, this.#timed(header.started_wall_us, header.clock.source)],
      [words.ended, this.#ended()],
      ...this.#stamps(),
      [
        words.length,
        words.length_value({
          time: this.#time(this.#length()),
          pictures: result.frames - result.unlinkedFrames,
          pieces: result.commits - result.unlinkedCommits,
        }),
      ],
      [words.pre_event, before > 0 ? this.#before(before) : words.no_pre_event],
      [
        words.picture,
        format(words.picture_value, {
          width: header.width,
          height: header.height,
          fps: header.fps,
          sound: header.sound ? words.with_sound : words.without_sound,
        }),
      ],
    );
    if (result.rates.length > 0) rows.push([words.rates, this.#rates()]);
    const policy = wordFor(words.policies, header.policy);
    rows.push(
      [words.marks, this.#marks()],
      [words.policy, words.policy_value(policy, header.retention_days)],
      [words.wearer, header.wearer || words.no_wearer],
    );
    if (header.continues !== null) rows.push([words.continues, header.continues]);
    rows.push([words.trigger, `${this.#trigger()}; ${words.software}: ${header.software}`]);
    return rows;
  }

  /** When others say that the office's ledger had what is in the package. @returns {[string, string][]} */
  #stamps() {
    const { words, sheet } = this;
    const said = sheet.stamps.map(({ timeUs, authority }) =>
      format(words.stamped, { when: this.#zoned(timeUs), authority }),
    );
    return said.length === 0 ? [] : [[words.stamps, said.join("; ")]];
  }

  #before(us) {
    const { started_wall_us: pressed, trigger_us: trigger, origin_us: origin } = this.header;
    const begin = new LocalTime(pressed + origin - trigger, this.sheet.zone);
    return format(this.words.pre_event_value, {
      time: this.#time(us),
      begin: begin.strftime(this.words.time_format),
    });
  }

  #trigger() {
    const { words } = this;
    const { trigger } = this.header;
    if (trigger.startsWith(BUTTON) && !Object.hasOwn(words.triggers, trigger)) return format(words.button, { name: trigger.slice(BUTTON.length) });
    return wordFor(words.triggers, trigger);
  }

  /** Up to where footage was wanted, as the player shows it: what is missing then is a gap. */
  #length() {
    const { closing, endLinked, endUs } = this.result;
    return closing === null || !endLinked ? endUs : Math.max(endUs, closing.at_us - this.header.origin_us);
  }

  #ended() {
    const { words, header } = this;
    const { closing, endLinked } = this.result;
    if (closing === null || !endLinked) return words.unknown;
    const reason = wordFor(words.end_reasons, closing.reason);
    // What repair closed did not end when repair wrote that.
    if (closing.boot_id !== header.boot_id || closing.reason === RECOVERED) return reason;
    const ended = header.started_wall_us + (closing.at_us - header.trigger_us);
    return `${this.#zoned(ended)}; ${reason}`;
  }

  #rates() {
    const { words } = this;
    const changes = this.result.rates.map((change) =>
      format(words.rate, {
        time: this.#time(change.at_us - this.header.origin_us),
        fps: change.to_fps,
        reason: wordFor(words.rate_reasons, change.reason),
      }),
    );
    return this.#first(changes, RATES).join("; ");
  }

  #marks() {
    const times = this.result.marks.map((at) => this.#time(at - this.header.origin_us));
    return this.#first(times, MARKS).join(", ") || this.words.none;
  }

  /** So many of the texts, and how many more there are. @param {string[]} texts @param {number} most */
  #first(texts, most) {
    if (texts.length <= most) return texts;
    const rest = format(this.words.more, { count: texts.length - most, file: this.sheet.details });
    return [...texts.slice(0, most), rest];
  }

  #timed(wall, source) {
    const clock = wordFor(this.words.clock, source);
    return format(this.words.by_clock, { when: this.#zoned(wall), clock });
  }

  #zoned(wall) {
    const { words, sheet } = this;
    const utc = new LocalTime(wall, "UTC");
    const local = new LocalTime(wall, sheet.zone);
    const text = local.strftime(words.date_format);
    if (local.offset === utc.offset) return `${text} UTC`;
    const zone = `${sheet.zone}, ${local.offset}`;
    return format(words.zone, { local: text, zone, utc: utc.strftime("%H:%M:%S") });
  }

  // What was checked.

  #checks() {
    const { words, sheet, result } = this;
    const bad = result.findings.kinds;
    const isFree = (kinds) => !kinds.some((kind) => bad.has(kind));
    const statements = 1 + result.commits + (result.closing === null ? 0 : 1);
    const isWhole = sheet.exit < Exit.NOT_AUTHENTIC;
    const checks = [
      this.#check(isFree(UNSIGNED), format(words.check_signatures, { statements })),
      this.#check(isFree(BROKEN), words.check_chain),
      this.#check(isFree(INCOMPLETE), format(words.check_fragments, { fragments: result.commits })),
      isWhole ? this.#check(true, words.check_opened) : this.#check(null, words.check_not_opened),
      this.#check(sheet.ledgerAgrees, sheet.ledgerAgrees === null ? words.check_no_ledger : words.check_ledger),
    ];
    checks.push(`<li><b>✓</b> ${escape(format(words.check_hold, sheet.hold))}</li>`);
    return checks;
  }

  /** @param {boolean | null} passed @param {string} text */
  #check(passed, text) {
    const { words } = this;
    const said = passed === null ? words.open_question : passed ? words.passed : words.failed;
    const sign = passed === null ? "–" : passed ? "✓" : "✗";
    return `<li><b>${sign}</b> ${escape(text)}: <em>${escape(said)}</em></li>`;
  }

  #gaps() {
    const { words, result } = this;
    const pictures = result.gaps.map((gap) => this.#gap(gap, "{reason}", words.pictures));
    return [...pictures, ...result.soundGaps.map((gap) => this.#gap(gap, words.no_sound, words.units))];
  }

  /** Where no gap is stated. The footage is called continuous only if it was found so. */
  #noGaps() {
    const { words, result, sheet } = this;
    const isBare = BARE.some((kind) => result.findings.kinds.has(kind));
    return isBare || sheet.exit >= Exit.NOT_AUTHENTIC ? words.no_gaps : words.continuous;
  }

  #gap(gap, form, count) {
    const why = format(form, { reason: wordFor(this.words.gap_reasons, gap.reason) });
    const text = `${this.#range(this.#since(gap.from_us), this.#since(gap.to_us))}: ${why}`;
    return gap.frames === null ? text : `${text}, ${count(gap.frames)}`;
  }

  #since(media) {
    return media === null ? null : media - this.header.origin_us;
  }

  #range(from, to) {
    const { words } = this;
    return format(words.from_to, {
      begin: from === null ? words.the_beginning : this.#time(from),
      end: to === null ? words.the_end : this.#time(to),
    });
  }

  /** Time of the recording as players show it. @param {number} us */
  #time(us) {
    const whole = Math.max(0, us);
    const minutes = Math.floor(whole / (60 * SECOND));
    const seconds = inSeconds(whole % (60 * SECOND)).padStart(6, "0").replace(".", this.words.decimal);
    const hours = Math.floor(minutes / 60);
    const head = hours > 0 ? `${hours}:${String(minutes % 60).padStart(2, "0")}` : String(minutes);
    return `${head}:${seconds}`;
  }

  #findings(severity) {
    const found = this.result.findings.list.filter((one) => one.severity === severity);
    return found.map((one) => {
      const members = [...new Set([one.first, one.last].filter((name) => name !== ""))].join("–");
      let text = wordFor(this.words.kinds, one.kind, one.text);
      if (one.fromUs !== null) text += ` (${this.#range(one.fromUs, one.toUs)})`;
      return members === "" ? text : `${members}: ${text}`;
    });
  }

  // What is handed over.

  #files() {
    const rows = this.sheet.delivered.map(
      ({ name, role, sha256 }) =>
        `<tr><td class=name>${escape(name)}<br><small>${escape(role)}</small></td>` +
        `<td class=hash>${escape(sha256)}</td></tr>`,
    );
    const final = this.result.final ?? this.words.none;
    rows.push(`<tr><td>${escape(this.words.final)}</td><td class=hash>${escape(final)}</td></tr>`);
    return rows.join("");
  }

  // HTML.

  #list(texts, otherwise) {
    if (texts.length === 0) return `<p>${escape(otherwise)}</p>`;
    return `<ul>${this.#first(texts, LINES).map((text) => `<li>${escape(text)}</li>`).join("")}</ul>`;
  }

  #section(title, texts) {
    return texts.length === 0 ? "" : `<section><h2>${escape(title)}</h2>${this.#list(texts, "")}</section>`;
  }

  #row([name, value]) {
    // A person types the key off the paper: no two of its characters may look alike there.
    const cell = name === this.words.key ? '<td class="name">' : "<td>";
    return `<tr><th>${escape(name)}</th>${cell}${escape(value)}</td></tr>`;
  }
}
