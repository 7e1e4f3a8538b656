// Puts values into texts as Python's str.format and strftime do.

const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];
const PARTS = /\{\{|\}\}|\{(\w+)\}/g;

/**
 * A text with its values.
 * @param {string} text @param {Record<string, any>} values
 */
export function format(text, values) {
  return text.replace(PARTS, (found, name) => {
    if (found === "{{") return "{";
    if (found === "}}") return "}";
    if (values[name] === undefined) throw new Error(`there is no value for ${found}`);
    return String(values[name]);
  });
}

/** Wall time in a time zone. */
export class LocalTime {
  /** @param {number | bigint} us since 1970 @param {string} zone its name */
  constructor(us, zone) {
    const parts = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", timeZoneName: "longOffset",
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    }).formatToParts(new Date(Math.floor(Number(us) / 1000)));
    const said = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
    const offset = said.timeZoneName.replace("GMT", "UTC");
    /** As in "UTC+01:00". */
    this.offset = offset === "UTC" ? "UTC+00:00" : offset;
    this.said = {
      d: said.day, m: said.month, B: MONTHS[Number(said.month) - 1], Y: said.year,
      H: said.hour, M: said.minute, S: said.second,
    };
  }

  /** @param {string} form for strftime */
  strftime(form) {
    return form.replace(/%([dmBYHMS])/g, (_, name) => this.said[name]);
  }
}
