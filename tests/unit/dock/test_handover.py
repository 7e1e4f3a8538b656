"""A hand-over brings everything, once, and goes on where it was."""

from __future__ import annotations

import pytest
from small_office import Fault

from camerad.dock.errors import OfficeUnavailableError
from camerad.dock.handover import MOST_CHECKED, MOST_SAID, HandoverMemory
from tests.unit.dock.scene import PART, Scene

SIZE = 3 * PART + 100


def test_everything_is_at_the_office_and_acknowledged(scene: Scene) -> None:
    for name in ("flagged", "new", "old"):
        scene.record(name, SIZE)
    found = scene.run()
    assert found.complete
    assert found.acknowledged == ("flagged", "new", "old")
    assert scene.daemon.acknowledged == ["flagged", "new", "old"]
    assert scene.office.recordings == scene.content
    assert scene.office.received == dict.fromkeys(scene.content, SIZE)
    begun = [path for method, path in scene.office.requests if method == "HEAD"]
    assert begun == [f"/v1/uploads/{name}" for name in ("flagged", "new", "old")]


def test_the_ledger_comes_first_and_again_at_last(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.run()
    asked = scene.office.requests
    assert asked[:4] == [
        ("GET", "/v1/ledger"),
        ("PUT", "/v1/ledger/000002.jws"),
        ("PUT", "/v1/ledger/000001.checkpoint"),
        ("POST", "/v1/ledger"),
    ]
    assert asked[4] == ("POST", "/v1/check-in")
    # Nothing new in it the second time, so no file is brought. What was handed over is told.
    assert asked[-3:] == [
        ("GET", "/v1/ledger"),
        ("POST", "/v1/ledger"),
        ("POST", "/v1/check-in"),
    ]
    assert scene.office.ledger == {
        "000001.checkpoint": b"an.old.one",
        "000002.jws": b"an.entry.x\nanother.entry.y\n",
    }


def test_an_entry_that_is_being_written_comes_with_the_next_pass(scene: Scene) -> None:
    path = scene.ledger / "000002.jws"
    whole = path.read_bytes()
    path.write_bytes(whole + b"half.an.ent")
    scene.run()
    assert scene.office.ledger["000002.jws"] == whole
    path.write_bytes(whole + b"half.an.entry\n")
    scene.run()
    assert scene.office.ledger["000002.jws"] == whole + b"half.an.entry\n"


def test_a_second_pass_sends_nothing(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.run()
    before = scene.office.received.copy()
    assert scene.run().acknowledged == ()
    assert scene.office.received == before


def test_an_acknowledgement_that_got_lost_costs_no_upload(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.run()
    scene.daemon.acknowledged.clear()
    assert scene.run().acknowledged == ("one",)
    assert scene.office.received["one"] == SIZE


def test_a_recording_without_an_end_stays(scene: Scene) -> None:
    made = scene.record("one", SIZE)
    scene.daemon.recordings = [type(made)(made.id, made.path, None)]
    found = scene.run()
    assert (found.open, found.acknowledged) == (("one",), ())
    assert scene.office.uploads == {}


def test_a_recording_that_was_deleted_meanwhile_is_passed_over(scene: Scene) -> None:
    made = scene.record("one", SIZE)
    scene.record("two", SIZE)
    (scene.directory / "one.tar").unlink()
    found = scene.run()
    assert (found.complete, found.acknowledged) == (True, ("two",))
    assert made.id not in scene.office.uploads


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_it_goes_on_at_the_office_s_offset(scene: Scene, parts: int) -> None:
    scene.record("one", SIZE)
    good = [Fault("PATCH", "/v1/") for _ in range(parts)]
    scene.office.faults = [*good, Fault("PATCH", "/v1/", 503, {"Retry-After": "7"})]
    with pytest.raises(OfficeUnavailableError) as caught:
        scene.run()
    assert caught.value.retry_after == 7
    assert scene.office.received["one"] == parts * PART
    assert scene.run().acknowledged == ("one",)
    assert scene.office.received["one"] == SIZE


def test_an_answer_that_got_lost_costs_no_part(scene: Scene) -> None:
    """The part is durable, and its 204 never came: the office names the offset behind it."""
    scene.record("one", SIZE)
    scene.office.faults = [Fault("PATCH", "/v1/", after=True, raw=b"")]
    with pytest.raises(OfficeUnavailableError):
        scene.run()
    assert scene.run().acknowledged == ("one",)
    assert scene.office.received["one"] == SIZE


@pytest.mark.parametrize("status", [400, 409, 460])
def test_a_part_that_did_not_count_is_sent_again_from_where_the_office_is(
    scene: Scene, status: int
) -> None:
    scene.record("one", SIZE)
    scene.office.faults = [Fault("PATCH", "/v1/", status)]
    assert scene.run().acknowledged == ("one",)


def test_an_office_that_never_counts_a_part_is_left_alone(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.record("two", SIZE)
    scene.office.faults = [Fault("PATCH", "/v1/uploads/one", 400) for _ in range(50)]
    found = scene.run()
    assert found.acknowledged == ("two",)
    assert "did not count" in found.failed["one"]
    asked = [path for method, path in scene.office.requests if method == "PATCH"]
    assert asked.count("/v1/uploads/one") == 6


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/v1/recordings/one", 409),
        Fault("POST", "/v1/uploads", 409),
        Fault("POST", "/v1/uploads", 413),
        Fault("PATCH", "/v1/uploads/one", 413),
    ],
)
def test_what_the_office_refuses_is_told_once_and_holds_up_nothing(
    scene: Scene, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    scene.record("one", SIZE)
    scene.record("two", SIZE)
    for _ in range(2):
        scene.office.faults = [fault]
        found = scene.run()
        assert dict(found.refused) == {"one": "a fault"}
        assert found.complete
    assert scene.daemon.acknowledged == ["two"]
    told = [one for one in caplog.messages if "one: the office does not take it" in one]
    assert told == ["one: the office does not take it: a fault"]


def test_what_does_not_verify_is_never_acknowledged(scene: Scene) -> None:
    made = scene.record("one", SIZE)
    (scene.directory / "one.tar").write_bytes(b"other bytes")
    found = scene.run()
    assert dict(found.refused) == {made.id: "it does not verify"}
    assert scene.daemon.acknowledged == []


@pytest.mark.parametrize("status", [500, 418, 302])
def test_an_office_that_fails_at_one_recording_gets_the_others(scene: Scene, status: int) -> None:
    scene.record("one", SIZE)
    scene.record("two", SIZE)
    scene.office.faults = [Fault("GET", "/v1/recordings/one", status)]
    found = scene.run()
    assert (found.acknowledged, set(found.failed), found.complete) == (("two",), {"one"}, False)
    assert scene.run().acknowledged == ("one",)


def test_an_office_that_fails_at_all_of_them_is_left_alone(scene: Scene) -> None:
    for number in range(6):
        scene.record(f"r{number}", SIZE)
    scene.office.faults = [Fault("GET", "/v1/recordings", 500) for _ in range(6)]
    with pytest.raises(OfficeUnavailableError, match="3 recordings in a row"):
        scene.run()
    assert len(scene.office.faults) == 3


def test_a_recording_at_which_the_office_falls_silent_comes_last_the_next_time(
    scene: Scene,
) -> None:
    """Otherwise one that ends the server each time would keep back all the others for good."""
    scene.record("one", SIZE)
    scene.record("two", SIZE)
    for _ in range(2):
        scene.office.faults = [Fault("PATCH", "/v1/uploads/one", raw=b"")]
        with pytest.raises(OfficeUnavailableError):
            scene.run()
    assert scene.daemon.acknowledged == ["two"]
    assert scene.run().acknowledged == ("one",)


def test_recordings_that_always_go_wrong_come_last_the_next_time(scene: Scene) -> None:
    """However many: a pass that breaks off at them has brought the others before."""
    for name in ("bad-1", "bad-2", "bad-3", "good"):
        scene.record(name, SIZE)
    for _ in range(2):
        scene.office.faults = [
            Fault("GET", f"/v1/recordings/bad-{one}", 200, body=b"a.b.c") for one in (1, 2, 3)
        ]
        with pytest.raises(OfficeUnavailableError):
            scene.run()
    assert scene.daemon.acknowledged == ["good"]
    scene.office.faults = []
    assert set(scene.run().acknowledged) == {"bad-1", "bad-2", "bad-3"}


def test_an_upload_that_must_wait_lets_the_others_go_on(scene: Scene) -> None:
    scene.record("old", SIZE)
    scene.office.faults = [
        Fault("PATCH", "/v1/"),
        Fault("PATCH", "/v1/", 503),
    ]
    with pytest.raises(OfficeUnavailableError):
        scene.run()
    scene.daemon.recordings.clear()
    scene.memory.postponed.clear()
    scene.office.most_unfinished = 1
    for name in ("new", "old"):
        scene.record(name, SIZE)
    assert set(scene.run().acknowledged) == {"new", "old"}


def test_an_office_that_begins_no_upload_says_when_to_come_again(scene: Scene) -> None:
    scene.office.most_unfinished = 0
    scene.record("one", SIZE)
    with pytest.raises(OfficeUnavailableError) as caught:
        scene.run()
    assert caught.value.retry_after == 1


def test_a_receipt_that_is_not_the_office_s_acknowledges_nothing(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.record("two", SIZE)
    forged = Fault("GET", "/v1/recordings/one", 200, body=b"a.b.c")
    scene.office.faults = [forged]
    found = scene.run()
    assert scene.daemon.refused == [b"a.b.c"]
    assert scene.daemon.acknowledged == ["two"] == list(found.acknowledged)
    assert set(found.failed) == {"one"}


def test_a_receipt_for_another_end_is_told_and_nothing_is_called_handed_over(scene: Scene) -> None:
    """A card that was put back: what was recorded was repaired to another end."""
    made = scene.record("one", SIZE)
    scene.run()
    scene.daemon.acknowledged.clear()
    scene.daemon.recordings = [type(made)(made.id, made.path, "0" * 64)]
    found = scene.run()
    assert found.acknowledged == ()
    assert set(found.refused) == {"one"}
    assert "another end" in found.refused["one"]


def test_a_receipt_that_is_too_long_is_none(scene: Scene) -> None:
    scene.record("one", SIZE)
    scene.office.faults = [Fault("GET", "/v1/recordings/one", 200, body=b"a" * 20_000)]
    assert set(scene.run().failed) == {"one"}
    assert scene.daemon.refused == []


def test_recordings_are_sent_while_others_are_checked(scene: Scene) -> None:
    scene.office.checks = 3
    for number in range(6):
        scene.record(f"r{number}", 100)
    unfinished = []

    def is_sound(content: bytes, _final: str) -> bool:
        unfinished.append(1 + len(scene.office.uploads))
        return content in scene.content.values()

    scene.office.is_sound = is_sound
    assert len(scene.run().acknowledged) == 6
    # While the first is checked the next ones come, and never as many as an office refuses.
    assert 2 <= max(unfinished) <= MOST_CHECKED + 1


def test_what_is_wrong_with_the_ledger_is_told_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.office.problems = ["this copy is ahead of the device's ledger"]
    for _ in range(2):
        assert scene.run().problems == ("this copy is ahead of the device's ledger",)
    assert sum("this copy is ahead" in one for one in caplog.messages) == 1


def test_an_office_that_loses_what_was_brought_of_the_ledger_is_left_alone(scene: Scene) -> None:
    missing = b'{"missing": ["000002.jws"]}'
    scene.office.faults = [Fault("POST", "/v1/ledger", 409, body=missing) for _ in range(20)]
    with pytest.raises(OfficeUnavailableError, match="lacks files of the ledger"):
        scene.run()
    assert len(scene.office.faults) == 14  # three snapshots, each declared twice
    scene.office.faults.clear()
    scene.office.faults = [Fault("POST", "/v1/ledger", 409, body=missing)]
    assert scene.run().complete


@pytest.mark.parametrize("status", [423, 429])
def test_a_part_that_must_wait_is_sent_when_the_office_says(scene: Scene, status: int) -> None:
    scene.record("one", SIZE)
    scene.office.faults = [Fault("PATCH", "/v1/", status, {"Retry-After": "0"}) for _ in range(3)]
    assert scene.run().acknowledged == ("one",)


def test_an_office_that_puts_every_part_off_ends_the_pass(scene: Scene) -> None:
    scene.record("one", SIZE)
    later = {"Retry-After": "0"}
    scene.office.faults = [Fault("PATCH", "/v1/", 429, later) for _ in range(30)]
    with pytest.raises(OfficeUnavailableError, match="takes no part of one"):
        scene.run()


WAITS = b'{"error": "the ledger does not know it", "waits_for": "ledger"}'


def test_a_recording_that_ended_meanwhile_brings_the_ledger_again(scene: Scene) -> None:
    scene.record("one", SIZE)
    waits = Fault("GET", "/v1/recordings/one/receipt", 409, body=WAITS)
    scene.office.faults = [Fault("GET", "/v1/recordings/one/receipt"), waits]
    assert scene.run().acknowledged == ("one",)
    # At first, for this recording, and at last.
    assert scene.office.requests.count(("POST", "/v1/ledger")) == 3


def test_a_recording_that_no_ledger_helps_is_left_for_the_next_pass(scene: Scene) -> None:
    scene.record("one", SIZE)
    waits = Fault("GET", "/v1/recordings/one/receipt", 409, body=WAITS)
    scene.office.faults = [waits for _ in range(9)]
    found = scene.run()
    assert set(found.failed) == {"one"}
    assert dict(found.refused) == {}
    scene.office.faults.clear()
    assert scene.run().acknowledged == ("one",)


def test_what_was_said_is_remembered_within_a_bound() -> None:
    memory = HandoverMemory()
    assert [memory.is_new("one", "a"), memory.is_new("one", "a")] == [True, False]
    for number in range(10_000):
        assert memory.is_new("one", f"{number}")
        assert len(memory.said) <= MOST_SAID
    assert not memory.is_new("one", "9999")
