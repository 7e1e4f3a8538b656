"""Words on the display: readable, whole, and true."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.events import Condition
from camerad.behaviour.scene import (
    DARK,
    GRAVITY,
    Badge,
    HandoverScene,
    Mirror,
    OfficerStatus,
    RecordingScene,
    Scene,
    SoundScene,
)
from camerad.selfview.lettering import (
    BLACK,
    CAPITAL,
    GREY,
    RED,
    WHITE,
    Lettering,
    TextLine,
    height_of,
    size_of,
)
from camerad.selfview.overlay import Designer, colour_bars, running_time
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.selfview.status_text import StatusText
from camerad.selfview.viewer_settings import CAUSES, CUT_OFF
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
    OfficerStatus(100, 6000, 0, cause=Condition.MICROPHONE_DOWN, more=17),
    OfficerStatus(100, 6000, 0, HandoverScene.NO_NETWORK, cut_off=True, more=17),
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


# ------------------------------------------------------------------------------------- causes

MATTERS = [*({"cause": one} for one in GRAVITY), {"cut_off": True}]
SAID = [*CAUSES.values(), CUT_OFF]
LOOKED_AT = {(320, 240): 31, (240, 320): 31, (480, 320): 49, (800, 480): 54}
"""Panels, and the millimetres of their shorter side where they are smallest (docs/display.md)."""


def status_lines(
    size: tuple[int, int], texts: dict[str, str], status: OfficerStatus
) -> tuple[list[TextLine], list[TextLine]]:
    """The lines of the cause, and those below it. All are whole, and on the panel."""
    lines = StatusText(Lettering(), *size, texts).lines(status)
    assert all(0 < Lettering().width(line.text, line.size) <= size[0] for line in lines)
    assert height_of(lines) <= size[1]
    return (
        [line for line in lines if line.colour == WHITE],
        [line for line in lines if line.colour == GREY],
    )


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("size", LOOKED_AT)
def test_every_cause_is_read_at_arms_length_and_larger_than_what_stands_below(
    size: tuple[int, int], language: str
) -> None:
    # At 600 mm a letter can be read from 600 mm x tan(5/60 degrees) = 0.87 mm on; twice that is
    # read at a glance.
    millimetre = LOOKED_AT[size] / min(size)
    for matters, name in zip(MATTERS, SAID, strict=True):
        status = OfficerStatus(100, 6000, 0, more=17, **matters)
        cause, below = status_lines(size, TEXTS[language], status)
        assert " ".join(line.text for line in cause) == TEXTS[language][name]
        assert {line.size for line in cause} == {cause[0].size}
        assert int(cause[0].size * CAPITAL) * millimetre >= 2 * 0.87, name
        # Room is left for how many more there are, and for how the camera is.
        assert len(below) >= 4, name
        for line in below:
            assert line.size <= 0.8 * cause[0].size, name
            assert int(line.size * CAPITAL) * millimetre >= 0.87, name


@pytest.mark.parametrize("language", TEXTS)
def test_a_cause_is_drawn_as_large_and_as_bright_as_it_was_worked_out(language: str) -> None:
    designer = Designer(320, 240, TEXTS[language])
    texts = TEXTS[language]
    for matters in MATTERS:
        status = OfficerStatus(87, 312, 0, **matters)
        cause, below = status_lines((320, 240), texts, status)
        picture = designer.overlay(status).picture
        lit = (picture > 200).all(axis=2).any(axis=1)
        first = int(np.argmax(lit))
        # The first line begins with a capital; umlauts and descenders only add to that.
        assert int(np.argmin(lit[first:])) >= cause[0].size * CAPITAL - 1
        assert (picture.reshape(-1, 3) == WHITE).all(axis=1).any()
        # Half of the strokes of what stands below is its full grey, not a shade at an edge.
        rows = picture[240 - height_of(below) :].reshape(-1, 3)
        full = (rows == GREY).all(axis=1).sum()
        assert full > 0.25 * (rows[:, 0] > 40).sum()


@pytest.mark.parametrize("language", TEXTS)
def test_a_new_sentence_begins_a_new_line_and_what_is_shortened_does_not(language: str) -> None:
    texts = TEXTS[language]
    for name in SAID:
        own = texts | {"cause_hot": texts[name]}
        cause, _ = status_lines((320, 240), own, OfficerStatus(cause=Condition.HOT))
        first, then = texts[name].split(". ", 1)
        lines = [line.text for line in cause]
        ends = next(number for number, line in enumerate(lines) if line.endswith("."))
        assert " ".join(lines[: ends + 1]) == first + "."
        assert " ".join(lines[ends + 1 :]) == then
    own = texts | {"cause_hot": "Zu warm. Z. B. in den Schatten."}
    cause, _ = status_lines((800, 480), own, OfficerStatus(cause=Condition.HOT))
    assert [line.text for line in cause] == ["Zu warm.", "Z. B. in den Schatten."]


def test_how_many_more_there_are_stands_below_the_cause_and_never_alone() -> None:
    one = OfficerStatus(cause=Condition.HOT)
    for more, words in ((0, []), (1, ["und 1 weitere"]), (17, ["und 17 weitere"])):
        _, below = status_lines((320, 240), TEXTS["de"], replace(one, more=more))
        said = [line.text.replace("\N{NO-BREAK SPACE}", " ") for line in below]
        assert [line for line in said if "weitere" in line] == words
        assert said[: len(words)] == words


@pytest.mark.parametrize("size", [*LOOKED_AT, (240, 240)])
@pytest.mark.parametrize(
    ("own", "large"),
    [
        # The most that an office may write, in words as long as they are; in capitals; in one.
        ("Speicherkarte voll. Sofort eine andere Kamera nehmen und melden.", True),
        ("KEINE AUFNAHME MEHR. SOFORT ANDERE KAMERA NEHMEN UND MELDEN JA.", False),
        (f"{'M' * 24}. {'M' * 24}. {'M' * 12}", False),
        ("Voll.", True),
    ],
)
def test_an_offices_longest_cause_fits_every_panel_and_stays_whole(
    size: tuple[int, int], own: str, large: bool
) -> None:
    status = OfficerStatus(100, 6000, 0, HandoverScene.NO_NETWORK, cause=Condition.HOT, more=17)
    cause, _ = status_lines(size, TEXTS["de"] | {"cause_hot": own}, status)
    assert " ".join(line.text for line in cause) == own
    if large and min(size) >= 240:
        assert int(cause[0].size * CAPITAL) >= min(size) // 16


def test_a_cause_on_a_panel_as_small_as_a_stamp_is_whole() -> None:
    for name, matters in zip(SAID, MATTERS, strict=True):
        cause, _ = status_lines((128, 160), TEXTS["de"], OfficerStatus(100, 6000, 0, **matters))
        assert " ".join(line.text for line in cause) == TEXTS["de"][name]


def test_what_stands_below_goes_line_by_line_before_a_cause_becomes_too_small() -> None:
    status = OfficerStatus(100, 6000, 0, HandoverScene.NO_NETWORK, cause=Condition.HOT, more=17)
    long = "Alles sehr warm. Sofort in den Schatten gehen und dort abkühlen."
    whole = "und 17 weitere Server nicht erreicht: neu einsetzen; bleibt es so: Technik Akku: 100 %"
    kept = []
    for width in range(480, 139, -20):
        cause, below = status_lines((width, 240), TEXTS["de"] | {"cause_hot": long}, status)
        assert int(cause[0].size * CAPITAL) >= 240 // 16
        kept.append(" ".join(line.text for line in below).replace("\N{NO-BREAK SPACE}", " "))
        # The last of it goes first.
        assert whole.startswith(kept[-1][: len(whole)])
    assert len(kept[0]) > len(whole) > len(kept[-1])


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
