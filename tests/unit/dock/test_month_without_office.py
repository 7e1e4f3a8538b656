"""A camera whose office is away for a month keeps, deletes what the law names and nothing else, and
catches up: what is marked first, then the newest (O7).

The camera's store, the client and the office's server are the real ones; the days are a clock's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from pathlib import Path

import pytest
from check_in_helpers import token
from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import EndlessFilm, noise
from hw_mocks.free_port import free_port
from msgspec.structs import replace

from camerad.base import durable_files
from camerad.base.clock import DAY, ManualClock, SystemClock
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.config.office_section import Office
from camerad.container.keys import KeyRing, SigningKey
from camerad.dock.daemon_client import ToHandOver
from camerad.dock.dock_watch import DockState, DockWatch
from camerad.dock.errors import OfficeUnavailableError
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.progress_teller import NoReport
from camerad.evidence.office_key_file import load_public_key
from camerad.office.jobs.office_jobs import server_with_jobs
from camerad.office.server.office_settings import ListenSettings, OfficeFile
from camerad.store.device_client import accept_receipt
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store
from tests.unit.office.server.office_scene import NAME, OfficeScene, Running, write_register

DAYS = 30
RETENTION_DAYS = 14


class Daemon:
    """The daemon's part, on the card's real store."""

    def __init__(self, store: Store, office: KeyRing, key: SigningKey) -> None:
        self.store = store
        self.office = office
        self.key = key
        self.check_ins = 0

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        listed = [one.as_json() for one in self.store.recordings()]
        return [
            ToHandOver(one["id"], one["path"], one["final"])
            for one in listed
            if not one["acknowledged"] or one["id"] in also
        ]

    def check_in(self) -> bytes:
        self.check_ins += 1
        head, kid = self.store.ledger.head, self.key.public.thumbprint
        return token(self.check_ins, head=head, key=self.key, kid=kid, device=NAME)

    def show_log(self, log: str) -> tuple[bool, str | None]:
        return False, None

    def offer_settings(self, offer: bytes) -> str | None:
        raise AssertionError("nothing is on offer")

    def accept(self, token: bytes) -> list[str]:
        return accept_receipt(self.store, self.office, token)


class Pass:
    """One pass; see `camerad.dock.dock_watch.HandoverPass`."""

    def __init__(self, month: Month) -> None:
        office, clock = month.office, SystemClock()
        self._connection = OfficeConnection(office, trusting(office.ca, check_time=False), clock)
        client = OfficeClient(office.url, self._connection, KeySigner(month.card.key), clock)
        memory = month.memory
        self._handover = Handover(
            str(month.card.root / "ledger"),
            month.daemon,
            client,
            self._connection,
            clock,
            check_in=OfficeCheckIn(month.daemon, client, clock, memory.check_in, memory.is_new),
            memory=memory,
        )

    def run(self) -> HandoverResult:
        return self._handover.run()

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()


class Month:
    """A camera that is docked every evening, and its office."""

    def __init__(self, root: Path) -> None:
        self.card = Card(root / "camera", NAME)
        self.port = free_port()  # nobody listens there
        self.scene = OfficeScene(root)
        self.clock = self.scene.clock
        write_register(self.scene.register, (NAME, self.card.key.public, ()))
        key = load_public_key(str(self.scene.root / "office.pem"))
        assert key is not None
        authority = Path(self.scene.authority.certificate).read_text()
        self.office = Office(f"https://localhost:{self.port}", authority, key.jwk["x"], 10_000)
        self.store = Store.open(
            PlaceClaim(place_of(str(self.card.root))), self.card.key, self.clock
        )
        self.daemon = Daemon(self.store, KeyRing([key]), self.card.key)
        self.memory = HandoverMemory()

    def record(self, film: EndlessFilm, *, marked: bool) -> str:
        clock, ledger = self.clock, self.store.ledger
        return self.card.record_one(film, 1, clock, ledger, marked=marked)

    def at_the_office(self) -> list[str]:
        return sorted(path.stem for path in self.scene.directory.glob("*/recordings/*.tar"))


def hand_over(month: Month) -> HandoverResult:
    """A pass."""
    handover = Pass(month)
    try:
        return handover.run()
    finally:
        handover.close()


@pytest.fixture(autouse=True)
def no_power_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing has to be synchronised."""
    for name in ("sync", "sync_directory", "sync_path"):
        monkeypatch.setattr(durable_files, name, lambda *_: None)


@pytest.fixture(scope="module")
def film() -> EndlessFilm:
    return noise(320, 240, 200_000)


def test_o7_a_month_without_its_office_costs_nothing_but_what_the_law_deletes(
    tmp_path: Path, film: EndlessFilm
) -> None:
    month = Month(tmp_path)
    recorded: list[tuple[int, str]] = []
    marked, deleted = set(), set()
    held = None
    for day in range(DAYS):
        one = month.record(film, marked=day % 5 == 0)
        recorded.append((day, one))
        if day % 5 == 0:
            marked.add(one)
        if day == 3:
            held = recorded[-1][1]
            month.store.hold(held, "a case", "the desk")
        with pytest.raises(OfficeUnavailableError, match="cannot be reached"):
            hand_over(month)
        month.clock.advance(DAY)
        gone = {one.id for one in month.store.purge()}
        # Retention counts from a recording's end, which was just before midnight by this clock.
        due = {one for then, one in recorded if day + 1 - then >= RETENTION_DAYS and one != held}
        assert gone == due - deleted, day
        deleted |= gone
    kept = [one for _, one in recorded if one not in deleted]
    assert {path.stem for path in month.card.files} == set(kept)
    assert held in kept and len(kept) == RETENTION_DAYS

    order: list[str] = []
    with Running(server_with_jobs(served(month), month.clock)):
        begin = OfficeClient.begin_upload

        def noted(client: OfficeClient, recording: str, final: str, length: int) -> int:
            order.append(recording)
            return begin(client, recording, final, length)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(OfficeClient, "begin_upload", noted)
            result = hand_over(month)
    assert result.complete and not result.refused
    assert sorted(result.acknowledged) == sorted(kept) == month.at_the_office()
    first = [one for one in reversed(kept) if one in marked]
    assert order == first + [one for one in reversed(kept) if one not in marked]
    month.store.close()


class Told(NoReport):
    """Remembers the words."""

    def __init__(self) -> None:
        self.words: list[HandoverProgress] = []

    def say(self, text: str, word: HandoverProgress | None = None) -> None:
        self.words += [] if word is None else [word]


def test_o7_the_log_says_once_that_the_office_is_away_and_the_state_goes_on_saying_it(
    tmp_path: Path, film: EndlessFilm, caplog: pytest.LogCaptureFixture
) -> None:
    """A month of attempts fills no log."""
    month = Month(tmp_path)
    month.record(film, marked=False)
    told = Told()
    clock = ManualClock()
    attempts, enough = 0, threading.Event()

    def make_pass(_vouched: bool) -> Pass:
        nonlocal attempts
        attempts += 1
        if attempts >= DAYS:
            enough.set()
        clock.advance(DAY)  # whatever the pause is, it is over
        return Pass(month)

    watch = DockWatch(make_pass, clock, told, again_seconds=(0.0,))
    with caplog.at_level(logging.INFO):
        watch.start()
        watch.tell(DockState(docked=True, at_rest=True, clock_vouched_for=True))
        assert enough.wait(60)
        watch.close()
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warnings) == 1 and "cannot be reached" in warnings[0].getMessage()
    away = HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.NETWORK)
    assert told.words[-1] == away
    month.store.close()


def served(month: Month) -> OfficeFile:
    """The office's settings, with which cameras find it again where it was."""
    listen = ListenSettings("127.0.0.1", month.port)
    return replace(month.scene.settings, url=month.office.url, listen=listen)
