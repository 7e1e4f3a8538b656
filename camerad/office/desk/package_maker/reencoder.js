// Encodes masked pictures anew with WebCodecs, in the camera's size and times (H.264, Constrained
// Baseline), so that they stand beside the camera's own pictures in one film.

import { BLACK, blocksOf } from "../player/evidence/redaction.js";
import { PicturesError, decodePictures } from "../player/pictures.js";
import { EncodingError, ofOwnSets, withBoth } from "./avc_ids.js";

/** Of Constrained Baseline, before the level: the profile, and what it is constrained by. */
const PROFILE = "avc1.42e0";
/** How much more than the camera's pictures had, since a second encoding loses. */
const GENEROUS = 1.5;
const LEAST_BITRATE = 500_000;
/** Width and height of the picture with which a browser is tried, pixels. */
const TRIED = 128;

/** How pictures of a recording are encoded. @param {any} header of the recording @param {any} track of its pictures @param {number} bitrate */
function configuration({ width, height, fps }, { configuration: camera }, bitrate) {
  const level = camera[3].toString(16).padStart(2, "0");
  return {
    codec: PROFILE + level,
    width,
    height,
    framerate: fps,
    bitrate: Math.max(LEAST_BITRATE, Math.round(bitrate)),
    latencyMode: /** @type {const} */ ("quality"),
    avc: { format: /** @type {const} */ ("avc") },
  };
}

/** Whether this browser encodes pictures, and decodes them exactly: it tries. */
export async function canRedact() {
  if (typeof VideoEncoder !== "function" || typeof VideoDecoder !== "function") return false;
  const [width, height] = [TRIED, TRIED];
  const data = new Uint8Array((width * height * 3) / 2).fill(BLACK[1]);
  const encoder = new Reencoder({ width, height, fps: 30 }, { configuration: [1, 66, 192, 31] }, LEAST_BITRATE);
  try {
    const [made] = await encoder.encode([{ time: 0, width, height, data, isExact: true, colorSpace: undefined }]);
    const track = { codec: encoder.how.codec, configuration: withBoth(encoder.sets, encoder.sets) };
    const [picture] = await decodePictures(track, [{ time: 0, duration: 1, sync: true, data: made }]);
    return picture.isExact;
  } catch (error) {
    if (error instanceof EncodingError || error instanceof PicturesError) return false;
    throw error;
  }
}

/** Black out rectangles in a picture, by whole blocks. @param {import("../player/pictures.js").Picture} picture */
export function blackOut({ data, width, height }, rectangles) {
  const planes = [
    { start: 0, stride: width, scale: 1, value: BLACK[0] },
    ...[0, 1].map((which) => ({ start: width * height + which * Math.ceil(width / 2) * Math.ceil(height / 2), stride: Math.ceil(width / 2), scale: 2, value: BLACK[1] })),
  ];
  for (const one of rectangles) {
    const blocks = blocksOf(one, width, height);
    for (const { start, stride, scale, value } of planes) {
      const [left, right] = [blocks.x / scale, Math.ceil((blocks.x + blocks.width) / scale)];
      for (let row = blocks.y / scale; row < (blocks.y + blocks.height) / scale; row += 1) {
        data.fill(value, start + row * stride + left, start + row * stride + right);
      }
    }
  }
}

/** Encodes runs of pictures; all of them have the same parameter sets. */
export class Reencoder {
  /** Of the encoder, once a picture was encoded. @type {Uint8Array | null} */
  sets = null;
  #isSame = true;

  /** @param {any} header of the recording @param {any} track of its pictures @param {number} bitrate of them */
  constructor(header, track, bitrate) {
    this.track = track;
    this.how = configuration(header, track, GENEROUS * bitrate);
  }

  /** The decoder's configuration of a film with the camera's pictures and these. */
  get configuration() {
    return this.sets === null ? this.track.configuration : withBoth(this.track.configuration, this.sets);
  }

  /**
   * Encode pictures that follow one another, the first as a key picture. Throws EncodingError.
   * @param {import("../player/pictures.js").Picture[]} pictures
   * @returns {Promise<Uint8Array[]>}
   */
  async encode(pictures) {
    /** @type {Uint8Array[]} */
    const made = [];
    const encoder = new VideoEncoder({
      output: (chunk, metadata) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        made.push(data);
        const sets = metadata?.decoderConfig?.description;
        if (sets !== undefined) this.#take(new Uint8Array(ArrayBuffer.isView(sets) ? sets.buffer : sets));
      },
      error: () => {}, // `flush` rejects with it
    });
    try {
      encoder.configure(this.how);
      for (const [number, { time, width, height, data, colorSpace }] of pictures.entries()) {
        const frame = new VideoFrame(data, { format: "I420", codedWidth: width, codedHeight: height, timestamp: time, colorSpace });
        encoder.encode(frame, { keyFrame: number === 0 });
        frame.close();
      }
      await encoder.flush();
    } catch (error) {
      if (error instanceof EncodingError || !(error instanceof DOMException)) throw error;
      throw new EncodingError(`the browser does not encode the pictures: ${error.message}`);
    } finally {
      if (encoder.state !== "closed") encoder.close();
    }
    if (made.length !== pictures.length) throw new EncodingError(`of ${pictures.length} pictures ${made.length} were encoded`);
    if (!this.#isSame) throw new EncodingError("the browser's encoder changes its parameter sets");
    return made.map((one, number) => ofOwnSets(one, number === 0 ? this.sets : null));
  }

  /** @param {Uint8Array} sets */
  #take(sets) {
    this.sets ??= sets;
    const isSame = sets.length === this.sets.length && sets.every((byte, at) => byte === this.sets[at]);
    this.#isSame &&= isSame;
  }
}
