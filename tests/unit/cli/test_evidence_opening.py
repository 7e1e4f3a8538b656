"""`camerad evidence open` and `export`: what is handed over, and what never is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from desk_helpers import ONE, Camera, office, open_office
from sealed_helpers import LOCKED, PASSPHRASE
from stamp_authority import StampServer

from camerad.base.clock import ClockSource, ManualClock
from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_IOERR, EX_NOPERM, EX_TEMPFAIL, EX_USAGE
from camerad.cli import desk as desk_module
from camerad.cli.defaults import default_office_key
from camerad.container.keys import SigningKey
from camerad.evidence.office_key_file import load_key
from camerad.office.jobs.vouching_jobs import StampJob
from camerad.office.server.office_settings import TimeStampSettings
from camerad.transparency.checkpoints import WITNESS, NoteKey, cosign
from camerad.transparency.office_log import OfficeLog
from camerad.verify.verdict import Verdict

from .conftest import Desk
from .evidence_steps import damage
from .world import World

DOCS = Path(__file__).parents[3] / "docs"

NOBODY = 65534
OPEN = "open $ONE $BY $OPENING"
EXPORT = "export $FILE $BY $OPENING $WHO --language de --time-zone Europe/Berlin"


@pytest.fixture
def world(camera: Camera, desk: Desk, key: Path, private: Path) -> World:
    """A camera and an office's directory, each with one recording."""
    assert private.exists()
    world = World(camera, desk, key.parent)
    world.add(ONE)
    return world


def made_here() -> list[str]:
    return [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]


def test_open_writes_an_mp4_beside_us(world: World) -> None:
    world.ask(OPEN, 0)
    assert Path(f"{ONE}.mp4").stat().st_size > 1000
    world.ask(OPEN, EX_CANTCREAT, "exists already")


@pytest.mark.parametrize("command", [OPEN, "export $ONE $BY $OPENING $WHO --no-hold"])
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
    world: World, command: str, place: str, why: str
) -> None:
    Path("file").write_text("")
    before = sorted(os.listdir())
    said = world.desk("evidence", *world.text(f"{command} --output {place}").split())
    forbidden = re.search("not permitted|Permission denied", said.err) is not None
    assert said.code in ((EX_NOPERM,) if forbidden else (EX_IOERR, EX_CANTCREAT)), said.err
    assert re.search(why, said.err), said.err
    assert len(said.err.splitlines()) == 1
    assert sorted(os.listdir()) == before


@contextlib.contextmanager
def another_user() -> Iterator[None]:
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
    world: World,
) -> None:
    """A file without a name gets one by way of /proc, which a process that allows no dump of itself
    has to be let do as any user."""
    opening = "open $CARD $BY $OPENING --output"
    world.ask(f"{opening} first.mp4", 0)  # all that is imported is
    for one in (world.path("$CARD"), *world.path("$CARD").parents):
        if one != Path(tempfile.gettempdir()) and one.is_relative_to(tempfile.gettempdir()):
            one.chmod(0o755)
    world.do("chmod 644 office.key; mkdir -m 555 protected; mkdir -m 777 own; chmod 777 own")
    world.user = another_user
    said = world.ask(f"{opening} $HERE/protected/film.mp4", EX_NOPERM, "Permission denied")
    assert len(said.err.splitlines()) == 1
    world.ask(f"{opening} $HERE/own/film.mp4", 0)
    assert (os.listdir("protected"), os.listdir("own")) == ([], ["film.mp4"])


def test_open_asks_for_the_passphrase_or_reads_it(world: World) -> None:
    Path("office.age").write_bytes(LOCKED)
    opening = "open $ONE $BY --identity office.age --passphrase-file word"
    Path("word").write_text(f"{PASSPHRASE}\n")
    world.ask(opening, 0)
    Path("word").write_text("wrong\n")
    world.ask(f"{opening} --output again.mp4", EX_CONFIG, "passphrase is wrong")
    assert not Path("again.mp4").exists()


def test_open_writes_nothing_that_is_not_authentic_unless_salvaged(world: World) -> None:
    damage(world.path("$CARD"))
    before = sorted(os.listdir())
    world.ask(OPEN, 2, "--salvage")
    assert sorted(os.listdir()) == before
    world.ask(f"{OPEN} --salvage", 2)
    assert Path(f"{ONE}.salvaged.mp4").exists()


def test_a_key_that_does_not_open_it_says_whose_is_needed(world: World) -> None:
    Path("other.key").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    for action in ("open", "export $WHO"):
        # The recording may well be in order, so this is no verdict about it.
        command = f"{action} $ONE $BY --identity other.key"
        world.ask(command, EX_NOPERM, str(office().to_public()))
    assert made_here() == []


@pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning")
def test_export_makes_the_package_and_holds_the_recording(world: World) -> None:
    asked = f"{EXPORT} --reference 'Az. 1/26' --pdf --json --label label.html"
    said = world.ask(f"{asked} --sender 'City of Duisburg' --recipient StA", 0).json
    package = Path(said["export"])
    sums = hashlib.sha256((package / "SHA256SUMS").read_bytes()).hexdigest()
    assert sums == said["sha256"] and sums in Path("label.html").read_text()
    record = json.loads((package / "record.json").read_text())
    listed = [f"{one['sha256']}  {one['name']}" for one in record["documents"]]
    of_record = hashlib.sha256((package / "record.json").read_bytes()).hexdigest()
    in_sums = (package / "SHA256SUMS").read_text().splitlines()
    assert sorted([*listed, f"{of_record}  record.json"]) == sorted(in_sums)
    assert (record["sender"], record["recipient"]) == ("City of Duisburg", "StA")
    assert [one["format"] for one in record["documents"]][:4] == [
        "application/pdf",
        "text/html",
        "video/mp4",
        "application/x-tar",
    ]
    for one in record["documents"]:
        assert one["bytes"] == (package / one["name"]).stat().st_size
    assert (package / f"{ONE}.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert package == Path.cwd() / f"{ONE}-export"
    sheet = (package / "report.html").read_text(encoding="utf-8")
    assert "Europe/Berlin" in sheet
    assert "<th>Aktenzeichen</th><td>Az. 1/26</td>" in sheet
    (hold,) = world.ask("list $ARCHIVE --json", 0).json[0]["holds"]
    assert hold["who"] == "Desk"
    assert re.fullmatch(r"exportiert am .*, Az\. 1/26", hold["reason"])
    # The device's ledger knows it as opened, closed and acknowledged, the office's as received,
    # held, and what for; the latter is signed by a key of its own, which has come along.
    assert len((package / "ledger.jws").read_bytes().splitlines()) == 6
    assert "BEGIN PUBLIC KEY" in (package / "ledger-keys.txt").read_text()


def test_a_package_is_sealed_to_a_public_key_and_never_to_a_private_one(world: World) -> None:
    private = pyrage.x25519.Identity.generate()
    said = world.ask(f"{EXPORT} --seal-to {private}", EX_CONFIG, "is a private key")
    assert str(private) not in said.out + said.err and made_here() == []
    said = world.ask(f"{EXPORT} --seal-to {private.to_public()} --json", 0)
    assert made_here() == [f"{ONE}-export.zip.age"]
    assert said.json["sha256"] == hashlib.sha256(Path(made_here()[0]).read_bytes()).hexdigest()


def test_a_package_proves_its_entries_by_the_witnessed_log_of_the_office(world: World) -> None:
    package = Path(world.ask(f"{EXPORT} --json", 0).json["export"])
    world.ask(f"verify {package} $BY", 0, "no proofs that the office's ledger")
    key = load_key(default_office_key())
    assert key is not None
    camera, stranger = SigningKey.generate(), SigningKey.generate()
    witness, other = (NoteKey("x", WITNESS, one.public) for one in (camera, stranger))
    with open_office(world.archive, key, ManualClock()) as store:
        log = OfficeLog(store.ledger.directory)
        note = log.publish(store.ledger)
        log.set_policy([witness], None)
        log.keep(str(note.with_lines([cosign(camera, "x", note.checkpoint, 1_795_600_000)])))
    with StampServer(Path("stamps"), "Stamps of the Land") as authority:
        settings = (TimeStampSettings(authority.url, authority.certificates.absolute()),)
        clock = ManualClock(source=ClockSource.UNKNOWN)
        for _ in range(2):
            StampJob(store.ledger.directory, settings, clock).look()
    world.ask(f"{EXPORT} --output out", 0)
    package = Path(f"out/{ONE}-export")
    (proof, *_) = package.glob("*.tlog-proof")
    words = ("proven: entries ", "1 other witness, last on 2026-11-25", "is the office's own")
    world.ask(f"verify {package} $BY", 0, *words)
    by_hand = [sys.executable, "-I", str(DOCS / "check_proof.py"), str(package)]
    audited = subprocess.run(by_hand, capture_output=True, text=True, check=True).stdout
    assert f"cosigned by:\n{witness.name} on 2026-11-25" in audited
    for path, old, new in (
        (package / "ledger.jws", b"\n", b"A\n"),
        (proof, b"index ", b"index 1"),
        (proof, b"\n\n", b"\n\nx"),
        (package / "office.tlog-policy", b"witness ", b"# "),
    ):
        kept = path.read_bytes()
        path.write_bytes(kept.replace(old, new))
        refused = subprocess.run(by_hand, capture_output=True, text=True, check=False)
        assert refused.returncode == 1 and "DOES NOT FIT" in refused.stderr, (path, refused)
        path.write_bytes(kept)
    stamped = f"verify {package} $BY --stamp-authority {authority.certificates}"
    world.ask(stamped, 0, "stamped    1 time stamp", "by CN=Stamps of the Land on 2")
    (response,) = package.glob("*.tsr")
    assert " durch 127.0.0.1_" in (package / "report.html").read_text("utf-8")
    text = response.with_name(response.name.replace(".tsr", ".checkpoint"))
    command = f"openssl ts -verify -data {text} -in {response} -CAfile {authority.certificates}"
    subprocess.run(command.split(), check=True, capture_output=True)
    unnamed = StampServer(Path("other"), "Other").certificates
    world.ask(f"verify {package} $BY --stamp-authority {unnamed}", 1, "for which no named")
    world.ask(f"verify $FILE $BY --stamp-authority {unnamed}", 1, "no time stamp was looked for")
    text.write_text("a\n1\nb\n")
    world.ask(stamped, 2, "DAMAGE", "the proofs are of another checkpoint")
    for one in (text, response):
        one.unlink()
    world.ask(stamped, 1, "no time stamp here is by the authority in")
    file, policy = f"verify {package}/{ONE}.tar $BY", Path("own")
    log_line = (package / "office.tlog-policy").read_text().splitlines()[0]
    for named, code, word in ((witness, 0, "!office's own"), (other, 2, "have not signed")):
        policy.write_text(f"{log_line}\nwitness a {named}\nquorum a\n")
        world.ask(f"{file} --policy {policy}", code, word)
    policy.write_text("quorum a\n")
    world.ask(f"{file} --policy {policy}", EX_CONFIG, "line 1")
    proof.unlink()
    refused = subprocess.run(by_hand, capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "named are missing" in refused.stderr
    found = world.ask(f"{file} --json", 2).json["proofs"]
    assert [one["state"] for one in found] == ["missing"]
    world.ask(file, 2, "DAMAGE", "fewer proofs than the office has named")


@pytest.mark.parametrize(
    ("deed", "runs", "code", "words"),
    [
        ("truncate -s -4096 $FILE", True, EX_TEMPFAIL, ("still runs",)),
        # A lock keeps no file of an office from being exported.
        (":", False, 0, ()),
        ("truncate -s -4096 $FILE", False, 2, ()),
        ("head -c 4096 /dev/zero > $FILE", False, 2, ()),
    ],
)
def test_a_locked_file_is_exported_unless_its_recording_still_runs(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deed: str,
    runs: bool,
    code: int,
    words: tuple[str, ...],
) -> None:
    if runs:
        monkeypatch.setattr(desk_module, "may_run", lambda *_: lambda _: True)
    world.do(deed)
    with world.path("$FILE").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        world.ask(EXPORT, code, *words)
    assert (made_here() == []) is (code != 0)


def test_export_of_a_mere_file_says_that_nothing_holds_it(world: World) -> None:
    world.do("mkdir alone; cp $FILE alone; mkfifo $ONE.tar")
    exporting = "$BY $OPENING $WHO"
    world.ask(f"export alone/$ONE.tar {exporting} --output alone", 0, "no hold was placed")
    assert Path(f"alone/{ONE}-export/ledger.jws").read_bytes() == b""
    world.ask(f"export $HERE/$ONE.tar {exporting}", Verdict.UNREADABLE, "not a file")


def test_a_disk_that_fills_during_export_leaves_no_package(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwritev

    def full(descriptor: int, buffers: Any, offset: int) -> int:
        if "-export.part/" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "pwritev", full)
    world.ask(EXPORT, EX_IOERR, "No space left")
    assert made_here() == []
    world.ask(f"{EXPORT} --time-zone Mars/Olympus", EX_USAGE, "Mars/Olympus")
