"""Prepares the daemon's display process before its first line; see `hw_mocks.framebuffer`.

The daemon starts it by name, so the simulator puts this folder at the end of PYTHONPATH, where the
interpreter looks for a module of this name (the `site` module of Python).
"""

import sys

if "camerad.selfview" in sys.orig_argv:
    from hw_mocks import framebuffer

    framebuffer.install_from_environment()
