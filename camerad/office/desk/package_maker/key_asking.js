// Waits for the office's key, where something is made in this tab that needs it.

import { fill, make } from "../dom.js";
import { WrongKeyError } from "../player/key_file.js";
import { KeyForm } from "../player/key_form.js";
import { wordsOf } from "../player/words.js";
import { playerSheet } from "../viewing.js";
import { language } from "../words.js";
import { gettext } from "./maker_words.js";

/**
 * Wait for a key that opens all recordings. Throws what `signal` was aborted with, SourceError, NoFilmError.
 * @param {any} identity of the tab @param {HTMLElement} place where the key is asked for
 * @param {import("./maker.js").Candidate[]} candidates @param {AbortSignal} signal
 */
export async function keyFor(identity, place, candidates, signal) {
  await playerSheet();
  for (let problem = ""; candidates.length > 0; ) {
    if (!identity.isOpen) {
      const form = new KeyForm(identity, wordsOf(language()));
      if (problem !== "") form.reject(problem);
      fill(place, make("div", { class: "camerad-player" }, form.element));
      await until(identity, "opened", signal);
      fill(place);
    }
    try {
      for (const one of candidates) await one.init(identity);
      return;
    } catch (error) {
      if (!(error instanceof WrongKeyError)) throw error;
      identity.forget();
      problem = gettext("This is not the key of all recordings of the case. Choose another file, or ask who keeps the key.");
    }
  }
}

/** Wait for an event, or for the person to give up. @param {EventTarget} target @param {string} name @param {AbortSignal} signal */
export function until(target, name, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    target.addEventListener(name, resolve, { once: true });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
