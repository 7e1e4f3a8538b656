"""A camera checks in at each docking, and receives the office's offers."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

import pytest
from small_office import Fault

from camerad.dock.errors import OfficeUnavailableError
from camerad.dock.office_check_in import MOST_LACKING, PIECE, CheckInMemory
from camerad.exchange.agreements import CHECK_IN_SECONDS
from camerad.provisioning import settings_offer
from tests.unit.dock.scene import Scene

ONE = "20261124T153000Z-000001-00000001"
TWO = "20261124T160000Z-000002-00000002"
SIZE = 10_000


def count(scene: Scene, path: str) -> int:
    return sum(asked.startswith(path) for _, asked in scene.office.requests)


def test_it_is_signed_by_the_daemon_and_only_carried(scene: Scene) -> None:
    scene.run()
    assert scene.office.check_ins == [b"a.statement.1"]


def test_one_in_a_quarter_of_an_hour_is_enough_and_one_with_each_docking(scene: Scene) -> None:
    scene.run()
    scene.run()
    assert len(scene.office.check_ins) == 1
    scene.memory.check_in.forget()  # out of the dock, and in again
    scene.run()
    assert len(scene.office.check_ins) == 2
    memory = CheckInMemory()
    memory.checked_in(0)
    assert not memory.is_due(round(CHECK_IN_SECONDS * 1_000_000) - 1)
    assert memory.is_due(round(CHECK_IN_SECONDS * 1_000_000))


def test_what_was_handed_over_is_told_at_once(scene: Scene) -> None:
    scene.record(ONE, SIZE)
    scene.run()
    assert len(scene.office.check_ins) == 2


def test_what_the_office_lost_is_handed_over_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.record(ONE, SIZE)
    scene.record(TWO, SIZE)
    scene.run()
    scene.office.recordings.clear()
    scene.office.lacks = [ONE, "20261124T160000Z-000009-00000009", "../x", 5]  # type: ignore[list-item]
    scene.memory.check_in.forget()
    with caplog.at_level(logging.INFO):
        found = scene.run()
    assert found.complete and found.acknowledged == ()
    assert list(scene.office.recordings) == [ONE]
    assert "had lost it" in caplog.text


def test_a_pass_that_broke_off_goes_on_with_what_was_lost(scene: Scene) -> None:
    scene.record(ONE, SIZE)
    scene.run()
    scene.office.recordings.clear()
    scene.office.lacks = [ONE]
    scene.memory.check_in.forget()
    scene.office.faults.append(Fault("PATCH", "/v1/uploads", 503))
    with pytest.raises(OfficeUnavailableError):
        scene.run()
    scene.run()
    assert list(scene.office.recordings) == [ONE]


@pytest.mark.parametrize("status", [400, 404, 409, 500])
def test_a_check_in_that_comes_to_nothing_holds_up_no_recording(
    scene: Scene, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    scene.record(ONE, SIZE)
    for _ in range(2):
        scene.office.faults.append(Fault("POST", "/v1/check-in", status))
    assert scene.run().acknowledged == (ONE,)
    assert caplog.text.count(f"answers {status} to a check-in") == 1


def test_an_office_that_takes_nothing_just_now_ends_the_pass(scene: Scene) -> None:
    scene.office.faults.append(Fault("POST", "/v1/check-in", 503, {"Retry-After": "7"}))
    with pytest.raises(OfficeUnavailableError) as raised:
        scene.run()
    assert raised.value.retry_after == 7
    scene.run()
    assert len(scene.office.check_ins) == 1


def test_a_ledger_that_is_not_taken_keeps_no_camera_from_checking_in(scene: Scene) -> None:
    scene.office.faults.append(Fault("GET", "/v1/ledger", 404))
    with pytest.raises(OfficeUnavailableError):
        scene.run()
    assert len(scene.office.check_ins) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"lacks": 1},
        {"lacks": ["x"] * (MOST_LACKING + 1)},
        {"lacks": [], "settings": {}},
        {"lacks": [], "settings": {"sha256": "x", "bytes": 1}},
        {"lacks": [], "settings": {"sha256": "0" * 64, "bytes": "1"}},
        {"lacks": [], "settings": {"sha256": "0" * 64, "bytes": 0}},
        {"lacks": [], "settings": {"sha256": "0" * 64, "bytes": settings_offer.LONGEST + 1}},
        {"lacks": [], "update": {"sha256": "0" * 64, "bytes": 10**12}},
        {"lacks": [], "update": {"sha256": "../../x", "bytes": 10}},
        {"lacks": [], "update": {"sha256": "0" * 64, "bytes": True}},
    ],
)
def test_an_answer_that_makes_no_sense_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    body = json.dumps(answer).encode()
    scene.office.faults.append(Fault("POST", "/v1/check-in", 200, body=body))
    assert scene.run().complete
    assert "the check-in: " in caplog.text
    assert scene.daemon.offered == []
    assert scene.memory.check_in.update.offer is None


# -------------------------------------------------------------------------------------- settings


def test_settings_are_fetched_whole_and_handed_to_the_daemon_once(scene: Scene) -> None:
    scene.office.offer = bytes(range(256)) * 300  # more than two pieces
    scene.run()
    assert scene.daemon.offered == [scene.office.offer]
    assert len(scene.office.check_ins) == 2, "the office hears at once what became of them"
    assert count(scene, "/v1/offers/") == -(-len(scene.office.offer) // PIECE)
    scene.memory.check_in.forget()
    scene.run()
    assert len(scene.daemon.offered) == 1


def test_what_the_camera_does_not_take_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.office.offer, scene.daemon.refuses = b"an.old.one", "its serial is not above"
    scene.run()
    assert "its serial is not above" in caplog.text


def test_another_file_than_was_offered_never_reaches_the_daemon(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.office.offer = b"settings"
    sha256 = hashlib.sha256(b"settings").hexdigest()
    for status, body, why in (
        (206, b"SETTINGS", "not what it offers"),
        (206, b"settings and more", "another piece"),
        (206, b"", "another piece"),
        (200, b"settings", "answers 200"),
        (404, b'{"error": "gone"}', "answers 404"),
    ):
        scene.office.faults.append(Fault("GET", f"/v1/offers/{sha256}", status, body=body))
        scene.memory.check_in.forget()
        assert scene.run().complete
        assert why in caplog.text
    assert scene.daemon.offered == []
    scene.memory.check_in.forget()
    scene.run()
    assert scene.daemon.offered == [b"settings"]


def test_a_log_is_cosigned_once_and_a_dispute_holds_nothing_up(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.office.log = "a.statement.0"
    scene.record(ONE, SIZE)
    scene.daemon.disputes = "put_back"
    found = scene.run()
    assert found.complete and found.acknowledged == (ONE,)
    assert "does not cosign the office's log (put_back)" in caplog.text
    scene.daemon.disputes = None
    counts = []
    for scene.office.log in ("a.statement.1", "a.statement.1"):
        scene.memory.check_in.forget()
        before = len(scene.office.check_ins)
        scene.run()
        counts.append(len(scene.office.check_ins) - before)
    # The cosignature was brought at once.
    assert counts == [2, 1]
