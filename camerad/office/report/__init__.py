"""The report: figures on the use of the cameras, without personal data (O8).

Imports `base`, `behaviour`, `config`, `container`, `control`, `evidence`, `ledger`,
`office/state`, `store` and `transparency`.

Two kinds of signed readings are kept while things happen, since what they are taken from expires
within weeks: what cameras said of their counters (`camera_readings`), and what the office's ledger
added up to, epoch by epoch (`ledger_tallies`). `figures` makes a report of these and of nothing
else; `suppression` decides what of it may be shown; `report_page` and `report_table` write it, and
`report_statement` signs it and finds what was changed. docs/report.md explains the figures.
"""
