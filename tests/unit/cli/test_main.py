"""The command line: one clear message, one exit code, no traceback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camerad import __version__
from camerad.base.errors import (
    EX_CONFIG,
    EX_IOERR,
    EX_SOFTWARE,
    EX_USAGE,
)
from camerad.cli import camera, main, terminal


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["version"]) == 0
    assert capsys.readouterr().out == f"camerad {__version__}\n"
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"camerad {__version__}\n")


def test_the_manual_and_the_completion_name_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main.main(["manual"]) == 0
    page = capsys.readouterr().out
    for words in ("camerad office backup restore", "camerad evidence verify", "camerad doctor"):
        assert f".SS {words}\n" in page
    assert "%(" not in page and ".B \\-\\-with\\-recordings" in page
    if shutil.which("groff") is not None:
        shown = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww"], input=page.encode(), capture_output=True, check=True
        )
        assert (shown.stderr, b"backup restore" in shown.stdout) == (b"", True)
    assert main.main(["completion"]) == 0
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    for typed, offered in (
        ("camerad off", "office offload"),
        ("camerad office backup ", "make check restore --help"),
        ("camerad office backup make /x --with", "--with-recordings"),
        ("camerad evidence verify --j", "--jobs --json"),
        ("camerad press mar", "mark"),
    ):
        words = typed.split(" ")
        ask = (
            f". {tmp_path}/completion; COMP_WORDS=({' '.join(repr(one) for one in words)}); "
            f'COMP_CWORD={len(words) - 1}; _camerad; echo "${{COMPREPLY[@]}}"'
        )
        said = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        assert set(said.stdout.split()) == set(offered.split()), (typed, said.stderr)


@pytest.mark.parametrize("line", [[], ["fly"], ["press", "fly"], ["config"], ["run", "--speed"]])
def test_a_wrong_command_line_is_a_usage_error(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(line)
    assert caught.value.code == EX_USAGE
    assert "usage: camerad" in capsys.readouterr().err


def test_config_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = Path(__file__).parents[3] / "config" / "camerad.yaml"
    assert main.main(["config", "check", str(shipped)]) == 0
    in_order, without = capsys.readouterr().out.splitlines()
    assert in_order == f"{shipped}: in order"
    assert without.startswith(f"{shipped}: no recipients, so the camera will not record")
    good = tmp_path / "good.yaml"
    good.write_text(
        "policy: generic\n"
        "recipients: [age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57]\n"
    )
    assert main.main(["config", "check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: in order\n"
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: atlantis\ncamera: {fps: fast}\ncolour: red\n")
    assert main.main(["config", "check", str(bad)]) == EX_CONFIG
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{bad}:") for line in lines)


def test_run_with_a_bad_configuration_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run", "--config", str(tmp_path / "none.yaml")]) == EX_CONFIG
    assert "none.yaml" in capsys.readouterr().err


def test_an_office_machine_is_told_that_it_cannot_run_a_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "camerad.daemon.early_start", None)
    good = Path(__file__).parents[3] / "config" / "camerad.yaml"
    assert main.main(["run", "--config", str(good)]) == EX_CONFIG
    assert "which only a camera has" in capsys.readouterr().err


def test_a_mistake_of_ours_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("surprise\x1b[2J")

    monkeypatch.setattr(camera, "status", fail)
    assert main.main(["status"]) == EX_SOFTWARE
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("camerad: ValueError: this is a mistake in camerad")
    assert "Traceback" in said
    assert "surprise\\x1b[2J" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/a/b"), "/a/b: cannot go on: Permission denied"),
        (OSError(28, "No space left on device", "standard output"), "standard output: No space"),
        (OSError(24, "Too many open files"), "Too many open files (in test_main.py:"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(camera, "status", fail)
    assert main.main(["status"]) == EX_IOERR
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_an_interrupt_that_became_another_error_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """numpy says ImportError when its import is interrupted."""

    def fail(*_: object, **__: object) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr(camera, "status", fail)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main.main(["status"], interrupts=terminal.Interrupts()) == 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""


def test_output_that_nobody_read_is_no_verdict() -> None:
    """Exit code 0 would be that of an authentic recording."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "camerad", "version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_an_error_is_one_line_whatever_is_named_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a\ncamerad: all is well\x1b[2J")
    assert main.main(["evidence", "show", path]) == 3
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
