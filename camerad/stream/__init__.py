"""Encoded pictures and sound, from the capture process into locked memory.

The daemon, the recorder and the children import it; it imports `base`, `behaviour` and `container`.
Begin with `ring`, the only queue between encoder and card, and `link`, which keeps a capture
process running. `desired_state` is what the daemon wants of the camera.
"""
