"""What a camera's life with updates is made of: its card, its bundles, and who signs them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from camerad_image import updates
from tests.unit.other_kernel import SCRATCH
from tests.updates import card, guest, pki
from tests.updates.card import System

OLD, NEW, NEWER = "0.1.0-20260101000000", "0.2.0-20260601000000", "0.2.0-20260602000000"
EVIDENCE: Final = {
    f"recordings/{number}.cam": Random(number).randbytes(200_000 + number) for number in range(5)
}
NOT_NOW: Final = 75
REFUSED: Final = 78
REBOOT: Final = 80


@dataclass
class Story:
    """root: of all files; disk: the card."""

    root: Path
    authority: pki.Authority = field(init=False)
    disk: Path = field(init=False)

    def __post_init__(self) -> None:
        if (why := guest.missing()) is not None:
            pytest.skip(why)
        self.root.mkdir(parents=True, exist_ok=True)
        self.authority = pki.make(self.root / "authority")
        self.scratch.mkdir()
        self.disk = card.make_card(
            System(OLD), self.authority.keyring, EVIDENCE, self.root / "card"
        )

    @property
    def scratch(self) -> Path:
        """What the guest sees of this machine's files at `SCRATCH`."""
        return self.root / "scratch"

    def bundle(self, name: str, system: System, signer: tuple[str, str] | None = None) -> str:
        """Make a bundle; returns its path in the guest."""
        folder = self.root / name
        images = card.make_system(system, self.authority.keyring, folder)
        updates.make_bundle(
            images,
            updates.manifest(system.image, system.version),
            self.scratch / f"{name}.raucb",
            signer or self.authority.signer,
            log=folder / "log",
        )
        shutil.rmtree(folder)
        return f"{SCRATCH}/{name}.raucb"

    def start(self, *actions: dict[str, Any], tryboot: bool = False) -> guest.Ended:
        """As `tests.updates.guest.start`; what was recorded is as it was, each time."""
        ended = guest.start(self.disk, self.scratch, list(actions), tryboot=tryboot)
        assert ended.told("fsck")["code"] == 0
        assert ended.told("up")["evidence"] == {
            name: card.sha256(content) for name, content in EVIDENCE.items()
        }
        return ended


def install(bundle: str, **more: Any) -> dict[str, Any]:
    """An action: camera is what the daemon says meanwhile; options are further ones."""
    return {"do": "install", "bundle": bundle, **more}


TRY: Final = {"do": "try"}
WORN: Final = {"stage": "idle", "conditions": []}
RECORDING: Final = {"stage": "recording", "conditions": ["docked"]}
