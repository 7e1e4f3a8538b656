// Decodes a film's pictures with WebCodecs, exactly, into planes of luma and chroma (I420).

/** Error thrown when this browser does not decode the pictures, or not all of them. */
export class PicturesError extends Error {
  /** @param {string} text @param {unknown} [cause] */
  constructor(text, cause) {
    super(text, { cause });
    this.name = "PicturesError";
  }
}

/**
 * A decoded picture. data: luma, then both chroma planes of a quarter of its size.
 * @typedef {{time: number, width: number, height: number, data: Uint8Array, colorSpace: any}} Picture
 */

/** Whether this browser decodes such pictures. @param {import("./fragments.js").Track} track */
export async function canDecode(track) {
  if (typeof VideoDecoder !== "function") return false;
  return (await VideoDecoder.isConfigSupported(configured(track))).supported === true;
}

/** @param {import("./fragments.js").Track} track */
function configured({ codec, configuration }) {
  return { codec, description: configuration ?? undefined, optimizeForLatency: true };
}

/**
 * Decode samples that follow one another, of which the first is a key picture. Throws PicturesError.
 * @param {import("./fragments.js").Track} track
 * @param {import("./fragments.js").Sample[]} samples
 * @param {(time: number) => boolean} isWanted which pictures are returned
 * @returns {Promise<Picture[]>}
 */
export async function decodePictures(track, samples, isWanted = () => true) {
  /** @type {Promise<Picture>[]} */
  const found = [];
  let count = 0;
  const decoder = new VideoDecoder({
    output: (frame) => {
      count += 1;
      if (!isWanted(frame.timestamp)) return frame.close();
      const copy = copied(frame);
      copy.catch(() => {}); // told where it is awaited
      found.push(copy);
    },
    error: () => {}, // `flush` rejects with it
  });
  try {
    decoder.configure(configured(track));
    for (const { time, duration, sync, data } of samples) {
      decoder.decode(new EncodedVideoChunk({ type: sync ? "key" : "delta", timestamp: time, duration, data }));
    }
    await decoder.flush();
  } catch (error) {
    throw new PicturesError("the pictures cannot be decoded", error);
  } finally {
    if (decoder.state !== "closed") decoder.close();
  }
  if (count !== samples.length) throw new PicturesError(`of ${samples.length} pictures ${count} were decoded`);
  return Promise.all(found);
}

/** @param {VideoFrame} frame */
async function copied(frame) {
  const { timestamp: time, format, colorSpace } = frame;
  const { width, height } = frame.visibleRect;
  try {
    if (format !== "I420" && format !== "NV12") throw new PicturesError(`pictures of the format ${format}`);
    let data = new Uint8Array(frame.allocationSize());
    await frame.copyTo(data);
    if (format === "NV12") data = separated(data, width * height);
    return { time, width, height, data, colorSpace: colorSpace.toJSON() };
  } finally {
    frame.close();
  }
}

/** Chroma in two planes. @param {Uint8Array} data @param {number} luma bytes of the first plane */
function separated(data, luma) {
  const made = data.slice();
  const each = (data.length - luma) / 2;
  for (let at = 0; at < each; at += 1) {
    made[luma + at] = data[luma + 2 * at];
    made[luma + each + at] = data[luma + 2 * at + 1];
  }
  return made;
}
