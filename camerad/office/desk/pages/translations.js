// Made by docs/generators/words.py from camerad/locale.

export const TRANSLATIONS = {
  de: async () => (await import("./translations_de.js")).TRANSLATIONS,
};
