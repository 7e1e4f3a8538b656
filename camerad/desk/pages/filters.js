// What a form of filters asks for, as an address has it. Times are those of this computer's zone.

import { field, make } from "./dom.js";
import { day } from "./format.js";
import { say } from "./words.js";

/** Days that can be asked for: what is typed beyond is a slip. */
export const DAYS = { type: "date", min: "2000-01-01", max: "9999-12-31" };

/** Fields for a period: days, and times of day that may be left out. */
export function periodFields() {
  return [["from", "from_time"], ["to", "to_time"]].map(([name, time]) => [
    field(say(name), make("input", { name, ...DAYS })),
    field(say(time), make("input", { name: time, type: "time" })),
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
    const made = make("button", { type: "button", title: key === "last_night" ? say("last_night_hours") : null, "aria-pressed": false, onclick: put }, say(key));
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
    const label = (one.closest("label") ?? one.parentElement.firstChild).textContent;
    if (one.type === "checkbox") return label;
    return `${label}: ${one.type === "date" ? day(wall(one.value)) : (one.selectedOptions?.[0].textContent ?? one.value)}`;
  });
}

/** The day so many days from today, as a field of dates has it. */
function spelled(days) {
  const now = new Date();
  const found = new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate() + days));
  return found.toISOString().slice(0, 10);
}

/** What is wrong in a form, with the focus on it; null if nothing is. */
export function mistakeIn(form) {
  const wrong = [...form.elements].find((one) => !one.validity.valid);
  const alone = ["from", "to"].find((name) => form.elements[`${name}_time`].value && !form.elements[name].value);
  const asked = questionOf(form, []);
  const turned = wrong === undefined && Number(asked.get("from_us") ?? 0) >= Number(asked.get("to_us") ?? Infinity);
  (wrong ?? form.elements[alone ?? (turned ? "to" : "")])?.focus();
  if (wrong !== undefined) return say("no_such_date");
  if (alone !== undefined) return say("time_needs_day");
  return turned ? say("to_before_from") : null;
}

/** What somebody put into a form, for an address of this page. */
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
  if (said.get("from")) put("from_us", wall(said.get("from"), said.get("from_time")));
  if (said.get("to")) put("to_us", wall(said.get("to"), said.get("to_time"), said.get("to_time") ? 0 : 1));
  for (const name of words) if (said.get(name).trim()) asked.set(name, said.get(name).trim());
  for (const name of flags) if (said.get(name)) asked.set(name, "true");
  const due = said.get("due_on");
  if (due) {
    put("due_from_us", wall(due));
    put("due_before_us", wall(due, "", 1));
  }
  return asked;
}

/** A day and time here as wall time in microseconds, so many days later. */
export function wall(day, time = "", days = 0) {
  const [year, month, number] = day.split("-").map(Number);
  const [hour, minute] = (time || "0:0").split(":").map(Number);
  return new Date(year, month - 1, number + days, hour, minute).getTime() * 1000;
}
