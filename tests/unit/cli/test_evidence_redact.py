"""`camerad evidence redact`: from a draft to a copy that anybody can check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import ONE, Camera

from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_USAGE
from camerad.container import jws
from camerad.evidence.redaction import detection

from .conftest import Desk
from .world import World

REDACT = "redact $ONE --state $ARCHIVE $BY $OPENING"
MAKE = f"{REDACT} --draft draft.json --who Desk --reference 7-11 --language de"


@pytest.fixture
def world(camera: Camera, desk: Desk, key: Path, private: Path) -> World:
    """An office's directory with one recording."""
    assert private.exists()
    world = World(camera, desk, key.parent)
    world.add(ONE)
    return world


def edit(**changes: Any) -> None:
    path = Path("draft.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_copy_is_made_when_a_person_has_seen_all_of_it(world: World) -> None:
    world.ask(f"{REDACT} --by-hand draft.json", 0, "0 masks suggested in 30 pictures")
    assert {oct(Path(one).stat().st_mode & 0o777) for one in ("draft.json", "draft.mp4")} == {
        "0o600"
    }
    world.ask(f"{REDACT} --by-hand draft.json", EX_CANTCREAT, "exists already")
    world.ask(MAKE, EX_USAGE, "pictures 0 to 29 were not seen")
    mask = {"kind": "plate", "state": "suggested", "boxes": [[3, 0, 0, 40, 20], [9, 9, 9, 40, 20]]}
    edit(seen=[[0, 29]], masks=[mask])
    world.ask(MAKE, EX_USAGE, "only suggested (plate in 3 to 9)")
    edit(masks=[mask | {"state": "confirmed"}])
    world.ask(MAKE.replace("--who Desk", ""), EX_USAGE, "who answers for the masks")
    edit(final="0" * 64)
    world.ask(MAKE, EX_USAGE, "the draft of another recording")
    said = json.loads(Path("draft.json").read_text())
    assert not list(Path().glob("*-redacted*")), said

    world.do("rm draft.*")
    world.ask(f"{REDACT} --by-hand draft.json", 0)
    edit(seen=[[0, 29]], masks=[mask | {"state": "confirmed"}])
    sentence = "redacted copy of an authentic recording: 7 of 30 pictures masked, sound muted 0 s"
    world.ask(MAKE, 1, sentence)
    world.ask(MAKE, EX_CANTCREAT, "there is a redacted copy already")
    package = Path(f"{ONE}-redacted")
    keys = f"--key {package}/device-key.pem --office-key {package}/office-key.pem"
    world.ask(f"verify {package}/{ONE}.redacted.tar {keys}", 1, sentence, "the office vouches")
    compare = f"verify {package}/{ONE}.redacted.tar {keys} --original $FILE"
    world.ask(compare, EX_USAGE, "--original needs --identity")
    world.ask(f"{compare} $OPENING", 1, sentence, "!the office vouches")
    world.ask(f"verify {package} {keys}", 1, sentence)
    sheet = (package / "report.html").read_text()
    assert "7 von 30 Bildern geschwärzt" in sheet and "7-11" in sheet
    world.do(f"cd {package}; sha256sum --strict -c SHA256SUMS")


def test_where_the_model_is_missing_masks_are_drawn_by_hand(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "find_spec", lambda _: None)
    world.ask(f"{REDACT} --suggest draft.json", EX_CONFIG, "--by-hand writes a draft")
    assert not Path("draft.json").exists() and not Path("draft.mp4").exists()


CHAIN: Final = ("opened", "closed", "acknowledged", "received")


def test_the_ledger_tells_for_whom_and_never_what_is_masked(world: World) -> None:
    world.ask(f"{REDACT} --by-hand draft.json", 0)
    mask = {"kind": "face", "state": "confirmed", "boxes": [[3, 0, 0, 40, 20]]}
    edit(seen=[[0, 29]], masks=[mask])
    world.ask(f"{MAKE} --recipient court", 1)
    world.ask("show $ONE --state $ARCHIVE", 0, "geschwärzte Kopie erstellt")
    tokens = Path(f"{ONE}-redacted/ledger.jws").read_bytes().splitlines()
    said = [json.loads(jws.parse(one).payload) for one in tokens]
    (entry,) = [one for one in said if one["kind"] == "redacted"]
    assert {"recipient": "court", "reference": "7-11", "who": "Desk"}.items() <= entry[
        "facts"
    ].items()
    assert set(entry["facts"]) == {"id", "who", "recipient", "reference", "sha256"}
    # Who held or viewed it, and for whom, is no affair of who gets the copy.
    assert {one["kind"] for one in said} <= {*CHAIN, "redacted", "packaged"}
