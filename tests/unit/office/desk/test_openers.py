"""Writers of the office's ledger: each claims it first and reads it then. Every two of them, in
every order of these steps: no entry is lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import ONE

from camerad.base import durable_files
from camerad.cli.main import main
from camerad.container.keys import KeyRing
from camerad.container.severity import Severity
from camerad.ledger.ledger import Ledger, read_ledger
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.file_import import open_state
from camerad.office.jobs.retention_job import AGAIN_SECONDS
from camerad.office.server.cameras import Cameras
from camerad.office.state.database_settings import IndexSettings
from tests.unit.office.jobs.deletion_scene import OFFICE, Office

OPENERS: Final = ("desk", "second server", "command", "retention")
DEADLINE: Final = 20.0
OFFICE_KEYS: Final = KeyRing([OFFICE.public])


class Walk:
    """One opener on a separate thread, which stops before it claims and before it reads."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._moved = threading.Condition()
        self._steps = 0
        self._stands = False
        self.done = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.stop()
            self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is looked at
            self.error = error
        with self._moved:
            self.done = True
            self._moved.notify_all()

    def stop(self) -> None:
        """Wait for the next step."""
        with self._moved:
            self._stands = True
            self._moved.notify_all()
            assert self._moved.wait_for(lambda: self._steps, DEADLINE)
            self._steps -= 1
            self._stands = False

    def step(self) -> None:
        """Have it go on, up to where it stops next."""
        with self._moved:
            assert self._moved.wait_for(lambda: self._stands or self.done, DEADLINE)
            self._steps += not self.done
            self._stands = False
            self._moved.notify_all()
            assert self._moved.wait_for(lambda: self._stands or self.done, DEADLINE)
        if self.error is not None:
            raise self.error


class SharedOffice(Office):
    """With all who write into its ledger."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.key = root / "office-key.pem"
        self.key.write_bytes(OFFICE.pem)
        self.key.chmod(0o600)
        self.asked = 0
        self.state = open_state(IndexSettings(), str(self.directory))

    def opener(self, who: str) -> Callable[[], None]:
        """What `who` does, until it is done."""
        self.asked += 1
        reason = f"reason {self.asked}"
        if who == "retention":
            return self._look
        if who == "command":
            return lambda: self._command(reason)
        cameras = Cameras(str(self.register))
        desk = DeskLedger(str(self.directory), self.state, cameras, OFFICE, self.clock)
        return lambda: desk.hold(ONE, reason, "Desk", None, "")

    def _look(self) -> None:
        while self.retention.look() == AGAIN_SECONDS:
            pass

    def _command(self, reason: str) -> None:
        place = ["--state", str(self.directory), "--office-key", str(self.key)]
        said = [ONE, *place, "--reason", reason, "--who", "Desk"]
        while main(["evidence", "hold", *said]):
            pass


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations_with_replacement(OPENERS, 2)])
def test_no_entry_is_lost_however_two_openers_take_turns(
    one: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = SharedOffice(tmp_path)
    office.take(ONE)
    office.retention.look()
    walks: list[Walk] = []
    claims, reads = durable_files.lock_directory, Ledger._open

    def stop() -> None:
        for walk in walks:
            if threading.current_thread() is walk.thread:
                walk.stop()

    def claim(directory: str, **how: bool) -> int:
        if directory == str(office.directory / "office"):
            stop()
        return claims(directory, **how)

    def read(self: Ledger, *args: Any, **named: Any) -> None:
        stop()
        reads(self, *args, **named)

    monkeypatch.setattr(durable_files, "lock_directory", claim)
    monkeypatch.setattr(Ledger, "_open", read)
    for number, turns in enumerate(sorted(set(itertools.permutations("aaabbb"))), 10):
        new = f"20261124T160000Z-{number:06}-{number:08}"
        office.take(new)  # the office's ledger does not know it yet
        before, _ = read_ledger(str(office.directory / "office" / "ledger"), OFFICE_KEYS)
        walks[:] = [Walk(office.opener(who)) for who in (one, other)]
        for walk in walks:
            walk.thread.start()
        for turn in turns:
            walks["ab".index(turn)].step()
        while not all(walk.done for walk in walks):
            for walk in walks:
                walk.step()
        for walk in walks:
            walk.thread.join()
        state, findings = read_ledger(
            str(office.directory / "office" / "ledger"), OFFICE_KEYS, before.head
        )
        assert [str(said) for said in findings if said.severity is Severity.DAMAGE] == [], turns
        assert state.lost is None, turns
        holds = len(state.recordings[ONE].holds) - len(before.recordings[ONE].holds)
        assert holds == sum(who != "retention" for who in (one, other)), turns
        assert new in state.recordings, turns
        if holds:
            office.release(ONE)
