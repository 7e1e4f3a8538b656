"""The ALSA library that is used finds devices where nobody has prepared its environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from camerad.capture import microphone

OPEN = """
from camerad.capture.microphone import AlsaDevice
from camerad.capture.capture_settings import SoundSettings
AlsaDevice(SoundSettings("null", 8000, 1, 16_000)).close()
"""


def test_a_device_of_alsa_s_own_configuration_is_opened_in_a_bare_environment() -> None:
    # As a service has it. "null" is defined in the configuration that every system has, and needs
    # no hardware; the simulated microphone brings a configuration of its own.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ALSA_")}
    opened = subprocess.run(
        [sys.executable, "-c", OPEN],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert opened.returncode == 0, opened.stderr


def test_what_somebody_has_named_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALSA_CONFIG_DIR", "/elsewhere")
    monkeypatch.delenv("ALSA_PLUGIN_DIR", raising=False)
    microphone.use_system()
    assert os.environ["ALSA_CONFIG_DIR"] == "/elsewhere"
    assert os.environ["ALSA_PLUGIN_DIR"].endswith("/alsa-lib")
