"""The camera's decisions: stages, gestures, lights, recovery. Pure functions over tables.

No I/O, no threads; time is an argument.

Imports `base`.

Begin with `stages`: `step(state, event, rules)` gives the new state and the effects. `events`
declares every condition, intent, event and cue: a new condition begins there. `tables` holds the
consequences of each. `gestures` turns edges of a button into intents. `signals` chooses the lights
for a state. Green blinks alike for several conditions; `scene.GRAVITY` orders them for the display.
"""
