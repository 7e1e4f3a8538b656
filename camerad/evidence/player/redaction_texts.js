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

/** What a page says of a copy. @param {import("./gettext.js").Words} words */
export function redactionTexts({ gettext }) {
  return {
    copy: gettext("Redacted copy"),
    not: gettext("this is NOT the redacted copy that was signed"),
    vouched: gettext("The camera's signatures prove all that is unchanged. For the rest of the replaced pieces, and for pictures that build on them, the office vouches."),
    signer: gettext("The list of changes is signed by the office's key, which has to be the one on the sheet on paper:"),
    film: gettext("The redacted film"),
    noOfficeKey: gettext("The office's key (office-key.pem) is not in the folder."),
    wrong: {
      list: gettext("the list of changes is not signed as it has to be"),
      signer: gettext("the list of changes is signed by another key"),
      place: gettext("it is missing, there twice, or not in its place"),
      other: gettext("it is not the one that the list names"),
      closed: gettext("its key does not open it"),
      times: gettext("it has other pictures, sounds or times than the camera signed"),
      unlisted: gettext("it was changed in another way than the list says"),
      visible: gettext("what the list says is masked or muted is not"),
      count: gettext("what the list counts or names is not what is here"),
      unseen: gettext("this browser cannot decode the masked pictures, so they were not looked at"),
    },
  };
}
