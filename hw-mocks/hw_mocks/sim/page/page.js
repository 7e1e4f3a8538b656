// The page: shows what the simulator says, and presses its buttons for as long as you do.

import { WORDS } from "./words.js";

const DISPLAY_MS = 80;
const RECORDINGS_MS = 2_000;

const $ = (id) => document.getElementById(id);
const steps = { idle: "idle", self_view: "self_view", recording: "recording", stopping: "recording" };

const locales = { de: "de-DE", en: "en-GB" };

let language = navigator.languages.some((one) => one.startsWith("de")) ? "de" : "en";
let state = null;
let stateSince = 0;
let lost = false;
let failure = "";
let recordings = [];
const buttons = new Map();

// ---------------------------------------------------------------- words

function words() {
  return WORDS[language];
}

function speak(next) {
  language = next;
  document.documentElement.lang = next;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = words()[element.dataset.text];
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === next));
  }
  for (const [name, { label }] of buttons) label.textContent = words()[name] ?? name;
  $("picture").alt = words().picture;
  $("list").setAttribute("aria-label", words().recordings);
  document.title = words().title;
  render();
  renderRecordings();
}

function number(value, digits = 1) {
  return value.toLocaleString(locales[language], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// ---------------------------------------------------------------- state

function render() {
  const text = words();
  const stage = state?.stage ?? "starting";
  for (const name of ["green", "red", "amber"]) {
    const on = state?.lights[name] ?? false;
    $(name).classList.toggle("on", on);
    $(name).setAttribute("role", "img");
    $(name).setAttribute("aria-label", on ? text.on : text.off);
  }
  $("sound").classList.toggle("on", state?.sound ?? false);
  $("vibration").classList.toggle("on", state?.vibration ?? false);
  $("camera").classList.toggle("shaking", state?.vibration ?? false);
  $("now").dataset.stage = stage;
  write($("stage"), stage === "off" ? text.off_stage : text[stage]);
  write($("detail"), detail(text));
  write($("hint"), buttons.has("main") ? text.hints[stage] : "");
  for (const step of ["idle", "self_view", "recording"]) {
    if (steps[stage] === step) $(`step-${step}`).setAttribute("aria-current", "step");
    else $(`step-${step}`).removeAttribute("aria-current");
  }
  const troubles = (state?.conditions ?? []).map((name) => text.conditions[name] ?? name);
  if (lost) troubles.unshift(text.lost);
  if (failure) troubles.push(text.failed(failure));
  write($("trouble"), troubles.join(" · "));
  $("trouble").hidden = troubles.length === 0;
}

// Only a text that has changed is written: whoever listens to the page hears it once.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function detail(text) {
  if (state === null || state.stage === "off" || state.stage === "starting") return "";
  if (state.recording === null) return text.buffer(number(state.pre_event_seconds));
  const elapsed = (performance.now() - stateSince) / 1000;
  return text.soFar(clock(state.recording.seconds + elapsed));
}

function take(next) {
  const before = state;
  state = next;
  stateSince = performance.now();
  lost = false;
  render();
  if (before?.display !== next.display) showDisplay();
  if (before?.stage !== next.stage || before?.recording?.id !== next.recording?.id) {
    loadRecordings();
  }
}

function listen() {
  const events = new EventSource("/api/events");
  events.onmessage = (event) => take(JSON.parse(event.data));
  events.onerror = () => {
    lost = true;
    render();
  };
}

// ---------------------------------------------------------------- display

let showing = false;

async function showDisplay() {
  const picture = $("picture");
  if (showing) return;
  showing = true;
  try {
    while (state?.display && !lost) {
      const began = performance.now();
      const response = await fetch("/api/display.jpg");
      const url = URL.createObjectURL(await response.blob());
      const old = picture.src;
      picture.src = url;
      await picture.decode().catch(() => {});
      picture.hidden = false;
      if (old.startsWith("blob:")) URL.revokeObjectURL(old);
      await new Promise((resolve) => {
        setTimeout(resolve, Math.max(0, DISPLAY_MS - (performance.now() - began)));
      });
    }
  } catch {
    lost = true;
    render();
  } finally {
    showing = false;
    picture.hidden = true;
  }
}

// ---------------------------------------------------------------- recordings

async function loadRecordings() {
  try {
    const response = await fetch("/api/recordings");
    if (response.ok) recordings = await response.json();
  } catch {
    return; // the stream of events says that the connection is lost
  }
  renderRecordings();
}

function renderRecordings() {
  $("none").hidden = recordings.length > 0;
  $("list").hidden = recordings.length === 0;
  $("rows").replaceChildren(...recordings.map(row));
}

function row(recording) {
  const line = document.createElement("tr");
  line.title = recording.path ?? "";
  const started = new Date(recording.started);
  const cells = [
    [started.toLocaleString(locales[language], { dateStyle: "short", timeStyle: "medium" }), ""],
    [clock(recording.seconds), "number"],
    [`${number(recording.pre_event_seconds)} s`, "number"],
    [recording.frames.toLocaleString(locales[language]), "number"],
    [String(recording.gaps.length), "number"],
  ];
  for (const [text, kind] of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (kind) cell.className = kind;
    line.append(cell);
  }
  return line;
}

// ---------------------------------------------------------------- buttons

class PressedButton {
  constructor(name) {
    this.name = name;
    this.down = false;
    this.sent = Promise.resolve();
    this.element = document.createElement("button");
    this.element.type = "button";
    this.element.id = `button-${name}`;
    this.element.className = name === "main" ? "press main" : "press";
    this.label = document.createElement("span");
    this.held = document.createElement("small");
    this.held.setAttribute("aria-hidden", "true");
    this.element.append(this.label);
    if (name === "main") this.element.append(this.held);
    this.hear();
  }

  hear() {
    const on = (kind, handler) => this.element.addEventListener(kind, handler);
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.element.setPointerCapture(event.pointerId);
      this.press(true);
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      on(kind, () => this.press(false));
    }
    on("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.press(true);
    });
    on("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") this.press(false);
    });
    // A long touch is a hold here, not a question for a menu.
    on("contextmenu", (event) => event.preventDefault());
    addEventListener("pagehide", () => this.press(false));
  }

  press(down) {
    if (down === this.down) return;
    this.down = down;
    this.since = performance.now();
    this.element.classList.toggle("down", down);
    this.count();
    // One after the other: a release must never overtake its press.
    this.sent = this.sent.then(() => this.send(down));
  }

  async send(down) {
    try {
      const response = await fetch("/api/press", {
        method: "POST",
        body: JSON.stringify({ button: this.name, down }),
        headers: { "Content-Type": "application/json" },
        keepalive: true,
      });
      failure = response.ok ? "" : (await response.json()).error;
    } catch (error) {
      failure = error.message;
    }
    render();
  }

  count() {
    this.held.textContent = this.down
      ? `${number((performance.now() - this.since) / 1000)} s`
      : "";
    if (this.down) requestAnimationFrame(() => this.count());
  }
}

async function wire() {
  const response = await fetch("/api/board");
  const board = await response.json();
  for (const { name } of board.buttons) {
    const button = new PressedButton(name);
    buttons.set(name, button);
    $("buttons").append(button.element);
  }
}

// ---------------------------------------------------------------- begin

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => speak(button.dataset.language));
}
speak(language);
await wire();
speak(language);
listen();
setInterval(render, 250);
setInterval(() => {
  // Only a running recording changes by itself.
  if (!document.hidden && state?.recording) loadRecordings();
}, RECORDINGS_MS);
