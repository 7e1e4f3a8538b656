// The page: puts its parts together and hands on what bodycam-sim tells.

import { PressedButton, keysIn, marks, records, stopOf } from "./buttons.js";
import { darken, showOutputs, showPicture } from "./camera.js";
import { Cues } from "./cues.js";
import { $, make, mark, write } from "./dom.js";
import { beside } from "./extras.js";
import { ask, follow, link, SILENT_MS } from "./live.js";
import { Past } from "./past.js";
import { Recordings } from "./recordings.js";
import { hush, listen, shake, sound, wake } from "./sounds.js";
import { cause, explain, showStage } from "./stages.js";
import { showOffice } from "./office.js";
import { Switchboard } from "./switchboard.js";
import { Timeline } from "./timeline.js";
import * as voice from "./voice.js";
import { number, say, speak, spoken, words } from "./words.js";

const REDRAW_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 200;
const NOTE_MS = 3000;
/** A round trip, or a press that was felt for longer, that is worth a word. */
const SLOW_MS = 600;
const FELT_US = 150_000;

let state = null;
let note = "";
let noteEnds = 0;

const board = await boardInTime();
const stage = () => state?.stage ?? "unknown";
const buttons = board.buttons.map((button, place) => new PressedButton(button, stage, pressed, place === 0));
const past = new Past();
const timeline = new Timeline(past);
const switchboard = new Switchboard(board);
const recordings = new Recordings();
const cues = new Cues(board.rhythms ?? {});

/** What the camera consists of; the page may have been open before bodycam-sim was there. */
async function boardInTime() {
  const tellLost = () => {
    $("lost").hidden = false;
    write($("lost"), words().lost);
  };
  for (;;) {
    const waited = setTimeout(tellLost, SILENT_MS);
    try {
      return await ask("/api/board");
    } catch {
      tellLost();
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      clearTimeout(waited);
    }
  }
}

/** A press of this page has ended; `stageThen` is null if nobody was there to be told of it. */
function pressed(button, stageThen, seconds) {
  const text = words();
  if (stageThen === null) {
    tellNote(text.notPressed);
    return;
  }
  const stop = stopOf(button);
  if (stop && stageThen === "recording" && seconds < stop.seconds) {
    // One press is one thing: a mark is no stop that has failed.
    tellNote((marks(button) ? text.next.marked : text.next.tooShort)(stop.seconds));
  }
}

/** What bodycam-sim made of a finger of this page. */
function finger({ late_us: lateUs, refused }) {
  if (refused) tellNote(words().tooLate);
  else if (lateUs > FELT_US) tellNote(words().feltLonger(number(lateUs / 1e6)));
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
  if (state?.empty) return text.hints.empty;
  if (stage() in text.hints) return text.hints[stage()];
  if (stage() === "recording") {
    for (const { name, ...button } of board.buttons) {
      const stop = stopOf(button);
      if (stop) return text.next.stop(text.buttonsIn[name] ?? say("buttons", name), stop.seconds);
    }
  }
  const main = board.buttons[0]?.gestures ?? [];
  const press = main.find((one) => one.gesture === "press" && one.in.includes(stage()));
  const refused = state.ready ? "" : [text.hints.amber, cause(state, board.gravity ?? [])].filter(Boolean).join(" ");
  if (press === undefined) return refused;
  if (records(press.intent, stage())) return refused || text.next.record;
  return [refused, stage() === "idle" ? text.next.view : ""].filter(Boolean).join(" ");
}

function show() {
  const text = words();
  showOutputs(state);
  showStage(state, board.policy);
  write($("hint"), hint());
  $("into-dock").hidden = !state?.empty;
  const slow = link.known && link.roundTripMs > SLOW_MS;
  $("slow").hidden = !slow;
  if (slow) write($("slow"), text.slow(number(link.roundTripMs / 1000)));
}

let keysShown = "";

function showKeys() {
  const ready = state === null || state.recording !== null || state.ready || !["idle", "self_view", "off"].includes(stage());
  const wanted = `${stage()} ${ready} ${spoken()}`;
  if (wanted === keysShown) return;
  keysShown = wanted;
  $("keys").replaceChildren(...keysIn(stage(), board.buttons, board.policy, ready));
  explain(board.policy, ready);
  recordings.ready = ready;
  recordings.show();
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
  cues.speak();
  voice.speak();
  showOffice(board.office);
  switchboard.speak();
  recordings.speak();
  timeline.draw();
  timeline.write();
  showKeys();
  show();
}

function edge(value) {
  if (value.name === "sound") sound(value);
  else if (value.name === "vibration") {
    shake(value);
    cues.edge(value);
  } else buttons.find((one) => one.name === value.name)?.seen(value.on);
}

function connected(on) {
  $("lost").hidden = on;
  if (!on) write($("lost"), words().lost);
  mark(document.body, "data-known", String(on));
  recordings.known = on;
  recordings.show();
  if (on) return;
  state = null;
  noteEnds = 0;
  past.lose(link.heardUs);
  timeline.draw();
  timeline.write();
  darken();
  hush();
  shake({ on: false });
  cues.forget();
  voice.silence();
  switchboard.show(switchboard.lasting);
  show();
  showKeys();
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
  if (!on) $("speaker").pause();
});
$("into-dock").addEventListener("click", () => switchboard.intoDock());
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake);
inLanguage(spoken());

follow(beside(board, {
  connected,
  edge,
  finger,
  spoken: voice.spoken,
  picture: showPicture,
  history(moments) {
    past.begin(moments);
    timeline.write();
  },
  state(next, atUs) {
    const another = state === null || next.stage !== state.stage || next.conditions.join() !== state.conditions.join() || next.muted !== state.muted;
    if (another) {
      noteEnds = 0;
      voice.past();
    }
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
