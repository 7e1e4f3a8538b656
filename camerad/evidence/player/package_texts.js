// What the page in a package for the prosecutor says.

import { timeOfDay } from "./times.js";

const SECOND_US = 1_000_000;

/** The page's texts in the language of `words`. @param {import("./gettext.js").Words} words */
export function packageTexts({ gettext, ngettext }) {
  return {
    title: gettext("Check and watch a recording of a body-worn camera"),
    claim: gettext("This page works without a network: nothing that you open here leaves this computer."),
    files: gettext("1. Choose the files of the package"),
    filesHow: gettext("Drag the folder of the package here, or choose it. A page on a disk may not read the files beside it by itself."),
    folder: gettext("Choose the folder"),
    some: gettext("Choose single files"),
    found: {
      container: gettext("Original"),
      key: gettext("Camera's key"),
      video: gettext("Video"),
      sums: gettext("List of fingerprints"),
    },
    missing: gettext("missing"),
    notAKey: gettext("device-key.jwk is not the key of a camera."),
    compare: gettext("2. Compare the key with the cover sheet"),
    compareHow: (count) => gettext("The printed cover sheet has a long row of characters under “Camera's key”. Type its first {count} characters here. Take the sheet that was handed to you, not the file report.html of this folder: a person who can forge the recording can forge that file as well.", { count }),
    compareLabel: (count) => gettext("The first {count} characters", { count }),
    same: gettext("This is the key on the cover sheet. All of it, to compare:"),
    different: gettext("The key in this folder is NOT the one on the cover sheet. If the characters are typed rightly, this folder proves nothing: ask the office that it came from."),
    result: gettext("3. Result of the check"),
    part: (number, count) => gettext("This is part {number} of {count} of a recording. All its statements are here, and some of its pieces; the others are in the other parts, and were not checked here.", { number, count }),
    log: gettext("Entries of the office"),
    proofs: ({ state, proven, size, later, cosigned }, locale) => {
      if (state === "none") return gettext("This package has no proofs from the office's log: it is older, or no witness had signed that log.");
      const signed = Object.entries(cosigned);
      const cameras = signed.filter(([name]) => name.startsWith("camerad/camera/")).length;
      const others = signed.length - cameras;
      const values = {
        cameras: ngettext("{number} camera", "{number} cameras", cameras),
        others: ngettext("{number} other witness", "{number} other witnesses", others),
        when: timeOfDay(Math.max(0, ...Object.values(cosigned)) * SECOND_US, locale),
      };
      return [
        ngettext("{number} entry about this recording lies in the office's log of {size} entries.", "{number} entries about this recording lie in the office's log of {size} entries.", proven.length, { size }),
        signed.length === 0 ? gettext("No witness has signed it.") : gettext("It is signed by {cameras} and {others}, last on {when}.", values),
        later === 0 ? "" : ngettext("{number} later entry is not in it yet.", "{number} later entries are not in it yet.", later),
        gettext("Who has to sign it, the office says itself."),
      ].filter((one) => one !== "").join(" ");
    },
    proofsWrong: ({ state, file }) => gettext("The proofs from the office's log do NOT fit this package ({problem}): a file was changed, exchanged or removed. Ask the office that it came from.", { problem: file === "" ? state : `${file}, ${state}` }),
    video: gettext("4. The video"),
    videoHow: gettext("The video is a copy of the original, and is not itself signed. That it is the one handed over is shown by its fingerprint, which has to be the one on the cover sheet."),
    otherLength: (video, original) => gettext("The video is {video} long, the original {original}: the video is NOT that of this original.", { video, original }),
    several: (names) => gettext("There may be one file of each kind, and here are several: {names}. Choose only the folder that belongs to the cover sheet; if all of them are in it, ask the office that it came from.", { names }),
    noVideo: gettext("There is no video in the folder."),
    cannotPlay: gettext("This browser cannot play the video."),
    fingerprints: gettext("Fingerprints (SHA-256), to be compared with the cover sheet"),
    counting: (percent) => gettext("being computed: {percent} %", { percent }),
    asListed: gettext("as in SHA256SUMS; that list can be forged, what counts is the cover sheet on paper"),
    notListed: gettext("NOT as in SHA256SUMS"),
    unlisted: gettext("not in SHA256SUMS"),
    sealed: gettext("Play the original with the office's key"),
  };
}
