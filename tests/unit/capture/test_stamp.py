"""The stamp: what it says, where it is and what it leaves alone, to the pixel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camerad.base import wall_clock
from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import CaptureError
from camerad.capture import glyphs, stamp
from camerad.capture.glyphs import CHARACTERS, SIZES
from camerad.capture.stamp import BLACK, WHITE, Stamp, broken, choose, text

HOUR_US = 3600 * SECOND
SOME_DAY = int(datetime(2026, 11, 24, 22, 13, 2, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True)
def in_germany() -> Iterator[None]:
    """Winter time is one hour before UTC; the rule is POSIX's own and needs no files of zones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def a_clock(second: int = SOME_DAY) -> ManualClock:
    """An hour after the boot; wall time is `second` and a half."""
    return ManualClock(HOUR_US, second * SECOND + SECOND // 2)


def drawn(lines: list[str], size: int) -> np.ndarray:
    """What the strip is to look like, put together cell by cell."""
    cells = glyphs.load(size)
    rows = []
    for line in lines:
        row = np.hstack([cells.of(character) for character in f" {line} "])
        rows.append(BLACK + row.astype(int) * (WHITE - BLACK) // 255)
    picture = np.vstack(rows)
    edge = np.full((cells.height // 8, picture.shape[1]), BLACK)
    return np.vstack([edge, picture, edge]).astype(np.uint8)


def a_picture(width: int, height: int, stride: int | None = None) -> np.ndarray:
    """Noise, that shows every change: I420 with chroma, and padding where there is any."""
    shape = (height * 3 // 2, stride or width)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


# What it says


def zone(hours: float) -> object:
    def local(second: int) -> time.struct_time:
        there = datetime.fromtimestamp(second, timezone(timedelta(hours=hours)))
        fields = (*there.timetuple()[:9], None, round(hours * 3600))
        return time.struct_time(fields)

    return local


@pytest.mark.parametrize(
    ("hours", "shows"),
    [
        (0, "2026-11-24 22:13:02+00:00"),
        (1, "2026-11-24 23:13:02+01:00"),
        (5.75, "2026-11-25 03:58:02+05:45"),
        (-3.5, "2026-11-24 18:43:02-03:30"),
        (-0.5, "2026-11-24 21:43:02-00:30"),
    ],
)
def test_the_time_has_its_seconds_and_its_offset(hours: float, shows: str) -> None:
    assert text(SOME_DAY, True, zone(hours)) == shows  # type: ignore[arg-type]
    # Python's own reader of ISO 8601 finds the same instant.
    assert datetime.fromisoformat(shows).timestamp() == SOME_DAY


@pytest.mark.parametrize(
    ("utc", "shows"),
    [
        (datetime(2026, 10, 25, 0, 59, 59), "2026-10-25 02:59:59+02:00"),
        (datetime(2026, 10, 25, 1, 0, 0), "2026-10-25 02:00:00+01:00"),
    ],
)
def test_the_hour_that_comes_twice_is_told_apart(utc: datetime, shows: str) -> None:
    assert text(int(utc.replace(tzinfo=UTC).timestamp()), True) == shows


def test_a_clock_that_nothing_vouches_for_is_marked() -> None:
    assert text(SOME_DAY, False) == "2026-11-24 23:13:02+01:00 ?"


def said_by(stamp_: Stamp, pts_us: int, width: int = 1280, height: int = 720) -> list[str]:
    """The lines that a picture of this media time gets; that they are drawn is tested below."""
    stamp_.write(a_picture(width, height), pts_us)
    return stamp_._lines


def test_before_any_word_it_claims_nothing() -> None:
    lines = said_by(Stamp("camera-07", 1280, 720, a_clock()), HOUR_US)
    assert lines == ["2026-11-24 23:13:02+01:00 ?  camera-07  PRE"]


def test_it_says_when_who_and_by_whom() -> None:
    one = Stamp("camera-07", 1280, 720, a_clock())
    one.tell(pre=False, trusted=True, wearer=None)
    assert said_by(one, HOUR_US) == ["2026-11-24 23:13:02+01:00  camera-07"]
    one.tell(pre=False, trusted=True, wearer="W-0815")
    assert said_by(one, HOUR_US) == ["2026-11-24 23:13:02+01:00  camera-07  W-0815"]


def test_the_time_is_that_of_the_exposure_and_not_that_of_the_writing() -> None:
    one = Stamp("c", 1280, 720, a_clock())
    one.tell(pre=False, trusted=True, wearer=None)
    # It is half past the second now; 501 ms ago it was the second before.
    assert said_by(one, HOUR_US - 500_000) == ["2026-11-24 23:13:02+01:00  c"]
    assert said_by(one, HOUR_US - 501_000) == ["2026-11-24 23:13:01+01:00  c"]


def test_a_clock_that_is_set_shows_at_once_and_is_doubted_until_it_has_been_judged() -> None:
    clock = a_clock()
    one = Stamp("c", 1280, 720, clock)
    one.tell(pre=False, trusted=True, wearer=None)
    said_by(one, HOUR_US)
    clock.step_wall(60 * SECOND)
    assert said_by(one, HOUR_US + 1) == ["2026-11-24 23:14:02+01:00 ?  c"]
    assert said_by(one, HOUR_US + 2) == ["2026-11-24 23:14:02+01:00 ?  c"]
    one.tell(pre=False, trusted=True, wearer=None)
    assert said_by(one, HOUR_US + 3) == ["2026-11-24 23:14:02+01:00  c"]


def test_a_clock_that_was_judged_after_it_was_set_is_not_doubted_again() -> None:
    clock = a_clock()
    one = Stamp("c", 1280, 720, clock)
    said_by(one, HOUR_US)
    clock.step_wall(60 * SECOND)
    one.tell(pre=False, trusted=True, wearer=None)
    assert said_by(one, HOUR_US + 1) == ["2026-11-24 23:14:02+01:00  c"]


def test_what_slewing_does_in_a_pause_is_no_doubt() -> None:
    clock = a_clock()
    one = Stamp("c", 1280, 720, clock)
    one.tell(pre=False, trusted=True, wearer=None)
    said_by(one, HOUR_US)
    # Half an hour at 500 ppm, the most that adjtimex(2) allows, is 0.9 s.
    clock.advance(1800 * SECOND)
    clock.step_wall(900_000)
    assert said_by(one, clock.now_us()) == ["2026-11-24 23:43:03+01:00  c"]


def test_whatever_is_doubted_here_is_looked_at_by_the_daemon() -> None:
    # The daemon tells of every step beyond its own bound; both read clocks to 5 ms.
    assert stamp.STEP_US > wall_clock.STEP_US + 2 * 5_000
    assert stamp.LOOKED_US >= 2 * wall_clock.LOOK_SECONDS * SECOND


def test_pre_ends_with_the_first_picture_exposed_after_the_word() -> None:
    one = Stamp("c", 1280, 720, a_clock())
    one.tell(pre=True, trusted=True, wearer=None)
    one.tell(pre=False, trusted=True, wearer=None, from_us=HOUR_US)
    assert said_by(one, HOUR_US - 1)[0].endswith("PRE")
    assert not said_by(one, HOUR_US)[0].endswith("PRE")
    # Other words in between change nothing about that.
    one.tell(pre=False, trusted=True, wearer="W", from_us=HOUR_US + SECOND)
    assert said_by(one, HOUR_US - 1)[0].endswith("PRE")
    assert not said_by(one, HOUR_US)[0].endswith("PRE")


def test_pre_begins_with_the_first_picture_exposed_after_the_end() -> None:
    one = Stamp("c", 1280, 720, a_clock())
    one.tell(pre=False, trusted=True, wearer=None)
    one.tell(pre=True, trusted=True, wearer=None, from_us=HOUR_US)
    assert not said_by(one, HOUR_US - 1)[0].endswith("PRE")
    assert said_by(one, HOUR_US)[0].endswith("PRE")


# Where it is


@pytest.mark.parametrize(
    ("width", "height", "stride", "size"),
    [
        # A stride of its own on each platform: vc4 pads rows to 64 bytes, pisp to 128.
        (1920, 1080, 1920, 30),
        (1280, 720, 1280, 20),
        (1000, 720, 1024, 20),
        (640, 360, 640, 14),
        (640, 480, 768, 14),
    ],
)
def test_the_picture_bears_it_bottom_left_and_is_untouched_elsewhere(
    width: int, height: int, stride: int, size: int
) -> None:
    one = Stamp("camera-07", width, height, a_clock())
    one.tell(pre=True, trusted=False, wearer="W-0815")
    picture, before = a_picture(width, height, stride), a_picture(width, height, stride)
    one.write(picture, HOUR_US)
    expected = drawn(["2026-11-24 23:13:02+01:00 ?  camera-07  W-0815  PRE"], size)
    rows, columns = expected.shape
    assert (picture[height - rows : height, :columns] == expected).all()
    # All else: the luma above and beside it, the padding, and all chroma, that under it included.
    before[height - rows : height, :columns] = expected
    assert (picture == before).all()


def test_what_it_writes_is_little() -> None:
    one = Stamp("camera-07", 1920, 1080, a_clock())
    before, picture = a_picture(1920, 1080), a_picture(1920, 1080)
    one.write(picture, HOUR_US)
    changed = np.argwhere(picture != before)
    box = (np.ptp(changed[:, 0]) + 1) * (np.ptp(changed[:, 1]) + 1)
    # 45 cells of 18 pixels, in 36 + 2 * 4 rows: below two per cent of the luma.
    assert box <= 45 * 18 * 44 < 0.02 * 1920 * 1080


def test_what_changes_is_drawn_as_if_it_were_new() -> None:
    """Only characters that differ are drawn; nothing may be left of those that were there."""
    clock = a_clock()
    one = Stamp("camera-07", 1280, 720, clock)
    for step in range(40):
        pre, trusted = step % 3 == 0, step % 5 != 0
        wearer = None if step % 4 else "W-0815"
        clock.advance(7 * SECOND * step)
        fresh = Stamp("camera-07", 1280, 720, clock)
        for either in (one, fresh):
            either.tell(pre=pre, trusted=trusted, wearer=wearer)
        kept, anew = a_picture(1280, 720), a_picture(1280, 720)
        one.write(kept, clock.now_us())
        fresh.write(anew, clock.now_us())
        assert (kept == anew).all()


def test_in_a_second_nothing_is_drawn_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Stamp("camera-07", 1280, 720, a_clock())
    asked: list[str] = []
    of = glyphs.Glyphs.of
    monkeypatch.setattr(glyphs.Glyphs, "of", lambda self, c: asked.append(c) or of(self, c))
    picture = a_picture(1280, 720)
    one.write(picture, HOUR_US)
    # All but the blanks, which the band is made of.
    assert "".join(asked) == "2026-11-2423:13:02+01:00?camera-07PRE"
    asked.clear()
    one.write(picture, HOUR_US + 100_000)
    assert asked == []
    one.write(picture, HOUR_US + 600_000)
    assert asked == ["3"]  # 23:13:02 became 23:13:03


@given(
    width=st.integers(80, 960).map(lambda half: 2 * half),
    height=st.integers(60, 540).map(lambda half: 2 * half),
    device=st.text("abcXYZ019._-", min_size=1, max_size=63),
    wearer=st.none() | st.text(min_size=1, max_size=40),
)
def test_it_fits_every_picture_and_leaves_nothing_out(
    width: int, height: int, device: str, wearer: str | None
) -> None:
    one = Stamp(device, width, height, a_clock())
    one.tell(pre=True, trusted=False, wearer=wearer)
    picture = np.zeros((height * 3 // 2, width), np.uint8)
    one.write(picture, HOUR_US)
    said = "".join("".join(one._lines).split())
    wanted = f"2026-11-24 23:13:02+01:00 ? {device} {wearer or ''} PRE"
    assert said == "".join(wanted.split())
    # No band is black: what is above the highest line is not the stamp's.
    rows = int((picture[:height, 0] > 0).sum())
    assert rows == one._strip.shape[0] <= height
    assert one._strip.shape[1] <= width
    assert not picture[height:].any()


def test_fields_that_do_not_fit_go_into_the_next_line_whole() -> None:
    assert broken(["time", "camera", "PRE"], 12) == ["time  camera", "PRE         "]
    assert broken(["time", "camera", "PRE"], 11) == ["time       ", "camera  PRE"]


def test_a_field_that_no_line_can_hold_is_broken() -> None:
    assert broken(["abcdefgh", "PRE"], 5) == ["abcde", "fgh  ", "PRE  "]
    assert broken(["abcdef", "P"], 4) == ["abcd", "ef  ", "P   "]


# Readable


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (1920, 1080, 30),  # 1080 / 36
        (1280, 720, 20),  # 720 / 36
        (640, 360, 14),  # the smallest that is well readable, though 360 / 36 = 10
        (320, 240, 14),
        (160, 120, 8),  # 29 columns for the time leave 5 pixels for each
    ],
)
def test_the_letters_grow_with_the_picture(width: int, height: int, size: int) -> None:
    assert (choose(width, height).cells == glyphs.load(size).cells).all()


def test_text_stays_brighter_than_the_band_whatever_chroma_lies_under_it() -> None:
    """In colours of a screen: BT.601 in its full form, cut to 0..255, back to a grey."""
    cb, cr = np.meshgrid(np.arange(16, 241), np.arange(16, 241))

    def grey(luma: int) -> np.ndarray:
        y, u, v = 1.164 * (luma - 16), cb - 128.0, cr - 128.0
        red, green = y + 1.596 * v, y - 0.392 * u - 0.813 * v
        blue = y + 2.017 * u
        r, g, b = (np.clip(part, 0, 255) for part in (red, green, blue))
        return 0.299 * r + 0.587 * g + 0.114 * b

    # The worst is the darkest white beside the brightest black under the same chroma, pure green.
    assert (grey(WHITE) - grey(BLACK)).min() > 90


@pytest.mark.parametrize("size", SIZES)
def test_every_character_has_a_picture_of_its_own(size: int) -> None:
    found = glyphs.load(size)
    pictures = [found.of(character).tobytes() for character in CHARACTERS]
    assert len(set(pictures)) == len(CHARACTERS) == 95
    assert not found.of(" ").any()
    assert all(found.of(character).max() > 100 for character in CHARACTERS[1:])


def test_what_has_no_glyph_is_a_box() -> None:
    found = glyphs.load(20)
    box = found.of("ß")
    assert (box == found.of("\n")).all()
    assert all((box != found.of(character)).any() for character in CHARACTERS)


def test_glyphs_that_are_missing_or_not_of_this_version_are_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"gone\.npz: no glyphs of size 20"):
        glyphs.load(20, tmp_path / "gone.npz")
    with pytest.raises(CaptureError, match="no glyphs of size 21"):
        glyphs.load(21)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(CaptureError, match="no glyphs of size 20"):
        glyphs.load(20, tmp_path / "text.npz")
    np.savez(tmp_path / "few.npz", **{"20": np.zeros((3, 24, 12), np.uint8)})
    with pytest.raises(CaptureError, match="not the glyphs of this version"):
        glyphs.load(20, tmp_path / "few.npz")


def test_what_is_no_font_leaves_the_glyphs_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.ttf").write_text("no font")
    output = tmp_path / "glyphs.npz"
    assert glyphs.main([str(tmp_path / "no.ttf"), "--output", str(output)]) == 1
    assert "no.ttf: cannot be read as a font" in capsys.readouterr().err
    assert not output.exists()


def test_the_word_is_of_one_kind_from_then_on() -> None:
    said = stamp.StampWords(pre=True, from_us=10)
    assert [said.is_pre(at) for at in (9, 10, 11)] == [False, True, True]
