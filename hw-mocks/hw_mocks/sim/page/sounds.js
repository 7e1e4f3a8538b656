// What the buzzer and the motor do, as far as the browser lets it be heard and felt.

// A buzzer that is only switched on and off has a pitch of its own; small ones are between 2 and
// 4 kHz, where the ear is keenest.
const BUZZER_HERTZ = 2400;
const VOLUME = 0.05;
const EDGE_SECONDS = 0.005;
const LONGEST_MS = 5000;

let context = null;
let tone = null;
let heard = true;

/** Whether the camera is to be heard. */
export function listen(on) {
  heard = on;
  if (!on) hush();
}

export const wanted = () => heard;

/** Browsers let a page sound only once a hand has touched it. */
export function wake() {
  if (!heard || !("AudioContext" in window)) return;
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

/** An edge of the buzzer's pin. `hertz`: its pitch, where the pin has one. */
export function sound({ on, hertz }) {
  if (!on) {
    hush();
  } else if (heard && context?.state === "running") {
    if (tone === null) begin();
    tone.oscillator.frequency.setValueAtTime(hertz ?? BUZZER_HERTZ, context.currentTime);
  }
}

function begin() {
  const oscillator = new OscillatorNode(context, { type: "square" });
  const gain = new GainNode(context, { gain: 0 });
  oscillator.connect(gain).connect(context.destination);
  // A tone that began at full strength would click.
  gain.gain.setTargetAtTime(VOLUME, context.currentTime, EDGE_SECONDS);
  oscillator.start();
  tone = { oscillator, gain };
}

export function hush() {
  if (tone === null) return;
  const { oscillator, gain } = tone;
  tone = null;
  gain.gain.setTargetAtTime(0, context.currentTime, EDGE_SECONDS);
  oscillator.stop(context.currentTime + 10 * EDGE_SECONDS);
}

/** An edge of the motor's pin. */
export function shake({ on }) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(on ? LONGEST_MS : 0);
}
