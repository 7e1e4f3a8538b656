// Saves a package: into a file that a person chose, as it is made, or, in a browser where a page
// cannot ask for one, into memory and then among the downloads.
//
// A file has its own content only when all of it is there. What was begun and given up is removed, or
// emptied.

/** The largest package that is made in memory, bytes. */
export const MOST_IN_MEMORY = 512 << 20;
const TOGETHER = 1 << 20;

/** Whether a package of any size can be made here. */
export function hasFiles() {
  return typeof globalThis.showSaveFilePicker === "function";
}

/**
 * Where a package is to go; null if the person chose nothing. To be called on a click.
 * @param {string} name that is offered
 */
export async function chosenFile(name) {
  const [type, ending] = name.endsWith(".age") ? ["application/octet-stream", ".age"] : ["application/zip", ".zip"];
  if (!hasFiles()) return new InMemory(name, type);
  try {
    const handle = await globalThis.showSaveFilePicker({
      suggestedName: name,
      types: [{ accept: { [type]: [ending] } }],
    });
    return new InFile(handle, await handle.createWritable());
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/** Collects small pieces; `put` takes them together, as a Blob. */
class Target {
  /** @type {Uint8Array[]} */
  #waiting = [];
  #waits = 0;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    this.#waiting.push(bytes);
    this.#waits += bytes.length;
    if (this.#waits >= TOGETHER) await this.flush();
  }

  async flush() {
    const some = new Blob(this.#waiting);
    this.#waiting = [];
    this.#waits = 0;
    if (some.size > 0) await this.put(some);
  }
}

class InFile extends Target {
  #handle;
  #writable;
  #position = 0;

  constructor(handle, writable) {
    super(handle.name);
    this.#handle = handle;
    this.#writable = writable;
  }

  /** @param {Blob} data */
  async put(data) {
    await this.#writable.write({ type: "write", position: this.#position, data });
    this.#position += data.size;
  }

  /** @param {number} at @param {Uint8Array} bytes */
  async patch(at, bytes) {
    await this.flush();
    await this.#writable.write({ type: "write", position: at, data: bytes });
  }

  /** All is there. Returns the file, to be read back. */
  async close() {
    await this.flush();
    await this.#writable.close();
    return this.#handle.getFile();
  }

  /** Give it up. */
  async discard() {
    // What could not be written or closed cannot be given up once more; why not is told already.
    await Promise.allSettled([this.#writable.abort()]);
    // Choosing a name makes an empty file, and `close` a whole one.
    const [removed] = await Promise.allSettled([(async () => this.#handle.remove())()]);
    // Where a browser removes no file: no one may take it for a package.
    if (removed.status === "rejected") await Promise.allSettled([this.#handle.createWritable().then((empty) => empty.close())]);
  }

  /** Nothing: it is where it was chosen to be. */
  offer() {}
}

class InMemory extends Target {
  /** A browser may put a Blob where it takes no memory. @type {Blob[]} */
  #pieces = [];
  /** @type {[number, Uint8Array][]} */
  #patches = [];
  /** @type {Blob | null} */
  #whole = null;

  constructor(name, type) {
    super(name);
    this.type = type;
  }

  /** @param {Blob} data */
  async put(data) {
    this.#pieces.push(data);
  }

  /** @param {number} at @param {Uint8Array} bytes */
  async patch(at, bytes) {
    this.#patches.push([at, bytes]);
  }

  async close() {
    await this.flush();
    const made = new Blob(this.#pieces);
    const parts = [];
    let done = 0;
    for (const [at, bytes] of this.#patches.sort(([one], [other]) => one - other)) {
      parts.push(made.slice(done, at), bytes);
      done = at + bytes.length;
    }
    this.#whole = new Blob([...parts, made.slice(done)], { type: this.type });
    return this.#whole;
  }

  async discard() {
    this.#pieces = [];
    this.#whole = null;
  }

  /** Put it among the downloads. */
  offer() {
    if (this.#whole === null) return;
    const address = URL.createObjectURL(this.#whole);
    const link = document.createElement("a");
    link.href = address;
    link.download = this.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.#whole = null;
  }
}
