// The one connection to bodycam-sim: what is told in it becomes calls, fingers are told in it, and
// requests go beside it.

const AGAIN_MS = 500;
const PULSE_MS = 1000;
/** Without a word for so long nothing is known any more. */
export const SILENT_MS = 3000;
/** A network may take its time; who has not answered by then is asked anew. */
const OPENING_MS = 10_000;
const LOOK_MS = 250;

/** How the connection is. `roundTripMs`: how long a word takes there and back. `heardUs`: the newest word. */
export const link = { known: false, roundTripMs: 0, heardUs: 0 };

let socket = null;

/**
 * Follow for ever. `heard` has a function for each kind of news, called with its value and its media
 * time in microseconds, one called `picture`, with a Blob, and one called `connected`, with a
 * boolean: true once the state is known, false when nothing is known any more.
 */
export function follow(heard) {
  const mine = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")));
  // Counted in looks: a page that stood still has not yet read what came meanwhile.
  let silentMs = 0;
  let pulseAt = -Infinity;
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    clearInterval(watch);
    mine.close();
    if (socket === mine) socket = null;
    link.known = false;
    heard.connected(false);
    setTimeout(() => follow(heard), AGAIN_MS);
  };
  const watch = setInterval(() => {
    const now = performance.now();
    const patience = mine.readyState === WebSocket.OPEN ? SILENT_MS : OPENING_MS;
    silentMs += LOOK_MS;
    if (silentMs > patience) return end();
    if (mine.readyState === WebSocket.OPEN && now - pulseAt >= PULSE_MS) {
      pulseAt = now;
      mine.send(JSON.stringify({ at_ms: now }));
    }
  }, LOOK_MS);
  mine.onopen = () => {
    silentMs = 0;
    socket = mine;
  };
  mine.onmessage = ({ data }) => {
    if (over) return;
    silentMs = 0;
    if (data instanceof Blob) {
      heard.picture(data);
      return;
    }
    const { kind, at_us: atUs, value } = JSON.parse(data);
    if (kind === "pulse") link.roundTripMs = performance.now() - value.at_ms;
    clock.saw(atUs, kind);
    link.heardUs = clock.nowUs();
    if (kind === "state" && !link.known) {
      link.known = true;
      heard.connected(true);
    }
    heard[kind]?.(value, atUs);
  };
  mine.onclose = end;
}

/** Tell what a finger does: {button, down, at_ms}. False if nobody is there to be told. */
export function tell(finger) {
  if (!link.known || socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(finger));
  return true;
}

/** Media time as this page knows it: that of the news that travelled fastest, gone on since. */
export const clock = {
  ahead: -Infinity,
  saw(atUs, kind) {
    // An edge is told later than it happens.
    if (kind !== "edge") this.ahead = Math.max(this.ahead, atUs - performance.now() * 1000);
  },
  nowUs() {
    return this.ahead + performance.now() * 1000;
  },
  /** The wall clock of this page at a media time. */
  date(atUs) {
    return new Date(Date.now() - (this.nowUs() - atUs) / 1000);
  },
};

/** Nobody answered. */
export class Unreachable extends Error {}

/** What a request is answered with; raises Error with the server's sentence, or Unreachable. */
export async function ask(path, body) {
  if (body !== undefined && !link.known) throw new Unreachable();
  let response;
  try {
    response = await fetch(path, body === undefined ? { signal: AbortSignal.timeout(OPENING_MS) } : {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
  } catch {
    throw new Unreachable();
  }
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}
