"""A camera's card and state in a directory, and a RAUC that the test plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from camerad.behaviour.update import CameraStatus, Offer, RunningVersion
from camerad.update.backend import Backend
from camerad.update.boot_selection import NAME, Autoboot, BootSelection
from camerad.update.errors import UpdateError
from camerad.update.rauc import Rauc
from camerad.update.update_file import UpdateFile, open_update_file
from camerad.update.updater import Updater

OLD, NEW = "0.1.0-1", "0.2.0-2"
COMPATIBLE = "camerad-debian-all"
DOCKED = CameraStatus("idle", ("docked",))


class PlayedRauc(Rauc):
    """Does with the backend what RAUC does (tests/updates/test_rauc.py), and writes nothing.

    meanwhile: called between the first byte and the last.
    """

    def __init__(self, offer: Offer, backend: Callable[[], Backend]) -> None:
        super().__init__("/nowhere")
        self.offer = offer
        self.backend = backend
        self.meanwhile: Callable[[], None] = lambda: None
        self.error: UpdateError | None = None
        self.activates = True

    def info(self, bundle: str) -> Offer:
        if isinstance(self.error, UpdateError):
            raise self.error
        return self.offer

    def install(self, bundle: str, hindrance: Callable[[], str | None]) -> None:
        backend = self.backend()
        slot = "B" if backend.call(["get-current"]) == "A" else "A"
        assert backend.call(["set-state", slot, "bad"]) is None
        assert backend.call(["get-state", slot]) == "bad"
        self.meanwhile()
        if (why := hindrance()) is not None:
            raise UpdateError(f"given up, because {why}")
        if self.activates:
            assert backend.call(["set-primary", slot]) is None
            assert backend.call(["get-state", slot]) == "good"


@dataclass
class Scene:
    root: Path
    slot: str = "A"
    version: str = OLD
    camera: CameraStatus | None = DOCKED
    faults: tuple[str, ...] | None = ()
    card: BootSelection = field(init=False)
    kept: UpdateFile = field(init=False)
    bundle: Path = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "boot").mkdir()
        (self.root / "boot" / NAME).write_bytes(Autoboot("A").text())
        self.bundle = self.root / "new.raucb"
        self.bundle.write_bytes(b"a bundle")
        self.card = BootSelection(str(self.root / "boot"))
        self.kept = open_update_file(str(self.root / "data" / "update"))

    @property
    def updates(self) -> Updater:
        return Updater(self.card, self.kept, lambda: self.camera, lambda: self.faults)

    @property
    def running(self) -> RunningVersion:
        return RunningVersion(COMPATIBLE, self.version, "0.1.0-0", self.slot, self.card.primary)

    def backend(self) -> Backend:
        return Backend(self.card, self.kept, self.slot)

    def rauc(self, version: str = NEW, compatible: str = COMPATIBLE) -> PlayedRauc:
        return PlayedRauc(Offer(compatible, version), self.backend)

    def install(self, rauc: PlayedRauc | None = None, *, again: bool = False) -> None:
        self.updates.install(str(self.bundle), self.running, rauc or self.rauc(), again=again)

    def start(self, slot: str, version: str) -> str:
        """The machine starts anew, from that slot."""
        self.slot, self.version = slot, version
        return self.updates.judge_start(self.running).value
