"""The desk: one page on which an office does its evidence work, and which cannot see footage.

The command imports it, and runs it beside the office's server, on a port of its own. It imports
`base`, `config`, `container`, `index`, `ledger`, `office`, `store` and `vault`. It has no key that
opens footage: what is decrypted is decrypted in the browser's tab (`camerad/office/player`).
Begin with `desk_server`, which lists the parts; `route_table` is the table of all that can be asked
for, with who may. See docs/desk.md.
"""
