"""Writes several recordings by one camera, to be read afterwards:

python -m tests.bench.many_recordings FOOTAGE DIRECTORY RECORDINGS FRAGMENTS

They lie beside one another in DIRECTORY/many, the camera's key in DIRECTORY. Nothing is
synchronised. Prints one JSON object, {"bytes": of all files}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final
from unittest import mock

import pyrage

from camerad.base import durable_files
from camerad.container.encryption import Sealer
from camerad.container.keys import SigningKey
from camerad.recording.container_writer import ContainerWriter
from tests.bench.film import FRAGMENT_US, KINDS, Film
from tests.bench.plan import answer
from tests.bench.sealing import DEVICE_KEY, a_header, clock_for, closing, facts

MANY: Final = "many"
"""A directory of this name is no camera's: no ledger is looked for."""


def main() -> None:
    """Write what the arguments ask for."""
    folder, directory = Path(sys.argv[1]), Path(sys.argv[2])
    recordings, count = int(sys.argv[3]), int(sys.argv[4])
    film, key = Film(folder, KINDS["main"]), SigningKey.generate()
    sealer = Sealer([str(pyrage.x25519.Identity.generate().to_public())])
    (directory / DEVICE_KEY).write_text(key.public.pem)
    place = directory / "recordings"
    place.mkdir()
    clock, size = clock_for(recordings * count), 0
    with mock.patch.object(durable_files, "sync", lambda *_: None):
        for _ in range(recordings):
            header = a_header(film, directory, clock, sealer)
            written = ContainerWriter(str(place), header, film.init, key, sealer)
            for number in range(count):
                clock.advance(FRAGMENT_US)
                written.append(film.fragment(number), facts(number, clock))
            written.close(closing(count, clock))
            size += Path(written.path).stat().st_size
    place.rename(directory / MANY)
    answer({"bytes": size})


if __name__ == "__main__":
    main()
