"""The package for the prosecutor: complete, checkable by itself, and never half there."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pyrage
import pytest
from desk_helpers import KEY, KEYS, ONE, Camera, office, recording
from evidence_helpers import decoded, expected
from msgspec.structs import replace
from sealed_helpers import altered, flipped, pack

from camerad.base import durable_files
from camerad.base.clock import SECOND
from camerad.base.errors import NotAllowedError, StorageError
from camerad.base.storage_errors import FileExistsAlreadyError
from camerad.base.words import words_in
from camerad.container import jws
from camerad.container.encryption import Sealer
from camerad.container.keys import read_public_key
from camerad.evidence.decrypt import OpenedRecording, decrypted
from camerad.evidence.export import (
    ExportRequest,
    ExportResult,
    export,
)
from camerad.evidence.package_folder import LedgerExtract
from camerad.evidence.player_page import player_hash
from camerad.ledger.recording_state import Hold
from camerad.store import verified_copy
from camerad.store.holds import HoldError
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict

ENGLISH = words_in("en")
GERMAN = words_in("de")
WHOLE = [
    f"{ONE}.mp4",
    f"{ONE}.tar",
    "SHA256SUMS",
    "checks.json",
    "device-key.jwk",
    "device-key.pem",
    "how-to-verify.txt",
    "ledger.jws",
    "player.html",
    "report.html",
]
TOKENS = LedgerExtract((b"aa.bb.cc", b"dd.ee.ff"), (KEY.public,))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return Camera(tmp_path / "state").put(ONE, known=False)


def an_order(original: Path, **changes: Any) -> ExportRequest:
    order = ExportRequest(
        path=str(original),
        keys=KEYS,
        identities=[office()],
        directory=str(original.parents[2] / "out"),
        words=ENGLISH,
        zone=UTC,
        zone_name="UTC",
        who="Desk",
        made_us=1_795_600_000_000_000,
        final=None,
    )
    return replace(order, **changes)


def held(_: str) -> Hold:
    return Hold("exported 2026-11-24", "Desk")


def run(order: ExportRequest) -> ExportResult:
    return export(order, held, lambda _: TOKENS)


def left(order: ExportRequest) -> list[str]:
    """What there is where packages are made."""
    return os.listdir(order.directory) if os.path.isdir(order.directory) else []


def damage(original: Path, name: str = "000001.m4s.age") -> None:
    members = altered(recording().members, name, lambda data: flipped(data, len(data) // 2))
    original.write_bytes(pack(members))


def test_the_package_has_everything_and_checks_itself(original: Path) -> None:
    told: list[tuple[int, int]] = []
    asked: list[str] = []

    def hold(recording: str) -> Hold:
        asked.append(f"hold {recording}")
        return held(recording)

    def extract(recording: str) -> LedgerExtract:
        asked.append(f"extract {recording}")
        return TOKENS

    made = export(an_order(original), hold, extract, lambda *one: told.append(one))
    assert asked == [f"hold {ONE}", f"extract {ONE}"], "the ledger has the hold already"
    size = original.stat().st_size
    assert told == sorted(told) and told[-1] == (3 * size, 3 * size)
    assert made.path is not None
    assert made.report.verdict is Verdict.AUTHENTIC
    package = Path(made.path)
    assert package.name == f"{ONE}-export"
    assert sorted(os.listdir(package)) == WHOLE
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count(": OK") == len(WHOLE) - 1
    assert (package / f"{ONE}.tar").read_bytes() == original.read_bytes()
    assert decoded(str(package / f"{ONE}.mp4")) == expected(range(30))
    assert jws.digest((package / "player.html").read_bytes()) == player_hash()
    assert player_hash() in (package / "report.html").read_text()
    assert (package / "ledger.jws").read_bytes() == b"aa.bb.cc\ndd.ee.ff\n"
    for name in ("device-key.pem", "device-key.jwk"):
        assert read_public_key(str(package / name)) == KEY.public
    text = (package / "how-to-verify.txt").read_text(encoding="utf-8")
    assert "this package cannot prove" in text and KEY.public.thumbprint in text
    assert stat.S_IMODE(package.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in package.glob("*.mp4")} == {0o600}


@pytest.mark.parametrize("moment", ["copied", "opened"])
def test_what_is_handed_over_is_what_was_checked(
    original: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whoever can write the source swaps it while the export is under way."""
    genuine = original.read_bytes()

    @contextlib.contextmanager
    def open_swapped(*arguments: Any, **how: Any) -> Iterator[OpenedRecording]:
        if moment == "copied":
            original.write_bytes(b"something else")
        with decrypted(*arguments, **how) as footage:
            original.write_bytes(b"something else")
            yield footage

    monkeypatch.setattr("camerad.evidence.export.decrypted", open_swapped)
    made = run(an_order(original))
    assert made.report.verdict is Verdict.AUTHENTIC
    package = Path(made.path or "")
    assert original.read_bytes() != genuine
    assert (package / f"{ONE}.tar").read_bytes() == genuine
    assert verify(str(package / f"{ONE}.tar"), KEYS).verdict is Verdict.AUTHENTIC
    digest = hashlib.sha256(genuine).hexdigest()
    assert f"{digest}  {ONE}.tar" in (package / "SHA256SUMS").read_text()


def test_what_is_swapped_before_the_copy_is_what_is_checked(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_swapped(*arguments: Any) -> Any:
        damage(original)
        return verified_copy.copy(*arguments)

    monkeypatch.setattr("camerad.evidence.export.verified_copy", _Copying(copy_swapped))
    order = an_order(original)
    made = run(order)
    assert (made.path, made.report.verdict) == (None, Verdict.NOT_AUTHENTIC)
    assert made.report.path == str(original)
    assert left(order) == []


class _Copying:
    digest = staticmethod(verified_copy.digest)

    def __init__(self, copy: Any) -> None:
        self.copy = copy


@pytest.mark.parametrize("words", [ENGLISH, GERMAN])
def test_the_report_names_the_files_by_what_they_contain(original: Path, words: Any) -> None:
    package = Path(run(an_order(original, words=words)).path or "")
    page = (package / "report.html").read_text(encoding="utf-8")
    for name in (f"{ONE}.mp4", f"{ONE}.tar"):
        assert hashlib.sha256((package / name).read_bytes()).hexdigest() in page
    assert words.gettext("Recording of a body-worn camera") in page
    checks = json.loads((package / "checks.json").read_text(encoding="utf-8"))
    assert checks["id"] == ONE
    assert checks["export"]["hold"] == {"reason": "exported 2026-11-24", "who": "Desk"}
    assert str(original.parent) not in json.dumps(checks)


@pytest.mark.parametrize("name", [ONE, "Kopie von $(touch x) 'b'; exit 9"])
def test_what_the_instructions_tell_to_do_works(original: Path, name: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    original = original.rename(original.with_name(f"{name}.tar"))
    package = Path(run(an_order(original)).path or "")
    text = (package / "how-to-verify.txt").read_text(encoding="utf-8")
    commands = [line.strip() for line in text.splitlines() if line.startswith("       ")]
    start = commands.index(f"tar -xf {shlex.quote(name + '.tar')}")
    end = next(n for n, line in enumerate(commands) if n > start and "header.jws | decode" in line)
    script = "\n".join(commands[start : commands.index("cut -d. -f2 header.jws | decode") + 1])
    assert end
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=package, capture_output=True, check=False, timeout=60
    )
    assert b"Signature Verified Successfully" in done.stdout, done.stderr
    assert json.loads(done.stdout[done.stdout.index(b"{") :])["id"] == ONE
    assert jws.digest((package / "end.jws").read_bytes()) in text
    assert not (package / "x").exists()


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "a\udcff", "a\u202eb"])
def test_a_name_that_no_document_could_bear_is_refused(original: Path, name: str) -> None:
    original = original.rename(original.with_name(f"{name}.tar"))
    with pytest.raises(StorageError, match="rename it"):
        run(an_order(original))


def test_what_is_not_authentic_is_not_handed_over_unless_salvaged(original: Path) -> None:
    damage(original)
    order = an_order(original)
    holds: list[str] = []
    made = export(order, holds.append, lambda _: TOKENS)
    assert (made.path, made.report.verdict) == (None, Verdict.NOT_AUTHENTIC)
    assert holds == left(order) == []
    made = run(an_order(original, salvage=True))
    package = Path(made.path or "")
    assert f"{ONE}.salvaged.mp4" in os.listdir(package)
    assert "NOT authentic as a whole: only the proven parts were opened" in (
        package / "report.html"
    ).read_text(encoding="utf-8")
    assert decoded(str(package / f"{ONE}.salvaged.mp4")) == expected(range(15))


def test_another_end_than_the_ledger_knows_is_not_handed_over(original: Path) -> None:
    order = an_order(original, final="0" * 64)
    made = run(order)
    assert (made.path, made.report.verdict) == (None, Verdict.NOT_AUTHENTIC)
    assert left(order) == []


def test_a_package_that_is_there_is_left_as_it_is(original: Path) -> None:
    package = Path(run(an_order(original)).path or "")
    before = (package / "report.html").read_bytes()
    with pytest.raises(FileExistsAlreadyError, match="already"):
        run(an_order(original, words=GERMAN))
    assert (package / "report.html").read_bytes() == before


def test_the_wrong_private_key_leaves_nothing_behind(original: Path) -> None:
    order = an_order(original, identities=[pyrage.x25519.Identity.generate()])
    with pytest.raises(NotAllowedError, match="does not open"):
        run(order)
    assert left(order) == []


FOOTAGE = r"#\d+ \(deleted\)"
"""What the kernel calls a file without a name."""


@pytest.mark.parametrize("name", [FOOTAGE, rf"{ONE}\.tar\.new", r"report\.html", "SHA256SUMS"])
def test_a_disk_that_fills_leaves_nothing_behind(
    original: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    order = an_order(original)
    real = os.pwritev

    def full(descriptor: int, buffers: Any, offset: int) -> int:
        there = os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))
        if re.fullmatch(name, there):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, buffers, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", full)
        with pytest.raises(StorageError, match="No space left"):
            run(order)
    assert left(order) == []
    assert run(order).path is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_interrupted_leaves_nothing_behind(original: Path, number: int) -> None:
    order = an_order(original)
    # Whoever starts the tests in the background of a shell has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(recording: str) -> Hold:
        signal.raise_signal(number)
        return held(recording)

    with pytest.raises(KeyboardInterrupt):
        export(order, interrupt, lambda _: TOKENS)
    signal.signal(signal.SIGINT, before)
    assert left(order) == []


def test_footage_has_no_name_while_the_rest_of_the_package_is_made(original: Path) -> None:
    """Whoever is killed then leaves nothing in the clear: a daemon may take a minute to hold it."""
    order = an_order(original)
    seen: list[str] = []

    def look(recording: str) -> Hold:
        seen.extend(os.listdir(Path(order.directory, f"{ONE}-export.part")))
        return held(recording)

    assert export(order, look, lambda _: TOKENS).path is not None
    assert f"{ONE}.tar" in seen
    assert [name for name in seen if "mp4" in name] == []


def test_a_sealed_package_is_opened_by_its_recipient_alone(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipient = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(str(recipient))
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "work"))
    order = an_order(original, sealer=Sealer([str(recipient.to_public())]))
    made = run(order)
    assert left(order) == [f"{ONE}-export.zip.age"] and os.listdir(tmp_path / "work") == []
    sealed = Path(made.path or "")
    assert made.sha256 == hashlib.sha256(sealed.read_bytes()).hexdigest()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.read_bytes(), [office()])
    opens = ["age", "-d", "-i", "key", "-o", "package.zip", sealed]
    for command in (opens, ["unzip", "-q", "package.zip"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    clear = Path(run(an_order(original)).path or "")
    for one in clear.iterdir():
        assert (tmp_path / clear.name / one.name).read_bytes() == one.read_bytes()
    assert sorted(os.listdir(tmp_path / clear.name)) == WHOLE


def test_a_medium_that_gives_back_other_bytes_gets_no_package(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a stick that says it is larger than it is."""
    real = verified_copy.digest

    def digest(path: str, *args: Any, **how: Any) -> verified_copy.Digest:
        found = real(path, *args, **how)
        return found._replace(sha256="0" * 64) if path.endswith(".mp4") else found

    monkeypatch.setattr(verified_copy, "digest", digest)
    order = an_order(original)
    with pytest.raises(StorageError, match=r"\.mp4: it reads back with other bytes"):
        run(order)
    assert left(order) == []


@pytest.mark.parametrize("problem", ["full", "wrong bytes", "no unnamed files"])
def test_a_package_that_cannot_be_sealed_leaves_nothing_behind(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    order = an_order(original, sealer=Sealer([str(office().to_public())]))
    real = durable_files.write

    def write(descriptor: int, pieces: Any, offset: int, path: str) -> int:
        if problem == "full" and path.endswith(".age.new"):
            raise StorageError("no room")
        end = real(descriptor, pieces, offset, path)
        if problem == "wrong bytes" and path.endswith(".age.new"):
            real(descriptor, [b"?"], offset, path)
        return end

    monkeypatch.setattr(durable_files, "write", write)
    if problem == "no unnamed files":
        monkeypatch.setattr(durable_files, "create_unnamed", lambda *_: None)
    with pytest.raises(StorageError):
        run(order)
    assert left(order) == [] and list(tmp_path.glob("*.part")) == []


def test_a_hold_that_is_refused_leaves_nothing_behind(original: Path) -> None:
    order = an_order(original)

    def refuse(_: str) -> Hold:
        raise HoldError("no")

    with pytest.raises(HoldError):
        export(order, refuse, lambda _: TOKENS)
    assert left(order) == []


def test_what_a_killed_export_left_is_replaced(original: Path) -> None:
    order = an_order(original)
    stale = Path(order.directory, f"{ONE}-export.part")
    stale.mkdir(parents=True)
    (stale / "half").write_bytes(b"half")
    package = Path(run(order).path or "")
    assert sorted(os.listdir(package)) == WHOLE
    assert left(order) == [f"{ONE}-export"]


def test_of_two_exports_of_one_recording_at_once_the_second_is_refused(original: Path) -> None:
    order = an_order(original)

    def meanwhile(recording: str) -> Hold:
        with pytest.raises(FileExistsAlreadyError, match="another process exports this recording"):
            run(order)
        return held(recording)

    package = Path(export(order, meanwhile, lambda _: TOKENS).path or "")
    assert sorted(os.listdir(package)) == WHOLE
    assert left(order) == [f"{ONE}-export"]


def test_an_export_whose_directory_another_one_took_for_a_dead_one_ends(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of its directory and its claim to it; the other one goes on."""
    order = an_order(original)
    place = Path(order.directory, f"{ONE}-export.part")
    real = fcntl.flock

    def late(descriptor: int, how: int) -> None:
        place.rmdir()
        place.mkdir()
        real(descriptor, how)

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", late)
        with pytest.raises(FileExistsAlreadyError):
            run(order)
    assert left(order) == [f"{ONE}-export.part"]


def test_where_a_file_system_has_no_locks_it_exports_still(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    assert sorted(os.listdir(Path(run(an_order(original)).path or ""))) == WHOLE


def test_a_marked_recording_lists_its_marks(tmp_path: Path) -> None:
    original = Camera(tmp_path / "state").put(ONE, known=False, marks=(SECOND // 2,))
    package = Path(run(an_order(original)).path or "")
    assert "0:00.500" in (package / "report.html").read_text(encoding="utf-8")
