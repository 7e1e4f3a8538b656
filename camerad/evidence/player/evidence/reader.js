// Reads a recording's file once, from front to back, and names what is there, damaged or not
// (camerad.container.reader).
//
// `walkMembers` yields the members with the SHA-256 of their content, and at the end one `Tail`. It
// judges the archive around the members and nothing else. Behind a damaged header it goes on where
// the next one is found, so one flipped bit does not hide the rest. Memory is constant.

import { onlyZeros } from "./archive.js";
import { BufferedSource } from "./buffered_source.js";
import { END_NAME, HEADER_NAME } from "./chain.js";
import * as headers from "./damaged_header.js";
import * as jws from "./jws.js";
import { hexDigest } from "./keys.js";
import { BLOCK, LARGEST, Member, TarError, isZeros, parse } from "./ustar.js";

/** @typedef {import("./source.js").Source} Source */

const STATEMENT = /^(header\.jws|end\.jws|[0-9]{6,}\.jws)$/;
const PIECE = 1 << 20;
/** Bytes that a search for the next header reads first: often it is close by. */
const FIRST_LOOK = 1 << 13;
const MAGIC = [0x75, 0x73, 0x74, 0x61, 0x72, 0x00, 0x30, 0x30];

export const HEADER_DAMAGED = "its archive header is not the one that camerad writes";
export const PADDING_DAMAGED = "the padding behind it is not zeros";

/** A member as it lies in the file. */
export class MemberSeen {
  /**
   * @param {object} seen
   * @param {string} seen.name from its archive header; "" where that is damaged so that it cannot
   *   be known
   * @param {number} seen.size bytes of its content
   * @param {number} seen.offset of its archive header in the file
   * @param {string} [seen.sha256] over its content, "" if foreign
   * @param {Uint8Array | null} [seen.token] the content of a statement; null of any other member,
   *   and where it is too long for one
   * @param {string | null} [seen.damage] what is wrong with the archive around it
   * @param {boolean} [seen.foreign] another program wrote it, and it is of a kind or has a name
   *   that no member of a recording has
   */
  constructor({ name, size, offset, sha256 = "", token = null, damage = null, foreign = false }) {
    this.name = name;
    this.size = size;
    this.offset = offset;
    this.sha256 = sha256;
    this.token = token;
    this.damage = damage;
    this.foreign = foreign;
  }
}

/** Bytes from `offset` on that are no member. */
export class LostBytes {
  /** @param {number} offset @param {number} size */
  constructor(offset, size) {
    this.offset = offset;
    this.size = size;
  }
}

/** What lies behind the last member. */
export const TailKind = Object.freeze({
  /** Nothing but zeros: the end of the archive, or reserved room. */
  ZEROS: "zeros",
  /** Bytes that are no member. */
  TORN: "torn",
  /** A member whose content or padding reaches beyond the end of the file. */
  CUT: "cut",
});

/** What lies between the last whole member and the end of the file. */
export class Tail {
  /**
   * @param {string} kind
   * @param {number} offset
   * @param {number} size
   * @param {string} [name] of the member that is cut
   */
  constructor(kind, offset, size, name = "") {
    this.kind = kind;
    this.offset = offset;
    this.size = size;
    this.name = name;
  }
}

/**
 * What the file has, in its order; the last one is a Tail. Throws SourceError.
 * @param {Source} source opened
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<MemberSeen | LostBytes | Tail, void, void>}
 */
export async function* walkMembers(source, signal) {
  const file = new BufferedSource(source, signal);
  for (;;) {
    const offset = file.offset;
    const block = await file.exactly(BLOCK);
    let damage = null;
    let member = parsed(block);
    if (member === null) {
      if (block.length === BLOCK && isZeros(block) && (await onlyZeros(source, offset))) {
        yield new Tail(TailKind.ZEROS, offset, file.size - offset);
        return;
      }
      member = await leniently(file, block, offset);
      const name = member === null ? null : headers.foreignName(block);
      if (member !== null && name !== null) {
        file.seek(offset + BLOCK + member.blocksBytes);
        yield new MemberSeen({ name, size: member.size, offset, foreign: true });
        continue;
      }
      if (member !== null && member.size > LARGEST) member = null;
      damage = HEADER_DAMAGED;
    }
    if (member === null) {
      const following = await nextHeader(file, offset + BLOCK);
      if (following === null) {
        yield* withoutFollowing(file, block, offset);
        return;
      }
      member = await between(file, offset + BLOCK, following);
      if (member === null) {
        yield new LostBytes(offset, following - offset);
        file.seek(following);
        continue;
      }
    }
    if (damage !== null) file.seek(offset + BLOCK);
    if (member.blocksBytes > file.left) {
      yield new Tail(TailKind.CUT, offset, file.size - offset, member.name);
      return;
    }
    yield await content(file, member, offset, damage);
  }
}

/** @param {BufferedSource} file @param {Uint8Array} block @param {number} offset */
function* withoutFollowing(file, block, offset) {
  // Storage tears no block within itself: a whole one that was a header is damage.
  if (block.length === BLOCK && headers.hasMagic(block)) {
    yield new LostBytes(offset, file.size - offset);
    yield new Tail(TailKind.ZEROS, file.size, 0);
    return;
  }
  const kind = file.size > offset ? TailKind.TORN : TailKind.ZEROS;
  yield new Tail(kind, offset, file.size - offset);
}

/**
 * @param {BufferedSource} file
 * @param {Member} member
 * @param {number} offset
 * @param {string | null} damage
 */
async function content(file, member, offset, damage) {
  const { name, size } = member;
  const bytes = await file.exactly(size);
  const sha256 = await hexDigest(bytes);
  const isToken = size <= jws.LONGEST && (name === "" || STATEMENT.test(name));
  if (!isZeros(await file.exactly(member.padding))) {
    damage = damage ? `${damage}, and ${PADDING_DAMAGED}` : PADDING_DAMAGED;
  }
  return new MemberSeen({ name, size, offset, sha256, token: isToken ? bytes : null, damage });
}

/** @param {Uint8Array} block */
function parsed(block) {
  try {
    return parse(block);
  } catch (error) {
    if (error instanceof TarError) return null;
    throw error;
  }
}

/**
 * What a damaged header says, if the next header, or the end, is where it says it is.
 * @param {BufferedSource} file @param {Uint8Array} block @param {number} offset
 */
async function leniently(file, block, offset) {
  const size = headers.saidSize(block);
  if (size === null) return null;
  const member = new Member(headers.ownName(block), size);
  const end = offset + BLOCK + member.blocksBytes;
  if (end > file.size) return null;
  if ((await nextHeader(file, offset + BLOCK, end)) !== null) return null;
  const following = await file.at(end, BLOCK);
  return headers.hasMagic(following) || isZeros(following) ? member : null;
}

/**
 * Where the next undamaged header of a recording's member is, before `limit`. Every byte is tried:
 * where bytes were added or taken out, blocks are out of place.
 * @param {BufferedSource} file @param {number} offset @param {number} [limit]
 */
async function nextHeader(file, offset, limit = file.size) {
  const until = Math.min(limit, file.size);
  let window = FIRST_LOOK;
  while (offset < until) {
    // The windows overlap by less than a header, so each is whole in one of them.
    const view = await file.at(offset, window);
    for (let found = find(view, headers.MAGIC_AT); found >= 0; found = find(view, found + 1)) {
      const start = found - headers.MAGIC_AT;
      if (offset + start >= until) return null;
      const member = parsed(view.subarray(start, start + BLOCK));
      if (member !== null && headers.OURS.test(member.name)) return offset + start;
    }
    offset += window - BLOCK + 1;
    window = Math.min(2 * window, PIECE);
  }
  return null;
}

/** Where a header's magic is next, -1 if nowhere. @param {Uint8Array} view @param {number} from */
function find(view, from) {
  for (let at = view.indexOf(MAGIC[0], from); at >= 0; at = view.indexOf(MAGIC[0], at + 1)) {
    if (MAGIC.every((byte, index) => view[at + index] === byte)) return at;
  }
  return -1;
}

/**
 * The content of a member whose damaged header does not even show its size. A statement ends where
 * zeros begin; a fragment has the size that the commit behind it names.
 * @param {BufferedSource} file @param {number} start @param {number} end
 */
async function between(file, start, end) {
  const room = end - start;
  if (room > 0 && room <= jws.LONGEST) {
    const bytes = await file.at(start, room);
    let size = bytes.length;
    while (size > 0 && bytes[size - 1] === 0) size--;
    if (tokenOf(bytes.subarray(0, size)) !== null) return new Member("", size);
  }
  const member = parsed(await file.at(end, BLOCK));
  if (member === null) return null;
  const token = await file.at(end + BLOCK, Math.min(member.size, jws.LONGEST));
  const statement = tokenOf(token);
  if (statement === null) return null;
  const bytes = hinted(statement.payload);
  if (!Number.isInteger(bytes) || bytes <= 0 || bytes > LARGEST) return null;
  const found = new Member("", bytes);
  return found.blocksBytes === room ? found : null;
}

/** Bytes of the fragment that a commit names, by any signature. @param {Uint8Array} payload */
function hinted(payload) {
  try {
    return JSON.parse(new TextDecoder().decode(payload))?.fragment?.bytes;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The statement, null if it is none. @param {Uint8Array} token */
export function tokenOf(token) {
  try {
    return jws.parse(token);
  } catch (error) {
    if (error instanceof jws.JwsError) return null;
    throw error;
  }
}

/**
 * Whether this member is a statement of a recording, by any signature. If so, the rest of the file
 * is a recording too, damaged or not.
 * @param {MemberSeen} found
 */
export function isRecording(found) {
  if (found.token === null || !STATEMENT.test(found.name || END_NAME)) return false;
  if (tokenOf(found.token) !== null) return true;
  return found.name === HEADER_NAME && !(found.damage ?? "").includes(HEADER_DAMAGED);
}
