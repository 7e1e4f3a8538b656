"""The sheet of a package is one, whoever makes it: the tab's says what the command's does."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Final

import pytest
from desk_helpers import ONE, SHORT
from msgspec.structs import replace
from playwright.sync_api import Browser, Page
from sealed_helpers import KEY, KEYS, Members, made, pack, sealed, signed, some_closing, without

from camerad.container.gaps import FRAMES_LOST
from camerad.ledger.recording_state import Hold
from camerad.office.cover_sheet import CoverSheet, render
from camerad.office.wording import ENGLISH
from camerad.verify.judge import verify
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk
from tests.browser.test_package_checks import SHEET
from tests.unit.desk.desk_scene import DeskScene, free_origin

FLAGS: Final = DESK_FLAGS


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("sheets")
    with DeskScene(root, origin=free_origin()) as scene, at_desk(chromium, scene, "sheets") as one:
        yield one.page


@pytest.fixture(scope="module")
def recordings() -> dict[str, Members]:
    """Recordings of which it matters what the sheet says of their gaps."""
    whole, torn = made(SHORT), made(SHORT + "." * 60 + SHORT)
    facts = [replace(one, gaps=()) for one in torn.facts]
    closing = some_closing(sum(one.frames for one in facts), torn.facts[-1].end_us)
    return {
        "whole": whole.members,
        "stated": torn.members,
        "unstated": signed(torn.header, [sealed(it) for it in torn.plain], facts, closing),
        "cut": without(whole.members, "000001.m4s.age", "000001.jws"),
    }


def by_tab(page: Page, file: bytes) -> list[str]:
    """The texts of the sheet that the tab makes."""
    given = [base64.b64encode(it).decode() for it in (file, KEY.public.raw)]
    lines: list[str] = page.evaluate(SHEET, given).splitlines()
    return lines


def by_command(place: Path, file: bytes) -> list[str]:
    """Those of the sheet that the command makes."""
    path = place / f"{ONE}.tar"
    path.write_bytes(file)
    sheet = CoverSheet(
        report=verify(str(path), KEYS),
        delivered=(),
        zone=UTC,
        zone_name="UTC",
        hold=Hold("", ""),
        ledger_agrees=None,
        made_us=0,
        made_by="",
        software="",
        details="",
        instructions="",
    )
    return re.sub("<[^>]*>", "\n", render(sheet, ENGLISH)).splitlines()


def row(lines: list[str], title: str) -> str:
    """What stands behind a title."""
    return next(one for one in lines[lines.index(title) + 1 :] if one)


def test_both_call_footage_continuous_only_where_it_is(
    page: Page, recordings: dict[str, Members], tmp_path: Path
) -> None:
    said = {}
    for name, members in recordings.items():
        said[name] = row(by_tab(page, pack(members)), ENGLISH.gaps)
        assert said[name] == row(by_command(tmp_path, pack(members)), ENGLISH.gaps), name
    assert said["whole"] == ENGLISH.continuous
    assert ENGLISH.gap_reasons[FRAMES_LOST] in said["stated"]
    assert said["unstated"] == said["cut"] == ENGLISH.no_gaps
