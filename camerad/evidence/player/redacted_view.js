// Shows a redacted copy in a package's page: what it is, what is wrong with it, and its film, made of the
// pieces that were checked.

import { make } from "./dom.js";
import { verdictOf } from "./evidence/judge.js";
import { checkCopy } from "./evidence/redacted_copy.js";
import { mutedUs } from "./evidence/redaction.js";
import { BlobSource } from "./evidence/source.js";
import { Exit } from "./evidence/verdict.js";
import { redactionSentence, redactionTexts } from "./redaction_texts.js";
import { VerdictView } from "./verdict_view.js";

/**
 * Check a copy and show it. Comes to what lets go of its film.
 * @param {HTMLElement} place @param {File} file the proof (ID.redacted.tar)
 * @param {{raw: Uint8Array, thumbprint: string}} key the camera's @param {{raw: Uint8Array, thumbprint: string}} office
 * @param {any} words of words.js
 */
export async function showCopy(place, file, key, office, words) {
  const said = redactionTexts(words.plain);
  const state = make("p", { role: "status", text: words.checking(0) });
  place.append(state);
  const copy = await checkCopy(new BlobSource(file), {
    key: key.raw,
    office: office.raw,
    onProgress: (share) => (state.textContent = words.checking(Math.floor(share * 100))),
  });
  const { list, problems, isGood } = copy;
  const box = make("div", { class: `verdict ${isGood ? "remarks" : "bad"}` });
  const title = isGood ? redactionSentence(list, mutedUs(list.mutes), words.plain) : said.not;
  box.append(make("strong", { text: title.charAt(0).toUpperCase() + title.slice(1) }));
  if (list !== null) box.append(make("p", { text: said.vouched }));
  const lines = problems.map(({ wrong, member }) => make("li", { text: `${member}: ${said.wrong[wrong]}` }));
  if (lines.length > 0) box.append(make("ul", {}, ...lines));
  place.replaceChildren(box, make("p", { text: said.signer }), make("p", { class: "mono", text: office.thumbprint }));
  if (copy.report.exit >= Exit.NOT_AUTHENTIC) {
    const view = new VerdictView(words);
    view.tell(verdictOf(copy.report));
    place.append(view.element);
  }
  if (!isGood) return () => {};
  const address = URL.createObjectURL(new Blob(copy.film, { type: "video/mp4" }));
  place.append(make("video", { class: "film", controls: true, src: address, "aria-label": said.film }));
  return () => URL.revokeObjectURL(address);
}
