"""What people held for a while names them, and goes soon after it is over, of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.desk.challenges import Answered
from camerad.desk.desk_locks import WaitingRoom
from camerad.desk.desk_server import TIDY_SECONDS
from camerad.desk.roles import DeskRole
from camerad.desk.secrets_store import SecretKind, SecretsStore
from camerad.desk.viewing_requests import Grant
from camerad.vault.directory_locks import DirectoryLocks, LockHeldError
from camerad.vault.office_server import Vault
from tests.unit.vault.office_scene import Running
from tests.waiting import until

from .desk_scene import DeskScene

HOUR = 3600 * SECOND


@pytest.fixture
def scene(tmp_path: Path) -> DeskScene:
    made = DeskScene(tmp_path / "office")
    made.add("clerk", DeskRole.DESK)
    return made


def put(scene: DeskScene, kind: SecretKind, lasts_us: int) -> Path:
    """A record of that kind which is over then; its file."""
    end = scene.clock.wall_us() + lasts_us
    store: SecretsStore[Any] = SecretsStore(scene.directory, kind, msgspec.Struct, 100)
    record = (
        Answered(end)
        if kind is SecretKind.ANSWERED
        else Grant("clerk", "s", "r", "view", "Az. 7", "", end)
    )
    before = there(scene, kind)
    store.issue(record, scene.clock.wall_us())
    (made,) = there(scene, kind) - before
    return made


def there(scene: DeskScene, kind: SecretKind) -> set[Path]:
    return set(Path(scene.directory, "office/desk", kind).glob("*"))


def test_of_every_kind_goes_what_is_over_and_stays_what_is_not(scene: DeskScene) -> None:
    over = [put(scene, kind, HOUR) for kind in SecretKind]
    left = [put(scene, kind, DAY) for kind in SecretKind]
    scene.clock.advance(HOUR)
    assert scene.desk.tidy() == TIDY_SECONDS
    assert [one.exists() for one in over] == [False] * len(over)
    assert [one.exists() for one in left] == [True] * len(left)
    there_too = {one.name for one in Path(scene.directory, "office/desk").iterdir()}
    assert there_too == {*SecretKind, "people"}, "whatever else lies there is of no kind"


def test_what_cannot_be_read_keeps_nothing_else_from_going(scene: DeskScene) -> None:
    spoilt = put(scene, SecretKind.SESSIONS, HOUR)
    spoilt.write_bytes(b"{")
    half = Path(f"{put(scene, SecretKind.VIEWINGS, DAY)}.new")
    half.write_bytes(b'{"person":"clerk"')
    over = [put(scene, kind, HOUR) for kind in SecretKind]
    scene.clock.advance(HOUR)
    with pytest.raises(StorageError, match="cannot be read"):
        scene.desk.tidy()
    assert spoilt.exists() and not half.exists()
    assert [one.exists() for one in over] == [False] * len(over)


def test_what_somebody_holds_keeps_nothing_else_from_going(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.desk.desk_locks.WAITING", WaitingRoom(0, 0))
    first, *over = [put(scene, kind, HOUR) for kind in SecretKind]
    scene.clock.advance(HOUR)
    lock = f"desk {SecretKind.SESSIONS} {first.stem}"
    with DirectoryLocks(scene.directory).hold(lock), pytest.raises(LockHeldError):
        scene.desk.tidy()
    assert first.exists() and [one.exists() for one in over] == [False] * len(over)


def test_the_server_sees_to_it_when_it_starts_and_each_hour(scene: DeskScene) -> None:
    first = put(scene, SecretKind.VIEWINGS, HOUR)
    scene.clock.advance(HOUR)
    vault = Vault(scene.office.settings, scene.clock, scene.desk)
    with Running(vault):
        until(lambda: not first.exists(), what="it goes at the start")
        second = put(scene, SecretKind.VIEWING_REQUESTS, HOUR)
        until(_an_hour_later(scene, vault, second), what="it goes in the next hour")
    scene.index.close()


def _an_hour_later(scene: DeskScene, vault: Vault, file: Path) -> Callable[[], bool]:
    def look() -> bool:
        scene.clock.advance(HOUR // 4)
        for work in vault._work._works:
            with work._changed:
                work._changed.notify_all()  # it reads this clock again, and is not woken
        return not file.exists()

    return look
