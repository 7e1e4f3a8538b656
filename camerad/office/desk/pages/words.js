// What the page says, in the language that its reader has chosen. Every key is in `words_en.js` and
// in `words_de.js`; a test compares them, and that each refusal of the server has its sentence.

import { coming } from "./api.js";

const LANGUAGES = {
  de: async () => (await import("./words_de.js")).DE,
  en: async () => (await import("./words_en.js")).EN,
};
const KEPT = "camerad-desk-language";

/** The language of the page: chosen before, else the browser's; German or English. */
export function language() {
  const chosen = localStorage.getItem(KEPT);
  if (chosen in LANGUAGES) return chosen;
  return navigator.language.startsWith("de") ? "de" : "en";
}

/** Only those of the reader's language are fetched. */
let words = await LANGUAGES[language()]();

/** Chooses the other language, and remembers it once its words are here. */
export async function switchLanguage() {
  const other = language() === "de" ? "en" : "de";
  words = await coming(LANGUAGES[other]());
  localStorage.setItem(KEPT, other);
}

/** The words for a key; `{name}` in them is replaced. A key that is missing is a mistake of ours. */
export function say(key, values = {}) {
  if (words[key] === undefined) throw new Error(`no words for ${key}`);
  return words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** What ends and gaps are called, as on the sheet of a package: they come when they are needed. */
export async function reportWords() {
  const { REPORT_WORDS } = await coming(import("./player/report_words.js"));
  return REPORT_WORDS[language()];
}

/** What a table of these has for a word of a file's or the server's; the word itself if it has nothing. */
export function wordFor(table, key) {
  return Object.hasOwn(table, key) ? table[key] : key;
}

/** What is said of an error: the sentence for a refusal. */
export function sentence(error) {
  const key = `refused_${error.why ?? "not_understood"}`;
  return say(key in words ? key : "refused_not_understood");
}
