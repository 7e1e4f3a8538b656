"""The simulated sensor's knobs: what it is, what it shows, and what is wrong with it.

`SENSOR` is the one of this process. The simulated ``libcamera`` asks it before everything it does;
tests in the same process set its faults directly, and a world (see `hw_mocks.bus`) sets them from
outside with messages such as ``{"fault": "camera_stall", "until_us": ...}``.

Environment, all of it optional:
    HW_MOCKS_PLATFORM   vc4 (Raspberry Pi up to 4, the default) or pisp (from 5 on)
    HW_MOCKS_ENCODER    none for a vc4 board whose hardware encoder is missing
    HW_MOCKS_FOOTAGE    folder made by `hw_mocks.footage.prepare`; without it, a test pattern
    HW_MOCKS_WEBCAM     memory of a visitor's own camera, which goes before the film while pictures
                        come (see `hw_mocks.webcam`)
    HW_MOCKS_EPOCH_US   microseconds of CLOCK_BOOTTIME at which frame number 0 is exposed; without
                        it, the start of the process
    HW_MOCKS_CLAPPER    frames from one flash of the clapper to the next (see `hw_mocks.sound`);
                        without it, no flashes
    HW_MOCKS_WORLD      socket of the world
    HW_MOCKS_REALTIME   where it is set, the camera's process goes before every program while the
                        camera runs (see `hw_mocks.priority`)
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hw_mocks.pacing import boottime_ns
from hw_mocks.priority import REALTIME_VARIABLE

if TYPE_CHECKING:
    from hw_mocks.bus import WorldClient


class Platform(Enum):
    """The two families of Raspberry Pi camera hardware. The value is what the environment says."""

    VC4 = "vc4"
    PISP = "pisp"

    @property
    def alignment(self) -> int:
        """Bytes that every row of a plane is a multiple of."""
        return 32 if self is Platform.VC4 else 64


class Fault(StrEnum):
    """What can be wrong. Those of `LASTING` last until a time, the others hit a number of times."""

    CAMERA_STALL = "camera_stall"  # the sensor runs but delivers nothing
    CAMERA_GONE = "camera_gone"  # no camera is listed, and one that runs delivers nothing
    CAMERA_STOP_HANG = "camera_stop_hang"  # Camera.stop() does not return
    CAMERA_DARK = "camera_dark"  # something covers the lens: pictures are black

    CAMERA_CANCEL = "camera_cancel"  # a request comes back cancelled
    CAMERA_START_ERROR = "camera_start_error"  # Camera.start() fails with EIO
    FRAME_ERROR = "camera_frame_error"  # a request completes with a damaged picture
    ACQUIRE_ERROR = "camera_acquire_error"  # Camera.acquire() fails with EBUSY
    CONFIGURE_ERROR = "camera_configure_error"  # Camera.configure() fails with EINVAL
    ALLOC_ERROR = "camera_alloc_error"  # a DMA heap has no memory left
    ENCODER_ERROR = "encoder_error"  # to dequeue a packet of the hardware encoder fails with EIO
    ENCODER_EMPTY = "encoder_empty"  # a picture comes back from it with no bytes

    ENCODER_HANG = "encoder_hang"  # the hardware encoder completes nothing


LASTING: Final = frozenset(
    {
        Fault.CAMERA_STALL,
        Fault.CAMERA_GONE,
        Fault.CAMERA_STOP_HANG,
        Fault.CAMERA_DARK,
        Fault.ENCODER_HANG,
    }
)


class Sensor:
    """State of the simulated sensor. Every method may be called from any thread.

    Raises ValueError if the environment names an unknown platform or encoder, or no number for the
    epoch or for the clapper.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.platform = _platform(environment.get("HW_MOCKS_PLATFORM") or Platform.VC4.value)
        self._no_encoder = _no_encoder(environment.get("HW_MOCKS_ENCODER"))
        self.epoch_ns = _epoch_ns(environment.get("HW_MOCKS_EPOCH_US"))
        clapper = environment.get("HW_MOCKS_CLAPPER")
        self.clapper: int | None = int(clapper) if clapper else None
        footage = environment.get("HW_MOCKS_FOOTAGE")
        self.footage: Path | None = Path(footage) if footage else None
        webcam = environment.get("HW_MOCKS_WEBCAM")
        self.webcam: Path | None = Path(webcam) if webcam else None
        self.at_once = bool(environment.get(REALTIME_VARIABLE))
        """Whether the camera's process is to go before every program while the camera runs."""
        self._has_world = bool(environment.get("HW_MOCKS_WORLD"))
        self._world: WorldClient | None = None
        self._changed = threading.Condition()
        self._until_ns: dict[Fault, int | None] = {}
        self._counts: Counter[Fault] = Counter()
        self.violations: list[str] = []
        """Uses of the camera that real hardware answers with undefined behaviour."""
        self.applied_controls: deque[tuple[int, dict[str, Any]]] = deque(maxlen=1000)
        """Newest last: sequence of the frame (-1: before the first) and the controls it brought."""
        self.exposed = self.delivered = self.lost = 0
        """Frames since the last `reset`: exposed, of these delivered, and of these lost because
        no buffer was queued or the sensor stalled."""

    @property
    def has_encoder(self) -> bool:
        """Whether the board has a hardware encoder."""
        return self.platform is Platform.VC4 and not self._no_encoder

    # ------------------------------------------------------------------------------------- faults

    def hold(self, fault: Fault, until_us: int | None = None) -> None:
        """Let a lasting fault hold until a time on CLOCK_BOOTTIME, or until it is released.

        A time that has passed releases it. Raises ValueError for a fault that does not last.
        """
        if fault not in LASTING:
            raise ValueError(f"{fault} does not last; inject it a number of times")
        with self._changed:
            self._until_ns[fault] = None if until_us is None else until_us * 1000
            self._changed.notify_all()

    def release(self, fault: Fault) -> None:
        """End a fault, whether it lasts or has hits left."""
        with self._changed:
            self._until_ns.pop(fault, None)
            self._counts.pop(fault, None)
            self._changed.notify_all()

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Let a fault hit `count` more times. Raises ValueError for a lasting one."""
        if fault in LASTING:
            raise ValueError(f"{fault} lasts until a time; hold it")
        with self._changed:
            self._counts[fault] += count

    def holds(self, fault: Fault, at_ns: int | None = None) -> bool:
        """Whether a lasting fault holds at an instant of CLOCK_BOOTTIME, or else now."""
        if fault not in self._until_ns:
            return False
        with self._changed:
            return self._holds(fault, at_ns)

    def _holds(self, fault: Fault, at_ns: int | None = None) -> bool:
        if fault not in self._until_ns:
            return False
        until = self._until_ns[fault]
        return until is None or until > (boottime_ns() if at_ns is None else at_ns)

    def take(self, fault: Fault) -> bool:
        """Whether a fault hits now; if so, one of its hits is used up."""
        if not self._counts:
            return False
        with self._changed:
            if self._counts[fault] <= 0:
                return False
            self._counts[fault] -= 1
        if self._world is not None:
            self._world.send({"used": fault.value})
            # A process that the hit is about to end takes what it has not said with it, and the
            # next one would be hit again.
            self._world.flush()
        return True

    def wait_while(self, fault: Fault) -> None:
        """Block as long as a lasting fault holds."""
        with self._changed:
            while self._holds(fault):
                until = self._until_ns[fault]
                self._changed.wait(None if until is None else (until - boottime_ns()) / 1e9)

    def reset(self) -> None:
        """End every fault and forget all that was noted."""
        with self._changed:
            self._until_ns.clear()
            self._counts.clear()
            self._changed.notify_all()
        self.violations.clear()
        self.applied_controls.clear()
        self.exposed = self.delivered = self.lost = 0

    # -------------------------------------------------------------------------------------- world

    def connect(self) -> None:
        """Join the world, if the environment names one, and hear what already holds there.

        Waits for that, so that a process restarted in the middle of a fault starts in it. Does
        nothing when called again.
        """
        if not self._has_world or self._world is not None:
            return
        from hw_mocks.bus import WorldClient

        self._world = WorldClient.from_environment("sensor", self.obey)
        if self._world is not None:
            self._world.wait_ready()

    def missed(self, run: dict[str, Any]) -> None:
        """Tell the world of pictures that found no buffer (`hw_mocks.lateness.Missed`)."""
        if self._world is not None:
            self._world.send({"missed": run})

    def obey(self, message: Mapping[str, Any]) -> None:
        """Do what one message of the world says.

        ``{"fault": name, "until_us": int | None}`` for a fault that lasts, ``{"fault": name,
        "count": int}`` for one that hits. Raises ValueError for a name that is no fault.
        """
        if "fault" not in message:
            return
        fault = Fault(message["fault"])
        if fault in LASTING:
            self.hold(fault, message.get("until_us"))
        else:
            self.inject(fault, int(message.get("count", 1)))


def _platform(name: str) -> Platform:
    try:
        return Platform(name)
    except ValueError:
        known = ", ".join(platform.value for platform in Platform)
        raise ValueError(f"HW_MOCKS_PLATFORM: {name!r} is none of {known}") from None


def _no_encoder(name: str | None) -> bool:
    if name not in (None, "", "none"):
        raise ValueError(f"HW_MOCKS_ENCODER: {name!r} is not none")
    return name == "none"


def _epoch_ns(text: str | None) -> int:
    if not text:
        return boottime_ns()
    try:
        return int(text) * 1000
    except ValueError:
        raise ValueError(f"HW_MOCKS_EPOCH_US: {text!r} is no number of microseconds") from None


SENSOR: Final = Sensor(os.environ)
