"""What the log says of gaps and of what was recorded is English, not Python."""

from __future__ import annotations

import pytest

from camerad.base.text import count
from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, RING_FULL, Gap
from camerad.daemon.camera_supervisor import describe
from camerad.stream.sound_messages import SOUND_LOST


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (Gap(FRAMES_LOST, 1, 1_000_000, 1_066_000), "frames lost, 1 picture, 0.07 s"),
        (Gap(CAPTURE_RESTARTED, None, 1_000_000, 3_030_000), "capture restarted, 2.03 s"),
        (Gap(RING_FULL, 30, 1_000_000, None), "ring full, 30 pictures"),
        (Gap(RING_FULL, None, None, 1_000_000), "ring full"),
        (Gap(SOUND_LOST, 475, 1_000_000, 11_150_000), "sound lost, 10.15 s"),
    ],
)
def test_a_gap_is_described_in_words(gap: Gap, text: str) -> None:
    assert describe(gap) == text


def test_one_is_not_several() -> None:
    assert [count(number, "gap") for number in (0, 1, 2)] == ["0 gaps", "1 gap", "2 gaps"]
    assert [count(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]
