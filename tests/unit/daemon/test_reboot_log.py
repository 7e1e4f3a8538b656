"""Reboots are remembered on the card; what cannot be remembered is not done."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.behaviour.reboots import Reboots
from camerad.daemon.reboot_log import NAME, RebootLog


def refuse(*_: object, **__: object) -> None:
    raise StorageError("the card can only be read")


def test_each_start_of_the_machine_knows_of_those_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for count in (1, 2, 3):
        # A new one each time, as a new daemon has.
        assert RebootLog(str(tmp_path)).resolve(recording=False) == Reboots(count)
    rebooting = RebootLog(str(tmp_path))
    for _ in range(3):
        assert rebooting.resolve(recording=False) is None
    assert caplog.messages == ["3 reboots have not brought the camera back: no more of them"]


def test_a_camera_that_works_makes_them_forgotten(tmp_path: Path) -> None:
    rebooting = RebootLog(str(tmp_path))
    while rebooting.resolve(recording=False) is not None:
        pass
    rebooting.forget()
    assert rebooting.resolve(recording=False) == Reboots(1)


def test_what_came_too_late_is_taken_back(tmp_path: Path) -> None:
    rebooting = RebootLog(str(tmp_path))
    assert rebooting.resolve(recording=True) == Reboots(1, recording=True)
    rebooting.take_back()
    assert not rebooting.ended_a_recording()
    assert rebooting.resolve(recording=False) == Reboots(1)


def test_a_card_that_fails_anew_is_said_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rebooting = RebootLog(str(tmp_path))
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(durable_files, "publish", refuse)
            assert rebooting.resolve(recording=False) is None
        assert rebooting.resolve(recording=False) is not None
    assert caplog.text.count("could not be remembered") == 2


def test_nothing_is_written_where_there_is_nothing_to_forget(tmp_path: Path) -> None:
    RebootLog(str(tmp_path)).forget()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_was_ended_is_told_once(tmp_path: Path) -> None:
    rebooting = RebootLog(str(tmp_path))
    assert not rebooting.ended_a_recording(), "there was no reboot"
    rebooting.resolve(recording=True)
    assert RebootLog(str(tmp_path)).ended_a_recording()
    assert not RebootLog(str(tmp_path)).ended_a_recording()
    assert rebooting.resolve(recording=False) == Reboots(2), "and counted all the same"


def test_a_card_that_takes_nothing_means_no_reboot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(durable_files, "publish", refuse)
    rebooting = RebootLog(str(tmp_path))
    for _ in range(3):
        assert rebooting.resolve(recording=True) is None
    assert caplog.text.count("could not be remembered") == 1, "said once"


def test_what_cannot_be_written_afterwards_is_said_and_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rebooting = RebootLog(str(tmp_path))
    rebooting.resolve(recording=True)
    monkeypatch.setattr(durable_files, "publish", refuse)
    rebooting.forget()
    assert rebooting.ended_a_recording()
    assert caplog.text.count("could not be written") == 2


@pytest.mark.parametrize("content", [b"", b"{", b'{"count": "3"}', b"\xff", b"[" * 4000])
def test_a_damaged_memory_counts_as_too_many_reboots_until_the_camera_works(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / NAME).write_bytes(content)
    rebooting = RebootLog(str(tmp_path))
    for _ in range(2):
        assert rebooting.resolve(recording=False) is None
    assert caplog.text.count("there are to be no reboots") == 1, "said once"
    rebooting.forget()
    assert rebooting.resolve(recording=False) == Reboots(1)
