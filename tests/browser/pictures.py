"""The README's pictures of the page, drawn anew: a recording on a desktop, and one on a phone.

    python -m tests.browser.pictures

runs the camera of `make run`, has a person record, and writes docs/pictures/page.png and phone.png;
desk-recordings.png, where the office sees what the camera brought; desk-held.png and
desk-later.png, of a day at an office (`tests/browser/test_office_day.py`); and report.png, the
first page of a report. Whoever does so looks at all of them afterwards. Raises what the page's
tests raise if a step does not come about, or if anything goes wrong in the page.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser
from report_demo import make_page

from camerad.office.report.report_english import ENGLISH_REPORT
from tests.browser import test_office_day
from tests.browser.person import SCREENSHOTS, Person, browser, person
from tests.system.harness import OF_MAKE_RUN, BodyCamera, body_camera
from tests.system.test_dock import docked, handed_over
from tests.waiting import DEADLINE, until

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"
DESKTOP: Final = (1920, 1080)
PHONE: Final = (360, 740)
AHEAD_MS: Final = 9_000
"""How long self-view shows, so that the recording has something from before the press."""
TOP: Final[Any] = {"x": 0, "y": 0, "width": 1280, "height": 850}
"""Of a page that is mostly empty."""
TAKEN: Final = {
    "day-en-clerk-6-held.jpg": "desk-held.png",
    "day-en-clerk-12-later.jpg": "desk-later.png",
}
"""Steps of the day, and what their pictures are called in the documents."""
LENGTH: Final = 8
"""Seconds of the recording when its picture is taken; its rhythm has been felt by then."""


def record(one: Person, stages: tuple[str, str, str]) -> None:
    """Go from idle to a recording with the big button, and wait until it is some seconds long.

    stages: what the page calls the three.
    """
    idle, view, recording = stages
    button = one.page.locator("#button-main")
    one.waits_for_stage(idle)
    button.click(delay=100)
    one.waits_for_stage(view)
    one.waits_for_moving_display()
    one.waits(
        """ms => {
            globalThis.since ??= performance.now();
            return performance.now() - globalThis.since > ms;
        }""",
        AHEAD_MS,
    )
    button.click(delay=100)
    one.waits_for_stage(recording)
    one.waits_for_light("red", on=True)
    one.waits(
        r"""least => {
            const told = document.getElementById("elapsed").textContent.match(/(\d+):(\d\d)/);
            return told !== null && 60 * Number(told[1]) + Number(told[2]) >= least;
        }""",
        LENGTH,
    )
    # Nothing is pointed at.
    one.page.mouse.move(0, 0)


def draw(chromium: Browser, camera: BodyCamera) -> None:
    """Take both pictures, one after the other."""
    with person(
        chromium,
        camera.url,
        "picture",
        size=DESKTOP,
        scheme="light",
        language="en-GB",
        motion=True,
    ) as one:
        record(one, ("Idle", "Self-view", "Recording"))
        one.page.screenshot(path=PICTURES / "page.png")
    camera.stop()
    camera.wait(stage="idle")
    with person(
        chromium,
        camera.url,
        "picture",
        size=PHONE,
        scheme="dark",
        language="de-DE",
        touch=True,
        motion=True,
    ) as one:
        record(one, ("Bereit", "Spiegel", "Aufzeichnung"))
        one.page.screenshot(path=PICTURES / "phone.png")
    camera.stop()


def draw_desk(chromium: Browser, camera: BodyCamera) -> None:
    """The office's page: what its camera brought."""
    docked(camera)
    until(lambda: handed_over(camera, 2), DEADLINE, "the recordings are handed over")
    page = chromium.new_page(viewport={"width": 1280, "height": 1180}, locale="en-GB")
    page.goto(f"{camera.url}/office/desk")
    page.get_by_role("button", name="Sign in once without a passkey").click()
    page.get_by_role("heading", name="Recordings").wait_for()
    # The index has them some seconds later.
    until(
        lambda: page.reload() and page.get_by_role("row").count() > 2, DEADLINE, "they are listed"
    )
    page.screenshot(path=PICTURES / "desk-recordings.png", clip=TOP)
    page.close()


def draw_day(directory: Path) -> None:
    """The office's page on a day: a recording that is viewed and held; and two weeks later."""
    with (
        tempfile.TemporaryDirectory(prefix="day-") as sockets,
        browser(*test_office_day.FLAGS) as chromium,
    ):
        day = test_office_day.Day(directory, Path(sockets))
        try:
            test_office_day.live(chromium, day, directory, "en-GB")
        finally:
            day.office.stop()
    for taken, name in TAKEN.items():
        shrink(SCREENSHOTS / taken, PICTURES / name)


def shrink(source: Path, target: Path) -> None:
    """Write a picture with 256 colours, at a fraction of its size."""
    with Image.open(source) as picture:
        picture.convert("RGB").quantize(256).save(target, optimize=True)


def draw_report(chromium: Browser, directory: Path) -> None:
    """The first page of the report of a made-up year."""
    path = directory / "report.html"
    path.write_bytes(make_page(directory, ENGLISH_REPORT))
    page = chromium.new_page(viewport={"width": 794, "height": 1123}, device_scale_factor=1.5)
    page.goto(path.as_uri())
    page.screenshot(path=PICTURES / "report.png")
    page.close()


def main() -> None:
    """Draw them."""
    with (
        tempfile.TemporaryDirectory() as directory,
        body_camera(Path(directory), OF_MAKE_RUN, page=True, options=("--office",)) as camera,
        browser() as chromium,
    ):
        draw(chromium, camera)
        draw_desk(chromium, camera)
        draw_report(chromium, Path(directory))
    with tempfile.TemporaryDirectory() as directory:
        draw_day(Path(directory))


if __name__ == "__main__":
    main()
