// The last minutes as this page knows them: which stage when, and what was kept. No document here.

const KEPT_US = 300_000_000;
const UNKNOWN = "unknown";

/** Moments of the camera, oldest first, as bodycam-sim tells them and as they go on since. */
export class Past {
  moments = [];

  /** All that bodycam-sim remembers. */
  begin(moments) {
    this.moments = moments;
  }

  /** A state, as it is told. */
  note(state, atUs) {
    const { stage, ready, conditions, muted, microphone, recording } = state;
    this.moments.push({ at_us: atUs, stage, ready, conditions, muted, microphone, recording, held: state.pre_event_seconds });
    while (this.moments.length > 1 && this.moments[1].at_us < atUs - KEPT_US) this.moments.shift();
  }

  /** From a time on nothing is known. */
  lose(atUs) {
    if (this.moments.length === 0 || this.moments.at(-1).stage === UNKNOWN) return;
    const nothing = { ready: false, conditions: [], muted: false, microphone: null, recording: null, held: 0 };
    this.moments.push({ at_us: atUs, stage: UNKNOWN, ...nothing });
  }

  /** Stages between two times: [{stage, ready, fromUs, toUs}]; whether it was ready counts where one presses to record. */
  stages(fromUs, toUs) {
    const spans = [];
    for (const { stage, ready, at_us: atUs } of this.moments) {
      const last = spans.at(-1);
      if (last?.stage === stage && (last.ready === ready || !["idle", "self_view"].includes(stage))) continue;
      if (last) last.toUs = atUs;
      spans.push({ stage, ready, fromUs: atUs, toUs });
    }
    return spans.filter((span) => span.toUs > fromUs);
  }

  /** Times with something the matter. */
  troubles(fromUs, toUs) {
    const spans = [];
    let open = null;
    for (const { conditions, at_us: atUs } of this.moments) {
      if (conditions.length > 0 && open === null) spans.push((open = { fromUs: atUs, toUs }));
      if (conditions.length === 0 && open !== null) {
        open.toUs = atUs;
        open = null;
      }
    }
    return spans.filter((span) => span.toUs > fromUs);
  }

  /** Times at which the recording that runs has no sound: [{fromUs, toUs}]. */
  silences(id, nowUs) {
    const spans = [];
    let open = null;
    for (const { at_us: atUs, recording, muted, microphone } of this.moments) {
      const silent = recording?.id === id && (muted || microphone !== "on");
      if (silent && open === null) spans.push((open = { fromUs: atUs, toUs: nowUs }));
      if (!silent && open !== null) {
        open.toUs = atUs;
        open = null;
      }
    }
    return spans;
  }

  /**
   * What was kept: [{id, fromUs, toUs, triggerUs, gaps, silences, marks}] of the recordings that are still
   * there or run. A recording begins before the press where the policy allows it.
   */
  kept(recordings, toUs) {
    const found = new Map();
    let before = null;
    for (const moment of this.moments) {
      const { at_us: atUs, recording } = moment;
      if (recording !== null) {
        const known = found.get(recording.id) ?? began(moment, before);
        // What is on the card lags behind what is seen, so the earliest beginning is the nearest.
        known.fromUs = Math.min(known.fromUs, atUs - recording.seconds * 1e6);
        found.set(recording.id, known);
      }
      before = moment;
    }
    // What ran when nothing was heard any more is known to have been kept until then.
    for (let at = this.moments.length - 1; before?.stage === UNKNOWN; before = this.moments[at]) {
      toUs = before.at_us;
      at -= 1;
    }
    const runs = before?.recording?.id;
    return [...found].flatMap(([id, known]) => {
      const listed = recordings.find((one) => one.id === id);
      if (id === runs) return [{ id, ...known, toUs, gaps: listed?.gaps ?? [], silences: this.silences(id, toUs), marks: [] }];
      if (listed === undefined) return [];
      const { gaps, marks, seconds, pre_event_seconds: earlier } = listed;
      const fromUs = known.seen ? known.triggerUs - earlier * 1e6 : known.fromUs;
      const triggerUs = fromUs + earlier * 1e6;
      const ends = fromUs + seconds * 1e6;
      const silences = listed.sound
        ? listed.sound_gaps.map((gap) => ({ fromUs: gap.from_us ?? fromUs, toUs: gap.to_us ?? ends }))
        : [{ fromUs, toUs: ends }];
      return [{ id, fromUs, toUs: ends, triggerUs, gaps, silences, marks }];
    });
  }

  /** Seconds that the pre-event buffer holds now; none while they are part of a recording. */
  heldSeconds() {
    const last = this.moments.at(-1);
    return last === undefined || last.recording !== null ? 0 : last.held;
  }

  /** What has happened, newest first: [{atUs, stage}], [{atUs, muted}], [{atUs, began}] or [{atUs, over}]. */
  events() {
    const events = [];
    let before = { stage: null, conditions: [], muted: false };
    for (const moment of this.moments) {
      const { at_us: atUs, stage, ready, conditions, muted } = moment;
      if (stage !== before.stage) events.push({ atUs, stage, ready, recording: moment.recording });
      // The end of a recording ends its mute; that is no word of its own.
      if (muted !== before.muted && stage === before.stage) events.push({ atUs, muted });
      for (const name of conditions) {
        if (!before.conditions.includes(name)) events.push({ atUs, began: name });
      }
      for (const name of before.conditions) {
        if (!conditions.includes(name)) events.push({ atUs, over: name });
      }
      before = moment;
    }
    return events.reverse();
  }
}

/** A recording that begins with a moment: with what the buffer held in the one before. */
function began({ at_us: atUs }, before) {
  if (before === null) return { seen: false, triggerUs: atUs, fromUs: atUs };
  const heldUs = before.held > 0 ? before.held * 1e6 + atUs - before.at_us : 0;
  return { seen: true, triggerUs: atUs, fromUs: atUs - heldUs };
}
