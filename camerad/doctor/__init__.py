"""Can this camera be handed out? Every part is tried, and every fault said in one sentence.

The command imports it; it may import every package below. Begin with `runner`; `checks` lists the
checks, `check_results` all findings that a check can come to, and `wording` has the sentences in
each language. To add a check: docs/development.md.
"""
