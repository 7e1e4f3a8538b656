"""Commands about one recording: they read what that one needs, and say no less."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import KEYS, ONE, Camera, recording
from sealed_helpers import pack, sealed, signed, some_closing

from camerad.base.clock import SECOND
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.store import listing
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store

from .conftest import Desk
from .evidence_steps import WHO, copy_in

Build = Callable[[int], Path]
OTHER = "20261124T16{:02d}00Z-{:06d}-00000002"


@pytest.fixture
def build(tmp_path: Path, desk: Desk) -> Build:
    """Makes an office's directory with one recording and so many others, its ledger of six
    epochs."""
    key = SigningKey.generate()

    def make(others: int) -> Path:
        camera = Camera(tmp_path / f"camera-{others}")
        archive = tmp_path / f"archive-{others}"
        for number in range(others):
            camera.put(OTHER.format(number, number + 2))
        camera.put(ONE, marks=(SECOND // 2,))
        camera.offload(archive)
        with camera.open() as store:
            store.ledger.rotate()
        camera.offload(archive)  # the copy of the ledger goes on
        place = place_of(str(archive))
        with Store.open(PlaceClaim(place), key, camera.clock, trusted=KEYS) as store:
            office_key_file.remember_key(place, key.public)
            store.reconcile()
            store.hold(ONE, "prosecutor", "Desk")
            for _ in range(5):
                store.ledger.rotate()
        config = tmp_path / "config" / "camerad"
        config.mkdir(parents=True, exist_ok=True)
        (config / "office.pem").write_bytes(key.pem)
        (config / "office.pem").chmod(0o600)
        return archive

    return make


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of the statements whose signatures are checked from here on."""
    found: list[str] = []
    real = jws.check

    def noted(statement: jws.Statement, keys: KeyRing) -> None:
        found.append(statement.kind)
        real(statement, keys)

    monkeypatch.setattr(jws, "check", noted)
    return found


@pytest.fixture
def more(tmp_path: Path, key: Path, private: Path) -> Callable[[str], tuple[object, ...]]:
    """What an action needs to be told besides the recording."""

    def options(action: str) -> tuple[object, ...]:
        output = tmp_path / "output"
        output.mkdir(exist_ok=True)
        opening = ("--key", key, "--identity", private)
        return {
            "show": (),
            "verify": ("--key", key),
            "open": (*opening, "--output", output / f"{len(os.listdir(output))}.mp4"),
            "hold": ("--key", key, "--reason", "Anzeige", *WHO),
            "export": (*opening, *WHO, "--output", tempfile.mkdtemp(dir=output)),
        }[action]

    return options


@pytest.mark.parametrize("action", ["show", "verify", "open", "hold", "export"])
def test_what_is_read_for_one_recording_does_not_grow_with_the_others(
    desk: Desk,
    build: Build,
    more: Callable[[str], tuple[object, ...]],
    checked: list[str],
    action: str,
) -> None:
    counts = []
    for others in (1, 7):
        archive = build(others)
        checked.clear()
        said = desk("evidence", action, ONE, "--state", archive, *more(action))
        assert said.code == 0, said.err
        counts.append(len(checked))
    assert counts[0] == counts[1]


def test_a_hold_reads_no_recording_but_its_own_and_what_is_new(
    desk: Desk, build: Build, camera: Camera, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = build(3)
    new = OTHER.format(59, 99)
    new_path = copy_in(archive).parent / f"{new}.tar"
    new_path.write_bytes(recording(new).file)
    (new_path.parent / f"{OTHER.format(58, 98)}.tar").write_bytes(b"no recording")
    read: list[str] = []
    real = listing.read_info

    def noted(path: str) -> object:
        read.append(Path(path).name)
        return real(path)

    monkeypatch.setattr("camerad.store.store.read_info", noted)
    monkeypatch.setattr(listing, "read_info", noted)
    hold = ("evidence", "hold", ONE, "--state", archive, "--key", key, "--reason", "Anzeige", *WHO)
    said = desk(*hold)
    assert said.code == 0
    assert f"{new}: received from cam-1" in said.err
    assert set(read) == {f"{ONE}.tar", f"{new}.tar", f"{OTHER.format(58, 98)}.tar"}
    assert "held: Anzeige" in desk("evidence", "list", archive).out


@pytest.mark.parametrize("epochs", ["the newest", "an older one"])
def test_one_recording_is_held_against_the_end_that_the_ledger_names(
    desk: Desk, build: Build, key: Path, private: Path, epochs: str
) -> None:
    archive = build(2)
    path = copy_in(archive)
    if epochs == "an older one":
        newest = max((archive / "office" / "ledger").glob("*.jws"))
        newest.write_bytes(newest.read_bytes() + b"no entry\n")
    assert desk("evidence", "verify", path, "--key", key).code == 0
    one = recording(ONE)
    closing = some_closing(sum(facts.frames for facts in one.facts), one.facts[-1].end_us)
    segments = [sealed(data) for data in one.plain]
    path.write_bytes(pack(signed(one.header, segments, one.facts, closing)))
    said = desk("evidence", "verify", path, "--key", key)
    assert said.code != 0
    assert "ledger" in said.out
    assert desk("evidence", "open", path, "--key", key, "--identity", private).code != 0


@pytest.mark.parametrize("wiped", [b"", bytes(1024)])
def test_one_recording_that_was_wiped_is_damage_by_ledgers_or_receipts_alone(
    desk: Desk, build: Build, key: Path, wiped: bytes
) -> None:
    archive = build(1)
    path = copy_in(archive)
    path.write_bytes(wiped)
    (holding,) = place_of(str(archive)).holdings

    def code() -> int:
        return desk("evidence", "verify", path, "--key", key).code

    assert code() == 2
    for ledger in (holding.ledger, str(archive / "office" / "ledger")):
        shutil.rmtree(ledger)
    assert code() == 2  # by its device's receipt
    shutil.rmtree(holding.receipts)
    assert code() == 3  # nobody vouches for a recording here any more


def test_show_says_of_one_recording_what_the_ledger_says(desk: Desk, build: Build) -> None:
    said = desk("evidence", "show", ONE, "--state", build(2)).out
    assert "kept until    held: prosecutor" in said
    assert "office ledger" in said
    for kind in ("received", "hold: prosecutor (Desk)"):
        assert kind in said
