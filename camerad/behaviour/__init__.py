"""What the camera decides: stages, gestures, lights, recovery. Pure functions over tables.

No I/O, no threads; time is an argument.

Imported by `capture`, `cli`, `config`, `control`, `daemon`, `desk`, `dock`, `doctor`, `hardware`,
`office`, `recording`, `selfview`, `stream`, `update` and `vault`. Imports `base`.

Begin with `stages`: `step(state, event, rules)` gives the new state and the effects. `events`
declares every condition, intent, event and cue: a new condition begins there. `tables` says what
follows from each. `gestures` turns edges of a button into intents. `signals` says what the lights
show for a state. Green blinks alike for several conditions; `scene.GRAVITY` says which of them the
display tells first.
"""
