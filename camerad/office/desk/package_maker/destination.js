// Asks where a package goes, and to whose key it is sealed, if to any.

import { field, make } from "../dom.js";
import { until } from "./key_asking.js";
import { gettext } from "./maker_words.js";
import { chosenFile } from "./saving.js";
import { RecipientError, SealedTarget, encrypterFor } from "./sealed_target.js";

export class Destination {
  #recipient = make("input", { name: "recipient_key", autocomplete: "off", spellcheck: "false", maxlength: 200 });
  #wrong = make("p", { class: "wrong", role: "alert" });

  constructor() {
    const hint = gettext("With a key only its recipient opens the package. Without one the films in it are not encrypted: choose a place that only you can open, best of all the medium that is handed over.");
    this.#recipient.addEventListener("input", () => (this.#wrong.textContent = ""));
    /** What is shown. */
    this.parts = [field(gettext("Recipient's public key (age1…), if you have one"), this.#recipient, hint), this.#wrong];
  }

  /** Whose key opens it; "" for a package in the clear. */
  get recipient() {
    return this.#recipient.value.trim();
  }

  /**
   * Wait for a file that the person chooses; it is encrypted where there is a recipient.
   * @param {string} name without its ending @param {HTMLElement} save on a click of which it is asked for
   * @param {AbortSignal} signal
   * @returns {Promise<any>} a target of saving.js
   */
  async chosen(name, save, signal) {
    for (let target = null; ; ) {
      await until(save, "click", signal);
      this.#wrong.textContent = "";
      try {
        target = await this.#target(name);
      } catch (error) {
        if (!(error instanceof RecipientError)) throw error;
        if (error.isPrivate) this.#recipient.value = "";
        this.#wrong.textContent = error.isPrivate ? gettext("That is a private key, which was not kept here. Its owner must make a new one, and give you the public key, age1….") : gettext("That is no public age key: it begins with age1 and has 62 characters.");
        this.#recipient.focus();
      }
      if (target !== null) return target;
    }
  }

  /** The chosen file; null if there is none. @param {string} name */
  async #target(name) {
    const encrypter = this.recipient === "" ? null : encrypterFor(this.recipient);
    const file = await chosenFile(`${name}.zip${encrypter === null ? "" : ".age"}`);
    return file === null || encrypter === null ? file : SealedTarget.onto(file, encrypter);
  }
}
