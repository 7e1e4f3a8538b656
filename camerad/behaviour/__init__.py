"""What the camera decides: stages, gestures, lights, recovery. Pure functions over tables.

No I/O, no threads; time is an argument. Anyone above may import it; it imports only `base`. Begin
with `stages`: `step(state, event, rules)` gives the new state and the effects. `gestures` turns
edges of a button into intents, and `signals` says what the lights show for a state.
"""
