// The last minutes as this page knows them: which stage when, and what was kept. No document here.

const KEPT_US = 300_000_000;

/** Moments of the camera, oldest first, as bodycam-sim tells them and as they go on since. */
export class Past {
  moments = [];

  /** All that bodycam-sim remembers. */
  begin(moments) {
    this.moments = moments;
  }

  /** A state, as it is told. */
  note(state, atUs) {
    const { stage, conditions, recording } = state;
    this.moments.push({ at_us: atUs, stage, conditions, recording, held: state.pre_event_seconds });
    while (this.moments.length > 1 && this.moments[1].at_us < atUs - KEPT_US) this.moments.shift();
  }

  /** Stages between two times: [{stage, fromUs, toUs}]. */
  stages(fromUs, toUs) {
    const spans = [];
    for (const { stage, at_us: atUs } of this.moments) {
      const last = spans.at(-1);
      if (last?.stage === stage) continue;
      if (last) last.toUs = atUs;
      spans.push({ stage, fromUs: atUs, toUs });
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

  /**
   * What was kept: [{id, fromUs, toUs, triggerUs, runs, gaps, marks}] of the recordings that are
   * still there or run. A recording's seconds count from its first picture, which lies before the
   * press where the policy allows it.
   */
  kept(recordings, toUs) {
    const found = new Map();
    for (const { stage, at_us: atUs, recording } of this.moments) {
      if (recording === null) continue;
      const known = found.get(recording.id) ?? { id: recording.id, triggerUs: atUs, seconds: 0, runs: false };
      known.seconds = recording.seconds;
      known.fromUs = atUs - recording.seconds * 1e6;
      known.stage = stage;
      found.set(recording.id, known);
    }
    const runs = this.moments.at(-1)?.recording?.id;
    return [...found.values()].flatMap((known) => {
      const listed = recordings.find((one) => one.id === known.id);
      if (known.id === runs) return [{ ...known, toUs, runs: true, gaps: listed?.gaps ?? [], marks: [] }];
      if (listed === undefined) return [];
      const { gaps, marks, seconds, pre_event_seconds: before } = listed;
      const triggerUs = known.fromUs + before * 1e6;
      return [{ ...known, toUs: known.fromUs + seconds * 1e6, triggerUs, gaps, marks: marks ?? [] }];
    });
  }

  /** Seconds that the pre-event buffer holds now; none while they are part of a recording. */
  heldSeconds() {
    const last = this.moments.at(-1);
    return last === undefined || last.recording !== null ? 0 : last.held;
  }

  /** What has happened, newest first: [{atUs, stage}] or [{atUs, began}] or [{atUs, over}]. */
  events() {
    const events = [];
    let before = { stage: null, conditions: [] };
    for (const moment of this.moments) {
      const { at_us: atUs, stage, conditions } = moment;
      if (stage !== before.stage) events.push({ atUs, stage, recording: moment.recording });
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
