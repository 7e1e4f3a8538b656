"""Many cameras that come to their office at once (docs/development.md, "A fleet").

================  ================================================================================
`endless_film`    fragments of any number, from a second of pictures that are encoded once
`cards`           a camera's card: its own key, its ledger, and recordings that it signed
`card_daemons`    the daemon's part in a hand-over, without a camera around it
`uploaders`       the production client, a process for each camera
`fleet_office`    the production server, and what it costs
`fleet_run`       all of them together, what interrupts them, and the table
================  ================================================================================
"""
