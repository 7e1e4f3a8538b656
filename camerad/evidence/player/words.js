// The player's texts, by language.

import { Words } from "./gettext.js";
import { packageTexts } from "./package_texts.js";
import { playerTexts } from "./player_texts.js";
import { recordTexts } from "./record_texts.js";
import { TRANSLATIONS } from "./translations.js";

const LANGUAGES = ["en", ...Object.keys(TRANSLATIONS)];

/** The language after `code`, and its name in itself. @param {string} code */
export function nextLanguage(code) {
  const next = LANGUAGES[(LANGUAGES.indexOf(code) + 1) % LANGUAGES.length];
  return { code: next, name: new Intl.DisplayNames([next], { type: "language" }).of(next) };
}

/** The texts in a language, English for one without a catalogue. @param {string} language */
export function wordsOf(language) {
  const code = LANGUAGES.find((one) => language.toLowerCase().startsWith(one)) ?? "en";
  const words = new Words(code, TRANSLATIONS[code]);
  return { code, plain: words, ...playerTexts(words), report: recordTexts(words), package: packageTexts(words) };
}
