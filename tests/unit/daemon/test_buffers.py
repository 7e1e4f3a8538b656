"""Both rings are locked, or neither holds anything before a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad import config
from camerad.base.errors import RingLockError
from camerad.config import Settings
from camerad.daemon import buffers
from camerad.hardware import from_settings
from camerad.stream.ring import PacketInfo, Ring


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


def ages(ring: Ring, keys: set[int], frames: range) -> Iterator[tuple[int, int]]:
    """Feed ten pictures a second, those of `keys` key frames: when, and the age of the oldest
    picture by then; all in milliseconds."""
    for frame in frames:
        ring.reserve(1)[:] = b"x"
        ring.commit(PacketInfo(1, frame, frame * 100_000, frame in keys, 1))
        for ms in range(0, 100, 10):  # And until the next one comes.
            ring.expire(frame * 100_000 + ms * 1000)
            if (oldest := ring._window.oldest) is not None:
                yield frame * 100 + ms, frame * 100 + ms - oldest.first_us // 1000


def test_no_picture_is_kept_longer_than_the_law_lets_it_be_though_the_camera_fails(
    tmp_path: Path,
) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: bundespolizei\n")
    settings = config.load(path)
    made = buffers.make_rings(settings)
    keys = {*range(10, 40, 10), *range(62, 500, 10)}  # A gap of 2.2 s.
    found = [*ages(made.pictures, keys, range(10, 40)), *ages(made.pictures, keys, range(62, 500))]
    made.close()
    assert settings.policy.pre_event.max_seconds == 30
    assert max(age for _, age in found) == 30_000


def test_where_the_law_leaves_room_the_seconds_are_kept_though_groups_take_longer(
    settings: Settings,
) -> None:
    made = buffers.make_rings(settings)
    # At five pictures a second a group of 1 s may take 1.2 s.
    found = dict(ages(made.pictures, {*range(12, 300, 12)}, range(12, 300)))
    made.close()
    warm = [age for at, age in found.items() if at >= 12 * 100 + 5_000]
    assert min(warm) == 5_000
    assert max(warm) <= 6_250


@pytest.mark.parametrize(
    ("seconds", "most"),
    # A group more is allowed by whoever allows the seconds; nothing limits what holds nothing.
    [(5, 31), (30, 31), (40, 41), (0, None)],
)
def test_the_limit_is_the_laws_unless_somebody_has_allowed_more(
    settings: Settings, seconds: float, most: float | None
) -> None:
    buffer = replace(settings.policy.pre_event, seconds=seconds)
    changed = replace(settings, policy=replace(settings.policy, pre_event=buffer))
    assert from_settings.buffer_limit(changed) == most


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
