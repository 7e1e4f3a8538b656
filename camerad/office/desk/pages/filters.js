// Turns a form of filters into an address, and back. Times are those of this computer's zone.

import { clockOf, dayField, isoOf, spelledDay, timeField } from "./dates.js";
import { field, make } from "./dom.js";
import { day } from "./format.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  from: N_("From"),
  to: N_("To"),
  from_time: N_("From, time"),
  to_time: N_("To, time"),
  last_night: N_("Last night"),
  today: N_("Today"),
  yesterday: N_("Yesterday"),
});

/** Fields for a period: days, and times of day that may be left out. */
export function periodFields() {
  return [["from", "from_time"], ["to", "to_time"]].map(([name, time]) => [
    field(say(name), dayField(name)),
    field(say(time), timeField(time)),
  ]);
}

/** Buttons that ask for a usual period at once, and for nothing else. Each has its period. */
export function usualPeriods(form) {
  const button = (key, from, fromTime, to, toTime) => {
    const period = { from: spelled(from), from_time: fromTime, to: spelled(to), to_time: toTime };
    const put = () => {
      form.reset();
      for (const [name, value] of Object.entries(period)) form.elements[name].value = value;
      form.requestSubmit();
    };
    const made = make("button", { type: "button", title: key === "last_night" ? gettext("Yesterday 18:00 to today 08:00, local time") : null, "aria-pressed": false, onclick: put }, say(key));
    return Object.assign(made, { period });
  };
  return [button("last_night", -1, "18:00", 0, "08:00"), button("today", 0, "", 0, ""), button("yesterday", -1, "", -1, "")];
}

/** Marks the one whose period a form has. */
export function markPeriod(buttons, form) {
  for (const one of buttons) one.setAttribute("aria-pressed", Object.entries(one.period).every(([name, value]) => form.elements[name].value === value));
}

/** What a form asks for, as it is read. */
export function wordsOf(form) {
  const filled = [...form.elements].filter((one) => one.name && (one.type === "checkbox" ? one.checked : one.value.trim() !== ""));
  return filled.map((one) => {
    const label = (one.closest("label") ?? one.closest(".field").firstChild).textContent;
    if (one.type === "checkbox") return label;
    return `${label}: ${one.dataset.kind === "day" ? day(wall(isoOf(one.value))) : (one.selectedOptions?.[0].textContent ?? one.value)}`;
  });
}

/** The day so many days from today, as a field of dates has it. */
function spelled(days) {
  const now = new Date();
  const found = new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate() + days));
  return spelledDay(found.toISOString().slice(0, 10));
}

/** What is wrong in a form, with the focus on it; null if nothing is. */
export function mistakeIn(form) {
  const read = { day: isoOf, time: clockOf };
  const wrong = [...form.elements].find((one) => !one.validity.valid || read[one.dataset.kind]?.(one.value) === null);
  if (wrong !== undefined) {
    wrong.focus();
    return gettext(wrong.dataset.kind === "time" ? N_("There is no such time. For example: 18:00") : N_("There is no such date. For example: 28/11/2026"));
  }
  const alone = ["from", "to"].find((name) => form.elements[`${name}_time`].value && !form.elements[name].value);
  const asked = questionOf(form, []);
  const turned = Number(asked.get("from_us") ?? 0) >= Number(asked.get("to_us") ?? Infinity);
  form.elements[alone ?? (turned ? "to" : "")]?.focus();
  if (alone !== undefined) return gettext("Choose a day for the time as well.");
  return turned ? gettext("“To” is not after “From”.") : null;
}

/** What a person put into a form, for an address of this page. */
export function spokenIn(form) {
  return new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
}

/** Puts it there again. */
export function putInto(form, spoken) {
  for (const [name, value] of new URLSearchParams(spoken)) {
    const input = form.elements[name];
    if (input?.type === "checkbox") input.checked = true;
    else if (input !== undefined) input.value = value;
  }
}

/**
 * The question of a form, for the server. words: names of fields with texts; flags: of those with a
 * tick. What is empty is not asked for. A day without a time is asked for to its end.
 */
export function questionOf(form, words, flags = []) {
  const asked = new URLSearchParams();
  const said = new FormData(form);
  const put = (key, us) => asked.set(key, String(us));
  const [from, to] = ["from", "to"].map((name) => [isoOf(said.get(name)), clockOf(said.get(`${name}_time`))]);
  if (from[0]) put("from_us", wall(...from));
  if (to[0]) put("to_us", wall(...to, to[1] ? 0 : 1));
  for (const name of words) if (said.get(name).trim()) asked.set(name, said.get(name).trim());
  for (const name of flags) if (said.get(name)) asked.set(name, "true");
  const due = isoOf(said.get("due_on") ?? "");
  if (due) {
    put("due_from_us", wall(due));
    put("due_before_us", wall(due, "", 1));
  }
  return asked;
}

/** A day (ISO 8601) and time here as wall time in microseconds, so many days later. */
export function wall(day, time = "", days = 0) {
  const [year, month, number] = day.split("-").map(Number);
  const [hour, minute] = (time || "0:0").split(":").map(Number);
  return new Date(year, month - 1, number + days, hour, minute).getTime() * 1000;
}
