// Badges: codes that say to a camera who wears it. The ids stay in this tab; the server keeps none.

import { post } from "./api.js";
import { attempt, field, fill, make, tell } from "./dom.js";
import { gettext } from "./words.js";

const MOST = 50;

/** Asks for wearer's ids, and shows the badges as they are printed. */
export function showBadges() {
  const ids = make("textarea", { name: "ids", rows: 6, required: true, autocomplete: "off", spellcheck: "false" });
  const sheet = make("div", { class: "badges" });
  const printer = make("button", { hidden: true, onclick: () => print() }, gettext("Print"));
  return [
    make("h1", {}, gettext("Badges")),
    make("p", { class: "hint" }, gettext("A person who takes a camera out of its dock and holds a badge up to it begins a shift. A badge proves nothing about who holds it. The ids are not kept.")),
    make(
      "form",
      { class: "entry", onsubmit: (event) => { event.preventDefault(); draw(ids.value, sheet, printer); } },
      field(gettext("Wearer's ids"), ids, gettext("One a line, at most {most}: 1 to 32 letters, digits, dots, dashes or underscores. No names.", { most: MOST })),
      make("div", { class: "buttons" }, make("button", { class: "main" }, gettext("Show badges")), printer, make("a", { class: "button", href: "#cameras" }, gettext("Back to the cameras"))),
    ),
    sheet,
  ];
}

async function draw(text, sheet, printer) {
  const wearers = [...new Set(text.split(/\s+/).filter((one) => one !== ""))];
  if (wearers.length === 0 || wearers.length > MOST) {
    tell(gettext("An id has 1 to 32 letters, digits, dots, dashes or underscores, and both ends are letters or digits. At most 50 at once."), "wrong");
    return;
  }
  await attempt(async () => {
    const badges = await post("/api/badges", { wearers });
    fill(
      sheet,
      badges.map(({ wearer, svg }) =>
        make("figure", { class: "badge" }, make("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: gettext("Badge of {wearer}", { wearer }) }), make("figcaption", {}, wearer)),
      ),
    );
    printer.hidden = false;
  });
}
