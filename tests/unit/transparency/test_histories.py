"""Seeded histories of an office with cameras: one act of a dishonest office in each is named by the
next docking of a camera, or by an auditor with two cameras' ledgers; an honest office, with power
cuts, backups, lost entries and cameras away, is never accused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest
from ledger_helpers import Book

from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.container.severity import Severity
from camerad.ledger.entry_types import HistoryLost
from camerad.ledger.recording_entries import HoldPlaced, OpenedEntry
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import CameraWitness
from camerad.transparency.checkpoints import Checkpoint
from camerad.transparency.log_check import check_log
from camerad.transparency.office_log import SHOWN, OfficeLog
from tests.breadth import breadth

CAMERAS = breadth(5, 20)
HISTORIES = breadth(6, 100)
"""Of each kind of act, and honest ones."""
AT_ONCE = 50
"""Honest ones in one test: it has an end on a busy machine as well."""
STEPS = 30


class Camera:
    """A camera, and the office's directory that it is shown."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = SigningKey.generate()
        self.book = Book(root / "ledger")

    def seen(self, office: Book) -> Checkpoint | None:
        found = self.witness(office).read()
        return None if found is None else checkpoints.parse(found.note).checkpoint

    def witness(self, office: Book) -> CameraWitness:
        return CameraWitness(str(self.root), office.key.public, self.book.ledger, self.key)

    def dock(self, office: Book) -> bool:
        """Whether it disputes what it is shown."""
        shown = OfficeLog(str(office.path)).show(self.seen(office))
        if shown is None:
            return False
        token = jws.sign(office.key, SHOWN, shown)
        return self.witness(office).see(token, shown.about).dispute is not None


class World:
    def __init__(self, root: Path, seed: int) -> None:
        self.random = Random(seed)
        self.root = root
        self.office = Book(root / "office" / "ledger")
        self.cameras = [Camera(root / f"camera-{number}") for number in range(CAMERAS)]
        self.written = 0

    def publish(self) -> None:
        OfficeLog(str(self.office.path)).publish(self.office.ledger)

    def work(self) -> None:
        """What an office writes: receipts, holds, views."""
        for _ in range(self.random.randrange(1, 5)):
            self.written += 1
            name = f"20261124T153000Z-000001-{self.written:08x}"
            self.office.opened(name)
            if self.random.random() < 0.3:
                self.office.hold(name)
        self.publish()

    def dock_some(self) -> bool:
        chosen = [one for one in self.cameras if self.random.random() < 0.4]
        return sum(one.dock(self.office) for one in chosen) > 0

    def restart(self) -> None:
        self.office.open()

    def rotate(self) -> None:
        self.office.ledger.rotate()
        self.publish()

    def lose_power(self) -> None:
        """The last entry was being written; nothing more was shown of it."""
        self.office.ledger.close()
        with self.office.file().open("ab") as file:
            file.write(b"eyJhbGciOiJFZERTQSIs")
        self.office.open()

    def copy(self, to: str) -> Path:
        self.office.ledger.close()
        shutil.rmtree(self.root / to, ignore_errors=True)
        shutil.copytree(self.root / "office", self.root / to)
        self.office.open()
        return self.root / to

    def restore(self, directory: str) -> None:
        self.office.ledger.close()
        shutil.rmtree(self.root / "office")
        shutil.copytree(self.root / directory, self.root / "office")
        self.office.open()

    def restore_and_declare(self) -> None:
        """As docs/transparency.md has it, before any camera docks."""
        if not (self.root / "backup").exists():
            self.copy("backup")
            return
        self.restore("backup")
        log = OfficeLog(str(self.office.path))
        seen = {one.seen(self.office) for one in self.cameras}
        for lost in sorted((one for one in seen if one and not log.continues(one)), key=str):
            root = checkpoints.encode(lost.root)
            facts = HistoryLost(lost.origin, lost.size, root, "from the backup", "Admin")
            self.office.ledger.append("history_lost", **msgspec.structs.asdict(facts))
        self.publish()

    def honest_step(self) -> bool:
        """Whether a camera disputes it."""
        step = self.random.choice(
            [self.work] * 6 + [self.restart, self.rotate, self.lose_power, self.restore_and_declare]
        )
        step()
        return self.dock_some()

    def audit(self) -> list[str]:
        """What an auditor finds with the ledgers of two cameras."""
        ledgers = [str(one.book.path) for one in self.random.sample(self.cameras, 2)]
        found = check_log(str(self.office.path), ledgers)
        return [text for severity, text in found if severity is Severity.DAMAGE]

    def close(self) -> None:
        for book in (self.office, *(one.book for one in self.cameras)):
            book.ledger.close()

    # -------------------------------------------------------------- a dishonest office

    def rewrite(self, change: Callable[[list[msgspec.Struct]], None]) -> None:
        """The ledger and its log are written anew with the office's keys, from what they said."""
        said = [
            one.facts
            for number in range(1, self.office.ledger.head.epoch + 1)
            for one in self.office.entries(number)
            if isinstance(one.facts, OpenedEntry | HoldPlaced)
        ]
        change(said)
        key = (self.root / "office" / "log" / "key.pem").read_bytes()
        self.office.ledger.close()
        shutil.rmtree(self.root / "office")
        (self.root / "office" / "log").mkdir(parents=True)
        (self.root / "office" / "log" / "key.pem").write_bytes(key)
        self.office.open()
        for facts in said:
            kind = "opened" if isinstance(facts, OpenedEntry) else "hold"
            self.office.ledger.append(kind, **msgspec.structs.asdict(facts))
        self.publish()

    def drop(self) -> None:
        self.rewrite(lambda said: said.pop(self.random.randrange(len(said) // 2)) and None)

    def insert(self) -> None:
        hold = HoldPlaced("20261124T153000Z-000001-00000001", "made up", "Nobody")
        self.rewrite(lambda said: said.insert(1 + self.random.randrange(len(said) // 2), hold))

    def change(self) -> None:
        def other(said: list[msgspec.Struct]) -> None:
            at = self.random.randrange(len(said) // 2)
            said[at] = OpenedEntry("20261124T153000Z-000001-ffffffff", "another header")

        self.rewrite(other)

    def put_back(self) -> None:
        self.restore("yesterday")

    def put_back_and_go_on(self) -> None:
        self.restore("yesterday")
        for _ in range(5):
            self.work()

    def empty(self) -> None:
        self.rewrite(list.clear)
        self.work()

    def new_log(self) -> None:
        shutil.rmtree(self.root / "office" / "log")
        self.publish()

    def split(self) -> None:
        """Half of the cameras are shown one history, the others another one."""
        self.copy("shown to others")
        self.work()
        for one in self.cameras[::2]:
            one.dock(self.office)
        self.copy("first")
        self.restore("shown to others")
        self.written += 1_000
        self.work()
        for one in self.cameras[1::2]:
            one.dock(self.office)


ACTS = [
    World.drop,
    World.insert,
    World.change,
    World.put_back,
    World.put_back_and_go_on,
    World.empty,
    World.new_log,
    World.split,
]


@pytest.mark.breadth
@pytest.mark.parametrize("act", ACTS)
def test_each_act_of_a_dishonest_office_is_named(
    tmp_path: Path, act: Callable[[World], None]
) -> None:
    for seed in range(HISTORIES):
        world = World(tmp_path / str(seed), seed)
        world.work()
        world.copy("yesterday")
        for _ in range(STEPS // 3):
            world.work()
            assert not world.dock_some()
        for one in world.cameras:
            one.dock(world.office)
        assert world.audit() == []
        act(world)
        disputed = [one.dock(world.office) for one in world.cameras]
        assert any(disputed) or world.audit(), f"{act.__name__}, history {seed}"
        world.close()


@pytest.mark.breadth
@pytest.mark.parametrize("first", range(0, HISTORIES * 2, AT_ONCE))
def test_no_honest_office_is_accused(tmp_path: Path, first: int) -> None:
    for seed in range(first, min(first + AT_ONCE, HISTORIES * 2)):
        world = World(tmp_path / str(seed), seed)
        for step in range(STEPS):
            assert not world.honest_step(), f"history {seed}, step {step}"
        assert world.audit() == [], f"history {seed}"
        world.close()
