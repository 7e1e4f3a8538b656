// A recording's bytes from anywhere: a file that a person chose, or a server that knows ranges.
//
// A source promises the same bytes at the same place each time, or a SourceError: of a file that
// changes meanwhile nothing can be said. All offsets and sizes are bytes.

/**
 * @typedef {object} Source
 * @property {number} size bytes; known after `open`
 * @property {() => Promise<unknown>} open makes `size` known; may be called again
 * @property {(from: number, to: number) => Promise<Uint8Array>} read the bytes from `from` up to,
 *   and without, `to`; both lie within the size. Throws SourceError.
 */

/** Error thrown when bytes cannot be read, or are not those of the file that was begun with. */
export class SourceError extends Error {
  /** @param {string} text @param {unknown} [cause] */
  constructor(text, cause) {
    super(text, { cause });
    this.name = "SourceError";
  }
}

/** A file or another Blob that is at hand. @implements {Source} */
export class BlobSource {
  /** @param {Blob} blob */
  constructor(blob) {
    this.blob = blob;
    this.size = blob.size;
  }

  async open() {
    return this;
  }

  /** @param {number} from @param {number} to */
  async read(from, to) {
    checkRange(from, to, this.size);
    try {
      return new Uint8Array(await this.blob.slice(from, to).arrayBuffer());
    } catch (error) {
      throw new SourceError("the file cannot be read any more: choose it again", error);
    }
  }
}

/**
 * A file on a server that answers to ranges (RFC 9110, 14). It has to stay the same file, which its
 * size and its entity tag say.
 * @implements {Source}
 */
export class RangeSource {
  /**
   * @param {string | URL} url
   * @param {{headers?: Record<string, string>, signal?: AbortSignal}} [options] headers: sent with
   *   each request
   */
  constructor(url, { headers = {}, signal } = {}) {
    this.url = url;
    this.headers = headers;
    this.signal = signal;
    this.size = -1;
    /** @type {string | null} */
    this.tag = null;
    /** @type {Promise<this> | null} */
    this.opening = null;
  }

  async open() {
    this.opening ??= this.#look().catch((error) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  /** @param {number} from @param {number} to */
  async read(from, to) {
    await this.open();
    checkRange(from, to, this.size);
    if (from === to) return new Uint8Array(0);
    const { bytes, size } = await this.#request(from, to);
    if (size !== this.size) throw new SourceError("the file on the server is another one by now");
    return bytes;
  }

  /** Asks for the first byte, since the answer says how many there are. */
  async #look() {
    const { size, tag } = await this.#request(0, 1);
    this.size = size;
    this.tag = tag;
    return this;
  }

  /** @param {number} from @param {number} to */
  async #request(from, to) {
    /** @type {Record<string, string>} */
    const headers = { ...this.headers, Range: `bytes=${from}-${to - 1}` };
    if (this.tag !== null) headers["If-Match"] = this.tag;
    let answer, bytes;
    try {
      answer = await fetch(this.url, { headers, signal: this.signal, cache: "no-store" });
      bytes = new Uint8Array(await answer.arrayBuffer());
    } catch (error) {
      if (this.signal?.aborted) throw error;
      throw new SourceError("the server does not answer", error);
    }
    const range = answer.headers.get("Content-Range") ?? "";
    if (answer.status === 416 && /^bytes \*\/0$/.test(range)) {
      return { bytes: new Uint8Array(0), size: 0, tag: null };
    }
    const said = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range);
    if (answer.status === 412) {
      throw new SourceError("the file on the server is another one by now");
    }
    if (answer.status !== 206 || said === null) {
      throw new SourceError(`the server does not give the recording (status ${answer.status})`);
    }
    if (Number(said[1]) !== from || bytes.length !== to - from) {
      throw new SourceError("the server gives other bytes than those that were asked for");
    }
    const tag = answer.headers.get("ETag");
    return { bytes, size: Number(said[3]), tag: tag?.startsWith("W/") ? null : tag };
  }
}

/** @param {number} from @param {number} to @param {number} size */
function checkRange(from, to, size) {
  if (!(from >= 0 && from <= to && to <= size)) {
    throw new SourceError(`bytes ${from} to ${to} are not in a file of ${size}`);
  }
}
