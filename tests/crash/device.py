"""A device's keeping, run step by step on a clock that stands still in between.

It is the production code's `StoreWorker`, without its thread: what the thread would do happens when
the life asks for it, so that every run does the same in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, NoReturn, TypeVar

from msgspec.structs import replace

from camerad import config
from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.config import Settings
from camerad.container.statements import FORMAT, Closing, FragmentFacts, Header
from camerad.daemon.store_worker import StoreWorker
from camerad.evidence.offload import OffloadResult, offload
from camerad.recording.container_writer import Sink
from camerad.store import disk, identity
from camerad.store.device_client import OwnedDevice
from camerad.store.store import Store

FRAGMENT_US: Final = SECOND // 2
FPS: Final = 10
STATE: Final = "state"
"""The state directory, below the root that is recorded."""
OFFICE: Final = "office"
"""The office's directory, below the same."""
_CONFIG: Final = Path(__file__).parents[2] / "hw-mocks" / "bodycam.yaml"
_T = TypeVar("_T")


@cache
def _settings() -> Settings:
    return config.load(_CONFIG)


def settings(root: str, provision_dir: Path | None = None) -> Settings:
    """Of a device whose state is below `root`."""
    common = _settings()
    run = Path(f"{root}.run")  # in memory, and no part of the card
    places = replace(
        common.device, state_dir=Path(root) / STATE, runtime_dir=run, provision_dir=provision_dir
    )
    return replace(common, device=places)


def _trouble(error: StorageError | None) -> None:
    if error is not None:
        raise error


def _broken(error: BaseException) -> NoReturn:
    raise error


class _Nobody:
    """Is shown how an offload gets on."""

    def start(self, count: int, total: int) -> None:
        """So much is to be done."""

    def start_recording(self, recording: str) -> None:
        """This one comes next."""

    def advance(self, count: int) -> None:
        """So much was done."""


class Device:
    """root: the directory that holds `STATE`. provision_dir: has what ``camerad provision apply``
    keeps, if there is any. Raises whatever production code raises."""

    def __init__(self, root: str, clock: ManualClock, provision_dir: Path | None = None) -> None:
        self.root: Final = os.path.realpath(root)  # as the kernel tells it (`abandon`)
        self.clock: Final = clock
        self.settings: Final = settings(root, provision_dir)
        self._keeping = StoreWorker(
            self.settings,
            clock,
            on_opened=lambda _: None,
            on_trouble=_trouble,
            on_broken=_broken,
        )
        # A thread of its own that writes only what it finds wrong, and nothing is.
        self._keeping._mending._check = lambda *_: None  # type: ignore[method-assign]

    @property
    def store(self) -> Store:
        """The store, once it is open."""
        found = self._keeping._store
        if found is None:
            raise AssertionError("the device was not started")
        return found

    @property
    def thumbprint(self) -> str:
        """Of the key that it signs with, once the store is open."""
        key = self._keeping._key
        if key is None:
            raise AssertionError("the device was not started")
        return key.public.thumbprint

    def path(self, *names: str) -> str:
        """A place in the state directory."""
        return os.path.join(self.root, STATE, *names)

    def start(self) -> None:
        """The start of the daemon, up to where recordings may begin. Raises what it raises."""
        disk.prepare(self.path("recordings"))
        disk.claim(self.path("recordings"))
        disk.usable(self.path("recordings"))
        self._keeping._open()
        self.settle()
        self.keep_house()

    def note(self, kind: str, **facts: object) -> None:
        """The ledger will say so, at the next `settle`."""
        self._keeping.note(kind, **facts)

    def settle(self) -> None:
        """Do everything that was asked for."""
        self._keeping._work(0.0)

    def keep_house(self) -> None:
        """What happens twice a minute."""
        self._keeping._keep_house()
        self.settle()

    def ask(self, work: Callable[[Store], _T]) -> _T:
        """What the control socket does."""
        future = self._keeping.ask(lambda store, *_: work(store))
        self.settle()
        return future.result(0)

    def offload(self, target: str) -> OffloadResult:
        """What ``camerad offload`` does."""
        key = self._keeping._key
        if key is None:
            raise AssertionError("the device was not started")
        device = OwnedDevice(self.store, key, identity.key_ring(self.path()))
        return offload(device, target, _Nobody(), same_disk=True)

    def record(self, random: Random, continues: str | None = None) -> Recording:
        """Begin a recording."""
        clock = self.clock
        header = Header(
            format=FORMAT,
            id=self._keeping.new_id(clock.wall_us()),
            device=self.settings.device.id,
            boot_id=clock.boot_id,
            clock=clock.moment(),
            started_wall_us=clock.wall_us(),
            trigger="main",
            trigger_us=clock.now_us(),
            origin_us=clock.now_us(),
            pre_event_wanted_us=0,
            pre_event_shortfall=None,
            continues=continues,
            policy=self.settings.policy.name,
            retention_days=self.settings.policy.retention_days,
            width=1280,
            height=720,
            fps=FPS,
            sound=False,
            encoder="none",
            software="tests",
            wearer=None,
            recipients=self.settings.recipients,
        )
        sink = self._keeping.open_sink(header, random.randbytes(600))
        return Recording(sink, header, clock, random)

    def abandon(self) -> None:
        """The end of the process: the kernel closes its files, and with that lets go of locks."""
        for name in os.listdir("/proc/self/fd"):
            descriptor = int(name)
            try:
                path = os.readlink(f"/proc/self/fd/{name}")
            except FileNotFoundError:
                continue  # that of the listing itself
            if path == self.root or path.startswith(self.root + os.sep):
                os.close(descriptor)


class Recording:
    """A recording that runs, fed with fragments of random bytes."""

    def __init__(self, sink: Sink, header: Header, clock: ManualClock, random: Random) -> None:
        self.sink: Final = sink
        self.header: Final = header
        self._clock = clock
        self._random = random
        self._sequence = 0

    @property
    def id(self) -> str:
        """Its name."""
        return self.header.id

    def append(self, size: int, *, mark: bool = False) -> None:
        """Half a second passes, and is recorded. size: bytes, before sealing."""
        first_us = self._clock.now_us()
        end_us = self._clock.advance(FRAGMENT_US)
        self.sink.append(
            self._random.randbytes(size),
            FragmentFacts(
                sequence=self._sequence,
                first_us=first_us,
                last_us=end_us - SECOND // FPS,
                end_us=end_us,
                frames=FRAGMENT_US * FPS // SECOND,
                gaps=(),
                marks=(first_us,) if mark else (),
                stages=(),
                clock=self._clock.moment(),
                clock_step_us=None,
                sync_us=None,
            ),
        )
        self._sequence += 1

    def stop(self, reason: str = "stop") -> str:
        """Close it; returns the SHA-256 of the end."""
        return self.sink.close(
            Closing(
                reason=reason,
                frames=self._sequence * FRAGMENT_US * FPS // SECOND,
                at_us=self._clock.now_us(),
                gaps=(),
                marks=(),
                stages=(),
                boot_id=self._clock.boot_id,
                clock=self._clock.moment(),
                clock_step_us=None,
                sync_us=None,
            )
        )
