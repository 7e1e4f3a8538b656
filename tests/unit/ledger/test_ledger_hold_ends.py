"""Holds with an end: entries of a kind of their own, which every epoch says anew. An older camerad
that meets one deletes nothing, and loses none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEY, ONE, TWO, Camera, kinds
from ledger_helpers import found_in

from camerad.base.clock import DAY
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import entries, entry_types, epoch_start
from camerad.ledger.ledger_lines import entries_about
from camerad.store.retention import list_removable

KEYS = KeyRing([KEY.public])


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    """With two recordings, of which one is held with and without an end. Any ledger does."""
    made = Camera(tmp_path / "state")
    made.put(ONE)
    made.put(TWO)
    with made.open() as store:
        store.hold(ONE, "Anzeige", "Desk")
        store.ledger.append("hold_until", **until(made))
    return made


def until(camera: Camera) -> dict[str, object]:
    end_us = camera.clock.wall_us() + 60 * DAY
    return {"id": ONE, "reason": "Frist", "who": "Desk", "until_us": end_us}


def carried(camera: Camera) -> list[dict[str, object]]:
    newest = max((camera.root / "ledger").glob("*.jws"))
    said = [json.loads(jws.parse(line).payload) for line in newest.read_bytes().splitlines()]
    return [
        one for entry in said if entry["kind"] == "carried" for one in entry["facts"]["recordings"]
    ]


def test_every_epoch_says_them_anew_and_carries_none(camera: Camera) -> None:
    with camera.open() as store:
        holds = store.ledger.state.recordings[ONE].holds
        assert [one.end_us is None for one in holds] == [True, False]
        for _ in range(2):
            store.ledger.rotate()
            assert store.ledger.state.recordings[ONE].holds == holds
            assert kinds(store).count("hold_until") == 1
        assert [one["holds"] for one in carried(camera)] == [
            [{"reason": "Anzeige", "who": "Desk"}],
            [],
        ]
        path = str(camera.root / "ledger")
        assert [one.kind for one in entries_about(path, KEYS, ONE)].count("hold_until") == 1
        store.release(ONE, "Desk")
        store.ledger.rotate()
        assert "hold_until" not in kinds(store)
        store.ledger.append("hold_until", **until(camera))
        assert [one.kind for one in entries_about(path, KEYS, ONE)].count("hold_until") == 2
    assert found_in(camera.root / "ledger", None, KEYS)[0] == []


def test_an_epoch_that_forgets_one_is_found(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch_start, "restate_holds", lambda *_: ())
    with camera.open() as store:
        store.ledger.rotate()
    damage, _ = found_in(camera.root / "ledger", None, KEYS)
    assert [f"does not say about {ONE}" in str(one) for one in damage] == [True]


def test_many_of_them_begin_no_epoch_after_another(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.ledger.ledger.MOST_ENTRIES", 6)
    with camera.open() as store:
        for number in range(8):
            store.ledger.append("hold_until", **{**until(camera), "reason": f"Frist {number}"})
        store.ledger.rotate_and_expire(DAYS)
        epoch = store.ledger.head.epoch
        store.ledger.rotate_and_expire(DAYS)
        assert store.ledger.head.epoch == epoch


def test_an_older_camerad_deletes_nothing_and_loses_none(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads, begins epochs, and gives the ledger back to the newer one, which knows all."""
    with camera.open() as store:
        holds = store.ledger.state.recordings[ONE].holds
        store.ledger.rotate()
    older = {kind: fact for kind, fact in entry_types.KINDS.items() if kind != "hold_until"}
    with monkeypatch.context() as before:
        before.setattr(entries, "KINDS", older)
        camera.clock.advance(2 * DAYS * DAY)
        with camera.open() as store:
            assert store.ledger.state.recordings[ONE].holds == holds[:1]
            assert len(store.ledger.state.unread) == 1
            assert store.list_due() == ()
            assert list_removable(store.ledger.state, *store.ledger.now()) == ()
            said = store.purge_and_explain()
            assert said.deleted == ()
            assert any("later version" in one.text for one in said.reasons), said.reasons
            store.ledger.rotate()
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].holds == holds
        assert store.ledger.state.unread == ()
        assert [one.id for one in store.purge()] == [TWO]
        store.ledger.rotate()
        assert store.ledger.state.recordings[ONE].holds == holds
    assert found_in(camera.root / "ledger", None, KEYS)[0] == []
