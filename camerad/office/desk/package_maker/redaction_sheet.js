// The sheet of a redacted copy: what was masked and muted, for whom by role, by whom, and how it is checked.

import { N_ } from "../player/gettext.js";
import { mutedUs } from "../player/evidence/redaction.js";
import { redactionSentence } from "../player/redaction_texts.js";

const SECOND = 1_000_000;
const STYLE = "body{font:11pt/1.4 sans-serif;max-width:48em;margin:2em auto;padding:0 1em;color:#000;background:#fff}dt{font-weight:bold}dd{margin:0 0 .5em;overflow-wrap:anywhere}code{font-size:.9em}@media print{body{margin:0}}";
/** What a mask hides. */
export const KINDS = { face: N_("Face"), plate: N_("Number plate"), other: N_("Other") };
/** For whom a copy is. */
export const FOR = { person: N_("the person recorded"), prosecutor: N_("the prosecutor"), court: N_("a court"), other: N_("others") };

/** @param {any} text */
const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

/**
 * @param {any} list as it was signed @param {{camera: string, office: string, list: string}} keys thumbprints,
 * and SHA-256 of the list @param {number} origin media time of the recording's begin
 * @param {import("../player/gettext.js").Words} words
 */
export function redactionSheet(list, keys, origin, words) {
  const { gettext } = words;
  const seconds = (/** @type {number} */ at) => ((at - origin) / SECOND).toLocaleString(words.language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const title = gettext("Redacted copy of the recording {id}", { id: list.original.id });
  const rows = [
    [gettext("For whom"), gettext(FOR[list.recipient])],
    [gettext("File number"), list.reference || "–"],
    [gettext("Made by"), `${list.made_by}, ${new Date(list.made_us / 1000).toLocaleString(words.language)}, ${list.software}`],
    ...list.masks.map(({ kind, boxes }, at) => [gettext("Mask {number}, {kind}", { number: at + 1, kind: gettext(KINDS[kind]) }), `${seconds(boxes[0][0])}–${seconds(boxes.at(-1)[0])} s`]),
    ...list.mutes.map(({ from_us: from, to_us: to }) => [gettext("Sound muted"), `${seconds(from)}–${seconds(to)} s`]),
    [gettext("Camera's key"), keys.camera],
    [gettext("Office's key"), keys.office],
    [gettext("SHA-256 of the list (redaction.jws)"), keys.list],
  ];
  const parts = rows.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`).join("\n");
  const command = `camerad evidence verify ${list.original.id}.redacted.tar --key device-key.pem --office-key office-key.pem`;
  return `<!DOCTYPE html>
<html lang="${words.language}"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(title)}</h1>
<p>${escaped(redactionSentence(list, mutedUs(list.mutes), words))}</p>
<dl>
${parts}
</dl>
<p>${escaped(gettext("To check it: open player.html in this folder with a browser, or run the command below. Both compare the camera's signatures with everything that is unchanged, and the office's signature with the list of changes. For the rest of the replaced pieces, and for pictures that build on them, the office vouches."))}</p>
<p><code>${escaped(command)}</code></p>
</body></html>
`;
}
