"""The way of encoded pictures and sound from the capture process to the controller's locked memory.

The daemon, the children and packages that work with encoded footage import it; it imports `base`,
`behaviour` and `container`. Begin with `ring`, the only queue between encoder and card, and `link`,
which keeps a capture process running. `desired_state` is what the daemon wants of the camera.
"""
