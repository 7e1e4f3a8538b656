// Writes a ZIP file as it comes (PKWARE's APPNOTE 6.3.10): stored, never compressed, since what is
// sealed does not become smaller and a film is compressed already.
//
// How long an entry is and its CRC-32 are known when it has ended; they are put into its header
// then, so that no descriptor is needed behind the data. A target that is encrypted cannot be written
// over: there a descriptor follows (4.3.9). Sizes and offsets of 4 GiB and more stand
// in the extra field of ZIP64 (4.5.3). Names are UTF-8 (bit 11).

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END = 0x06054b50;
const DESCRIPTOR = 0x08074b50;
const UTF8 = 1 << 11;
/** Size and CRC-32 stand behind the data. */
const BEHIND = 1 << 3;
/** What a reader has to know: ZIP64. */
const VERSION = 45;
/** Made on a system whose files have modes as Unix has them. */
const UNIX = 3 << 8;
/** A file that only its owner may read. */
const MODE = 0o100600;
const WIDE = 0xffffffff;
const MANY = 0xffff;

const CRC = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Numbers, least byte first: [bytes, value] each. @param {[2 | 4 | 8, number][]} fields */
function numbers(fields) {
  const bytes = ([length, value]) => Array.from({ length }, (_, at) => Math.floor(value / 256 ** at) % 256);
  return Uint8Array.from(fields.flatMap(bytes));
}

/** When a file was made, as MS-DOS has it (4.4.6): to two seconds, in local time. @param {Date} when */
function dosTime(when) {
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const year = Math.min(2107, Math.max(1980, when.getFullYear()));
  return [time, ((year - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate()];
}

/**
 * A ZIP file that is written to `target`, which has `write(bytes)`, behind what is there, and, unless
 * it is encrypted, `patch(at, bytes)`, over what is there.
 */
export class ZipFile {
  #target;
  #flags;
  #position = 0;
  #time;
  #date;
  /** @type {{name: Uint8Array, offset: number, size: number, crc: number}[]} */
  #entries = [];
  /** @type {any} the entry that is being written */
  #open = null;

  /** @param {any} target @param {Date} when its files were made */
  constructor(target, when) {
    this.#target = target;
    this.#flags = target.patch === undefined ? UTF8 | BEHIND : UTF8;
    [this.#time, this.#date] = dosTime(when);
  }

  /**
   * Begin a file. It has at most so many bytes.
   * @param {string} name @param {number} atMost
   */
  async begin(name, atMost) {
    const encoded = new TextEncoder().encode(name);
    const wide = atMost >= WIDE;
    this.#open = { name: encoded, offset: this.#position, size: 0, crc: WIDE, wide };
    const extra = wide ? numbers([[2, 1], [2, 16], [8, 0], [8, 0]]) : new Uint8Array(0);
    const size = wide ? WIDE : 0;
    const head = numbers([
      [4, LOCAL], [2, VERSION], [2, this.#flags], [2, 0], [2, this.#time], [2, this.#date],
      [4, 0], [4, size], [4, size], [2, encoded.length], [2, extra.length],
    ]);
    await this.#write(head);
    await this.#write(encoded);
    await this.#write(extra);
  }

  /** Go on with the file that was begun. @param {Uint8Array} bytes */
  async write(bytes) {
    let crc = this.#open.crc;
    for (let at = 0; at < bytes.length; at += 1) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
    this.#open.crc = crc;
    this.#open.size += bytes.length;
    await this.#write(bytes);
  }

  /** End it. */
  async end() {
    const { name, offset, size, wide } = this.#open;
    const crc = (this.#open.crc ^ WIDE) >>> 0;
    if (size >= WIDE && !wide) throw new RangeError("an entry is larger than was said before");
    if (this.#flags & BEHIND) {
      const length = wide ? 8 : 4;
      await this.#write(numbers([[4, DESCRIPTOR], [4, crc], [length, size], [length, size]]));
    } else {
      const said = wide ? WIDE : size;
      await this.#target.patch(offset + 14, numbers([[4, crc], [4, said], [4, said]]));
      // Behind the header of 30 bytes, the name, and what the extra field begins with.
      if (wide) await this.#target.patch(offset + 34 + name.length, numbers([[8, size], [8, size]]));
    }
    this.#entries.push({ name, offset, size, crc });
    this.#open = null;
  }

  /** Write what is in it; nothing may follow. */
  async finish() {
    const begin = this.#position;
    for (const { name, offset, size, crc } of this.#entries) {
      /** @type {[2 | 4 | 8, number][]} */
      const wide = [];
      if (size >= WIDE) wide.push([8, size], [8, size]);
      if (offset >= WIDE) wide.push([8, offset]);
      const extra = wide.length === 0 ? new Uint8Array(0) : numbers([[2, 1], [2, 8 * wide.length], ...wide]);
      const said = Math.min(size, WIDE);
      const head = numbers([
        [4, CENTRAL], [2, UNIX | VERSION], [2, VERSION], [2, this.#flags], [2, 0], [2, this.#time],
        [2, this.#date], [4, crc], [4, said], [4, said], [2, name.length], [2, extra.length],
        [2, 0], [2, 0], [2, 0], [4, MODE * 0x10000], [4, Math.min(offset, WIDE)],
      ]);
      await this.#write(head);
      await this.#write(name);
      await this.#write(extra);
    }
    const size = this.#position - begin;
    const count = this.#entries.length;
    if (count >= MANY || size >= WIDE || begin >= WIDE) {
      const end = this.#position;
      await this.#write(numbers([
        [4, END64], [8, 44], [2, UNIX | VERSION], [2, VERSION], [4, 0], [4, 0],
        [8, count], [8, count], [8, size], [8, begin],
      ]));
      await this.#write(numbers([[4, LOCATOR64], [4, 0], [8, end], [4, 1]]));
    }
    const few = Math.min(count, MANY);
    await this.#write(numbers([
      [4, END], [2, 0], [2, 0], [2, few], [2, few],
      [4, Math.min(size, WIDE)], [4, Math.min(begin, WIDE)], [2, 0],
    ]));
  }

  /** @param {Uint8Array} bytes */
  async #write(bytes) {
    await this.#target.write(bytes);
    this.#position += bytes.length;
  }
}
