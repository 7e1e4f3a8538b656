"""Points the ALSA library of PyAV to the system's files.

PyAV's wheels bring a libasound of their own, which looks for ALSA's configuration and plugins where
it was built, below /tmp/vendor: without the first it knows no device at all, not even one of the
kernel's, and every user can write to /tmp. The system has both (libasound2-data,
libasound2-plugins), and the library goes by these variables (alsa-lib, ``src/conf.c`` and
``src/dlmisc.c``).
"""

from __future__ import annotations

import os
import sysconfig
from typing import Final

CONFIGURATION: Final = "/usr/share/alsa"
_TRIPLET: Final = sysconfig.get_config_var("MULTIARCH") or ""
PLUGINS: Final = f"/usr/lib/{_TRIPLET}/alsa-lib"


def use_system() -> None:
    """Let libraries of this process use the system's; variables that are set stay as they are.

    Has to be called before the first device is opened.
    """
    os.environ.setdefault("ALSA_CONFIG_DIR", CONFIGURATION)
    os.environ.setdefault("ALSA_PLUGIN_DIR", PLUGINS)
