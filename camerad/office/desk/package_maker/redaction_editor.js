// Shows a recording picture by picture to the person who masks and mutes it, by mouse and by keyboard.

import { fill, make, redraw } from "../dom.js";
import { MASK_KINDS } from "../player/evidence/redaction.js";
import { PicturesError } from "../player/pictures.js";
import { language } from "../words.js";
import { gettext, ngettext } from "./maker_words.js";
import { KINDS } from "./redaction_sheet.js";

const SECOND = 1_000_000;
/** Pixels that an arrow moves a mask. */
const STEP = 8;
/** The smallest mask that a hand draws, pixels. */
const LEAST = 8;
/** How far sound may be from its picture, seconds. */
const APART = 0.3;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Seconds as the page's language spells them. @param {number} seconds */
const spelled = (seconds) => new Intl.NumberFormat(language(), { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(seconds);

/** Dispatches `change` when the draft has changed, or more of it was seen. */
export class RedactionEditor extends EventTarget {
  #draft;
  #signal;
  #number = 0;
  /** Counts what is to be shown: only the last counts. */
  #turn = 0;
  #isPlaying = false;
  /** @type {import("./redaction_draft.js").DraftMask | null} */
  #chosen = null;
  #canvas = make("canvas", { role: "img" });
  #boxes = make("div", { class: "boxes" });
  #stage = make("div", { class: "stage" }, this.#canvas, this.#boxes);
  #place = make("input", { type: "range", min: 0, step: 1, value: 0 });
  #strip = make("canvas", { class: "strip", height: 24, "aria-hidden": "true" });
  #when = make("span", { class: "when" });
  #play = make("button", {});
  #panel = make("div", { class: "masks" });
  #mutes = make("div", { class: "mutes" });
  #problem = make("p", { class: "wrong", role: "alert" });
  #sound = make("audio", {});

  /** @param {import("./redaction_draft.js").Draft} draft @param {AbortSignal} signal that ends it */
  constructor(draft, signal) {
    super();
    this.#draft = draft;
    this.#signal = signal;
    const { width, height } = draft.size;
    Object.assign(this.#canvas, { width, height });
    // All of a picture fits into the window.
    this.#stage.style.maxWidth = `calc(70vh * ${width / height})`;
    this.#place.max = String(draft.seen.length - 1);
    this.#place.setAttribute("aria-label", gettext("Picture"));
    this.#place.addEventListener("input", () => this.show(Number(this.#place.value)));
    this.#play.addEventListener("click", () => this.#toggle());
    this.element = make(
      "div",
      { class: "redaction" },
      this.#stage,
      this.#problem,
      this.#place,
      this.#strip,
      make(
        "div",
        { class: "buttons" },
        make("button", { onclick: () => this.show(this.#number - 1) }, gettext("Picture back")),
        this.#play,
        make("button", { onclick: () => this.show(this.#number + 1) }, gettext("Picture on")),
        make("button", { onclick: () => this.#toUnseen() }, gettext("Next unseen picture")),
        this.#when,
      ),
      make("div", { class: "buttons" }, make("button", { onclick: () => this.#add() }, gettext("Add a mask")), make("button", { onclick: () => this.#mute() }, gettext("Mute from here, or up to here"))),
      this.#panel,
      this.#mutes,
      make("details", {}, make("summary", {}, gettext("Keys")), make("p", {}, gettext("Space plays and stops. Comma and full stop go back and on by one picture. Tab goes through the masks; arrows move the chosen one, with Shift they resize it, with Alt by one pixel. Enter confirms it, E takes it into this picture, F follows it, X ends it here, Delete removes it. M begins and ends a mute."))),
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("pointerdown", (event) => this.#drawn(event));
    signal.addEventListener("abort", () => this.close());
    this.#tell();
    this.open();
  }

  /** Begin, or go on once the film is there again. */
  open() {
    const { sound } = this.#draft.film;
    if (sound !== null) this.#sound.src = URL.createObjectURL(sound);
    this.element.hidden = false;
    return this.show(this.#number);
  }

  /** Show and play nothing more: the key is forgotten, or the person has left. */
  close() {
    this.#isPlaying = false;
    this.#turn += 1;
    this.#sound.pause();
    if (this.#sound.src !== "") URL.revokeObjectURL(this.#sound.src);
    this.#sound.removeAttribute("src");
    this.element.hidden = true;
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** Show a picture, with its masks: then it was seen. @param {number} number */
  async show(number) {
    const { film, seen } = this.#draft;
    const wanted = Math.min(Math.max(0, number), seen.length - 1);
    this.#turn += 1;
    const turn = this.#turn;
    let picture;
    try {
      picture = await film.picture(wanted);
    } catch (error) {
      if (turn !== this.#turn || this.#signal.aborted) return;
      this.#isPlaying = false;
      this.#problem.textContent = gettext("This picture cannot be shown: {why}", { why: error.message });
      if (!(error instanceof PicturesError)) throw error;
      return;
    }
    if (turn !== this.#turn || this.#signal.aborted) return;
    this.#problem.textContent = "";
    this.#number = wanted;
    const { width, height, data, time, colorSpace } = picture;
    const frame = new VideoFrame(data, { format: "I420", codedWidth: width, codedHeight: height, timestamp: time, colorSpace });
    this.#canvas.getContext("2d").drawImage(frame, 0, 0);
    frame.close();
    seen[wanted] = 1;
    this.#tellPicture();
  }

  /** Say again which picture is shown. */
  #tellPicture() {
    const { film, seen } = this.#draft;
    this.#place.value = String(this.#number);
    this.#when.textContent = gettext("Picture {number} of {count}, {when} s", { number: this.#number + 1, count: seen.length, when: this.#seconds(film.pictures[this.#number].at) });
    this.#canvas.setAttribute("aria-label", this.#when.textContent);
    this.#play.textContent = this.#isPlaying ? gettext("Stop") : gettext("Play");
    this.#drawBoxes();
    this.#drawStrip();
    this.dispatchEvent(new Event("change"));
  }

  /** Say again what is masked and muted. */
  #tell() {
    const { masks } = this.#draft;
    this.#tellPicture();
    redraw(this.#panel, masks.length === 0 ? make("p", { class: "hint" }, gettext("Draw a mask over the picture with the mouse, or add one.")) : make("ul", {}, masks.map((one, at) => this.#row(one, at))));
    redraw(this.#mutes, make("ul", {}, this.#draft.mutes.map((one) => this.#muteRow(one))));
  }

  /** Seconds of the recording. @param {number} at media time */
  #seconds(at) {
    return spelled((at - this.#draft.film.origin) / SECOND);
  }

  // ---------------------------------------------------------------- masks in the picture

  #drawBoxes() {
    const { masks, size } = this.#draft;
    const focused = this.element?.contains(document.activeElement) && document.activeElement?.closest(".boxes") !== null;
    const shown = masks.map((mask, at) => ({ mask, at, box: this.#draft.boxIn(mask, this.#number) })).filter(({ box }) => box !== null);
    fill(this.#boxes, shown.map(({ mask, at, box: [x, y, wide, high] }) => {
      const made = make("button", {
        class: `mask${mask.suggested ? " suggested" : ""}${mask === this.#chosen ? " chosen" : ""}`,
        "aria-label": `${this.#called(mask, at)}: x ${x}, y ${y}, ${wide} × ${high}`,
        onfocus: () => this.#choose(mask),
        onpointerdown: (event) => this.#dragged(event, mask),
      }, make("span", { class: "corner", "aria-hidden": "true" }));
      const share = (part, of) => `${(100 * part) / of}%`;
      Object.assign(made.style, { left: share(x, size.width), top: share(y, size.height), width: share(wide, size.width), height: share(high, size.height) });
      if (focused && mask === this.#chosen) queueMicrotask(() => made.focus());
      return made;
    }));
  }

  #called(mask, at) {
    const called = gettext("Mask {number}, {kind}", { number: at + 1, kind: gettext(KINDS[mask.kind]) });
    return mask.suggested ? `${called}, ${gettext("only suggested")}` : called;
  }

  #choose(mask) {
    if (this.#chosen === mask) return;
    this.#chosen = mask;
    this.#tell();
  }

  /** A place in the picture, pixels of it. @param {PointerEvent} event */
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const { size } = this.#draft;
    return [((clientX - left) * size.width) / width, ((clientY - top) * size.height) / height];
  }

  /** Follow a hand until it lets go. @param {(point: number[]) => void} move */
  #hand(event, move) {
    event.preventDefault();
    this.#isPlaying = false;
    const over = new AbortController();
    addEventListener("pointermove", (one) => move(this.#point(one)), { signal: over.signal });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => over.abort(), { signal: over.signal });
  }

  /** A new mask, from one corner to the other. */
  #drawn(event) {
    const [x, y] = this.#point(event);
    let mask = null;
    this.#hand(event, ([toX, toY]) => {
      const box = [Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y)];
      if (mask === null && (box[2] < LEAST || box[3] < LEAST)) return;
      mask ??= this.#chosen = this.#draft.add(this.#number, box);
      this.#put(mask, box);
    });
  }

  /** Move a mask, or resize it by its corner. */
  #dragged(event, mask) {
    const resizes = event.target.classList.contains("corner");
    const [fromX, fromY] = this.#point(event);
    const [x, y, wide, high] = this.#draft.boxIn(mask, this.#number);
    this.#chosen = mask;
    this.#hand(event, ([toX, toY]) => {
      const [right, down] = [toX - fromX, toY - fromY];
      this.#put(mask, resizes ? [x, y, wide + right, high + down] : [x + right, y + down, wide, high]);
    });
    event.currentTarget.focus();
  }

  #put(mask, box) {
    this.#draft.put(mask, this.#number, box);
    mask.suggested = false;
    this.#changed();
  }

  /** What is shown now was seen; the rest may have to be seen again. */
  #changed() {
    this.#draft.seen[this.#number] = 1;
    this.#tell();
  }

  #add() {
    const { width, height } = this.#draft.size;
    this.#isPlaying = false;
    this.#chosen = this.#draft.add(this.#number, [width * 0.4, height * 0.35, width * 0.2, height * 0.3]);
    this.#changed();
    this.#boxes.querySelector(".chosen")?.focus();
  }

  // ---------------------------------------------------------------- what is done to a mask

  #row(mask, at) {
    const { from, to } = this.#draft.rangeOf(mask);
    const { pictures } = this.#draft.film;
    const kind = make("select", { "aria-label": gettext("What mask {number} hides", { number: at + 1 }), onchange: () => this.#does(mask, () => (mask.kind = kind.value)) }, MASK_KINDS.map((one) => make("option", { value: one, selected: one === mask.kind }, gettext(KINDS[one]))));
    const does = (text, what) => make("button", { "aria-label": `${text}: ${gettext("Mask {number}", { number: at + 1 })}`, onclick: () => this.#act(mask, what) }, text);
    return make(
      "li",
      { class: mask === this.#chosen ? "chosen" : null },
      make("button", { class: "quiet", onclick: () => this.show(from) }, gettext("Mask {number}", { number: at + 1 })),
      kind,
      ` ${this.#seconds(pictures[from].at)}–${this.#seconds(pictures[to].at)} s `,
      mask.suggested ? make("strong", {}, gettext("only suggested")) : null,
      mask.suggested ? does(gettext("Confirm"), "confirm") : null,
      does(gettext("Extend to this picture"), "extend"),
      does(gettext("Follow"), "follow"),
      does(gettext("End here"), "end"),
      does(gettext("Remove"), "remove"),
    );
  }

  #does(mask, work) {
    this.#chosen = mask;
    work();
    this.#changed();
  }

  /** @param {any} mask @param {"confirm" | "extend" | "follow" | "end" | "remove"} what */
  async #act(mask, what) {
    const { rangeOf } = this.#draft;
    this.#isPlaying = false;
    const works = {
      confirm: () => (mask.suggested = false),
      end: () => this.#draft.end(mask, this.#number),
      remove: () => this.#draft.remove(mask),
      extend: () => {
        const { from, to } = rangeOf(mask);
        if (this.#number < from) this.#draft.put(mask, this.#number, mask.boxes.get(from));
        else if (this.#number > to) this.#draft.put(mask, this.#number, mask.boxes.get(to));
      },
      follow: () => {},
    };
    this.#does(mask, works[what]);
    if (what === "remove") this.#chosen = null;
    if (what !== "follow") return;
    await this.show(await this.#draft.follow(mask, this.#number, this.#signal));
    this.#tell();
  }

  // ---------------------------------------------------------------- sound

  #mute() {
    const { film, mutes, muteFrom } = this.#draft;
    const { at } = film.pictures[this.#number];
    if (muteFrom === null) this.#draft.muteFrom = at;
    else {
      const end = film.pictures[this.#number + 1]?.at ?? at + SECOND;
      const [from, to] = muteFrom <= at ? [muteFrom, end] : [at, muteFrom];
      mutes.push({ from_us: from, to_us: to });
      this.#draft.muteFrom = null;
    }
    this.#tell();
  }

  #muteRow(mute) {
    const range = `${this.#seconds(mute.from_us)}–${this.#seconds(mute.to_us)} s`;
    const remove = () => {
      this.#draft.mutes.splice(this.#draft.mutes.indexOf(mute), 1);
      this.#tell();
    };
    return make("li", {}, gettext("Muted: {range}", { range }), " ", make("button", { "aria-label": `${gettext("Remove")}: ${range}`, onclick: remove }, gettext("Remove")));
  }

  // ---------------------------------------------------------------- going through the pictures

  #toggle() {
    this.#isPlaying = !this.#isPlaying;
    this.#tell();
    if (this.#isPlaying) this.#run();
  }

  /** Show one picture after the other, none of them shorter than it lasts. */
  async #run() {
    const { pictures } = this.#draft.film;
    let due = performance.now();
    while (this.#isPlaying && this.#number + 1 < pictures.length) {
      const [now, next] = [pictures[this.#number], pictures[this.#number + 1]];
      due = Math.max(performance.now(), due + Math.min(next.at - now.at, SECOND) / 1000);
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (!this.#isPlaying) break;
      this.#hear(next);
      await this.show(this.#number + 1);
    }
    this.#isPlaying = false;
    this.#sound.pause();
    this.#tell();
  }

  /** Have the sound keep to a picture; what is muted is not heard. */
  #hear({ at, time }) {
    if (!this.#sound.hasAttribute("src")) return;
    const seconds = time / SECOND;
    this.#sound.muted = this.#draft.mutes.some((one) => one.from_us <= at && at < one.to_us);
    if (this.#sound.paused || Math.abs(this.#sound.currentTime - seconds) > APART) this.#sound.currentTime = seconds;
    if (this.#sound.paused) this.#sound.play().catch(() => {}); // without it the pictures go on
  }

  #toUnseen() {
    const { seen } = this.#draft;
    const next = seen.indexOf(0, this.#number);
    const number = next < 0 ? seen.indexOf(0) : next;
    if (number >= 0) this.show(number);
  }

  /** What is seen, masked and muted, over the whole recording. */
  #drawStrip() {
    const { film, masks, mutes, seen } = this.#draft;
    const { width, height } = this.#strip;
    const context = this.#strip.getContext("2d");
    const style = getComputedStyle(this.#strip);
    const place = (/** @type {number} */ number) => (number * width) / seen.length;
    context.clearRect(0, 0, width, height);
    const bars = (colour, ranges, top, high) => {
      context.fillStyle = colour;
      for (const [from, to] of ranges) context.fillRect(place(from), top, Math.max(1, place(to) - place(from)), high);
    };
    const seenRanges = [];
    for (let from = seen.indexOf(1); from >= 0; ) {
      const to = seen.indexOf(0, from);
      seenRanges.push([from, to < 0 ? seen.length : to]);
      from = to < 0 ? -1 : seen.indexOf(1, to);
    }
    bars(style.color, seenRanges, 0, 6);
    bars(style.borderTopColor, masks.map((one) => this.#draft.rangeOf(one)).map(({ from, to }) => [from, to + 1]), 9, 6);
    bars(style.outlineColor, mutes.map((one) => [film.pictureAt(one.from_us), film.pictureAt(one.to_us)]), 18, 6);
  }

  // ---------------------------------------------------------------- keys

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("select, summary") !== null || event.ctrlKey || event.metaKey) return;
    const isMask = target.classList.contains("mask");
    const mask = this.#chosen;
    const plain = {
      ",": () => this.show(this.#number - 1),
      ".": () => this.show(this.#number + 1),
      m: () => this.#mute(),
      ...(isMask || target === this.#place ? { " ": () => this.#toggle() } : {}),
      ...(mask === null ? {} : { e: () => this.#act(mask, "extend"), f: () => this.#act(mask, "follow"), x: () => this.#act(mask, "end") }),
      ...(mask === null || !isMask ? {} : { Enter: () => this.#act(mask, "confirm"), Delete: () => this.#act(mask, "remove") }),
    };
    const arrow = ARROWS[event.key];
    if (isMask && mask !== null && arrow !== undefined) {
      const [right, down] = arrow.map((one) => one * (event.altKey ? 1 : STEP));
      const [x, y, wide, high] = this.#draft.boxIn(mask, this.#number);
      this.#put(mask, event.shiftKey ? [x, y, wide + right, high + down] : [x + right, y + down, wide, high]);
    } else if (Object.hasOwn(plain, event.key)) plain[event.key]();
    else return;
    event.preventDefault();
  }

  /** How much was seen, and what is left to do before the copy can be made. */
  get left() {
    const { seen, seenCount, suggestedCount, masks, mutes, muteFrom } = this.#draft;
    const unseen = seen.length - seenCount;
    return [
      gettext("Seen: {seen} of {count} pictures.", { seen: seenCount, count: seen.length }),
      unseen > 0 ? gettext("The copy can be made when all of them were seen.") : "",
      suggestedCount > 0 ? ngettext("One mask is only suggested: confirm or remove it.", "{number} masks are only suggested: confirm or remove them.", suggestedCount) : "",
      muteFrom !== null ? gettext("The mute begins at {when} s: go to its end.", { when: this.#seconds(muteFrom) }) : "",
      masks.length + mutes.length === 0 ? gettext("Nothing is masked or muted yet.") : "",
    ].filter((one) => one !== "").join(" ");
  }
}
