"""pip as it chooses packages on 64-bit ARM: ``pip_elsewhere.py VERSION ARGUMENT...``.

pip's options choose the files for another machine, but what a package needs *there* (its
environment markers) pip decides by the Python that it runs on. So this one says that it is CPython
VERSION (as 3.13.5) on that processor.
"""

from __future__ import annotations

import platform
import runpy
import sys
from typing import Final

MACHINE: Final = "aarch64"


def main() -> None:
    version = sys.argv.pop(1)
    platform.machine = lambda: MACHINE
    platform.python_version = lambda: version
    platform.python_version_tuple = lambda: tuple(version.split("."))
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
