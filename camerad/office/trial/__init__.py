"""A pilot from which something follows: shifts drawn by lot, forms, and one report at its end.

Imports `base`, `config`, `container`, `evidence`, `ledger`, `office/report` and
`office/state`.

Pure are the plan (`trial_plan`), the draw (`draw`), the analysis (`analysis`), what is noted
(`records`) and the figures (`trial_figures`). `trials` keeps them in the office's state, with
entries of its ledger; `trial_report` writes and checks the report. docs/trial.md explains it.
"""
