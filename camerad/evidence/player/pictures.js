// Decodes a film's pictures with WebCodecs into planes of luma and chroma (I420).
//
// Some browsers give no planes but colours (Firefox 153). What is black shows in these too: their luma is
// worked out. But it is not exact, and there is no chroma, so nothing is made of such pictures.

/** Formats of pictures in colours. */
const COLOURS = ["BGRX", "BGRA", "RGBX", "RGBA"];

/** Error thrown when this browser does not decode the pictures, or not all of them. */
export class PicturesError extends Error {
  /** @param {string} text @param {unknown} [cause] */
  constructor(text, cause) {
    super(text, { cause });
    this.name = "PicturesError";
  }
}

/**
 * A decoded picture. data: luma, then both chroma planes of a quarter of its size. isExact: as it was
 * encoded; else there is luma alone, nearly.
 * @typedef {{time: number, width: number, height: number, data: Uint8Array, isExact: boolean, colorSpace: any}} Picture
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
    let data = new Uint8Array(frame.allocationSize());
    await frame.copyTo(data);
    const isExact = format === "I420" || format === "NV12";
    if (format === "NV12") data = separated(data, width * height);
    else if (COLOURS.includes(format ?? "")) data = lumaOf(data, format.indexOf("R"));
    else if (!isExact) throw new PicturesError(`pictures of the format ${format}`);
    return { time, width, height, data, isExact, colorSpace: colorSpace.toJSON() };
  } finally {
    frame.close();
  }
}

/** Luma of colours, four bytes each (BT.601). @param {Uint8Array} data @param {number} red where red is */
function lumaOf(data, red) {
  const made = new Uint8Array(data.length / 4);
  for (let at = 0; at < made.length; at += 1) {
    made[at] = 16 + 0.257 * data[4 * at + red] + 0.504 * data[4 * at + 1] + 0.098 * data[4 * at + 2 - red];
  }
  return made;
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
