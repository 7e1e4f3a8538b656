// The camera as one sees and feels it: lights, display, sound, vibration.

import { $, mark, write } from "./dom.js";
import { words } from "./words.js";

const LIGHTS = ["green", "red", "amber"];
const display = $("display").getContext("2d");
let drawing = false;
let waiting = null;

/** Show what the pins drive. */
export function showOutputs(state) {
  const text = words();
  for (const name of LIGHTS) {
    const on = state?.lights[name] ?? false;
    $(name).classList.toggle("on", on);
    // Never dark: dark would say that it is off.
    $(name).classList.toggle("unknown", state === null);
    const light = state === null ? text.lightUnknown : on ? text.lightOn : text.lightOff;
    mark($(name), "aria-label", light(text[name]));
  }
  for (const name of ["sound", "vibration"]) {
    const on = state?.[name] ?? false;
    $(name).classList.toggle("on", on);
    write($(name).lastElementChild, text.feel[name][state === null ? "unknown" : on ? "on" : "off"]);
  }
  $("device").classList.toggle("sounding", state?.sound ?? false);
  $("device").classList.toggle("shaking", state?.vibration ?? false);
  mark($("display"), "aria-label", state === null ? text.displayUnknown : state.display ? text.picture : text.dark);
  $("display").dataset.lit = String(state?.display ?? false);
  $("display-unknown").hidden = state !== null;
}

/** Show a picture of the display; of those that come while one is drawn, only the newest. */
export async function showPicture(blob) {
  if (drawing) {
    waiting = blob;
    return;
  }
  drawing = true;
  try {
    for (let next = blob; next !== null; next = waiting) {
      waiting = null;
      const picture = await createImageBitmap(next);
      const { canvas } = display;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      display.drawImage(picture, 0, 0);
      picture.close();
      canvas.dataset.pictures = String(Number(canvas.dataset.pictures ?? 0) + 1);
    }
  } finally {
    drawing = false;
  }
}

/** Nothing is known of the display any more. */
export function darken() {
  display.clearRect(0, 0, display.canvas.width, display.canvas.height);
}
