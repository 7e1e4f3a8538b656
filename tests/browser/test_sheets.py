"""The cover sheet of a package: the tab's says what the command's does."""

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

from camerad.base.words import words_in
from camerad.container.gaps import FRAMES_LOST, STOPPED_SHORT, Gap
from camerad.evidence.cover_sheet import CoverSheet, render
from camerad.evidence.record_words import END_REASONS, GAP_REASONS
from camerad.ledger.recording_state import Hold
from camerad.verify.judge import verify
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk
from tests.browser.test_package_checks import SHEET
from tests.unit.office.desk.desk_scene import DeskScene, free_origin

ENGLISH = words_in("en")
FLAGS: Final = DESK_FLAGS
FACTS: Final = """async ([spelled, key]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const { BlobSource } = await import("/page/player/evidence/source.js");
  const { FactsView } = await import("/page/player/facts_view.js");
  const { judge } = await import("/page/player/evidence/judge.js");
  const { Timeline } = await import("/page/player/timeline.js");
  const { wordsOf } = await import("/page/player/words.js");
  const found = await judge(new BlobSource(new Blob([bytes(spelled)])), { key: bytes(key) });
  const timeline = new Timeline(found.header);
  for (const commit of found.commits) timeline.add(commit.facts);
  timeline.close(found.end.closing);
  const view = new FactsView(wordsOf("en"));
  view.draw(timeline, found.end.closing);
  return [...view.element.children].map((one) => one.textContent);
}"""
"""What player.html says of a recording below its picture: names and values by turns."""


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("sheets")
    with DeskScene(root, origin=free_origin()) as scene, at_desk(chromium, scene, "sheets") as one:
        yield one.page


@pytest.fixture(scope="module")
def recordings() -> dict[str, Members]:
    """Recordings of which it matters what the sheet says of their gaps, and of their end."""
    whole, torn = made(SHORT), made(SHORT + "." * 60 + SHORT)
    facts = [replace(one, gaps=()) for one in torn.facts]
    closing = some_closing(sum(one.frames for one in facts), torn.facts[-1].end_us)
    sealed_whole = [sealed(it) for it in whole.plain]
    last, stopped_us = whole.facts[-1], whole.facts[-1].end_us + 30_000_000
    stopped = some_closing(len(whole.numbers), stopped_us)
    stopped = replace(stopped, gaps=(Gap(STOPPED_SHORT, None, last.last_us, stopped_us),))
    return {
        "whole": whole.members,
        "stopped": signed(whole.header, sealed_whole, whole.facts, stopped),
        "stated": torn.members,
        "unstated": signed(torn.header, [sealed(it) for it in torn.plain], facts, closing),
        "cut": without(whole.members, "000001.m4s.age", "000001.jws"),
    }


def spelled(file: bytes) -> list[str]:
    """A file and the key that it is judged by, for a page."""
    return [base64.b64encode(it).decode() for it in (file, KEY.public.raw)]


def by_tab(page: Page, file: bytes) -> list[str]:
    """The texts of the sheet that the tab makes."""
    lines: list[str] = page.evaluate(SHEET, spelled(file)).splitlines()
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
        said[name] = row(by_tab(page, pack(members)), "Gaps stated by the camera")
        assert said[name] == row(
            by_command(tmp_path, pack(members)), "Gaps stated by the camera"
        ), name
    assert said["whole"] == "None. The footage is continuous from the first picture to the last."
    assert GAP_REASONS[FRAMES_LOST] in said["stated"]
    assert said["unstated"] == said["cut"] == "None."


def test_the_end_is_the_stop_and_the_length_goes_up_to_it(
    page: Page, recordings: dict[str, Members], tmp_path: Path
) -> None:
    for name in ("whole", "stopped", "stated", "unstated"):
        file = pack(recordings[name])
        tab, command = by_tab(page, file), by_command(tmp_path, file)
        assert row(tab, "End") == row(command, "End"), name
        length = row(tab, "Length").partition(", ")[0]
        facts = page.evaluate(FACTS, spelled(file))
        assert row(facts, "Length") == length, name
        if name == "stopped":
            stop = f"24 November 2026, 15:30:30 UTC; {END_REASONS['stop']}"
            assert (row(tab, "End"), length) == (stop, "0:31.000")
