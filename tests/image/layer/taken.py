#!/opt/camerad/bin/python3
"""In the guest, in the place of update-try: waits until the camera is out of its dock.

In the box that update-try has as well, so who takes it out is somebody else (`scenario.put_in`).
What is said then is said by update-try itself, of which there is a copy in /run.
"""

from __future__ import annotations

import os

from scenario import TAKEN, conditions, wait

TAKEN.touch()
wait(lambda: None if "docked" in conditions() else True, "not in its dock")
os.execv("/bin/sh", ["sh", "/run/update-try"])  # noqa: S606 - it is the rest of this program
