// The page: puts its parts together and hands on what bodycam-sim tells.

import { PressedButton, keysIn } from "./buttons.js";
import { darken, showOutputs, showPicture } from "./camera.js";
import { $, make, mark, write } from "./dom.js";
import { beside } from "./extras.js";
import { ask, follow } from "./live.js";
import { Past } from "./past.js";
import { Recordings } from "./recordings.js";
import { hush, listen, shake, sound, wake } from "./sounds.js";
import { explain, showStage } from "./stages.js";
import { Switchboard } from "./switchboard.js";
import { Timeline } from "./timeline.js";
import { say, speak, spoken, words } from "./words.js";

const REDRAW_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 200;
const NOTE_MS = 3000;

let state = null;
let note = "";
let noteEnds = 0;

const board = await boardInTime();
const stage = () => state?.stage ?? "starting";
const buttons = board.buttons.map((button, place) => new PressedButton(button, stage, pressed, place === 0));
const past = new Past();
const timeline = new Timeline(past);
const switchboard = new Switchboard(board);
const recordings = new Recordings();

/** What the camera consists of; the page may have been open before bodycam-sim was there. */
async function boardInTime() {
  for (;;) {
    try {
      return await ask("/api/board");
    } catch {
      $("lost").hidden = false;
      write($("lost"), words().lost);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** A press of this page has ended; `stageThen` is null if it could not be made, and `what` says why. */
function pressed(button, stageThen, what) {
  const text = words();
  if (stageThen === null) {
    tellNote(text.refused(what));
    return;
  }
  const stop = button.gestures.find(
    (one) => one.gesture === "hold" && one.intent === "stop" && one.in.includes(stageThen),
  );
  if (stop && stageThen === "recording" && what < stop.seconds) {
    tellNote(text.next.tooShort(stop.seconds));
  }
}

function tellNote(text) {
  note = text;
  noteEnds = performance.now() + NOTE_MS;
  show();
}

/** The one thing that somebody who reads nothing else should read. */
function hint() {
  const text = words();
  if (performance.now() < noteEnds) return note;
  if (stage() in text.hints) return text.hints[stage()];
  if (state.lights.amber && !state.ready && state.recording === null) return text.hints.amber;
  if (stage() === "recording") {
    for (const { name, gestures } of board.buttons) {
      const stop = gestures.find((one) => one.intent === "stop" && one.in.includes("recording"));
      if (stop) return text.next.stop(say("buttons", name), stop.seconds);
    }
  }
  const main = board.buttons[0]?.gestures ?? [];
  const press = main.find((one) => one.gesture === "press" && one.in.includes(stage()));
  return text.next.press[press?.intent]?.[stage()] ?? "";
}

function show() {
  const text = words();
  showOutputs(state);
  showStage(state, board.policy);
  write($("hint"), state === null ? text.hints.starting : hint());
}

let keysShown = "";

function showKeys() {
  const wanted = `${stage()} ${spoken()}`;
  if (wanted === keysShown) return;
  keysShown = wanted;
  $("keys").replaceChildren(...keysIn(stage(), board.buttons, board.policy));
}

function inLanguage(next) {
  speak(next);
  document.documentElement.lang = next;
  document.title = words().title;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = words()[element.dataset.text];
  }
  for (const choice of document.querySelectorAll("[data-language]")) {
    mark(choice, "aria-pressed", String(choice.dataset.language === next));
  }
  for (const button of buttons) button.speak();
  explain(board.policy);
  switchboard.speak();
  recordings.speak();
  timeline.draw();
  timeline.write();
  show();
  showKeys();
}

function edge(value) {
  if (value.name === "sound") sound(value);
  else if (value.name === "vibration") shake(value);
  else buttons.find((one) => one.name === value.name)?.seen(value.on);
}

function connected(on) {
  $("lost").hidden = on;
  write($("lost"), words().lost);
  if (!on) {
    state = null;
    darken();
    hush();
    show();
  }
}

$("device").classList.add("untouched");
const [first, ...others] = buttons.map((button) => button.element);
$("buttons").append(first);
if (others.length > 0) $("buttons").append(make("div", { class: "others" }, ...others));
for (const choice of document.querySelectorAll("[data-language]")) {
  choice.addEventListener("click", () => inLanguage(choice.dataset.language));
}
$("hearing").addEventListener("click", () => {
  const on = $("hearing").getAttribute("aria-pressed") !== "true";
  mark($("hearing"), "aria-pressed", String(on));
  listen(on);
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake);
inLanguage(spoken());

follow(beside(board, {
  connected,
  edge,
  picture: showPicture,
  history(moments) {
    past.begin(moments);
    timeline.write();
  },
  state(next, atUs) {
    const another = state === null || next.stage !== state.stage || next.conditions.join() !== state.conditions.join() || next.muted !== state.muted;
    if (another) noteEnds = 0;
    state = next;
    past.note(next, atUs);
    show();
    showKeys();
    if (another) timeline.write();
  },
  recordings(listed) {
    recordings.list(listed);
    timeline.recordings = listed;
    timeline.write();
  },
  faults: (lasting) => switchboard.show(lasting),
  desk: (told) => recordings.tell(told),
}));

setInterval(() => {
  if (document.hidden) return;
  timeline.draw();
  switchboard.show(switchboard.lasting);
  show();
}, REDRAW_MS);
