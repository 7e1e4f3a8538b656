// The page: puts its parts together and hands on what bodycam-sim tells.

import { PressedButton, keysIn, marks } from "./buttons.js";
import { darken, showOutputs, showPicture } from "./camera.js";
import { Cues } from "./cues.js";
import { $, make, mark, write } from "./dom.js";
import { beside } from "./extras.js";
import { ask, follow, link, SILENT_MS } from "./live.js";
import { Past } from "./past.js";
import { Recordings } from "./recordings.js";
import { hush, listen, shake, sound, wake } from "./sounds.js";
import { explain, showStage } from "./stages.js";
import { showOffice } from "./office.js";
import { Switchboard } from "./switchboard.js";
import { marksSince, mayBegin, stagesOf, stopOf, tell } from "./telling.js";
import { Timeline } from "./timeline.js";
import * as voice from "./voice.js";
import { LANGUAGES, number, speak, spoken, words } from "./words.js";

const REDRAW_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 200;
const NOTE_MS = 3000;
/** A round trip, or a press that was felt for longer, that is worth a word. */
const SLOW_MS = 600;
const FELT_US = 150_000;

let state = null;
/** A hold is let go within this time of being felt, or no press answers it (camerad/behaviour/gestures.py). */
const LET_GO_SECONDS = 1;
let note = "";
let noteEnds = 0;

const board = await boardInTime();
const stage = () => state?.stage ?? "unknown";
const buttons = board.buttons.map((button, place) => new PressedButton(button, stage, pressed, place === 0));
const past = new Past();
const timeline = new Timeline(past);
const switchboard = new Switchboard(board);
const recordings = new Recordings();
const cues = new Cues(board.rhythms ?? {}, () => show(), (atUs) => felt(atUs));
const { heard, veil, felt } = beside(board, {
  connected,
  edge,
  finger,
  spoken(said) {
    if (!veil().causes) voice.spoken(said);
  },
  picture: showPicture,
  history(moments) {
    past.begin(moments);
    timeline.write();
  },
  state: newState,
  recordings(listed) {
    recordings.list(listed);
    timeline.recordings = listed ?? [];
    timeline.write();
  },
  faults: (lasting) => switchboard.show(lasting),
  desk: (told) => recordings.tell(told),
});

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
  // Whoever was not alone on it did not hold it for as long as the camera felt, and is told that.
  if (button.shared || veil().ways) return;
  const stop = stopOf(button);
  if (!stop || stageThen !== "recording") return;
  // Of a mark, and of a press that ends the recording, the camera tells.
  if (seconds >= stop.seconds + LET_GO_SECONDS) tellNote(text.next.tooLong(stop.seconds));
  else if (seconds < stop.seconds && !marks(button) && !state?.awaits_answer) tellNote(text.next.tooShort(stop.seconds));
}

/** The camera says that a mark was set: whoever meant to stop it is told how. */
function marked() {
  const stop = board.buttons.map(stopOf).find((one) => one !== undefined);
  if (stop && !veil().ways) tellNote(words().next.marked(stop.seconds));
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

/** Contacts add up: whose finger is not alone on a button, or leaves another one on it, is told so. */
function sharedBy(hands) {
  for (const button of buttons) {
    const others = (hands[button.name] ?? 0) - (button.down ? 1 : 0);
    if (others > 0 && button.down) button.shared = true;
    if (!button.shared) continue;
    if (others > 0) tellNote(button.down ? words().heldTogether : words().heldByOthers);
    else noteEnds = 0;
  }
}

function show() {
  const text = words();
  showOutputs(state);
  explain(stagesOf(state, board.policy));
  const told = tell({ state, board, cue: cues.name, note: performance.now() < noteEnds ? note : "", veil: veil() });
  showStage(told);
  // Not true, or not yet: word of what it tells of may come later.
  $("strokes").hidden = cues.name !== null && told.cue === "" && !veil().causes;
  mark(document.body, "data-empty", String(state?.empty ?? false));
  $("into-dock").hidden = !state?.empty;
  const slow = link.known && link.roundTripMs > SLOW_MS;
  $("slow").hidden = !slow;
  if (slow) write($("slow"), text.slow(number(link.roundTripMs / 1000)));
}

let keysShown = "";

function showKeys() {
  const ready = mayBegin(state);
  const wanted = `${stage()} ${ready} ${spoken()} ${state?.office}`;
  if (wanted === keysShown) return;
  keysShown = wanted;
  $("keys").replaceChildren(...keysIn(stage(), board.buttons, board.policy, ready));
  recordings.ready = ready;
  showOffice(board.office, state?.office ?? null);
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
  voice.speak();
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
  recordings.know(null);
  switchboard.show(switchboard.lasting);
  showKeys();
  show();
}

function newState(next, atUs) {
  const another = state === null || next.stage !== state.stage || next.conditions.join() !== state.conditions.join() || next.muted !== state.muted;
  const hands = JSON.stringify(next.hands) !== JSON.stringify(state?.hands ?? {});
  if (another) {
    noteEnds = 0;
    voice.past();
  }
  const isMarked = marksSince(state, next) > 0;
  state = next;
  recordings.know(next.stage);
  past.note(next, atUs);
  // A daemon that is gone says nothing, and what it said is past.
  if (["off", "starting", "unknown"].includes(next.stage)) {
    cues.forget();
    voice.silence();
  }
  if (hands) sharedBy(next.hands);
  if (isMarked) marked();
  showKeys();
  show();
  if (another) timeline.write();
}

$("device").classList.add("untouched");
const [first, ...others] = buttons.map((button) => button.element);
$("buttons").append(first);
if (others.length > 0) $("buttons").append(make("div", { class: "others" }, ...others));
for (const language of LANGUAGES) {
  const text = new Intl.DisplayNames([language], { type: "language" }).of(language);
  const choice = make("button", { type: "button", class: "choice", lang: language, "data-language": language, text });
  choice.addEventListener("click", () => inLanguage(language));
  $("choices").append(choice);
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

follow(heard);

setInterval(() => {
  if (document.hidden) return;
  timeline.draw();
  switchboard.show(switchboard.lasting);
  show();
}, REDRAW_MS);
