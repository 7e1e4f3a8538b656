// What cameras are offered through their docks: their settings, signed elsewhere, and updates. The
// server judges what is sent, and says why it offers something to nobody.

import { file, post, textOf } from "./api.js";
import { ask, askToDo, attempt, field, make, tell } from "./dom.js";
import { say } from "./words.js";

const REFUSALS = [
  "unsigned", "signature_spoilt", "changed", "other_office", "office_key_changed", "mistakes", "other_camera", "no_camera", "old", "too_large",
  "reset_offered", "not_registered", "nothing_known", "same_file", "no_server", "other_server", "no_hand_over", "no_authority", "withdrawn", "no_bundle",
  "too_large_bundle", "no_room", "none_left", "newer_image",
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
  let answer = null;
  const said = await ask(say("offer_settings"), say("offer_settings_text"), fields, say("offer"), say("cancel"), async ({ settings, signature }) => {
    answer = await post("/api/offers/settings", { settings: await textOf(settings), signature: await textOf(signature) });
    return null;
  });
  if (said !== null) await attempt(() => offered(answer, again));
}

/** Asks for a bundle and for cameras, and offers it to them. */
export async function askForUpdate(rows, again) {
  const there = rows.filter((one) => one.state !== "withdrawn");
  const fields = [field(say("bundle_file"), make("input", { type: "file", name: "bundle", required: true, accept: ".raucb" })), chooser(there)];
  const said = await ask(say("offer_update"), say("offer_update_text"), fields, say("offer"), say("cancel"), async (typed) => needsOne(there, typed));
  if (said === null) return;
  const asked = new URLSearchParams(chosenOf(there, said).map((kid) => ["camera", kid]));
  tell(say("bundle_goes"));
  await attempt(async () => offered(await file(`/api/offers/update?${asked}`, said.bundle), again));
}

async function askForMore(version, sha256, others, again) {
  let answer = null;
  const said = await ask(say("offer_more"), say("update_on_offer", { version }), [chooser(others)], say("offer"), say("cancel"), async (typed) => {
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
    make("legend", {}, say("for_cameras")),
    rows.map((one) => make("label", { class: "check" }, make("input", { type: "checkbox", name: `camera-${one.kid}` }), one.name)),
  );
}

function chosenOf(rows, said) {
  return rows.map((one) => one.kid).filter((kid) => said[`camera-${kid}`] !== undefined);
}

/** What is wrong where no camera is chosen; null if one is. */
function needsOne(rows, typed) {
  return chosenOf(rows, typed).length === 0 ? say("camera_needed") : null;
}

async function takeBack(one, offer, again) {
  await askToDo(say("offer_back"), say("offer_back_text", one), [], say("offer_back"), () => post("/api/offers/back", { kid: one.kid, offer }), say("offer_back_now", one), again);
}

/** Says what came of an offer; a refusal stays until it is read. */
async function offered(answer, again) {
  const left = answer.left_out.map((one) => say(`left_out_${one.why}`, one));
  if (answer.cameras.length === 0 || left.length > 0) await tellWhy(answer, left);
  else tell(say("offered_now", { names: answer.cameras.join(", ") }));
  await again();
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
