"""The evidence desk: what an office does with recordings, done from the page.

It goes the office's way: ``camerad evidence verify`` and ``open`` as processes of their own, by the
device's public key, which is taken down once, when the desk first needs it, and by the
demonstration office's private key, which the simulator owns. It does one thing at a time, at low
priority and with a deadline, so that it never is in the camera's way.

What it opens is plaintext. It lies in a folder that is emptied when the simulator starts and when
it ends, however it had ended before; the newest few films are kept.

A finding, as pages are told it: {"id", "doing": "verify" | "open" | "change" (a copy in which one
byte was changed), "verdict": "authentic" | "qualified" | "not_authentic" | "unreadable" | null,
"error": one sentence | null, "seconds", "frames", "remarks": {language: [sentence]}, "film": path
under this server of what was opened | null}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hw_mocks.office import identity_file
from hw_mocks.sim.board import NotNow
from hw_mocks.sim.remarks import remarks

DEADLINE_SECONDS: Final = 60.0
FILM_BYTES: Final = 1 << 30
"""Of a recording that is opened for a page, at most: its film takes as much again."""
FILMS_KEPT: Final = 3
FINDINGS_KEPT: Final = 50
FILM_SUFFIX: Final = ".mp4"
_SAID: Final = 300
_VERDICTS: Final = range(4)

Finding = dict[str, Any]


class Desk:
    """`directory` is the desk's own, `card` the camera's state directory. `on_change` is called
    whenever `told` says something else."""

    def __init__(self, directory: Path, card: Path, on_change: Callable[[], None]) -> None:
        self._directory = directory
        self._card = card
        self._on_change = on_change
        self._keys: list[Path] = []
        self._busy: dict[str, str] | None = None
        self._findings: dict[str, Finding] = {}
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        """Make the desk's folder, empty. Raises OSError if that cannot be done."""
        self._clear()
        self._directory.mkdir(mode=0o700)

    async def stop(self) -> None:
        """End what is being done, and remove everything that was opened."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._clear()

    def _clear(self) -> None:
        if self._directory.exists():
            shutil.rmtree(self._directory)

    def told(self) -> dict[str, Any]:
        """{"busy": {"id", "doing"} | null, "findings": {id: the newest finding}}."""
        return {"busy": self._busy, "findings": dict(self._findings)}

    def film(self, recording: str) -> Path | None:
        """What was opened of a recording, if it is still here."""
        wanted = self._film(recording)
        # Compared, not looked up: the name may be anything that somebody makes up.
        return next((path for path in self._films() if path == wanted), None)

    async def verify(self, recording: str) -> Finding:
        """Check a recording. Raises NotNow while the desk does something else."""
        return await self._do("verify", recording, [])

    async def change(self, recording: str, path: str) -> Finding:
        """Change one byte in the middle of a copy of a recording's file at `path`, and check the
        copy; the recording itself stays as it is. The finding is told, and not kept as one about
        the recording. Raises NotNow as `verify`, and where the copy cannot be made."""
        return await self._do("change", recording, [], Path(path))

    async def open(self, recording: str, size: int) -> Finding:
        """Check and decrypt a recording of `size` bytes. Raises NotNow as `verify`."""
        if size > FILM_BYTES:
            raise NotNow(
                f"{recording} is too large to be played here; open it with 'camerad evidence open'"
            )
        film = self._film(recording)
        film.unlink(missing_ok=True)
        more = ["--output", str(film), "--identity", str(identity_file())]
        finding = await self._do("open", recording, more)
        self._keep_newest()
        return finding

    def _film(self, recording: str) -> Path:
        return self._directory / f"{recording}{FILM_SUFFIX}"

    def _films(self) -> Iterator[Path]:
        return self._directory.glob(f"*{FILM_SUFFIX}")

    def _keep_newest(self) -> None:
        films = sorted(self._films(), key=lambda one: one.stat().st_mtime)
        for film in films[:-FILMS_KEPT]:
            film.unlink()
            finding = self._findings.get(film.stem)
            if finding is not None:
                finding["film"] = None
        self._on_change()

    async def _do(
        self, doing: str, recording: str, more: Sequence[str], original: Path | None = None
    ) -> Finding:
        if self._busy is not None:
            raise NotNow("the evidence desk is busy with another recording: wait until it is done")
        self._busy = {"id": recording, "doing": doing}
        self._on_change()
        try:
            if original is not None:
                return await self._found_in_copy(recording, original)
            finding = await self._found(doing, recording, more)
            self._findings.pop(recording, None)
            self._findings[recording] = finding
            for oldest in list(self._findings)[:-FINDINGS_KEPT]:
                del self._findings[oldest]
        finally:
            self._busy = None
            self._on_change()
        return finding

    async def _found_in_copy(self, recording: str, original: Path) -> Finding:
        with tempfile.TemporaryDirectory(dir=self._directory) as folder:
            copy = Path(folder) / original.name
            try:
                await asyncio.to_thread(_copy_changed, original, copy)
            except OSError as error:
                raise NotNow(f"no copy of {recording} can be made: {error.strerror}") from None
            return await self._found("change", recording, [], copy)

    async def _found(
        self, doing: str, recording: str, more: Sequence[str], copy: Path | None = None
    ) -> Finding:
        finding: Finding = {
            "id": recording,
            "doing": doing,
            "verdict": None,
            "error": None,
            "seconds": 0.0,
            "frames": 0,
            "remarks": {},
            "film": None,
        }
        try:
            keys = [word for key in await self._device_keys() for word in ("--key", str(key))]
            verb = "open" if doing == "open" else "verify"
            place = [recording, "--state", str(self._card)] if copy is None else [str(copy)]
            command = ["evidence", verb, *place, "--json"]
            code, said, complained = await self._run([*command, *keys, *more])
        except _DeskProblem as error:
            return finding | {"error": str(error)}
        if code not in _VERDICTS:
            return finding | {"error": complained}
        report = json.loads(said)
        if verb == "verify":
            report = report["recordings"][0]
        film = f"/api/films/{recording}{FILM_SUFFIX}" if self.film(recording) is not None else None
        return finding | {
            "verdict": report["verdict"],
            "seconds": report.get("seconds", 0.0),
            "frames": report.get("frames", 0),
            "remarks": remarks(report),
            "film": film,
        }

    async def _device_keys(self) -> list[Path]:
        """The device's public keys, the former ones too, as they were when they were first asked
        for: a key that came with a recording later on proves nothing about it."""
        if not self._keys:
            command = ["identity", "show", "--state", str(self._card), "--json"]
            code, said, complained = await self._run(command)
            if code != 0:
                raise _DeskProblem(complained)
            shown = json.loads(said)
            for number, key in enumerate([shown, *shown["former"]]):
                path = self._directory / f"device-{number}.pem"
                path.write_text(key["pem"])
                self._keys.append(path)
        return self._keys

    async def _run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        """Run the camerad command: its exit code, what it said, and its complaint in one line."""
        # The desk is another computer: nothing of the simulated board concerns it.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HW_MOCKS_")
        }
        self._process = process = await asyncio.create_subprocess_exec(
            *("nice", "-n", "10", sys.executable, "-m", "camerad", *arguments),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                said, complained = await process.communicate()
        except TimeoutError:
            raise _DeskProblem(f"not done within {DEADLINE_SECONDS:g} s, so given up") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._process = None
        lines = complained.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        sentence = lines[-1].removeprefix("camerad: ")[:_SAID]
        assert process.returncode is not None
        return process.returncode, said.decode(errors="replace"), sentence


def _copy_changed(original: Path, copy: Path) -> None:
    """Copy a file, and flip one bit in the middle of the copy: most of a recording is pictures."""
    shutil.copyfile(original, copy)
    with copy.open("r+b") as file:
        file.seek(copy.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


class _DeskProblem(Exception):
    """Error raised when a command could not be carried out; the text is for the page."""
