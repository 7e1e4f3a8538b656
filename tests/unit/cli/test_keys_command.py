"""`camerad keys new`: a pair of keys for the office, which age opens too."""

from __future__ import annotations

import getpass
import os
import pty
import re
import select
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pyrage
import pytest
import yaml
from cryptography.exceptions import InvalidTag

from camerad.base import process
from camerad.base.errors import EX_CANTCREAT, EX_NOPERM, CameradError, StorageError
from camerad.cli import keys, main
from camerad.evidence import identity_file

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of a key that the test has made
PUBLIC = re.compile(r"age1[02-9ac-hj-np-z]{58}")


# Locking with a passphrase, and opening, takes age a second of a processor each time, on purpose.
# The lock itself is tested on one pair; elsewhere what is locked is sealed to this key.
LOCK = pyrage.x25519.Identity.generate()

PROGRAM = """
import resource, sys
from camerad.cli import keys, main
keys.is_device = lambda: False
code = main.main(sys.argv[1:])
print(resource.getrlimit(resource.RLIMIT_CORE), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def at_the_office(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on a device; and the process of the tests stays one that a debugger may look into."""
    monkeypatch.setattr(keys, "is_device", lambda: False)
    monkeypatch.setattr(process, "forbid_dumps", lambda: None)


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\nand a second line that does not count\n")
    return str(path)


def new(*arguments: str) -> int:
    return keys.make_pair(main.make_parser().parse_args(["keys", "new", *arguments]))


def identity_in(text: bytes) -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.from_str(text.decode().splitlines()[-1])


def opened(private: bytes, passphrase: str = PASSPHRASE) -> pyrage.x25519.Identity:
    """What is locked, unlocked. `tests/unit/evidence/test_identity_file.py` has age do it."""
    return identity_in(identity_file.open_with_passphrase(private, passphrase))


@dataclass
class Pair:
    """A pair as ``keys new`` has made it. mode: of its file."""

    private: Path
    mode: int
    out: str
    err: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    directory = tmp_path_factory.mktemp("office")
    (directory / "passphrase").write_text(PASSPHRASE + "\nand a second line that does not count\n")
    private, out, err = directory / "office.txt", StringIO(), StringIO()
    old = os.umask(0)
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.setattr(keys, "is_device", lambda: False)
            patch.setattr(process, "forbid_dumps", lambda: None)
            arguments = ("--output", str(private), "--passphrase-file")
            assert new(*arguments, str(directory / "passphrase")) == 0
    finally:
        os.umask(old)
    mode = stat.S_IMODE(private.stat().st_mode)
    return Pair(private, mode, out.getvalue(), err.getvalue())


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passphrases with which something was locked; it is sealed to `LOCK` instead."""
    used: list[str] = []

    def sealed(text: bytes, passphrase: str) -> str:
        used.append(passphrase)
        return str(pyrage.encrypt(text, [LOCK.to_public()], armored=True), "ascii")

    monkeypatch.setattr(identity_file, "seal_with_passphrase", sealed)
    return used


def unlocked(private: str) -> pyrage.x25519.Identity:
    return identity_in(pyrage.decrypt(private.encode(), [LOCK]))


def test_the_private_half_is_written_once_for_its_owner_alone(pair: Pair, passphrase: str) -> None:
    assert pair.mode == 0o600
    # What is printed is what goes into the configuration, as it is.
    (public,) = yaml.safe_load(pair.out)["recipients"]
    written = pair.private.read_bytes()
    assert str(opened(written).to_public()) == public
    assert "AGE-SECRET-KEY" not in written.decode() + pair.out + pair.err
    assert str(pair.private) in pair.err
    with pytest.raises(CameradError, match="exists already") as caught:
        new("--output", str(pair.private), "--passphrase-file", passphrase)
    assert caught.value.exit_code == EX_CANTCREAT
    assert pair.private.read_bytes() == written


def test_printed_it_is_all_that_standard_output_has(
    lock: list[str], passphrase: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new("--passphrase-file", passphrase) == 0
    said = capsys.readouterr()
    assert said.out.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert said.out.endswith("-----END AGE ENCRYPTED FILE-----\n")
    assert lock == [PASSPHRASE]
    (public,) = PUBLIC.findall(said.err)
    assert str(unlocked(said.out).to_public()) == public


def test_a_wrong_passphrase_opens_nothing(pair: Pair) -> None:
    with pytest.raises(InvalidTag):
        opened(pair.private.read_bytes(), PASSPHRASE + ".")


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Iterator[str]:
    left = iter(answers)
    monkeypatch.setattr(getpass, "getpass", lambda _: next(left))
    return left


def test_the_passphrase_is_asked_for_until_it_is_long_enough_and_twice_the_same(
    lock: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = answering(
        monkeypatch, "eleven char", PASSPHRASE, PASSPHRASE + "!", PASSPHRASE, PASSPHRASE, "unasked"
    )
    assert new() == 0
    assert next(left) == "unasked"
    said = capsys.readouterr()
    assert "at least 12 characters" in said.err and "not the same" in said.err
    assert lock == [PASSPHRASE]
    assert unlocked(said.out)


def test_where_nobody_answers_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", nobody)
    with pytest.raises(CameradError, match="--passphrase-file"):
        new()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "at least 12 characters"),
        (b"short\n" + b"x" * 40, "at least 12 characters"),
        (b"\xff" * 20, "not text in UTF-8"),
    ],
)
def test_a_passphrase_file_that_will_not_do_is_named(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    with pytest.raises(CameradError, match=f"{path}: .*{said}"):
        new("--passphrase-file", str(path))
    with pytest.raises(CameradError, match=f"{path}x: .*No such file"):
        new("--passphrase-file", f"{path}x")


def test_no_private_half_is_made_on_a_device_unless_somebody_insists(
    lock: list[str],
    passphrase: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(keys, "is_device", lambda: True)
    with pytest.raises(CameradError, match="make the pair at the office") as caught:
        new("--passphrase-file", passphrase)
    assert caught.value.exit_code == EX_NOPERM
    assert capsys.readouterr().out == ""
    assert new("--passphrase-file", passphrase, "--anyway") == 0


def test_what_cannot_be_written_leaves_nothing_behind(
    lock: list[str], tmp_path: Path, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(StorageError, match="storage is full"):
        new("--output", str(tmp_path / "office.txt"), "--passphrase-file", passphrase)
    assert not (tmp_path / "office.txt").exists()


# ------------------------------------------------------------------------------------- age itself


def typed(command: list[str], *answers: str) -> tuple[int, bytes]:
    """Run a command on a terminal of its own and answer its questions, each of which ends in a
    colon and a space; exit code and everything that the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    said, left, deadline = b"", list(answers), time.monotonic() + 60
    answered = 0
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(terminal, 4096)
            except OSError:  # EIO: the other end is closed
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said
            said += part
            if said[answered:].endswith(b": ") and left:  # a question may come in pieces
                answered = len(said)
                os.write(terminal, left.pop(0).encode() + b"\n")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise AssertionError(f"it does not end: {said!r}")
    finally:
        os.close(terminal)


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed")
def test_debians_age_opens_with_it_what_is_sealed_to_it(tmp_path: Path, pair: Pair) -> None:
    sealed, plain = tmp_path / "sealed.age", tmp_path / "plain"
    (public,) = yaml.safe_load(pair.out)["recipients"]
    sealed.write_bytes(pyrage.encrypt(b"footage", [pyrage.x25519.Recipient.from_str(public)]))
    command = ["age", "-d", "-i", str(pair.private), "-o", str(plain), str(sealed)]
    code, said = typed(command, PASSPHRASE)
    assert code == 0, said
    assert plain.read_bytes() == b"footage"


def test_asked_on_a_terminal_it_shows_nothing_of_it_and_leaves_no_core_dump(tmp_path: Path) -> None:
    output = tmp_path / "office.txt"
    command = [sys.executable, "-c", PROGRAM, "keys", "new", "--output", str(output)]
    code, said = typed(command, PASSPHRASE, PASSPHRASE)
    assert code == 0, said
    assert PASSPHRASE.encode() not in said
    assert b"(0, 0)" in said
    assert opened(output.read_bytes())
