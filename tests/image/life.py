"""A card's life in an emulated board, from the first start on; judged by test_image.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from camerad_image import layout
from tests.image import disks
from tests.image.board import HASTE, PACE, Board, Ended
from tests.image.card import Card, read_unclean, run
from tests.usb import SIZE

DEVICE: Final = "camera-07"
PASSPHRASE: Final = "Zwetschgendatschi-im-Dock-4711"  # noqa: S105 - looked for, opens nothing
"""Of the dock's network; looked for on the whole card afterwards."""
DEMO: Final = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
"""Of the demonstration's key; hw-mocks/demo-office.txt has its private half."""
SETTINGS: Final[dict[str, Any]] = {
    # What is judged in an emulator is that all of it works, not how fast: few and small pictures.
    "camera": {
        "width": 320,
        "height": 240,
        "fps": 5,
        "lores_width": 320,
        "lores_height": 240,
        "bitrate": 500_000,
        "max_bitrate": 1_000_000,
    },
    "microphone": {"device": "plughw:CARD=Loopback,DEV=1", "rate": 8000, "bitrate": 16_000},
    "self_view": {"fps": 5},
}
DOCK: Final[dict[str, Any]] = {
    "wifi": {"ssid": "dock", "passphrase": PASSPHRASE, "country": "DE"},
}
RESTING: Final[dict[str, Any]] = {
    "device": {"id": DEVICE, "provision_dir": "/var/lib/camerad-provision"},
    "policy": "generic",
    "recipients": [DEMO],
    "idle": {"camera": "none"},
}
BY_USB: Final[dict[str, Any]] = {
    **SETTINGS,
    **RESTING,
    "camera": {**SETTINGS["camera"], "width": SIZE[0], "height": SIZE[1]},
    "idle": {},
}
USB: Final = "usb-camera"
"""In the name of an image for a USB camera."""
FILES: Final = ("camerad-provision.yaml", "camerad-provision.jws")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: how it ended, and what the guest found; `folder` has that, and what its ledger
    said; `before` is the journal of the start before."""

    ended: Ended
    found: dict[str, Any]
    folder: Path
    before: str

    def came_up(self) -> dict[str, Any]:
        """What it found, if nothing in there has failed; AssertionError otherwise."""
        assert self.found.get("error") is None, self.found["error"]
        assert self.found["failed"] == ""
        assert self.found["state"] == "running"
        return self.found


@dataclass(frozen=True, slots=True)
class Life:
    """All that is left of it. `grown`, `first` and so on: its starts, in order, `usb` only of
    an image for a USB camera; `left`: names on
    the common partition after `first`, `gone` after `office`; `passphrase`: at which bytes of the
    card the secret stood before and after the start that took it over; `data`: what was on the data
    partition after that."""

    folder: Path
    card: Card
    grown: Ended
    first: Start
    office: Start
    idle: Start
    usb: Start | None
    left: list[str]
    gone: list[str]
    passphrase: tuple[list[int], list[int]]
    data: Path

    @property
    def key(self) -> Path:
        """The camera's public key, as its card brought it to the desk."""
        return self.folder / "collected" / "camerad-device.pem"


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def office_files(folder: Path, more: Mapping[str, dict[str, Any]] = DOCK) -> list[Path]:
    """The two files that the office makes for a camera's first set-up, in the new `folder`. more:
    sections of the settings beside those that are common to all."""
    camerad = [sys.executable, "-m", "camerad", "provision"]
    key = ["--office-key", folder.with_name("office.pem")]
    wanted = ["--device", DEVICE, "--policy", "generic", "--recipient", DEMO, "--output", folder]
    run(*camerad, "new", *wanted, *key)
    file = folder / FILES[0]
    settings = yaml.safe_load(file.read_text())
    for section, values in {**SETTINGS, **more}.items():
        settings[section] = {**settings.get(section, {}), **values}
    file.write_text(yaml.safe_dump(settings))
    run(*camerad, "sign", file, *key)
    return [folder / name for name in FILES]


class Lives:
    """Starts the board, says how it went, and reads what the guest left on the result disk."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.number = 0
        self._tryboot = False

    def start(
        self,
        scenario: str,
        pace: str = PACE,
        sticks: Mapping[str, Path] | None = None,
        log: Path | None = None,
        usb_camera: bool = False,
    ) -> Ended:
        """As `Board.start`; after a reboot that asked for it, of the slot on trial."""
        self.number += 1
        ended = self.board.start(
            scenario,
            pace=pace,
            tryboot=self._tryboot,
            sticks=sticks,
            log=log,
            usb_camera=usb_camera,
        )
        self._tryboot = ended.tryboot
        say(
            f"start {self.number}, {scenario}: {ended.reason} after {ended.seconds:.0f} s, "
            f"{ended.card.bytes >> 10} KiB written"
        )
        return ended

    def lose_power(self) -> None:
        """Between two starts: what the reboot before asked the firmware for is gone."""
        self._tryboot = False

    def found(self, ended: Ended) -> Start:
        """What the start that has just ended left."""
        return found_after(self.board, ended, self.number)


def found_after(board: Board, ended: Ended, number: int) -> Start:
    """What the start of this number left on the board's result disk."""
    said = read_unclean(board.result, board.folder / f"said-{number}")
    own = said / str(number)
    # A guest that never came to this point has written nothing, and must not pass.
    assert (own / "found.json").exists(), (
        f"start {number} left nothing on its result disk; its console is below {board.folder}"
    )
    found = json.loads((own / "found.json").read_text())
    return Start(ended, found, own, (own / "journal-before.txt").read_text())


def layer_files() -> dict[str, str]:
    """The settings of the starts that do not have the office's."""
    resting = {**SETTINGS, **RESTING}
    return {"idle.yaml": yaml.safe_dump(resting), "usb.yaml": yaml.safe_dump(BY_USB)}


def live(image: Path, folder: Path) -> Life:
    """Take a card through its life."""
    say(f"all that the guest says is below {folder}")
    card = Card(image, folder)
    layer = disks.make_layer(folder, layer_files())
    lives = Lives(Board(card, layer, disks.make_result(folder), folder))
    grown = lives.start("first")
    first = lives.found(lives.start("first"))
    left = card.files(layout.COMMON)
    collected = folder / "collected"
    collected.mkdir()
    for name in left:
        if name.startswith("camerad-"):
            card.get(layout.COMMON, name, collected / name)
    files = office_files(folder / DEVICE, DOCK)
    # An editor's earlier version, which was deleted.
    draft = folder / "draft.yaml"
    draft.write_text(f"# A draft.\n{files[0].read_text()}")
    card.put(layout.COMMON, draft)
    card.remove(layout.COMMON, draft.name)
    card.put(layout.COMMON, *files)
    before = card.where(PASSPHRASE.encode())
    office = lives.found(lives.start("office"))
    gone, afterwards = card.files(layout.COMMON), card.where(PASSPHRASE.encode())
    for name in gone:
        if name.startswith("camerad-"):
            card.get(layout.COMMON, name, collected / f"later-{name}")
    data = card.read_data(folder / "data")
    idle = lives.found(lives.start("idle", HASTE))
    usb = lives.found(lives.start("usb", usb_camera=True)) if USB in image.name else None
    return Life(
        folder,
        card,
        grown,
        first,
        office,
        idle,
        usb,
        left,
        gone,
        (before, afterwards),
        data,
    )
