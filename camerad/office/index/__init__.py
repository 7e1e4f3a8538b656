"""The index of an office's directory: answers questions about recordings, and decides nothing.

Imports `base`, `container`, `evidence`, `ledger`, `office/state` and `store`.

Everything in it follows from files and ledgers: it is made again at any time (`camerad office
reindex`), and then gives the same answers byte for byte. Receiving and deletion never ask it. Begin
with `index`; `refresh` says what a row is made from, `camerad.office.state.index_tables` what it
has. See docs/office.md.
"""
