// Cameras: which can be handed out, and what keeps the others.

import { get } from "./api.js";
import { fill, make } from "./dom.js";
import { moment } from "./format.js";
import { say } from "./words.js";

/** All cameras, those that need somebody first. */
export async function showCameras({ main }) {
  const cameras = await get("/api/cameras");
  const ready = cameras.filter((one) => one.ready).length;
  fill(
    main,
    make("h1", {}, say("cameras")),
    make("p", {}, say("cameras_ready", { ready, all: cameras.length })),
    ready === 0 ? null : make("p", {}, cameras.filter((one) => one.ready).map((one) => make("span", { class: "tag good" }, one.name))),
    make("ul", { class: "people" }, cameras.map(draw)),
  );
}

function draw(one) {
  const facts = [
    ["seen", one.seen_us === null ? "–" : moment(one.seen_us)],
    ["battery", one.battery === null ? "–" : `${one.battery} %`],
    ["left", one.left === null ? "–" : String(one.left)],
    ["version", one.version ?? "–"],
  ];
  return make(
    "li",
    { class: "card" },
    make("h2", {}, one.name, " ", make("span", { class: one.ready ? "tag good" : "tag missing" }, say(one.ready ? "ready" : "not_ready"))),
    one.reasons.length === 0 ? null : make("ul", {}, one.reasons.map((reason) => make("li", {}, reasonWords(reason, one)))),
    make("dl", {}, facts.map(([key, text]) => [make("dt", {}, say(key)), make("dd", {}, text)])),
  );
}

/** A reason in the page's language; the command's own words where the page has none. */
function reasonWords(reason, one) {
  if (one.seen_us === null) return say("never_seen");
  const known = { "the battery is low": "reason_battery", "the battery is empty": "reason_battery_empty", "the card is full": "reason_full", "the card is nearly full": "reason_nearly_full", "its clock is not confirmed": "reason_clock", "the display fails": "reason_display", "a light fails": "reason_light", "the microphone fails": "reason_microphone", "the camera module fails": "reason_camera" };
  if (reason in known) return say(known[reason]);
  const left = /^(\d+) recordings? to hand over$/.exec(reason);
  if (left) return say("reason_left", { count: left[1] });
  const days = /^not seen for (\d+) days?$/.exec(reason);
  if (days) return say("reason_silent", { count: days[1] });
  const percent = /^the battery has (\d+) %$/.exec(reason);
  if (percent) return say("reason_percent", { count: percent[1] });
  return reason;
}
