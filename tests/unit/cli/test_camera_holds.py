"""Holds of a camera's ledger hold in the office that has the copy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from desk_helpers import KEYS, ONE, TWO, Camera

from camerad.base.errors import EX_IOERR
from camerad.container import jws
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.store.locations import place_of

from .conftest import Desk, set_clock
from .world import HOLD, PURGE, RELEASE, World


@dataclass
class Held(World):
    """An office's directory with two recordings, of which the camera holds one."""

    monkeypatch: pytest.MonkeyPatch = field(kw_only=True)

    def purge(self, day: int) -> None:
        """Purge so many days after the recordings."""
        set_clock(self.monkeypatch, day)
        self.ask(PURGE, 0)

    def left(self, *expected: str) -> None:
        """These recordings are left, and no others."""
        assert sorted(p.stem for p in self.archive.glob("cam-*/recordings/*.tar")) == [*expected]

    @property
    def epoch(self) -> Path:
        """The copy of the camera's ledger."""
        return self.path("$HOLDING/ledger/000001.jws")

    def release_on_camera(self, reason: str | None = None) -> None:
        with self.camera.open() as store:
            store.release(ONE, "Z", reason)
        self.camera.offload(self.archive)


@pytest.fixture
def office(camera: Camera, desk: Desk, key: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    set_clock(monkeypatch, 0)
    camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        store.hold(ONE, "Az9", "X. Y.")
    office = Held(camera, desk, key.parent, monkeypatch=monkeypatch)
    camera.offload(office.archive)
    return office


@pytest.mark.parametrize("first", [0, 20])
def test_what_a_camera_holds_is_not_deleted_at_the_office(office: Held, first: int) -> None:
    set_clock(office.monkeypatch, first)
    office.ask("list $ARCHIVE", 0, "held: on the camera: Az9")
    office.ask("show $ONE --state $ARCHIVE", 0, "on the camera: Az9 (X. Y.)")
    said = office.desk("evidence", *office.text(f"{PURGE} --dry-run").split()[1:])
    assert ONE not in said.out
    office.purge(first)
    office.purge(20)
    office.left(ONE)
    # It was taken over once.
    shown = office.ask("show $ONE --state $ARCHIVE", 0).out
    assert sum("office" in line and " hold: " in line for line in shown.splitlines()) == 1


def test_an_office_that_does_not_know_the_camera_holds_what_it_held_all_the_same(
    office: Held,
) -> None:
    for day in (400, 800):
        set_clock(office.monkeypatch, day)
        office.desk("evidence", "purge", office.archive)
    office.left(ONE)


def test_a_release_in_the_office_ends_a_camera_s_hold_for_good(office: Held) -> None:
    office.ask(RELEASE, 0)  # also if it comes before any purge
    office.ask("list $ARCHIVE", 0, "!held")
    office.purge(20)
    office.left()


@pytest.mark.parametrize("own", [False, True])
def test_a_release_on_the_camera_ends_its_hold_at_the_office_and_no_other(
    office: Held, *, own: bool
) -> None:
    office.purge(0)
    if own:
        office.ask(HOLD, 0)
    office.release_on_camera("Az. 9")
    office.purge(20)
    office.left(*[ONE] * own)
    said = office.ask("show $ONE --state $ARCHIVE --json", 0).json["ledger"]
    told = [(one["kind"], one["who"], one["reason"]) for one in said if one["ledger"] == "office"]
    there = [("release_reason", "on the camera: Z", "on the camera: Az. 9")]
    there.append(("release", "on the camera: Z", None))
    assert [one for one in told if "release" in one[0]] == ([] if own else there)


def test_a_camera_s_ledger_that_was_put_back_ends_no_hold(office: Held) -> None:
    office.purge(0)
    lines = office.epoch.read_bytes().splitlines(keepends=True)
    office.epoch.write_bytes(b"".join(lines[:-4]))
    set_clock(office.monkeypatch, 20)
    office.desk("evidence", "purge", office.archive, "--key", office.path("$KEY"))
    office.left(ONE)


def test_a_camera_s_ledger_that_cannot_be_read_is_named(office: Held) -> None:
    office.do("truncate -s 1T $HOLDING/ledger/000001.jws")
    office.ask(PURGE, EX_IOERR, f"{office.epoch}: larger than")


# ------------------------------------------------------------------------ what would hide a hold


def test_a_file_without_a_valid_signature_hides_no_hold(office: Held) -> None:
    """A person who can bring files in the camera's name, and has no key, says that its ledger is
    damaged: by its last entry alone."""
    card = office.here / "card"
    card.mkdir()
    last = office.epoch.read_bytes().splitlines(keepends=True)[-1]
    (card / "000001.damaged").write_bytes(last)
    (holding,) = place_of(str(office.archive)).holdings
    assert len(mirror_ledger(str(card), holding, KEYS)) == 1
    office.purge(20)
    office.left(ONE)


@pytest.mark.parametrize("name", [None, "000001.jws", "000001.damaged"])
def test_a_hold_in_what_was_set_aside_counts(office: Held, name: str | None) -> None:
    """A part of the copy was set aside, with the hold in it; the copy itself goes on without, as
    behind damage on the card. name: of a file that the device says instead."""
    content = office.epoch.read_bytes()
    part = f"000001.jws-{hashlib.sha256(content).hexdigest()[:16]}"
    aside = office.path(f"$HOLDING/earlier-ledger/{name or part}")
    aside.parent.mkdir()
    aside.write_bytes(content)
    lines = content.splitlines(keepends=True)
    (hold,) = [line for line in lines if b'"kind":"hold"' in jws.parse(line[:-1]).payload]
    office.epoch.write_bytes(content.replace(hold, b"x" * 20 + b"\n"))
    set_clock(office.monkeypatch, 40)
    purge = ("evidence", "purge", office.archive, "--key", office.path("$KEY"))
    assert ONE not in office.desk(*purge, "--dry-run").out
    office.desk(*purge)
    assert aside.exists()
    office.left(ONE)


def test_a_hold_in_what_was_set_aside_ends_by_a_release_of_the_camera(office: Held) -> None:
    office.do("cd $HOLDING; mkdir earlier-ledger")
    office.do("cd $HOLDING; cp ledger/000001.jws earlier-ledger/000001.jws-0000000000000000")
    office.release_on_camera()
    office.purge(20)
    office.left()


def test_what_a_damaged_copy_may_hide_has_its_days_once_more_and_is_told(office: Held) -> None:
    """Also by the purge that deletes the last of it."""
    lines = office.epoch.read_bytes().splitlines(keepends=True)
    office.epoch.write_bytes(b"".join([lines[0], b"x\n", lines[-1]]))
    again = "place every hold again"
    for day, more, words, left in (
        (0, "", (), (ONE, TWO)),
        (20, " --dry-run", (again,), (ONE, TWO)),
        (20, "", (again,), (ONE, TWO)),
        (27, "", (), (ONE, TWO)),
        (28, "", (), ()),
    ):
        set_clock(office.monkeypatch, day)
        office.ask(PURGE + more, 2, *words)
        office.left(*left)
