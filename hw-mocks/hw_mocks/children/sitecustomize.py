"""Prepares processes of the daemon before their first line: the display's (`hw_mocks.framebuffer`),
and the camera's where the camera is libcamera's virtual one (`hw_mocks.virtualcamera`).

The daemon starts them by name, so the simulator puts this folder at the end of PYTHONPATH, where
the interpreter looks for a module of this name (the `site` module of Python).
"""

import os
import sys

if "camerad.selfview" in sys.orig_argv:
    from hw_mocks import framebuffer

    framebuffer.install_from_environment()
elif "camerad.capture" in sys.orig_argv and "VIRTUAL_CAMERAS" in os.environ:
    from hw_mocks import virtualcamera

    virtualcamera.answer_raw()
