"""Imports modules of camerad, each in turn: ``importing.py ROOM...``, on the machine in question.

`camerad` itself stands for what is in no room, and LIBRARIES for what was installed beside camerad:
some of that no module imports before it needs it. Each name is said before its import, so that the
last one is to blame if the process dies. In the end comes one line of JSON: how many modules and
libraries there were, what failed and why, and on which machine.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Final

import camerad

LIBRARIES: Final = "libraries"
UNUSED: Final = {"libarchive", "psycopg"}
"""Libraries that want one of Debian's with them, where they are used: libarchive for the firmware
of a sensor that camerad does not drive, libpq for an index in PostgreSQL."""
MIGRATIONS: Final = "camerad.office.state.migrations.env"
"""Alembic alone can run it, while it migrates: so a database is made."""


def say(line: str) -> None:
    """At once: the next import may end the process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def modules(package: ModuleType, rooms: list[str]) -> Iterator[str]:
    """The modules of `rooms`, by name; a room is a package in `package`. None is imported."""
    folder = Path(package.__path__[0])
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder).with_suffix("")
        if (inner.parts[0] if len(inner.parts) > 1 else package.__name__) in rooms:
            yield ".".join((package.__name__, *inner.parts)).removesuffix(".__init__")


def _migrate() -> None:
    """Make the tables of an index."""
    from sqlalchemy import create_engine

    from camerad.office.state.index_tables import INDEX

    with create_engine("sqlite://").begin() as connection:
        INDEX.migrate(connection)
        if (made := INDEX.read_version(connection)) != INDEX.present:
            raise RuntimeError(f"the tables are of version {made}")


def libraries() -> list[str]:
    """What can be imported of the packages in this environment, but for camerad and UNUSED."""
    found = set()
    own = [place for place in sys.path if place.startswith(f"{sys.prefix}/")]
    for one in metadata.distributions(path=own):
        for path in one.files or ():
            name, _, ending = path.name.partition(".")
            if len(path.parts) == 1 and ending.endswith(("py", "so")):
                found.add(name)
            elif len(path.parts) == 2 and path.name == "__init__.py":
                found.add(path.parts[0])
    return sorted(found - UNUSED - {"camerad"})


def main(rooms: list[str]) -> None:
    if "capture" in rooms:
        from camerad.capture import stills

        # As the capture process does, before it imports picamera2.
        stills.stand_in()
    mine = list(modules(camerad, rooms))
    others = libraries() if LIBRARIES in rooms else []
    failed = {}
    for name in (*mine, *others):
        say(name)
        try:
            if name == MIGRATIONS:
                _migrate()
            else:
                importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            failed[name] = f"{type(error).__name__}: {error}"
    counts = {"modules": len(mine), "libraries": len(others)}
    say(json.dumps({**counts, "failed": failed, "machine": os.uname().machine}))


if __name__ == "__main__":
    main(sys.argv[1:])
