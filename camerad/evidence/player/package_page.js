// The page in a package for the prosecutor: one file, from a disk, without a network.
//
// A clerk chooses the folder, types the beginning of the camera's key off the paper sheet, and is
// then told what the check says. Before the key was compared no verdict is shown: a key that came
// with the recording vouches for nothing.

import { make, show } from "./dom.js";
import { PublicKey, fromPem } from "./evidence/keys.js";
import { judge } from "./evidence/judge.js";
import { isRedactedCopy } from "./evidence/redacted_copy.js";
import { REDACTED_ENDING } from "./evidence/redaction.js";
import { BlobSource } from "./evidence/source.js";
import { Exit } from "./evidence/verdict.js";
import { FactsView } from "./facts_view.js";
import { HeldKey } from "./key_file.js";
import { checkProofs, ProofState } from "./evidence/package_proofs.js";
import {
  COMPARED,
  NotAKeyError,
  doubled,
  droppedFiles,
  fingerprint,
  isSameKey,
  listed,
  proofFiles,
  readKey,
  sorted,
} from "./package_files.js";
import { mountPlayer } from "./player.js";
import { showCopy } from "./redacted_view.js";
import { redactionTexts } from "./redaction_texts.js";
import { nearestSecond } from "./times.js";
import { VerdictView } from "./verdict_view.js";
import { nextLanguage, wordsOf } from "./words.js";

const SECOND = 1_000_000;
/** A part of a recording, by its file's name. */
const PART = /-part-([1-9]\d*)-of-([1-9]\d*)\.tar$/;
const OFFICE_KEY = "office-key.pem";
const asked = location.hash.slice(1);
const words = wordsOf(asked === "" ? navigator.language : asked);
const said = words.package;

/** The package that is looked at, and where it is shown. */
class PackagePage {
  #main = make("main");
  #found = make("dl");
  #problem = make("p", { class: "problem", role: "alert" });
  #compare = make("section", { hidden: true });
  #result = make("section", { hidden: true });
  #film = make("section", { hidden: true });
  /** What is shown of it. @type {{close: () => any} | null} */
  #player = null;
  #address = "";
  #chosen = 0;

  constructor() {
    document.documentElement.lang = words.code;
    document.title = said.title;
    document.body.className = "camerad-page";
    const other = nextLanguage(words.code);
    const language = make("button", { type: "button", lang: other.code, text: other.name });
    language.addEventListener("click", () => {
      location.hash = other.code;
      location.reload();
    });
    this.#main.append(
      make("div", { class: "row" }, make("h1", { text: said.title }), language),
      make("p", { text: said.claim }),
      this.#chooser(),
      this.#compare,
      this.#result,
      this.#film,
    );
    document.body.replaceChildren(this.#main);
  }

  #chooser() {
    const folder = make("input", { type: "file", multiple: true, webkitdirectory: true });
    const some = make("input", { type: "file", multiple: true });
    for (const input of [folder, some]) {
      // Else choosing the same names once more has no event.
      input.addEventListener("click", () => (input.value = ""));
      input.addEventListener("change", () => this.#take([...input.files]));
    }
    const section = make(
      "section",
      {},
      make("h2", { text: said.files }),
      make("p", { text: said.filesHow }),
      make("label", {}, make("span", { text: said.folder }), folder),
      make("label", {}, make("span", { text: said.some }), some),
      this.#found,
      this.#problem,
    );
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      section.classList.add("dropped");
    });
    document.addEventListener("dragleave", () => section.classList.remove("dropped"));
    document.addEventListener("drop", async (event) => {
      event.preventDefault();
      section.classList.remove("dropped");
      if (event.dataTransfer !== null) this.#take(await droppedFiles(event.dataTransfer));
    });
    return section;
  }

  /** @param {File[]} files */
  async #take(files) {
    this.#chosen += 1;
    const chosen = this.#chosen;
    this.#forget();
    const found = sorted(files);
    const rows = Object.entries(found).map(([kind, file]) => [
      make("dt", { text: file?.name.endsWith(REDACTED_ENDING) ? redactionTexts(words.plain).copy : said.found[kind] }),
      make("dd", { text: file?.name ?? said.missing }),
    ]);
    this.#found.replaceChildren(...rows.flat());
    const several = doubled(files);
    if (several.length > 0) {
      this.#found.replaceChildren();
      this.#problem.textContent = said.several(several.map(({ name }) => name).join(", "));
      return;
    }
    if (found.container === null || found.key === null) return;
    let key;
    try {
      key = await readKey(found.key);
    } catch (error) {
      if (!(error instanceof NotAKeyError)) throw error;
      this.#problem.textContent = said.notAKey;
      return;
    }
    if (chosen === this.#chosen) this.#ask({ ...found, files }, key, chosen);
  }

  /** Let go of the package before. */
  #forget() {
    this.#player?.close();
    this.#player = null;
    if (this.#address !== "") URL.revokeObjectURL(this.#address);
    this.#address = "";
    this.#problem.textContent = "";
    for (const section of [this.#compare, this.#result, this.#film]) {
      section.replaceChildren();
      show(section, false);
    }
  }

  /** Have the key compared with what is on paper. */
  #ask(found, key, chosen) {
    const typed = make("input", {
      type: "text",
      class: "mono",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      size: 24,
    });
    const same = make("p", { class: "same", role: "status" });
    const whole = make("p", { class: "mono" });
    const different = make("p", { class: "problem", role: "alert" });
    typed.addEventListener("input", () => {
      const is = isSameKey(typed.value, key.thumbprint);
      same.textContent = is ? said.same : "";
      whole.textContent = is ? key.thumbprint : "";
      different.textContent = is === false ? said.different : "";
      if (is && chosen === this.#chosen) this.#tell(found, key, chosen);
      else if (is === false) this.#untell();
    });
    this.#compare.append(
      make("h2", { text: said.compare }),
      make("p", { text: said.compareHow(COMPARED) }),
      make("label", {}, make("span", { text: said.compareLabel(COMPARED) }), typed),
      same,
      whole,
      different,
    );
    show(this.#compare, true);
    typed.focus();
  }

  #untell() {
    this.#player?.close();
    this.#player = null;
    this.#result.replaceChildren();
    this.#film.replaceChildren();
    show(this.#result, false);
    show(this.#film, false);
  }

  async #tell(found, key, chosen) {
    if (this.#player !== null) return;
    if (await isRedactedCopy(new BlobSource(found.container))) return this.#tellCopy(found, key, chosen);
    if (PART.test(found.container.name)) return this.#tellPart(found, key, chosen);
    const facts = new FactsView(words);
    const place = make("div");
    const log = make("section");
    this.#result.append(make("h2", { text: said.result }), place, facts.element, log);
    show(this.#result, true);
    let tell;
    const judged = new Promise((resolve) => (tell = resolve));
    const player = mountPlayer(place, {
      source: new BlobSource(found.container),
      key: key.raw,
      name: found.container.name,
      identity: new HeldKey(),
      words,
      folded: said.sealed,
      onVerdict: tell,
    });
    this.#player = player;
    this.#showFilm(found, judged);
    this.#count(found, chosen);
    this.#prove(found, key, judged, log);
    await player.ready;
    const { recording } = player;
    if (recording === null || this.#player !== player) return;
    const draw = () => {
      show(facts.element, recording.timeline !== null);
      if (recording.timeline !== null) facts.draw(recording.timeline, recording.closing);
    };
    recording.addEventListener("growth", draw);
    draw();
  }

  /** The same of a part of a recording: its film plays, and its sealed pieces do not. */
  async #tellPart(found, key, chosen) {
    const [, number, count] = PART.exec(found.container.name) ?? [];
    const view = new VerdictView(words);
    const log = make("section");
    this.#result.append(
      make("h2", { text: said.result }),
      make("p", { text: said.part(number, count) }),
      make("div", { class: "camerad-player" }, view.element),
      log,
    );
    show(this.#result, true);
    const stop = new AbortController();
    this.#player = { close: () => stop.abort() };
    const source = new BlobSource(found.container);
    const judged = judge(source, {
      key: key.raw,
      name: found.container.name,
      part: true,
      onProgress: (done) => view.checking(done / source.size),
      signal: stop.signal,
    });
    this.#showFilm(found, judged.catch(() => ({ exit: Exit.NOT_AUTHENTIC })));
    this.#count(found, chosen);
    try {
      view.tell(await judged);
      await this.#prove(found, key, judged, log);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  }

  /** The same of a redacted copy. */
  async #tellCopy({ container, files }, key, chosen) {
    const place = make("div", { class: "camerad-player" });
    const pem = files.find(({ name }) => name === OFFICE_KEY);
    const raw = pem === undefined ? null : fromPem(await pem.text());
    if (chosen !== this.#chosen || !this.#result.hidden) return;
    this.#result.replaceChildren(make("h2", { text: said.result }), place);
    show(this.#result, true);
    if (raw === null) {
      place.append(make("p", { class: "problem", text: redactionTexts(words.plain).noOfficeKey }));
      return;
    }
    const { thumbprint } = await PublicKey.of(raw);
    const close = await showCopy(place, container, key, { raw, thumbprint }, words);
    if (chosen === this.#chosen) this.#player = { close };
    else close();
  }

  /** Say whether the office's entries lie in its log. @param {HTMLElement} place where that is said */
  async #prove({ files }, key, judged, place) {
    const { header } = await judged;
    if (header === null) return;
    const found = await checkProofs(await proofFiles(files), key, header.id);
    const isDamage = found.state !== ProofState.NONE && found.state !== ProofState.PROVEN;
    const text = isDamage ? said.proofsWrong(found) : said.proofs(found, words.locale);
    place.append(make("h3", { text: said.log }), make("p", { text, class: isDamage ? "problem" : "" }));
  }

  /** @param {any} found @param {Promise<any>} judged the verdict on the original */
  #showFilm({ video, container }, judged) {
    this.#film.append(make("h2", { text: said.video }));
    show(this.#film, true);
    if (video === null) {
      this.#film.append(make("p", { text: said.noVideo }));
      return;
    }
    if (this.#address === "") this.#address = URL.createObjectURL(video);
    const film = make("video", { class: "film", controls: true, preload: "metadata", src: this.#address });
    film.setAttribute("aria-label", said.video);
    const problem = make("p", { class: "problem", role: "alert" });
    film.addEventListener("error", () => (problem.textContent = said.cannotPlay));
    film.addEventListener("loadedmetadata", async () => {
      const { exit, report } = await judged;
      // Of what is not authentic there may be a film of some parts.
      if (exit >= Exit.NOT_AUTHENTIC) return;
      const { proven } = report.result;
      const length = PART.test(container.name) ? proven.at(-1).toUs - proven[0].fromUs : report.result.endUs;
      if (Math.abs(film.duration * SECOND - length) <= SECOND) return;
      problem.textContent = said.otherLength(nearestSecond(film.duration * SECOND), nearestSecond(length));
    });
    this.#film.append(make("p", { text: said.videoHow }), film, problem);
  }

  /** Fingerprints of what was handed over, beside what the list says. */
  async #count({ container, video, sums }, chosen) {
    const list = make("dl");
    this.#film.append(make("h3", { text: said.fingerprints }), list);
    const files = [container, video].filter((file) => file !== null);
    const lines = files.map((file) => make("dd", { class: "mono", text: said.counting(0) }));
    list.append(...files.flatMap((file, at) => [make("dt", { text: file.name }), lines[at]]));
    const text = sums === null ? "" : await sums.text();
    for (const [at, file] of files.entries()) {
      const sha256 = await fingerprint(file, (share) => {
        lines[at].textContent = said.counting(Math.floor(share * 100));
      });
      if (chosen !== this.#chosen) return;
      const expected = listed(text, file.name);
      const how = expected === null ? said.unlisted : expected === sha256 ? said.asListed : said.notListed;
      lines[at].textContent = `${sha256} (${how})`;
      lines[at].classList.toggle("problem", expected !== null && expected !== sha256);
    }
  }
}

new PackagePage();
