// Notices that a session has ended: because it was not used, which needs no server; because it was
// ended, or roles are others, for which the server is asked every few seconds, which counts as no use;
// in another tab, since the person signed out there, or another one in. It is the server that ends
// the session; the page closes what it shows. If the server does not answer, it is not known whether the
// session counts: then the page closes pictures and forgets the key, and waits.

import { isStill, USED } from "./api.js";

const LOOK_MS = 3000;
/** Without an answer for so long, what is open is closed. */
export const AWAY_MS = 20_000;
/** Pages of one browser share a session, so what one of them does counts for all. Each says who uses
 * it, "" for no one. */
const others = new BroadcastChannel("camerad-desk-used");
let mine = "";
let over = () => {};
/** When the server last said that the session counts. */
let heard = 0;
let isAsking = false;
let until = Infinity;
let end = Infinity;
let idle = 0;
let looking = 0;

/** From now on, calls `ended` once when the session of `me` is over, with the word for why; and `away`
 * when the server has not answered for a while. */
export function watchIdle(me, ended, away) {
  unwatchIdle();
  mine = me.id;
  over = ended;
  idle = me.idle_seconds * 1000;
  end = Date.now() + me.left_seconds * 1000;
  used();
  others.postMessage(mine);
  heard = Date.now();
  const look = async () => {
    if (Date.now() >= Math.min(until, end)) {
      unwatchIdle();
      ended(Date.now() < end ? "idle_out" : "day_out");
      return;
    }
    if (isAsking) return;
    isAsking = true;
    const watched = looking;
    const still = await isStill(me.id);
    isAsking = false;
    if (watched !== looking || mine === "") return;
    if (still === true) heard = Date.now();
    if (still === false) {
      unwatchIdle();
      ended("ended_out");
    } else if (Date.now() - heard >= AWAY_MS) away();
  };
  looking = setInterval(look, LOOK_MS);
  // A computer that slept, or a tab behind others, looks as soon as it is seen.
  document.onvisibilitychange = look;
}

/** No person is signed in. */
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

/** Tells the other tabs that the person is signed out. */
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
