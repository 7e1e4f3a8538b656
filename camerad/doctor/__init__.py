"""Can this camera be handed out? Every part is tried, and every fault said in one sentence.

The command imports it; it imports every room below. Begin with `runner`; `findings` lists all that
a check can come to, `wording` has the sentences in each language. To add a check:
docs/development.md.
"""
