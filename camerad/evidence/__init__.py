"""The work of an office's computers without a server: offload, open, export, provision.

Imports `base`, `behaviour`, `config`, `container`, `ledger`, `provisioning`, `recording`, `store`,
`stream`, `transparency` and `verify`.

It needs no camera's libraries, and none of the server's. Begin with `offload` and `export`;
`decrypt` opens recordings, with `remux` under it: no other Python module at the office sees footage
in the clear. `player` has the modules that open recordings in a browser's tab. `provisioning_files`
makes the file that sets a camera up, `camera_register` knows the office's cameras, and
`office_key_file` the office's key. `redaction` makes copies of recordings with parts masked.
"""
