"""A ledger that a later version of camerad wrote in: what this one cannot read costs no hold, and
nothing is deleted by it, whatever happens to its files, until a version that can read it does."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_helpers import DAYS, KEY, KEYS, ONE, THREE, TWO, Camera
from ledger_helpers import found_in
from msgspec.structs import replace

from camerad.base.clock import DAY
from camerad.container import jws
from camerad.ledger import audit, entries, entry_types, recording_entries
from camerad.ledger.entries import LEDGER
from camerad.ledger.recording_entries import HoldPlaced
from camerad.ledger.recording_state import Hold
from camerad.store.retention import list_removable

HELD = {"id": ONE, "reason": "Anzeige", "who": "Desk"}


def append(camera: Camera, kind: str, said: dict[str, Any], **more: Any) -> Path:
    """Put an entry behind the ledger's last one, as a later version writes it; the file."""
    with closing(camera.ledger()) as ledger:
        head, (boot_id, now) = ledger.head, ledger.now()
    payload = {
        "sequence": head.sequence + 1,
        "previous": head.sha256,
        "epoch": head.epoch,
        "kind": kind,
        "boot_id": boot_id,
        "clock": msgspec.to_builtins(now),
        "facts": said,
        "happened": None,
    }
    path = camera.root / "ledger" / f"{head.epoch:06d}.jws"
    with path.open("ab") as file:
        file.write(jws.sign(KEY, LEDGER, payload | more) + b"\n")
    return path


LATER = {
    "a field of its facts": ("hold", HELD | {"until": "2027"}, {}),
    "a field of the entry": ("hold", HELD, {"signed_by": "two"}),
    "a kind": ("hold_of_two", HELD | {"second": "Head"}, {}),
    "a field within": (
        "fault",
        {"condition": "x", "holds": True, "more": {"of": ["it", 1, None]}},
        {},
    ),
}


@pytest.mark.parametrize("what", LATER)
def test_a_ledger_that_this_version_cannot_fully_read_deletes_nothing(
    camera: Camera, what: str
) -> None:
    """Nor does it once power was lost, and days and epochs have passed."""
    camera.put(ONE)
    camera.put(TWO)
    kind, said, more = LATER[what]
    path = append(camera, kind, said, **more)
    camera.clock.advance(DAYS * DAY)
    for _ in range(2):
        with camera.open() as store:
            assert store.reconcile() == []
            assert store.purge() == []
            assert list_removable(store.ledger.state, *store.ledger.now()) == ()
            assert not store.ledger.lossy
            assert len(store.ledger.state.unread) == 1
            store.ledger.rotate()
            store.ledger.rotate()
            assert store.ledger.expire(0) == ()
        camera.clock.advance(400 * DAY)
        # The next start finds an append that was cut short, and begins an epoch.
        path = max(path.parent.glob("*.jws"))
        with path.open("ab") as file:
            file.write(b"eyJ")
    assert (camera.recordings / f"{TWO}.tar").exists()


@pytest.mark.parametrize("rotations", [0, 2])
def test_a_ledger_that_this_version_cannot_fully_read_deletes_no_copy(
    camera: Camera, rotations: int
) -> None:
    """Neither by a tombstone that the newest epoch knows, nor by one that only older ones do."""
    kept = camera.put(ONE).read_bytes()
    camera.clock.advance(DAYS * DAY)
    with camera.open() as store:
        assert [one.id for one in store.purge()] == [ONE]
        for _ in range(rotations):
            store.ledger.rotate()
        assert (ONE in store.ledger.state.recordings) is (rotations == 0)
    append(camera, "hold", HELD | {"id": TWO, "until": "2027"})
    copy = camera.recordings / "copy.tar"
    copy.write_bytes(kept)
    with camera.open() as store:
        store.reconcile()
        assert store.purge() == []
    assert copy.exists()


def test_an_entry_with_one_more_field_costs_no_hold(camera: Camera) -> None:
    camera.put(ONE)
    append(camera, "hold", HELD | {"until": "2027"})
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].holds == (Hold("Anzeige", "Desk"),)
        assert store.ledger.repairs == ()
    assert [one.name for one in (camera.root / "ledger").glob("*.damaged")] == []


def test_a_release_with_one_more_field_ends_no_hold(camera: Camera) -> None:
    """It may be one of some of them."""
    camera.put(ONE)
    with camera.open() as store:
        store.hold(ONE, "Anzeige", "Desk")
    append(camera, "release", {"id": ONE, "only": "Anzeige", "who": "Desk"})
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].held


def test_a_version_that_knows_no_reasons_reads_a_release_and_deletes_nothing_by_it(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    with camera.open() as store:
        store.hold(ONE, "Anzeige", "Desk")
        store.release(ONE, "Desk", "Verfahren eingestellt")
    before = {kind: facts for kind, facts in entry_types.KINDS.items() if kind != "release_reason"}
    monkeypatch.setattr(entries, "KINDS", before)
    camera.clock.advance(DAYS * DAY)
    with camera.open() as store:
        assert not store.ledger.state.recordings[ONE].held
        assert store.purge() == []
        store.ledger.rotate()
    monkeypatch.undo()
    with camera.open() as store:
        assert [one.id for one in store.purge()] == [ONE]
    monkeypatch.setattr(entries, "KINDS", before)
    damage, notes = found_in(camera.root / "ledger", None, store_keys(camera))
    assert damage == []
    assert sum("this version of camerad cannot read 1 entry" in note for note in notes) == 1


@pytest.mark.parametrize(("counted", "text"), [(2, "2 entries"), (1, "1 entry")])
def test_a_check_says_what_this_version_cannot_read(
    camera: Camera, monkeypatch: pytest.MonkeyPatch, counted: int, text: str
) -> None:
    monkeypatch.setattr(audit, "MOST_UNREAD", counted)
    append(camera, "hold", HELD | {"until": "2027"})
    append(camera, "hold_of_two", HELD)
    damage, notes = found_in(camera.root / "ledger", None, store_keys(camera))
    assert damage == []
    assert sum(f"this version of camerad cannot read {text}" in note for note in notes) == 1


def store_keys(camera: Camera) -> Any:
    with closing(camera.ledger()) as ledger:
        return ledger.keys


@pytest.mark.parametrize(
    "said",
    [
        HELD | {"reason": 7, "until": "2027"},  # a field that is known says what it cannot
        {"id": ONE, "reason": "Anzeige", "until": "2027"},  # one is missing
    ],
)
def test_what_no_later_version_writes_is_damage(camera: Camera, said: dict[str, Any]) -> None:
    append(camera, "hold", said)
    damage, _ = found_in(camera.root / "ledger", None, store_keys(camera))
    assert len(damage) == 1


def test_one_spelling_is_asked_of_what_cannot_be_read_too(camera: Camera) -> None:
    with closing(camera.ledger()) as ledger:
        head, (boot_id, now) = ledger.head, ledger.now()
    payload = entries.Payload(
        head.sequence + 1, head.sha256, 1, "new", boot_id, now, msgspec.Raw(b'{"b":1, "a":2}')
    )
    with pytest.raises(jws.JwsError, match="not in its one spelling"):
        entries.parse_entry(jws.sign(KEY, LEDGER, payload), store_keys(camera))


def test_a_version_that_can_read_it_takes_it_in(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    camera.put(TWO)
    append(camera, "hold_of_two", HELD | {"who": "Head"})
    with camera.open() as store:
        store.ledger.rotate()
        store.hold(ONE, "Klage", "Desk")
    later = {**entry_types.KINDS, "hold_of_two": HoldPlaced}
    monkeypatch.setattr(entries, "KINDS", later)
    camera.clock.advance(DAYS * DAY)
    with camera.open() as store:
        held = (Hold("Anzeige", "Head"), Hold("Klage", "Desk"))
        assert store.ledger.state.recordings[ONE].holds == held
        assert store.ledger.state.unread == ()
        assert [one.id for one in store.purge()] == [TWO]
        store.ledger.rotate()
        assert store.ledger.state.recordings[ONE].holds == held


def test_what_is_read_late_ends_no_hold(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.put(ONE)
    append(camera, "release_by_court", {"id": ONE, "who": "Court"})
    append(camera, "gone", {"id": ONE, "final": None, "why": "expired", "age_us": 14 * DAY})
    with camera.open() as store:
        store.hold(ONE, "Klage", "Desk")
        store.ledger.rotate()
    later = {
        **entry_types.KINDS,
        "release_by_court": recording_entries.HoldReleased,
        "gone": recording_entries.Deleted,
    }
    monkeypatch.setattr(entries, "KINDS", later)
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].holds == (Hold("Klage", "Desk"),)
        assert store.ledger.state.recordings[ONE].deleted is None


def test_many_entries_that_cannot_be_read_begin_no_epoch_after_another(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.ledger.ledger.MOST_ENTRIES", 5)
    for _ in range(8):
        append(camera, "new", {"of": "it"})
    with camera.open() as store:
        store.ledger.rotate_and_expire(DAYS)
        epoch = store.ledger.head.epoch
        store.ledger.rotate_and_expire(DAYS)
        assert store.ledger.head.epoch == epoch


def test_the_kind_that_carries_them_is_one_statement(camera: Camera) -> None:
    path = append(camera, "new", {"of": "it"})
    token = path.read_bytes().splitlines()[-1].decode()
    with camera.open() as store:
        store.ledger.rotate()
        assert store.ledger.state.unread == (token,)
    lines = (camera.root / "ledger" / "000002.jws").read_bytes().splitlines()
    said = json.loads(jws.parse(lines[-1]).payload)
    assert (said["kind"], said["facts"]) == ("unread", {"token": token})


def test_what_is_read_late_says_of_recordings_what_it_said(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the camera itself it says what may be so no more."""
    camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        one, two = (store.ledger.state.recordings[name] for name in (ONE, TWO))
        _, now = store.ledger.now()
        earlier = entries.sign_entry(
            KEY, store.ledger.head, "an earlier boot", now, entry_types.Uptime()
        )
    held = (Hold("Anzeige", "Head"),)
    carried = entry_types.Carried(
        (), (replace(one, holds=held), replace(two, id=THREE, holds=held)), ()
    )
    append(camera, "carried_by_two", msgspec.to_builtins(carried))
    append(camera, "stage_of_two", {"stage": "self-view", "display": True})
    closed = recording_entries.ClosedEntry(TWO, "0" * 64, 20, now, flagged=True, reason="stop")
    append(camera, "closed_by_two", msgspec.to_builtins(closed), boot_id=earlier.boot_id)
    with camera.open() as store:
        store.ledger.rotate()
        assert len(store.ledger.state.unread) == 3
    later = {"carried_by_two": entry_types.Carried, "stage_of_two": entry_types.StageReached}
    later |= {"closed_by_two": recording_entries.ClosedEntry}
    monkeypatch.setattr(entries, "KINDS", {**entry_types.KINDS, **later})
    with closing(camera.ledger()) as ledger:
        state = ledger.state
        assert (state.unread, state.stage) == ((), "")
        assert state.recordings[ONE].holds == state.recordings[THREE].holds == held
        assert state.recordings[TWO].retention_days == 20
        assert state.recordings[TWO].ended_boot == "an earlier boot"
        damage, notes = found_in(camera.root / "ledger", None, ledger.keys)
        assert (damage, [one for one in notes if "cannot read" in one]) == ([], [])


def test_what_an_epoch_carries_is_told_by_a_check_when_the_epoch_before_has_gone(
    camera: Camera,
) -> None:
    append(camera, "new", {"of": "it"})
    with camera.open() as store:
        store.ledger.rotate()
        keys = store.ledger.keys
    (camera.root / "ledger" / "000001.jws").unlink()
    _, notes = found_in(camera.root / "ledger", None, keys)
    assert sum("cannot read 1 entry" in note for note in notes) == 1


def test_junk_that_is_carried_stays_what_it_is() -> None:
    assert entries.parse_carried("junk") is None


def test_an_entry_too_long_to_be_carried_is_none(camera: Camera) -> None:
    head = entries.Head(1, 1, "")
    with closing(camera.ledger()) as ledger:
        boot_id, now = ledger.now()
    raw = jws.canonical({"of": "i" * entries.LONGEST_UNREAD})
    payload = entries.Payload(2, head.sha256, 1, "new", boot_id, now, msgspec.Raw(raw))
    with pytest.raises(jws.JwsError, match=r"longer|too many"):
        entries.parse_entry(jws.sign(KEY, LEDGER, payload), KEYS)


def test_the_longest_entry_that_is_carried_can_be(camera: Camera) -> None:
    """Or a start would fail."""
    fits = entries.LONGEST_UNREAD * 3 // 4 - 2000
    append(camera, "new", {"of": "i" * fits})
    with camera.open() as store:
        store.ledger.rotate()
        assert len(store.ledger.state.unread) == 1


def test_an_epoch_whose_beginning_cannot_be_read_costs_no_hold(camera: Camera) -> None:
    """A later version's, with a field more in what it carries."""
    camera.put(ONE)
    with camera.open() as store:
        store.hold(ONE, "Anzeige", "Desk")
        store.ledger.rotate()
    path = camera.root / "ledger" / "000002.jws"
    token = path.read_bytes().splitlines()[1]
    said = json.loads(jws.parse(token).payload)
    said["facts"]["recordings"][0]["colour"] = "red"
    lines = path.read_bytes().splitlines()
    path.write_bytes(lines[0] + b"\n" + jws.sign(KEY, LEDGER, said) + b"\n")
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].held
        assert not store.ledger.lossy
        assert len(store.ledger.state.unread) == 1


def test_a_statement_of_another_kind_is_no_entry() -> None:
    with pytest.raises(jws.JwsError, match="this is a camerad-commit"):
        entries.parse_entry(jws.sign(KEY, "camerad-commit", b"{}"), KEYS)
