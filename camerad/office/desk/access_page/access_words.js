// Texts of requests for access and of the letter that answers one; their translations come with what says them.

import { moment } from "../format.js";
import { N_, Words } from "../player/gettext.js";
import { language } from "../words.js";
import { TRANSLATIONS } from "./translations.js";

const TEXTS = {
  tell_kept: N_("Tell: until when it is kept"),
  tell_held: N_("Tell: that it is kept, and for what"),
  tell_deleted: N_("Tell: that it was deleted"),
  tell_unclear: N_("Tell: that its file is damaged or missing"),
  law_duties: N_("offences: § 57(4), § 56(2) 1 BDSG"),
  law_safety: N_("safety: § 57(4), § 56(2) 2 BDSG"),
  law_third_parties: N_("third parties: § 57(4), § 56(2) 3 BDSG"),
  law_copy_of_others: N_("others in the copy: Art. 15(4) GDPR"),
  law_secret: N_("secrecy: § 34(1), § 29(1) BDSG"),
  law_public_order: N_("order: § 34(1) 1, § 33(1) 1 BDSG"),
  law_control_only: N_("kept for control: § 34(1) 2, § 57(2) BDSG"),
  law_not_findable: N_("not to be found: § 57(3) BDSG"),
  law_excessive: N_("excessive: Art. 12(5) GDPR, § 59(3) BDSG"),
  answer_kept: N_("kept"),
  answer_held: N_("kept on"),
  answer_deleted: N_("deleted"),
  answer_unclear: N_("file missing"),
  answer_copy: N_("copy"),
  did_opened: N_("request opened"),
  did_answered: N_("request answered"),
  did_withdrawn: N_("request withdrawn"),
  ground_: N_("an order of the office"),
  ground_prosecution: N_("a criminal or regulatory offence"),
  ground_danger: N_("averting a danger"),
  ground_lawfulness: N_("examining whether the recording was lawful"),
  ground_person: N_("the person in it asked for it"),
  ground_other: N_("another ground"),
  refusal_duties: N_("that would endanger the prosecution or prevention of offences (§ 57(4), § 56(2) no. 1 BDSG)"),
  refusal_safety: N_("that would endanger public safety (§ 57(4), § 56(2) no. 2 BDSG)"),
  refusal_third_parties: N_("that would endanger what the law protects of other people (§ 57(4), § 56(2) no. 3 BDSG)"),
  refusal_copy_of_others: N_("a copy would affect the rights and freedoms of others (Art. 15(4) GDPR)"),
  refusal_secret: N_("that would tell what has to stay secret, above all in the overriding interest of another person (§ 34(1), § 29(1) sentence 2 BDSG)"),
  refusal_public_order: N_("that would endanger the tasks of the office, or public safety or order, which outweighs your interest (§ 34(1) no. 1, § 33(1) no. 1 BDSG)"),
  refusal_control_only: N_("it is kept only because a law forbids its deletion, or to secure or control data, and information would take a disproportionate effort (§ 34(1) no. 2, § 57(2) BDSG)"),
  refusal_not_findable: N_("what you told us does not let us find it with reasonable effort (§ 57(3) BDSG)"),
  refusal_excessive: N_("the request is manifestly unfounded or excessive (Art. 12(5) GDPR, § 59(3) BDSG)"),
};

/** All texts in a language. */
export const wordsIn = (code) => new Words(code, TRANSLATIONS[code]);

/** @type {(text: string, values?: Record<string, any>) => string} */
export const gettext = (text, values) => wordsIn(language()).gettext(text, values);

/** The text for a key, in a language. A key that is missing is a mistake of ours. */
export function sayIn(words, key) {
  if (TEXTS[key] === undefined) throw new Error(`no text for ${key}`);
  return words.gettext(TEXTS[key]);
}

/** What an entry of the ledger says of a request: what was done, its number and time, and what was answered
 * about how many recordings. */
export function answersIn({ number, what, from_us: from, to_us: to, found, answers }) {
  const words = wordsIn(language());
  const answerWords = (one) => {
    const ground = one.replace(/^refused_/, "");
    return ground === one ? sayIn(words, `answer_${one}`) : words.gettext("refused ({ground})", { ground: sayIn(words, `law_${ground}`) });
  };
  const counts = [...new Set(answers)].map((one) => `${answerWords(one)}: ${answers.filter((other) => other === one).length}`);
  const count = what === "withdrawn" ? [] : [words.gettext("of {count} recordings", { count: found })];
  return [number, sayIn(words, `did_${what}`), `${moment(from)} – ${moment(to)}`, ...count, ...counts];
}
