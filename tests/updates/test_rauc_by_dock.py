"""RAUC's own bundles come through the dock: from the office's command into a slot.

The real server, the real client and the real RAUC. Where a slot is written, bundles are of the
format "plain", as in test_rauc.py; what a bundle says of itself, and whether it is trusted, is
looked at with those of the format "verity", which cameras take.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from camerad.behaviour.update import Offer, UpdatePhase
from camerad.office.server import offers
from camerad.office.server.camera_overview import OfferedUpdateState
from camerad.office.server.update_bundle import BundleManifest, OfferRefusedError
from camerad.store.check_in import UPDATE
from camerad.update.errors import BundleRefusedError
from camerad.update.rauc import Rauc
from camerad_image import updates
from tests.unit.office.server.update_scene import KID, UpdateWay, update_way
from tests.unit.update.scene import COMPATIBLE, NEW, PlayedRauc
from tests.updates import pki
from tests.updates.test_rauc import (
    CONTENT,
    ROOM,
    another,
    authority,
    backend,
    bus,
    configuration,
    padded,
)

__all__ = ["authority", "bus"]


class TrustingRauc(PlayedRauc):
    """Looks at bundles as RAUC does, and plays their installation."""

    def __init__(self, conf: str, played: PlayedRauc) -> None:
        super().__init__(played.offer, played.backend)
        self.real = Rauc(conf)

    def info(self, bundle: str) -> Offer:
        return self.real.info(bundle)


@pytest.fixture
def way(tmp_path: Path, authority: pki.Authority) -> Iterator[UpdateWay]:
    with update_way(tmp_path) as made:
        root = made.machine.root
        (root / "keyring.pem").write_text(authority.keyring)
        (root / "cmdline").write_text("rauc.slot=A")
        for name in ("rauc", "mount"):
            (root / name).mkdir()
        for name in ("root-a", "boot-a", "root-b", "boot-b"):
            (root / name).write_bytes(bytes(ROOM))
        backend(root, root / "boot", root / "data")
        yield made


def configure(way: UpdateWay, kind: str) -> str:
    """A configuration for bundles of this format."""
    root = way.machine.root
    text = configuration(root, "0.1.0-0").replace("bundle-formats=plain", f"bundle-formats={kind}")
    (root / "system.conf").write_text(text)
    return str(root / "system.conf")


def make_bundle(
    way: UpdateWay,
    signer: tuple[str, str],
    kind: str,
    version: str = NEW,
    compatible: str = COMPATIBLE,
) -> bytes:
    folder, path = way.root / "bundle", way.root / "made.raucb"
    folder.mkdir()
    for name, content in CONTENT.items():
        # A bundle of one block has nothing to make a tree of hashes of.
        filled = content if kind == "plain" else content + Random(name).randbytes(20_000)
        (folder / name).write_bytes(filled)
    text = updates.manifest(compatible, version).replace("format=verity", f"format={kind}")
    (folder / "manifest.raucm").write_text(text)
    words = ["rauc", "bundle", f"--cert={signer[0]}", f"--key={signer[1]}", folder, path]
    subprocess.run(words, check=True, capture_output=True)
    return path.read_bytes()


@pytest.mark.campaign
def test_an_update_goes_from_the_office_into_the_slot(
    way: UpdateWay, authority: pki.Authority, bus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The plain format has its manifest in a file system, where no office looks.
    monkeypatch.setattr(offers, "read_manifest", lambda *_: BundleManifest(COMPATIBLE, NEW))
    way.offer(make_bundle(way, authority.signer, "plain"))
    assert way.dock() is None
    way.install(Rauc(configure(way, "plain")))
    root = way.machine.root
    found = [(root / name).read_bytes() for name in ("root-b", "boot-b")]
    assert found == [padded(content) for content in CONTENT.values()]
    assert way.machine.kept.state.phase is UpdatePhase.TO_TRY
    assert way.handed_in == set()
    way.try_it()
    way.dock()
    said = way.status.said
    assert said is not None and said.image == NEW
    assert way.offers.find(KID, UPDATE) is None


def test_a_bundle_of_the_format_that_cameras_take_says_what_it_is(
    way: UpdateWay, authority: pki.Authority
) -> None:
    offer = way.offer(make_bundle(way, authority.signer, "verity"))
    assert (offer.version, offer.compatible) == (NEW, COMPATIBLE)
    assert way.dock() is None
    way.install(TrustingRauc(configure(way, "verity"), way.machine.rauc()))
    way.dock()
    assert way.status.update.state is OfferedUpdateState.WAITING


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (None, "not a bundle that this camera trusts"),
        (("0.0.9-1", COMPATIBLE), "is below the minimum, which is 0.1.0-0"),
        pytest.param(
            (NEW, "camerad-other"),
            "it is for camerad-other, and this is camerad-debian-all",
            marks=pytest.mark.campaign,
        ),
    ],
    ids=["another key", "downgrade", "compatible"],
)
def test_what_is_refused_is_refused_as_from_a_stick_and_told(
    way: UpdateWay, authority: pki.Authority, about: tuple[str, str] | None, reason: str
) -> None:
    """about: version and image of a bundle that is signed by who may; None: it is not."""
    signer = another(authority, way.root) if about is None else authority.signer
    bundle = make_bundle(way, signer, "verity", *(about or ()))
    way.offer(bundle)
    assert way.dock() is None
    rauc = TrustingRauc(configure(way, "verity"), way.machine.rauc())
    way.machine.bundle.write_bytes(bundle)
    with pytest.raises(BundleRefusedError, match=reason) as by_stick:
        way.machine.install(rauc)
    with pytest.raises(BundleRefusedError, match=reason):
        way.install(rauc)
    way.dock()
    assert way.status.update.state is OfferedUpdateState.REFUSED
    words = str(by_stick.value).removeprefix(f"{way.machine.bundle}: ")
    assert way.status.update.text == words[:200], "the same words"
    way.restart_process()
    way.dock()
    assert (way.fetched, way.handed_in) == (len(bundle), set())
    assert way.machine.kept.state.phase is UpdatePhase.IDLE


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        pytest.param(lambda whole: whole[:-1], marks=pytest.mark.campaign),
        pytest.param(lambda whole: b"", marks=pytest.mark.campaign),
    ],
    ids=["half", "without its last byte", "nothing"],
)
def test_a_bundle_that_is_not_whole_is_not_offered_and_refused_all_the_same(
    way: UpdateWay,
    authority: pki.Authority,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = damage(make_bundle(way, authority.signer, "verity"))
    with pytest.raises(OfferRefusedError, match="its end is missing"):
        way.offer(bundle)
    if not bundle:
        return
    # A server that somebody has taken over offers it nevertheless.
    monkeypatch.setattr(offers, "read_manifest", lambda *_: BundleManifest(COMPATIBLE, NEW))
    way.offer(bundle)
    way.dock()
    with pytest.raises(BundleRefusedError, match="not a bundle that this camera trusts"):
        way.install(TrustingRauc(configure(way, "verity"), way.machine.rauc()))
    way.dock()
    assert way.status.update.state is OfferedUpdateState.REFUSED
