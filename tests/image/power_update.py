"""An update of the image in an emulated board, on a card that keeps a log of its writes; and what
was certain of that card at any instant.

Two starts are all of it: in the first one a stick takes the next release to slot B, and the machine
starts anew for the trial; in the second one that release is kept. The card is set up in the first
one as well, and recordings are on it. What is kept of its log concerns the partitions that an
update may write to; a write to another one, as to the slot that runs, is not allowed for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from camerad.behaviour.update import UpdatePhase
from camerad.update.boot_selection import Autoboot
from camerad_image import layout
from tests.campaign import lives, logwrites
from tests.campaign.blocklog import WRITE
from tests.campaign.blockstates import Entry, Log
from tests.campaign.lives import Life, Window
from tests.image import disks, power, releases
from tests.image.board import Board
from tests.image.card import Card
from tests.image.life import Lives, office_files

PARTITIONS: Final = (layout.COMMON, layout.BOOT_B, layout.ROOT_B, layout.DATA)
"""Those that an update may write to; a state has them one behind the other."""
PHASES: Final = ("installing", "marking", "trying", "confirming")
"""While the slot is written; from then until the machine is off, for the trial; from its start
until autoboot.txt is written; and to the end."""
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    # The card is as small as the image.
    "storage": lives.MINUTES,
    "idle": {"camera": "none"},
}
_SAID: Final = {
    "is installed into slot": UpdatePhase.INSTALLING,
    "is tried: the machine starts anew": UpdatePhase.TRYING,
    "works, and starts by default": UpdatePhase.CONFIRMED,
}
"""What camerad says once a phase is durable."""
_STAMP: Final = re.compile(r"\[\s*(\d+)\.(\d{6})\]")
"""Of a line of the journal: seconds and microseconds (``-o short-monotonic``). A machine that never
sleeps has the same boot time."""
_FACTS: Final = "update.json"
_BEFORE_US: Final = 100_000
_FOREVER: Final = 1 << 62


@dataclass(frozen=True)
class Half:
    """One of the two starts; `directory` has the partitions before and the log. windows: of its
    phases. life: of the data partition. promised: phases of the update, and since when each was
    told to be reached."""

    directory: Path
    windows: dict[str, Window]
    life: Life
    promised: list[tuple[int, UpdatePhase]]

    @property
    def before(self) -> Path:
        """The partitions before it."""
        return self.directory / "before"

    @property
    def log(self) -> Path:
        """What reached them."""
        return self.directory / "log.blocks"

    def entries(self) -> list[Entry]:
        """Of that log."""
        log = Log(self.log, self.before)
        log.close()
        return log.entries

    def reached(self, at_us: int) -> UpdatePhase:
        """The last phase that had been told by then."""
        return [phase for since_us, phase in self.promised if since_us <= at_us][-1]


@dataclass(frozen=True)
class UpdateLife:
    """Both starts. image: of the card, compressed; versions: by the slot that they are in at the
    end; boot: what slot B's boot partition is to be."""

    folder: Path
    image: Path
    versions: dict[str, str]
    boot: Path
    halves: tuple[Half, Half]

    def half(self, phase: str) -> Half:
        """The start that has it."""
        return next(one for one in self.halves if phase in one.windows)


def place(partition: layout.Partition) -> int:
    """At which byte of a state a partition begins."""
    return sum(one.size for one in PARTITIONS[: PARTITIONS.index(partition)])


def live(base: Path, folder: Path, seed: int) -> UpdateLife:
    """Live it, and keep it in the new `folder`. base: the packages of its releases."""
    folder.mkdir(parents=True)
    made = releases.make_two(base, folder / "releases")
    stick = releases.make_stick(folder, "new", made.bundles["new"])
    card = Card(made.image, folder, size=0)
    parts = power.parts(card, PARTITIONS)
    assert [part.size for part in parts] == [one.size for one in PARTITIONS]
    (data,) = power.parts(card, [layout.DATA])
    recorded = power.seeded(card, data, folder, Random(f"{seed}/update/life"))
    card.put(layout.COMMON, *office_files(folder / "office", _SETTINGS))
    layer, result = disks.make_layer(folder, {}), disks.make_result(folder)
    starts = Lives(Board(card, layer, result, folder, docked=True))
    found, times = [], []
    for number, sticks in enumerate(({"new": stick}, {}), 1):
        directory = folder / f"half-{number}"
        directory.mkdir()
        power.gather(card.disk, parts, directory / "before")
        log = folder / "card.log"
        log.unlink(missing_ok=True)
        ended = starts.start("update", sticks=sticks, log=log)
        found.append(starts.found(ended))
        assert ended.tryboot == (number == 1), f"start {number} ended otherwise: {ended}"
        strays = logwrites.outside(log, parts)
        assert not strays, f"start {number} wrote elsewhere: {strays[:9]}"
        times.append(logwrites.converted(log, parts, directory / "log.blocks"))
        power.keep_files(card, data, directory)
    log.unlink()
    card.disk.unlink()
    assert found[1].came_up()["phase"] == UpdatePhase.CONFIRMED
    journals = (found[1].before, (found[1].folder / "journal.txt").read_text())
    halves = [
        {**power.facts_of(*one, recorded), "said": said(journal)}
        for *one, journal in zip(found, times, journals, strict=True)
    ]
    (folder / _FACTS).write_text(json.dumps({"versions": made.versions, "halves": halves}))
    life = load(folder)
    assert life is not None
    return life


def said(journal: str) -> list[tuple[int, str]]:
    """Which phases camerad told, and when."""
    found = []
    for line in journal.splitlines():
        for words, phase in _SAID.items():
            if words in line and (stamp := _STAMP.match(line)):
                found.append((int(stamp[1]) * 1_000_000 + int(stamp[2]), phase.value))
    return found


def load(folder: Path) -> UpdateLife | None:
    """The life that is kept there; None if there is none."""
    try:
        facts = json.loads((folder / _FACTS).read_text())
    except FileNotFoundError:
        return None
    phases = (UpdatePhase.IDLE, UpdatePhase.TRYING)
    first, second = (
        _half(folder / f"half-{number}", *one)
        for number, one in enumerate(zip(facts["halves"], phases, strict=True), 1)
    )
    versions = {"A": facts["versions"]["old"], "B": facts["versions"]["new"]}
    made = folder / "releases"
    image = made / "old" / f"{releases.NAME}.img.zst"
    return UpdateLife(folder, image, versions, made / "taken" / "boot.img", (first, second))


def _half(directory: Path, facts: Mapping[str, Any], before: UpdatePhase) -> Half:
    life = power.life_of(directory, facts)
    promised = [(0, before), *((at_us, UpdatePhase(phase)) for at_us, phase in facts["said"])]
    half = Half(directory, {}, life, promised)
    windows = _installation(half) if before is UpdatePhase.IDLE else _trial(half)
    return Half(directory, windows, life, promised)


def _installation(half: Half) -> dict[str, Window]:
    first, last = place(layout.BOOT_B), place(layout.DATA)
    slot = [one.at_us for one in half.entries() if one.kind == WRITE and first <= one.offset < last]
    return {"installing": (slot[0], slot[-1]), "marking": (slot[-1], _FOREVER)}


def _trial(half: Half) -> dict[str, Window]:
    log = Log(half.log, half.before)
    at_us = log.entries[log.first(Autoboot("B").text().rstrip()) - 1].at_us
    log.close()
    return {"trying": (0, at_us - 1), "confirming": (at_us - _BEFORE_US, _FOREVER)}
