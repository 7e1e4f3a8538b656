// Texts in the reader's language. The modules hold the English texts; `translations.js`, made by
// docs/generators/words.py from camerad/locale, has what each page says in other languages.

/** Marks a text in a table for the catalogues; it is translated where it is shown. @param {string} text */
export const N_ = (text) => text;

/** As `N_`, of a text that is translated by its context. @param {string} context @param {string} text */
export const NC_ = (context, text) => [context, text];

/**
 * Texts in one language; names in braces are filled in. A text without a translation stays English.
 * @typedef {{plural: string, texts: Record<string, string | string[]>}} Catalogue plural: which form a
 * number takes, for 0 to 199
 */
export class Words {
  /** @param {string} language its code @param {...(Catalogue | undefined)} catalogues none for English */
  constructor(language, ...catalogues) {
    const there = catalogues.filter((one) => one !== undefined);
    const texts = Object.assign({}, ...there.map((one) => one.texts));
    const plural = there[0]?.plural;
    this.language = language;
    /** A text. @type {(text: string, values?: Record<string, any>) => string} */
    this.gettext = (text, values) => filled(texts[text] ?? text, values);
    /** A text that English has for several things; the context says for which.
     * @type {(context: string, text: string, values?: Record<string, any>) => string} */
    this.pgettext = (context, text, values) => filled(texts[`${context}\u0004${text}`] ?? text, values);
    /** A text with a number, which is filled in as `{number}`.
     * @type {(one: string, many: string, number: number, values?: Record<string, any>) => string} */
    this.ngettext = (one, many, number, values) => {
      const form = Number(plural?.[number < 200 ? number : 100 + (number % 100)]);
      const forms = texts[one] ?? [];
      return filled(forms[form] ?? forms.at(-1) ?? (number === 1 ? one : many), { number, ...values });
    };
  }
}

function filled(text, values) {
  return values === undefined ? text : text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
