"""The documents' pictures of pages, drawn anew.

    python -m tests.browser.pictures

runs the camera of `make run`, has a person record, and writes docs/pictures/press.gif, from the
first press to red; desk-recordings.png, where the office sees what the camera brought; and
report.png, the first page of a report. Look at all of them afterwards. Raises what the page's tests
raise if a step does not come about, or if anything goes wrong in the page.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser
from report_demo import make_page

from camerad.base.words import words_in
from tests.browser.person import Person, browser, person
from tests.system.harness import OF_MAKE_RUN, BodyCamera, body_camera
from tests.system.test_dock import docked, handed_over
from tests.waiting import DEADLINE, until

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"
TOP: Final[Any] = {"x": 0, "y": 0, "width": 1280, "height": 850}
"""Of a page that is mostly empty."""
FILM: Final = (1280, 620)
"""The page's upper part: the camera, and what it tells."""
FRAME_MS: Final = 250
"""For how long each picture of the film is shown; it is taken as often."""


def draw_film(chromium: Browser, camera: BodyCamera, directory: Path) -> None:
    """The moving picture: idle, a press, self-view, a press, red."""
    taken: list[Path] = []

    def film(one: Person, seconds: int) -> None:
        for _ in range(seconds * 1_000 // FRAME_MS):
            taken.append(directory / f"{len(taken):03}.png")
            one.page.screenshot(path=taken[-1])
            one.page.wait_for_timeout(FRAME_MS)

    with person(
        chromium, camera.url, "film", size=FILM, scheme="light", language="en-GB", motion=True
    ) as one:
        button = one.page.locator("#button-main")
        one.waits_for_stage("Idle")
        film(one, 2)
        button.click(delay=100)
        one.waits_for_stage("Self-view")
        one.waits_for_moving_display()
        film(one, 4)
        button.click(delay=100)
        one.waits_for_light("red", on=True)
        film(one, 5)
    camera.stop()
    camera.wait(stage="idle")
    save_film(taken, PICTURES / "press.gif")


def save_film(taken: list[Path], target: Path) -> None:
    """Write pictures as one that moves, at half their size, with one choice of colours for all."""
    pictures = []
    for path in taken:
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB").resize((FILM[0] // 2, FILM[1] // 2)))
    sheet = Image.new("RGB", (FILM[0] // 2, FILM[1] // 2 * 3))
    for place, number in enumerate((0, len(pictures) // 2, -1)):
        sheet.paste(pictures[number], (0, FILM[1] // 2 * place))
    # An octree keeps the few points of a lit lamp.
    colours = sheet.quantize(256, Image.Quantize.FASTOCTREE)
    first, *others = [one.quantize(palette=colours, dither=Image.Dither.NONE) for one in pictures]
    first.save(
        target, save_all=True, append_images=others, duration=FRAME_MS, loop=0, optimize=True
    )


def draw_desk(chromium: Browser, camera: BodyCamera) -> None:
    """The office's page: what its camera brought."""
    docked(camera)
    until(lambda: handed_over(camera, 1), DEADLINE, "the recording is handed over")
    page = chromium.new_page(viewport={"width": 1280, "height": 1180}, locale="en-GB")
    page.goto(f"{camera.url}/office/desk")
    page.get_by_role("button", name="Sign in once without a passkey").click()
    page.get_by_role("heading", name="Recordings").wait_for()
    # The index has it some seconds later.
    until(lambda: page.reload() and page.get_by_role("row").count() > 1, DEADLINE, "it is listed")
    page.screenshot(path=PICTURES / "desk-recordings.png", clip=TOP)
    page.close()


def draw_report(chromium: Browser, directory: Path) -> None:
    """The first page of the report of a made-up year."""
    path = directory / "report.html"
    path.write_bytes(make_page(directory, words_in("en")))
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
        draw_film(chromium, camera, Path(directory))
        draw_desk(chromium, camera)
        draw_report(chromium, Path(directory))


if __name__ == "__main__":
    main()
