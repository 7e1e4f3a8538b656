// What the camera says aloud: heard here as its loudspeaker plays it, and read.

import { $, mark, write } from "./dom.js";
import { wanted } from "./sounds.js";
import { words } from "./words.js";

let said = null;

/** It says something: {number, text, language}. */
export function spoken(value) {
  said = value;
  speak();
  const speaker = $("speaker");
  speaker.src = `/api/spoken/${value.number}.wav`;
  // Browsers let a page sound only once a hand has touched it; then it is read.
  if (wanted()) speaker.play().catch(() => {});
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
