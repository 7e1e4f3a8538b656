// Reads JSON that is in the one spelling of a statement (camerad.container.jws): keys sorted, no
// spaces, whole numbers, and no field that its type does not have.
//
// What was read is written anew and compared. So whatever `JSON.parse` is generous about (doubled
// keys, their order, escapes, numbers beyond 2^53) is refused.

/**
 * @typedef {object} IntType
 * @property {"int"} kind
 * @property {number} [least] @property {number} [most]
 * @property {boolean} [nullable]
 *
 * @typedef {object} StrType
 * @property {"str"} kind
 * @property {RegExp} [pattern]
 * @property {readonly string[]} [values] if it is one of these
 * @property {boolean} [nullable]
 *
 * @typedef {object} BoolType
 * @property {"bool"} kind
 * @property {boolean} [nullable]
 *
 * @typedef {object} ArrayType
 * @property {"array"} kind
 * @property {Type} of
 * @property {number} [least] how many there are
 * @property {boolean} [nullable]
 *
 * @typedef {object} Field
 * @property {Type} type
 * @property {boolean} [optional] it may be left out
 *
 * @typedef {object} ObjectType
 * @property {"object"} kind
 * @property {Record<string, Field>} fields
 * @property {boolean} [nullable]
 *
 * @typedef {IntType | StrType | BoolType | ArrayType | ObjectType} Type
 */

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Error thrown where JSON is none, is spelled otherwise, or has other values than it should. */
export class JsonError extends Error {
  constructor() {
    super("not in its one spelling");
    this.name = "JsonError";
  }
}

/**
 * The value of JSON in its one spelling, if it is as `type` says. Throws JsonError.
 * @param {Uint8Array} bytes
 * @param {Type} [type] any, if there is none
 * @returns {any}
 */
export function decode(bytes, type) {
  let text, value;
  try {
    text = DECODER.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new JsonError();
  }
  if ((type !== undefined && !fits(value, type)) || spelled(value) !== text) throw new JsonError();
  return value;
}

/** A value in its one spelling. @param {any} value @returns {string} */
export function spelled(value) {
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${spelled(value[name])}`).join(",")}}`;
}

/** @param {any} value @param {Type} type @returns {boolean} */
function fits(value, type) {
  if (value === null) return type.nullable === true;
  switch (type.kind) {
    case "int":
      return Number.isInteger(value) && value >= (type.least ?? -Infinity) && value <= (type.most ?? Infinity);
    case "str":
      return typeof value === "string" && (type.values?.includes(value) ?? true) && (type.pattern?.test(value) ?? true);
    case "bool":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value) && value.length >= (type.least ?? 0) && value.every((one) => fits(one, type.of));
    case "object": {
      if (typeof value !== "object" || Array.isArray(value)) return false;
      for (const name of Object.keys(value)) if (!Object.hasOwn(type.fields, name)) return false;
      for (const [name, field] of Object.entries(type.fields)) {
        if (Object.hasOwn(value, name) ? !fits(value[name], field.type) : !field.optional) return false;
      }
      return true;
    }
  }
}
