// Everything that can go wrong: a switch for what lasts, a button for what happens once.

import { $, make, mark } from "./dom.js";
import { ask, clock } from "./live.js";
import { say, words } from "./words.js";

/** Nobody leaves a camera broken for longer by closing a page. */
const LONGEST_SECONDS = 600;
/** The clock is set right by one fault of the clock that ends at once. */
const STEP = "clock_step";

export class Switchboard {
  constructor(board) {
    this.rows = board.faults.flatMap((fault) =>
      fault.on_button ? board.buttons.map(({ name }) => ({ ...fault, button: name })) : [fault],
    );
    this.switches = new Map();
    this.lasting = {};
  }

  speak() {
    const groups = new Map();
    this.switches.clear();
    for (const row of this.rows) {
      if (!groups.has(row.group)) groups.set(row.group, []);
      groups.get(row.group).push(this.row(row));
    }
    $("switchboard").replaceChildren(
      ...[...groups].map(([group, rows]) =>
        make("section", {}, make("h3", { text: say("groups", group) }), make("ul", {}, ...rows)),
      ),
    );
    this.show(this.lasting);
  }

  row(row) {
    const id = `fault-${row.name}${row.button ? `-${row.button}` : ""}`;
    const what = words().faultNames[row.name] ?? row.what;
    const label = make("span", { id, text: row.button ? `${say("buttons", row.button)} ${what}` : what });
    return make("li", {}, label, this.control(row, id));
  }

  control(row, label) {
    if (!row.lasts) {
      const trigger = make("button", { type: "button", class: "act", text: words().trigger, "aria-describedby": label });
      trigger.onclick = () => this.send(row, {});
      return trigger;
    }
    const toggle = make("button", { type: "button", class: "switch", role: "switch", "aria-labelledby": label });
    toggle.onclick = () => this.send(row, order(row, toggle.getAttribute("aria-checked") !== "true"));
    this.switches.set(row.button ? `${row.name} ${row.button}` : row.name, toggle);
    return toggle;
  }

  async send(row, more) {
    try {
      await ask("/api/fault", { name: row.name, ...(row.button ? { button: row.button } : {}), ...more });
      $("refused").hidden = true;
    } catch (error) {
      $("refused").textContent = words().refused(error.message);
      $("refused").hidden = false;
    }
  }

  /** `lasting`: media time in microseconds at which each ends. */
  show(lasting) {
    this.lasting = lasting;
    const nowUs = clock.nowUs();
    for (const [name, toggle] of this.switches) {
      mark(toggle, "aria-checked", String((lasting[name] ?? 0) > nowUs));
    }
  }
}

function order({ name }, on) {
  if (name === STEP) return on ? { seconds: 3600, lasts: LONGEST_SECONDS } : { seconds: 0, lasts: 0 };
  return { seconds: on ? LONGEST_SECONDS : 0 };
}
