"""Tests every part of a camera before it is handed out, and reports every fault in one sentence.

Imports `base`, `behaviour`, `capture`, `config`, `container`, `control`, `daemon`, `dock`,
`hardware`, `ledger`, `store` and `stream`.

Begin with `runner`; `checks` lists the checks, `check_results` all findings that a check can come
to, and `sentences` has what each says. To add a check: docs/development.md.
"""
