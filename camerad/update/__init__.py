"""Updates of a card that was made from the image: installed by RAUC, tried once, kept or given up.

What is decided is in `camerad.behaviour.update`; docs/updates.md has the whole, with the order in
which things are written.
"""
