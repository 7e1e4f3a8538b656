// "Use my camera": the visitor's own camera becomes what the body camera films.
//
// Pictures go over one WebSocket to bodycam-sim, as JPEG, at the rate of the body camera's sensor.
// It answers each one; as long as answers are missing, no more are made. Nothing is asked of the
// visitor's camera before they have read where the pictures go and pressed the button under it.

import { $, make, mark, write } from "./dom.js";
import { ask, Unreachable } from "./live.js";
import { webcamWords as words } from "./webcam-texts.js";

const QUALITY = 0.8;
const LEAST_QUALITY = 0.3;
/** Milliseconds after which a connection that says nothing is given up. */
const SILENCE_MS = 5000;
/** Samples a second that bodycam-sim takes. */
const SOUND_RATE = 48_000;
const ERASE_MS = 60_000;
const AGAIN_MS = 500;
/** HTTP's 409: nothing is deleted beside what is somebody else's. */
const NOT_POSSIBLE = 409;

/** Why a visitor's camera cannot be had, by the name of the browser's error (W3C Media Capture). */
const REFUSALS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "busy",
  AbortError: "busy",
};
/** Why bodycam-sim has ended a connection, by its code; see hw_mocks/sim/upload.py. */
const CODES = { 1001: "ended", 1008: "tooMuch", 1009: "tooMuch", 4001: "taken", 4002: "noPicture", 4003: "noDecoder", 4004: "takenOver" };

/** One visit: a stream, a connection, and the pictures between. `over` is called once, with the reason's word;
 *  `changed` when it hears nothing although it should. */
class Feed {
  constructor(stream, over, changed) {
    this.stream = stream;
    this.over = over;
    this.changed = changed;
    this.deaf = null;
    this.sent = this.taken = this.shown = 0;
    this.quality = QUALITY;
    this.making = false;
    this.ended = false;
    this.video = make("video", { muted: true, playsInline: true, srcObject: stream });
    this.canvas = make("canvas");
    this.ticks = new Worker("/page/ticks.js");
    this.ticks.onmessage = () => this.tick();
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.end("unplugged"));
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(new URL("/api/webcam", location.href.replace(/^http/, "ws")));
    this.socket.onmessage = ({ data }) => this.told(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.end(CODES[code] ?? "lost");
  }

  told(news) {
    this.heard = performance.now();
    if ("taken" in news) {
      ({ taken: this.taken, shown: this.shown } = news);
      this.canvas.dataset.shown = String(this.shown);
      return;
    }
    this.about = news;
    this.canvas.width = news.width;
    this.canvas.height = news.height;
    this.drawing = this.canvas.getContext("2d", { alpha: false });
    if (news.sound && this.stream.getAudioTracks().length > 0) this.listen();
    this.video.play().then(
      () => this.ticks.postMessage(1000 / news.fps),
      () => this.end("busy"),
    );
  }

  /** Hand on what the microphone hears, beside the pictures. */
  async listen() {
    try {
      this.hearing = new AudioContext({ sampleRate: SOUND_RATE });
      await this.hearing.audioWorklet.addModule("/page/listens.js");
      const node = new AudioWorkletNode(this.hearing, "listens", { numberOfOutputs: 0 });
      node.port.onmessage = ({ data }) => this.sendSound(data);
      this.hearing.createMediaStreamSource(this.stream).connect(node);
    } catch (error) {
      this.deaf = error;
      this.changed();
    }
  }

  sendSound(samples) {
    // Where the connection is slow, sound is left out, not sent late.
    if (this.ended || this.socket.bufferedAmount > this.about.max_bytes) return;
    const message = new Uint8Array(1 + samples.byteLength);
    message.set(new Uint8Array(samples.buffer), 1);
    this.socket.send(message);
  }

  tick() {
    if (this.ended || this.making) return;
    if (this.sent - this.taken >= this.about.credit) {
      if (performance.now() - this.heard > SILENCE_MS) this.end("lost");
      return;
    }
    if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.draw();
    this.making = true;
    this.canvas.toBlob((blob) => this.send(blob), "image/jpeg", this.quality);
  }

  /** The middle of the picture, as large as the body camera's own. */
  draw() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.max(this.canvas.width / width, this.canvas.height / height);
    const [across, down] = [this.canvas.width / scale, this.canvas.height / scale];
    this.drawing.drawImage(
      this.video,
      (width - across) / 2,
      (height - down) / 2,
      across,
      down,
      0,
      0,
      this.canvas.width,
      this.canvas.height,
    );
  }

  send(blob) {
    this.making = false;
    if (this.ended || blob === null) return;
    if (blob.size > this.about.max_bytes) {
      this.quality = Math.max(LEAST_QUALITY, this.quality / 2);
      return;
    }
    this.sent += 1;
    this.heard ??= performance.now();
    this.socket.send(blob);
  }

  end(why) {
    if (this.ended) return;
    this.ended = true;
    this.ticks.terminate();
    this.hearing?.close();
    this.socket.close();
    // The light beside the visitor's camera goes out.
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
    this.over(why);
  }
}

/** Whether everything has been deleted since it was the time of this number; the new camera answers. */
async function erasedAfter(before) {
  const ends = performance.now() + ERASE_MS;
  while (performance.now() < ends) {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    const erased = await ask("/api/erase").then((answer) => answer.erased, () => before);
    if (erased > before) return true;
  }
  return false;
}

/** The panel: consent, the switch, what became of it, and what deletes everything. */
export class Webcam {
  constructor() {
    this.feed = null;
    this.asking = false;
    this.why = "";
    this.toggle = make("button", { type: "button", class: "act first", id: "webcam-toggle" });
    this.toggle.onclick = () => (this.feed === null ? this.begin() : this.feed.end("off"));
    this.erase = make("button", { type: "button", class: "act", id: "webcam-erase" });
    this.erase.onclick = () => this.askWhether(true);
    this.sure = make("div", { class: "question", role: "group", id: "webcam-sure" });
    this.ready = false;
    this.told = make("p", { role: "status", id: "webcam-told" });
    this.consent = make("ul", { class: "consent" });
    this.hears = make("input", { type: "checkbox", id: "webcam-sound" });
    this.hearsLabel = make("span");
    $("webcam").append(
      this.consent,
      make("label", { class: "with-sound" }, this.hears, this.hearsLabel),
      make("div", { class: "doing" }, this.toggle, this.erase),
      this.sure,
      this.told,
    );
    addEventListener("pagehide", () => this.feed?.end("off"));
    this.speak();
  }

  speak() {
    const text = words();
    write($("webcam-name"), text.name);
    this.consent.replaceChildren(...text.consent.map((line) => make("li", { text: line })));
    write(this.erase, text.erase);
    write(this.hearsLabel, text.sound);
    if (this.sure.hasChildNodes()) this.askWhether(true);
    this.show();
  }

  show() {
    const text = words();
    write(this.toggle, this.feed === null ? text.start : text.stop);
    mark(this.toggle, "aria-disabled", String(this.asking));
    write(this.told, this.feed === null ? (text.why[this.why] ?? "") : this.on());
    this.hears.disabled = this.feed !== null || this.asking;
    $("webcam").dataset.on = String(this.feed !== null);
  }

  /** What is said while it is on: with sound only if there is any. */
  on() {
    const text = words();
    if (!this.hears.checked) return text.on;
    const hears = this.feed.stream.getAudioTracks().length > 0 && this.feed.deaf === null;
    return hears ? text.onWithSound : `${text.on} ${text.noMicrophone}`;
  }

  /** The visitor's camera, with their microphone if they want it and there is one. */
  async stream() {
    const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    // As it is: what makes a call pleasant takes away what a recording is for.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    if (this.hears.checked) {
      try {
        return await navigator.mediaDevices.getUserMedia({ video, audio });
      } catch (error) {
        // Without a microphone, or with one that is refused, the camera may be had all the same.
        if (!(error.name in REFUSALS)) throw error;
      }
    }
    return navigator.mediaDevices.getUserMedia({ video, audio: false });
  }

  async begin() {
    if (this.asking) return;
    this.asking = true;
    this.why = "asking";
    this.show();
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      this.feed = new Feed(
        await this.stream(),
        (why) => this.ended(why),
        () => this.show(),
      );
    } catch (error) {
      this.why = REFUSALS[error.name] ?? "busy";
    }
    this.asking = false;
    this.show();
  }

  ended(why) {
    this.feed = null;
    this.why = why;
    this.show();
  }

  /** Ask whether everything is to be deleted; or ask no longer. */
  askWhether(asked) {
    const { sure, yes, no } = words();
    mark(this.sure, "aria-label", sure);
    const answer = (id, text, done) => {
      const button = make("button", { type: "button", class: "act", id, text });
      button.onclick = () => {
        this.askWhether(false);
        done();
      };
      return button;
    };
    const answers = [answer("webcam-erase-no", no, () => this.erase.focus()), answer("webcam-erase-yes", yes, () => this.eraseAll())];
    this.sure.replaceChildren(...(asked ? [make("p", { text: sure }), make("div", { class: "doing" }, ...answers)] : []));
    if (asked) answers[0].focus();
  }

  /** The state of the body camera; null: it is not known. */
  camera(state) {
    this.ready = state !== null && state.stage === "idle";
    if (this.why === "erased" && this.ready) {
      this.why = "empty";
      this.show();
    }
  }

  async eraseAll() {
    this.feed?.end("off");
    try {
      const { erased: before } = await ask("/api/erase", { what: "everything" });
      this.why = "erasing";
      this.show();
      this.why = (await erasedAfter(before)) ? "erased" : "notErased";
      if (this.why === "erased" && this.ready) this.why = "empty";
    } catch (error) {
      if (error instanceof Unreachable) this.why = "unreachable";
      else this.why = error.status === NOT_POSSIBLE ? "notOwn" : "notErased";
    }
    this.show();
  }
}
