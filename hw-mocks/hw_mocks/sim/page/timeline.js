// The picture of the last minutes: above, what the camera did; below, what of it still exists.

import { $, make, mark, svg, write } from "./dom.js";
import { clock } from "./live.js";
import { nameOf } from "./telling.js";
import { duration, number, say, timeOfDay, words } from "./words.js";

const HEIGHT = 148;
const STAGE = { y: 24, height: 34 };
const TROUBLE = { y: 60, height: 3 };
const THERE = { y: 88, height: 34 };
const LETTER = 7.2;
/** Seconds that may be shown, and from tick to tick: as few as what happened fits into. */
const SPANS = [[30, 10], [60, 15], [120, 30]];
const NARROW = 480;
const TEXTURED = ["self_view", "recording", "stopping", "unknown"];
const LOG_LINES = 12;

function textures() {
  const pattern = (stage, ...parts) =>
    svg("pattern", { id: `texture-${stage}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, ...parts);
  const path = (d) => svg("path", { class: "texturing", d, fill: "none" });
  return [
    pattern("self_view", svg("circle", { class: "texturing dot", cx: 2, cy: 2, r: 1 }), svg("circle", { class: "texturing dot", cx: 6, cy: 6, r: 1 })),
    pattern("recording", path("M-2 10L10 -2M-2 2L2 -2M6 10L10 6")),
    pattern("stopping", path("M0 4h8")),
    pattern("unknown", path("M0 0l8 8M8 0L0 8")),
  ];
}

export class Timeline {
  constructor(past) {
    this.past = past;
    this.recordings = [];
    // An empty picture has nothing to say yet.
    this.drawing = svg("svg", { role: "img", "aria-hidden": "true" });
    this.layer = svg("g");
    this.drawing.append(
      svg(
        "defs",
        {},
        ...textures(),
        svg(
          "pattern",
          { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
          svg("line", { class: "hatching", y2: 5, "stroke-width": 3 }),
        ),
        svg(
          "pattern",
          { id: "hatch-before", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
          svg("line", { y2: 5, "stroke-width": 2, stroke: "#ffffff", "stroke-opacity": 0.45 }),
        ),
      ),
      this.layer,
    );
    $("timeline").append(this.drawing);
    this.width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      this.width = contentRect.width;
      this.draw();
    }).observe($("timeline"));
  }

  draw() {
    if (this.width === 0 || this.past.moments.length === 0) return;
    const nowUs = clock.nowUs();
    const [span, tick] = this.span(nowUs);
    const spanUs = span * 1e6;
    const fromUs = nowUs - spanUs;
    const right = this.width - 1;
    this.x = (atUs) => Math.max(0, Math.min(right, ((atUs - fromUs) / spanUs) * right));
    mark(this.drawing, "viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const kept = this.past.kept(this.recordings, nowUs).filter((one) => one.toUs > fromUs);
    const held = this.past.heldSeconds();
    this.lettered = new Set();
    this.layer.replaceChildren(
      ...this.frame(nowUs, span, tick),
      ...this.past.stages(fromUs, nowUs).flatMap((span) => this.stage(span)),
      ...this.past.troubles(fromUs, nowUs).map((span) => this.bar(span, TROUBLE, "condition")),
      ...(held > 0 ? [this.bar({ fromUs: nowUs - held * 1e6, toUs: nowUs }, THERE, "held")] : []),
      ...kept.flatMap((one) => this.kept(one)),
    );
    this.describe(kept.length, held);
  }

  describe(kept, held) {
    const text = words();
    const last = this.past.moments.at(-1);
    const stage = nameOf(last.stage, last.ready);
    // Of those only that are too short for their names.
    const textured = [...this.lettered].map((name) => `${text.letters[name]} ${say("stages", name)}`);
    write($("letters"), textured.join(" · "));
    const drawn = (kind) => this.layer.querySelector(`.${kind}`) !== null;
    for (const kind of ["held", "kept", "silent"]) $(`key-${kind}`).hidden = !drawn(kind);
    this.drawing.removeAttribute("aria-hidden");
    mark(this.drawing, "aria-label", text.pictureOfPast(stage, text.countRecordings(kept), number(held, 0)));
  }

  span(nowUs) {
    const known = (nowUs - this.past.moments[0].at_us) / 1e6;
    const spans = this.width < NARROW ? SPANS.slice(0, -1) : SPANS;
    return spans.find(([seconds]) => seconds >= known) ?? spans.at(-1);
  }

  frame(nowUs, span, tick) {
    const text = words();
    const parts = [
      svg("text", { x: 0, y: STAGE.y - 8 }, text.lanes.stage),
      svg("text", { x: 0, y: THERE.y - 8 }, text.lanes.there),
      svg("rect", { class: "lane", x: 0, y: STAGE.y, width: this.width, height: STAGE.height, rx: 4 }),
      svg("rect", { class: "lane", x: 0, y: THERE.y, width: this.width, height: THERE.height, rx: 4 }),
    ];
    for (let back = 0; back < span; back += tick) {
      const x = this.x(nowUs - back * 1e6);
      const label = back === 0 ? text.nowLabel : text.ago(duration(back));
      parts.push(
        svg("line", { class: "grid", x1: x, x2: x, y1: THERE.y + THERE.height, y2: THERE.y + THERE.height + 5 }),
        svg("text", { x, y: HEIGHT - 4, "text-anchor": back === 0 ? "end" : "middle" }, label),
      );
    }
    return parts;
  }

  bar({ fromUs, toUs }, { y, height }, kind) {
    const x = this.x(fromUs);
    return svg("rect", { class: kind, x, y, height, width: Math.max(1, this.x(toUs) - x), rx: 2 });
  }

  stage(span) {
    const bar = this.bar(span, STAGE, span.stage);
    const name = nameOf(span.stage, span.ready);
    const x = this.x(span.fromUs);
    const width = this.x(span.toUs) - x;
    // Told apart without colour: by a texture, and by the name or its letter.
    const parts = [bar];
    if (TEXTURED.includes(span.stage)) {
      const texture = this.bar(span, STAGE, "texture");
      texture.setAttribute("fill", `url(#texture-${span.stage})`);
      parts.push(texture);
    }
    const letter = name === say("stages", span.stage) ? words().letters[span.stage] : null;
    const label = width >= name.length * LETTER + 12 ? name : width >= LETTER + 8 ? letter : null;
    if (label !== null && label === letter) this.lettered.add(span.stage);
    if (label !== null) {
      const at = label === name ? x + 7 : x + width / 2 - LETTER / 2;
      parts.push(svg("text", { class: `inside ${span.stage}`, x: at, y: STAGE.y + 22 }, label));
    }
    return parts;
  }

  kept(one) {
    const parts = [this.bar(one, THERE, "kept")];
    const line = (atUs, kind) => {
      const x = this.x(atUs);
      return svg("line", { class: kind, x1: x, x2: x, y1: THERE.y, y2: THERE.y + THERE.height });
    };
    if (one.triggerUs - one.fromUs > 500_000) {
      parts.push(this.bar({ fromUs: one.fromUs, toUs: one.triggerUs }, THERE, "before"), line(one.triggerUs, "trigger"));
    }
    for (const { from_us: fromUs, to_us: toUs } of one.gaps) {
      parts.push(this.bar({ fromUs: fromUs ?? one.fromUs, toUs: toUs ?? one.toUs }, { y: THERE.y + 6, height: THERE.height - 12 }, "hole"));
    }
    for (const silence of one.silences) {
      parts.push(this.bar(silence, { y: THERE.y + THERE.height - 7, height: 7 }, "silent"));
    }
    for (const seconds of one.marks) {
      const x = this.x(one.fromUs + seconds * 1e6);
      parts.push(svg("path", { class: "mark", d: `M${x - 4} ${THERE.y - 5}h8l-4 7z` }));
    }
    return parts;
  }

  /** The same in words. */
  write() {
    const lines = this.past.events().slice(0, LOG_LINES).map((event) => {
      const date = clock.date(event.atUs);
      return make("li", {}, make("time", { text: timeOfDay(date), dateTime: date.toISOString() }), make("span", { text: this.sentence(event) }));
    });
    $("log").replaceChildren(...lines);
  }

  sentence({ stage, ready, recording, began, over, muted }) {
    const text = words();
    if (muted !== undefined) return muted ? text.logMuted : text.logUnmuted;
    if (began !== undefined) return text.logCondition(say("conditions", began));
    if (over !== undefined) return text.logOver(say("conditions", over));
    if (stage === "recording" && recording !== null) {
      const listed = this.recordings.find((one) => one.id === recording.id);
      if (listed?.pre_event_seconds > 0) return text.logRecording(number(listed.pre_event_seconds));
    }
    return nameOf(stage, ready);
  }
}
