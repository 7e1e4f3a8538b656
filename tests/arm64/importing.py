"""Imports modules of camerad, each in turn: ``importing.py ROOM...``, on the machine in question.

`camerad` itself stands for what is in no room. Each name is said before its import, so that the
last one is to blame if the process dies. In the end comes one line of JSON: how many there were,
what failed and why, and on which machine.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import camerad

MIGRATIONS: Final = "camerad.index.migrations.env"
"""Alembic alone can run it, while it migrates: so a database is made."""


def say(line: str) -> None:
    """At once: the next import may end the process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def modules(package: ModuleType, rooms: list[str]) -> Iterator[str]:
    """The modules of `rooms`, by name; a room is a package in `package`."""
    if package.__name__ in rooms:
        yield package.__name__
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        room = found.name.rpartition(".")[2]
        if not found.ispkg:
            if package.__name__ in rooms:
                yield found.name
        elif room in rooms:
            yield found.name
            yield from _below(importlib.import_module(found.name))


def _below(package: ModuleType) -> Iterator[str]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield found.name
        if found.ispkg:
            yield from _below(importlib.import_module(found.name))


def _migrate() -> None:
    """Make the tables of an index."""
    from sqlalchemy import create_engine

    from camerad.index import schema_version

    with create_engine("sqlite://").begin() as connection:
        schema_version.migrate(connection)
        if (made := schema_version.read_version(connection)) != schema_version.PRESENT:
            raise RuntimeError(f"the tables are of version {made}")


def main(rooms: list[str]) -> None:
    if "capture" in rooms:
        from camerad.capture import preview

        # As the capture process does, before it imports picamera2.
        preview.stand_in()
    count, failed = 0, {}
    for name in modules(camerad, rooms):
        say(name)
        count += 1
        try:
            if name == MIGRATIONS:
                _migrate()
            else:
                importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            failed[name] = f"{type(error).__name__}: {error}"
    say(json.dumps({"modules": count, "failed": failed, "machine": os.uname().machine}))


if __name__ == "__main__":
    main(sys.argv[1:])
