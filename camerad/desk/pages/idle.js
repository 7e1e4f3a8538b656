// Notices that a session has ended because nobody did anything, without asking the server: whoever
// asks it does something. And that it has in another tab, since somebody signed out there, or in as
// somebody else. It is the server that ends the session; the page closes what it shows.

import { USED } from "./api.js";

const LOOK_MS = 5000;
/** Pages of one browser share a session, so what one of them does counts for all. Each says who uses
 * it, "" for nobody. */
const others = new BroadcastChannel("camerad-desk-used");
let mine = "";
let over = () => {};
let until = Infinity;
let end = Infinity;
let idle = 0;
let looking = 0;

/** From now on, calls `ended` once when the session of `me` is over, with the word for why. */
export function watchIdle(me, ended) {
  unwatchIdle();
  mine = me.id;
  over = ended;
  idle = me.idle_seconds * 1000;
  end = Date.now() + me.left_seconds * 1000;
  used();
  others.postMessage(mine);
  const look = () => {
    if (Date.now() < Math.min(until, end)) return;
    unwatchIdle();
    ended(Date.now() < end ? "idle_out" : "day_out");
  };
  looking = setInterval(look, LOOK_MS);
  // A computer that slept, or a tab behind others, looks as soon as it is seen.
  document.onvisibilitychange = look;
}

/** Nobody is signed in. */
export function unwatchIdle() {
  mine = "";
  clearInterval(looking);
  document.onvisibilitychange = null;
}

function used() {
  until = Date.now() + idle;
}

document.addEventListener(USED, () => {
  used();
  if (mine !== "") others.postMessage(mine);
});

/** Tells the other tabs that nobody is signed in any more. */
export function tellSignedOut() {
  others.postMessage("");
}

others.addEventListener("message", ({ data: who }) => {
  if (mine === "") return;
  if (who === mine) {
    used();
    return;
  }
  unwatchIdle();
  over("left_elsewhere");
});
