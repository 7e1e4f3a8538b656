"""The visitor's own camera: from the page into a recording that verifies, opens, and has its
pictures in their order; and the film again, whatever ends it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.person import NARROW, WIDE, Person, browser, person
from tests.browser.visitor import FLAGS, clocks, is_visitor, pictures
from tests.system.harness import PATIENCE, BodyCamera, body_camera, now_us
from tests.waiting import until

pytestmark = pytest.mark.system

CONFIG = Path(__file__).parents[2] / "hw-mocks" / "bodycam.yaml"
BACK_SECONDS = 2.0
"""The film is back by then, whatever happened to the visitor's camera."""
FPS = 30
REFUSALS = {
    "NotAllowedError": "The browser did not let this page have the camera.",
    "NotFoundError": "This device has no camera",
    "NotReadableError": "The camera does not answer",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser(*FLAGS) as started:
        yield started


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodyCamera]:
    with body_camera(tmp_path_factory.mktemp("webcam"), CONFIG, page=True) as one:
        yield one


def told(one: Person, words: str) -> None:
    one.waits("w => document.getElementById('webcam-told').textContent.startsWith(w)", words)


def displays_the_visitor(camera: BodyCamera) -> bool:
    with urllib.request.urlopen(f"{camera.url}/api/display.jpg", timeout=10) as answer:
        picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    # Below are the words of the display.
    return is_visitor(np.asarray(picture[: picture.shape[0] // 2], np.uint8))


def waits_for_display(camera: BodyCamera, *, visitor: bool) -> None:
    until(lambda: displays_the_visitor(camera) is visitor, PATIENCE, f"visitor: {visitor}")


def film_comes_back(camera: BodyCamera, since_us: int) -> None:
    waits_for_display(camera, visitor=False)
    assert (now_us() - since_us) / 1e6 <= BACK_SECONDS


def switch_on(one: Person) -> None:
    one.page.locator("#webcam-toggle").click()
    told(one, "The body camera now films")


def test_a_visitor_sees_themselves_in_a_recording(
    chromium: Browser, camera: BodyCamera, tmp_path: Path
) -> None:
    with person(
        chromium, camera.url, "webcam", size=NARROW, scheme="dark", language="en-GB"
    ) as one:
        # Nothing is asked of the visitor's camera before they have agreed.
        page = one.page
        page.evaluate("""() => {
            const devices = navigator.mediaDevices;
            const ask = devices.getUserMedia.bind(devices);
            window.asked = 0;
            devices.getUserMedia = (wanted) => {
                window.asked += 1;
                return ask(wanted).then((stream) => (window.given = stream));
            };
        }""")
        page.locator("#webcam-name").click()
        page.get_by_text("and nowhere else").wait_for()
        one.sees("consent")
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        page.emulate_media(color_scheme="light")
        one.sees("consent-wide")
        assert page.evaluate("window.asked") == 0
        switch_on(one)
        one.sees("on")

        camera.press()
        camera.wait(stage="self_view")
        waits_for_display(camera, visitor=True)
        camera.press()
        camera.wait(stage="recording")
        camera.pass_time(4)
        recording = camera.stop()
        finding = camera.ask("POST", "/api/open", {"id": recording["id"]}).body
        assert finding["verdict"] == ("qualified" if recording["gaps"] else "authentic")

        film = tmp_path / "film.mp4"
        with urllib.request.urlopen(camera.url + finding["film"], timeout=10) as answer:
            film.write_bytes(answer.read())
        # From the press on: what was before may have been before the visitor agreed.
        live = pictures(film, FPS // 2)[int(recording["pre_event_seconds"] * 2) + 1 :]
        assert len(live) >= 8
        assert all(is_visitor(picture) for picture in live)
        shown = clocks(live, tmp_path)
        seconds = [at for at, _ in shown]
        numbers = [number for _, number in shown]
        assert seconds == sorted(set(seconds))
        assert numbers == sorted(set(numbers))
        # Half a second lies between them; how late each one was differs, by the machine's load.
        passed = (len(shown) - 1) / 2
        assert seconds[-1] - seconds[0] == pytest.approx(passed, abs=1.0)

        # One source at a time.
        with person(
            chromium, camera.url, "second", size=WIDE, scheme="light", language="en-GB"
        ) as other:
            other.page.locator("#webcam-name").click()
            other.page.locator("#webcam-toggle").click()
            told(other, "Another page already shows its camera.")
            for name, words in REFUSALS.items():
                other.page.evaluate(
                    """name => {
                        navigator.mediaDevices.getUserMedia = async () => {
                            throw new DOMException("", name);
                        };
                    }""",
                    name,
                )
                other.page.locator("#webcam-toggle").click()
                told(other, words)
            other.sees("refused")

        # A browser tells of a camera that is unplugged by an event of its track.
        camera.press()
        camera.wait(stage="self_view")
        waits_for_display(camera, visitor=True)
        since_us = now_us()
        page.evaluate("window.given.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        film_comes_back(camera, since_us)
        told(one, "Your camera is no longer there.")
        # Its light is out.
        assert page.evaluate("window.given.getTracks().map((one) => one.readyState)") == ["ended"]
        switch_on(one)
        waits_for_display(camera, visitor=True)
        since_us = now_us()
        one.page.locator("#webcam-toggle").click()
        film_comes_back(camera, since_us)
        switch_on(one)
        waits_for_display(camera, visitor=True)
    # The page is closed.
    film_comes_back(camera, now_us())


def test_everything_is_deleted_with_one_click(chromium: Browser, camera: BodyCamera) -> None:
    assert camera.recordings
    state = camera.state_dir
    sealed = [*(state / "camerad").rglob("*.tar"), *(state / "desk").glob("*.mp4")]
    assert len(sealed) >= 2
    with person(chromium, camera.url, "erase", size=WIDE, scheme="light", language="de-DE") as one:
        one.page.locator("#webcam-name").click()
        one.page.locator("#webcam-erase").click()
        told(one, "Alles ist gelöscht.")
        camera.wait(stage="idle", ready=True)
        one.waits_for_stage("Bereit")
        assert camera.recordings == []
        assert not any(path.exists() for path in sealed)
        one.sees("erased")
        # A browser says in the console that the connection broke.
        one.said = [
            line for line in one.said if "ERR_CONNECTION" not in line and "WebSocket" not in line
        ]
