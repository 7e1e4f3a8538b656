// The exercises, as data: what is asked, what goes wrong meanwhile, and what a right answer is.
//
// A step is done by what really happened: `wants` names a fact of exercise.js; what else it says must
// be so, too, for the step to be right, else it was done another way. A step with `ask` is done by
// an answer; course-texts.js has the question and its answers under that name, and `right` is the
// place of the right one. `unless`: a fact by which the step is passed over. `guided`: the camera may tell
// everything. `name`: of "felt", the condition that holds when a rhythm is over. `within`: seconds from the step before; later is late, and the task's
// words say so: {within} in them. `mutes`: only where the policy lets the wearer switch the sound off. `fault`: what
// happens `after` so many seconds of the step; it lasts `seconds`, and ends with the exercise.

export const SCENARIOS = [
  {
    id: "minute",
    guided: true,
    steps: [
      { wants: "self_view", unless: "recording" },
      { wants: "recording" },
      { wants: "mark", unless: "stopped" },
      { wants: "stopped" },
      { wants: "opened" },
    ],
  },
  {
    id: "sudden",
    steps: [{ wants: "recording", from: "idle", within: 5 }, { wants: "stopped", within: 30 }],
  },
  {
    id: "marks",
    steps: [
      { wants: "self_view", unless: "recording" },
      { wants: "recording", from: "self_view" },
      { wants: "mark", unless: "stopped" },
      { wants: "mark", unless: "stopped" },
      { wants: "stopped" },
      { wants: "verified" },
    ],
  },
  {
    id: "muting",
    mutes: true,
    steps: [
      { wants: "recording" },
      { wants: "muted" },
      { ask: "muting", answers: 3, right: 2, within: 20 },
      { wants: "unmuted" },
      { wants: "stopped" },
    ],
  },
  {
    id: "full",
    steps: [
      { wants: "condition", name: "storage_full", fault: { name: "disk_full", after: 0, seconds: 300 } },
      { ask: "full", answers: 3, right: 0, within: 20 },
    ],
  },
  {
    id: "silent",
    steps: [
      { wants: "recording" },
      { wants: "felt", name: "microphone_down", fault: { name: "microphone_gone", after: 4, seconds: 60 } },
      { ask: "silent", answers: 3, right: 1, within: 20 },
      { wants: "stopped" },
    ],
  },
  {
    id: "light",
    steps: [
      { wants: "recording" },
      { wants: "felt", name: "light_down", fault: { name: "light_dead", light: "red", after: 4, seconds: 60 } },
      { ask: "light", answers: 3, right: 2, within: 20 },
      { wants: "stopped" },
    ],
  },
  {
    id: "cut",
    steps: [
      { wants: "recording" },
      { wants: "recording", from: "starting", fault: { name: "daemon_killed", after: 4, seconds: 1 } },
      { ask: "cut", answers: 3, right: 1, within: 20 },
      { wants: "stopped" },
      { wants: "verified" },
    ],
  },
];

export const scenario = (id) => SCENARIOS.find((one) => one.id === id);
