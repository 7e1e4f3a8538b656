"""Offers: rows and bundles, whatever fails or is left on the way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from check_in_helpers import said, token
from desk_helpers import KEY
from state_helpers import (
    offer_settings,
    offers_in,
    revoked_in,
    state_in,
    withdraw_offer,
)

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.office.report import camera_readings
from camerad.office.server import offers as offers_module
from camerad.office.server import state_import
from camerad.office.server.check_ins import arrival_times
from camerad.office.server.offers import BundleCopy, offer_of
from camerad.office.server.revoked_cameras import Revocation
from camerad.office.server.update_bundle import OfferRefusedError, read_manifest
from camerad.store.check_in import SETTINGS, UPDATE
from tests.unit.update.scene import COMPATIBLE, NEW, OLD

from .update_scene import KID, a_bundle, element

OTHER = SigningKey.generate().public.thumbprint
BUNDLE = a_bundle(size=6000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "office").mkdir(parents=True)
    return tmp_path / "archive"


def put(root: Path, content: bytes = BUNDLE, *kids: str) -> str:
    path = root.parent / "new.raucb"
    path.write_bytes(content)
    return offers_in(root).put_file(str(path), list(kids or (KID,)), reserve=0).sha256


def bundles(root: Path) -> set[str]:
    return {path.name for path in (root / "office" / "updates").iterdir()}


def test_a_bundle_is_there_once_and_goes_with_its_last_offer(root: Path) -> None:
    assert withdraw_offer(root, KID, UPDATE) is None
    first = put(root, BUNDLE, KID, OTHER)
    second = put(root, a_bundle(seed=2), KID)
    assert bundles(root) == {f"{first}.raucb", f"{second}.raucb"}
    assert withdraw_offer(root, OTHER, UPDATE) is not None
    assert bundles(root) == {f"{second}.raucb"}
    # A copy that was left goes, and one that is being written stays.
    for name, age in (("left", durable_files.LEFT_SECONDS + 60), ("coming", 0)):
        path = root / f"office/updates/{name}{durable_files.TEMPORARY}"
        path.write_bytes(b"half")
        now = os.stat(path).st_mtime
        os.utime(path, (now - age, now - age))
    assert withdraw_offer(root, KID, UPDATE) is not None
    assert bundles(root) == {f"coming{durable_files.TEMPORARY}"}
    put(root)
    shutil.rmtree(root / "office" / "updates")
    found = offers_in(root).find(KID, UPDATE)
    assert found is not None and not offers_in(root).is_there(found)


def test_where_the_entry_cannot_be_written_what_was_offered_still_is(root: Path) -> None:
    """The power may go there as well: no change is committed before its entry."""
    first, settings = put(root), offer_settings(root, KID, b"first")
    state, offers = state_in(root), offers_in(root)
    newer = a_bundle(seed=5)
    with pytest.raises(StorageError), offers.copying("bundle", len(newer), 0) as copy:
        copy.write(newer)
        with state.writing() as rows:
            offers.put(rows, [KID, OTHER], offers.add_bundle("bundle", copy, 0))
            offers.put(rows, [KID], offer_of(b"second"))
            assert offers.withdraw(rows, KID, SETTINGS) is not None
            raise StorageError("the store is taken")
    assert offers.find(KID, SETTINGS) == settings and offers.find(OTHER, UPDATE) is None
    found = offers.find(KID, UPDATE)
    assert found is not None and found.sha256 == first
    assert bundles(root) == {f"{first}.raucb"}


def test_an_update_is_offered_until_the_camera_has_decided(root: Path) -> None:
    offers, sha256 = offers_in(root), put(root)
    (found,) = offers.for_camera(KID, said(image=OLD))
    assert (found.sha256, found.length) == (sha256, len(BUNDLE))
    assert b"".join(offers.pieces(found, 5, 900)) == BUNDLE[5:900]
    for waits in (said(image=None), *(said(image=one, waiting=(sha256,)) for one in (OLD, NEW))):
        assert list(offers.for_camera(KID, waits)) == []
    assert offers.find(KID, UPDATE) == found
    assert list(offers.for_camera(KID, said(image=NEW))) == []
    assert offers.find(KID, UPDATE) is None and bundles(root) == set()


def test_no_bundle_is_offered_that_is_too_large_or_no_camera_could_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.parent / "new.raucb"
    path.write_bytes(BUNDLE)
    with pytest.raises(OfferRefusedError, match="free for recordings"):
        offers_in(root).put_file(str(path), [KID], reserve=1 << 60)
    rooms = iter([1 << 40, 0])
    with monkeypatch.context() as patched:
        patched.setattr(offers_module, "free_room", lambda _: next(rooms))
        with pytest.raises(OfferRefusedError, match="free for recordings"):
            offers_in(root).put_file(str(path), [KID], reserve=1)
    with pytest.raises(ValueError, match="no thumbprint"):
        put(root, BUNDLE, "../x")
    monkeypatch.setattr(offers_module, "LARGEST_BUNDLE", len(BUNDLE) - 1)
    with pytest.raises(OfferRefusedError, match="no camera takes more"):
        put(root)
    assert offers_in(root).list_all() == {} and bundles(root) == set()
    shutil.move(root / "office" / "updates", root.parent / "moved")
    os.symlink(root.parent / "moved", root / "office" / "updates")
    monkeypatch.undo()
    with pytest.raises(StorageError):
        put(root)


def test_a_copy_that_was_given_up_writes_nothing_any_more(root: Path) -> None:
    """The number of its descriptor may be that of another file by then."""
    (root / "office" / "updates").mkdir()
    copy = BundleCopy(str(root / "office" / "updates"))
    copy.write(b"half")
    copy.close()
    for late in (lambda: copy.write(b"a bundle"), copy.sync):
        with pytest.raises(StorageError, match="given up"):
            late()
    assert bundles(root) == set()


class Power(BaseException):
    """It goes."""


@pytest.mark.parametrize("step", range(10))
def test_files_of_an_older_version_become_rows_whenever_the_power_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before each of six rows and of four directories that are removed."""
    office = root / "office"
    sha256 = hashlib.sha256(BUNDLE).hexdigest()
    update = {"sha256": sha256, "bytes": 6000, "compatible": COMPATIBLE, "version": NEW}
    revoked = {"at_us": 1, "who": "w", "why": "lost", "reason": "r"}
    last = {"arrived_us": 7, "statement": token().decode()}
    files: dict[str, Any] = {
        f"offers/{KID}/settings.jws": "a.b.c",
        f"offers/{KID}/update.json": json.dumps(update),
        f"offers/{OTHER}/update.json": "{",
        f"withdrawn/{KID}.json": json.dumps(revoked),
        f"withdrawn/{OTHER}.json": "{",
        f"check-ins/{KID}.json": json.dumps(last),
        f"readings/{KID}/key.jwk": json.dumps(KEY.public.jwk),
        f"readings/{KID}/2026-11.jsonl": json.dumps(last),
    }
    for name, content in files.items():
        (office / name).parent.mkdir(parents=True, exist_ok=True)
        (office / name).write_text(content)
    steps: list[str] = []

    def stepping(owner: Any, name: str, patched: pytest.MonkeyPatch) -> None:
        real = getattr(owner, name)

        def run(*given: Any) -> Any:
            if len(steps) == step:
                raise Power
            steps.append(name)
            return real(*given)

        patched.setattr(owner, name, run)

    with monkeypatch.context() as patched:
        stepping(state_import, "insert", patched)
        stepping(camera_readings, "insert", patched)
        stepping(state_import.shutil, "rmtree", patched)
        state = state_in(root)
        with pytest.raises(Power):
            state.open()
        state.close()
    offered = offers_in(root).list_all()
    assert sorted(kind for _, kind in offered) == [SETTINGS, UPDATE]
    assert offered[KID, UPDATE].sha256 == sha256 and offered[KID, SETTINGS].content == b"a.b.c"
    gone = revoked_in(root).list_all()
    assert gone[KID] == Revocation(1, "w", "lost", "r")
    assert gone[OTHER].why == "other", "a record that cannot be read lets nothing through"
    state = state_in(root)
    assert arrival_times(state) == {KID: 7}
    with state.reading() as rows:
        (kept,) = camera_readings.read(rows, KID)
    assert (kept.arrived_us, kept.token) == (7, token())
    gone_files = ("offers", "withdrawn", "check-ins", f"readings/{KID}")
    assert not any((office / one).exists() for one in gone_files)


# ---------------------------------------------------------------------------------- the manifest


def manifest_of(tmp_path: Path, content: bytes) -> object:
    path = tmp_path / "x.raucb"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = read_manifest("x.raucb", descriptor)
        return found.compatible, found.version
    finally:
        os.close(descriptor)


def test_a_bundle_says_what_it_is(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, BUNDLE) == (COMPATIBLE, NEW)
    for cut in (b"", BUNDLE[:-1]):
        with pytest.raises(OfferRefusedError, match="its end is missing"):
            manifest_of(tmp_path, cut)


@pytest.mark.parametrize(
    "cms",
    [
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x87\x01\x01\x01\x01\x01\x01\x01",
        b"\x30\x82\xff\xff",
        b"\x31\x00",
        element(0x30, b"\x06\x01\x00"),
        b"\xff" * 200,
    ],
)
def test_what_is_no_cms_is_no_bundle(tmp_path: Path, cms: bytes) -> None:
    with pytest.raises(OfferRefusedError, match="format verity"):
        manifest_of(tmp_path, b"x" * 50 + cms + len(cms).to_bytes(8, "big"))


def test_whatever_bytes_there_are_they_are_refused_in_words(tmp_path: Path) -> None:
    random = Random(1)
    for _ in range(300):
        content = bytearray(BUNDLE[-400:])
        for _ in range(random.randrange(1, 4)):
            content[random.randrange(len(content) - 8)] = random.randrange(256)
        try:
            found = manifest_of(tmp_path, bytes(content))
        except OfferRefusedError:
            continue
        assert isinstance(found, tuple), "what was changed is none of what is read"
