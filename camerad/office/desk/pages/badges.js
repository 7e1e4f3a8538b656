// Badges: codes that say to a camera who wears it. The ids stay in this tab; the server keeps none.

import { post, RefusedError } from "./api.js";
import { field, fill, make, tell } from "./dom.js";
import { say, sentence } from "./words.js";

const MOST = 50;

/** Asks for wearer's ids, and shows the badges as they are printed. */
export function showBadges(main) {
  const ids = make("textarea", { name: "ids", rows: 6, required: true, autocomplete: "off", spellcheck: "false" });
  const sheet = make("div", { class: "badges" });
  const printer = make("button", { hidden: true, onclick: () => print() }, say("print"));
  fill(
    main,
    make("h1", {}, say("badges")),
    make("p", { class: "hint" }, say("badges_text")),
    make(
      "form",
      { class: "entry", onsubmit: (event) => { event.preventDefault(); draw(ids.value, sheet, printer); } },
      field(say("wearer_ids"), ids, say("wearer_ids_hint", { most: MOST })),
      make("div", { class: "buttons" }, make("button", { class: "main" }, say("show_badges")), printer, make("a", { class: "button", href: "#cameras" }, say("back_to_cameras"))),
    ),
    sheet,
  );
}

async function draw(text, sheet, printer) {
  const wearers = [...new Set(text.split(/\s+/).filter((one) => one !== ""))];
  if (wearers.length === 0 || wearers.length > MOST) return tell(say("refused_bad_wearer"), "wrong");
  try {
    const badges = await post("/api/badges", { wearers });
    fill(
      sheet,
      badges.map(({ wearer, svg }) =>
        make("figure", { class: "badge" }, make("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: say("badge_of", { wearer }) }), make("figcaption", {}, wearer)),
      ),
    );
    printer.hidden = false;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  }
}
