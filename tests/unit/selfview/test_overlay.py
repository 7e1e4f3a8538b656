"""Words on the display: readable, whole, and true."""

from __future__ import annotations

import numpy as np
import pytest

from camerad.base.clock import SECOND
from camerad.behaviour.scene import (
    DARK,
    Badge,
    HandoverScene,
    Mirror,
    OfficerStatus,
    RecordingScene,
    Scene,
    SoundScene,
)
from camerad.selfview.lettering import CAPITAL, Lettering, size_of
from camerad.selfview.overlay import BLACK, GREY, RED, WHITE, Designer, colour_bars, running_time
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from tests.unit.selfview.texts import TEXTS

PANELS = [(320, 240), (240, 320), (480, 320), (800, 480), (128, 160), (240, 240)]
SCENES: list[Scene] = [
    Mirror(),
    Mirror(30.0),
    RecordingScene(0, SoundScene.ON),
    RecordingScene(0, SoundScene.MUTED),
    RecordingScene(0, SoundScene.NONE),
    OfficerStatus(100, 6000, 0),
    OfficerStatus(),
    *(OfficerStatus(100, 6000, 0, one, 9999, 9999) for one in HandoverScene),
    Badge(),
]


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of blue, green, red (WCAG 2.2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour)
    ]
    return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]


@pytest.mark.parametrize("text", [WHITE, GREY])
def test_text_has_more_contrast_than_the_strictest_level_asks(text: tuple[int, int, int]) -> None:
    # WCAG 2.2, success criterion 1.4.6 (AAA): 7 to 1.
    assert (luminance(text) + 0.05) / (luminance(BLACK) + 0.05) >= 7


@pytest.mark.parametrize("size", [20, 27, 40, 54])
def test_a_capital_is_as_high_as_the_sizes_are_worked_out_with(size: int) -> None:
    picture = np.zeros((120, 120, 3), np.uint8)
    Lettering().draw(picture, "H", (10, 100), size, WHITE)
    rows = np.flatnonzero((picture[:, :, 0] > 127).any(axis=1))
    assert abs((rows[-1] - rows[0] + 1) - size * CAPITAL) <= 1
    assert size_of(size * CAPITAL) == size


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("size", [(320, 240), (480, 320), (800, 480)])
def test_capitals_of_the_main_line_are_a_twelfth_of_the_panel(
    size: tuple[int, int], language: str
) -> None:
    designer = Designer(*size, TEXTS[language])
    for scene in (Mirror(), Mirror(30.0), RecordingScene(0)):
        overlay = designer.overlay(scene)
        # The topmost run of rows with white in the band is the main line, with its ascenders.
        band = overlay.picture[-overlay.band :]
        lit = (band > 200).all(axis=2).any(axis=1)
        first = int(np.argmax(lit))
        height = int(np.argmin(lit[first:]))
        assert height >= size[1] / 12


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("size", PANELS)
def test_no_word_is_cut_on_any_panel(size: tuple[int, int], language: str) -> None:
    width, height = size
    designer = Designer(width, height, TEXTS[language])
    for scene in SCENES:
        for running in ("00:00", "10:00:00"):
            overlay = designer.overlay(scene, running)
            # Whatever is white or grey keeps clear of the edges, or of the red frame.
            text = (overlay.picture > 60).all(axis=2)
            rows, columns = np.flatnonzero(text.any(axis=1)), np.flatnonzero(text.any(axis=0))
            edge = max(4, height // 36) if isinstance(scene, RecordingScene) else 0
            assert edge < columns[0]
            assert columns[-1] < width - 1 - edge
            assert rows[-1] < height - 1 - edge
            if overlay.hole.width:
                assert rows[0] >= overlay.hole.top + overlay.hole.height
            if overlay.running is not None:
                letters = Lettering()
                end = overlay.running.left + letters.width(running, overlay.running.size)
                assert end <= width - edge


def test_an_offices_long_text_becomes_smaller_and_stays_whole() -> None:
    word = "Polizeivollzugsbeamtenbekleidungsvorschrift"
    designer = Designer(240, 320, TEXTS["de"] | {"self_view": word, "recording": word})
    for scene in (Mirror(), RecordingScene(0)):
        text = (designer.overlay(scene).picture > 60).all(axis=2).any(axis=0)
        columns = np.flatnonzero(text)
        assert columns[0] > 0
        assert columns[-1] < 239


def test_a_letter_that_the_font_lacks_would_show_as_a_question_mark_and_umlauts_do_not() -> None:
    def drawn(text: str) -> bytes:
        picture = np.zeros((60, 60, 3), np.uint8)
        Lettering().draw(picture, text, (5, 50), 40, WHITE)
        return picture.tobytes()

    letters = "ÄÖÜäöüßéèłčşİ€–„“…"
    assert len({drawn(letter) for letter in [*letters, "?"]}) == len(letters) + 1


def test_the_frame_is_red_on_every_side_and_only_while_recording() -> None:
    designer = Designer(320, 240, TEXTS["de"])
    for scene in SCENES:
        picture = designer.overlay(scene).picture
        sides = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
        framed = all((side == RED).all() for side in sides)
        assert framed is isinstance(scene, RecordingScene)
    assert not designer.overlay(DARK).picture.any()


def test_sound_that_is_on_muted_or_missing_looks_different() -> None:
    designer = Designer(320, 240, TEXTS["de"])
    looks = {designer.overlay(RecordingScene(0, sound)).picture.tobytes() for sound in SoundScene}
    assert len(looks) == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "00:00"),
        (0, "00:00"),
        (59, "00:59"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (36_000, "10:00:00"),
    ],
)
def test_the_running_time_is_written_like_a_clock(seconds: int, text: str) -> None:
    assert running_time(seconds) == text


@pytest.mark.parametrize("size", PANELS)
def test_a_time_that_grows_longer_is_as_if_it_had_been_shown_from_the_beginning(
    size: tuple[int, int],
) -> None:
    width, height = size
    panel = Panel(width, height, width * 2, 16)
    grown, fresh = (Screen(panel, mirror=True, texts=TEXTS["de"]) for _ in range(2))
    grown.show(RecordingScene(0), 3599 * SECOND)
    assert grown.tick(3600 * SECOND)
    assert not grown.tick(3600 * SECOND + 999_999)
    fresh.show(RecordingScene(0), 3600 * SECOND)
    assert (grown.pixels == fresh.pixels).all()


def test_what_was_shown_before_leaves_no_trace() -> None:
    panel = Panel(320, 240, 640, 16)
    used, fresh = (Screen(panel, mirror=True, texts=TEXTS["de"]) for _ in range(2))
    for scene in [*SCENES, *SCENES[::-1]]:
        used.show(scene, SECOND)
        fresh = Screen(panel, mirror=True, texts=TEXTS["de"])
        fresh.show(scene, SECOND)
        assert (used.pixels == fresh.pixels).all()
    used.show(DARK, SECOND)
    assert not used.pixels.any()


def test_the_test_picture_shows_every_colour_each_grey_and_the_whole_panel() -> None:
    picture = colour_bars(320, 240)
    # The middle of each of eight bars, 40 pixels wide, as red, green, blue.
    bars = [tuple(picture[90, 20 + 40 * number, ::-1]) for number in range(8)]
    assert bars == [
        (255, 255, 255),
        (255, 255, 0),
        (0, 255, 255),
        (0, 255, 0),
        (255, 0, 255),
        (255, 0, 0),
        (0, 0, 255),
        (0, 0, 0),
    ]
    ramp = picture[200, 1:-1].astype(int)
    assert (ramp[:, 0] == ramp[:, 2]).all()
    assert np.diff(ramp[:, 0]).min() >= 0
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
