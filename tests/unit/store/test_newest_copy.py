"""A camera that got another key or name has two directories at the office, and one ledger."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, ONE, Camera
from vault_helpers import KID, NAME, Vault, register

from camerad.base.clock import DAY
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence.holdings import make_holding
from camerad.evidence.office_store import camera_keys, open_office_store
from camerad.ledger.entries import read_lines
from camerad.office.server.lost_recordings import LostRecordings
from camerad.store.camera_directories import with_newest_copies
from camerad.store.locations import holding_name, place_of
from camerad.store.store import PlaceClaim, Store


class Pair:
    """A camera and its office, before and after a change. another_key: the camera gets one; before:
    which sorts before its former one. name: what it is called since."""

    def __init__(self, root: Path, *, another_key: bool, before: bool, name: str) -> None:
        self.camera = Camera(root / "camera")
        self.vault = Vault(root / "archive")
        self.camera.put(ONE)
        self.name = name
        self.key = SigningKey.generate() if another_key else KEY
        while another_key and (self.key.public.thumbprint[:8] < KID[:8]) != before:
            self.key = SigningKey.generate()

    def change(self) -> None:
        """Its next offload by stick makes the directory of its new name; or its next docking."""
        former = () if self.key is KEY else (KID,)
        register(self.vault.register, (self.name, self.key.public, former))
        self.vault.restart()
        make_holding(str(self.vault.root), self.name, self.key.public)
        self.on_camera().close()

    def on_camera(self) -> Store:
        """With its present key."""
        return Store.open(
            PlaceClaim(self.camera.place), self.key, self.camera.clock, KeyRing([KEY.public])
        )

    def comes(self) -> None:
        self.vault.bring_ledger(self.camera, self.key.public.thumbprint)

    def look(self) -> bool:
        """A look of the server's; whether the recording is held then."""
        place = place_of(str(self.vault.root))
        trusted = KeyRing([KEY.public, self.key.public])
        with open_office_store(
            place, self.vault.key, self.camera.clock, trusted, lambda _: None
        ) as store:
            store.purge()
            return store.ledger.state.recordings[ONE].held

    @property
    def there(self) -> list[str]:
        return [path.stem for path in self.vault.root.glob("*/recordings/*.tar")]

    def kinds(self) -> Counter[str]:
        """What the office's ledger says, by kind."""
        keys = KeyRing([self.vault.key.public])
        content = b"".join(
            path.read_bytes()
            for path in sorted(Path(place_of(str(self.vault.root)).ledger).glob("*.jws"))
        )
        return Counter(line.entry.kind for line in read_lines(content, keys) if line.entry)


@pytest.fixture(
    params=[
        (True, False, NAME),
        (True, True, NAME),
        (True, False, "camera-99"),
        (True, True, "body-99"),
        (False, False, "camera-99"),
        (False, False, "body-99"),
    ],
    ids=[
        *("key behind", "key before", "key and name behind", "key and name before"),
        *("name behind", "name before"),
    ],
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    another_key, before, name = request.param
    return Pair(tmp_path, another_key=another_key, before=before, name=name)


def test_what_was_held_before_the_change_and_released_after_it_goes_in_time(pair: Pair) -> None:
    with pair.camera.open() as store:
        store.hold(ONE, "Az 9", "Meier")
    pair.vault.dock(pair.camera)
    assert pair.look()
    pair.change()
    with pair.on_camera() as store:
        store.release(ONE, "Meier")
    pair.comes()
    assert [pair.look() for _ in range(4)] == [False] * 4
    kinds = pair.kinds()
    assert (kinds["hold"], kinds["release"]) == (1, 1)
    pair.camera.clock.advance(DAYS * DAY + DAY)
    pair.look()
    assert pair.there == []


def test_what_is_held_after_the_change_stays_though_it_was_made_before(pair: Pair) -> None:
    pair.vault.dock(pair.camera)
    assert not pair.look()
    pair.change()
    with pair.on_camera() as store:
        store.hold(ONE, "Az 9", "Meier")
    pair.comes()
    assert pair.look()
    pair.camera.clock.advance(DAYS * DAY + DAY)
    assert pair.look()
    assert pair.there == [ONE]


def test_while_the_newest_copy_is_damaged_what_was_made_before_stays_twice_its_days(
    pair: Pair,
) -> None:
    """The damage may hide a hold on that too."""
    pair.vault.dock(pair.camera)
    pair.change()
    pair.comes()
    new = pair.vault.root / holding_name(pair.name, pair.key.public)
    with max(new.glob("ledger/*.jws")).open("ab") as file:
        file.write(b"x" * 300 + b"\n")
    pair.camera.clock.advance(DAYS * DAY + DAY)
    pair.look()
    assert pair.there == [ONE]
    pair.camera.clock.advance(DAYS * DAY)
    pair.look()
    assert pair.there == []


def test_the_older_copy_is_known_and_one_that_cannot_be_read_is_nobody_s(pair: Pair) -> None:
    pair.vault.dock(pair.camera)
    pair.change()
    with pair.on_camera() as store:
        store.hold(ONE, "Az 9", "Meier")
    pair.comes()
    place = place_of(str(pair.vault.root))
    keys = camera_keys(place, KeyRing([KEY.public, pair.key.public]))
    new_name = holding_name(pair.name, pair.key.public)
    (new,) = (one for one in place.holdings if os.path.basename(one.root) == new_name)
    (old,) = (one for one in place.holdings if one.root != new.root)
    newest = {one.root: one.newest for one in with_newest_copies(place, keys).holdings}
    assert newest == {old.root: new.root, new.root: ""}
    for path in Path(new.ledger).glob("*.jws"):
        path.write_bytes(b"x" * 200)
    assert not any(one.newest for one in with_newest_copies(place, keys).holdings)


def test_what_it_had_handed_over_before_is_not_asked_for_again(pair: Pair) -> None:
    """By its new key it would not be ingested, but quarantined, and lie there twice."""

    def lacks(kid: str) -> list[str]:
        holdings = pair.vault.holdings
        return LostRecordings(holdings, pair.vault.ingest, pair.vault.uploads).find(kid)

    assert pair.vault.dock(pair.camera) == [ONE]
    pair.look()
    assert lacks(KID) == []
    pair.change()
    pair.comes()
    assert lacks(pair.key.public.thumbprint) == []
