"""The simulator's microphone: its process, and what the daemon needs to find it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from camerad.base.errors import EX_UNAVAILABLE

from hw_mocks import pulse
from hw_mocks.microphone import RATE
from hw_mocks.sim import SimError
from hw_mocks.sim.film import find_film
from hw_mocks.sim.process import end_child
from hw_mocks.sim.setup import ALSA_VARIABLE
from hw_mocks.sound import CLAPPER_VARIABLE

READY_SECONDS: Final = 20.0
END_SECONDS: Final = 3.0


def sound_order(
    kind: str, footage: str | None, fps: int, environment: dict[str, str]
) -> dict[str, Any]:
    """What a microphone is to hear, as `hw_mocks.microphone` takes it.

    kind: of `hw_mocks.sound.sound_of`. A clapper claps once a second; its flashes are put into
    `environment`, that of the daemon. Raises SimError if there is no such film.
    """
    order: dict[str, Any] = {"kind": kind, "epoch_us": int(environment["HW_MOCKS_EPOCH_US"])}
    if kind == "film":
        if footage is None:
            order["kind"] = "speech"
        else:
            order["path"] = str(find_film(footage))
    if kind == "clapper":
        order |= {"every": fps, "fps": fps}
        environment[CLAPPER_VARIABLE] = str(fps)
    return order


class Hearing:
    """Runs `hw_mocks.microphone` with its files in `folder`. environment: the daemon's."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, order: dict[str, Any]) -> dict[str, str]:
        """Start it; returns the variables with which programs find it, once they can.

        Raises SimError if it cannot be started.
        """
        try:
            variables = pulse.write_files(self._folder, RATE)
        except OSError as error:
            raise SimError(f"there can be no microphone: {error}", EX_UNAVAILABLE) from None
        command = [sys.executable, "-m", "hw_mocks.microphone", str(self._folder)]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            json.dumps(order),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)
        except TimeoutError:
            line = b""
        if not line:
            raise SimError(
                "the microphone did not start, and what it said stands above; go without it with "
                "--sound none",
                EX_UNAVAILABLE,
            )
        # The loudspeaker of the same machine is in another file (`StateDir.write_speaker`).
        files = (self._environment.get(ALSA_VARIABLE), variables[ALSA_VARIABLE])
        return {**variables, ALSA_VARIABLE: ":".join(filter(None, files))}

    async def stop(self) -> None:
        """End it; nothing of it runs afterwards."""
        # If it has to be killed: its server asked the kernel to end with it.
        await end_child(self._process, END_SECONDS)
