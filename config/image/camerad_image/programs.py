"""Programs that are run for an image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

_TAIL: Final = 15
"""How many lines of a program's output an error repeats."""


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    Both its outputs are appended to `log`. environment: beside that of this process. Raises
    ImageError if it is not there or fails, with the end of what it said.
    """
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise ImageError(f"{words[0]} is not installed: 'sh hw-mocks/prepare.sh image' installs it")
    done = subprocess.run(  # noqa: S603 - the arguments are this recipe's own
        words,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"+ {' '.join(words)}\n{done.stdout}")
    if done.returncode != 0:
        tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-_TAIL:])
        raise ImageError(
            f"{words[0]} failed with exit code {done.returncode}; all it said is in {log}, which "
            f"ends:\n{tail}"
        )
    return done.stdout
