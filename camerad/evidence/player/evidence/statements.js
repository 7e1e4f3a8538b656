// What a recording's statements say, field by field: the tables of docs/evidence-format.md, 3.3 to
// 3.9 (camerad.container.statements).
//
// A statement that was decoded is an object with the names of its fields as they are spelled there.
// A field that need not be there is undefined then. All numbers are whole. Media times are
// microseconds since the boot, wall times microseconds since 1970.

/** @typedef {import("./json.js").Type} Type */
/** @typedef {import("./json.js").Field} Field */
/** @typedef {import("./json.js").ObjectType} ObjectType */

/** The version of the format that is known here. */
export const FORMAT = 1;
export const HEADER = "camerad-header";
export const COMMIT = "camerad-commit";
export const END = "camerad-end";

/** How a recording's id is spelled (camerad.container.recording_ids.SPELLED). */
export const RECORDING_ID = "[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}";
/** Reason of an end that repair wrote, because the recording had none. */
export const RECOVERED = "recovered";
/** Microseconds. */
export const SECOND = 1_000_000;

/**
 * @typedef {{boot_us: number, source: string, wall_us: number}} Moment
 * @typedef {{bytes: number, sha256: string}} Content
 * @typedef {{frames: number | null, from_us: number | null, reason: string,
 *   to_us: number | null}} Gap
 * @typedef {{at_us: number, display: boolean, stage: string}} StageChange
 * @typedef {{at_us: number, from_fps: number, reason: string, to_fps: number}} RateChange
 * @typedef {{at_us: number, state: string, why: string | null}} SoundChange
 * @typedef {{channels: number, device: string, pre_event: boolean, rate: number,
 *   samples: number}} Microphone
 * @typedef {{units: number, first_us: number | null, end_us: number | null, gaps: Gap[],
 *   states: SoundChange[]}} FragmentSound
 * @typedef {{units: number, gaps: Gap[], states: SoundChange[]}} SoundEnd
 * @typedef {{format: number, id: string, device: string, boot_id: string, clock: Moment,
 *   started_wall_us: number, trigger: string, trigger_us: number, origin_us: number,
 *   pre_event_wanted_us: number, pre_event_shortfall: string | null, continues: string | null,
 *   policy: string, retention_days: number, width: number, height: number, fps: number,
 *   sound: boolean, encoder: string, software: string, wearer: string | null,
 *   recipients: string[], microphone?: Microphone}} Header
 * @typedef {{sequence: number, first_us: number, last_us: number, end_us: number, frames: number,
 *   gaps: Gap[], marks: number[], stages: StageChange[], clock: Moment,
 *   clock_step_us: number | null, sync_us: number | null, sound?: FragmentSound,
 *   rates?: RateChange[]}} FragmentFacts
 * @typedef {{previous: string, init: Content | null, fragment: Content,
 *   facts: FragmentFacts}} Commit
 * @typedef {{reason: string, frames: number, at_us: number, gaps: Gap[], marks: number[],
 *   stages: StageChange[], boot_id: string, clock: Moment, clock_step_us: number | null,
 *   sync_us: number | null, sound?: SoundEnd, rates?: RateChange[]}} Closing
 * @typedef {{previous: string, commits: number, torn: Content | null,
 *   closing: Closing}} RecordingEnd
 */

/** @type {Field} */
const NUMBER = { type: { kind: "int" } };
/** @type {Field} */
const NUMBER_OR_NULL = { type: { kind: "int", nullable: true } };
/** @type {Field} */
const POSITIVE = { type: { kind: "int", least: 1 } };
/** @type {Field} */
const TEXT = { type: { kind: "str" } };
/** @type {Field} */
const TEXT_OR_NULL = { type: { kind: "str", nullable: true } };
/** @type {Field} */
const FLAG = { type: { kind: "bool" } };

/** @param {boolean} nullable @returns {Field} */
const identity = (nullable) => ({
  type: {
    kind: "str",
    nullable,
    pattern: new RegExp(`^${RECORDING_ID}$`),
  },
});

/** @param {Record<string, Field>} fields @returns {ObjectType} */
const object = (fields) => ({ kind: "object", fields });

/** @param {Type} of @returns {Field} */
const many = (of) => ({ type: { kind: "array", of } });

const MOMENT = object({
  boot_us: NUMBER,
  wall_us: NUMBER,
  source: { type: { kind: "str", values: ["synchronised", "rtc", "unknown"] } },
});
const CONTENT = object({ bytes: NUMBER, sha256: TEXT });
/** @type {Field} */
const CONTENT_OR_NULL = { type: { ...CONTENT, nullable: true } };
const GAP = object({
  reason: TEXT,
  frames: NUMBER_OR_NULL,
  from_us: NUMBER_OR_NULL,
  to_us: NUMBER_OR_NULL,
});
const STAGE_CHANGE = object({ at_us: NUMBER, stage: TEXT, display: FLAG });
const RATE_CHANGE = object({
  at_us: NUMBER,
  from_fps: POSITIVE,
  reason: TEXT,
  to_fps: POSITIVE,
});
/** @type {Field} */
const RATES = { type: { kind: "array", of: RATE_CHANGE, least: 1 }, optional: true };
const MICROPHONE = object({
  device: TEXT,
  rate: POSITIVE,
  channels: { type: { kind: "int", least: 1, most: 2 } },
  samples: POSITIVE,
  pre_event: FLAG,
});
const SOUND_CHANGE = object({ at_us: NUMBER, state: TEXT, why: TEXT_OR_NULL });
const FRAGMENT_SOUND = object({
  units: NUMBER,
  first_us: NUMBER_OR_NULL,
  end_us: NUMBER_OR_NULL,
  gaps: many(GAP),
  states: many(SOUND_CHANGE),
});
const SOUND_END = object({ units: NUMBER, gaps: many(GAP), states: many(SOUND_CHANGE) });

/** The payload of `header.jws`. */
export const HEADER_TYPE = object({
  format: NUMBER,
  id: identity(false),
  device: TEXT,
  boot_id: TEXT,
  clock: { type: MOMENT },
  started_wall_us: NUMBER,
  trigger: TEXT,
  trigger_us: NUMBER,
  origin_us: NUMBER,
  pre_event_wanted_us: NUMBER,
  pre_event_shortfall: TEXT_OR_NULL,
  continues: identity(true),
  policy: TEXT,
  retention_days: POSITIVE,
  width: POSITIVE,
  height: POSITIVE,
  fps: POSITIVE,
  sound: FLAG,
  encoder: TEXT,
  software: TEXT,
  wearer: TEXT_OR_NULL,
  recipients: many({ kind: "str" }),
  microphone: { type: MICROPHONE, optional: true },
});

const FRAGMENT_FACTS = object({
  sequence: NUMBER,
  first_us: NUMBER,
  last_us: NUMBER,
  end_us: NUMBER,
  frames: NUMBER,
  gaps: many(GAP),
  marks: many({ kind: "int" }),
  stages: many(STAGE_CHANGE),
  clock: { type: MOMENT },
  clock_step_us: NUMBER_OR_NULL,
  sync_us: NUMBER_OR_NULL,
  sound: { type: FRAGMENT_SOUND, optional: true },
  rates: RATES,
});

/** The payload of `NNNNNN.jws`. */
export const COMMIT_TYPE = object({
  previous: TEXT,
  init: CONTENT_OR_NULL,
  fragment: { type: CONTENT },
  facts: { type: FRAGMENT_FACTS },
});

const CLOSING = object({
  reason: TEXT,
  frames: NUMBER,
  at_us: NUMBER,
  gaps: many(GAP),
  marks: many({ kind: "int" }),
  stages: many(STAGE_CHANGE),
  boot_id: TEXT,
  clock: { type: MOMENT },
  clock_step_us: NUMBER_OR_NULL,
  sync_us: NUMBER_OR_NULL,
  sound: { type: SOUND_END, optional: true },
  rates: RATES,
});

/** The payload of `end.jws`. */
export const END_TYPE = object({
  previous: TEXT,
  commits: NUMBER,
  torn: CONTENT_OR_NULL,
  closing: { type: CLOSING },
});

/**
 * How many gaps, marks and changes a statement names.
 * @param {FragmentFacts | Closing} facts
 */
export function eventsIn(facts) {
  const { gaps, marks, stages, rates = [], sound } = facts;
  const ofSound = sound === undefined ? 0 : sound.gaps.length + sound.states.length;
  const ofClock = Number(facts.clock_step_us !== null) + Number(facts.sync_us !== null);
  return gaps.length + marks.length + stages.length + rates.length + ofSound + ofClock;
}

/**
 * Media time at which the last picture or sound of a fragment ends.
 * @param {FragmentFacts} facts
 */
export function untilUs(facts) {
  return Math.max(facts.end_us, facts.sound?.end_us ?? 0);
}

/**
 * Whether two descriptions of a member are of the same bytes.
 * @param {Content | null | undefined} one
 * @param {Content | null | undefined} other
 */
export function isSame(one, other) {
  return (one?.bytes ?? null) === (other?.bytes ?? null) && one?.sha256 === other?.sha256;
}

/**
 * `2026-11-24T15:30:00.123Z`.
 * @param {number | bigint} wallUs
 */
export function rfc3339(wallUs) {
  const us = BigInt(wallUs);
  const ms = us / 1000n - (us % 1000n < 0n ? 1n : 0n);
  return new Date(Number(ms)).toISOString();
}
