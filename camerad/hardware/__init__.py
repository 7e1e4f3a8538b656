"""What a hand touches and an eye sees: buttons, lights, loudspeaker, battery, the display's
process.

The daemon and the doctor import it; it imports `base`, `behaviour` and `config`. Begin with
`buttons` and `lights`; `from_settings` says which pin each is on.
"""
