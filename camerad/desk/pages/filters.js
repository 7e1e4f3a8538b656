// What a form of filters asks for, as an address has it.

/**
 * The question of a form. Times are those of this computer's zone. words: names of fields with texts;
 * flags: of those with a tick. What is empty is not asked for.
 */
export function questionOf(form, words, flags = []) {
  const asked = new URLSearchParams();
  const said = new FormData(form);
  for (const name of ["from", "to"])
    if (said.get(name)) asked.set(`${name}_us`, String(Date.parse(said.get(name)) * 1000));
  for (const name of words) if (said.get(name).trim()) asked.set(name, said.get(name).trim());
  for (const name of flags) if (said.get(name)) asked.set(name, "true");
  return asked;
}

/** The question for what is due on a day of this computer, "" for any. */
export function askDue(asked, day) {
  if (!day) return;
  const [year, month, number] = day.split("-").map(Number);
  asked.set("due_from_us", String(new Date(year, month - 1, number).getTime() * 1000));
  asked.set("due_before_us", String(new Date(year, month - 1, number + 1).getTime() * 1000));
}
