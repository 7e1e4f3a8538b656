// What the page says, in the language that its reader has chosen. Every key is in `words_en.js` and
// in `words_de.js`; a test compares them, and that each refusal of the server has its sentence.

import { DE } from "./words_de.js";
import { EN } from "./words_en.js";

export const LANGUAGES = { de: DE, en: EN };
const KEPT = "camerad-desk-language";

/** The language of the page: chosen before, else the browser's; German or English. */
export function language() {
  const chosen = localStorage.getItem(KEPT);
  if (chosen in LANGUAGES) return chosen;
  return navigator.language.startsWith("de") ? "de" : "en";
}

/** Remembers the other language. */
export function switchLanguage() {
  localStorage.setItem(KEPT, language() === "de" ? "en" : "de");
}

/** The words for a key; `{name}` in them is replaced. A key that is missing is a mistake of ours. */
export function say(key, values = {}) {
  const words = LANGUAGES[language()][key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  return words.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** What ends and gaps are called, as on the sheet of a package: they come when they are needed. */
export async function reportWords() {
  const { REPORT_WORDS } = await import("./player/report_words.js");
  return REPORT_WORDS[language()];
}

/** What is said of an error: the sentence for a refusal. */
export function sentence(error) {
  const key = `refused_${error.why ?? "not_understood"}`;
  return say(key in EN ? key : "refused_not_understood");
}
