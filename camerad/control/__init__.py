"""Status, presses, shifts, offload and metrics of a running camera, through a Unix socket.

HTTP, both ends: the daemon serves it, the command and the doctor ask. It imports `base`,
`behaviour`, `config`, `container` and `store`. Begin with `server`, which lists the requests;
`access` says who may do what, `client` is the other end.
"""
