// Asks for the office's key file and its passphrase, and opens it in the tab.

import { make, show } from "./dom.js";

/** By when a page that is seen was drawn. */
const DRAWN_MS = 200;

/** A form that opens `key`; `element` is to be put into a page. It needs nothing else of the player, and
 * so can be there before it. */
export class KeyForm {
  #file;
  #passphrase;
  #problem;
  #needed;
  #recipients;
  #state;
  #open;

  /**
   * @param {{open: (bytes: Uint8Array, passphrase: string) => Promise<void>}} key a HeldKey
   * @param {any} words
   */
  constructor(key, words) {
    this.key = key;
    this.words = words;
    this.#file = make("input", { type: "file" });
    this.#passphrase = make("input", { type: "password", autocomplete: "off" });
    this.#problem = make("p", { class: "problem", role: "alert" });
    this.#recipients = make("p", { class: "mono" });
    this.#needed = make("details", { hidden: true }, make("summary", { text: words.neededKey }), this.#recipients);
    this.#state = make("p", { role: "status" });
    this.#open = make("button", { type: "submit", class: "primary", text: words.open });
    const hint = make("small", { text: words.passphraseHint });
    this.element = make(
      "form",
      { class: "key", submit: (/** @type {Event} */ event) => this.#submit(event) },
      make("p", { class: "head", text: words.key }),
      make("p", { text: words.keyWhy }),
      make("label", {}, make("span", { text: words.keyFile }), this.#file),
      make("label", {}, make("span", { text: words.passphrase }), this.#passphrase, hint),
      this.#open,
      this.#state,
      this.#problem,
      this.#needed,
    );
  }

  /** Say why the key is asked for once more. @param {string} text */
  say(text) {
    this.#tell("");
    this.#state.textContent = text;
  }

  /**
   * Say that the key that was given is not the one that is needed, until there is another try.
   * @param {string} text @param {string[]} recipients what was sealed to, for experts
   */
  reject(text, recipients = []) {
    this.#tell(text);
    this.#problem.scrollIntoView({ block: "nearest" });
    this.#recipients.textContent = recipients.join(", ");
    show(this.#needed, recipients.length > 0);
  }

  /** Say what is wrong with this try, and nothing of one before. @param {string} problem */
  #tell(problem) {
    this.#problem.textContent = problem;
    this.#state.textContent = "";
    show(this.#needed, false);
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const file = this.#file.files?.[0];
    if (file === undefined) {
      this.#tell(this.words.noFile);
      return;
    }
    this.#tell("");
    this.#state.textContent = this.words.openingKey;
    this.#open.disabled = true;
    // The work that a passphrase takes stops everything else in the tab: first say so. A hidden
    // tab is not drawn, and need not wait for that.
    await new Promise((resolve) => {
      requestAnimationFrame(() => setTimeout(resolve, 0));
      setTimeout(resolve, DRAWN_MS);
    });
    const passphrase = this.#passphrase.value;
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
      await this.key.open(bytes, passphrase);
      this.#passphrase.value = "";
      this.#file.value = "";
    } catch (error) {
      if (error.problem === undefined) throw error; // no KeyFileError
      this.#problem.textContent = this.words.keyProblems[error.problem];
      this.#passphrase.focus();
    } finally {
      bytes.fill(0);
      this.#state.textContent = "";
      this.#open.disabled = false;
    }
  }
}
