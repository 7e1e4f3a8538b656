"""Whole offices, and what may become of them: copied, moved, emptied, put back and mixed parts;
links; clocks that people declared; tombstones and receipts that who has a key made up. Nothing here
knows how they are checked."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera
from sealed_helpers import WALL_US

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.cli import main
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger import entries
from camerad.ledger.entries import Head
from camerad.store.receipts import RECEIPT, CopiedRecording, Receipt

FOUR: Final = "20261124T180000Z-000004-00000004"
FIVE: Final = "20261124T190000Z-000005-00000005"
NOBODY: Final = "20261124T200000Z-000009-00000009"
OTHER_KEY: Final = SigningKey.generate()
"""Of the second camera."""
AGES_US: Final = (0, 1200 * SECOND, 14 * DAY, 15 * DAY, 100 * DAY)
BOOT: Final = "7ab0c5d2-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Link:
    """A symbolic link in the place of a file or of a directory."""

    target: str


Files = dict[str, bytes | Link]
"""By their paths in the directory."""


class Clock:
    """What the office's computer shows, which runs all the time. hand_us: so far its clock was set
    ahead."""

    hand_us = 0
    wall_us = WALL_US + DAY // 24
    source = ClockSource.SYNCHRONISED

    def moment(self, _: object = None) -> Moment:
        return Moment(self.wall_us - WALL_US + DAY, self.wall_us + self.hand_us, self.source)


def commands(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[..., int], Clock]:
    """What carries out `camerad` as a user without settings, and says its exit code; and the clock
    that it goes by."""
    clock = Clock()
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: clock.moment())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
    monkeypatch.setattr("camerad.config.policies.ETC", directory / "etc")
    monkeypatch.setattr("camerad.base.process.forbid_dumps", lambda: None)
    return lambda *arguments: main.main([str(one) for one in arguments]), clock


def public_keys(directory: Path) -> Path:
    """A directory with both cameras' public keys."""
    keys = directory / "keys"
    keys.mkdir()
    for name, key in (("one", KEY), ("two", OTHER_KEY)):
        (keys / f"{name}.pem").write_text(key.public.pem)
    return keys


@dataclass
class Office:
    """An office's directory as it came to be: its states, the last one being the present; and the
    keys that signed its ledgers."""

    states: list[Files]
    office: SigningKey
    cameras: dict[str, SigningKey] = field(default_factory=dict)


@dataclass
class Case:
    """An office that something was done to. what: in words. gone: recordings that were taken, with
    nothing that explains it."""

    what: list[str]
    files: Files
    gone: set[str] = field(default_factory=set)


def made(directory: Path, run: Callable[..., int], clock: Clock, key: Path) -> list[Office]:
    """Four offices of two cameras; in the last two the time is what a person declares, and in the
    fourth that person sets the clock ahead in between. run: carries out a command of camerad. key:
    the file with both cameras' public keys."""
    return [_made(directory / str(number), run, clock, key, number) for number in range(4)]


def _made(directory: Path, run: Callable[..., int], clock: Clock, key: Path, number: int) -> Office:
    one = Camera(directory / "one")
    two = Camera(directory / "two", OTHER_KEY, "cam-2")
    place = directory / "place"
    declared = ("--trust-clock",) if number >= 2 else ()
    clock.wall_us, clock.source, clock.hand_us = Clock.wall_us, Clock.source, 0
    if declared:
        clock.source = ClockSource.UNKNOWN
    states = []
    for camera, recordings in ((one, (ONE, TWO)), (two, (THREE,))):
        for recording in recordings:
            camera.put(recording)
        camera.offload(place)
    states.append(read(place))
    hold = ("evidence", "hold", ONE, "--state", place, "--key", key, *declared)
    assert run(*hold, "--reason", "Anzeige", "--who", "Desk") == 0
    ends = (*hold, "--until", "2027-03-31")
    assert run(*ends, "--reason", "Frist", "--who", "Desk") == 0
    states.append(read(place))
    one.put(FOUR)
    one.offload(place)
    two.put(FIVE)
    two.offload(place)
    purge = ("evidence", "purge", place, "--key", key, *declared)
    assert run(*purge) == 0
    states.append(read(place))
    if number == 3:
        clock.hand_us = 15 * DAY
        assert run(*purge) == 75
        states.append(read(place))
        assert [name for name in states[-2] if name not in states[-1]] == []
    elif number:
        clock.wall_us += 15 * DAY
        assert run(*purge) == 0
        one.clock.advance(15 * DAY)
        one.put(NOBODY.replace("-000009-", "-000006-"))
        one.offload(place)
        assert run(*purge) in (0, 75)
        states.append(read(place))
    pem = directory.parent / "config" / "camerad" / "office.pem"
    names = {path.name for path in place.iterdir()} - {"office"}
    cameras = {name: KEY if name.startswith("cam-1") else OTHER_KEY for name in names}
    return Office(states, SigningKey.from_pem(pem.read_bytes()), cameras)


def read(root: Path) -> Files:
    """All that lies in a directory."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def write(root: Path, files: Files) -> None:
    """Have exactly that lie in a directory; what links lead to lies beside it."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        else:
            path.write_bytes(content)


class Changer:
    """Does things to offices, by chance."""

    def __init__(self, offices: list[Office], chance: random.Random, outside: Path) -> None:
        self._offices = offices
        self._chance = chance
        self._outside = outside
        """Where links lead to."""

    def case(self) -> Case:
        """An office to which one to three things were done."""
        chance = self._chance
        self._office = chance.choice(self._offices)
        self._explained = False
        files = self._office.states[-1]
        case = Case([], dict(files))
        changes = [
            *(self._remove, self._empty, self._copy, self._move, self._move, self._put_back),
            *(self._mix, self._link, self._tombstone, self._tombstone, self._declare),
            *(self._receipt, self._lose_office, self._rename),
        ]
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if case.files:
                chance.choice(changes)(case)
        if not self._explained:
            before = {Path(name).stem for name in files if _is_recording(name)}
            case.gone = before - {Path(name).stem for name in case.files if _is_recording(name)}
        return case

    # ------------------------------------------------------------------ without any key

    def _parts(self, files: Files) -> list[str]:
        """Files, and directories."""
        parents = {str(part) for name in files for part in Path(name).parents} - {"."}
        return [*files, *sorted(parents)]

    def _part(self, case: Case) -> str:
        return self._chance.choice(self._parts(case.files))

    def _remove(self, case: Case) -> None:
        part = self._part(case)
        case.what.append(f"{part} removed")
        case.files = {name: data for name, data in case.files.items() if not _within(name, part)}

    def _empty(self, case: Case) -> None:
        part = self._part(case)
        how = self._chance.choice(("emptied", "zeroed", "cut", "changed"))
        case.what.append(f"{part} {how}")
        for name, data in case.files.items():
            if not _within(name, part) or isinstance(data, Link):
                continue
            changed = bytearray(data)
            if changed:
                changed[self._chance.randrange(len(changed))] ^= 1
            case.files[name] = {
                "emptied": b"",
                "zeroed": bytes(len(data)),
                "cut": data[: len(data) // 2],
                "changed": bytes(changed),
            }[how]

    def _target(self, case: Case, name: str) -> str:
        """Another place for a file."""
        base = name.rpartition("/")[2]
        folders = sorted({str(Path(one).parent) for one in case.files})
        devices = sorted({one.split("/")[0] for one in case.files if "/" in one} - {"office"})
        return self._chance.choice([
            *(f"{folder}/{base}" for folder in folders),
            *(f"{device}/{base}" for device in devices),
            *(base, f"{name.removesuffix('.tar')} (1).tar"),
            *(f"{device}/recordings/{base}" for device in devices),
        ])  # fmt: skip

    def _copy(self, case: Case) -> None:
        name = self._chance.choice([*case.files])
        target = self._target(case, name)
        case.what.append(f"{name} copied to {target}")
        case.files[target] = case.files[name]

    def _move(self, case: Case) -> None:
        recordings = [name for name in case.files if _is_recording(name)]
        name = self._chance.choice(recordings or [*case.files])
        target = self._target(case, name)
        case.what.append(f"{name} moved to {target}")
        case.files[target] = case.files.pop(name)

    def _rename(self, case: Case) -> None:
        parents = {str(part) for name in case.files for part in Path(name).parents} - {"."}
        if not parents:
            return
        part = self._chance.choice(sorted(parents))
        new = self._chance.choice((f"{part}x", f"x{part}", f"{part}-{KEY.public.thumbprint[:8]}"))
        case.what.append(f"{part} renamed to {new}")
        case.files = {
            new + name.removeprefix(part) if name.startswith(f"{part}/") else name: data
            for name, data in case.files.items()
        }

    def _put_back(self, case: Case) -> None:
        state = self._chance.choice(self._office.states)
        part = self._chance.choice([*self._parts(state), ""])
        case.what.append(f"{part or 'all of it'} put back")
        self._take(case, state, part)

    def _mix(self, case: Case) -> None:
        other = self._chance.choice(self._offices)
        state = self._chance.choice(other.states)
        part = self._chance.choice(self._parts(state))
        case.what.append(f"{part} is that of another office")
        self._take(case, state, part)

    def _take(self, case: Case, state: Files, part: str) -> None:
        """Have a part be as it is in another state."""
        self._explained = True
        kept = {name: data for name, data in case.files.items() if not _within(name, part)}
        case.files = kept | {name: data for name, data in state.items() if _within(name, part)}

    def _lose_office(self, case: Case) -> None:
        left = self._chance.choice(("", "office/id", "office/keys", "office/ledger"))
        case.what.append(f"office removed but {left or 'nothing'}")
        case.files = {
            name: data
            for name, data in case.files.items()
            if not _within(name, "office") or (left and _within(name, left))
        }

    def _link(self, case: Case) -> None:
        part = self._part(case)
        case.what.append(f"{part} is a link to what it was")
        inside = {name: data for name, data in case.files.items() if _within(name, part)}
        if any(isinstance(data, Link) for data in inside.values()):
            return
        target = self._outside / f"{self._chance.randrange(1 << 60):x}"
        for name, data in inside.items():
            path = target / name.removeprefix(part).lstrip("/") if name != part else target
            path.parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(data, bytes)
            path.write_bytes(data)
            del case.files[name]
        case.files[part] = Link(str(target))
        if part in ("office", "office/ledger", "office/keys"):
            return

    # ------------------------------------------------------------------ with a key

    def _append(self, case: Case, directory: str, key: SigningKey, kind: str, **facts: Any) -> bool:
        """Append an entry to the newest epoch of a ledger; False if there is none."""
        names = [
            name
            for name in case.files
            if name.startswith(f"{directory}/") and name.endswith(".jws")
        ]
        data = case.files[max(names)] if names else b""
        if isinstance(data, Link) or not data.endswith(b"\n"):
            return False
        last = data.splitlines()[-1]
        try:
            entry = entries.parse_entry(last, KeyRing([key.public]))
        except jws.JwsError:
            return False
        source = self._chance.choice((*ClockSource, ClockSource.UNKNOWN))
        later_us = self._chance.choice((0, 0, SECOND, 15 * DAY))
        wall_us = entry.clock.wall_us + later_us + self._chance.choice((0, 0, 15 * DAY, -15 * DAY))
        boot = self._chance.choice((entry.boot_id, entry.boot_id, BOOT))
        boot_us = entry.clock.boot_us + later_us if boot == entry.boot_id else later_us
        clock = Moment(boot_us, wall_us, source)
        head = Head(entry.epoch, entry.sequence, entry.sha256)
        said = entries.facts_of_kind(kind, facts)
        case.files[max(names)] = (
            data + entries.sign_entry(key, head, boot, clock, said).token + b"\n"
        )
        self._explained = True
        return True

    def _ledger(self) -> tuple[str, SigningKey]:
        """The office's own, or that of a camera."""
        cameras = [(f"{name}/ledger", key) for name, key in self._office.cameras.items()]
        return self._chance.choice([("office/ledger", self._office.office)] * 3 + cameras)

    def _tombstone(self, case: Case) -> None:
        ids = sorted({Path(name).stem for name in case.files if _is_recording(name)})
        recording = self._chance.choice([*ids, NOBODY])
        why = self._chance.choice(("expired", "expired", "offloaded", "other"))
        age_us = self._chance.choice(AGES_US)
        directory, key = self._ledger()
        facts = {"id": recording, "final": None, "why": why, "age_us": age_us}
        if not self._append(case, directory, key, "deleted", **facts):
            return
        case.what.append(f"{recording} has a tombstone in {directory}: {why}, {age_us // DAY} days")
        if self._chance.random() < 0.7:
            case.what.append("and is removed")
            case.files = {
                name: data for name, data in case.files.items() if Path(name).stem != recording
            }

    def _declare(self, case: Case) -> None:
        directory, key = self._ledger()
        facts = {
            "who": "Desk",
            "run": self._chance.choice((1, 1, 2, 7)),
            "boot_us": self._chance.choice((0, DAY)),
            "wall_us": WALL_US + self._chance.choice((-30, 0, 15, 400)) * DAY,
        }
        if self._append(case, directory, key, "clock_declared", **facts):
            case.what.append(f"a clock is declared in {directory}")
            if self._chance.random() < 0.5:
                self._append(case, directory, key, "uptime")

    def _receipt(self, case: Case) -> None:
        """By a camera, for a recording that is nobody's, or for one that is there; and of whichever
        directory."""
        name, key = self._chance.choice(sorted(self._office.cameras.items()))
        recording = self._chance.choice((NOBODY, ONE, THREE))
        identity = case.files.get("office/id", b"")
        own = identity.decode().strip() if isinstance(identity, bytes) else ""
        directory = self._chance.choice((own, f"{own}+ledger", "0a1b", "0a1b+ledger"))
        copied = CopiedRecording(recording, "f" * 64, "0" * 64, 7)
        now = Moment(DAY, WALL_US, ClockSource.SYNCHRONISED)
        said = Receipt(
            "cam", key.public.thumbprint, directory, (copied,), Head(1, 1, "0" * 64), BOOT, now
        )
        case.what.append(f"a receipt in {name} for {recording}, of {directory}")
        case.files[f"{name}/receipts/0077.jws"] = jws.sign(key, RECEIPT, said)
        self._explained = True


def _is_recording(name: str) -> bool:
    path = Path(name)
    return path.suffix == ".tar" and path.parent.name == "recordings" and len(path.parts) == 3


def _within(name: str, part: str) -> bool:
    return not part or name == part or name.startswith(f"{part}/")
