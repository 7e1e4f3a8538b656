// The player's texts, by language.

import { Words } from "./gettext.js";
import { packageTexts } from "./package_texts.js";
import { playerTexts } from "./player_texts.js";
import { recordTexts } from "./record_texts.js";
import { TRANSLATIONS } from "./translations.js";

/** The texts in a language, English for one without a catalogue. @param {string} language */
export function wordsOf(language) {
  const code = Object.keys(TRANSLATIONS).find((one) => language.toLowerCase().startsWith(one)) ?? "en";
  const words = new Words(code, TRANSLATIONS[code]);
  return { code, ...playerTexts(words), report: recordTexts(words), package: packageTexts(words) };
}
