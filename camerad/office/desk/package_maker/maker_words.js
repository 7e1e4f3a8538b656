// Texts where recordings leave the office; their translations come with what says them.

import { N_, Words } from "../player/gettext.js";
import { TRANSLATIONS as OF_PLAYER } from "../player/translations.js";
import { language } from "../words.js";
import { TRANSLATIONS } from "./translations.js";

const TEXTS = {
  package_make: N_("Make the package for the prosecutor"),
  package_again: N_("Make one more package"),
  package_problem_no_key: N_("No camera of the register has its key, so it cannot be checked."),
  package_problem_unreadable: N_("It cannot be read as a recording."),
  package_problem_no_pictures: N_("It has no pictures."),
  package_file: N_("File"),
  package_size: N_("Size"),
  package_sha256: N_("Fingerprint (SHA-256)"),
  package_sealed: N_("Sealed for"),
};

/** Texts of the maker and the player in the page's language. */
export function words() {
  const code = language();
  return new Words(code, OF_PLAYER[code], TRANSLATIONS[code]);
}

/** @type {(text: string, values?: Record<string, any>) => string} */
export const gettext = (text, values) => words().gettext(text, values);

/** @type {(one: string, many: string, number: number) => string} */
export const ngettext = (one, many, number) => words().ngettext(one, many, number);

/** The text for a key. A key that is missing is a mistake of ours. */
export function sayHere(key, values = {}) {
  if (TEXTS[key] === undefined) throw new Error(`no text for ${key}`);
  return gettext(TEXTS[key], values);
}

/** An amount of bytes for people. */
export function size(bytes) {
  const spelled = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 });
  return bytes < 1e9 ? `${spelled.format(bytes / 1e6)} MB` : `${spelled.format(bytes / 1e9)} GB`;
}
