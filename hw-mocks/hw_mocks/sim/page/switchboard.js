// Everything that can go wrong: a switch for what lasts, a button for what happens once. And the dock.

import { $, make, mark, write } from "./dom.js";
import { ask, clock, link, Unreachable } from "./live.js";
import { number, plain, say, words } from "./words.js";

/** Nobody leaves a camera broken for longer by closing a page. */
const LONGEST_SECONDS = 600;
/** A camera in its dock is not broken. It stands apart, and stays there until it is taken out. */
const DOCK = "docked";
const DOCK_SECONDS = 3600;
/** The clock is set right by one fault of the clock that ends at once. */
const STEP = "clock_step";

export class Switchboard {
  constructor(board) {
    this.rows = board.faults.flatMap((fault) =>
      fault.on_button ? board.buttons.map(({ name }) => ({ ...fault, button: name })) : [fault],
    );
    this.switches = new Map();
    this.lasting = {};
    $("all-off").onclick = () => this.allOff();
  }

  speak() {
    const groups = new Map();
    this.switches.clear();
    for (const row of this.rows) {
      if (row.name === DOCK) continue;
      if (!groups.has(row.group)) groups.set(row.group, []);
      groups.get(row.group).push(this.row(row));
    }
    $("switchboard").replaceChildren(
      ...[...groups].map(([group, rows]) =>
        make("section", {}, make("h3", { id: `group-${group}`, text: say("groups", group) }), make("ul", {}, ...rows)),
      ),
    );
    $("dock").replaceChildren(...this.rows.filter((row) => row.name === DOCK).map((row) => this.row(row)));
    this.show(this.lasting);
  }

  row(row) {
    const text = words();
    const id = `fault-${row.name}${row.button ? `-${row.button}` : ""}`;
    const what = text.faultNames[row.name] ?? plain(row.what);
    const label = make("span", { id, text: row.button ? `${say("buttons", row.button)} ${what}` : what });
    const [told, act] = text.faultTells[row.name] ?? ["", ""];
    const expect = typeof told === "function" ? told(...row.within.map((seconds) => number(seconds, 0))) : told;
    const tells = make("p", { id: `${id}-tells`, class: "tells" }, make("span", { text: expect }), " ", make("strong", { text: act }));
    return make("li", {}, make("div", {}, label, tells), this.control(row, id));
  }

  control(row, label) {
    // Its full name: what it happens to, and what that does.
    const name = { "aria-labelledby": row.name === DOCK ? label : `group-${row.group} ${label}`, "aria-describedby": `${label}-tells` };
    if (!row.lasts) {
      const trigger = make("button", { type: "button", id: `${label}-do`, class: "act", text: words().trigger, ...name });
      mark(trigger, "aria-labelledby", `${label}-do ${name["aria-labelledby"]}`);
      trigger.onclick = () => this.send(row, {});
      return trigger;
    }
    const toggle = make("button", { type: "button", class: "switch", role: "switch", ...name });
    toggle.onclick = () => this.send(row, order(row, toggle.getAttribute("aria-checked") !== "true"));
    this.switches.set(key(row), toggle);
    return toggle;
  }

  /** Put the camera into its dock, whose charger starts one that is off. */
  async intoDock() {
    const row = this.rows.find(({ name }) => name === DOCK);
    // In a dock that did not start it, it has to be taken out first.
    if (this.switches.get(key(row)).getAttribute("aria-checked") === "true") await this.send(row, order(row, false));
    await this.send(row, order(row, true));
  }

  /** Switch everything off that lasts, and say nothing of what is off. */
  async allOff() {
    const on = this.rows.filter((row) => row.name !== DOCK && this.switches.get(key(row))?.getAttribute("aria-checked") === "true");
    for (const row of on) await this.send(row, order(row, false));
  }

  async send(row, more) {
    const refused = $("refused");
    try {
      await ask("/api/fault", { name: row.name, ...(row.button ? { button: row.button } : {}), ...more });
      refused.hidden = true;
    } catch (error) {
      const text = words();
      write(refused, error instanceof Unreachable ? text.unreachable : text.refused(plain(error.message)));
      refused.hidden = false;
    }
  }

  /** `lasting`: media time in microseconds at which each ends. */
  show(lasting) {
    this.lasting = lasting;
    const nowUs = clock.nowUs();
    let on = 0;
    for (const [name, toggle] of this.switches) {
      const lasts = link.known && (lasting[name] ?? 0) > nowUs;
      if (lasts && name !== DOCK) on += 1;
      mark(toggle, "aria-checked", String(lasts));
      mark(toggle, "aria-disabled", String(!link.known));
    }
    mark($("all-off"), "aria-disabled", String(on === 0));
    write($("faults-on"), on === 0 ? "" : words().faultsOn(on));
  }
}

/** As bodycam-sim names what lasts. */
const key = ({ name, button }) => (button ? `${name} ${button}` : name);

function order({ name }, on) {
  if (name === STEP) return on ? { seconds: 3600, lasts: LONGEST_SECONDS } : { seconds: 0, lasts: 0 };
  return { seconds: on ? (name === DOCK ? DOCK_SECONDS : LONGEST_SECONDS) : 0 };
}
