// What cameras are offered through their docks: their settings, signed elsewhere, and updates. The
// server judges what is sent, and says why it offers something to nobody.

import { file, post, RefusedError } from "./api.js";
import { ask, field, make, tell } from "./dom.js";
import { say, sentence } from "./words.js";

const REFUSALS = [
  "unsigned", "signature_spoilt", "changed", "other_office", "office_key_changed", "mistakes", "other_camera", "no_camera", "old", "too_large",
  "reset_offered", "not_registered", "nothing_known", "same_file", "no_server", "other_server", "no_hand_over", "no_authority", "withdrawn", "no_bundle",
  "too_large_bundle", "no_room", "none_left",
];

/** What is on offer, and how far it is; nothing if nothing is. */
export function drawOffers(rows, { manages, again }) {
  const bundles = new Map();
  for (const one of rows)
    if (one.offered_update !== null) bundles.set(one.offered_update.sha256, [...(bundles.get(one.offered_update.sha256) ?? []), one]);
  const settings = rows.filter((one) => one.offered_settings !== null);
  return make(
    "section",
    { "aria-labelledby": "offers" },
    make("h2", { id: "offers" }, say("offers")),
    make("p", { class: "hint" }, say("offers_text")),
    bundles.size + settings.length === 0 ? make("p", {}, say("no_offers")) : null,
    [...bundles.values()].map((those) => drawBundle(those, rows, manages, again)),
    settings.length === 0 ? null : make("h3", {}, say("settings_on_offer")),
    settings.length === 0 ? null : make("ul", {}, settings.map((one) => line(one, "settings", say(`settings_offer_${one.settings}`, { number: one.offered_settings.serial ?? "?" }), refusalOf(one), manages, again))),
  );
}

function drawBundle(those, rows, manages, again) {
  const { version, compatible, bytes, sha256 } = those[0].offered_update;
  const others = rows.filter((one) => !those.includes(one) && one.state !== "withdrawn");
  return make(
    "div",
    {},
    make("h3", {}, say("update_on_offer", { version })),
    make("p", { class: "hint" }, say("update_facts", { compatible, size: (bytes / 1e6).toFixed(1) }), " ", make("code", {}, sha256)),
    make("ul", {}, those.map((one) => line(one, "update", say(`update_${one.update}`, { version }), one.update_text, manages, again))),
    manages && others.length > 0 ? make("button", { onclick: () => askForMore(version, sha256, others, again) }, say("offer_more")) : null,
  );
}

function line(one, offer, words, why, manages, again) {
  return make(
    "li",
    {},
    `${one.name}: ${words} `,
    why ? make("q", { lang: "en" }, why) : null,
    manages ? make("button", { class: "quiet", "aria-label": `${say("offer_back")}: ${one.name}`, onclick: () => takeBack(one, offer, again) }, say("offer_back")) : null,
  );
}

function refusalOf(one) {
  return one.why_not.find((why) => why.code === "settings_refused")?.detail ?? "";
}

/** Asks for a settings file and its signature, and offers them to the camera that they are for. */
export async function askForSettings(again) {
  const fields = [
    field(say("settings_file"), make("input", { type: "file", name: "settings", required: true, accept: ".yaml,.yml" })),
    field(say("signature_file"), make("input", { type: "file", name: "signature", required: true, accept: ".jws" })),
  ];
  const said = await ask(say("offer_settings"), say("offer_settings_text"), fields, say("offer"), say("cancel"));
  if (said === null) return;
  await attempt(async () => post("/api/offers/settings", { settings: await said.settings.text(), signature: await said.signature.text() }), again);
}

/** Asks for a bundle and for cameras, and offers it to them. */
export async function askForUpdate(rows, again) {
  const there = rows.filter((one) => one.state !== "withdrawn");
  const fields = [field(say("bundle_file"), make("input", { type: "file", name: "bundle", required: true, accept: ".raucb" })), chooser(there)];
  const said = await ask(say("offer_update"), say("offer_update_text"), fields, say("offer"), say("cancel"));
  if (said === null) return;
  const chosen = chosenOf(there, said);
  if (chosen.length === 0) return tell(say("camera_needed"), "wrong");
  const asked = new URLSearchParams(chosen.map((kid) => ["camera", kid]));
  tell(say("bundle_goes"));
  await attempt(() => file(`/api/offers/update?${asked}`, said.bundle), again);
}

async function askForMore(version, sha256, others, again) {
  const said = await ask(say("offer_more"), say("update_on_offer", { version }), [chooser(others)], say("offer"), say("cancel"));
  if (said === null) return;
  const cameras = chosenOf(others, said);
  if (cameras.length === 0) return tell(say("camera_needed"), "wrong");
  await attempt(() => post("/api/offers/more", { sha256, cameras }), again);
}

function chooser(rows) {
  return make(
    "fieldset",
    { class: "choose" },
    make("legend", {}, say("for_cameras")),
    rows.map((one) => make("label", { class: "check" }, make("input", { type: "checkbox", name: `camera-${one.kid}` }), one.name)),
  );
}

function chosenOf(rows, said) {
  return rows.map((one) => one.kid).filter((kid) => said[`camera-${kid}`] !== undefined);
}

async function takeBack(one, offer, again) {
  const said = await ask(say("offer_back"), say("offer_back_text", one), [], say("offer_back"), say("cancel"));
  if (said === null) return;
  try {
    await post("/api/offers/back", { kid: one.kid, offer });
    tell(say("offer_back_now", one));
    await again();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}

/** Offers something, and says what came of it; a refusal stays until it is read. */
async function attempt(work, again) {
  try {
    const answer = await work();
    const left = answer.left_out.map((one) => say(`left_out_${one.why}`, one));
    if (answer.cameras.length === 0 || left.length > 0) await tellWhy(answer, left);
    else tell(say("offered_now", { names: answer.cameras.join(", ") }));
    await again();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}

async function tellWhy(answer, left) {
  const offered = answer.cameras.length > 0;
  const why = offered ? say("offered_now", { names: answer.cameras.join(", ") }) : say(REFUSALS.includes(answer.why) ? `offer_why_${answer.why}` : "offer_why_other");
  const parts = [
    left.length > 0 ? make("ul", {}, left.map((text) => make("li", {}, text))) : null,
    answer.text ? make("details", {}, make("summary", {}, say("server_says")), make("p", { lang: "en" }, answer.text)) : null,
  ];
  await ask(say(offered ? "offered_partly" : "not_offered"), why, parts, say("close"), null);
}
