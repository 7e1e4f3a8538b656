// Leads through making a redacted copy in this tab: the check, the key, the editor, and when all pictures
// were seen, for whom the copy is and where it goes. Leaving gives it up, and nothing half is left.

import { RefusalError } from "../api.js";
import { RECIPIENTS } from "../entry_words.js";
import { field, fill, make } from "../dom.js";
import { KeyError } from "../player/evidence/keys.js";
import { NotProvenError } from "../player/evidence/opened.js";
import { SourceError } from "../player/evidence/source.js";
import { HeldKey, NoKeyError } from "../player/key_file.js";
import { PicturesError } from "../player/pictures.js";
import { keyOfTab, LET_GO } from "../viewing.js";
import { sentence } from "../words.js";
import { EncodingError } from "./avc_ids.js";
import { Destination } from "./destination.js";
import { keyFor } from "./key_asking.js";
import { LedgerError } from "./ledger_words.js";
import { Candidate, MissingPageError, NoFilmError } from "./maker.js";
import { gettext, size, words } from "./maker_words.js";
import { Draft } from "./redaction_draft.js";
import { RedactionEditor } from "./redaction_editor.js";
import { Film } from "./redaction_film.js";
import { makeCopy } from "./redaction_maker.js";
import { FOR } from "./redaction_sheet.js";
import { MOST_IN_MEMORY, hasFiles } from "./saving.js";
import { noteVerdict } from "./verdict_note.js";

/** What is said where this browser cannot. @param {string} id of the recording */
export function cannotRedact(id) {
  return make(
    "div",
    { role: "alert" },
    make("p", { class: "wrong" }, gettext("This browser cannot make a redacted copy: it does not encode H.264, or not exactly (WebCodecs). Take Chrome, Edge or Chromium, or have your technician run this command:")),
    make("pre", { tabindex: 0 }, `camerad evidence redact ${id} --state ${gettext("OFFICE")} --identity ${gettext("KEY")} --suggest ${id}.json`),
  );
}

/**
 * Have a redacted copy made of a recording.
 * @param {string} id @param {Record<string, string>} headers of what was granted
 * @param {HTMLElement} place where it is shown
 */
export async function redact(id, headers, place) {
  const stop = new AbortController();
  addEventListener("hashchange", () => stop.abort(), { signal: stop.signal });
  document.addEventListener(LET_GO, () => stop.abort(), { signal: stop.signal });
  try {
    await new Redacting(id, headers, place, stop).run();
  } catch (error) {
    const text = problemOf(error);
    if (text === null) throw error;
    fill(place, make("p", { class: "wrong", role: "alert" }, text));
  } finally {
    stop.abort();
  }
}

/** What a person is told of an error; null for one that is a mistake of ours. */
function problemOf(error) {
  if (error instanceof RefusalError) return sentence(error);
  if (error instanceof SourceError || error instanceof MissingPageError || error instanceof NotProvenError) return gettext("The server does not give the recording, or not as it did before. No copy was made. Try again; if it stays like this, ask your technician.");
  if (error instanceof LedgerError) return gettext("What the server gives of the ledgers is not signed as it has to be. No copy was made. Ask your technician.");
  if (error instanceof NoFilmError) return gettext("The camera signed it, but {member} in it is no part of a film. No copy was made. Ask your technician.", { member: error.member });
  if (error instanceof NoKeyError) return gettext("The key was forgotten. No copy was made; begin again.");
  if (error instanceof KeyError) return gettext("This browser cannot check the camera's signatures. Take a newer one.");
  if (error instanceof PicturesError || error instanceof EncodingError) return gettext("This browser cannot make the pictures of the copy: {why}. No copy was made. Take the command.", { why: error.message });
  if (!(error instanceof DOMException)) return null;
  return error.name === "AbortError" ? gettext("Stopped. No copy was made.") : gettext("The file cannot be written: {why}. No copy was made. Is there enough room?", { why: error.message });
}

class Redacting {
  #state = make("p", { role: "status" });
  #bar = make("progress", { max: 1, value: 0 });
  #body = make("div");

  constructor(id, headers, place, stop) {
    this.id = id;
    this.headers = headers;
    this.place = place;
    this.stop = stop;
  }

  async run() {
    const { id, headers, place, stop } = this;
    this.#bar.setAttribute("aria-label", gettext("Make a redacted copy"));
    fill(place, make("h2", {}, gettext("Make a redacted copy")), this.#state, this.#bar, this.#body, make("button", { class: "quiet", onclick: () => stop.abort() }, gettext("Cancel")));
    place.hidden = false;
    place.scrollIntoView({ block: "start" });
    this.#say(gettext("The recording is being checked …"));
    const candidate = await Candidate.judged(id, headers, (done, all) => this.#advance(done / all), stop.signal);
    if (candidate.key !== null) await noteVerdict(id, headers, candidate.verdict, candidate.key.thumbprint);
    if (!candidate.isGood || !candidate.verdict.endLinked) return this.#refuse(gettext("It is not authentic from its beginning to its end, so no redacted copy is made of it. Talk to a supervisor."));
    if (!hasFiles() && 2 * candidate.room > MOST_IN_MEMORY) return this.#refuse(gettext("The copy would have some {size}; this browser can make {most}. Take Chrome, Edge or Chromium, or the command.", { size: size(candidate.room), most: size(MOST_IN_MEMORY) }));
    const identity = keyOfTab(HeldKey);
    this.#say("");
    await keyFor(identity, this.#body, [candidate], stop.signal);
    await this.#edit(candidate, identity);
  }

  async #edit(candidate, identity) {
    this.#say(gettext("The recording is being opened …"));
    const film = await Film.open(candidate, identity, (share) => this.#advance(share));
    this.#bar.hidden = true;
    const draft = new Draft(film);
    // Only this tab has the draft: the browser asks before it leaves it behind.
    addEventListener("beforeunload", (event) => {
      if (draft.masks.length + draft.mutes.length > 0) event.preventDefault();
    }, { signal: this.stop.signal });
    const editor = new RedactionEditor(draft, this.stop.signal);
    const recipient = make("select", { name: "recipient" }, RECIPIENTS.map((one) => make("option", { value: one }, gettext(FOR[one]))));
    const reference = make("input", { name: "reference", maxlength: 200, autocomplete: "off" });
    const destination = new Destination();
    const fields = [field(gettext("For whom"), recipient), field(gettext("File number"), reference, gettext("It is in the ledger for good: no names.")), destination.parts];
    const save = make("button", { class: "main" }, gettext("Save the redacted copy"));
    const said = make("p", { role: "status" });
    const tell = () => {
      save.disabled = !draft.isDone || !identity.isOpen;
      said.textContent = editor.left;
    };
    editor.addEventListener("change", tell);
    const keyPlace = make("div");
    // The key is forgotten after a while, and with it what is in the clear; the draft stays.
    const asked = new AbortController();
    identity.addEventListener("forgotten", () => {
      editor.close();
      film.close();
      tell();
      const again = async () => {
        await keyFor(identity, keyPlace, [candidate], this.stop.signal);
        await film.read(() => {});
        await editor.open();
      };
      again().catch((error) => this.stop.abort(error));
    }, { signal: asked.signal });
    fill(this.#body, make("p", { class: "hint" }, gettext("Nothing is found by itself: look at every picture, and mask each person who must not be seen. What is masked becomes black, and cannot be restored.")), keyPlace, editor.element, said, make("form", { class: "entry", onsubmit: (event) => event.preventDefault() }, fields, save));
    this.#say("");
    tell();
    const target = await destination.chosen(`${this.id}-redacted`, save, this.stop.signal);
    asked.abort();
    editor.close();
    await this.#make(target, film, draft.plan, { recipient: recipient.value, reference: reference.value.trim() });
  }

  async #make(target, film, plan, { recipient, reference }) {
    fill(this.#body);
    this.#bar.hidden = false;
    this.#say(gettext("The copy is being made. Stay on this page …"));
    // Who is let go of has no key any more.
    const gone = () => this.stop.abort(new NoKeyError());
    film.identity.addEventListener("forgotten", gone);
    let made;
    try {
      const how = { recipient, reference, words: words(), onProgress: (share) => this.#advance(share), signal: this.stop.signal };
      await makeCopy(target, film, plan, how);
      made = await target.close();
    } catch (error) {
      await target.discard();
      throw error;
    } finally {
      film.identity.removeEventListener("forgotten", gone);
    }
    target.offer();
    fill(this.place, make("h2", {}, gettext("The redacted copy is ready")), make("p", { role: "status" }, gettext("{name} is saved, with {size}. Its sheet is report.html; player.html in it shows it and checks it.", { name: target.name, size: size(made.size) })));
  }

  #refuse(text) {
    fill(this.place, make("p", { class: "wrong", role: "alert" }, text));
  }

  #say(text) {
    this.#state.textContent = text;
  }

  /** Show how far it is; if something else is drawn here, it was given up. */
  #advance(share) {
    if (!this.place.isConnected) this.stop.abort();
    this.stop.signal.throwIfAborted();
    this.#bar.value = share;
  }
}
