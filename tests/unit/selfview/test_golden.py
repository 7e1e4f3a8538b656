"""Every picture of the display is the one that was looked at and found right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from camerad.selfview.viewer_settings import TEXTS as NAMES
from tests.unit.selfview.golden import (
    CAUSES,
    GOLDEN,
    Case,
    Image,
    bytes_of,
    cases,
    decoded,
    on_sheet,
    sheets,
)
from tests.unit.selfview.texts import TEXTS

ALL = list(cases())
SHEETS = list(sheets())


def golden(name: str) -> Image:
    picture = cv2.imread(str(GOLDEN / f"{name}.png"))
    assert picture is not None, f"{name}: `make pictures` makes it, then look at it"
    return np.asarray(picture[:, :, ::-1], np.uint8)


TOLERANCE = {32: 2, 16: 10}
"""Another processor may round a shade otherwise; five bits have steps of eight."""


@pytest.mark.parametrize("bits", TOLERANCE)
@pytest.mark.parametrize(("name", "language", "case", "size"), ALL, ids=[one[0] for one in ALL])
def test_the_panel_shows_the_picture_that_was_approved(
    name: str, language: str, case: Case, size: tuple[int, int], bits: int
) -> None:
    panel, data = bytes_of(language, case, size, bits=bits)
    shown = decoded(panel, data.tobytes()).astype(int)
    expected = golden(name).astype(int)
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).max() <= TOLERANCE[bits]
    # What lies beside the pixels of a row stays as the driver left it: black.
    assert not data[:, panel.width * bits // 8 :].any()


@pytest.mark.parametrize("bits", TOLERANCE)
@pytest.mark.parametrize(("name", "language", "size"), SHEETS, ids=[one[0] for one in SHEETS])
def test_every_cause_stands_there_as_it_was_approved(
    name: str, language: str, size: tuple[int, int], bits: int
) -> None:
    approved = golden(name).astype(int)
    seen = set()
    for number, case in enumerate(CAUSES):
        panel, data = bytes_of(language, case, size, bits=bits)
        shown = decoded(panel, data.tobytes()).astype(int)
        expected = approved[on_sheet(number, size)]
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).max() <= TOLERANCE[bits], case.name
        seen.add(data.tobytes())
    # No two causes look the same.
    assert len(seen) == len(CAUSES)


def test_no_picture_is_kept_that_no_test_looks_at() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {name for name, *_ in [*ALL, *SHEETS]}


def test_the_process_wants_exactly_the_texts_that_a_catalogue_has() -> None:
    for texts in TEXTS.values():
        assert set(texts) == NAMES
