// The page's language, and what is said in it. The modules `*-texts.js` hold the English texts;
// `translations.js` has the other languages.

import { pageTexts } from "./page-texts.js";
import { Words } from "./gettext.js";
import { TRANSLATIONS } from "./translations.js";

/** Codes of the languages that the page has. */
export const LANGUAGES = ["en", ...Object.keys(TRANSLATIONS)];
const LOCALES = { en: "en-GB" };
const CHOSEN = "bodycam-sim.language";

let language = LANGUAGES.find((one) => one === chosen()) ?? preferred();

function chosen() {
  try {
    return localStorage.getItem(CHOSEN);
  } catch {
    return null; // a browser may forbid it; then nothing is remembered
  }
}

/** The language of the browser's that the page has, else English. */
function preferred() {
  const wanted = navigator.languages.map((one) => one.slice(0, 2));
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** What says a table of texts in the language that is spoken now.
 * @template T @param {(words: Words) => T} texts makes the table of a language @returns {() => T} */
export function inEachLanguage(texts) {
  const tables = Object.fromEntries(LANGUAGES.map((one) => [one, texts(new Words(one, TRANSLATIONS[one]))]));
  return () => tables[language];
}

/** The words of the language that is spoken now. */
export const words = inEachLanguage(pageTexts);

export const spoken = () => language;

export function speak(next) {
  language = next;
  try {
    localStorage.setItem(CHOSEN, next);
  } catch {
    // as above
  }
}

/** A name of the interface as people say it; what is unknown is said as it is, in words. */
export function say(table, name) {
  const word = words()[table][name];
  return typeof word === "string" ? word : plain(name);
}

/** A sentence of a program without the names that programs give to things. */
export const plain = (sentence) => sentence.replaceAll("_", " ");

const locale = () => LOCALES[language] ?? language;

/** A number with so many digits behind the point. */
export function number(value, digits = 1) {
  return value.toLocaleString(locale(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** How many of something. */
export const count = (value) => value.toLocaleString(locale());

/** Minutes and seconds, as 1:05. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const DATE = { year: "numeric", month: "2-digit", day: "2-digit" };

/** Date and time of day, as the office's page spells them. */
export function dateTime(date) {
  return date.toLocaleString(locale(), { ...DATE, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function timeOfDay(date) {
  return date.toLocaleTimeString(locale());
}
