"""Whatever happens around a command, it ends with one sentence and an exit code, as a process does:
its output goes nowhere, its words do not fit the terminal, somebody presses Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_copies import Copies
from desk_helpers import ONE

from camerad.base.errors import EX_IOERR
from camerad.cli import main
from tests.breadth import breadth

from .evidence_steps import WHO

DEADLINE_S = 60
INTERRUPTED = 128 + signal.SIGINT
GONE = 128 + signal.SIGPIPE
FULL = "/dev/full"


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    """Every command and, of those that have some, every action."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not below:
        yield ()
    for one in below:
        for name, inner in one.choices.items():
            yield from ((name, *rest) for rest in commands(inner))


ALL = sorted(set(commands(main.make_parser())) - {("run",)})


def own(folder: Path) -> dict[str, str]:
    return {
        "XDG_CONFIG_HOME": str(folder / "config"),
        "CAMERAD_STATE": str(folder / "state"),
        "CAMERAD_SOCKET": str(folder / "control.sock"),
    }


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | own(folder) | more


@pytest.fixture(scope="module")
def copies() -> Iterator[Copies]:
    with Copies() as started:
        yield started


def run(
    folder: Path, *words: object, stdout: int = subprocess.PIPE, **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "camerad", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder, **more),
        check=False,
        timeout=DEADLINE_S,
    )


def one_line(said: bytes) -> str:
    """What was said on standard error, which is one line and no traceback."""
    text = said.decode()
    assert "Traceback" not in text, text
    assert len(text.splitlines()) == 1, text
    return text


# ------------------------------------------------------------------------- output that goes nowhere


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_output_that_cannot_be_written_is_one_sentence_and_no_verdict(
    copies: Copies, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """The help of each command stands for what it says: all go the same way."""
    asked = (*words, "--help")
    done = copies.run(asked, tmp_path, tmp_path, out=FULL, environment=own(tmp_path))
    assert done.returncode == EX_IOERR, done.stderr
    assert "standard output" in one_line(done.stderr)
    assert "No space left" in done.stderr.decode()


@pytest.mark.parametrize("action", ["list", "verify", "show"])
def test_a_list_that_does_not_fit_on_the_disk_is_one_sentence_and_no_verdict(
    archive: Path, key: Path, tmp_path: Path, action: str
) -> None:
    what = ("--state", archive, ONE) if action == "show" else (archive,)
    keys = ("--key", key) if action == "verify" else ()
    with open(FULL, "wb") as full:
        done = run(tmp_path, "evidence", action, *what, *keys, stdout=full.fileno())
    assert done.returncode == EX_IOERR, done.stderr
    assert "standard output" in one_line(done.stderr)


@pytest.mark.parametrize("words", ["version", "no-such-command", "evidence show nothing"])
def test_a_complaint_that_cannot_be_written_leaves_the_exit_code_no_verdict(
    tmp_path: Path, words: str
) -> None:
    """Python's own exit code would be 1: authentic, with remarks."""
    with open(FULL, "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "camerad", *words.split()],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=full,
            cwd=tmp_path,
            env=environment(tmp_path),
            check=False,
            timeout=DEADLINE_S,
        )
    expected = {"version": EX_IOERR, "no-such-command": 64}
    assert done.returncode == expected.get(words, 3)


def test_output_that_was_closed_is_nobody_s_wish_to_hear(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" -m camerad version {closed}', sys.executable],
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path),
            check=False,
            timeout=DEADLINE_S,
        )
        assert (done.returncode, done.stderr) == (0, b""), closed


def test_a_reader_that_went_away_is_no_verdict(archive: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(tmp_path, "evidence", "list", archive, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (GONE, b"")


# ------------------------------------------------------------------------------- words and letters


def test_words_that_the_terminal_does_not_have_are_escaped(archive: Path, tmp_path: Path) -> None:
    held = run(
        tmp_path,
        *("evidence", "hold", ONE, "--state", archive, "--reason", "Tür aufgebrochen ✓", *WHO),
        PYTHONIOENCODING="ascii",
    )
    assert held.returncode == 0, held.stderr
    assert b"T\\xfcr aufgebrochen \\u2713" in held.stdout
    for action, what in (("list", (archive,)), ("show", (ONE, "--state", archive))):
        done = run(tmp_path, "evidence", action, *what, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert b"T\\xfcr" in done.stdout
        plain = run(tmp_path, "evidence", action, *what, LC_ALL="C", PYTHONCOERCECLOCALE="0")
        assert plain.returncode == 0, plain.stderr


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_command_dies_of_a_name_that_is_no_text(
    copies: Copies, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A directory of that name, an argument, and a terminal that has ASCII only."""
    folder = tmp_path / os.fsdecode(b"B\xe4r-\xff")
    folder.mkdir()
    asked = (*words, os.fsdecode(b"M\xfcller"))
    variables = own(folder) | {"COLUMNS": "200"}
    done = copies.run(asked, folder, tmp_path, encoding="ascii", environment=variables)
    assert done.returncode not in (70, -6), done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.isascii()


# ------------------------------------------------------------------------------------------- Ctrl-C


PRESSED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from camerad.__main__ import main

class Pressed:
    left = int(sys.argv.pop(1))
    def find_spec(self, *_):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Pressed())
sys.exit(main())
"""


STARTED = [*breadth(ALL[::-12], ALL), ("run",)]
"""All begin in the same way, until their own modules are asked for."""


@pytest.mark.breadth
@pytest.mark.parametrize("words", STARTED, ids=" ".join)
def test_ctrl_c_while_a_command_starts_is_one_line_at_most(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """It comes when a module is asked for: the 40th, or of one command the first and others."""
    for at in (1, 2, 20, 40, 45) if words == ("version",) else (40,):
        done = subprocess.run(
            [sys.executable, "-c", PRESSED, str(at), *words, "--help"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path),
            check=False,
            timeout=DEADLINE_S,
        )
        assert done.returncode == INTERRUPTED, (at, done.returncode, done.stderr)
        assert b"Traceback" not in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) <= 1
