"""A camera's card after a shift: a key of its own, its ledger, and recordings that it signed.

Everything on it is written by the production code: identity, ledger, and every recording by
`camerad.recording.container_writer`, sealed and signed fragment by fragment with this card's key.
Only the pictures are the same everywhere, and nothing is synchronised before all is written: these
cards lose no power.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from unittest import mock

from camerad.base import durable_files
from camerad.base.clock import SECOND, Clock, ManualClock, SystemClock
from camerad.container import recording_files
from camerad.container.encryption import Sealer
from camerad.container.keys import SigningKey
from camerad.container.skeleton import skeleton
from camerad.container.statements import FORMAT, Closing, FragmentFacts, Header
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.recording.container_writer import ContainerWriter
from camerad.store import identity
from camerad.store.locations import LEDGER
from camerad.store.trust import facts_from

from hw_mocks.fleet.endless_film import FPS, FRAGMENT_US, PICTURES, EndlessFilm, pts_of
from hw_mocks.office import DEMONSTRATION_RECIPIENT

RECORDINGS: Final = "recordings"
_BEGAN_US: Final = 600 * SECOND
"""Boot time of the first recording: a camera is not handed out while it starts."""
_MARKED: Final = 0.15
"""Share of recordings in which somebody pressed for a mark."""
_SHORTEST: Final = 0.25
"""Of the mean length; the longest has about three times the mean."""


class Card:
    """A camera's state directory, made at `root`. name: the camera's.

    The recordings are behind one another, and end now. wearer: who wore it, None if nobody was
    named.
    """

    def __init__(self, root: Path, name: str, wearer: str | None = None) -> None:
        self.root = root
        self.name = name
        self.wearer = wearer
        self.recordings: Final = root / RECORDINGS
        root.mkdir(parents=True)
        self.recordings.mkdir()
        self.key: Final[SigningKey] = identity.load_or_create(str(root)).key

    def record(
        self,
        film: EndlessFilm,
        lengths: list[int],
        seed: int = 0,
        marked: Collection[int] | None = None,
    ) -> None:
        """Fill it. lengths: fragments of each recording. marked: numbers of those with a mark,
        from 0; if None, the seed says which."""
        chance = random.Random(f"{seed} {self.name}")
        whole_us = sum(lengths) * FRAGMENT_US
        clock = ManualClock(_BEGAN_US, SystemClock().wall_us() - whole_us)
        with _unsynchronised():
            ledger = Ledger.open(Claim(str(self.root / LEDGER)), self.key, clock)
            for number, count in enumerate(lengths):
                drawn = chance.random() < _MARKED
                wanted = drawn if marked is None else number in marked
                self.record_one(film, count, clock, ledger, marked=wanted)
            ledger.close()
        os.sync()

    @property
    def files(self) -> list[Path]:
        """Its recordings."""
        return sorted(self.recordings.glob(f"*{recording_files.SUFFIX}"))

    def record_one(
        self,
        film: EndlessFilm,
        count: int,
        clock: ManualClock,
        ledger: Ledger,
        *,
        marked: bool = False,
    ) -> str:
        """Record from now on, and for so many fragments; the recording's id. clock: goes on
        meanwhile. ledger: the card's, open."""
        sealer = Sealer([DEMONSTRATION_RECIPIENT])
        header = self._header(film, clock, sealer)
        written = ContainerWriter(str(self.recordings), header, film.init, self.key, sealer)
        ledger.append("opened", id=header.id, header=written.header_sha256)
        for number in range(count):
            clock.advance(FRAGMENT_US)
            marks = (clock.now_us() - FRAGMENT_US // 2,) if marked and not number else ()
            written.append(film.fragment(number), _facts(number, clock, marks))
        now = clock.moment()
        written.close(
            Closing(
                "stop", count * PICTURES, now.boot_us, (), (), (), clock.boot_id, now, None, None
            )
        )
        ledger.append("closed", **facts_from(skeleton(written.path), "closed", own=True))
        return header.id

    def _header(self, film: EndlessFilm, clock: Clock, sealer: Sealer) -> Header:
        now = clock.moment()
        return Header(
            format=FORMAT,
            id=recording_files.new_id(str(self.recordings), now.wall_us),
            device=self.name,
            boot_id=clock.boot_id,
            clock=now,
            started_wall_us=now.wall_us,
            trigger="button:main",
            trigger_us=now.boot_us,
            origin_us=now.boot_us,
            pre_event_wanted_us=0,
            pre_event_shortfall=None,
            continues=None,
            policy="generic",
            retention_days=14,
            width=film.width,
            height=film.height,
            fps=FPS,
            sound=False,
            encoder="libx264",
            software="camerad fleet",
            wearer=self.wearer,
            recipients=sealer.recipients,
        )


def shift(fragments: int, seed: int, mean: int) -> list[int]:
    """How long the recordings of a shift are: fragments of each, `fragments` in all. mean: of one,
    about; a few are long, and most are short."""
    chance = random.Random(seed)
    lengths, left = [], fragments
    while left > 0:
        drawn = round(mean * min(3.0, _SHORTEST + chance.expovariate(1 / (1 - _SHORTEST))))
        length = max(1, min(left, drawn))
        lengths.append(length)
        left -= length
    return lengths


def _facts(number: int, clock: Clock, marks: tuple[int, ...]) -> FragmentFacts:
    now = clock.moment()
    first = now.boot_us - FRAGMENT_US
    last = first + pts_of(PICTURES - 1)
    return FragmentFacts(number, first, last, now.boot_us, PICTURES, (), marks, (), now, None, None)


@contextlib.contextmanager
def _unsynchronised() -> Iterator[None]:
    with (
        mock.patch.object(durable_files, "sync", lambda *_: None),
        mock.patch.object(durable_files, "sync_directory", lambda *_: None),
    ):
        yield
