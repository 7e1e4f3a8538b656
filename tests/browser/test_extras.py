"""The parts above the camera. The visitor's own camera: from the page into a recording that
verifies, opens, and has its pictures in their order; and the film again, however it ends. The
course: steps that tick themselves off by what happened, exercises, and a protocol.

Every test begins with a camera that is idle, whichever ran before it, and records what it needs.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hw_mocks.microphone import RATE
from hw_mocks.sim.faults import FAULTS
from hw_mocks.sound import decode, speech
from playwright.sync_api import Browser

from camerad.behaviour.stages import Condition
from tests.breadth import CAMPAIGN, breadth, campaign
from tests.browser.person import NARROW, SCREENSHOTS, WIDE, Person, person
from tests.browser.visitor import FLAGS as VISITOR
from tests.browser.visitor import beeping, clocks, is_visitor, pictures
from tests.system.harness import PATIENCE, BodyCamera, body_camera, now_us, of_make_run
from tests.waiting import DEADLINE, until

pytestmark = [pytest.mark.system, pytest.mark.campaign]

FLAGS = VISITOR
"""Chromium has a fake camera."""
ROOT = Path(__file__).parents[2]
SIZE = breadth((640, 480), (1280, 720))
"""Of the camera's pictures and the visitor's: both are sizes that Chromium's fake camera has, so
that no edge is cut off, and its clock is as large in each."""
BACK_SECONDS = 2.0
"""The film is back by then, whatever happened to the visitor's camera."""
PAUSE_US = 500_000
"""Ten times what lies between two pictures. A browser that waits for a processor sends neither
pictures nor sound, and the film is back in their place after a second: nobody's mistake."""
SETTLED_US = 1_000_000
"""So long after a pause nothing is under way any more that is from before it."""
UNSURE_US = 200_000
"""How exactly it is known where in the film an instant is, and by how much sound is delayed."""
HALF_US = 500_000
LOOKS = 8
"""At so many instants, half a second apart, the recording is to have pictures that are judged."""
FPS = 30
REFUSALS = {
    "NotAllowedError": "The browser did not let this page have the camera.",
    "NotFoundError": "This device has no camera",
    "NotReadableError": "The camera does not answer",
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodyCamera]:
    directory = tmp_path_factory.mktemp("webcam")
    size = {"width": SIZE[0], "height": SIZE[1]}
    with body_camera(directory, of_make_run(directory, camera=size), page=True) as one:
        yield one


@pytest.fixture
def camera(started: BodyCamera) -> BodyCamera:
    """One camera for all, idle whatever another test left."""
    stage = started.state["stage"]
    if stage == "recording":
        started.stop()
    elif stage == "self_view":
        started.press("display")
    started.wait(stage="idle", ready=True)
    return started


def told(one: Person, words: str) -> None:
    one.waits("w => document.getElementById('webcam-told').textContent.startsWith(w)", words)


def displays_the_visitor(camera: BodyCamera) -> bool:
    with urllib.request.urlopen(f"{camera.url}/api/display.jpg", timeout=DEADLINE) as answer:
        picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    # Below are the words of the display.
    return is_visitor(np.asarray(picture[: picture.shape[0] // 2], np.uint8))


def waits_for_display(camera: BodyCamera, *, visitor: bool) -> None:
    until(lambda: displays_the_visitor(camera) is visitor, PATIENCE, f"visitor: {visitor}")


def film_comes_back(camera: BodyCamera) -> None:
    """The film is back soon after the simulator saw the visitor's page go: a browser that waits for
    a processor may let go of its camera later than it was told to."""

    def ended_us() -> int | None:
        told = camera.ask("GET", "/api/webcam").body
        return None if told["feeding"] else told["ended_us"]

    since_us = until(ended_us, PATIENCE, "the page sends no more")
    waits_for_display(camera, visitor=False)
    assert (now_us() - since_us) / 1e6 <= BACK_SECONDS


def pauses(camera: BodyCamera) -> list[tuple[int, int]]:
    """From when to when, in media time, no picture of the visitor came for longer than PAUSE_US.
    Before the first and since the newest none has come either."""
    shown_us = camera.ask("GET", "/api/webcam").body["shown_us"]
    instants = [0, *shown_us, now_us()]
    return [(begin, end) for begin, end in pairwise(instants) if end - begin > PAUSE_US]


def came(without: list[tuple[int, int]], from_us: float, to_us: float) -> bool:
    """Whether the visitor's pictures came all through a stretch of media time, and came for so long
    before that what was late is past."""
    return not any(
        begin < to_us + UNSURE_US and end > from_us - SETTLED_US for begin, end in without
    )


def switch_on(one: Person) -> None:
    one.page.locator("#webcam-toggle").click()
    told(one, "The body camera now films")


@pytest.mark.breadth
def test_a_visitor_sees_themselves_in_a_recording(
    chromium: Browser, camera: BodyCamera, tmp_path: Path
) -> None:
    with person(
        chromium, camera.url, "webcam", size=NARROW, scheme="dark", language="en-GB"
    ) as one:
        # Nothing is asked of the visitor's camera before they have agreed.
        page = one.page
        page.evaluate(
            """([width, height]) => {
            const devices = navigator.mediaDevices;
            const ask = devices.getUserMedia.bind(devices);
            window.asked = 0;
            devices.getUserMedia = (wanted) => {
                window.asked += 1;
                const sized = { ...wanted, video: { ...wanted.video, width, height } };
                return ask(sized).then((stream) => (window.given = stream));
            };
        }""",
            SIZE,
        )
        page.locator("#webcam-name").click()
        page.get_by_text("and nowhere else").wait_for()
        one.sees("consent")
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        page.emulate_media(color_scheme="light")
        if CAMPAIGN:
            one.sees("consent-wide")
        assert page.evaluate("window.asked") == 0
        page.locator("#webcam-sound").check()
        switch_on(one)
        told(one, "The body camera now films the picture of your camera and hears your microphone.")
        one.sees("on")

        camera.press()
        camera.wait(stage="self_view")
        waits_for_display(camera, visitor=True)
        pressed_us = camera.press()["down_us"]
        camera.wait(stage="recording")

        def comes_for_long() -> bool:
            without = pauses(camera)
            instants = range(pressed_us, now_us(), HALF_US)
            return sum(came(without, at_us, at_us) for at_us in instants) >= LOOKS

        until(comes_for_long, PATIENCE, "the visitor's pictures come", pause=0.2)
        recording = camera.stop()
        without = pauses(camera)
        began_us = pressed_us - recording["pre_event_seconds"] * 1e6
        finding = camera.ask("POST", "/api/open", {"id": recording["id"]}).body
        assert finding["verdict"] == ("qualified" if recording["gaps"] else "authentic")

        film = tmp_path / "film.mp4"
        with urllib.request.urlopen(camera.url + finding["film"], timeout=DEADLINE) as answer:
            film.write_bytes(answer.read())
        # The visitor's microphone beeps; what is heard in its place, speech, never does.
        sound, rate = decode(film)
        assert len(sound) >= 3 * rate
        heard = [
            sound[second * rate :][:rate]
            for second in range(len(sound) // rate)
            if came(without, began_us + second * 1e6, began_us + (second + 1) * 1e6)
        ]
        assert beeping(np.concatenate(heard), rate) > 0.7
        assert beeping(speech().heard(np.arange(10 * RATE) / RATE), RATE) == 0
        # From the press on: what was before may have been before the visitor agreed.
        first = int(recording["pre_event_seconds"] * 2) + 1
        live = {
            number: picture
            for number, picture in enumerate(pictures(film, FPS // 2))
            if number >= first and came(without, at := began_us + number * HALF_US, at)
        }
        assert len(live) >= 6
        assert all(is_visitor(picture) for picture in live.values())
        shown = clocks(live.values(), tmp_path)
        seconds = [at for at, _ in shown]
        numbers = [number for _, number in shown]
        # One may be there again while a busy machine makes no other; none comes after a later one.
        assert seconds == sorted(seconds)
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > len(numbers) / 2
        # Half a second lies between them; how late each one was differs, by the machine's load.
        passed = (max(live) - min(live)) / 2
        assert seconds[-1] - seconds[0] == pytest.approx(passed, abs=1.0)

        # One source at a time.
        with person(
            chromium, camera.url, "second", size=NARROW, scheme="light", language="en-GB"
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
            if CAMPAIGN:
                other.sees("refused")

        # A browser tells of a camera that is unplugged by an event of its track.
        camera.press()
        camera.wait(stage="self_view")
        waits_for_display(camera, visitor=True)
        page.evaluate("window.given.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        film_comes_back(camera)
        told(one, "Your camera is no longer there.")
        # Its light is out.
        states = page.evaluate("window.given.getTracks().map((one) => one.readyState)")
        assert states == ["ended", "ended"]
        switch_on(one)
        waits_for_display(camera, visitor=True)
        one.page.locator("#webcam-toggle").click()
        film_comes_back(camera)
        switch_on(one)
        waits_for_display(camera, visitor=True)
    # The page is closed.
    film_comes_back(camera)


def steps(one: Person) -> list[str]:
    """How each step came out, of those that are done."""
    found = one.page.locator("#course .steps li strong").all_text_contents()
    return [text.strip() for text in found]


GIVEN_AWAY = """() => {
  const telling = ["cue", "conditions", "elapsed", "voice"].filter((id) => {
    const element = document.getElementById(id);
    return element.textContent !== "" && element.checkVisibility();
  });
  const panels = [".past", ".recordings", ".faults", "#keys"].filter(
    (one) => document.querySelector(one).checkVisibility()
  );
  const hint = document.getElementById("hint").textContent;
  return [...telling, ...panels, ...(hint.includes("einer Übung") ? [] : [hint])];
}"""
"""What tells more than the camera does."""


def waits_for_steps(one: Person, count: int) -> None:
    one.waits("n => document.querySelectorAll('#course .steps li strong').length === n", count)


@pytest.mark.campaign
@pytest.mark.breadth
def test_the_first_minute_ticks_itself_off_by_what_happened(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium, camera.url, "minute", size=NARROW, scheme="dark", language="en-GB"
    ) as one:
        page = one.page
        page.locator("#course-name").click()
        page.locator("#scenario-minute").click()
        if CAMPAIGN:
            one.sees("chosen")
        page.locator("#course-begin").click()
        # A press that somebody else makes counts as well: it is what the camera does that counts.
        camera.press()
        waits_for_steps(one, 1)
        # Somebody who marks before they record has set no mark.
        camera.press()
        waits_for_steps(one, 2)
        camera.wait(stage="recording")
        camera.press()
        waits_for_steps(one, 3)
        if CAMPAIGN:
            one.sees("marked")
        recording = camera.stop()
        waits_for_steps(one, 4)
        assert recording["marks"]
        page.locator(f"[id='recording-{recording['id']}']").get_by_role(
            "button", name="Open"
        ).click()
        waits_for_steps(one, 5)
        assert steps(one) == ["right"] * 5
        page.get_by_text("Over: 5 of 5 steps done").wait_for()

        # One byte of a copy is changed, which is found; the recording stays as it was.
        row = page.locator(f"[id='recording-{recording['id']}']")
        row.get_by_role("button", name="Change one byte").click()
        row.get_by_text("Not authentic.").wait_for()
        row.get_by_text("the recording itself is as it was").wait_for()
        row.get_by_text("changed since it was signed").wait_for()
        one.sees("changed")
        row.get_by_role("button", name="Verify").click()
        row.get_by_text("Authentic").wait_for()


@pytest.mark.breadth
def test_an_exercise_that_the_address_names_and_its_protocol(
    chromium: Browser, camera: BodyCamera
) -> None:
    address = f"{camera.url}/?scenario=silent"
    with person(
        chromium, address, "exercise", size=NARROW, scheme="light", language="de-DE"
    ) as one:
        page = one.page
        page.locator("#course-begin").click()
        camera.press("main", 1.3)
        waits_for_steps(one, 1)
        assert page.locator(".steps [aria-current]").evaluate("one => one.value") == 2
        # What goes wrong is part of the exercise, and seen by everybody.
        waits_for_steps(one, 2)
        assert "microphone_down" in camera.state["conditions"]
        # Nothing but the camera says what it felt like, or what to do.
        assert page.evaluate(GIVEN_AWAY) == []
        one.sees("asked")
        page.locator(".question button").nth(0).click()
        waits_for_steps(one, 3)
        # The right answer stands beside a wrong one, and what is the matter is told again.
        wrong = page.locator("#course .steps li.wrong")
        assert "Richtig: Es zeichnet ohne Ton auf" in (wrong.text_content() or "")
        page.locator("#conditions").get_by_text("Mikrofon gestört").wait_for()
        one.sees("answered")
        page.locator("#course-help").click()
        assert "Richtig: Große Taste" in (
            page.locator("#course .steps [aria-current]").text_content() or ""
        )
        camera.stop()
        waits_for_steps(one, 4)
        assert steps(one) == ["richtig", "richtig", "falsch", "mit Hilfe"]
        # It ends with the exercise.
        switch = "[aria-labelledby~='fault-microphone_gone']"
        one.waits("s => document.querySelector(s).ariaChecked === 'false'", switch)
        page.emulate_media(media="print")
        page.screenshot(path=SCREENSHOTS / "exercise-printed.png")
        assert page.locator("#protocol tbody tr").count() == 4
        assert page.locator("#protocol").is_visible()
        panels = (
            ".stand",
            ".telling",
            ".now",
            ".past",
            ".recordings",
            ".faults",
            "header",
            "#webcam",
        )
        for hidden in (*panels, "#course-begin", "#scenario-cut"):
            assert not page.locator(hidden).is_visible(), hidden
        page.emulate_media(media="screen")

        # In the other language, and one that nobody made.
        page.get_by_role("button", name="English").click()
        assert steps(one) == ["right", "right", "wrong", "with help"]
        page.goto(f"{camera.url}/?scenario=nonsense")
        page.get_by_text("There is no exercise").wait_for()
        if CAMPAIGN:
            one.sees("unknown")


@pytest.mark.breadth
@pytest.mark.parametrize(
    "name",
    [*map(campaign, ("muting", "marks", "sudden", "full", "silent", "light", "cut"))],
)
def test_an_exercise_is_played_to_its_end(chromium: Browser, camera: BodyCamera, name: str) -> None:
    """Every step by what a hand does, all of them right, and nothing goes wrong afterwards."""
    address = f"{camera.url}/?scenario={name}"
    with person(chromium, address, name, size=NARROW, scheme="dark", language="en-GB") as one:
        page = one.page
        played = page.evaluate(
            "async (id) => (await import('/page/scenarios.js')).scenario(id).steps", name
        )
        page.locator("#course-begin").click()
        for number, step in enumerate(played, 1):
            wants = step.get("wants")
            if "ask" in step:
                page.locator(".question button").nth(step["right"]).click()
            elif wants in ("self_view", "mark") or step.get("from") == "self_view":
                camera.press()
            elif wants in ("muted", "unmuted"):
                camera.press_and_hold()
            elif wants == "recording" and step.get("from") != "starting":
                camera.press("main", 1.3)
            elif wants == "stopped":
                camera.stop()
            elif wants == "verified":
                row = page.locator("#list > li").first
                row.get_by_role("button", name="Verify").click()
            waits_for_steps(one, number)
        assert steps(one) == ["right"] * len(played)
        one.waits("() => document.getElementById('all-off').ariaDisabled === 'true'")


STROKES = re.compile(r"\b(lang|kurz|long|short)\b|[•▬]")
"""Words of a rhythm, which name no meaning."""
CARD = {
    "full": {"de": "displaytaste 1 sekunde halten und lesen", "en": "for 1 second, and read"},
    "silent": {"de": "zeichnet ohne ton auf", "en": "records without sound"},
    "light": {"de": "aufzeichnung selbst ansagen", "en": "say aloud that you record"},
}
"""What the right answer has in common with the officer's card."""


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_course_says_what_the_card_says(
    chromium: Browser, camera: BodyCamera, language: str
) -> None:
    page = chromium.new_page()
    page.goto(f"{camera.url}/page/icon.svg")
    questions, rights = page.evaluate(
        """async (language) => {
            const { SCENARIOS } = await import("/page/scenarios.js");
            const { courseWords } = await import("/page/course-texts.js");
            const { speak } = await import("/page/words.js");
            speak(language);
            const asked = SCENARIOS.flatMap((one) => one.steps).filter((step) => step.ask);
            const rights = Object.fromEntries(asked.map((step) => [step.ask, step.right]));
            return [courseWords().questions, rights];
        }""",
        language,
    )
    page.close()
    card = (ROOT / "docs" / f"officer-{language}.md").read_text().lower()
    for name, words in CARD.items():
        right = questions[name]["answers"][rights[name]].lower()
        assert words[language] in right
        assert words[language] in card
    # What was felt is not spelled out, where what it says is asked.
    for name in ("silent", "light"):
        asked = [questions[name]["question"], *questions[name]["answers"]]
        assert [text for text in asked if STROKES.search(text.lower())] == []


def test_every_exercise_can_be_played_and_has_words(chromium: Browser, camera: BodyCamera) -> None:
    with person(chromium, camera.url, "data", size=NARROW, scheme="light", language="en-GB") as one:
        told = one.page.evaluate(
            """async () => {
                const { SCENARIOS } = await import("/page/scenarios.js");
                const { courseWords } = await import("/page/course-texts.js");
                const { LANGUAGES, speak } = await import("/page/words.js");
                const tasks = LANGUAGES.map((one) => (speak(one), courseWords().scenarios));
                return { scenarios: SCENARIOS, questions: courseWords().questions, tasks };
            }"""
        )
        scenarios = told["scenarios"]
        assert [one["id"] for one in scenarios] == [*told["tasks"][0]]
        assert len(scenarios) >= 5
        facts = {"self_view", "recording", "mark", "stopped", "opened", "verified", "condition"}
        facts |= {"muted", "unmuted", "felt"}
        for scenario in scenarios:
            assert len(scenario["steps"]) == len(told["tasks"][0][scenario["id"]]["steps"])
            for place, step in enumerate(scenario["steps"]):
                # Nobody is late who was not told of a limit.
                for words in told["tasks"]:
                    announced = "{within}" in words[scenario["id"]]["steps"][place]
                    assert announced == ("within" in step), step
                assert ("ask" in step) != (step.get("wants") in facts), step
                if "ask" in step:
                    assert len(told["questions"][step["ask"]]["answers"]) == step["answers"]
                    assert 0 <= step["right"] < step["answers"]
                if step.get("wants") in ("condition", "felt"):
                    assert step["name"] in {one.value for one in Condition}
                if "fault" in step:
                    assert step["fault"]["name"] in FAULTS

        # Late, another way, and facts from before the exercise.
        results = one.page.evaluate(
            """async () => {
                const { Exercise, Facts } = await import("/page/exercise.js");
                const { scenario } = await import("/page/scenarios.js");
                const played = new Exercise(scenario("sudden"), 1e6);
                const taken = [
                    played.take({ what: "recording", from: "idle", atUs: 0 }),
                    played.take({ what: "mark", atUs: 2e6 }),
                    played.take({ what: "recording", from: "self_view", atUs: 2e6 }),
                    played.take({ what: "stopped", atUs: 40e6 }),
                    played.take({ what: "stopped", atUs: 41e6 }),
                    played.answer(0, 42e6),
                ];
                // By holding, self-view is passed over, and a stop passes over the mark.
                const minute = new Exercise(scenario("minute"), 1e6);
                minute.take({ what: "recording", from: "idle", atUs: 3e6 });
                minute.take({ what: "stopped", atUs: 8e6 });
                const facts = new Facts();
                const state = (stage, since_us, marks, muted = false, conditions = []) => {
                    const recording = since_us === undefined ? null : { since_us, marks };
                    return { stage, recording, muted, conditions };
                };
                const said = [
                    ...facts.state(state("idle"), 1),
                    // Cut off, and gone on with: no end, and no press.
                    ...facts.state(state("recording", 2, 0), 2),
                    ...facts.state(state("starting"), 3),
                    ...facts.state(state("recording", 4, 0), 4),
                    // Marks are what the camera says it has set, however late word of it comes.
                    ...facts.state(state("recording", 4, 1), 5),
                    ...facts.state(state("recording", 4, 1, true), 6),
                    ...facts.state(state("recording", 4, 2), 7),
                    // A rhythm that is over, while something is the matter.
                    ...facts.felt(8),
                    ...facts.state(state("recording", 4, 2, false, ["microphone_down"]), 9),
                    ...facts.felt(10),
                    // While it is closed there is a recording still, and nothing is marked.
                    ...facts.state(state("stopping", null, 2), 11),
                    ...facts.state(state("idle"), 12),
                    // One that begins with a mark, of which nothing was heard before.
                    ...facts.state(state("recording", 13, 1), 14),
                ];
                return {
                    taken, results: played.results, minute: minute.results,
                    said: said.map((one) => one.what),
                };
            }"""
        )
        assert results["taken"] == [False, False, True, True, False, False]
        assert [one["result"] for one in results["results"]] == ["otherwise", "late"]
        # Each step has its own time.
        assert [one["seconds"] for one in results["results"]] == [1, 38]
        passed = [(one["result"], one["seconds"]) for one in results["minute"]]
        assert passed == [("otherwise", 2), ("right", 0), ("missed", 5), ("right", 0)]
        assert results["said"] == [
            *("recording", "recording", "mark", "muted", "unmuted", "mark", "condition", "felt"),
            *("stopped", "recording", "mark"),
        ]


@pytest.mark.breadth
def test_everything_is_deleted_once_that_was_asked_for_twice(
    chromium: Browser, camera: BodyCamera
) -> None:
    recording = camera.record(0.5)
    camera.ask("POST", "/api/open", {"id": recording["id"]})
    state = camera.state_dir
    sealed = [*(state / "camerad").rglob("*.tar"), *(state / "desk").glob("*.mp4")]
    assert len(sealed) >= 2
    with person(
        chromium, camera.url, "erase", size=NARROW, scheme="light", language="de-DE"
    ) as one:
        one.waits_for_stage("Bereit")
        one.page.locator("#webcam-name").click()
        one.page.locator("#webcam-erase").click()
        one.page.get_by_text("Wirklich alles löschen?").wait_for()
        one.sees("sure")
        one.page.get_by_role("button", name="Nein, behalten").click()
        assert one.page.get_by_text("Wirklich alles löschen?").count() == 0
        # What was not heard is not said to have failed.
        one.page.route("**/api/erase", lambda route: route.abort("connectionreset"))
        one.page.locator("#webcam-erase").click()
        one.page.get_by_role("button", name="Ja, alles löschen").click()
        told(one, "bodycam-sim antwortet gerade nicht. Versuchen Sie es")
        one.page.unroute("**/api/erase")
        assert all(path.exists() for path in sealed)
        one.page.locator("#webcam-erase").click()
        one.page.get_by_role("button", name="Ja, alles löschen").click()
        told(one, "Alles ist gelöscht. Die Kamera ist wieder bereit")
        camera.wait(stage="idle", ready=True)
        one.waits_for_stage("Bereit")
        assert camera.recordings == []
        assert not any(path.exists() for path in sealed)
        if CAMPAIGN:
            one.sees("erased")
        # A browser says in the console that the connection broke.
        one.said = [
            line for line in one.said if "ERR_CONNECTION" not in line and "WebSocket" not in line
        ]
