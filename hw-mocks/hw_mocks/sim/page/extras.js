// What stands beside the camera, folded: the visitor's own camera, and the course.

import { Course } from "./course.js";
import { Webcam } from "./webcam.js";

/** `heard`, as live.js takes it, with what these two have to hear besides; what an exercise keeps back now; and what is told when a rhythm is over. */
export function beside(board, heard) {
  const webcam = new Webcam();
  const course = new Course(board);
  new MutationObserver(() => {
    webcam.speak();
    course.speak();
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  const both = (kind) => (value, atUs) => {
    heard[kind]?.(value, atUs);
    course[kind](value, atUs);
  };
  const connected = (on) => {
    heard.connected(on);
    if (!on) webcam.camera(null);
  };
  const state = (next, atUs) => {
    both("state")(next, atUs);
    webcam.camera(next);
  };
  return { heard: { ...heard, connected, state, desk: both("desk") }, veil: () => course.veil, felt: (atUs) => course.felt(atUs) };
}
