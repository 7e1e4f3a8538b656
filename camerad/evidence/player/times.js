// Times as people read them. Times are microseconds; a time of day is wall time since 1970, UTC.

const SECOND = 1_000_000;

/** A time of the recording: 1:02.345, or 1:00:02.345. @param {number} us @param {string} decimal */
export function recordingTime(us, decimal) {
  const whole = Math.max(0, Math.round(us / 1000));
  const parts = [Math.floor(whole / 60_000) % 60, Math.floor(whole / 1000) % 60];
  const hours = Math.floor(whole / 3_600_000);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const head = hours > 0 ? `${hours}:${two(parts[0])}` : String(parts[0]);
  return `${head}:${two(parts[1])}${decimal}${String(whole % 1000).padStart(3, "0")}`;
}

/** A time of the recording to the nearest second: 0:05. @param {number} us */
export function nearestSecond(us) {
  return recordingTime(Math.round(us / SECOND) * SECOND, ".").split(".")[0];
}

/** How long something is: 3.2 s, or minutes and seconds. @param {number} us @param {string} decimal */
export function duration(us, decimal) {
  const tenths = Math.round((us / SECOND) * 10);
  if (tenths < 600) return `${(tenths / 10).toFixed(1).replace(".", decimal)} s`;
  const seconds = Math.round(us / SECOND);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * A time of day with its date, to the thousandth, and its difference from UTC, in the time zone of
 * this computer.
 * @param {number} wall @param {string} locale
 */
export function timeOfDay(wall, locale) {
  const date = new Date(Math.floor(wall / 1000));
  const said = new Intl.DateTimeFormat(locale, {
    day: "2-digit",
    month: "2-digit",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hour12: false,
    timeZoneName: "longOffset",
  });
  return said.format(date).replace("GMT", "UTC");
}
