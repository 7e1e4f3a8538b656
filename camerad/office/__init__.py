"""An office's own work: offload, open and export recordings, and provision cameras.

Imported by `cli`, `desk`, `index` and `vault`. Imports `base`, `behaviour`, `config`, `container`,
`control`, `ledger`, `provisioning`, `store`, `stream` and `verify`.

It needs no camera's libraries. The office's server is not here but in `vault`. Begin with `offload`
and `export`; `decrypt` opens recordings, with `remux` under it: no other Python
module at the office sees footage in the clear. `player` has the modules that open recordings in a
browser's tab. `provisioning_files` makes the file that sets a camera up, `camera_register` knows
the office's cameras, and `own_key` is the office's own key.
"""
