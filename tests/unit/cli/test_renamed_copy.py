"""A file is the recording in its header, under any name: the ledger's word counts for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from sealed_helpers import LOCKED, PASSPHRASE

from camerad.base.clock import SECOND

from .conftest import Desk
from .world import World


@pytest.fixture(params=["device", "office"])
def world(request: pytest.FixtureRequest, camera: Camera, desk: Desk, key: Path) -> World:
    """A store with a recording; good, other: the recording, and another end of it, with the same
    id, key and header; two: another recording."""
    world = World(camera, desk, key.parent)
    world.add(ONE)
    Camera(world.here / "marked").put(ONE, marks=(SECOND // 2,))
    Camera(world.here / "third").put(TWO)
    office = request.param == "office"
    world.names |= {
        "PLACE": world.text("$ARCHIVE" if office else "$STATE"),
        "SHELF": world.text("$HOLDING/recordings" if office else "$STATE/recordings"),
        "COPY": f"{ONE} (1).tar",  # as a file manager calls a second file of one name
    }
    world.do("cp $CARD good; cp marked/recordings/* other; cp third/recordings/* two")
    return world


ENDS = "the ledger knows the end"


@pytest.mark.parametrize(
    ("source", "name", "code", "words", "whole"),
    [
        ("other", "$ONE.tar", 2, (ENDS,), ()),
        ("other", "$COPY", 2, (ENDS,), ("2 recordings", "!copy of them", "!copies")),
        ("other", "$TWO.tar", 2, (ENDS,), ()),
        ("good", "$COPY", 0, (), ("1 recording: 1 authentic and complete, and 1 copy of them",)),
        ("two", "$ONE.tar", 2, (), ()),
    ],
)
def test_a_file_is_judged_as_the_recording_in_its_header(
    world: World,
    source: str,
    name: str,
    *,
    code: int,
    words: tuple[str, ...],
    whole: tuple[str, ...],
) -> None:
    world.do(f'cp {source} "$SHELF/{name}"')
    world.ask(f"verify '$SHELF/{name}' $BY --state $PLACE", code, *words)
    if whole:
        world.ask("verify $PLACE $BY", 1 if source == "good" else 2, *whole)


def test_what_is_exported_by_another_name_is_compared_with_the_ledger(world: World) -> None:
    (world.here / "desk.age").write_bytes(LOCKED)
    (world.here / "passphrase").write_text(f"{PASSPHRASE}\n")
    how = "$BY --state $PLACE --identity desk.age --passphrase-file passphrase $WHO --output $HERE"
    for source, code in (("other", 2), ("good", 0)):
        world.do(f'cp {source} "$SHELF/$COPY"')
        world.ask(f"export '$SHELF/$COPY' {how}", code)
    (page,) = world.here.glob(f"{ONE} (1)*/report.html")
    assert "none was at hand" not in page.read_text()
