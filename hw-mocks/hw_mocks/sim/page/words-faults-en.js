// What to expect of each fault, and what whoever wears the camera does about it. Where the camera does
// not tell at once, bodycam-sim says the seconds within which it does. English.

const ANOTHER = "Take another camera, and hand this one in.";
const NOTHING = "There is nothing to do.";
const LATER = "Go on, and report it afterwards.";
const WAIT = "Wait a minute: it mends itself. Otherwise take another camera.";

export const FAULTS_EN = {
  camera_stall: [(s) => `Amber within ${s} s. A recording goes on, with a gap.`, WAIT],
  camera_cancel: ["A few pictures may be missing from a recording.", NOTHING],
  camera_gone: [(s) => `Amber within ${s} s: no picture, a press is refused. A recording ends soon, and the camera starts anew.`, WAIT],
  camera_start_error: ["Seen the next time that the camera module starts; it is tried again.", NOTHING],
  camera_stop_hang: ["Seen when the camera module is stopped next; it is started anew.", WAIT],
  camera_dark: ["The picture is black, and is recorded as it is. If that begins in a recording, you feel • ▬ •.", "Look at the display: uncover the lens."],
  encoder_error: ["A short gap; the encoder is started anew.", NOTHING],
  encoder_empty: ["One picture may be missing from a recording.", NOTHING],
  encoder_hang: [(s) => `Amber within ${s} s. A recording goes on, with a gap.`, WAIT],
  microphone_gone: [(s) => `Felt within ${s} s in a recording; it goes on without sound. After it green blinks.`, "Call a witness, and report it afterwards."],
  microphone_hangs: [(s) => `Felt within ${s} s in a recording; it goes on without sound. After it green blinks.`, "Call a witness, and report it afterwards."],
  microphone_silent: ["The recording holds silence; the page may not show that.", "Report it when you notice it."],
  capture_kill: ["The picture fails for a moment; a recording goes on, with a gap.", NOTHING],
  daemon_killed: ["All lights go out, and it starts anew. A recording goes on by itself, with a gap.", "Wait for red, or for green; still dark after a minute: take another camera."],
  disk_full: [(s) => `Amber within ${s} s, in a recording at once: a press is refused. A recording ends, and what it holds is kept.`, "Offload it at the office, and take another camera."],
  disk_readonly: [(s) => `Amber within ${s} s, in a recording at once: a press is refused. A recording ends, and what it holds is kept.`, ANOTHER],
  disk_error: [(s) => `A recording waits in memory for ${s} s and goes on; if it lasts longer, it ends, and amber comes on.`, ANOTHER],
  disk_slow: ["Red stays on; what is recorded waits in memory.", LATER],
  disk_lies: ["Nothing is seen. After a loss of power more than the last second may be missing.", NOTHING],
  display_gone: [(s) => `The display stays dark, green blinks within ${s} s. All else works.`, LATER],
  display_error: [(s) => `The display stays dark, green blinks within ${s} s. All else works.`, LATER],
  display_slow: ["The display shows two pictures a second. All else works.", LATER],
  display_hang: [(s) => `The display stands still, green blinks within ${s} s. All else works.`, LATER],
  display_crash: ["The display is dark for a moment, and comes back.", NOTHING],
  display_kill: ["The display is dark for a moment, and comes back.", NOTHING],
  battery_low: [(s) => `Green blinks, but only after ${s} s: a short dip does not count.`, "Charge it soon."],
  battery_critical: [(low, critical, off) => `Green blinks after ${low} s. After ${critical} s the battery counts as empty, and after ${off} s a recording ends, and the camera switches off.`, "Put it into its dock, or take another camera."],
  battery_unknown: [(s) => `Green blinks after ${s} s: it may end without a warning.`, "Charge it soon, and report it."],
  docked: [(s) => `After ${s} s amber blinks while handing over. When all is handed over, green flashes every 3 s.`, "Leave it there until all is handed over."],
  network_gone: ["Handing over waits, and goes on by itself; nothing is lost.", "Leave it in its dock."],
  hot: [(s) => `Green blinks within ${s} s.`, "Out of the sun, away from the body."],
  throttled: [(s) => `Within ${s} s it saves work: the display shows fewer pictures. A recording goes on.`, "Out of the sun, away from the body."],
  button_stuck: ["It is felt as held: with the big button a recording may begin, or end.", ANOTHER],
  button_bounce: ["Nothing: a press stays one press.", NOTHING],
  light_dead: [(s) => `Green stays dark, and within ${s} s the camera knows it. It records all the same.`, "Say aloud that you record, and report it."],
  clock_unset: [(s) => `Green blinks within ${s} s: the time of day is uncertain, and recordings say so.`, LATER],
  clock_step: [(s) => `The time of day jumps, and within ${s} s the camera notices; a recording's length stays right.`, LATER],
  rtc_ahead: [(s) => `Green blinks within ${s} s: the time of day is uncertain, and recordings say so.`, LATER],
};
