"""Hardware drivers for the wearer's controls and the gauges: buttons, lights, loudspeaker, battery,
temperature. It also starts the processes of the display and of the badge reader.

Imports `base`, `behaviour` and `config`.

Begin with `buttons` and `lights`; `from_settings` says which pin each is on.
"""
