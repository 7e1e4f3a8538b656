// The way to the office's page: as whom somebody goes in there.

import { $, make } from "./dom.js";
import { words } from "./words.js";

/** Shows who can go in; nothing where there is no office. people: their ids. state: of its server. */
export function showOffice(people, state) {
  const place = $("office");
  $("office-way").hidden = people.length === 0;
  if (state !== "open") {
    place.replaceChildren(words().office[state] ?? "");
    return;
  }
  place.replaceChildren(
    `${words().office.enter} `,
    ...people.flatMap((id, number) => [
      number === 0 ? "" : " · ",
      make("a", { href: `/office/${id}`, target: "_blank", rel: "noopener", text: words().office.people[id] }),
    ]),
    ` ${words().office.key}`,
  );
}
