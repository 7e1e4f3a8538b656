// A recording's fragments as MediaSource takes them: fragmented MP4 (ISO/IEC 14496-12), read and
// written again with one track in each segment.
//
// A recording's fragment has pictures, sound or both, and a track that has nothing in it has no
// `traf`. MediaSource calls only that buffered which every track has, and drops pictures behind a
// hole until the next key frame. So pictures and sound go into buffers of their own, the picture
// before a hole stands until the next one, and where there is no sound there is silence. Access
// units are passed on as they are. Times are microseconds of the recording.

const MICROSECONDS = 1_000_000;
const NON_SYNC = 0x10000;
/** Samples of a track in a fragment at the most; it has a few hundred. */
const MOST_SAMPLES = 1 << 16;
const TEXT = new TextDecoder("latin1");

/** Error thrown when what was decrypted is not a segment that a camera writes. */
export class SegmentError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = "SegmentError";
  }
}

/**
 * @typedef {object} Sample
 * @property {number} time when it begins
 * @property {number} duration
 * @property {boolean} sync whether decoding can begin with it
 * @property {Uint8Array} data
 *
 * @typedef {object} Track
 * @property {number} id
 * @property {boolean} picture
 * @property {number} timescale units a second
 * @property {string} codec as RFC 6381 spells it
 * @property {Uint8Array} init its initialisation segment
 * @property {{duration: number, size: number, flags: number}} defaults
 * @property {Uint8Array | null} configuration of the decoder (avcC), of pictures
 * @property {number} channels of sound
 * @property {number} rate samples a second, of sound
 */

/** @param {Uint8Array} data */
function view(data) {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The boxes in a piece of a file.
 * @param {Uint8Array} data @param {number} from @param {number} to
 * @returns {Generator<{kind: string, start: number, body: number, end: number}>}
 */
function* boxes(data, from = 0, to = data.length) {
  for (let at = from; at < to; ) {
    if (at + 8 > to) throw new SegmentError("a box is cut off");
    const size = view(data).getUint32(at);
    if (size < 8 || at + size > to) throw new SegmentError("a box says a size that cannot be");
    yield { kind: TEXT.decode(data.subarray(at + 4, at + 8)), start: at, body: at + 8, end: at + size };
    at += size;
  }
}

/** The first box of each kind on a path. @param {Uint8Array} data @param {string[]} path */
function box(data, within, ...path) {
  let found = within;
  for (const kind of path) {
    const inner = [...boxes(data, found.body, found.end)].find((one) => one.kind === kind);
    if (inner === undefined) throw new SegmentError(`there is no box ${kind}`);
    found = inner;
  }
  return found;
}

/** All of them, one behind the other. @param {(Uint8Array | number[])[]} parts */
export function joined(parts) {
  const made = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

/** @param {number} value */
const u32 = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** @param {string} kind @param {...(Uint8Array | number[])} parts */
function written(kind, ...parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return joined([u32(size), Array.from(kind, (one) => one.charCodeAt(0)), ...parts]);
}

/** @param {number} byte */
const hex = (byte) => byte.toString(16).padStart(2, "0");

/**
 * The tracks that an initialisation segment describes, pictures first.
 * @param {Uint8Array} init
 * @returns {Track[]}
 */
export function tracksOf(init) {
  const all = { body: 0, end: init.length };
  const moov = box(init, all, "moov");
  const data = view(init);
  const defaults = new Map();
  for (const one of boxes(init, box(init, moov, "mvex").body, box(init, moov, "mvex").end)) {
    if (one.kind !== "trex") continue;
    const [id, , duration, size, flags] = [0, 1, 2, 3, 4].map((n) => data.getUint32(one.body + 4 + 4 * n));
    defaults.set(id, { duration, size, flags });
  }
  const found = [];
  for (const trak of boxes(init, moov.body, moov.end)) {
    if (trak.kind !== "trak") continue;
    const tkhd = box(init, trak, "tkhd");
    const id = data.getUint32(tkhd.body + (init[tkhd.body] ? 20 : 12));
    const mdhd = box(init, trak, "mdia", "mdhd");
    const timescale = data.getUint32(mdhd.body + (init[mdhd.body] ? 20 : 12));
    const hdlr = box(init, trak, "mdia", "hdlr");
    const picture = TEXT.decode(init.subarray(hdlr.body + 8, hdlr.body + 12)) === "vide";
    const stsd = box(init, trak, "mdia", "minf", "stbl", "stsd");
    const entry = { body: stsd.body + 8, end: stsd.end };
    let codec = "mp4a.40.2";
    let channels = 0;
    let rate = 0;
    let configuration = null;
    if (picture) {
      const avc1 = box(init, entry, "avc1");
      // A visual sample entry has 78 bytes before its boxes, of sound 28.
      const avcC = box(init, { body: avc1.body + 78, end: avc1.end }, "avcC");
      if (avcC.end - avcC.body < 4) throw new SegmentError("a track says no codec");
      configuration = init.subarray(avcC.body, avcC.end);
      codec = `avc1.${hex(init[avcC.body + 1])}${hex(init[avcC.body + 2])}${hex(init[avcC.body + 3])}`;
    } else {
      const mp4a = box(init, entry, "mp4a");
      channels = data.getUint16(mp4a.body + 16);
      rate = data.getUint32(mp4a.body + 24) >>> 16;
    }
    if (!timescale || !defaults.has(id)) throw new SegmentError("a track is not described");
    const own = only(init, moov, id);
    found.push({ id, picture, timescale, codec, channels, rate, configuration, init: own, defaults: defaults.get(id) });
  }
  if (!found.some((track) => track.picture)) throw new SegmentError("there is no track of pictures");
  return found.sort((one, other) => Number(other.picture) - Number(one.picture));
}

/** Boxes in which a track's decoder is configured, and the bytes before the boxes in each. */
const TO_CONFIGURATION = [["moov", 0], ["trak", 0], ["mdia", 0], ["minf", 0], ["stbl", 0], ["stsd", 8], ["avc1", 78]];

/**
 * An initialisation segment whose pictures have another decoder configuration (avcC).
 * @param {Uint8Array} init @param {Uint8Array} configuration
 */
export function withConfiguration(init, configuration) {
  const rebuilt = (from, to, [[wanted, head], ...further] = [["avcC", 0]]) =>
    joined([...boxes(init, from, to)].map(({ kind, start, body, end }) => {
      if (kind !== wanted) return init.subarray(start, end);
      if (kind === "avcC") return written(kind, configuration);
      return written(kind, init.subarray(body, body + head), rebuilt(body + head, end, further.length > 0 ? further : undefined));
    }));
  return rebuilt(0, init.length, TO_CONFIGURATION);
}

/** The initialisation segment with one track only. */
function only(init, moov, id) {
  const data = view(init);
  const kept = [];
  for (const one of boxes(init, moov.body, moov.end)) {
    const whole = init.subarray(one.start, one.end);
    if (one.kind === "trak") {
      const tkhd = box(init, one, "tkhd");
      if (data.getUint32(tkhd.body + (init[tkhd.body] ? 20 : 12)) === id) kept.push(whole);
    } else if (one.kind === "mvex") {
      const inner = [...boxes(init, one.body, one.end)];
      const mine = inner.filter((each) => each.kind !== "trex" || data.getUint32(each.body + 4) === id);
      kept.push(written("mvex", ...mine.map((each) => init.subarray(each.start, each.end))));
    } else kept.push(whole);
  }
  return joined([init.subarray(0, moov.start), written("moov", ...kept)]);
}

/**
 * The samples of a fragment, by track, each in its order.
 * @param {Uint8Array} fragment
 * @param {Track[]} tracks
 * @returns {Map<Track, Sample[]>}
 */
export function samplesOf(fragment, tracks) {
  const data = view(fragment);
  const found = new Map(tracks.map((track) => [track, /** @type {Sample[]} */ ([])]));
  for (const moof of boxes(fragment)) {
    if (moof.kind !== "moof") continue;
    for (const traf of boxes(fragment, moof.body, moof.end)) {
      if (traf.kind === "traf") readTrack(fragment, data, moof, traf, found);
    }
  }
  return found;
}

function readTrack(fragment, data, moof, traf, found) {
  const tfhd = box(fragment, traf, "tfhd");
  const flags = data.getUint32(tfhd.body) & 0xffffff;
  const id = data.getUint32(tfhd.body + 4);
  const track = [...found.keys()].find((one) => one.id === id);
  if (track === undefined) throw new SegmentError("a fragment has a track that nothing describes");
  const own = { ...track.defaults };
  let at = tfhd.body + 8;
  if (flags & 1) throw new SegmentError("a fragment's samples lie outside of it");
  if (flags & 2) at += 4;
  for (const [bit, name] of [[8, "duration"], [16, "size"], [32, "flags"]]) {
    if (!(flags & bit)) continue;
    own[name] = data.getUint32(at);
    at += 4;
  }
  if (at !== tfhd.end) throw new SegmentError("a fragment says other things of a track than a recorder does");
  const tfdt = box(fragment, traf, "tfdt");
  const wide = fragment[tfdt.body] === 1;
  let time = wide ? Number(data.getBigUint64(tfdt.body + 4)) : data.getUint32(tfdt.body + 4);
  for (const trun of boxes(fragment, traf.body, traf.end)) {
    if (trun.kind === "trun") time = readRun(fragment, data, moof, trun, track, own, time, found.get(track));
  }
}

/** Returns when the next run begins, in units of the track. */
function readRun(fragment, data, moof, trun, track, own, begins, into) {
  const flags = data.getUint32(trun.body) & 0xffffff;
  const count = data.getUint32(trun.body + 4);
  if (into.length + count > MOST_SAMPLES) throw new SegmentError("a fragment has more samples than can be");
  let at = trun.body + 8;
  let place = moof.start;
  if (flags & 1) {
    place += data.getInt32(at);
    at += 4;
  }
  let first = null;
  if (flags & 4) {
    first = data.getUint32(at);
    at += 4;
  }
  let time = begins;
  const us = (units) => Math.round((units * MICROSECONDS) / track.timescale);
  for (let number = 0; number < count; number += 1) {
    const said = { ...own };
    if (number === 0 && first !== null) said.flags = first;
    for (const [bit, name] of [[0x100, "duration"], [0x200, "size"], [0x400, "flags"], [0x800, "offset"]]) {
      if (!(flags & bit)) continue;
      said[name] = data.getUint32(at);
      at += 4;
    }
    if (place < moof.end || place + said.size > fragment.length) {
      throw new SegmentError("a fragment has fewer bytes than it says");
    }
    if (said.offset) throw new SegmentError("pictures are not in the order of their time");
    into.push({
      time: us(time),
      duration: us(time + said.duration) - us(time),
      sync: !track.picture || !(said.flags & NON_SYNC),
      data: fragment.subarray(place, place + said.size),
    });
    place += said.size;
    time += said.duration;
  }
  if (at !== trun.end) throw new SegmentError("a fragment has another number of samples than it says");
  return time;
}

/** Sizes of the boxes within a `moof`, where they are always the same. */
const DESCRIBING = new Map([["mfhd", [16]], ["tfdt", [16, 20]], ["traf", null], ["tfhd", null], ["trun", null]]);

/**
 * Whether a fragment has bytes that are neither samples nor boxes that describe them: footage could
 * be left there.
 * @param {Uint8Array} fragment @param {Sample[]} samples all of its own
 */
export function hasRoom(fragment, samples) {
  const outer = [...boxes(fragment)];
  const inside = (kind, all) => all.filter((one) => one.kind === kind).flatMap((one) => [...boxes(fragment, one.body, one.end)]);
  const tracks = inside("moof", outer);
  if (outer.some(({ kind }) => kind !== "moof" && kind !== "mdat")) return true;
  if ([...tracks, ...inside("traf", tracks)].some(({ kind, start, end }) => !(DESCRIBING.get(kind)?.includes(end - start) ?? DESCRIBING.has(kind)))) return true;
  const filled = [];
  const lie = samples.map(({ data }) => [data.byteOffset - fragment.byteOffset, data.length]);
  for (const [offset, size] of lie.sort(([one], [other]) => one - other)) {
    const last = filled.at(-1);
    if (last !== undefined && offset <= last[1]) last[1] = Math.max(last[1], offset + size);
    else filled.push([offset, offset + size]);
  }
  return String(filled) !== String(outer.filter(({ kind }) => kind === "mdat").map(({ body, end }) => [body, end]));
}

/**
 * A media segment of samples that follow one another. Times are rounded to the track's units, so
 * that sound begins where the sound before it ended.
 * @param {Track} track
 * @param {Sample[]} samples
 */
export function segment(track, samples) {
  const units = (us) => Math.round((us * track.timescale) / MICROSECONDS);
  const start = units(samples[0].time);
  const rows = [];
  for (const { time, duration, sync, data } of samples) {
    const length = Math.max(1, units(time + duration) - units(time));
    rows.push(u32(length), u32(data.length), u32(sync ? 0x2000000 : 0x1010000));
  }
  const tfhd = written("tfhd", u32(0x020000), u32(track.id));
  const wide = new Uint8Array(8);
  view(wide).setBigUint64(0, BigInt(start));
  const tfdt = written("tfdt", u32(0x01000000), wide);
  const mfhd = written("mfhd", u32(0), u32(1));
  const run = (offset) =>
    written("trun", u32(0x000701), u32(samples.length), u32(offset), ...rows);
  const moof = (offset) => written("moof", mfhd, written("traf", tfhd, tfdt, run(offset)));
  const head = moof(moof(0).length + 8);
  return joined([head, written("mdat", ...samples.map((one) => one.data))]);
}

/** An access unit of AAC-LC that is silent, by the number of channels: FFmpeg's encoder on zeros. */
const SILENT = Object.freeze({
  1: [0x01, 0x18, 0x20, 0x07],
  2: [0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c],
});
const UNIT_SAMPLES = 1024;

/**
 * Silent samples, from one time to another; nothing where that is shorter than half a unit.
 * @param {Track} track @param {number} from @param {number} to
 * @returns {Sample[]}
 */
export function silence(track, from, to) {
  const unit = (UNIT_SAMPLES * MICROSECONDS) / track.rate;
  const count = Math.round((to - from) / unit);
  const data = new Uint8Array(SILENT[track.channels === 2 ? 2 : 1]);
  return Array.from({ length: count }, (_, number) => ({
    time: Math.round(from + number * unit),
    duration: Math.round(unit),
    sync: true,
    data,
  }));
}
