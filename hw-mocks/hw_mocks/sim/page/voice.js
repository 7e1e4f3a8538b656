// What the camera says aloud: heard here as its loudspeaker plays it, and read.

import { $, mark, write } from "./dom.js";
import { wanted } from "./sounds.js";
import { words } from "./words.js";

/** So long it can be read; then it is past. What follows at once is part of what it is about. */
const READ_MS = 10_000;
const AT_ONCE_MS = 2000;

let said = null;
let saidAt = 0;
let passing = null;

/** It says something: {number, text, language}. */
export function spoken(value) {
  said = value;
  saidAt = performance.now();
  clearTimeout(passing);
  passing = setTimeout(past, READ_MS);
  speak();
  const speaker = $("speaker");
  speaker.src = `/api/spoken/${value.number}.wav`;
  // Browsers let a page sound only once a hand has touched it; then it is read.
  if (wanted()) speaker.play().catch(() => {});
}

/** The camera does something else now: what it said before is past, unless it still says it. */
export function past() {
  const speaker = $("speaker");
  const plays = !speaker.paused && !speaker.ended;
  if (said === null || plays || performance.now() - saidAt < AT_ONCE_MS) return;
  said = null;
  speak();
}

/** Be quiet; nothing is known of what it says now. */
export function silence() {
  said = null;
  $("speaker").pause();
  speak();
}

export function speak() {
  const text = words();
  write($("voice-name"), said === null ? "" : text.says);
  write($("voice"), said === null ? "" : (said.text ?? text.saysOwn));
  mark($("voice"), "lang", said?.text ? said.language : document.documentElement.lang);
}
