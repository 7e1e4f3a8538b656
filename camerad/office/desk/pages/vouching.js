// Outside witnesses and time-stamp authorities, below the cameras.

import { make } from "./dom.js";
import { age } from "./format.js";
import { gettext } from "./words.js";

/** Who outside vouches for the office's ledger, besides its cameras; null if that cannot be read. */
export function drawVouching({ vouching, now_us: now }) {
  if (vouching?.length === 0) return null;
  const rows = vouching?.map((one) => make("li", {}, make("strong", {}, one.name), " ", one.late ? make("span", { class: "tag missing" }, gettext("late")) : null, " ", make("small", {}, vouchedWords(one, now))));
  return make("section", {}, make("h2", {}, gettext("Witnesses outside")), rows ? make("ul", {}, rows) : make("p", {}, gettext("not known yet")));
}

function vouchedWords({ at_us: at, size }, now) {
  return at === null ? gettext("not known yet") : gettext("Vouched for {number} entries {age}", { number: size, age: age(at, now) });
}
