"""Carries encoded pictures and sound from the capture process into the controller's locked memory.

Imports `base`, `behaviour` and `container`.

Begin with `ring`, the only queue between encoder and card, and `link`, which keeps a capture
process running. `desired_state` is what the daemon wants of the camera.
"""
