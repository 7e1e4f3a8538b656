"""A whole life of a device and its office: everything that writes to storage, at least once.

The code that writes is the production code; the clock stands still until it is moved, and random
numbers come from a seed. What the production code reports as done is noted as a promise, for the
judge to hold it to; what it is asked for is noted before it begins, since a loss of power in
between may leave it done or not. `camerad`'s own words for the promises are in `judge.Expected`.
"""

from __future__ import annotations

import errno
import glob
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.container import recording_files
from camerad.ledger import reserved_space
from camerad.recording import container_writer
from camerad.store.retention import list_removable
from camerad.store.store import Store
from tests.crash.device import OFFICE, STATE, Device, Recording
from tests.crash.trace import Event, Kind, Op, Recorder
from tests.crash.workspace import Workspace

STEP: Final = 24 << 10
"""Room is reserved by so many bytes here, so that it is used up often and states stay small."""
RESERVE: Final = 16 << 10
"""Room that the ledger keeps here, given up by halves; for the same reasons."""
BORN_US: Final = 1_795_534_200_000_000
"""Wall time at which the life begins, microseconds since the Unix epoch."""
SMALL, LARGE = 1_500, 13_000
"""Bytes of a fragment: one that shares a page with its neighbours, and one that fills several."""


@contextmanager
def small_steps() -> Iterator[None]:
    """Room is reserved in small steps meanwhile."""
    with (
        mock.patch.object(container_writer, "STEP", STEP),
        mock.patch.object(reserved_space, "BYTES", RESERVE),
        mock.patch.object(reserved_space, "PIECE", RESERVE // 2),
    ):
        yield


class Killed(BaseException):
    """Raised where the daemon is killed; nothing in it may catch that and go on."""


@contextmanager
def killed(
    before: str, where: str = recording_files.SUFFIX, *, half: bool = False
) -> Iterator[None]:
    """The daemon is killed before its next call of `os.before` on a file whose name ends in
    `where`, or, having written half of it, in its midst."""
    call = getattr(os, before)

    def wrapper(descriptor: int, *arguments: Any) -> Any:
        if not os.readlink(f"/proc/self/fd/{descriptor}").endswith(where):
            return call(descriptor, *arguments)
        if half:
            pieces, offset = arguments
            data = b"".join(pieces)
            call(descriptor, [data[: len(data) // 2]], offset)
        raise Killed

    with mock.patch.object(os, before, wrapper):
        try:
            yield
        except Killed:
            return
    raise AssertionError(f"os.{before} was not called")


@contextmanager
def full_card() -> Iterator[None]:
    """The ledger finds no room meanwhile, until a piece of the reserve is given up."""
    pwritev, ftruncate = os.pwritev, os.ftruncate
    given_up = False

    def writing(descriptor: int, *arguments: Any) -> int:
        if not given_up and "/ledger/" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwritev(descriptor, *arguments)

    def cutting(descriptor: int, size: int) -> None:
        nonlocal given_up
        ftruncate(descriptor, size)
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        given_up = given_up or name.endswith(reserved_space.NAME)

    with mock.patch.object(os, "pwritev", writing), mock.patch.object(os, "ftruncate", cutting):
        yield
    if not given_up:
        raise AssertionError("the ledger needed no room")


class Life:
    """Lives in `root`, an empty directory. `events` is what happened."""

    def __init__(self, root: str, seed: int = 1) -> None:
        self.clock = ManualClock(40 * SECOND, BORN_US)
        self._random = Random(seed)
        os.mkdir(os.path.join(root, OFFICE))
        self.before = Workspace(root).read()
        """What there is before anything is recorded."""
        self._recorder = Recorder(root)
        self.root: Final = root
        self._device = Device(root, self.clock)
        self._recordings: list[Recording] = []
        self._thumbprint = ""

    @property
    def events(self) -> list[Event]:
        """Everything that was done and promised, in its order."""
        return self._recorder.events

    def live(self) -> Life:
        """All of it; returns itself."""
        with small_steps(), self._recorder.recording():
            self._first_day()
            self._second_day()
            self._later()
        return self

    def _first_day(self) -> None:
        self._start()
        first = self._record(SMALL, LARGE, SMALL, mark=1)
        self._note("stage", stage="recording", display=True)
        self._stop(first)
        second = self._record(LARGE, SMALL)
        self._stop(second)
        self._hold(first)
        third = self._record(LARGE, LARGE, settle=False)
        self._recordings = [first, second, third]
        with killed("pwritev", half=True):
            third.append(LARGE)
        self._kill(reboot=True)

    def _second_day(self) -> None:
        first, second, third = self._recordings
        self.clock.advance(DAY)
        with killed("fdatasync"):
            self._start()
        self._kill()
        self._start()
        self._interrupted(third)
        self._hold(second)
        self._keep_house()
        empty = self._record()
        self._stop(empty, "shutdown")
        self._offload()
        self._release(first)
        self._make_room()
        fourth = self._record(SMALL, SMALL, SMALL)
        # The daemon dies between the end of a recording and the ledger's word about it.
        fourth.stop()
        self._promise("whole", path=_tar(fourth), data=self._written(_tar(fourth)))
        self._kill()
        # Files vanish, as a check of the file system after an accident makes them: here and below.
        self._lose("keys/current")
        self._start()
        fifth = self._record(SMALL)
        # Its end is written, but the room behind it is not cut off.
        with killed("ftruncate"):
            fifth.stop()
        self._kill()
        self._lose(f"keys/{self._thumbprint}.jwk")
        self._start()
        sixth = self._record(SMALL, LARGE)
        with killed("pwritev", half=True):
            sixth.append(SMALL)
        self._kill(reboot=True)
        self._start()
        self._interrupted(sixth)
        self._kill(reboot=True)

    def _later(self) -> None:
        self.clock.advance(DAY)
        self._lose("keys")
        self._start()
        self._keep_house()
        self._recordings.append(self._record(SMALL))
        self._stop(self._recordings[-1])
        # Killed when the receipt has its name, but is not sure to keep it.
        with killed("fsync", "receipts"):
            self._offload()
        self._offload()
        self._kill()
        self._lose_office()
        self._start()
        self._stop(self._record(SMALL))
        self._offload()
        self._kill()
        self._lose("identity.pem")
        self._start()
        self._stop(self._record(SMALL))
        self._offload()
        self.clock.advance(self._device.settings.policy.retention_days * DAY)
        with full_card():
            self._keep_house()
        self.clock.advance(self._device.settings.policy.retention_days * DAY)
        self._keep_house()
        self._end()
        self._start()

    # ------------------------------------------------------------------ what a device does

    def _now(self) -> None:
        self._promise("now", wall_us=self.clock.wall_us())

    def _start(self) -> None:
        self._now()
        self._device.start()
        self._thumbprint = self._device.thumbprint
        self._promise("identity", thumbprint=self._thumbprint)
        self._promise_head()

    def _lose(self, name: str) -> None:
        """Something of the device's key is gone, and the daemon does not run."""
        self._promise("keys lost", private=name == "identity.pem")
        self._remove(os.path.join(self.root, STATE, name))

    def _lose_office(self) -> None:
        """What names the office's directory is gone."""
        own = os.path.join(self.root, OFFICE, "office")
        self._promise("office lost", id=Path(own, "id").read_text().strip())
        self._remove(own)

    def _remove(self, path: str) -> None:
        if os.path.isdir(path):
            for name in os.listdir(path):
                os.unlink(os.path.join(path, name))
            os.rmdir(path)
        else:
            os.unlink(path)

    def _kill(self, *, reboot: bool = False) -> None:
        """The daemon dies, perhaps the machine with it; it is not started yet."""
        self._device.abandon()
        if reboot:
            self.clock.reboot()
            self._recorder.rebooted()
        self.clock.advance(20 * SECOND)
        self._device = Device(self.root, self.clock)

    def _settle(self) -> None:
        self._device.settle()
        self._promise_head()

    def _record(self, *sizes: int, mark: int = -1, settle: bool = True) -> Recording:
        """Begin a recording and let it go on for so many fragments."""
        recording = self._device.record(self._random)
        if settle:
            self._settle()
        for number, size in enumerate(sizes):
            recording.append(size, mark=number == mark)
            self._promise("begins", path=_tar(recording), data=self._written(_tar(recording)))
        return recording

    def _stop(self, recording: Recording, reason: str = "stop") -> None:
        recording.stop(reason)
        self._promise("whole", path=_tar(recording), data=self._written(_tar(recording)))
        self._settle()

    def _interrupted(self, recording: Recording) -> None:
        """The start has closed it."""
        self._promise("whole", path=_tar(recording), data=self._written(_tar(recording)))

    def _note(self, kind: str, **facts: object) -> None:
        self._device.note(kind, **facts)
        self._settle()

    def _hold(self, recording: Recording) -> None:
        self._promise("holding", id=recording.id)
        self._device.ask(lambda store: store.hold(recording.id, "a complaint", "the desk"))
        self._promise("held", id=recording.id)
        self._promise_head()

    def _release(self, recording: Recording) -> None:
        self._promise("releasing", id=recording.id)
        self._device.ask(lambda store: store.release(recording.id, "the desk"))
        self._promise("released", id=recording.id)
        self._promise_head()

    def _offload(self) -> None:
        device = self._device
        done = device.offload(os.path.join(self.root, OFFICE))
        for recording in done.acknowledged:
            self._promise("acknowledged", id=recording)
        paths = glob.glob(f"{self.root}/{OFFICE}/**/*.*", recursive=True)
        paths.append(f"{self.root}/{OFFICE}/office/id")
        self._promise(
            "offloaded",
            files={os.path.relpath(path, self.root): Path(path).read_bytes() for path in paths},
        )
        self._promise_head()

    def _make_room(self) -> None:
        """Everything that the office has may go."""
        boot_id, now = self._device.store.ledger.now()
        found = list_removable(self._device.store.ledger.state, boot_id, now)
        self._delete([one.known.id for one in found], lambda store: store.make_room(1 << 40))

    def _delete(self, recordings: list[str], work: Callable[[Store], object]) -> None:
        paths = [f"{STATE}/recordings/{recording}.tar" for recording in recordings]
        for path in paths:
            self._promise("deleting", path=path)
        self._device.ask(work)
        for path in paths:
            self._promise("deleted", path=path)
        self._promise_head()

    def _keep_house(self) -> None:
        """What happens twice a minute: what is due goes, epochs begin and expire."""
        self._now()
        due = [candidate.known.id for candidate in self._device.store.list_due()]
        self._delete(due, lambda _: self._device.keep_house())

    def _end(self) -> None:
        """The daemon ends in order, and the machine goes off."""
        self._note("stop")
        self._kill(reboot=True)

    # ------------------------------------------------------------------ promises

    def _promise(self, kind: str, **facts: object) -> None:
        self._recorder.promise(kind, **facts)

    def _promise_head(self) -> None:
        ledger = self._device.store.ledger
        self._promise("head", directory=f"{STATE}/ledger/", head=ledger.head)

    def _written(self, path: str) -> bytes:
        """What was written to a file so far, without the room reserved behind it."""
        ops = self._recorder.ops
        end = next(
            op.offset + len(op.data)
            for op in reversed(ops)
            if op.kind is Kind.WRITE and op.path == path
        )
        with open(f"{self.root}/{path}", "rb") as file:
            return file.read(end)


def _tar(recording: Recording) -> str:
    return f"{STATE}/recordings/{recording.id}.tar"


def _tell(root: str) -> None:
    """Live in `root`, and say how many operations of each kind were recorded, for test_states."""
    operations = Counter(event.kind for event in Life(root).live().events if isinstance(event, Op))
    for kind, count in operations.items():
        if kind is not Kind.SYNC_ALL:
            sys.stdout.write(f"{kind.name} {count}\n")


if __name__ == "__main__":
    _tell(sys.argv[1])
