// The course: a guided first minute, exercises that an address names, and a protocol to print.
//
// ?scenario=NAME opens an exercise; it begins when somebody presses its button. Steps tick themselves
// off by what the camera did. Nothing of it is sent anywhere or kept, and the protocol has no names.

import { wayTo } from "./buttons.js";
import { courseWords as words } from "./course-texts.js";
import { $, make, mark, write } from "./dom.js";
import { Exercise, Facts, OTHERWISE, RIGHT } from "./exercise.js";
import { ask, clock } from "./live.js";
import { SCENARIOS } from "./scenarios.js";
import { records } from "./telling.js";
import { dateTime, number, spoken } from "./words.js";

/** What is to be done in a step, with the time that there is for it. */
const task = ({ id, steps }, place) =>
  words().scenarios[id].steps[place].replace("{within}", number(steps[place].within ?? 0, 0));

/** What a hand has to do for a fact: in which stage, and by which intents. */
const WAYS = {
  self_view: ["idle", (intent) => ["escalate", "self_view", "toggle_self_view", "display"].includes(intent)],
  mark: ["recording", (intent) => ["mark", "escalate"].includes(intent)],
  stopped: ["recording", (intent) => intent === "stop"],
  muted: ["recording", (intent) => ["toggle_mute", "sound"].includes(intent)],
  unmuted: ["recording", (intent) => ["toggle_mute", "sound"].includes(intent)],
};

export class Course {
  constructor(board) {
    this.buttons = board.buttons;
    this.facts = new Facts();
    const { sound, may_mute: mayMute } = board.policy;
    this.scenarios = SCENARIOS.filter((one) => !one.mutes || (sound && mayMute));
    this.exercise = null;
    this.chosen = null;
    this.timers = [];
    this.faults = [];
    this.choices = make("ul", { class: "scenarios" });
    this.title = make("h3", { id: "scenario-name" });
    this.about = make("p");
    this.steps = make("ol", { class: "steps" });
    this.told = make("p", { role: "status", id: "course-told" });
    this.question = make("div", { class: "question", role: "group" });
    this.begin = make("button", { type: "button", class: "act first", id: "course-begin" });
    this.begin.onclick = () => this.start();
    this.end = make("button", { type: "button", class: "act", id: "course-end" });
    this.end.onclick = () => this.stop();
    this.helps = make("button", { type: "button", class: "act", id: "course-help" });
    this.helps.onclick = () => this.help();
    this.print = make("button", { type: "button", class: "act", id: "course-print" });
    this.print.onclick = () => window.print();
    this.protocol = make("div", { id: "protocol" });
    $("course").append(
      this.choices,
      make("div", { id: "exercise" }, this.title, this.about, this.steps, this.question, this.told),
      make("div", { class: "doing" }, this.begin, this.helps, this.end, this.print),
      this.protocol,
    );
    addEventListener("pagehide", () => this.release());
    const named = new URLSearchParams(location.search).get("scenario");
    if (named !== null) {
      $("course").closest("details").open = true;
      this.chosen = this.scenarios.find((one) => one.id === named) ?? null;
      this.unknown = this.chosen === null ? named : null;
    }
    this.speak();
  }

  speak() {
    const text = words();
    write($("course-name"), text.name);
    this.choices.replaceChildren(
      ...this.scenarios.map((one) => {
        const choice = make("button", { type: "button", class: "choice", id: `scenario-${one.id}`, text: text.scenarios[one.id].title });
        mark(choice, "aria-pressed", String(one === this.chosen));
        choice.onclick = () => this.choose(one);
        return make("li", {}, choice);
      }),
    );
    write(this.begin, text.begin);
    write(this.end, text.end);
    write(this.helps, text.help);
    write(this.print, text.print);
    this.show();
  }

  choose(one) {
    this.stop();
    this.exercise = null;
    this.unknown = null;
    this.chosen = one;
    this.speak();
  }

  start() {
    this.stop();
    this.exercise = new Exercise(this.chosen, clock.nowUs());
    this.began = new Date();
    this.enter();
    this.show();
  }

  /** End the exercise and all that went wrong for it; what was done stays to be read. */
  stop() {
    if (this.exercise !== null && this.exercise.step !== undefined) this.exercise.ended = true;
    this.release();
    this.show();
  }

  release() {
    for (const timer of this.timers) clearTimeout(timer);
    for (const fault of this.faults) this.mend(fault);
    this.timers = [];
    this.faults = [];
  }

  mend(fault) {
    ask("/api/fault", { ...fault, seconds: 0 }).catch((error) => write(this.told, words().faultLeft(error.message)));
  }

  /** Whether an exercise is the one that is played, and not over. */
  plays(exercise) {
    return exercise === this.exercise && !exercise.ended && exercise.step !== undefined;
  }

  /** A step begins, and with it what goes wrong in it. */
  enter() {
    const fault = this.exercise.step?.fault;
    if (fault === undefined) return;
    const { after, seconds, ...order } = fault;
    this.timers.push(setTimeout(() => this.fail(order, seconds), after * 1000));
  }

  async fail(order, seconds) {
    const { exercise } = this;
    try {
      const { until_us: lasts } = await ask("/api/fault", { ...order, seconds });
      if (lasts === undefined) return;
      // The exercise may have ended while the order was on its way.
      if (this.plays(exercise)) this.faults.push(order);
      else this.mend(order);
    } catch (error) {
      write(this.told, words().faultFailed(error.message));
    }
  }

  take(facts) {
    const { exercise } = this;
    if (exercise === null || exercise.ended) return;
    for (const fact of facts) {
      if (exercise.take(fact)) this.advanced();
    }
  }

  advanced() {
    if (this.exercise.step === undefined) this.release();
    else this.enter();
    this.show();
  }

  /** What is kept back now: {ways, causes}. */
  get veil() {
    const { exercise } = this;
    return exercise === null || exercise.ended ? {} : exercise.veil;
  }

  /** Show how the step is done that is to be done now. */
  help() {
    this.exercise.help();
    this.show();
  }

  /** How a step is done, in words; "" where a hand can do nothing for it. */
  way({ wants, from, ask: question, right }) {
    if (question !== undefined) return words().questions[question].answers[right];
    if (wants === "recording" && from !== "starting") {
      const stage = from ?? "idle";
      return wayTo(this.buttons, stage, (intent) => records(intent, stage));
    }
    return wants in WAYS ? wayTo(this.buttons, ...WAYS[wants]) : "";
  }

  answer(place) {
    if (this.exercise.answer(place, clock.nowUs())) this.advanced();
  }

  show() {
    const text = words();
    const { chosen, exercise } = this;
    const runs = exercise !== null && !exercise.ended && exercise.step !== undefined;
    $("exercise").hidden = chosen === null && !this.unknown;
    this.begin.hidden = chosen === null || runs;
    this.end.hidden = !runs;
    this.print.hidden = exercise === null || runs;
    const { veil } = this;
    // What an answer is asked for is not shown before; how a hand does it is, to whoever asks.
    this.helps.hidden = !runs || !veil.ways || exercise.helped || exercise.step.ask !== undefined || this.way(exercise.step) === "";
    mark(document.body, "data-veil", Object.keys(veil).filter((one) => veil[one]).join(" "));
    $("course").dataset.runs = String(runs);
    this.title.hidden = chosen === null;
    write(this.title, chosen === null ? "" : text.scenarios[chosen.id].title);
    write(this.about, this.unknown ? text.unknown(this.unknown) : chosen === null ? "" : text.scenarios[chosen.id].about);
    this.steps.replaceChildren(...(chosen === null ? [] : chosen.steps.map((step, place) => this.step(step, place, runs))));
    this.ask(runs ? exercise.step : undefined);
    write(this.told, this.says(runs));
    this.protocol.replaceChildren(...(exercise === null || runs ? [] : this.protocolled()));
  }

  step(step, place, runs) {
    const text = words();
    const done = this.exercise?.results[place];
    // Its own number, also where it is the only one that is shown.
    const line = make("li", { value: place + 1, class: done ? done.result : "" }, make("span", { text: task(this.chosen, place) }));
    if (done) line.append(make("strong", { text: ` ${text.results[done.result]}` }));
    const now = runs && place === this.exercise.results.length;
    if (now) mark(line, "aria-current", "step");
    const way = this.way(step);
    if (way !== "" && ((done && done.result !== RIGHT) || (now && this.exercise.helped))) {
      line.append(make("span", { class: "way", text: ` ${text.rightIs(way)}` }));
    }
    return line;
  }

  ask(step) {
    if (step?.ask === undefined) {
      this.question.replaceChildren();
      this.asked = null;
      return;
    }
    const { question, answers } = words().questions[step.ask];
    const asked = `${step.ask} ${spoken()}`;
    if (asked === this.asked) return;
    this.asked = asked;
    mark(this.question, "aria-label", question);
    this.question.replaceChildren(
      make("p", { text: question }),
      ...answers.map((answer, place) => {
        const button = make("button", { type: "button", class: "act", text: answer });
        button.onclick = () => this.answer(place);
        return button;
      }),
    );
  }

  says(runs) {
    const text = words();
    if (this.exercise === null) return "";
    const { results, scenario: played } = this.exercise;
    if (runs) return text.progress(results.length, played.steps.length);
    const good = played.guided ? [RIGHT, OTHERWISE] : [RIGHT];
    const right = results.filter((one) => good.includes(one.result)).length;
    const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
    return (played.guided ? text.overGuided : text.over)(right, played.steps.length, number(seconds, 0));
  }

  /** What was asked, and how it came out; nobody's name. */
  protocolled() {
    const text = words();
    const { results, scenario: played } = this.exercise;
    const told = text.scenarios[played.id];
    const rows = played.steps.map((step, place) => {
      const done = results[place];
      const answer = done?.answer === undefined ? "" : ` ${text.answered(text.questions[step.ask].answers[done.answer])}`;
      const way = done && done.result !== RIGHT ? this.way(step) : "";
      const right = way === "" ? "" : ` ${text.rightIs(way)}`;
      return make(
        "tr",
        {},
        make("td", { text: String(place + 1) }),
        make("td", { text: task(played, place) + answer + right }),
        make("td", { text: done ? text.results[done.result] : text.notDone }),
        make("td", { text: done ? text.took(number(done.seconds)) : "" }),
      );
    });
    return [
      make("h3", { text: text.protocol(told.title) }),
      make("p", { text: dateTime(this.began) }),
      make(
        "table",
        {},
        make("thead", {}, make("tr", {}, ...text.columns.map((column) => make("th", { scope: "col", text: column })))),
        make("tbody", {}, ...rows),
      ),
      make("p", { class: "notes", text: text.notes }),
    ];
  }

  /** The news of the camera, as live.js hands them on. */
  state(next, atUs) {
    this.take(this.facts.state(next, atUs));
  }

  felt(atUs) {
    this.take(this.facts.felt(atUs));
  }

  desk(told, atUs) {
    this.take(this.facts.desk(told, atUs));
  }
}
