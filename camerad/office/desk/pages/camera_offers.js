// What cameras are offered through their docks: their settings, signed elsewhere, and updates. The
// server judges what is sent, and says why it offers something to no camera.

import { file, post, textOf } from "./api.js";
import { ask, askToDo, attempt, field, make, tell } from "./dom.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  left_out_withdrawn: N_("{name} is withdrawn."),
  left_out_no_image: N_("{name} was not made from an image, and takes no updates."),
  left_out_runs_it: N_("{name} runs this version."),
  offer_why_unsigned: N_("The signature is missing. Choose both files."),
  offer_why_signature_spoilt: N_("The signature is damaged, or is another file. Take it anew from where it was made."),
  offer_why_changed: N_("The file was changed after it was signed. Have it signed again."),
  offer_why_other_office: N_("The file is signed by another key than the office's signing key."),
  offer_why_office_key_changed: N_("The file names another signing key of the office than the one this camera belongs to."),
  offer_why_mistakes: N_("The file has mistakes. The server names each."),
  offer_why_other_camera: N_("The file is for another camera."),
  offer_why_no_camera: N_("The file names no camera. Write the camera's key into it, and sign it again."),
  offer_why_old: N_("The file's number is not above that of the settings that the camera has."),
  offer_why_too_large: N_("This is some other file: no settings are so large."),
  offer_why_reset_offered: N_("A reset goes by the camera's card alone."),
  offer_why_not_registered: N_("The camera that it is for is not in the server's register."),
  offer_why_nothing_known: N_("Nothing is known of the settings of this camera. Collect its card, or put the file onto it."),
  offer_why_newer_image: N_("This camera's image is too old for the policy of the file. Update the camera first."),
  offer_why_same_file: N_("The camera has these settings already."),
  offer_why_no_server: N_("By this file the camera would have no server, and hand over nothing more."),
  offer_why_other_server: N_("By this file the camera would go to another server."),
  offer_why_no_hand_over: N_("By this file the camera may hand over nothing more."),
  offer_why_no_authority: N_("There is no certificate in the file's office.ca. Make the file again, with that of the server's authority."),
  offer_why_withdrawn: N_("This camera is withdrawn. Take it back first."),
  offer_why_no_bundle: N_("This is no bundle that cameras take, or it is damaged."),
  offer_why_too_large_bundle: N_("No camera takes a bundle that is so large."),
  offer_why_no_room: N_("The server's storage has no room for it."),
  offer_why_none_left: N_("None of these cameras takes it."),
  offer_why_other: N_("The server does not offer it."),
});

const REFUSALS = [
  "unsigned", "signature_spoilt", "changed", "other_office", "office_key_changed", "mistakes", "other_camera", "no_camera", "old", "too_large",
  "reset_offered", "not_registered", "nothing_known", "same_file", "no_server", "other_server", "no_hand_over", "no_authority", "withdrawn", "no_bundle",
  "too_large_bundle", "no_room", "none_left", "newer_image",
];

/** What is on offer, and how far it is; nothing if nothing is. */
export function drawOffers(rows, again) {
  const bundles = new Map();
  for (const one of rows)
    if (one.offered_update !== null) bundles.set(one.offered_update.sha256, [...(bundles.get(one.offered_update.sha256) ?? []), one]);
  const settings = rows.filter((one) => one.offered_settings !== null);
  return make(
    "section",
    { "aria-labelledby": "offers" },
    make("h2", { id: "offers" }, gettext("On offer")),
    make("p", { class: "hint" }, gettext("Cameras fetch what is on offer in their docks, and judge it themselves. What a camera runs is offered no more.")),
    bundles.size + settings.length === 0 ? make("p", {}, gettext("Nothing is on offer.")) : null,
    [...bundles.values()].map((those) => drawBundle(those, rows, again)),
    settings.length === 0 ? null : make("h3", {}, gettext("Settings")),
    settings.length === 0 ? null : make("ul", {}, settings.map((one) => line(one, "settings", say(`settings_offer_${one.settings}`, { number: one.offered_settings.serial ?? "?" }), refusalOf(one), again))),
  );
}

function drawBundle(those, rows, again) {
  const { version, compatible, bytes, sha256 } = those[0].offered_update;
  const others = rows.filter((one) => !those.includes(one) && one.state !== "withdrawn");
  return make(
    "div",
    {},
    make("h3", {}, gettext("Version {version}", { version })),
    make("p", { class: "hint" }, gettext("For {compatible}, {size} MB, SHA-256", { compatible, size: (bytes / 1e6).toFixed(1) }), " ", make("code", {}, sha256)),
    make("ul", {}, those.map((one) => line(one, "update", say(`update_${one.update}`, { version }), one.update_text, again))),
    others.length > 0 ? make("button", { onclick: () => askForMore(version, sha256, others, again) }, gettext("Offer it to more cameras")) : null,
  );
}

function line(one, offer, words, why, again) {
  return make(
    "li",
    {},
    `${one.name}: ${words} `,
    why ? make("q", { lang: "en" }, why) : null,
    make("button", { class: "quiet", "aria-label": `${gettext("Offer no more")}: ${one.name}`, onclick: () => takeBack(one, offer, again) }, gettext("Offer no more")),
  );
}

function refusalOf(one) {
  return one.why_not.find((why) => why.code === "settings_refused")?.detail ?? "";
}

/** Asks for a settings file and its signature, and offers them to the camera that they are for. */
export async function askForSettings(again) {
  const fields = [
    field(gettext("Settings (camerad-provision.yaml)"), make("input", { type: "file", name: "settings", required: true, accept: ".yaml,.yml" })),
    field(gettext("Signature (camerad-provision.jws)"), make("input", { type: "file", name: "signature", required: true, accept: ".jws" })),
  ];
  let answer = null;
  const said = await ask(gettext("Offer settings"), gettext("Settings are signed where the signing key is, which is not here. Choose both files as they were made there; the camera that they are for stands in them."), fields, gettext("Offer"), gettext("Cancel"), async ({ settings, signature }) => {
    answer = await post("/api/offers/settings", { settings: await textOf(settings), signature: await textOf(signature) });
    return null;
  });
  if (said !== null) await attempt(() => offered(answer, again));
}

/** Asks for a bundle and for cameras, and offers it to them. */
export async function askForUpdate(rows, again) {
  const there = rows.filter((one) => one.state !== "withdrawn");
  const fields = [field(gettext("Bundle (.raucb)"), make("input", { type: "file", name: "bundle", required: true, accept: ".raucb" })), chooser(there)];
  const said = await ask(gettext("Offer an update"), gettext("Try it on one camera first. The server cannot check who signed a bundle: each camera does, and refuses one that is not for it."), fields, gettext("Offer"), gettext("Cancel"), async (typed) => needsOne(there, typed));
  if (said === null) return;
  const asked = new URLSearchParams(chosenOf(there, said).map((kid) => ["camera", kid]));
  tell(gettext("The bundle is being sent. Leave this page open."));
  await attempt(async () => offered(await file(`/api/offers/update?${asked}`, said.bundle), again));
}

async function askForMore(version, sha256, others, again) {
  let answer = null;
  const said = await ask(gettext("Offer it to more cameras"), gettext("Version {version}", { version }), [chooser(others)], gettext("Offer"), gettext("Cancel"), async (typed) => {
    const wrong = needsOne(others, typed);
    if (wrong === null) answer = await post("/api/offers/more", { sha256, cameras: chosenOf(others, typed) });
    return wrong;
  });
  if (said !== null) await attempt(() => offered(answer, again));
}

function chooser(rows) {
  return make(
    "fieldset",
    { class: "choose" },
    make("legend", {}, gettext("For these cameras")),
    rows.map((one) => make("label", { class: "check" }, make("input", { type: "checkbox", name: `camera-${one.kid}` }), one.name)),
  );
}

function chosenOf(rows, said) {
  return rows.map((one) => one.kid).filter((kid) => said[`camera-${kid}`] !== undefined);
}

/** What is wrong where no camera is chosen; null if one is. */
function needsOne(rows, typed) {
  return chosenOf(rows, typed).length === 0 ? gettext("Choose a camera at least.") : null;
}

async function takeBack(one, offer, again) {
  await askToDo(gettext("Offer no more"), gettext("{name} is offered this no more. What it has fetched by now it may keep.", one), [], gettext("Offer no more"), () => post("/api/offers/back", { kid: one.kid, offer }), gettext("{name} is offered it no more.", one), again);
}

/** Says what came of an offer; a refusal stays until it is read. */
async function offered(answer, again) {
  const left = answer.left_out.map((one) => say(`left_out_${one.why}`, one));
  if (answer.cameras.length === 0 || left.length > 0) await tellWhy(answer, left);
  else tell(gettext("On offer to {names}.", { names: answer.cameras.join(", ") }));
  await again();
}

async function tellWhy(answer, left) {
  const offered = answer.cameras.length > 0;
  const why = offered ? gettext("On offer to {names}.", { names: answer.cameras.join(", ") }) : say(REFUSALS.includes(answer.why) ? `offer_why_${answer.why}` : "offer_why_other");
  const parts = [
    left.length > 0 ? make("ul", {}, left.map((text) => make("li", {}, text))) : null,
    answer.text ? make("details", {}, make("summary", {}, gettext("What the server says")), make("p", { lang: "en" }, answer.text)) : null,
  ];
  await ask(gettext(offered ? N_("Not offered to all") : N_("It is not offered")), why, parts, gettext("Close"), null);
}
