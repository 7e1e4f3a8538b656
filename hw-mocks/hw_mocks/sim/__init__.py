"""bodycam-sim: a body camera without a body camera.

The production daemon, unchanged, on simulated hardware; and that hardware as a web page for people
and as JSON for programs.
"""

from __future__ import annotations


class SimError(Exception):
    """Error raised when the simulator cannot start; one line for a person, and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
