// What is said of a redacted copy.

const SECOND = 1_000_000;

/**
 * The sentence that every checker says, if nothing is wrong.
 * @param {any} list @param {number} muted microseconds @param {import("./gettext.js").Words} words
 */
export function redactionSentence({ masked, pictures }, muted, { gettext, language }) {
  const spelled = (/** @type {number} */ number) => number.toLocaleString(language);
  return gettext("redacted copy of an authentic recording: {masked} of {pictures} pictures masked, sound muted {seconds} s; all else is unchanged", {
    masked: spelled(masked),
    pictures: spelled(pictures),
    seconds: spelled(Math.ceil(muted / SECOND)),
  });
}
