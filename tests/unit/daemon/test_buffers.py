"""Both rings are locked, or neither holds anything before a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad import config
from camerad.base.errors import RingLockError
from camerad.config import Settings
from camerad.daemon import buffers
from camerad.hardware import from_settings
from camerad.stream.ring import Ring


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A buffer of 5 s with sound."""
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: generic\npre_event: {seconds: 5}\n")
    loaded = config.load(path)
    buffer = replace(loaded.policy.pre_event, sound=True)
    return replace(loaded, policy=replace(loaded.policy, pre_event=buffer))


def test_the_ring_for_sound_covers_what_the_one_for_pictures_does(settings: Settings) -> None:
    made = buffers.make_rings(settings)
    assert made.sound is not None
    assert made.locked
    assert (made.pictures.locked, made.sound.locked) == (True, True)
    # Pictures leave by whole groups of a second, so the oldest may be 6 s old.
    assert (made.pictures.seconds, made.sound.seconds) == (5, 6)
    stall = settings.ring.stall_seconds + settings.camera.key_interval_s
    assert made.sound.capacity >= max(6, stall) * settings.microphone.bitrate / 8
    made.close()


def test_without_sound_in_the_buffer_its_ring_holds_none(settings: Settings) -> None:
    buffer = replace(settings.policy.pre_event, sound=False)
    made = buffers.make_rings(replace(settings, policy=replace(settings.policy, pre_event=buffer)))
    assert made.sound is not None
    assert (made.pictures.seconds, made.sound.seconds) == (5, 0)
    made.close()


def test_a_policy_without_sound_has_no_ring_for_it(settings: Settings) -> None:
    silent = replace(settings, policy=replace(settings.policy, sound=False))
    made = buffers.make_rings(silent)
    assert made.sound is None
    made.close()
    assert from_settings.sound(silent) is None


def test_p1_if_the_ring_for_sound_cannot_be_locked_neither_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[Ring] = []

    def refusing(*given: object, lock: bool = True) -> Ring:
        if lock and first:
            raise RingLockError("no more")
        made = Ring(*given, lock=lock)  # type: ignore[arg-type]
        first.append(made)
        return made

    monkeypatch.setattr(buffers, "Ring", refusing)
    made = buffers.make_rings(settings)
    assert not made.locked
    assert made.sound is not None
    assert (made.pictures.locked, made.sound.locked) == (False, False)
    assert (made.pictures.seconds, made.sound.seconds) == (0, 0)
    # The one that was locked was given back.
    assert first[0]._arena._map.closed
    made.close()


def test_a_ring_that_is_still_read_is_left_to_the_kernel(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    made = buffers.make_rings(settings)
    made.pictures.reserve(5)[:] = b"12345"
    from camerad.stream.ring import PacketInfo

    made.pictures.commit(PacketInfo(1, 1, 1, True, 5))
    reader = made.pictures.follow()
    lease = reader.take(1)
    assert lease is not None
    made.close()
    assert "while a recording reads" in caplog.text
    lease.give_back()
    made.pictures.close()
