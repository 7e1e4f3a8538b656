// Leads through making a package in this tab: a reason first (each recording is an entry before its
// first byte), then the check, then the key, then the file. What is wrong is said before anything is
// made; leaving the case gives the package up, and nothing half is left.

import { get, post, RefusalError } from "../api.js";
import { ask, field, fill, make, tell } from "../dom.js";
import { KeyError } from "../player/evidence/keys.js";
import { NotProvenError } from "../player/evidence/opened.js";
import { SourceError } from "../player/evidence/source.js";
import { HeldKey, NoKeyError, WrongKeyError } from "../player/key_file.js";
import { fingerprint } from "../player/package_files.js";
import { rowsOf, smallId, titleOf } from "../titles.js";
import { keyOfTab, LET_GO } from "../viewing.js";
import { sentence } from "../words.js";
import { Destination } from "./destination.js";
import { keyFor } from "./key_asking.js";
import { LedgerError } from "./ledger_words.js";
import { Candidate, MissingPageError, NoFilmError, makePackage } from "./maker.js";
import { badOf } from "./hand_over.js";
import { gettext, ngettext, sayHere, size, words } from "./maker_words.js";
import { MOST_IN_MEMORY, hasFiles } from "./saving.js";
import { sheetTexts } from "./sheet_texts.js";
import { noteVerdict } from "./verdict_note.js";

/** The most recordings of one package. */
const MOST = 50;

/**
 * @typedef {{name: string, bytes: number, sha256: string, recipient: string, recordings: string[], sealedOnly: string[],
 *   sheets: {title: string, page: string}[]}} Made
 * recipient: whose key opens it, "" for a package in the clear. sealedOnly: titles of those without a film. sheets: the page of each, and what its recording is called.
 *
 * Make a package of a case's recordings. Comes to what was made; to null if nothing was.
 * @param {any} one the case @param {any} me who makes it
 * @param {HTMLElement} place where it is shown
 * @returns {Promise<Made | null>}
 */
export async function packageOf(one, me, place) {
  const stop = new AbortController();
  let left = false;
  const leave = () => {
    left = true;
    stop.abort();
  };
  addEventListener("hashchange", leave, { signal: stop.signal });
  document.addEventListener(LET_GO, () => stop.abort(), { signal: stop.signal });
  const making = new PackageMaking(one, me, place, stop);
  try {
    return await making.run();
  } catch (error) {
    const text = problemOf(error, making);
    if (text === null) throw error;
    fill(place, make("p", { class: "wrong", role: "alert" }, text));
    if (left) tell(text, "wrong");
    return null;
  } finally {
    stop.abort();
  }
}

/** What a person is told of an error; null for one that is a mistake of ours. */
function problemOf(error, making) {
  if (error instanceof RefusalError) return sentence(error);
  if (error instanceof SourceError || error instanceof MissingPageError || error instanceof NotProvenError) return gettext("The server does not give the recording, or not as it did before. No package was made. Try again; if it stays like this, ask your technician.");
  if (error instanceof LedgerError) return gettext("What the server gives of the ledgers about {id} is not signed as it has to be. No package was made. Ask your technician.", { id: making.titleOf(error.recording) });
  if (error instanceof NoFilmError) return gettext("The camera signed {id}, but {member} in it is no part of a film. No package was made. Ask your technician.", { id: making.titleOf(error.recording), member: error.member });
  if (error instanceof WrongKeyError) return gettext("This is not the key of all recordings of the case. Choose another file, or ask who keeps the key.");
  if (error instanceof NoKeyError) return gettext("The key was forgotten. No package was made; begin again.");
  if (error instanceof KeyError) return gettext("This browser cannot check the camera's signatures. Take a newer one.");
  if (!(error instanceof DOMException)) return null;
  return error.name === "AbortError" ? gettext("Stopped. No package was made.") : gettext("The file cannot be written: {why}. No package was made. Is there enough room?", { why: error.message });
}

/** What a package is called, in characters and a length that courts and prosecutors take (ERVB 2022, 6),
 * endings included. @param {string} number of the case */
function packageName(number) {
  return `camerad-${number.replace(/[^A-Za-zÄÖÜäöüß0-9_]+/g, "-")}`.slice(0, 80);
}

class PackageMaking {
  #state = make("p", { role: "status" });
  #bar = make("progress", { max: 1, value: 0 });
  #list = make("ul", { class: "history" });
  #body = make("div");
  /** @type {Candidate[]} */
  #candidates = [];
  /** What the index has of them, by their ids. */
  #rows = Object.create(null);

  constructor(one, me, place, stop) {
    this.one = one;
    this.me = me;
    this.place = place;
    this.stop = stop;
    this.words = sheetTexts(words());
  }

  async run() {
    const { one } = this;
    if (one.recordings.length > MOST) return this.#refuse(gettext("In the browser at most {count} recordings go into a package. Take the command below.", { count: MOST }));
    const granted = await this.#granted();
    if (granted === null) return null;
    this.#rows = await rowsOf(one.recordings.map(({ id }) => id));
    const cancel = make("button", { class: "quiet", onclick: () => this.stop.abort() }, gettext("Cancel"));
    this.#bar.setAttribute("aria-label", gettext("Make the package for the prosecutor"));
    fill(this.place, this.#state, this.#bar, this.#list, this.#body, cancel);
    this.place.scrollIntoView({ block: "start" });
    await this.#check(granted);
    this.#bar.hidden = true;
    const without = this.#candidates.filter(({ problem }) => problem !== null);
    if (without.length > 0) return this.#refuse(gettext("No package can be made like this: take the recordings that are named in red out of the case, or ask your technician."), true);
    const room = this.#candidates.reduce((sum, { room }) => sum + room, 0);
    if (!hasFiles() && room > MOST_IN_MEMORY) {
      return this.#refuse(gettext("The package would have some {size}; this browser can make {most}. Take Chrome, Edge or Chromium, or the command below.", { size: size(room), most: size(MOST_IN_MEMORY) }), true);
    }
    const identity = keyOfTab(HeldKey);
    await keyFor(identity, this.#body, this.#candidates.filter(({ isGood }) => isGood), this.stop.signal);
    return this.#make(identity, room);
  }

  /** What a recording is called. @param {string} id */
  titleOf(id) {
    return titleOf(id, this.#rows[id]);
  }

  /** Say why nothing is made. */
  #refuse(text, keep = false) {
    fill(this.place, keep ? this.#list : null, make("p", { class: "wrong", role: "alert" }, text));
    return null;
  }

  /** What each recording is asked for with; null if a supervisor has to approve all of them first. */
  async #granted() {
    const { one, me } = this;
    const ids = one.recordings.map(({ id }) => id);
    const requests = await get("/api/viewing-requests");
    const known = requests.find(
      (it) =>
        it.person === me.id && it.purpose === "download" && it.case === one.number && it.approved_by
        && it.recordings.length === ids.length && ids.every((id) => it.recordings.includes(id)),
    );
    const reason = make("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off", value: known?.reason ?? one.number });
    const said = await ask(gettext("Make the package for the prosecutor"), gettext("All recordings of the case are fetched and checked. The ledger then has that it was you, and your reason: name the file, no people."), [field(gettext("Reason"), reason)], gettext("Check the recordings"), gettext("Cancel"));
    if (said === null) return null;
    this.stop.signal.throwIfAborted();
    const body = { recordings: ids, purpose: "download", reason: said.reason, case: one.number };
    const { viewings, waiting } = await post("/api/viewings", body);
    if (waiting > 0) return this.#refuse(ngettext("A supervisor has to approve that. The request is written down; try again after that.", "A supervisor has to approve that for {number} recordings. The request is written down; try again after that.", waiting));
    return new Map(ids.map((id, at) => [id, { Viewing: viewings[at] }]));
  }

  /** Judge all of them, and say of each what it is. */
  async #check(granted) {
    const { recordings } = this.one;
    for (const [number, { id }] of recordings.entries()) {
      this.#say(gettext("Recording {number} of {count} is being checked …", { number: number + 1, count: recordings.length }));
      const candidate = await Candidate.judged(id, granted.get(id), (done, all) => this.#advance(done / all), this.stop.signal);
      this.#candidates.push(candidate);
      if (candidate.key !== null) await noteVerdict(id, granted.get(id), candidate.verdict, candidate.key.thumbprint);
      const text = candidate.problem === null ? this.#verdict(candidate) : sayHere(`package_problem_${candidate.problem}`);
      this.#list.append(make("li", { class: candidate.isGood ? null : "wrong" }, `${this.titleOf(id)}: ${text}`, smallId(id)));
    }
    this.#say("");
  }

  #verdict({ verdict, isGood }) {
    if (!isGood) return this.words.sealed_only;
    return verdict.exit === 0 ? this.words.authentic : gettext("Authentic, with remarks: the cover sheet has them");
  }

  /** Have a file chosen, and write all into it. */
  async #make(identity, room) {
    const sealedOnly = this.#candidates.filter(({ isGood }) => !isGood).map(({ id }) => this.titleOf(id));
    const save = make("button", { class: "main" }, gettext("Save the package (at most {size})", { size: size(room) }));
    const warning = sealedOnly.length === 0 ? null : make("p", { class: "wrong", role: "alert" }, badOf(sealedOnly));
    const destination = new Destination();
    fill(this.#body, warning, destination.parts, save);
    save.focus();
    const target = await destination.chosen(packageName(this.one.number), save, this.stop.signal);
    fill(this.#body);
    this.#bar.hidden = false;
    this.#say(gettext("The package is being made. Stay on this page …"));
    // Who is let go of, or waited too long, has no key any more.
    const gone = () => this.stop.abort(new NoKeyError());
    identity.addEventListener("forgotten", gone);
    let made, sha256, sheets;
    try {
      sheets = await makePackage(target, this.#candidates, {
        identity,
        words: this.words,
        me: this.me,
        reference: this.one.number,
        onProgress: (done, all) => this.#advance(done / all),
        signal: this.stop.signal,
      });
      // All is opened; the rest needs no key.
      identity.removeEventListener("forgotten", gone);
      made = await target.close();
      this.#say(gettext("The file's fingerprint is being computed …"));
      sha256 = await fingerprint(made, (share) => this.#advance(share));
    } catch (error) {
      await target.discard();
      throw error;
    } finally {
      identity.removeEventListener("forgotten", gone);
    }
    target.offer();
    const recordings = this.#candidates.map(({ id }) => id);
    const whole = { name: target.name, role: gettext("the whole package"), sha256 };
    const printed = recordings.map((id) => ({ title: this.titleOf(id), page: sheets.get(id)(whole) }));
    return { name: target.name, bytes: made.size, sha256, recipient: destination.recipient, recordings, sealedOnly, sheets: printed };
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
