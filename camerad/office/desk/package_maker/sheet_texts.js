// Texts of the cover sheet in a tab, as camerad/evidence/cover_sheet.py has them.

import { recordTexts } from "../player/record_texts.js";

/** The sheet's texts in the language of `words`. @param {import("../player/gettext.js").Words} words */
export function sheetTexts(words) {
  const { gettext, ngettext, pgettext } = words;
  return {
    code: words.language,
    ...recordTexts(words),
    decimal: pgettext("decimal sign", "."),
    date_format: gettext("%d %B %Y, %H:%M:%S"),
    day_format: gettext("%d %B %Y"),
    time_format: gettext("%H:%M:%S"),
    hold_reason: gettext("exported {day}"),
    title: gettext("Recording of a body-worn camera"),
    subtitle: gettext("Sheet accompanying the evidence"),
    authentic_text: gettext("Nothing was changed, removed or added since it was recorded, provided that the key below is the one registered for this camera."),
    qualified_text: gettext("Nothing was changed since it was recorded, provided that the key below is the one registered for this camera. What is missing, or worth knowing, is listed below."),
    sealed_only: gettext("NOT authentic: there is no video, only the sealed original"),
    sealed_only_text: gettext("Parts of this recording were changed or are missing, as the check by the key below shows, provided that it is the one registered for this camera. So no video was made; what is affected is listed below."),
    what_it_is: gettext("The camera sealed this recording piece by piece, so that only the office can open it, and signed every piece with the camera's own key. Each signature includes the fingerprint of the piece before, so without that key no piece can be changed, left out, moved or added without being noticed."),
    facts: gettext("The recording"),
    reference: gettext("File number"),
    by_clock: gettext("{when}; clock {clock}"),
    zone: gettext("{local} {zone} ({utc} UTC)"),
    length_value: (values) =>
      ngettext("{time}, {pictures} in {number} piece", "{time}, {pictures} in {number} pieces", values.pieces, {
        time: values.time,
        pictures: ngettext("{number} picture", "{number} pictures", values.pictures),
      }),
    pre_event_value: gettext("{time} from the pre-event buffer; the film begins at {begin}"),
    picture: gettext("Picture and sound"),
    picture_value: gettext("{width} x {height} pixels, {fps} per second, {sound}"),
    rates: gettext("Other pictures per second"),
    rate: gettext("from {time} on {fps} ({reason})"),
    policy_value: (policy, days) =>
      ngettext("{policy}; deleted after {number} day unless held", "{policy}; deleted after {number} days unless held", days, { policy }),
    checks: gettext("Checks made for this export"),
    check_signatures: gettext("Signature of the camera's key on every statement ({statements})"),
    check_chain: gettext("Unbroken chain from the first statement to the last"),
    check_fragments: gettext("Fingerprint of every sealed piece ({fragments})"),
    check_opened: gettext("Decryption of every piece; the video holds what was checked and nothing else"),
    check_not_opened: gettext("Decryption, since the recording is not authentic"),
    check_ledger: gettext("The camera's or office's ledger names the same final fingerprint"),
    check_no_ledger: gettext("Comparison with a ledger (none was at hand)"),
    check_hold: gettext("Kept from deletion: {reason} ({who})"),
    passed: gettext("passed"),
    failed: pgettext("check", "FAILED"),
    open_question: gettext("not done"),
    continuous: gettext("None. The footage is continuous from the first picture to the last."),
    more: gettext("and {count} more; all of them are in {file}"),
    from_to: gettext("from {begin} to {end}"),
    the_beginning: gettext("the beginning"),
    the_end: gettext("the end"),
    pictures: (count) => ngettext("{number} picture", "{number} pictures", count),
    no_sound: gettext("no sound: {reason}"),
    units: (count) => ngettext("{number} piece of sound", "{number} pieces of sound", count),
    file_video: gettext("video, plays anywhere"),
    file_container: gettext("original as the camera wrote it, sealed and signed"),
    file_player: gettext("open in a browser: checks and plays, without a network"),
    again: gettext("How to check it again, without this software"),
    again_text: gettext("Compare the files with “sha256sum -c SHA256SUMS”. The original is an ordinary tar archive of age files (age-encryption.org) and signed statements (RFC 7515, Ed25519); {file} shows the commands. Compare the fingerprint of the key above with the one that the office keeps for this camera: the key in this package proves nothing by itself."),
    handed_over: gettext("Handed over by / to"),
    made: gettext("Made on {when} by {who} with {software}."),
    signature: gettext("Date, signature"),
    instructions: gettext("How to check this package without the software that made it\n===========================================================\n\n1. Nothing was changed since the export:\n\n       sha256sum -c SHA256SUMS\n\n2. Whether the key is that of the camera, this package cannot prove. {key_pem} is the public\n   key that whoever made the package trusted. Its fingerprint (RFC 7638) is\n\n       {thumbprint}\n\n   Compare it with the register of cameras, or another list that did not come with this package.\n   All that follows is worth as much as this comparison.\n\n3. Every statement is signed by that key, and each names the one before. The original is an\n   ordinary tar archive:\n\n       tar -tf {container}\n       tar -xf {container}\n\n   A statement (*.jws) is a compact JSON Web Signature (RFC 7515) made with Ed25519 (RFC 8037).\n   For each of them, here for header.jws:\n\n       pad() {{ awk '{{ while (length($0) % 4) $0 = $0 \"=\"; print }}'; }}\n       decode() {{ tr '_-' '/+' | pad | base64 -d; }}\n       cut -d. -f1,2 header.jws | tr -d '\\n' > signed\n       cut -d. -f3 header.jws | decode > signature\n       openssl pkeyutl -verify -pubin -inkey {key_pem} -rawin -in signed -sigfile signature\n       cut -d. -f2 header.jws | decode\n\n   The last command shows what was signed. \"previous\" is the SHA-256 of the statement before\n   (header.jws, 000000.jws, 000001.jws, ..., end.jws); \"fragment\" has size and SHA-256 of the\n   sealed piece (000000.m4s.age, ...), and \"init\", in the first, those of init.mp4.age. \"commits\"\n   in end.jws is how many pieces there are. The SHA-256 of end.jws is\n\n       {final}\n\n4. The video is what was sealed. The office's private age key (https://age-encryption.org) opens\n   each piece; put together they are a video that plays:\n\n       for piece in init.mp4.age [0-9]*.m4s.age; do age -d -i KEY \"$piece\"; done > recording.mp4\n\n   {video}\n\n5. {ledger} holds what the ledgers say about this recording: one signed statement a line,\n   to be checked like those above, with the key that each line names as \"kid\".\n\nThe format is described in full in docs/evidence-format.md of camerad.\n"),
    video_joined: gettext("{video}\n   is that file, byte by byte: compare them with \"cmp\"."),
    video_none: gettext("There is no video in this package, since the recording is not authentic."),
  };
}

/** The sheet: `$name` takes HTML that is escaped already. */
export const SHEET_PAGE =
  "<!DOCTYPE html>\n<html lang=\"$lang\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>$title</title>\n<style>\n@page { size: A4; margin: 9mm 15mm 8mm 18mm }\n:root { color-scheme: light }\n* { box-sizing: border-box }\nbody { font: 8.7pt/1.24 \"Liberation Sans\", Arial, Helvetica, sans-serif; color: #111;\n  background: #fff; margin: 0 auto; max-width: 176mm; padding: 8mm 0 }\n@media print { body { padding: 0; max-width: none } }\nheader { display: flex; justify-content: space-between; align-items: flex-end;\n  border-bottom: 1.6pt solid #111; padding-bottom: 2mm }\nh1 { font-size: 15pt; line-height: 1.15; margin: 0; font-weight: 700 }\nheader p { margin: 0; color: #444 }\n.id { font-family: \"Liberation Mono\", \"DejaVu Sans Mono\", monospace; font-size: 9pt; color: #111;\n  text-align: right }\n.verdict { border: 0.8pt solid #111; border-left-width: 5pt; padding: 1.4mm 3mm;\n  margin: 2mm 0 1.5mm }\n.verdict.good { border-color: #1b6e3a }\n.verdict.bad { border-color: #b00020 }\n.verdict b { font-size: 11.5pt }\n.verdict.good b { color: #1b6e3a }\n.verdict.bad b { color: #b00020 }\n.verdict p, .what { margin: 0.6mm 0 0 }\n.what { color: #333 }\nh2 { font-size: 8.8pt; margin: 1mm 0 0.4mm; padding-bottom: 0.4mm;\n  border-bottom: 0.5pt solid #999 }\np { margin: 0.5mm 0 }\ntable { border-collapse: collapse; width: 100% }\nth, td { text-align: left; vertical-align: top; padding: 0.15mm 2mm 0.15mm 0; font-weight: 400;\n  overflow-wrap: anywhere }\nth { color: #444; width: 38mm; overflow-wrap: normal }\nthead th { width: auto }\nul { list-style: none; margin: 0; padding: 0 }\nli { padding: 0.05mm 0 0.05mm 5mm; text-indent: -5mm; overflow-wrap: anywhere }\nli b { display: inline-block; width: 4mm; text-indent: 0 }\nem { font-style: normal; font-weight: 700 }\nsmall { color: #444; font: 7.6pt \"Liberation Sans\", Arial, Helvetica, sans-serif }\n.hash { font-family: \"Liberation Mono\", \"DejaVu Sans Mono\", monospace; font-size: 7.2pt;\n  width: 104mm }\ntd.name { font-family: \"Liberation Mono\", \"DejaVu Sans Mono\", monospace; font-size: 7.2pt }\n.sign { display: flex; gap: 8mm; margin-top: 5mm; break-inside: avoid }\n.sign div { flex: 1; border-top: 0.5pt solid #111; padding-top: 0.6mm; color: #444;\n  font-size: 8pt }\nfooter { margin-top: 1mm; color: #444; font-size: 8pt }\nsection, table, ul { break-inside: avoid }\n</style>\n</head>\n<body>\n<header>\n<div><p>$subtitle</p><h1>$heading</h1></div>\n<p class=\"id\">$id</p>\n</header>\n<div class=\"verdict $tone\"><b>$verdict</b> $time<p>$verdict_text</p></div>\n<p class=\"what\">$what_it_is</p>\n<section><h2>$facts_title</h2><table>$facts</table></section>\n<section><h2>$checks_title</h2><ul>$checks</ul></section>\n<section><h2>$gaps_title</h2>$gaps</section>\n$damages$contained$remarks\n<section><h2>$files_title</h2>\n<table><thead><tr><th>$file_title</th><th>$sha256_title</th></tr></thead>$files</table></section>\n<section><h2>$again_title</h2><p>$again</p></section>\n<div class=\"sign\"><div>$handed_over</div><div>$signature</div></div>\n<footer>$made</footer>\n</body>\n</html>\n";
