// The page's language, and what is said in it. The modules hold the English texts; `translations.js`
// has the other languages.

import { coming } from "./api.js";
import { N_, NC_, Words } from "./player/gettext.js";
import { TEXTS } from "./texts.js";
import { TRANSLATIONS } from "./translations.js";

export { N_, NC_ };

const KEPT = "camerad-desk-language";
/** Codes of the languages that the page has. */
export const LANGUAGES = ["en", ...Object.keys(TRANSLATIONS)];

/** The language of the page: chosen before, else the browser's, else English. */
export function language() {
  const wanted = [localStorage.getItem(KEPT), navigator.language.slice(0, 2)];
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** Only those of the reader's language are fetched. */
let words = await fetched(language());

async function fetched(code) {
  return new Words(code, await TRANSLATIONS[code]?.());
}

/** What a language is called, in itself or in another. */
export const nameOf = (code, within = code) => new Intl.DisplayNames([within], { type: "language" }).of(code);

/** The language that a click chooses. */
export const nextLanguage = () => LANGUAGES[(LANGUAGES.indexOf(language()) + 1) % LANGUAGES.length];

/** Chooses the next language, and remembers it once its texts are here. */
export async function switchLanguage() {
  const next = nextLanguage();
  words = await coming(fetched(next));
  localStorage.setItem(KEPT, next);
}

/** As `Words.gettext`, in the page's language. @type {(text: string, values?: Record<string, any>) => string} */
export const gettext = (text, values) => words.gettext(text, values);

/** As `Words.pgettext`. @type {(context: string, text: string, values?: Record<string, any>) => string} */
export const pgettext = (context, text, values) => words.pgettext(context, text, values);

/** As `Words.ngettext`. @type {(one: string, many: string, number: number, values?: Record<string, any>) => string} */
export const ngettext = (one, many, number, values) => words.ngettext(one, many, number, values);

/** Says texts by their keys: of `own`, and those that several modules say. A key that is missing is a
 * mistake of ours. @param {Record<string, string | string[]>} own */
export function sayFrom(own) {
  return (key, values = {}) => {
    const text = own[key] ?? TEXTS[key];
    if (text === undefined) throw new Error(`no text for ${key}`);
    return Array.isArray(text) ? pgettext(...text, values) : gettext(text, values);
  };
}

export const say = sayFrom({});

/** What ends and gaps are called, as on the sheet of a package: they come when they are needed. */
export async function reportWords() {
  const { wordsOf } = await coming(import("./player/words.js"));
  return wordsOf(language()).report;
}

/** What a table of these has for a word of a file's or the server's; the word itself if it has nothing. */
export function wordFor(table, key) {
  return Object.hasOwn(table, key) ? table[key] : key;
}

/** What is said of an error: the sentence for a refusal. */
export function sentence(error) {
  const key = `refused_${error.why ?? "not_understood"}`;
  return say(key in TEXTS ? key : "refused_not_understood");
}
