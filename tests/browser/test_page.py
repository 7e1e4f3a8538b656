"""The page as people use it: the three stages with the mouse, and with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from hw_mocks.sim.faults import FAULTS
from hw_mocks.sim.server import PAGE
from playwright.sync_api import Browser

from camerad.behaviour.bindings import Gesture
from camerad.behaviour.dock_progress import HandoverState, HandoverTrouble
from camerad.behaviour.signals import Rhythm
from camerad.behaviour.stages import REFUSES_START, Condition, Intent, Stage
from tests.breadth import breadth, campaign
from tests.browser.person import KEYS_OF, NARROW, STAGE, TAP_MS, WIDE, Person, person
from tests.system.harness import UNHURRIED, BodyCamera, body_camera, of_make_run

pytestmark = pytest.mark.system

OTHER_WORDS = (
    *("Haupttaste", "Spiegel", "Vorpuffer", "davor", "von vorher", "Markierung", "Aufnahme"),
    *("main button", "mirror", "pre-event buffer", "from before", "bookmark"),
)
"""Words that the big button, self-view, run-up, marks and recordings do not go by."""

HELD_TOO_LONG_MS = 3500
"""A hold is felt after two seconds, and let go within one."""

MARKED = """() =>
  document.getElementById("hint").textContent.startsWith("That was a mark. To stop, hold")"""

ON_A_PHONE = ("idle", "recording")
"""What is seen narrow and dark by whoever uses the keyboard alone."""

SILENT_NOW = """wanted => {
  const end = (kind) => {
    const bar = [...document.querySelectorAll(`.timeline rect.${kind}`)].at(-1);
    return bar && Number(bar.getAttribute("x")) + Number(bar.getAttribute("width"));
  };
  return end("silent") !== undefined && end("silent") >= end("kept") - 1 === wanted;
}"""
"""Whether the newest silence that the timeline shows lasts until now, to a pixel. Silences are not
counted: while a microphone is opened there is one, too, until the daemon tells better."""


VISIBLE_WORDS: Final = """() => {
  const seen = (node) =>
    node.parentElement.checkVisibility({ visibilityProperty: true }) &&
    !node.parentElement.closest(".unseen, noscript");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (seen(node)) count += (node.data.match(/[\\p{L}\\p{N}]\\S*/gu) ?? []).length;
  }
  return count;
}"""
"""Of the whole page, whether or not one has to scroll for them; what is folded is not seen."""
WORDS: Final = 150
TOGETHER: Final = """(ids) => ids.filter((id) => {
  const element = document.getElementById(id);
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const inside = top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
  return !inside || element.textContent.trim() === "";
})"""
"""Those that say nothing, or are out of sight."""
TOP_DOWN: Final = """(selectors) => {
  const tops = selectors.map((one) => document.querySelector(one).getBoundingClientRect().top);
  return tops.every((top, at) => at === 0 || top > tops[at - 1]);
}"""
FIRST_SCREENS: Final = ((1440, 900), (1280, 720), NARROW)
"""A desktop, a projector, a phone."""


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodyCamera]:
    directory = tmp_path_factory.mktemp("page")
    with body_camera(directory, of_make_run(directory, buttons=UNHURRIED), page=True) as one:
        yield one


@pytest.fixture(scope="module")
def fresh_camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodyCamera]:
    """One that has recorded nothing: a newcomer's."""
    directory = tmp_path_factory.mktemp("fresh")
    with body_camera(directory, of_make_run(directory, buttons=UNHURRIED), page=True) as one:
        yield one


def newest(camera: BodyCamera) -> dict[str, object]:
    return camera.recordings[0]


def entry(recording: dict[str, object]) -> str:
    return f"[id='recording-{recording['id']}']"


def verdict_of(recording: dict[str, object], whole: str, remarks: str) -> str:
    # A gap is a remark, and on a busy machine there may be one; without any there is none.
    return remarks if recording["gaps"] else whole


def in_every_dress(one: Person, name: str) -> None:
    """Both widths and both colour schemes; a cut has those that it was not opened with, where
    nobody else sees them."""
    dresses = tuple((size, scheme) for size in (NARROW, WIDE) for scheme in ("dark", "light"))
    for size, scheme in breadth(() if name in ON_A_PHONE else dresses[:1], dresses):
        one.page.set_viewport_size({"width": size[0], "height": size[1]})
        one.page.emulate_media(color_scheme=scheme)
        one.is_accessible(f"{name}, {size[0]} pixels wide, {scheme}")
    one.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    one.page.emulate_media(color_scheme="light")


@pytest.mark.breadth
def test_three_stages_by_mouse_then_verified_opened_and_played(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium,
        camera.url,
        "mouse",
        size=WIDE,
        scheme="light",
        language="en-GB",
        motion=True,
    ) as one:
        page = one.page
        big = page.locator("#button-main")
        one.waits_for_stage("Idle")
        one.waits_for_light("green", on=True)
        one.sees("idle")
        in_every_dress(one, "idle")

        one.presses(lambda: big.click(delay=80), STAGE, "Self-view")
        one.waits_for_moving_display()
        # The buffer fills, and the timeline shows it as what will be overwritten.
        filled = "/run-up: ([3-9]|10) of/"  # of ten seconds, which it stays at; rounded
        one.waits(f"() => {filled}.test(document.getElementById('elapsed').textContent)")
        one.waits("() => document.querySelectorAll('.timeline .held').length === 1")
        one.sees("self-view")

        one.presses(lambda: big.click(delay=80), STAGE, "Recording")
        one.waits_for_light("red", on=True)
        one.waits_for_light("green", on=False)
        # What was held is kept now, and the press that did it lies within.
        one.waits("() => document.querySelectorAll('.timeline .kept').length === 1")
        one.waits("() => document.querySelectorAll('.timeline .before').length === 1")
        one.sees("recording")
        in_every_dress(one, "recording")
        page.get_by_text("since the press").wait_for()

        # Who presses once more, expecting it to stop, is told how.
        one.presses(lambda: big.click(delay=80), MARKED)
        assert page.get_by_text("Too short").count() == 0
        assert camera.state["stage"] == "recording"
        big.hover()
        # Nor does a hold stop it that goes on after it was felt.
        page.mouse.down()
        page.wait_for_timeout(HELD_TOO_LONG_MS)
        page.mouse.up()
        page.get_by_text("Held too long to stop it").wait_for()
        one.stops(page.mouse.down, page.mouse.up, "Idle")
        one.waits_for_light("red", on=False)
        recording = newest(camera)
        assert recording["pre_event_seconds"] >= 2

        row = page.locator(entry(recording))
        row.get_by_role("button", name="Verify").click()
        row.get_by_text(
            verdict_of(recording, "Authentic and complete.", "Authentic, with")
        ).wait_for()
        one.sees("verified")

        row.get_by_role("button", name="Open").click()
        # It plays: half a second of it, and where it is put.
        one.waits("() => document.querySelector('video')?.currentTime > 0.5")
        assert page.evaluate("document.querySelector('video').duration") == pytest.approx(
            recording["seconds"], abs=0.1
        )
        # Its sound too, which a browser that cannot decode it would leave out without a word.
        one.waits("() => document.querySelector('video').webkitAudioDecodedByteCount > 0")
        page.evaluate("document.querySelector('video').currentTime = 3")
        one.waits("() => (v => v.currentTime >= 3 && !v.seeking)(document.querySelector('video'))")
        # From there it goes on, with sound.
        decoded = page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount")
        one.waits(
            "decoded => (v => v.ended || v.webkitAudioDecodedByteCount > decoded)"
            "(document.querySelector('video'))",
            decoded,
        )
        page.locator("video").scroll_into_view_if_needed()
        one.sees("opened")
        in_every_dress(one, "opened")


def test_a_fault_and_its_recovery_by_keyboard_on_a_phone(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium, camera.url, "keyboard", size=NARROW, scheme="dark", language="de-DE"
    ) as one:
        keyboard = one.page.keyboard

        def down() -> None:
            keyboard.down("Space")

        def up() -> None:
            keyboard.up("Space")

        def tap_and_down() -> None:
            keyboard.press("Space", delay=TAP_MS)
            down()

        one.waits_for_stage("Bereit")
        one.sees("idle")

        # Held for a second in idle, the button records at once; nobody watches the clock.
        one.tabs_to("#button-main")
        one.presses(down, STAGE, "Aufzeichnung", up=up)
        one.waits_for_light("red", on=True)
        one.sees("recording")

        # Sound off and on again; both are said, and the timeline shows what will not be heard.
        one.tabs_to("#button-display")
        one.waits("() => document.getElementById('elapsed').textContent.endsWith('mit Ton')")
        for words, silent in (("Ton ausgeschaltet", True), ("mit Ton", False)):
            one.presses(
                tap_and_down,
                "w => document.getElementById('elapsed').textContent.endsWith(w)",
                words,
                up=up,
            )
            one.waits(SILENT_NOW, silent)

        one.tabs_to(".faults summary")
        keyboard.press("Enter")
        switch = "[aria-labelledby='group-camera fault-camera_stall']"
        one.tabs_to(switch)
        keyboard.press("Space")
        one.waits("s => document.querySelector(s).ariaChecked === 'true'", switch)
        one.waits("() => document.getElementById('conditions').textContent === 'Kamera gestört'")
        one.sees("camera-down")
        keyboard.press("Space")
        one.waits("s => document.querySelector(s).ariaChecked === 'false'", switch)
        one.waits("() => document.getElementById('conditions').textContent === ''")

        one.tabs_to("#button-main", back=True)
        one.stops(down, up, "Bereit")
        recording = newest(camera)
        assert recording["gaps"]

        one.tabs_to(f"{entry(recording)} button")
        keyboard.press("Enter")
        row = one.page.locator(entry(recording))
        row.get_by_text("im Ton").wait_for()
        row.get_by_text("Echt, mit Anmerkungen.").wait_for()
        # The stall is no secret, nor what the officer did: the desk says why something is missing.
        remarks = row.locator(".finding li").all_text_contents()
        assert any("kein Ton: an der Kamera stummgeschaltet" in remark for remark in remarks)
        assert any("kein Ton" not in remark for remark in remarks)
        one.sees("verified")


def test_what_the_page_says_of_the_stages_is_what_the_policy_allows(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(chromium, camera.url, "law", size=WIDE, scheme="light", language="en-GB") as one:

        def says(stage: str, **policy: object) -> dict[str, str]:
            told = one.page.evaluate(
                """async ([stage, policy]) => {
                    const { stagesOf } = await import("/page/telling.js");
                    const { keysIn } = await import("/page/buttons.js");
                    const { buttons } = await (await fetch("/api/board")).json();
                    const keys = keysIn(stage, buttons, policy).map((one) => one.textContent);
                    return [...stagesOf(null, policy).map((one) => one.says), keys.join()];
                }""",
                [stage, policy],
            )
            return dict(zip(("idle", "self_view", "recording", "keys"), told, strict=True))

        nothing = {"pre_event_seconds": 0, "armed_in": []}
        office = says("recording", **nothing, sound=True, may_mute=False)
        assert "nothing is recorded" in office["idle"]
        assert "nothing of it is kept" in office["self_view"]
        assert office["recording"].startswith("Picture and sound")
        assert "the sound stays on" in office["keys"]
        loop = {"pre_event_seconds": 30, "armed_in": ["idle", "self_view"]}
        police = says("recording", **loop, sound=False, may_mute=False)
        assert "up to 30\u00a0s" in police["idle"]
        assert "up to 30\u00a0s" in police["self_view"]
        assert police["recording"].startswith("The picture becomes")
        # Where nothing is heard, nobody is told how to switch it off.
        assert "sound" not in police["keys"]
        later = {"pre_event_seconds": 45, "armed_in": ["self_view"]}
        pressed = says("recording", **later, sound=True, may_mute=True)
        assert "nothing is recorded" in pressed["idle"]
        assert "up to 45\u00a0s" in pressed["self_view"]
        assert "sound off or on" in pressed["keys"]


def test_the_page_has_a_word_for_everything(chromium: Browser, camera: BodyCamera) -> None:
    with person(chromium, camera.url, "words", size=WIDE, scheme="light", language="de-DE") as one:
        words = one.page.evaluate(
            f"""async () => {{
                const {{ words }} = await import("/page/words.js");
                return ({KEYS_OF})(words());
            }}"""
        )
    assert {one.value for one in Stage} <= set(words["stages"])
    assert {one.value for one in Condition} <= set(words["conditions"])
    assert {one.value for one in HandoverState} == set(words["handover"]["lights"])
    assert {*words["handover"]["lights"], "lights"} == set(words["handover"])
    assert {one.value for one in HandoverTrouble} == set(words["troubles"])
    assert {one.value for one in Intent} <= set(words["intents"])
    assert set(FAULTS) <= set(words["faultNames"])
    assert {fault.group for fault in FAULTS.values()} <= set(words["groups"])
    assert set(FAULTS) == set(words["faultTells"])
    assert {one.value for one in REFUSES_START} == set(words["toDo"])
    assert {one.value for one in Gesture} == set(words["gestures"])
    rhythms = {one.name.lower() for one in Rhythm}
    assert {*rhythms, "strange", "lookLater", "lookDark"} == set(words["rhythms"])
    # One word for one thing, on the display, the card and the page.
    texts = [*PAGE.glob("*-texts.js"), PAGE / "translations.json"]
    said = "".join(path.read_text() for path in texts)
    assert [word for word in OTHER_WORDS if word in said] == []


@pytest.mark.parametrize(("language", "idle"), [("de-DE", "Bereit"), campaign("en-GB", "Idle")])
def test_a_newcomer_reads_the_first_screen_in_a_minute(
    chromium: Browser, fresh_camera: BodyCamera, language: str, idle: str
) -> None:
    """Few words, the stages before all else, and what the camera tells in sight together."""
    camera = fresh_camera
    with person(
        chromium, camera.url, f"first-{language}", size=WIDE, scheme="light", language=language
    ) as one:
        page = one.page
        one.waits_for_stage(idle)
        for size in FIRST_SCREENS:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            one.sees(f"idle-{size[0]}")
            assert page.evaluate(VISIBLE_WORDS) < WORDS, size
            assert page.evaluate(TOP_DOWN, ["#stage", "#stages", "#dock", "details:has(> #keys)"])
            assert not page.locator("#switchboard").is_visible()
        page.set_viewport_size({"width": 1280, "height": 720})
        camera.press()
        camera.wait(stage="self_view")
        camera.press()
        one.waits("() => ['cue', 'voice'].every((id) => document.getElementById(id).textContent)")
        assert page.evaluate(TOGETHER, ["stage", "hint", "cue", "voice", "button-main"]) == []
        one.sees("recording-1280")
        # However far one has scrolled.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        assert page.evaluate(TOGETHER, ["stage", "hint", "button-main"]) == []
        camera.stop()
        camera.wait(stage="idle")
