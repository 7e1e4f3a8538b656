// Requests for a viewing, where the office wants two: a supervisor approves, the person who asked sees it.

import { get, post } from "./api.js";
import { attempt, make, tell } from "./dom.js";
import { linked, rowsOf, smallId } from "./titles.js";
import { N_, gettext } from "./words.js";

/** What waits: one's own, and a supervisor's all. */
export async function showRequests({ me, again }) {
  const found = await get("/api/viewing-requests");
  const rows = await rowsOf([...new Set(found.flatMap((one) => one.recordings))]);
  return [
    make("h1", {}, gettext("Requests")),
    make("p", { class: "hint" }, gettext("Where the office wants two people for a viewing, a supervisor approves it, for three days. No person approves their own request.")),
    found.length === 0 ? make("p", {}, gettext("none")) : null,
    make("ul", { class: "people" }, found.map((one) => draw(one, rows, me, again))),
  ];
}

function draw(one, rows, me, again) {
  const approves = me.roles.includes("supervisor") && one.person !== me.id && !one.approved_by;
  return make(
    "li",
    { class: "card" },
    make("h2", {}, one.person, " ", make("small", {}, gettext(one.purpose === "view" ? N_("View") : N_("Save the sealed file")))),
    make(
      "dl",
      {},
      make("dt", {}, gettext("Recording")),
      one.recordings.map((id) => make("dd", {}, linked(id, rows[id]), smallId(id))),
      make("dt", {}, gettext("Reason")),
      make("dd", {}, one.reason),
      make("dt", {}, gettext("File number")),
      make("dd", {}, one.case || gettext("without a case")),
    ),
    make("p", {}, one.approved_by ? gettext(one.recordings.length > 1 ? N_("Approved by {who}, all together. It is good once: make the package in the case, with this reason and exactly these recordings.") : N_("Approved by {who}. It is good for one viewing: open the recording, with this reason and this case."), { who: one.approved_by }) : gettext("It waits for a supervisor.")),
    approves ? make("div", { class: "buttons" }, make("button", { onclick: () => approve(one, again) }, one.recordings.length > 1 ? gettext("Approve all {count}", { count: one.recordings.length }) : gettext("Approve"))) : null,
  );
}

async function approve(one, again) {
  await attempt(async () => {
    await post("/api/viewing-requests/approve", { name: one.name });
    tell(gettext("It is approved, and written down."));
    await again();
  });
}
