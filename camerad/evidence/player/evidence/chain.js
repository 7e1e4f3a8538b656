// The names of a recording's members, in their order (camerad.container.chain).
//
// Numbers of fragments are BigInt wherever a name has them: a name may have 18 digits.

export const HEADER_NAME = "header.jws";
export const INIT_NAME = "init.mp4.age";
export const TORN_NAME = "torn.bin";
export const END_NAME = "end.jws";

/** Name of a fragment or of its commit. */
const NUMBERED = /^([0-9]{6,18})\.(m4s\.age|jws)$/;

/**
 * Name of the member with a fragment, counted from 0.
 * @param {bigint | number} sequence
 */
export function fragmentName(sequence) {
  return `${String(sequence).padStart(6, "0")}.m4s.age`;
}

/**
 * Name of the member that commits a fragment.
 * @param {bigint | number} sequence
 */
export function commitName(sequence) {
  return `${String(sequence).padStart(6, "0")}.jws`;
}

/**
 * The number in the name of a fragment or of its commit; null in any other name.
 * @param {string} name
 * @returns {{sequence: bigint, isCommit: boolean} | null}
 */
export function numbered(name) {
  const found = NUMBERED.exec(name);
  return found && { sequence: BigInt(found[1]), isCommit: found[2] === "jws" };
}
