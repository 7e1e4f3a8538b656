// A table as CSV (RFC 4180), so that no table program runs what somebody wrote into it.

const BEGIN = "\ufeff";
/** A cell begins here, whichever separator a program goes by, and what follows may be a formula. */
const FORMULA = /(^|[;,|\t\r\n])(?=[\s"']*[=+\-@\uff0b\uff0d\uff1d\uff20])/g;

/** The file's text. rows: objects. columns: names of what is saved of each. */
export function csvOf(columns, rows) {
  const lines = [columns.join(","), ...rows.map((row) => columns.map((name) => cell(row[name])).join(","))];
  return `${BEGIN}${lines.join("\r\n")}\r\n`;
}

function cell(value) {
  const safe = String(value ?? "").replace(/^(?=[\t\r\n])/, "'").replace(FORMULA, "$1'");
  return `"${safe.replaceAll('"', '""')}"`;
}
