"""`camerad evidence open` and `export`: what is handed over, and what never is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from desk_helpers import ONE, Camera, office
from sealed_helpers import LOCKED, PASSPHRASE

from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_IOERR, EX_NOPERM, EX_TEMPFAIL, EX_USAGE
from camerad.cli import desk as desk_module
from camerad.verify.verdict import Verdict

from .conftest import Desk
from .evidence_steps import WHO, copy_in, damage

NOBODY = 65534


def test_open_writes_an_mp4_beside_us(desk: Desk, camera: Camera, key: Path, private: Path) -> None:
    camera.put(ONE)
    opening = ("evidence", "open", ONE, "--key", key, "--identity", private)
    assert desk(*opening).code == 0
    assert Path(f"{ONE}.mp4").stat().st_size > 1000
    again = desk(*opening)
    assert "exists already" in again.err
    assert again.code not in (0, 1, 2, 3)


@pytest.fixture
def opening(camera: Camera, key: Path, private: Path) -> dict[str, tuple[object, ...]]:
    """What opens a recording, and what exports it, but for the place."""
    camera.put(ONE)
    more = (ONE, "--key", key, "--identity", private)
    return {
        "open": ("evidence", "open", *more),
        "export": ("evidence", "export", *more, *WHO, "--no-hold"),
    }


@pytest.mark.parametrize("action", ["open", "export"])
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file/below", "Not a directory|File exists"),
        ("n" * 300, "File name too long"),
        ("/proc/self/below", "No such file|not permitted"),
        ("/sys/below", "No such file|not permitted|Permission denied"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_one_sentence(
    desk: Desk, opening: dict[str, tuple[object, ...]], action: str, place: str, why: str
) -> None:
    Path("file").write_text("")
    before = sorted(os.listdir())
    said = desk(*opening[action], "--output", place)
    forbidden = re.search("not permitted|Permission denied", said.err) is not None
    assert said.code in ((EX_NOPERM,) if forbidden else (EX_IOERR, EX_CANTCREAT)), said.err
    assert re.search(why, said.err), said.err
    assert len(said.err.splitlines()) == 1
    assert sorted(os.listdir()) == before


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Root may write everywhere, so another user has to try."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_open_into_what_is_write_protected_is_one_sentence_and_elsewhere_it_is_done(
    desk: Desk, camera: Camera, key: Path, private: Path, tmp_path: Path
) -> None:
    """A file without a name gets one by way of /proc, which a process that allows no dump of itself
    has to be let do as any user."""
    path = camera.put(ONE)
    opening = ("evidence", "open", path, "--key", key, "--identity", private, "--output")
    assert desk(*opening, "first.mp4").code == 0  # all that is imported is
    for one in (path, *path.parents):
        if one != Path(tempfile.gettempdir()) and one.is_relative_to(tempfile.gettempdir()):
            one.chmod(0o755)
    private.chmod(0o644)
    protected, own = tmp_path / "protected", tmp_path / "own"
    protected.mkdir(mode=0o555)
    own.mkdir()
    own.chmod(0o777)
    with somebody_else():
        said = desk(*opening, protected / "film.mp4")
        assert (said.code, "Permission denied" in said.err) == (EX_NOPERM, True), said.err
        assert len(said.err.splitlines()) == 1
        said = desk(*opening, own / "film.mp4")
        assert said.code == 0, said.err
    assert os.listdir(protected) == []
    assert os.listdir(own) == ["film.mp4"]


def test_open_asks_for_the_passphrase_or_reads_it(
    desk: Desk, camera: Camera, key: Path, tmp_path: Path
) -> None:
    camera.put(ONE)
    protected = tmp_path / "office.age"
    protected.write_bytes(LOCKED)
    word = tmp_path / "word"
    word.write_text(f"{PASSPHRASE}\n")
    opening = (
        *("evidence", "open", ONE, "--key", key),
        *("--identity", protected, "--passphrase-file", word),
    )
    assert desk(*opening).code == 0
    word.write_text("wrong\n")
    said = desk(*opening, "--output", "again.mp4")
    assert (said.code, "passphrase is wrong" in said.err) == (EX_CONFIG, True)
    assert not Path("again.mp4").exists()


def test_open_writes_nothing_that_is_not_authentic_unless_salvaged(
    desk: Desk, camera: Camera, key: Path, private: Path, tmp_path: Path
) -> None:
    damage(camera.put(ONE))
    opening = ("evidence", "open", ONE, "--key", key, "--identity", private)
    before = sorted(os.listdir(tmp_path))
    said = desk(*opening)
    assert (said.code, "--salvage" in said.err) == (2, True)
    assert sorted(os.listdir(tmp_path)) == before
    assert desk(*opening, "--salvage").code == 2
    assert Path(f"{ONE}.salvaged.mp4").exists()


def test_open_with_a_key_of_somebody_else_says_whose_is_needed(
    desk: Desk, camera: Camera, key: Path, tmp_path: Path
) -> None:
    camera.put(ONE)
    other = tmp_path / "other.key"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    for action, more in (("open", ()), ("export", WHO)):
        said = desk("evidence", action, ONE, "--key", key, "--identity", other, *more)
        # The recording may well be in order, so this is no verdict about it.
        assert said.code == EX_NOPERM
        assert str(office().to_public()) in said.err
    assert not [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]


def exporting(archive: Path, key: Path, private: Path, *more: str) -> tuple[object, ...]:
    return (
        *("evidence", "export", copy_in(archive), "--key", key, "--identity", private),
        *("--language", "de", "--time-zone", "Europe/Berlin", *WHO, *more),
    )


def test_export_makes_the_package_and_holds_the_recording(
    desk: Desk, archive: Path, key: Path, private: Path
) -> None:
    said = desk(*exporting(archive, key, private, "--reference", "Az. 1/26", "--json"))
    assert said.code == 0
    package = Path(said.json["export"])
    assert package == Path.cwd() / f"{ONE}-export"
    assert "Europe/Berlin" in (package / "report.html").read_text(encoding="utf-8")
    (hold,) = desk("evidence", "list", archive, "--json").json[0]["holds"]
    assert hold["who"] == "Desk"
    assert hold["reason"].startswith("exportiert am ")
    assert hold["reason"].endswith(", Az. 1/26")
    sheet = (package / "report.html").read_text(encoding="utf-8")
    assert "<th>Aktenzeichen</th><td>Az. 1/26</td>" in sheet
    # The device's ledger knows it as opened, closed and acknowledged, the office's as received,
    # held, and what for; the latter is signed by a key of its own, which has come along.
    assert len((package / "ledger.jws").read_bytes().splitlines()) == 6
    assert "BEGIN PUBLIC KEY" in (package / "ledger-keys.txt").read_text()


def test_a_recording_that_still_runs_is_not_exported(
    desk: Desk, archive: Path, key: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "may_run", lambda *_: lambda _: True)
    path = copy_in(archive)
    path.write_bytes(path.read_bytes()[:-4096])
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = desk(*exporting(archive, key, private))
    assert (said.code, "still runs" in said.err) == (EX_TEMPFAIL, True)
    assert not [name for name in os.listdir() if "export" in name]


@pytest.mark.parametrize("content", ["whole", "cut", "wiped"])
def test_whoever_locks_a_file_of_an_office_does_not_keep_it_from_being_exported(
    desk: Desk, archive: Path, key: Path, private: Path, content: str
) -> None:
    path = copy_in(archive)
    if content != "whole":
        path.write_bytes(path.read_bytes()[:-4096] if content == "cut" else bytes(4096))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = desk(*exporting(archive, key, private))
    assert said.code == (0 if content == "whole" else 2)


def test_a_pipe_is_not_exported(desk: Desk, key: Path, private: Path, tmp_path: Path) -> None:
    pipe = tmp_path / f"{ONE}.tar"
    os.mkfifo(pipe)
    said = desk("evidence", "export", pipe, "--key", key, "--identity", private, *WHO)
    assert (said.code, "not a file" in said.out) == (Verdict.UNREADABLE, True)


def test_export_of_a_mere_file_says_that_nothing_holds_it(
    desk: Desk, archive: Path, key: Path, private: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    path = alone / f"{ONE}.tar"
    path.write_bytes(copy_in(archive).read_bytes())
    said = desk(
        "evidence", "export", path, "--key", key, "--identity", private, "--output", alone, *WHO
    )
    assert said.code == 0
    assert "no hold was placed" in said.err
    assert (alone / f"{ONE}-export" / "ledger.jws").read_bytes() == b""


def test_a_disk_that_fills_during_export_leaves_no_package(
    desk: Desk, archive: Path, key: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwritev

    def full(descriptor: int, buffers: Any, offset: int) -> int:
        if "-export.part/" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "pwritev", full)
    said = desk(*exporting(archive, key, private))
    assert (said.code, "No space left" in said.err) == (EX_IOERR, True)
    assert not [name for name in os.listdir() if "export" in name]


def test_a_time_zone_that_does_not_exist_is_named(
    desk: Desk, archive: Path, key: Path, private: Path
) -> None:
    said = desk(*exporting(archive, key, private, "--time-zone", "Mars/Olympus"))
    assert (said.code, "Mars/Olympus" in said.err) == (EX_USAGE, True)
