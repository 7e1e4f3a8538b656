// What any number and any text in a statement may be, by any signature (camerad.container.limits).

import { LONGEST, isPlain } from "./text.js";

/** @typedef {import("./json.js").Type} Type */
/** @typedef {import("./json.js").ObjectType} ObjectType */

/** The greatest number, and the least its opposite: 2^53 - 1. */
export const GREATEST = Number.MAX_SAFE_INTEGER;
/**
 * Gaps, marks, changes and the like (`eventsIn`) that all statements of a recording name together. No
 * more are kept, so that a camera's key is no way to fill a tab's memory.
 */
export const MOST_EVENTS = 262_144;
/** The longest retention, days. */
export const MOST_DAYS = 366;

/** How far wall time is from something may be negative. Every other number counts from 0. */
const SIGNED = new Set(["clock_step_us"]);
const DAYS = "retention_days";

/** Error thrown when a statement has a number or a text that no camera can mean. */
export class LimitError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "LimitError";
  }
}

/**
 * Throws LimitError unless every number and text of a statement, at any depth, is in bounds.
 * @param {Record<string, any>} said as `type` decoded it
 * @param {ObjectType} type
 */
export function checkLimits(said, type) {
  for (const [name, field] of Object.entries(type.fields)) check(name, said[name], field.type);
}

/** @param {string} name @param {any} value @param {Type} type */
function check(name, value, type) {
  if (value === null || value === undefined) return;
  if (type.kind === "int") checkNumber(name, value);
  else if (type.kind === "str") checkText(name, value);
  else if (type.kind === "array") for (const one of value) check(name, one, type.of);
  else if (type.kind === "object") checkLimits(value, type);
}

/** @param {string} name @param {number} value */
function checkNumber(name, value) {
  const high = name === DAYS ? MOST_DAYS : GREATEST;
  const low = SIGNED.has(name) ? -GREATEST : 0;
  if (value >= low && value <= high) return;
  throw new LimitError(`${name} can only be ${low} to ${high}`);
}

/** @param {string} name @param {string} value */
function checkText(name, value) {
  if (isPlain(value)) return;
  throw new LimitError(`${name} is not one line of at most ${LONGEST} characters that print`);
}
