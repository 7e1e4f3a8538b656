"""What the daemon finds when it starts: directories, a configuration of its own, an environment.

The state directory of a simulator::

    DIR/camerad/       the daemon's state directory: the storage card
    DIR/config/        the configuration that was given, with the paths of this simulator
    DIR/board/         the board's files (hw_mocks.panel, hw_mocks.sim.gauges), and in speaker.wav
                       what its loudspeaker played last
    DIR/desk/          the evidence desk: the device's public keys, and what was opened; emptied at
                       start and end (see hw_mocks.sim.desk)
    DIR/clock/         what vouches for the time of day (see hw_mocks.sim.timepiece)
    DIR/run/           sockets, and the microphone's sound server; somewhere below /tmp if DIR's
                       path is too long for a socket's
    DIR/made-by-bodycam-sim
                       there only if a simulator made DIR or found it empty, so that all of it may
                       be deleted
    DIR/sim.json       while the simulator runs: {"url", "pid", "daemon_pid", "started_us" (media
                       time of the daemon's newest start), "control" (path of the socket), "footage"
                       (folder of the prepared film), "epoch_us" (media time at which the sensor
                       exposed frame 0)}
"""

from __future__ import annotations

import fcntl
import grp
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import yaml
from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_UNAVAILABLE, ConfigError
from camerad.config import Settings, load, policies

from hw_mocks import children
from hw_mocks.boot import PARENT_VARIABLE
from hw_mocks.bus import WORLD_VARIABLE, now_us
from hw_mocks.disk import DISK_VARIABLE
from hw_mocks.framebuffer import PANEL_VARIABLE
from hw_mocks.panel import Panel
from hw_mocks.pulse import DEVICE
from hw_mocks.sim import SimError
from hw_mocks.sim.board import Board
from hw_mocks.webcam import WEBCAM_VARIABLE

DEMONSTRATION_POLICY: Final = "generic"
"""Where no configuration is given: this policy has a pre-event buffer, the shipped one has not."""
MARK: Final = "made-by-bodycam-sim"
"""A file of this name says that all that lies beside it came from a simulator."""
MAX_RUNTIME_DIR: Final = 80
"""Characters of a directory that sockets with short names still fit below (unix(7): 107)."""


ALSA_VARIABLE: Final = "ALSA_CONFIG_PATH"


class StateDir:
    """The simulator's directory, locked against a second simulator while it is open.

    Raises SimError if it cannot be made, cannot be written or is in use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._lock: IO[str] | None = None
        self._temporary: Path | None = None
        try:
            self._make_root()
            self._make()
            self._lock = (self.root / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.runtime = self._runtime()
        except BlockingIOError:
            raise SimError(
                f"{self.root} is in use by another bodycam-sim: end that one, "
                "or name another directory with --state-dir",
                EX_UNAVAILABLE,
            ) from None
        except OSError as error:
            raise SimError(
                f"{self.root} cannot be used: {error.strerror}: {error.filename}; "
                "name a directory that you may write with --state-dir",
                EX_CANTCREAT,
            ) from None

    def _runtime(self) -> Path:
        runtime = self.root / "run"
        if len(os.fsencode(runtime)) > MAX_RUNTIME_DIR:
            # Where TMPDIR says, unless that is too long as well.
            for parent in (None, "/tmp"):  # noqa: S108 - mkdtemp makes what lies below
                self._temporary = runtime = Path(
                    tempfile.mkdtemp(prefix="bodycam-sim-", dir=parent)
                )
                if len(os.fsencode(runtime)) <= MAX_RUNTIME_DIR:
                    break
                runtime.rmdir()
        runtime.mkdir(exist_ok=True)
        return runtime

    @property
    def card(self) -> Path:
        """The daemon's own state directory, which the faults of the disk are about."""
        return self.root / "camerad"

    @property
    def configuration(self) -> Path:
        """The daemon's configuration, as the simulator derives it."""
        return self.root / "config" / "camerad.yaml"

    @property
    def panel(self) -> Path:
        """The device file of the display."""
        return self.root / "board" / "dev" / "fb0"

    @property
    def world(self) -> Path:
        """The socket of the world."""
        return self.runtime / "world.sock"

    @property
    def control(self) -> Path:
        """The daemon's control socket."""
        return self.runtime / "control.sock"

    @property
    def sound(self) -> Path:
        """The folder of the microphone's sound server."""
        return self.runtime / "sound"

    @property
    def clock(self) -> Path:
        """The files of the machine's clocks."""
        return self.root / "clock"

    @property
    def speaker(self) -> Path:
        """What its loudspeaker played last."""
        return self.root / "board" / "speaker.wav"

    def write_speaker(self) -> Path:
        """ALSA's configuration of a loudspeaker that is a file: it takes everything at once."""
        board = self.root / "board"
        path = board / "asound.conf"
        path.write_text(
            "pcm.!default {\n"
            "  type file\n"
            "  slave { pcm { type null } }\n"
            f'  file "{self.speaker}"\n'
            '  format "wav"\n'
            "}\n"
        )
        return path

    @property
    def is_own(self) -> bool:
        """Whether nothing but simulators wrote here, so that all of it may be deleted."""
        return (self.root / MARK).is_file()

    def erase(self) -> None:
        """Delete all that a camera, its desk and its office have left, once they have ended. Only
        where `is_own`. Raises OSError if something cannot be deleted."""
        assert self.is_own, f"{self.root} may hold what is somebody else's"
        for part in ("desk", "office", "camerad", "config", "board", "clock"):
            if (self.root / part).exists():
                shutil.rmtree(self.root / part)
        self._make()

    def _make_root(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if not any(self.root.iterdir()):
            (self.root / MARK).write_text(
                "bodycam-sim made this folder; its page may delete all that lies here.\n"
            )

    def _make(self) -> None:
        for part in ("camerad", "config", "board"):
            (self.root / part).mkdir(exist_ok=True)

    def close(self) -> None:
        """Remove what means nothing without the simulator, and let the next one in."""
        (self.root / "sim.json").unlink(missing_ok=True)
        self.world.unlink(missing_ok=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def shipped_configuration() -> Path:
    """The configuration that comes with camerad. Raises SimError if it is not there."""
    for directory in policies.shipped_directories():
        path = directory / "camerad.yaml"
        if path.is_file():
            return path
    raise SimError("no camerad.yaml came with this camerad: name one with --config", EX_CONFIG)


def load_configuration(path: Path) -> Settings:
    """As `camerad.config.load`; raises SimError with all mistakes."""
    try:
        return load(path)
    except ConfigError as error:
        raise SimError(str(error), EX_CONFIG) from None


def leaves_recipients_out(settings: Settings) -> bool:
    """Whether the file of `settings` does not say to whom recordings are sealed; a list of none
    says it."""
    return "recipients" not in _document(settings)


def derive_configuration(
    settings: Settings,
    state: StateDir,
    panel: Panel,
    board: Board,
    *,
    policy: str | None = None,
    recipient: str | None = None,
    office: dict[str, Any] | None = None,
) -> Path:
    """Write the daemon's configuration: the file of `settings`, with the paths of this simulator
    and, if they are given, another policy, a recipient, and the office behind the dock.

    Everything else stays as it is: buttons, lights, camera.
    """
    document = _document(settings)
    timepiece, gauges = board.timepiece, board.gauges
    group = grp.getgrgid(os.getgid()).gr_name
    changed = {
        "device": {
            "state_dir": str(state.card),
            "runtime_dir": str(state.runtime),
            "socket_group": group,
        },
        "self_view": {"device": str(panel.device), "sysfs": str(panel.sysfs)},
        "microphone": {"device": DEVICE},
        "clock": {"synchronised": str(timepiece.synchronised), "rtc": str(timepiece.rtc)},
        "battery": {"power_supply": str(gauges.power_supply)},
        "thermal": {"zone": str(gauges.zone), "firmware": str(gauges.firmware)},
    }
    if policy is not None:
        document["policy"] = policy
    if recipient is not None:
        document["recipients"] = [recipient]
    if office is not None:
        changed["office"] = office
    for section, values in changed.items():
        document[section] = {**(document.get(section) or {}), **values}
    directory = state.configuration.parent
    # Policies are looked for beside the configuration; these are the ones that it was checked by.
    beside = directory / "policies"
    beside.unlink(missing_ok=True)
    beside.symlink_to(settings.policy.path.resolve().parent)
    derived = state.configuration
    derived.write_text(
        f"# Made by bodycam-sim from {settings.path}; changes here are lost.\n"
        + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    )
    return derived


def _document(settings: Settings) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(settings.path.read_text(encoding="utf-8-sig"))
    return document


@dataclass(frozen=True, slots=True)
class Machine:
    """What the daemon runs on. `footage`: the folder that hw_mocks.footage.prepare made. `webcam`:
    memory of a visitor's own camera."""

    platform: str
    footage: Path | None
    state: StateDir
    webcam: Path | None = None

    def environment(self) -> dict[str, str]:
        """The environment of the daemon's process."""
        environment = {
            **os.environ,
            "GPIOZERO_PIN_FACTORY": "simulated",
            "HW_MOCKS_PLATFORM": self.platform,
            "HW_MOCKS_EPOCH_US": str(now_us()),
            WORLD_VARIABLE: str(self.state.world),
            DISK_VARIABLE: str(self.state.card),
            PARENT_VARIABLE: str(os.getpid()),
            "PYTHONUNBUFFERED": "1",
            PANEL_VARIABLE: str(self.state.panel),
            "PYTHONPATH": os.pathsep.join(
                filter(None, (os.environ.get("PYTHONPATH"), str(Path(children.__path__[0]))))
            ),
        }
        if self.footage is not None:
            environment["HW_MOCKS_FOOTAGE"] = str(self.footage)
        if self.webcam is not None:
            environment[WEBCAM_VARIABLE] = str(self.webcam)
        # Added to what the machine says of other devices: ALSA reads all of these files.
        others = (os.environ.get(ALSA_VARIABLE), str(self.state.write_speaker()))
        environment[ALSA_VARIABLE] = ":".join(filter(None, others))
        # The notify socket of a service manager is the simulator's, not the daemon's.
        environment.pop("NOTIFY_SOCKET", None)
        return environment


def command(module: str, configuration: Path, verb: str = "run") -> list[str]:
    """The command line that runs the daemon, or another command of its, on simulated hardware."""
    boot = [sys.executable, "-m", "hw_mocks.boot"]
    return [*boot, module, verb, "--config", str(configuration)]
