"""The control socket, both ends: HTTP on a Unix socket.

The daemon serves it, the command and the doctor ask; it imports `base`, `behaviour`, `config`,
`container` and `store`. Begin with `server`, which lists the requests; `access` says who may do
what, `client` is the other end.
"""
