// The one connection to bodycam-sim: what is told in it becomes calls, and requests go beside it.

const AGAIN_MS = 500;

/**
 * Follow for ever. `heard` has a function for each kind of news, called with its value and its media
 * time in microseconds, one called `picture`, with a Blob, and one called `connected`, with a
 * boolean.
 */
export function follow(heard) {
  const socket = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")));
  socket.onopen = () => heard.connected(true);
  socket.onmessage = ({ data }) => {
    if (data instanceof Blob) {
      heard.picture(data);
      return;
    }
    const { kind, at_us: atUs, value } = JSON.parse(data);
    clock.saw(atUs, kind);
    heard[kind]?.(value, atUs);
  };
  socket.onclose = () => {
    heard.connected(false);
    setTimeout(() => follow(heard), AGAIN_MS);
  };
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

/** What a request is answered with; raises Error with the server's sentence. */
export async function ask(path, body) {
  const response = await fetch(path, body === undefined ? {} : {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
    keepalive: true,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
