// Notices that a session has ended because nobody did anything, without asking the server: whoever
// asks it does something. It is the server that ends the session; the page closes what it shows.

import { USED } from "./api.js";

const LOOK_MS = 5000;
/** Pages of one browser share a session, so what one of them does counts for all. */
const others = new BroadcastChannel("camerad-desk-used");
let until = Infinity;
let end = Infinity;
let idle = 0;
let looking = 0;

/** From now on, calls `ended` once when the session of `me` is over. */
export function watchIdle(me, ended) {
  unwatchIdle();
  idle = me.idle_seconds * 1000;
  end = Date.now() + me.left_seconds * 1000;
  used();
  const look = () => {
    if (Date.now() < Math.min(until, end)) return;
    unwatchIdle();
    ended();
  };
  looking = setInterval(look, LOOK_MS);
  // A computer that slept, or a tab behind others, looks as soon as it is seen.
  document.onvisibilitychange = look;
}

/** Nobody is signed in. */
export function unwatchIdle() {
  clearInterval(looking);
  document.onvisibilitychange = null;
}

function used() {
  until = Date.now() + idle;
}

document.addEventListener(USED, () => {
  used();
  others.postMessage("");
});
others.addEventListener("message", used);
