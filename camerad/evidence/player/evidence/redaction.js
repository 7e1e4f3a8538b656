// The signed list of a redacted copy: what was masked and muted, and by whom
// (camerad.container.redaction; docs/redaction.md).
//
// Media times are microseconds since the boot, as in the recording's own statements; rectangles are
// pixels of the picture.

import { RECORDING_ID } from "./statements.js";

export const REDACTION = "camerad-redaction";
export const REDACTION_NAME = "redaction.jws";
export const KEYS_NAME = "keys.json";
export const CLEAR_INIT_NAME = "init.mp4";
export const REDACTED_ENDING = ".redacted.tar";
export const RECIPIENTS = ["person", "prosecutor", "court", "other"];
/** Of a list, bytes. */
export const LONGEST = 8 << 20;
/** Each mask is looked for in each picture. */
const MOST_MASKS = 2_000;
/** What a mask hides. */
export const MASK_KINDS = ["face", "plate", "other"];
/** Samples of a black picture: luma, chroma. */
export const BLACK = [16, 128];
/** Width and height of the blocks that a mask covers whole, pixels. */
export const BLOCK = 16;
/** One access unit of silence (AAC-LC), by the number of channels. @type {Record<number, number[]>} */
export const SILENT_UNIT = { 1: [0, 0, 0, 0x07], 2: [0x21, 0, 0, 0, 0, 0x1c] };
const SECOND = 1_000_000;

/** @typedef {import("./json.js").Field} Field */
/** @type {Field} */
const NUMBER = { type: { kind: "int", least: 0 } };
/** @type {Field} */
const TEXT = { type: { kind: "str" } };
/** @type {Field} */
const DIGEST = { type: { kind: "str", pattern: /^[0-9a-f]{64}$/ } };
/** @param {Record<string, Field>} fields */
const object = (fields) => ({ kind: /** @type {const} */ ("object"), fields });
/** @param {import("./json.js").Type} of @returns {Field} */
const many = (of) => ({ type: { kind: "array", of } });
const CONTENT = object({ bytes: NUMBER, sha256: DIGEST });
/** @type {import("./json.js").Type} */
const BOX = { kind: "array", of: { kind: "int", least: 0 }, least: 5 };

/**
 * @typedef {number[]} Box at_us, x, y, width, height
 * @typedef {{kind: string, boxes: Box[]}} Mask
 * @typedef {{x: number, y: number, width: number, height: number}} Rectangle
 * @typedef {{from_us: number, to_us: number}} Mute
 */

/** The payload of `redaction.jws`. */
export const REDACTION_TYPE = object({
  changed: many(object({ content: { type: CONTENT }, original: DIGEST, sequence: NUMBER })),
  format: { type: { kind: "int", least: 1, most: 1 } },
  init: { type: CONTENT },
  keys: { type: CONTENT },
  made_by: TEXT,
  made_us: NUMBER,
  masked: NUMBER,
  masks: many(object({ boxes: { type: { kind: "array", of: BOX, least: 1 } }, kind: { type: { kind: "str", values: MASK_KINDS } } })),
  mutes: many(object({ from_us: NUMBER, to_us: NUMBER })),
  original: {
    type: object({
      final: DIGEST,
      header: DIGEST,
      id: { type: { kind: "str", pattern: new RegExp(`^${RECORDING_ID}$`) } },
      verdict: { type: { kind: "str", values: ["authentic", "qualified"] } },
    }),
  },
  pictures: { type: { kind: "int", least: 1 } },
  recipient: { type: { kind: "str", values: RECIPIENTS } },
  reference: TEXT,
  software: TEXT,
});

/** The content of `keys.json`. */
export const KEYS_TYPE = Object.freeze({
  kind: /** @type {const} */ ("array"),
  of: object({
    key: { type: { kind: "str", pattern: /^[A-Za-z0-9_-]{22}$/ } },
    sequence: { type: { kind: "int", least: 0, nullable: true } },
  }),
});

/**
 * Where a mask is in the picture of a media time; null if it is not there.
 * @param {Mask} mask @param {number} at @returns {Rectangle | null}
 */
export function maskAt({ boxes }, at) {
  if (at < boxes[0][0] || at > boxes[boxes.length - 1][0]) return null;
  const after = boxes.findIndex(([time]) => time >= at);
  const [end, ...to] = boxes[after];
  if (end === at) return rectangle(to);
  const [start, ...from] = boxes[after - 1];
  const floor = (/** @type {number} */ product) => (product - (((product % (end - start)) + end - start) % (end - start))) / (end - start);
  return rectangle(from.map((one, which) => one + floor((to[which] - one) * (at - start))));
}

/** @param {number[]} numbers @returns {Rectangle} */
function rectangle([x, y, width, height]) {
  return { x, y, width, height };
}

/** All rectangles in a picture. @param {Mask[]} masks @param {number} at @returns {Rectangle[]} */
export function rectanglesAt(masks, at) {
  return masks.map((one) => maskAt(one, at)).filter((one) => one !== null);
}

/**
 * The whole blocks that a rectangle touches, within the picture.
 * @param {Rectangle} rectangle @param {number} width @param {number} height of the picture
 */
export function blocksOf({ x, y, width: wide, height: high }, width, height) {
  const up = (/** @type {number} */ to, /** @type {number} */ most) => Math.min(Math.ceil(to / BLOCK) * BLOCK, most);
  const [left, top] = [x, y].map((one) => Math.floor(one / BLOCK) * BLOCK);
  return { x: left, y: top, width: up(x + wide, width) - left, height: up(y + high, height) - top };
}

/**
 * Whether a unit of sound is replaced: it carries half of the sound of the unit behind it.
 * @param {Mute[]} mutes @param {{time: number, duration: number}} unit of the recording
 * @param {number} rate @param {number} origin media time of the recording's begin
 */
export function isMuted(mutes, { time, duration }, rate, origin) {
  const begin = Math.round((time * rate) / SECOND);
  const samples = Math.round((duration * rate) / SECOND);
  const us = (/** @type {number} */ units) => origin + Math.floor((units * SECOND) / rate);
  return mutes.some(({ from_us: from, to_us: to }) => us(begin) < to && us(begin + 2 * samples) > from);
}

/**
 * Whether a list says only what can be about pictures of this size.
 * @param {any} list @param {number} width @param {number} height
 */
export function isPossible({ changed, masked, masks, mutes, pictures }, width, height) {
  const rises = (/** @type {number[]} */ numbers) => numbers.every((one, at) => at === 0 || one > numbers[at - 1]);
  const isWithin = (/** @type {Box} */ box) => box.length === 5 && box[3] > 0 && box[4] > 0 && box[1] + box[3] <= width && box[2] + box[4] <= height;
  return (
    masked <= pictures &&
    masks.length <= MOST_MASKS &&
    masks.every(({ boxes }) => rises(boxes.map(([at]) => at)) && boxes.every(isWithin)) &&
    mutes.every(({ from_us: from, to_us: to }) => from < to) &&
    rises(changed.map(({ sequence }) => sequence))
  );
}

/**
 * Whether a decoder's configuration (avcC) is the camera's with one more parameter set of each kind, with
 * the id 1 (ITU-T H.264, 7.3.2.1.1, 7.3.2.2), and nothing else.
 * @param {Uint8Array} more @param {Uint8Array} camera
 */
export function isExtended(more, camera) {
  const [found, own] = [more, camera].map(setsIn);
  const [sequence, picture] = [found.sequences.at(-1), found.pictures.at(-1)];
  if (sequence === undefined || picture === undefined || sequence[4] >> 5 !== 0b010 || picture[1] >> 2 !== 0b010010) return false;
  const spelled = (/** @type {Uint8Array[]} */ sets) => sets.map(String).join(";");
  return (
    String(more.subarray(0, 5)) === String(camera.subarray(0, 5)) &&
    more[5] === camera[5] + 1 &&
    spelled(found.sequences) === spelled([...own.sequences, sequence]) &&
    spelled(found.pictures) === spelled([...own.pictures, picture]) &&
    String(found.tail) === String(own.tail)
  );
}

/**
 * Whether a picture that was encoded anew has slices, and before them the last parameter sets of a
 * configuration, and nothing else: other sets could change how the camera's pictures are shown.
 * @param {Uint8Array} picture its NAL units, each with its length before it @param {Uint8Array} configuration
 */
export function isPlain(picture, configuration) {
  const { sequences, pictures } = setsIn(configuration);
  const sets = [sequences, pictures].map((one) => String(one.at(-1)));
  for (let at = 0; at < picture.length; ) {
    const size = picture.subarray(at, at + 4).reduce((sum, byte) => 256 * sum + byte, 0);
    const unit = picture.subarray(at + 4, at + 4 + size);
    const isSlice = (unit[0] & 31) >= 1 && (unit[0] & 31) <= 5;
    if (!isSlice && !sets.includes(String(unit))) return false;
    at += 4 + size;
  }
  return true;
}

/** The parameter sets of a configuration, and what is behind them. @param {Uint8Array} configuration */
function setsIn(configuration) {
  let at = 5;
  const taken = (/** @type {number} */ mask) => {
    const count = configuration[at] & mask;
    at += 1;
    return Array.from({ length: count }, () => {
      const size = configuration[at] * 256 + configuration[at + 1];
      at += 2 + size;
      return configuration.subarray(at - size, at);
    });
  };
  return { sequences: taken(31), pictures: taken(255), tail: configuration.subarray(at) };
}

/** How long sound is muted in all, microseconds. @param {Mute[]} mutes */
export function mutedUs(mutes) {
  let [total, until] = [0, 0];
  for (const { from_us: from, to_us: to } of [...mutes].sort((one, other) => one.from_us - other.from_us)) {
    total += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return total;
}
