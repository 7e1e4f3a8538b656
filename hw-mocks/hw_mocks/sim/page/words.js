// The page speaks German and English; each language is a module of its own.

import { DE } from "./words-de.js";
import { EN } from "./words-en.js";

const WORDS = { de: DE, en: EN };
const LOCALES = { de: "de-DE", en: "en-GB" };
const CHOSEN = "bodycam-sim.language";

let language = chosen() ?? (navigator.languages.some((one) => one.startsWith("de")) ? "de" : "en");

function chosen() {
  try {
    const name = localStorage.getItem(CHOSEN);
    return name in WORDS ? name : null;
  } catch {
    return null; // a browser may forbid it; then nothing is remembered
  }
}

/** The words of the language that is spoken now. */
export const words = () => WORDS[language];

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

/** A number with so many digits behind the point. */
export function number(value, digits = 1) {
  return value.toLocaleString(LOCALES[language], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** How many of something. */
export const count = (value) => value.toLocaleString(LOCALES[language]);

/** Minutes and seconds, as 1:05. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const DATE = { year: "numeric", month: "2-digit", day: "2-digit" };

/** Date and time of day, as the office's page spells them. */
export function dateTime(date) {
  return date.toLocaleString(LOCALES[language], { ...DATE, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function timeOfDay(date) {
  return date.toLocaleTimeString(LOCALES[language]);
}
