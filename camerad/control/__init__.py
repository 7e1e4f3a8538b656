"""Status, presses, shifts, offload and metrics of a running camera, through a Unix socket.

HTTP, both ends: the daemon serves it, the others ask.

Imports `base`, `behaviour`, `config`, `container`, `provisioning`, `store`, `transparency` and
`update`.

Begin with `server`, which lists the requests; `access` says who may do what, `client` is the other
end.
"""
