"""Processes of `camerad` that begin where everything is imported.

A command takes a tenth of a second of a processor or more, nearly all of it for imports. Where
these are not the matter, `Copies` imports once, and each command is a copy of that process (fork):
it has its own arguments, streams, environment and directory, runs `camerad.__main__.main`, and ends
as Python does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

PROGRAM: Final = """
import gc, importlib, json, os, pkgutil, sys
import camerad.__main__, camerad.cli

for found in pkgutil.iter_modules(camerad.cli.__path__):
    importlib.import_module(f"camerad.cli.{found.name}")
gc.collect()
gc.freeze()  # no collector of a copy looks at what all of them have, so none of it is copied
os.write(1, b"ready\\n")
for line in sys.stdin.buffer:
    asked = json.loads(line)
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"{code}\\n".encode())
        continue
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    ways = ((os.devnull, os.O_RDONLY), (asked["out"], new), (asked["err"], new))
    for number, (path, how) in enumerate(ways):
        os.dup2(os.open(path, how), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=asked["encoding"])
    sys.argv = ["camerad", *asked["words"]]
    sys.exit(camerad.__main__.main())
"""


class Copies:
    """Starts commands one after the other. Use it as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def __enter__(self) -> Copies:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def run(
        self,
        words: tuple[str, ...],
        folder: Path,
        said: Path,
        *,
        out: str | None = None,
        encoding: str = "utf-8",
        environment: Mapping[str, str],
    ) -> subprocess.CompletedProcess[bytes]:
        """Carry out a command in `folder`, with these variables beside those of the test.

        said: a directory for what it says. out: where its output goes instead. encoding: of its
        terminal.
        """
        output, errors = said / "out", said / "err"
        asked = {
            "words": words,
            "folder": str(folder),
            "out": out or str(output),
            "err": str(errors),
            "encoding": encoding,
            "environment": dict(environment),
        }
        assert self._process.stdin is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        code = int(self._said())
        heard = b"" if out else output.read_bytes()
        return subprocess.CompletedProcess(words, code, heard, errors.read_bytes())

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
