"""Programs are heard while they run, and what they said is not lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camerad_image import programs
from camerad_image.errors import ImageError
from camerad_image.programs import run
from camerad_image.rootfs import FILES, Progress, left_mounted
from tests.waiting import ended, until


def test_what_a_program_says_is_in_the_log_while_it_still_runs(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    heard = []

    def follow(line: str) -> None:
        heard.append((line, log.read_text()))

    assert run(["sh", "-c", "echo one; echo two >&2"], log=log, follow=follow) == "one\ntwo\n"
    assert [line for line, _ in heard] == ["one\n", "two\n"]
    assert heard[0][1].endswith("one\n") or heard[0][1].endswith("two\n")
    assert heard[0][1].startswith("+ sh -c")


def test_a_failure_names_the_log_and_repeats_its_end(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with pytest.raises(ImageError, match=r"exit code 3; all it said is in .*build\.log") as raised:
        run(["sh", "-c", "seq 1 99; exit 3"], log=log)
    assert str(raised.value).endswith("    98\n    99\n")
    assert "    84\n" not in str(raised.value)
    with pytest.raises(ImageError, match="is not installed"):
        run(["no-such-program"], log=log)


def test_the_long_part_shows_how_far_it_is() -> None:
    said: list[str] = []
    progress = Progress(said.append)
    progress("Need to get 171 MB/180 MB of archives.\n")
    progress("After this operation, 700 MB of additional disk space will be used.\n")
    for number in range(60):
        progress(f"Unpacking package-{number} (1.0-1) ...\n")
    for number in range(25):
        progress(f"Setting up package-{number} (1.0-1) ...\n")
    assert said == [
        "171 MB to fetch",
        "25 packages unpacked",
        "50 packages unpacked",
        "25 packages set up",
    ]


def test_what_a_killed_build_has_left_mounted_is_found_innermost_first() -> None:
    mounts = (
        "proc /proc proc rw 0 0\n"
        "tmpfs /srv/my\\040base/dev tmpfs rw 0 0\n"
        "none /srv/my\\040base/dev/pts devpts rw 0 0\n"
        "none /srv/my\\040base-2/dev devtmpfs rw 0 0\n"
    )
    found = left_mounted(Path("/srv/my base"), mounts)
    assert found == ["/srv/my base/dev/pts", "/srv/my base/dev"]


def test_a_program_that_was_interrupted_cleans_up_before_the_build_ends(tmp_path: Path) -> None:
    """As mmdebstrap does, which has a root's /dev mounted: it waits for what it has started, and
    of a signal it only takes note."""

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    script = (
        "trap 'echo noted' TERM; (trap - TERM; echo begun; exec sleep 1000); echo done >cleaned"
    )
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", script], log=tmp_path / "log", folder=tmp_path, follow=interrupt)
    assert (tmp_path / "cleaned").read_text() == "done\n"


def test_a_program_that_does_not_end_when_interrupted_is_made_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_PATIENCE_SECONDS", 0.2)

    script = "trap '' TERM; echo $$; while :; do sleep 0.1; done"
    heard: list[str] = []

    def follow(line: str) -> None:
        heard.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", script], log=tmp_path / "log", follow=follow)
    assert not Path(f"/proc/{heard[0].strip()}").exists()


def test_a_program_is_killed_with_the_build_that_waits_for_it(tmp_path: Path) -> None:
    words = "from camerad_image.programs import run; import pathlib, sys\n"
    words += "run(['sh', '-c', 'echo $$; exec sleep 1000'], log=pathlib.Path(sys.argv[1]))"
    log = tmp_path / "log"
    builder = subprocess.Popen(
        [sys.executable, "-c", words, log], env={**os.environ, "PYTHONPATH": str(FILES.parent)}
    )
    try:
        until(lambda: log.exists() and log.read_text().count("\n") == 2)
        number = int(log.read_text().split()[-1])
        assert not ended(number)
    finally:
        builder.kill()
        builder.wait()
    try:
        until(lambda: ended(number))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
