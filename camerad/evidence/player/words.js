// The player's words, in the two languages; what findings, gaps and clocks are called has the same
// words as the sheet of the package (`report_words.js`, made from camerad/evidence/wording).

import { REPORT_WORDS } from "./report_words.js";
import { DE } from "./words_de.js";
import { EN } from "./words_en.js";

export const LANGUAGES = Object.freeze({
  de: { ...DE, report: REPORT_WORDS.de },
  en: { ...EN, report: REPORT_WORDS.en },
});

/** The words of a language, English for one that nobody has. @param {string} language */
export function wordsOf(language) {
  return language.toLowerCase().startsWith("de") ? LANGUAGES.de : LANGUAGES.en;
}
