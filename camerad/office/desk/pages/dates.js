// Fields for days and times of day, as the page's language spells them: a browser's own fields go by
// the browser's language. A calendar is a click away.

import { icon, make } from "./dom.js";
import { gettext, pgettext } from "./words.js";

const FIRST_YEAR = 2000;
const CALENDAR = "M4 5h16v15H4zM4 9.5h16M8 3v4M16 3v4";

/** A field for a day. What is typed is read by `isoOf`. more: further attributes. */
export function dayField(name, { value = "", ...more } = {}) {
  const input = make("input", { name, "data-kind": "day", inputmode: "text", maxlength: 10, autocomplete: "off", placeholder: gettext("DD/MM/YYYY"), value: spelledDay(value), ...more });
  const calendar = make("input", { type: "date", tabindex: -1, "aria-hidden": "true", oninput: () => (input.value = spelledDay(calendar.value)) });
  const open = () => {
    calendar.value = isoOf(input.value) ?? "";
    calendar.showPicker();
  };
  const field = make("span", { class: "day" }, input, make("button", { type: "button", "aria-label": gettext("Calendar"), onclick: open }, icon(CALENDAR)), calendar);
  return Object.assign(field, { control: input });
}

/** A field for a time of day. What is typed is read by `clockOf`. */
export function timeField(name) {
  return make("input", { name, "data-kind": "time", maxlength: 5, autocomplete: "off", placeholder: gettext("HH:MM") });
}

/** A day as ISO 8601 has it, as people type it: the day first, or ISO 8601 itself. "" for none; null for
 * what is no day. */
export function isoOf(typed) {
  const text = typed.trim();
  if (text === "") return "";
  const parts = /^(\d{4})-(\d\d?)-(\d\d?)$/.exec(text)?.slice(1) ?? /^(\d\d?)[./ ]+(\d\d?)[./ ]+(\d{4}|\d\d)$/.exec(text)?.slice(1).reverse();
  if (parts === undefined) return null;
  const [year, month, day] = parts.map(Number).map((one, at) => (at === 0 && one < 100 ? one + FIRST_YEAR : one));
  const found = new Date(Date.UTC(year, month - 1, day));
  const is = year >= FIRST_YEAR && found.getUTCMonth() === month - 1 && found.getUTCDate() === day;
  return is ? found.toISOString().slice(0, 10) : null;
}

/** A time of day as `HH:MM`, as people type it: "8", "8:05", "0805", "8.05". "" for none; null for what
 * is no time. */
export function clockOf(typed) {
  const text = typed.trim();
  if (text === "") return "";
  const [, hour, minute = "00"] = /^(\d\d?)(?:[:.]?(\d\d))?$/.exec(text) ?? [];
  return hour === undefined || hour > 23 || minute > 59 ? null : `${hour.padStart(2, "0")}:${minute}`;
}

/** A day of ISO 8601 as the page's language types it. */
export function spelledDay(iso) {
  return iso === "" ? "" : iso.split("-").reverse().join(pgettext("between the parts of a date", "/"));
}
