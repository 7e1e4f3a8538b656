// Times and lengths for people, exact to the second, always with what they are worth.

import { gettext, pgettext } from "./words.js";

/** How dates are spelled: English ones with the day first, since no month is a day. */
const spelling = () => pgettext("locale for numbers and dates", "en-GB");

/** One spelling of a day, wherever it stands. */
const DATE = { year: "numeric", month: "2-digit", day: "2-digit" };
const HALF_DAY_MS = 43_200_000;
const MINUTE_MS = 60_000;

/** Whether the clocks here show a time twice, since they are set back. */
function isTwice(date) {
  const behind = date.getTimezoneOffset();
  return [-HALF_DAY_MS, HALF_DAY_MS].some((ms) => {
    const other = new Date(date.getTime() + ms).getTimezoneOffset();
    const same = new Date(date.getTime() + (other - behind) * MINUTE_MS);
    return other !== behind && same.getTimezoneOffset() === other;
  });
}

/** A wall time as the clocks here show it, with its difference from UTC if they show it twice. */
function clockTime(us, parts, locale = spelling()) {
  const date = new Date(us / 1000);
  const more = isTwice(date) ? { timeZoneName: "longOffset" } : {};
  const text = new Intl.DateTimeFormat(locale, { ...parts, hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...more }).format(date);
  return text.replace("GMT", "UTC");
}

/** A wall time in microseconds since 1970, with seconds; a remark if its clock was not confirmed. */
export function moment(us, clock = null) {
  if (us === null || us === undefined) return gettext("not known yet");
  const text = clockTime(us, { ...DATE, second: "2-digit" });
  return clock === "unknown" ? `${text} (${gettext("clock not confirmed")})` : text;
}

/** A time of day in hours and minutes. locale: of another language than the page's. */
export function timeOf(us, locale = spelling()) {
  return clockTime(us, {}, locale);
}

/** Its time, and its day if that is not today. */
export function recently(us) {
  return day(us) === day(Date.now() * 1000) ? timeOf(us) : `${day(us)}, ${timeOf(us)}`;
}

/** When a recording began, by its id; null if that is no id of a recording. */
export function idTime(id) {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(id);
  if (found === null) return null;
  const [year, month, ...rest] = found.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest) * 1000;
}

/** Its day. locale: as of `timeOf`. */
export function day(us, locale = spelling()) {
  return new Intl.DateTimeFormat(locale, DATE).format(new Date(us / 1000));
}

/** How long ago a wall time was, by another one, such as "2 hours ago". */
export function age(us, now) {
  const seconds = Math.max(0, now - us) / 1e6;
  const [value, unit] = seconds < 7200 ? [seconds / 60, "minute"] : seconds < 172800 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
  return new Intl.RelativeTimeFormat(spelling()).format(-Math.floor(value), unit);
}

/** A length in seconds as h:mm:ss or m:ss; behind a sign if it is a time before the first picture. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(Math.abs(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return `${seconds < 0 && whole > 0 ? "−" : ""}${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

/** The zone that times are shown in, as the report and the sheet name it. */
export function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
