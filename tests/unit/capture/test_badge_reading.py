"""A badge is read from a picture, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from camerad.base.clock import ManualClock
from camerad.behaviour.badge import badge
from camerad.capture.badge_detector import STALE_US, BadgeDetector
from camerad.stream.frame import Geometry, create
from camerad.stream.newest import Frame, FrameReader, FrameWriter
from tests.unit.capture.badge_drawing import HEIGHT, WIDTH, Luma, code, scene

GEOMETRY = Geometry(WIDTH, HEIGHT, WIDTH + 64)


def frame(luma: Luma) -> Frame:
    """An I420 picture with its padding."""
    picture = np.full(GEOMETRY.shape, 128, np.uint8)
    picture[:HEIGHT, :WIDTH] = luma
    return picture


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock(100_000_000)
        self.fd = create(1 << 20)
        self.writer = FrameWriter(self.fd, GEOMETRY)
        self.reader = FrameReader(self.fd)
        self.look = BadgeDetector(self.reader, self.clock)

    def put(self, luma: Luma, age_us: int = 0) -> None:
        self.writer.put(frame(luma), self.clock.now_us() - age_us)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    os.close(made.fd)


# Three pixels a module is what the size of a printed badge is reckoned from.
@pytest.mark.parametrize("module_px", [3.0, 4.0, 5.0])
@pytest.mark.parametrize("degrees", range(0, 180, 20))
def test_a_badge_is_read_however_it_is_held(bench: Bench, module_px: float, degrees: int) -> None:
    assert bench.look.read(code(badge("W-0815"), module_px, degrees)) == "W-0815"


@pytest.mark.parametrize(
    "text", ["https://example.org/menu", "W-0815", "camerad:wearer:", "camerad:wearer:W-1\n"]
)
def test_somebody_elses_code_is_no_badge(bench: Bench, text: str) -> None:
    assert bench.look.read(code(text)) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_scene_is_no_badge(bench: Bench, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    for luma in (scene(seed), noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert bench.look.read(luma) is None


def test_half_a_code_is_no_badge(bench: Bench) -> None:
    cut = code(badge("W-0815"))
    cut[:, WIDTH // 2 :] = 128
    assert bench.look.read(cut) is None


def test_the_newest_frame_is_looked_at_once(bench: Bench) -> None:
    assert bench.look.wearer() is None  # there is none yet
    bench.put(code(badge("W-0815")))
    assert bench.look.wearer() == "W-0815"
    assert bench.look.wearer() is None
    bench.put(scene())
    assert bench.look.wearer() is None
    bench.put(code(badge("W-1")))
    assert bench.look.wearer() == "W-1"


def test_a_frame_that_stands_still_is_not_looked_at(bench: Bench) -> None:
    bench.put(code(badge("W-0815")), age_us=STALE_US + 1)
    assert bench.look.wearer() is None


def test_its_own_copy_of_a_frame_is_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[Frame] = []
    newest = bench.reader.newest

    def watched() -> tuple[int, int, Frame] | None:
        found = newest()
        assert found is not None
        copies.append(found[2])
        return found

    monkeypatch.setattr(bench.reader, "newest", watched)
    bench.put(code(badge("W-0815")))
    assert bench.look.wearer() == "W-0815"
    (copy,) = copies
    assert not copy.any()
