"""What the simulated camera films: a clip by its name, or any video file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from camerad.config import CameraSettings

from hw_mocks import clips, footage
from hw_mocks.rendering import FootageError
from hw_mocks.resident import Held
from hw_mocks.sim import SimError

EX_NOINPUT: Final = 66  # sysexits.h: an input file does not exist or cannot be read
EX_CANTCREAT: Final = 73


def find_film(name: str) -> Path:
    """The file called `name`, or the clip that it is the name of, or the beginning of one's name.

    Raises SimError if there is neither.
    """
    file = Path(name)
    if file.is_file():
        return file
    known = [clip for clip in clips.CLIPS if clip.startswith(name)]
    if not name or "/" in name or len(known) != 1:
        listed = ", ".join(clips.CLIPS)
        raise SimError(
            f"{name}: no such file, and no clip; name a video file, or one of {listed}", EX_NOINPUT
        )
    try:
        return clips.find(known[0])
    except clips.ClipError as error:
        raise SimError(str(error), EX_NOINPUT) from None


async def prepare_footage(name: str, camera: CameraSettings) -> Path:
    """The folder of the film, ready for both streams of the camera, from the cache if it is there.

    Raises SimError if it cannot be read or the cache cannot be written.
    """
    film = find_film(name)
    cache = clips.cache_folder() / "footage"
    lores = (camera.lores_width, camera.lores_height)
    try:
        return await asyncio.to_thread(
            footage.prepare, film, camera.width, camera.height, lores, cache
        )
    except FootageError as error:
        raise SimError(str(error), EX_NOINPUT) from None
    except OSError as error:
        raise SimError(
            f"{cache} cannot be written: {error.strerror}; name another cache with HW_MOCKS_CACHE",
            EX_CANTCREAT,
        ) from None


async def hold_footage(folder: Path) -> Held:
    """The film of `folder`, in memory, so that the sensor waits for no disk; where that cannot be,
    the sensor says what it has waited for. Raises SimError if it cannot be read."""
    try:
        return await asyncio.to_thread(Held, footage.stream_files(folder))
    except OSError as error:
        raise SimError(f"{folder} cannot be read: {error.strerror}", EX_NOINPUT) from None
    except FootageError as error:
        raise SimError(str(error), EX_NOINPUT) from None
