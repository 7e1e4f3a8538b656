// A table as CSV (RFC 4180), so that no table program runs what a person wrote into it.

const BEGIN = "\ufeff";
/** A cell begins here, whichever separator a program goes by, and what follows may be a formula. */
const FORMULA = /(^|[;,|\t\r\n])(?=[\s"']*[=+\-@\uff0b\uff0d\uff1d\uff20])/g;

/** The file's text. head: names of the columns. rows: texts of each. separator: what the table programs
 * of the reader's country go by. */
export function csvOf(head, rows, separator) {
  const lines = [head, ...rows].map((row) => row.map(cell).join(separator));
  return `${BEGIN}${lines.join("\r\n")}\r\n`;
}

function cell(value) {
  const safe = String(value ?? "").replace(/^(?=[\t\r\n])/, "'").replace(FORMULA, "$1'");
  return `"${safe.replaceAll('"', '""')}"`;
}
