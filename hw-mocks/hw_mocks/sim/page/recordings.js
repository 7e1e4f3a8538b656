// The recordings: what each says of itself, what the evidence desk finds, and its film.

import { courseWords } from "./course-texts.js";
import { $, make, mark, write } from "./dom.js";
import { ask, Unreachable } from "./live.js";
import { count, dateTime, duration, number, plain, say, spoken, words } from "./words.js";

const SHOWN = 50;

export class Recordings {
  constructor() {
    this.recordings = [];
    this.desk = { busy: null, findings: {} };
    this.entries = new Map();
    this.failures = new Map();
    this.known = false;
    this.ready = true;
    this.listed = false;
    // A film that nobody sees does not play.
    this.seen = new IntersectionObserver((films) => {
      for (const { target, isIntersecting } of films) if (!isIntersecting) target.pause();
    });
  }

  /** `stage`: of the camera, null where nothing is heard of it. One that does not answer lists nothing. */
  know(stage) {
    const known = !(stage === null || ["off", "starting", "unknown"].includes(stage));
    if (known === this.known) return;
    this.known = known;
    this.show();
  }

  /** The newest first; their ids are numbered, and no clock changes that. null: not listed yet. */
  list(recordings) {
    this.listed = recordings !== null;
    if (recordings === null) return;
    const place = ({ id }) => Number(id.split("-")[1] ?? 0);
    this.recordings = recordings.toSorted((one, other) => place(other) - place(one)).slice(0, SHOWN);
    this.show();
  }

  tell(desk) {
    this.desk = desk;
    this.show();
  }

  /** In another language everything is made anew, the film that plays excepted. */
  speak() {
    for (const entry of this.entries.values()) entry.told = null;
    this.show();
  }

  show() {
    $("none").hidden = this.recordings.length > 0 || !this.known || !this.listed;
    $("recordings-about").hidden = this.recordings.length === 0;
    write($("none"), this.ready ? words().none : words().noneNow);
    const ids = new Set(this.recordings.map((one) => one.id));
    for (const [id, entry] of this.entries) {
      if (!ids.has(id)) {
        entry.element.remove();
        this.entries.delete(id);
      }
    }
    this.recordings.forEach((recording, index) => {
      let entry = this.entries.get(recording.id);
      if (entry === undefined) {
        entry = new Entry(recording.id, (doing) => this.ask(doing, recording.id));
        this.entries.set(recording.id, entry);
      }
      // Moved only if need be: what is moved stops playing and loses the focus.
      const there = $("list").children[index];
      if (there !== entry.element) $("list").insertBefore(entry.element, there ?? null);
      entry.show(recording, this.desk.busy, this.known, this.failures.get(recording.id) ?? this.desk.findings[recording.id]);
    });
  }

  async ask(doing, id) {
    if (this.desk.busy !== null) return;
    this.failures.delete(id);
    try {
      const finding = await ask(`/api/${doing}`, { id });
      // Of a copy, which the desk keeps as little as the copy itself.
      if (doing === "change") this.failures.set(id, finding);
      if (finding.film !== null && doing === "open") this.play(id, finding.film);
    } catch (error) {
      const lost = error instanceof Unreachable;
      this.failures.set(id, lost ? { verdict: null, lost } : { verdict: null, error: error.message });
    }
    this.show();
  }

  /** One film at a time: its sound would mix with another's. */
  play(id, path) {
    this.seen.disconnect();
    for (const entry of this.entries.values()) entry.stop();
    const film = this.entries.get(id)?.play(path);
    if (film === undefined) return;
    film.scrollIntoView({ block: "nearest" });
    this.seen.observe(film);
  }
}

class Entry {
  constructor(id, ask) {
    this.title = make("h3");
    this.facts = make("p", { class: "facts" });
    this.verify = make("button", { type: "button", class: "act" });
    this.change = make("button", { type: "button", class: "act" });
    this.open = make("button", { type: "button", class: "act first" });
    for (const [element, doing] of [[this.verify, "verify"], [this.change, "change"], [this.open, "open"]]) {
      element.onclick = () => {
        if (element.getAttribute("aria-disabled") !== "true") ask(doing);
      };
    }
    this.finding = make("div", { role: "status" });
    this.element = make(
      "li",
      { id: `recording-${id}` },
      make("div", { class: "entry" }, make("div", {}, this.title, this.facts), make("div", { class: "doing" }, this.verify, this.change, this.open)),
      this.finding,
    );
    this.id = id;
    this.film = null;
    this.told = null;
  }

  show(recording, busy, known, finding) {
    const text = words();
    const when = dateTime(new Date(recording.started));
    const mine = busy?.id === this.id ? busy.doing : null;
    write(this.title, when);
    const runs = recording.state === "recording";
    write(this.facts, runs && !known ? text.unknown : this.says(recording));
    this.button(this.verify, text.verify, text.verifyOf(when), mine === "verify" ? text.verifying : null, busy !== null || !known);
    const locked = busy !== null || !known || runs;
    const { change, changeOf, changing } = courseWords();
    this.button(this.change, change, changeOf(when), mine === "change" ? changing : null, locked);
    this.button(this.open, text.open, text.openOf(when), mine === "open" ? text.opening : null, locked);
    if (this.film !== null) {
      mark(this.film, "aria-label", text.filmOf(when));
      write(this.barcode, text.barcode);
    }
    const told = JSON.stringify(finding ?? null);
    if (told !== this.told) {
      this.told = told;
      this.finding.replaceChildren(...(finding ? [found(finding)] : []));
    }
  }

  button(element, label, long, doing, locked) {
    write(element, doing ?? label);
    mark(element, "aria-label", doing ?? long);
    // Not `disabled`: that would take the focus from whoever has just pressed it.
    mark(element, "aria-disabled", String(locked));
  }

  says({ state, seconds, pre_event_seconds: before, frames, gaps, sound, sound_gaps: soundGaps, marks, continues, wearer, acknowledged }) {
    const text = words();
    // A running one grows while this is read; the stage says how long it is.
    if (state === "recording") return say("states", state);
    const earlier = before > 0 ? [text.before(number(before))] : [];
    const parts = [duration(seconds), ...earlier, text.frames(count(frames))];
    if (wearer) parts.push(text.by(wearer));
    if (continues) parts.push(text.continued);
    if (marks?.length) parts.push(text.marks(marks.length));
    if (gaps.length) parts.push(text.gaps(gaps.length));
    if (!sound) parts.push(text.soundNow.none);
    else if (soundGaps.length) parts.push(text.soundGaps(soundGaps.length));
    if (state !== "closed") parts.push(say("states", state));
    if (acknowledged) parts.push(text.acknowledged);
    return parts.join(" · ");
  }

  stop() {
    this.film?.remove();
    this.barcode?.remove();
    this.film = null;
  }

  play(path) {
    this.film = make("video", { controls: true, autoplay: true, playsInline: true, muted: false, src: path });
    mark(this.film, "aria-label", words().filmOf(this.title.textContent));
    this.barcode = make("p", { class: "about", text: words().barcode });
    this.element.append(this.film, this.barcode);
    return this.film;
  }
}

/** What was found, in plain words; an error is told as camerad says it. */
function found({ doing, verdict, error, lost, seconds, frames, remarks }) {
  const text = words();
  const kind = verdict ?? "failed";
  const box = make("div", { class: `finding ${kind}` }, make("strong", { text: text.verdicts[kind] }), " ");
  if (lost) box.append(text.unreachable);
  else if (verdict === null) box.append(make("span", { lang: "en", text: plain(error) }));
  else box.append(text.verdictIs[kind](duration(seconds), count(frames)));
  if (doing === "change") box.prepend(make("p", { text: courseWords().changed }));
  const lines = remarks?.[spoken()] ?? [];
  if (lines.length > 0) box.append(make("ul", {}, ...lines.map((line) => make("li", { text: plain(line) }))));
  return box;
}
