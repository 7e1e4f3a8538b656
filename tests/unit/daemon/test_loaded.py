"""What a camera's processes have not loaded when they are ready: nobody has asked for it."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from hw_mocks.office import DEMONSTRATION_RECIPIENT
from hw_mocks.world import WorldThread

from tests.system.harness import configuration

NOT_IN_CONTROLLER: Final = {
    "numpy",
    "cv2",
    "av",
    "picamera2",
    "libcamera",
    "aiohttp",
    "multidict",
    "yarl",
    "typing_extensions",
    "importlib_metadata",
}
NOT_IN_CAPTURE: Final = {
    "PIL",
    "piexif",
    "pidng",
    "simplejpeg",
    "cv2",
    "aiohttp",
    "asyncio",
    "cryptography",
    "gpiozero",
    "typing_extensions",
    "pyrage",
    "yaml",
}
NOT_IN_SELFVIEW: Final = NOT_IN_CAPTURE - {"cv2"} | {"av", "picamera2"}
"""Each takes from 1 to 12 MB (docs/architecture.md)."""

RUN: Final = """
import os, signal, socket, sys, threading
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(os.environ["NOTIFY_SOCKET"])
manager.settimeout(50)

def look():
    try:
        while not manager.recv(4096).startswith(b"READY=1"):
            pass
        print(*sys.modules, flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=look, daemon=True).start()
sys.argv[1:] = ["run", "--config", sys.argv[1]]
from camerad.__main__ import main
sys.exit(main())
"""
IMPORT: Final = """
import sys
from camerad.capture import __main__, stills
stills.stand_in()
with stills.left_out():
    import camerad.capture.camera
import camerad.capture.microphone
print(*sys.modules)
"""


def test_a_controller_that_is_ready_has_loaded_no_more_than_it_needs(tmp_path: Path) -> None:
    path = configuration(
        tmp_path,
        recipients=[DEMONSTRATION_RECIPIENT],
        device={
            "state_dir": str(tmp_path / "state"),
            "runtime_dir": str(tmp_path / "run"),
            "socket_group": grp.getgrgid(os.getgid()).gr_name,
        },
        self_view={"driver": "none"},
        microphone={"enabled": False},
        clock={"synchronised": str(tmp_path / "synchronised")},
    )
    with WorldThread(tmp_path / "world.sock"):
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(path)],
            env={
                **os.environ,
                "GPIOZERO_PIN_FACTORY": "simulated",
                "HW_MOCKS_WORLD": str(tmp_path / "world.sock"),
                "NOTIFY_SOCKET": str(tmp_path / "notify.sock"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    loaded = set(done.stdout.split())
    assert "camerad.recording.recorder" in loaded, done.stderr
    assert not NOT_IN_CONTROLLER & loaded


def test_the_capture_process_has_loaded_no_more_than_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"picamera2", "av", "numpy"} <= loaded
    assert not NOT_IN_CAPTURE & loaded


def test_the_selfview_process_has_loaded_no_more_than_it_needs() -> None:
    code = "import sys, camerad.selfview.viewer\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "cv2" in loaded
    assert not NOT_IN_SELFVIEW & loaded


def test_a_camera_asks_for_no_list_of_pin_libraries_before_it_remembers_a_press() -> None:
    code = (
        "import sys\n"
        "from camerad.base.backports import without_backports\n"
        "with without_backports():\n"
        "    import camerad.cli.main, camerad.config, camerad.daemon.early_start\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gpiozero.devices" in loaded
    assert not {"importlib.metadata", "importlib_metadata", "zipfile", "email"} & loaded


def test_what_is_kept_out_can_be_loaded_afterwards() -> None:
    code = (
        "import sys\n"
        "from camerad.base.backports import BACKPORTS, without_backports\n"
        "with without_backports():\n"
        "    import msgspec\n"
        "    assert sys.modules['typing_extensions'] is None\n"
        "    from importlib_metadata import entry_points\n"
        "    names = {one.name for one in entry_points(group='gpiozero_pin_factories')}\n"
        "    assert {'lgpio', 'simulated'} <= names\n"
        "assert not set(BACKPORTS) & set(sys.modules)\n"
        "sys.modules['typing_extensions'] = sys\n"
        "with without_backports():\n"
        "    import typing_extensions\n"
        "assert sys.modules.pop('typing_extensions') is sys\n"
        "import typing_extensions\n"
    )
    pytest.importorskip("typing_extensions")
    subprocess.run([sys.executable, "-c", code], check=True)
