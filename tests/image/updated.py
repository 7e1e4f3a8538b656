"""A camera's life with updates, on an emulated board; judged by test_update.py."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image import layout
from tests.image import disks, releases
from tests.image.board import HASTE, PACE, Board, Ended
from tests.image.card import Card
from tests.image.life import Lives, Start, office_files, say

STICKS: Final = {
    "stranger": "stranger",
    "half": "half",
    "below": "below",
    "worn": "new",
    "new": "new",
    "vain": "new",
    "late": "new",
    "same": "new",
    "old": "old",
    "hangs": "hangs",
    "again": "hangs",
    "silent": "silent",
}
"""Every stick with the bundle that it has; how some are put in goes by their names (`put_in` in
layer/scenario.py)."""


SERVER: Final = "192.0.2.17"
"""That the camera is to ask for the time; no such server can be (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class Updated:
    """Its starts, in order: the release "old", which ends with an update to "new"; "old", since the
    power was lost before that trial, which ends with the same update; "new" on trial, which ends
    with one to "old"; "old" again, which ends with one to a system that hangs; that one; "old",
    which ends with one to a system whose daemon never answers; that one; and "old", to the end.
    `primaries`: the boot partition that starts by default before each; `data`: all that was on the
    data partition at last."""

    folder: Path
    card: Card
    versions: dict[str, str]
    there: Start
    unplugged: Start
    back: Start
    kept: Start
    hung: Ended
    after_hung: Start
    silent: Ended
    last: Start
    primaries: list[int]
    data: Path


def live(base: Path, folder: Path) -> Updated:
    """Take a card through it. base: the packages of its releases."""
    say(f"all that the guest says is below {folder}")
    made = releases.make(base, folder / "releases")
    card = Card(made.image, folder)
    layer = disks.make_layer(folder, {})
    board = Board(card, layer, disks.make_result(folder), folder, docked=True)
    lives = Lives(board)
    sticks = {
        bundle: releases.make_stick(folder, bundle, made.bundles[bundle])
        for bundle in set(STICKS.values())
    }
    primaries = []

    def start(scenario: str, *names: str, pace: str = PACE) -> Ended:
        primaries.append(card.slot().number)
        return lives.start(scenario, pace, {name: sticks[STICKS[name]] for name in names})

    card.put(layout.COMMON, *office_files(folder / "office", {"time": {"servers": [SERVER]}}))
    grown = lives.start("first")
    assert grown.reason == "guest-reset"
    there = lives.found(start("update", "stranger", "half", "below", "worn", "new"))
    lives.lose_power()
    unplugged = lives.found(start("update", "vain", "late"))
    back = lives.found(start("update", "same", "old"))
    kept = lives.found(start("update", "hangs"))
    hung = start("doomed")
    after_hung = lives.found(start("update", "again", "silent"))
    silent = start("doomed", pace=HASTE)
    last = lives.found(start("update"))
    sys.stderr.write(last.found["time"] + last.found["chain"] + last.found["blame"])
    return Updated(
        folder,
        card,
        made.versions,
        there,
        unplugged,
        back,
        kept,
        hung,
        after_hung,
        silent,
        last,
        primaries,
        card.read_data(folder / "data"),
    )
