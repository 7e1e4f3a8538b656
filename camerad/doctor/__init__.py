"""Can this camera be handed out? Every part is tried, and every fault said in one sentence.

Imported by `cli`. Imports `base`, `behaviour`, `capture`, `config`, `container`, `control`,
`daemon`, `dock`, `hardware`, `ledger`, `store` and `stream`.

Begin with `runner`; `checks` lists the checks, `check_results` all findings that a check can come
to, and `wording` has the sentences in each language. To add a check: docs/development.md.
"""
