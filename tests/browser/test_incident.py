"""One incident, several cameras: chosen on one time bar, opened for one reason, and seen side by
side in Debian's Chromium, at one time of day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import ONE, THREE, TWO, Camera, open_office
from evidence_helpers import HEIGHT, WIDTH
from playwright.sync_api import Browser, expect
from sealed_helpers import LOCKED, PASSPHRASE, altered, flipped, made, pack
from sqlalchemy import insert

from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE
from camerad.office.index import recording_query
from camerad.office.state.index_tables import recordings
from tests.browser.person import NARROW, Person, person
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.waiting import DEADLINE, until

FLAGS: Final = ("--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required")
SECOND: Final = "I" + "P" * 29
CLIP: Final = SECOND * 12
"""Twelve seconds. The second recording begins 2 s later, the third one 1 s later: all show one
clip, and each picture its number."""
LATER: Final = (0, 2, 1)
APART_S: Final = 0.08
"""How far pictures may be apart while they play: `APART_US` of pace.js."""
FRAME_S: Final = 1 / 30

VIDEOS: Final = "[...document.querySelectorAll('.together video')]"
SHOWN: Final = (
    """() => VIDEOS.map((video) => {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, WIDTH, HEIGHT);
  const { data } = context.getImageData(0, HEIGHT / 2, WIDTH, 1);
  let number = 0;
  for (let bit = 0; bit < 8; bit += 1) if (data[(bit * 16 + 8) * 4] > 128) number += 1 << bit;
  return number;
})""".replace("VIDEOS", VIDEOS)
    .replace("WIDTH", str(WIDTH))
    .replace("HEIGHT", str(HEIGHT))
)
"""The number of the picture that each of them shows."""
TIMES: Final = f"{VIDEOS}.map((video) => video.currentTime)"
READY: Final = (
    f"{VIDEOS}.length === 3 && {VIDEOS}.every((video) => video.readyState >= 2 && !video.seeking)"
)
STILL: Final = f"{VIDEOS}.every((video) => video.paused && !video.seeking)"
COVERED: Final = f"""(() => {{
  const {{ top }} = document.querySelector(".deck").getBoundingClientRect();
  return {VIDEOS}.map((one) => Math.max(0, Math.round(one.getBoundingClientRect().bottom - top)));
}})()"""
"""How much of each picture the deck hides."""
APART: Final = """async ([later, ms]) => {
  // How far apart the first and the last are, each time that a picture is drawn; and how many at
  // the most had no picture.
  const found = [];
  let away = 0;
  const until = performance.now() + ms;
  const [one, , other] = VIDEOS;
  while (performance.now() < until) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    away = Math.max(away, document.querySelectorAll(".together .away:not([hidden])").length);
    if (one.paused || other.paused || one.seeking || other.seeking) continue;
    found.push(Math.abs(one.currentTime - other.currentTime - later));
  }
  return [found, away];
}""".replace("VIDEOS", VIDEOS)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path, origin=free_origin()) as scene:
        camera = Camera(tmp_path / "camera")
        for recording, later in zip((ONE, TWO, THREE), LATER, strict=True):
            more = {"marks": (3_000_000,)} if recording == TWO else {}
            one = made(
                CLIP, identity=recording, first=30 * later, later_us=later * 1_000_000, **more
            )
            (camera.recordings / f"{recording}.tar").write_bytes(one.file)
        camera.offload(scene.office.directory)
        with open_office(scene.office.directory, scene.office.office_key, scene.clock) as store:
            store.reconcile()
        scene.index.refresh()
        # Somebody who can write to the office's disk has changed one since.
        one = made(CLIP, identity=THREE, first=30, later_us=1_000_000)
        changed = altered(one.members, "000009.m4s.age", lambda data: flipped(data, 300))
        (path,) = scene.office.directory.glob(f"*/recordings/{THREE}.tar")
        path.chmod(0o600)
        path.write_bytes(pack(changed))
        scene.add("desk", DeskRole.DESK)
        yield scene


def shown(one: Person) -> list[int]:
    """The numbers of the pictures, once all stand still."""
    until(lambda: one.page.evaluate(STILL), DEADLINE, "they stand still")
    numbers: list[int] = one.page.evaluate(SHOWN)
    return numbers


def apart(numbers: list[int]) -> int:
    """How many pictures lie between the first two."""
    return abs((numbers[0] - numbers[1] + 128) % 256 - 128)


def opens(one: Person, scene: DeskScene) -> None:
    page = one.page
    cookie = {"name": COOKIE, "value": scene.signed_in("desk").cookie, "url": scene.origin}
    more: Any = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
    page.context.add_cookies([cookie | more])
    page.goto(f"{scene.origin}/#recording/{ONE}")
    page.reload()
    page.get_by_role("link", name="See them side by side").click()
    expect(page.get_by_role("checkbox")).to_have_count(3)
    # One camera made all three: only the one that was come from is chosen.
    expect(page.get_by_role("button", name="See them side by side")).to_be_disabled()
    for box in page.get_by_role("checkbox").all():
        box.check()
    one.sees("chosen")
    page.get_by_role("button", name="See them side by side").click()
    page.get_by_label("Reason").fill("Az. 32-5/2026")
    page.locator("dialog button.main").click()


def gives_key(one: Person) -> None:
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": LOCKED}
    form = ".camerad-player.together > form"
    one.page.set_input_files(f"{form} input[type=file]", files=[chosen])
    one.page.fill(f"{form} input[type=password]", PASSPHRASE)
    one.page.click(f"{form} button")


def test_three_recordings_of_one_time_are_seen_side_by_side(
    chromium: Browser, scene: DeskScene
) -> None:
    how: Any = {"size": (1280, 900), "scheme": "light", "language": "en-GB"}
    with person(chromium, f"{scene.origin}/#%", "incident", **how) as one:
        one.origin = scene.origin
        opens(one, scene)
        page = one.page
        gives_key(one)
        expect(page.locator(".together .panel")).to_have_count(3)
        assert [facts.id for facts in scene.kinds("viewed")] == [ONE, THREE, TWO]
        assert {facts.reason for facts in scene.kinds("viewed")} == {"Az. 32-5/2026"}

        # What was changed is said to be, and is not shown before somebody asks for what is proven.
        bad = page.locator(".together .panel").nth(1)
        expect(bad.locator(".verdict strong")).to_have_text("NOT authentic")
        others = page.locator(".together .panel .verdict.good")
        expect(others).to_have_count(2)
        expect(bad.locator(".stage")).to_be_hidden()
        bad.get_by_role("button", name="Play the proven part").click()
        expect(bad.locator(".frame")).to_be_visible()

        # All begin where the last one does, at one picture.
        until(lambda: page.evaluate(READY), DEADLINE, "all have a picture")
        first = shown(one)
        assert first == [60, 60, 60]
        assert page.evaluate(TIMES) == pytest.approx([2, 1, 0], abs=0.01)
        # What was chosen is folded, and whoever plays them sees the pictures.
        expect(page.get_by_role("checkbox").first).to_be_hidden()
        play = page.locator(".together .play")
        expect(play).to_be_in_viewport(ratio=1)
        expect(page.locator(".together video").first).to_be_in_viewport(ratio=1)
        one.sees("side-by-side")

        # Picture by picture, all of them; a shift by pictures; back.
        page.locator(".together .bar.wall").focus()
        page.keyboard.press(".")
        until(lambda: page.evaluate(SHOWN) == [61, 61, 61], DEADLINE, "the next picture of each")
        last = page.locator(".together .panel").nth(2)
        last.get_by_role("button", name="to earlier").click()
        until(lambda: page.evaluate(SHOWN) == [61, 61, 62], DEADLINE, "the last is one picture on")
        expect(last.locator(".shifted")).to_have_text("−1 picture (33 ms)")
        last.get_by_role("button", name="to later").click()
        until(lambda: page.evaluate(SHOWN) == [61, 61, 61], DEADLINE, "as before")

        # A seek on the common bar; whoever has no picture there says so.
        page.locator(".together .bar.wall").focus()
        page.keyboard.press("Home")
        expect(page.locator(".together .away:visible")).to_have_count(2)
        until(lambda: page.evaluate(SHOWN)[0] == 0, DEADLINE, "the first one's first picture")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".together .away:visible")).to_have_count(0)
        until(lambda: page.evaluate(SHOWN) == [150, 150, 150], DEADLINE, "all are at 5 s")

        # They play together, and stop at one picture. The changed one has none from 5.5 to 6 s.
        page.keyboard.press("Space")
        until(lambda: not page.evaluate(STILL), DEADLINE, "they play")
        seen, away = page.evaluate(APART, [2, 3000])
        page.keyboard.press("Space")
        stopped = shown(one)
        assert (len(seen) > 20, away) == (True, 1)
        assert sorted(seen)[len(seen) * 95 // 100] <= APART_S, max(seen)
        assert apart(stopped[::2]) <= 1
        # Behind what is missing all go on.
        assert stopped[0] > 190 and stopped[1] == stopped[0]

        page.set_viewport_size({"width": 1366, "height": 768})
        page.locator(".together").evaluate("(one) => one.scrollIntoView({ block: 'start' })")
        assert page.evaluate(COVERED) == [0, 0, 0], "pixels of pictures below what plays them"
        page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        one.sees("narrow")


def test_more_of_that_time_than_a_page_is_said_and_comes_when_asked_for(
    chromium: Browser, scene: DeskScene
) -> None:
    (its,) = scene.index.ask(recording_query.about, ONE)
    rows = [
        {**its.columns, "id": f"20261124T153000Z-{number:06d}-0000000a", "camera": f"more-{number}"}
        for number in range(60)
    ]
    # Of one that was deleted nobody knows more than when it began.
    gone = {
        **its.columns,
        "id": "20261124T153005Z-000090-0000000b",
        "at_us": its.columns["at_us"] + 5_000_000,
        "state": "deleted",
        "began_us": None,
        "ended_us": None,
        "length_us": None,
    }
    with scene.index._database.writing() as connection:
        connection.execute(insert(recordings), [gone, *rows])
    how: Any = {"size": (1280, 900), "scheme": "light", "language": "en-GB"}
    with person(chromium, f"{scene.origin}/#%", "incident-more", **how) as one:
        one.origin = scene.origin
        cookie = {"name": COOKIE, "value": scene.signed_in("desk").cookie, "url": scene.origin}
        more: Any = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
        page = one.page
        page.context.add_cookies([cookie | more])
        page.goto(f"{scene.origin}/#recording/{ONE}")
        page.reload()
        beside = page.get_by_role("listitem").filter(has=page.locator(f"a[href$='{gone['id']}']"))
        expect(beside).to_have_text(re.compile(r"^24/11/2026, \d\d:30:05 · cam-1 · – deleted$"))
        page.goto(f"{scene.origin}/#incident/{ONE}")
        expect(page.get_by_text(re.compile("5[01] are shown. There are more"))).to_be_visible()
        chosen = page.get_by_role("checkbox", checked=True)
        expect(chosen).to_have_count(4)
        before = [box.get_attribute("value") for box in chosen.all()]
        one.sees("more")
        page.get_by_role("button", name="More").click()
        expect(page.get_by_role("checkbox")).to_have_count(3 + 60)
        expect(page.get_by_role("button", name="More")).to_be_hidden()
        expect(page.get_by_text("There are more")).to_be_hidden()
        assert [box.get_attribute("value") for box in chosen.all()] == before
