"""Programs that are run for an image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

_TAIL: Final = 15
"""How many lines of a program's output an error repeats."""
_PATIENCE_SECONDS: Final = 30.0
"""So long a program that was interrupted may take to clean up."""


def _wait(process: subprocess.Popen[str]) -> None:
    """Let a program that was interrupted end; one that does not is told so, and then killed."""
    for end in (process.terminate, process.kill):
        try:
            process.communicate(timeout=_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            end()


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    keep: Sequence[int] = (),
    follow: Callable[[str], None] | None = None,
) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    Both its outputs are appended to `log`, line by line as they come. environment: beside that of
    this process. keep: descriptors that it is to have as well. follow: is called with each of the
    lines. Raises ImageError if it is not there or fails, with the end of what it said.
    """
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise ImageError(f"{words[0]} is not installed: 'sh hw-mocks/prepare.sh image' installs it")
    log.parent.mkdir(parents=True, exist_ok=True)
    said = []
    with (
        log.open("a", encoding="utf-8", buffering=1) as file,
        subprocess.Popen(  # noqa: S603 - the arguments are this recipe's own
            words,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            pass_fds=keep,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        file.write(f"+ {' '.join(words)}\n")
        try:
            for line in process.stdout or ():
                file.write(line)
                said.append(line)
                if follow is not None:
                    follow(line)
        except KeyboardInterrupt:
            # It has heard the same keys, and unmounts what it has mounted. Popen would close its
            # output and leave it to itself; the next build would meet it.
            _wait(process)
            raise
    if process.returncode != 0:
        tail = "".join(f"    {line}" for line in said[-_TAIL:])
        raise ImageError(
            f"{words[0]} failed with exit code {process.returncode}; all it said is in {log}, "
            f"which ends:\n{tail}"
        )
    return "".join(said)
