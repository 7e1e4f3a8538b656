"""Programs are heard while they run, and what they said is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad_image import programs
from camerad_image.errors import ImageError
from camerad_image.programs import run


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
