"""Parts of a recording: each is a package by itself, and together they are the original."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from desk_helpers import KEYS, ONE
from evidence_helpers import decoded, expected
from sealed_helpers import made

from camerad.base.clock import SECOND
from camerad.base.errors import EX_IOERR, StorageError
from camerad.cli.main import main
from camerad.container import ustar
from camerad.evidence import export as exporting
from camerad.evidence import parts
from camerad.evidence.player_page import player_page
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict
from tests.unit.evidence.test_export import an_order, run

# Every second fragment begins with a key picture, as a camera sends one a second.
RECORDING = made("IPPPPPPPPPPPPPPPPPPPPPPPPPPPPP" * 4, identity=ONE)
# ERVB 2022, no. 6: letters, digits, - and _, points before endings only, 90 characters in all.
TAKEN_BY_E_FILES = re.compile(r"(?=.{1,90}$)[A-Za-zÄÖÜäöüß0-9_-]+(\.[A-Za-z0-9-]+)*")
SUMS = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]


def in_parts(original: Path, directory: Path, fragments: float) -> Path:
    """A package whose parts have room for so many fragments and their film."""
    pieces = parts._pieces(str(original))
    fixed = sum(one.bytes for one in pieces if one.fragment is None) + len(ustar.END)
    room = fixed + int(fragments * 2 * max(one.bytes for one in pieces if one.fragment is not None))
    limit = len(player_page()) + exporting._DOCUMENTS + room
    done = run(an_order(original, directory=str(directory), part_bytes=limit))
    assert done.path is not None and done.report.verdict is Verdict.AUTHENTIC
    for one in Path(done.path).iterdir():
        assert sum(os.path.getsize(file) for file in one.glob("*")) <= limit
    return Path(done.path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "a" / "b" / f"{ONE}.tar"
    path.parent.mkdir(parents=True)
    path.write_bytes(RECORDING.file)
    return path


@pytest.fixture(scope="module")
def made_once(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_parts(original, tmp_path_factory.mktemp("made"), 2)


@pytest.fixture
def package(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "package"))


def asked(package: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    for one in package.glob("part-*/ledger.jws"):
        one.write_bytes(b"")  # what they have here is made up
    key = next(package.glob("part-*/device-key.pem"))
    code = main(["evidence", "verify", str(package), "--key", str(key), *more])
    return code, capsys.readouterr().out


def test_each_part_is_a_package_and_all_of_them_are_the_original(
    package: Path, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"part-{number}-of-4" for number in (1, 2, 3, 4)]
    assert sorted(os.listdir(package)) == ["SHA256SUMS", *folders]
    subprocess.run(SUMS, cwd=package, check=True)
    pictures = 0
    for number, folder in enumerate(folders, 1):
        subprocess.run(SUMS, cwd=package / folder, check=True)
        names = os.listdir(package / folder)
        assert [name for name in names if TAKEN_BY_E_FILES.fullmatch(name) is None] == []
        stem = f"{ONE}-part-{number}-of-4"
        assert {f"{stem}.mp4", f"{stem}.tar", "player.html", "report.html"} <= set(names)
        film = decoded(str(package / folder / f"{stem}.mp4"))
        assert film == expected(range(pictures, pictures + 30))
        pictures += 30
        part = verify(str(package / folder / f"{stem}.tar"), KEYS, part=True)
        assert part.verdict is Verdict.QUALIFIED and part.result is not None
        assert {one.kind.value for one in part.result.findings} == {"part"}
        proven = part.result.proven
        assert round(proven[0].from_us / SECOND) == number - 1
        assert round(proven[-1].to_us / SECOND) == number
        whole = verify(str(package / folder / f"{stem}.tar"), KEYS)
        assert whole.verdict is Verdict.NOT_AUTHENTIC, "nobody said that it is a part"
        sheet = (package / folder / "report.html").read_text(encoding="utf-8")
        assert f"{number} of 4: from 0:0{number - 1}.000 to 0:0{number}.000" in sheet
    rejoined = tmp_path / "rejoined.tar"
    code, said = asked(package, capsys, "--rejoin", str(rejoined))
    assert rejoined.read_bytes() == original.read_bytes()
    assert code == 0 and "(4 of 4 parts): authentic and complete" in said


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_part_that_is_lost_is_named(
    package: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(package / f"part-{number}-of-4")
    refused = asked(package, capsys, "--rejoin", str(package / "whole.tar"))[0]
    assert refused == EX_IOERR and not (package / "whole.tar").exists()
    code, said = asked(package, capsys)
    first = 2 * (number - 1)
    assert code == 2 and f"part {number} of 4 is not here" in said
    assert f"{first:06d}.m4s.age to {first + 1:06d}.m4s.age: is missing" in said
    assert "is missing" not in said.replace(f"{first + 1:06d}.m4s.age: is missing", "")


def test_a_part_that_was_changed_is_named(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = next(package.glob("part-3-of-4/*.tar"))
    content = bytearray(part.read_bytes())
    content[content.index(b"000004.m4s.age") + 900] ^= 1
    part.write_bytes(content)
    code, said = asked(package, capsys)
    assert code == 2 and f"{part}: NOT AUTHENTIC" in said
    assert "000004.m4s.age: has other bytes than those that were signed" in said


def test_where_no_picture_stands_alone_within_the_limit_nothing_is_made(
    original: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="cannot be cut"):
        in_parts(original, tmp_path / "out", 1)
    assert list((tmp_path / "out").iterdir()) == []
