"""What an office does: take recordings over, open and export them, set cameras up.

The command imports it. It imports nothing that needs a camera's libraries, and never `daemon`.
Begin with `offload` and `export`; `decrypt` is the only place that sees footage in the clear.
`provisioning_files` makes the file that sets a camera up, `camera_register` knows the office's
cameras.
"""
