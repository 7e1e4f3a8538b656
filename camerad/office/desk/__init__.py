"""The desk: the page on which an office does its evidence work. Its server cannot open footage.

The command runs it in the office's server, on a separate port.

Imports `base`, `behaviour`, `config`, `container`, `evidence`, `exchange`, `ledger`,
`office/index`, `office/report`, `office/server`, `office/state`, `office/trial`, `provisioning`,
`store` and `transparency`.

It has no key that opens footage: what is decrypted is decrypted in the browser's tab
(`camerad/evidence/player`). Begin with `desk_server`, which lists the parts; `route_table` is the
table of all that can be asked for, with who may. Three folders are for the browser: `pages` is the
page, `access_page` answers requests for access, and `package_maker` makes packages for the
prosecutor in the tab. See docs/desk.md.
"""
