"""What a camera's ledger holds is held in the office that has the copy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import KEYS, ONE, TWO, Camera

from camerad.container import jws
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.store.locations import place_of

from .conftest import Desk, Said, set_clock


@pytest.fixture
def archive(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An office's directory with two recordings, of which the camera holds one."""
    set_clock(monkeypatch, 0)
    camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        store.hold(ONE, "Az9", "X. Y.")
    camera.offload(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def purge(desk: Desk, archive: Path, key: Path) -> Callable[..., Said]:
    def run(*more: object) -> Said:
        return desk("evidence", "purge", archive, "--key", key, *more)

    return run


def files(archive: Path) -> list[str]:
    return sorted(path.stem for path in archive.glob("cam-*/recordings/*.tar"))


@pytest.mark.parametrize("first", [0, 20])
def test_what_a_camera_holds_is_not_deleted_at_the_office(
    desk: Desk,
    archive: Path,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    first: int,
) -> None:
    set_clock(monkeypatch, first)
    listed = desk("evidence", "list", archive).out
    assert "held: on the camera: Az9" in listed
    assert "on the camera: Az9 (X. Y.)" in desk("evidence", "show", ONE, "--state", archive).out
    assert ONE not in purge("--dry-run").out
    purge()
    set_clock(monkeypatch, 20)
    said = purge()
    assert (said.code, files(archive)) == (0, [ONE])
    # It was taken over once.
    shown = desk("evidence", "show", ONE, "--state", archive).out
    assert shown.count("office ledger") == shown.count("office ledger ") >= 1
    assert sum("office" in line and " hold: " in line for line in shown.splitlines()) == 1


def test_an_office_that_does_not_know_the_camera_holds_what_it_held_all_the_same(
    desk: Desk, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 400)
    desk("evidence", "purge", archive)
    set_clock(monkeypatch, 800)
    desk("evidence", "purge", archive)
    assert files(archive) == [ONE]


def test_a_release_in_the_office_ends_a_camera_s_hold_for_good(
    desk: Desk,
    archive: Path,
    key: Path,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Also if it comes before any purge.
    said = desk("evidence", "release", ONE, "--state", archive, "--who", "W", "--key", key)
    assert said.code == 0, said
    assert "held" not in desk("evidence", "list", archive).out
    set_clock(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [])


@pytest.mark.parametrize("own", [False, True])
def test_a_release_on_the_camera_ends_its_hold_at_the_office_and_no_other(
    desk: Desk,
    camera: Camera,
    archive: Path,
    key: Path,
    *,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    own: bool,
) -> None:
    assert purge().code == 0
    if own:
        more = ("--state", archive, "--reason", "r", "--who", "w", "--key", key)
        assert desk("evidence", "hold", ONE, *more).code == 0
    with camera.open() as store:
        store.release(ONE, "Z", "Az. 9")
    camera.offload(archive)
    set_clock(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [ONE] if own else [])
    said = desk("evidence", "show", ONE, "--state", archive, "--json").json["ledger"]
    told = [(one["kind"], one["who"], one["reason"]) for one in said if one["ledger"] == "office"]
    there = [("release_reason", "on the camera: Z", "on the camera: Az. 9")]
    there.append(("release", "on the camera: Z", None))
    assert [one for one in told if "release" in one[0]] == ([] if own else there)


def test_a_camera_s_ledger_that_was_put_back_ends_no_hold(
    archive: Path, purge: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert purge().code == 0
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    lines = epoch.read_bytes().splitlines(keepends=True)
    epoch.write_bytes(b"".join(lines[:-4]))
    set_clock(monkeypatch, 20)
    purge()
    assert files(archive) == [ONE]


def test_a_camera_s_ledger_that_cannot_be_read_is_named(
    archive: Path, purge: Callable[..., Said]
) -> None:
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    with epoch.open("wb") as large:
        large.truncate(1 << 40)
    said = purge()
    assert (said.code, f"{epoch}: larger than" in said.out) == (74, True)


# ------------------------------------------------------------------------ what would hide a hold


def brought(archive: Path, card: Path) -> list[str]:
    """What a device's ledger, as it lies in `card`, does to the copy."""
    (holding,) = place_of(str(archive)).holdings
    return mirror_ledger(str(card), holding, KEYS)


def test_a_file_that_nobody_signed_hides_no_hold(
    archive: Path, purge: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can bring files in the camera's name, and has no key, says that its ledger is
    damaged: by its last entry alone."""
    (holding,) = place_of(str(archive)).holdings
    card = tmp_path / "card"
    card.mkdir()
    last = Path(holding.ledger, "000001.jws").read_bytes().splitlines(keepends=True)[-1]
    (card / "000001.damaged").write_bytes(last)
    assert len(brought(archive, card)) == 1
    set_clock(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [ONE])


@pytest.fixture
def set_aside(archive: Path) -> Path:
    """A part of the copy that was set aside, with the hold in it; the copy itself goes on without,
    as behind damage on the card."""
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    content = epoch.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    part = Path(holding.earlier_ledger, f"000001.jws-{sha256[:16]}")
    part.parent.mkdir()
    part.write_bytes(content)
    lines = content.splitlines(keepends=True)
    (hold,) = [line for line in lines if b'"kind":"hold"' in jws.parse(line[:-1]).payload]
    epoch.write_bytes(content.replace(hold, b"x" * 20 + b"\n"))
    return part


def test_a_hold_in_what_was_set_aside_counts(
    archive: Path, purge: Callable[..., Said], set_aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 40)
    assert ONE not in purge("--dry-run").out
    purge()
    assert (set_aside.exists(), files(archive)) == (True, [ONE])


@pytest.mark.parametrize("name", ["000001.jws", "000001.damaged"])
def test_a_hold_in_what_the_device_says_instead_counts(
    archive: Path,
    purge: Callable[..., Said],
    set_aside: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    set_aside.rename(set_aside.parent / name)
    set_clock(monkeypatch, 40)
    purge()
    assert files(archive) == [ONE]


def test_a_hold_in_what_was_set_aside_ends_by_a_release_of_the_camera(
    archive: Path, camera: Camera, purge: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    (holding,) = place_of(str(archive)).holdings
    content = Path(holding.ledger, "000001.jws").read_bytes()
    Path(holding.earlier_ledger).mkdir()
    Path(holding.earlier_ledger, f"000001.jws-{'0' * 16}").write_bytes(content)
    with camera.open() as store:
        store.release(ONE, "Z")
    camera.offload(archive)
    set_clock(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [])


def test_what_a_damaged_copy_may_hide_has_its_days_once_more_and_is_told(
    desk: Desk, archive: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also whoever deletes the last of it."""
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    lines = epoch.read_bytes().splitlines(keepends=True)
    epoch.write_bytes(b"".join([lines[0], b"x\n", lines[-1]]))
    assert desk("evidence", "purge", archive, "--key", key).code == 2
    set_clock(monkeypatch, 20)
    for more in (("--dry-run",), ()):
        said = desk("evidence", "purge", archive, "--key", key, *more)
        assert said.code == 2
        assert "place every hold again" in said.out
        assert files(archive) == [ONE, TWO]
    set_clock(monkeypatch, 27)
    assert desk("evidence", "purge", archive, "--key", key).code == 2
    assert files(archive) == [ONE, TWO]
    set_clock(monkeypatch, 28)
    assert desk("evidence", "purge", archive, "--key", key).code == 2
    assert files(archive) == []
