"""The page tells the truth: of a camera that it does not hear of, and of fingers on its buttons."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Route

from camerad.behaviour import signals
from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.gestures import STILL_US
from camerad.behaviour.signals import Rhythm
from camerad.behaviour.stages import Condition, Intent, Stage, State
from tests.breadth import breadth, campaign
from tests.browser.gate import Gate, gate
from tests.browser.person import NARROW, STAGE, WIDE, Person, person
from tests.system.harness import CALM_SECONDS, BodyCamera, until

pytestmark = pytest.mark.system

NETWORK: Final = ("WebSocket connection to", "Failed to load resource: net::")
"""What the console says of a connection that is lost."""
SILENT_US: Final = 3_000_000
"""After so long without a word nothing is known."""
HEARD_US: Final = 1_500_000
"""How much later a busy machine may notice it, apart from how late the page's timers came."""
LATE: Final = """() => {
  let before = performance.now();
  const began = before;
  let late = 0;
  setInterval(() => {
    const now = performance.now();
    late += Math.max(0, now - before - 100);
    before = now;
  }, 50);
  globalThis.silence = () => 1000 * (performance.now() - began);
  globalThis.late = () => 1000 * late;
}"""
"""Notes how long it is since, and how much of that a timer that looks every 50 ms came too late."""
DEAF: Final = """() => {
  globalThis.deaf = { on: false, looks: 0, known: [] };
  globalThis.WebSocket = class extends WebSocket {
    constructor(address) {
      super(address);
      this.addEventListener("message", (event) => {
        if (deaf.on) event.stopImmediatePropagation();
      });
    }
  };
}"""
"""Lets the page hear nothing while `deaf.on`."""
STALL: Final = """(milliseconds) => {
  new MutationObserver(() => deaf.known.push(document.body.dataset.known)).observe(
    document.body, { attributes: true, attributeFilter: ["data-known"] }
  );
  const now = performance.now.bind(performance);
  performance.now = () => now() + milliseconds;
  deaf.on = true;
  setInterval(() => {
    deaf.looks += 1;
    deaf.on = deaf.looks < 3;
  }, 250);
}"""
"""Lets the page's clock go on by so much, and a word of the camera be read only at the third look
after; notes whether the page takes the camera for lost."""
EXACT_US: Final = 1_000
"""How exactly a press is as long as its finger was."""
BOUNCE_US: Final = 20_000
"""Every bounce of a contact that closes is over after so long, and no finger is gone again."""
SLOW: Final = (0.15, 0.5)
"""Seconds that each word takes each way: 0.3 seconds and one there and back."""
LATE_SECONDS: Final = 1.5
"""Less than what is refused as too late."""

KNOWN: Final = "wanted => document.body.dataset.known === String(wanted)"
SHOWN: Final = """() => {
  const light = (id) => document.getElementById(id);
  const seen = (element) => getComputedStyle(element);
  return {
    stage: light("stage").textContent,
    lights: ["green", "red", "amber"].map((id) => light(id).getAttribute("aria-label")),
    striped: ["green", "red", "amber"].every(
      (id) =>
        seen(light(id)).backgroundImage.startsWith("repeating") &&
        seen(light(id)).borderStyle === "dashed"
    ),
    display: light("display").getAttribute("aria-label"),
    over: seen(light("display-unknown")).display !== "none",
    grey: [".stand", ".telling", ".now", ".panel"].every(
      (one) => seen(document.querySelector(one)).filter === "grayscale(1)"
    ),
    feel: [...document.querySelectorAll(".feel li")].map((one) => one.textContent),
    elapsed: light("elapsed").textContent,
    current: document.querySelectorAll("#stages [aria-current]").length,
    keys: light("keys").textContent,
    lost: !light("lost").hidden,
  };
}"""
"""What the page says of the camera."""
FINGERS: Final = """() => {
  globalThis.fingers = [];
  globalThis.told = [];
  for (const kind of ["pointerdown", "pointerup"]) {
    addEventListener(kind, (event) => globalThis.fingers.push(event.timeStamp), true);
  }
  globalThis.WebSocket = class extends WebSocket {
    constructor(address) {
      super(address);
      this.addEventListener("message", ({ data }) => {
        const { kind, value } = typeof data === "string" ? JSON.parse(data) : {};
        if (kind === "finger") globalThis.told.push(value);
      });
    }
  };
}"""
"""Writes down when a finger comes and goes, and what the page is told of it."""
LET_GO: Final = f"name => ({STAGE})(name) && told.some((one) => !one.down)"
"""Whether the camera is in a stage, and has felt that a finger let go."""


@pytest.fixture
def network(camera: BodyCamera) -> Iterator[Gate]:
    with gate(camera.url) as made:
        yield made


def to_stage(camera: BodyCamera, stage: str) -> None:
    """Bring the camera there from the stage before it."""
    if stage != "idle":
        camera.press()
    camera.wait(stage=stage)


def edges(camera: BodyCamera, after_us: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = camera.ask("GET", f"/api/edges?after={after_us}").body
    return [edge for edge in found if edge["name"] == "main"]


def unknown(one: Person) -> None:
    shown = one.page.evaluate(SHOWN)
    assert shown == {
        "stage": "Unbekannt",
        "lights": ["grün: unbekannt", "rot: unbekannt", "gelb: unbekannt"],
        "striped": True,
        "display": "Was das Display zeigt, ist unbekannt",
        "over": True,
        "grey": True,
        "feel": ["Signalton: unbekannt", "Vibration: unbekannt"],
        "elapsed": "",
        "current": 0,
        "keys": "",
        "lost": True,
    }


def known_again(one: Person, stage: str) -> None:
    one.waits(KNOWN, True)
    one.waits_for_stage(stage)
    shown = one.page.evaluate(SHOWN)
    assert not shown["lost"] and not shown["over"] and not shown["grey"]
    assert not any("unbekannt" in light for light in shown["lights"])


TABLE: Final = """async ([language, cues, handovers]) => {
  const { stagesOf, tell } = await import("/page/telling.js");
  const { keysIn } = await import("/page/buttons.js");
  const { speak, words } = await import("/page/words.js");
  speak(language);
  const board = await (await fetch("/api/board")).json();
  const names = Object.keys(words().conditions);
  const pairs = names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other]));
  const alone = [[], ...names.map((name) => [name])];
  const rows = [];
  const row = (stage, ready, conditions, cue, more = {}) => {
    const recording = { since_us: 0, pre_event_seconds: 2, trigger: "x", marks: 0 };
    const microphone = conditions.includes("microphone_down") ? "failed" : "on";
    const state = stage && {
      stage, ready, conditions, empty: false, muted: false, microphone, shift: null,
      handover: null, recording: stage === "recording" ? recording : null, pre_event_seconds: 0,
      cut_off: false, awaits_answer: null, ...more,
    };
    const told = tell({ state, board, cue });
    const boxes = stagesOf(state, board.policy).map((one) => [one.title, one.says]);
    rows.push([stage, ready, conditions, cue, more, told, boxes]);
  };
  const more = [
    ...handovers.map((state) => ({ handover: { state, done: 1, total: 2, trouble: null } })),
    { cut_off: true }, { awaits_answer: "main" },
  ];
  const stages = [null, ...Object.keys(words().stages)];
  for (const stage of stages) {
    for (const ready of [true, false]) {
      for (const conditions of [...alone, ...pairs]) row(stage, ready, conditions, null);
      for (const conditions of alone) for (const cue of cues) row(stage, ready, conditions, cue);
      for (const conditions of alone) {
        for (const one of more) row(stage, ready, [...conditions, "docked"], null, one);
      }
    }
  }
  const keys = stages.flatMap((stage) => [true, false].map((ready) =>
    keysIn(stage, board.buttons, board.policy, ready).map((one) => one.textContent).join()));
  const { rhythms, next, handover } = words();
  const goOn = next.goOn(words().buttonsIn.main);
  const { answer, view } = next;
  return { rows, keys, rhythms, answer, goOn, view, lights: handover.lights };
}"""
"""What is said of every stage, ready or not, with each pair of conditions and after each cue; in
the dock, with each word of handing over; after a recording was cut off; with a stop half made."""
CALLED: Final = {
    "de": ("Bereit", "Aufzeichnung", "Speicher voll", "Speicher fast voll", "beginnt"),
    "en": ("Idle", "Recording", "storage full", "storage low", "begins"),
}
TAKES: Final = {
    "de": ("Das Bild wird", "Bild und Ton werden", "sich selbst", "aufs Display sehen"),
    "en": ("The picture becomes", "Picture and sound become", "see themselves.", "look at the"),
}
"""What is said of a recording that takes the picture, and sound besides; of people who see
themselves; of a display that says what is the matter."""
PROGRAM_NAMES: Final = tuple(
    name.value.replace("_", " ") for name in Intent if "_" in name.value or name == "escalate"
)


def is_true_of_the_boxes(
    stage: str | None, ready: bool, conditions: list[str], boxes: Any, language: str
) -> None:
    """What the three stages are called, and said to take and to show, is so now."""
    case = (stage, ready, conditions, boxes)
    (idle, _), (_, view), (_, recording) = boxes
    conditions = conditions if stage else []
    picture, both, seen, _ = TAKES[language]
    assert idle != CALLED[language][0] or ready or stage not in ("idle", "self_view", "off"), case
    down = "camera_down" in conditions
    blind = down or "camera_covered" in conditions or "display_down" in conditions
    assert (seen in view) is not blind, case
    assert not (down and recording.startswith((picture, both))), case
    assert not ("microphone_down" in conditions and recording.startswith(both)), case
    if stage == "recording" and not {"camera_down", "microphone_down"} & {*conditions}:
        assert recording.startswith(both), case


def is_true_of_the_dock(row: list[Any], lights: dict[str, str]) -> bool:
    """Of the lights nothing is said but what they do; whether something is."""
    stage, ready, conditions, _cue, more, told, _boxes = row
    if "handover" not in more or stage not in ("idle", "self_view", "recording", "stopping"):
        return False
    holding = frozenset(Condition(one) for one in conditions)
    state = State(Stage(stage), 0, holding, display_on=stage == "self_view")
    if stage in ("idle", "self_view") and state.can_record is not ready:
        return False  # no such camera
    name = HandoverState(more["handover"]["state"])
    shown = signals.indication(state)
    said = any(f"({lights[name.value]})" in one for one in told["conditions"])
    assert said is (signals.in_dock(shown, name) is not shown), (stage, conditions, name, told)
    return said


@pytest.mark.parametrize("language", ["de", campaign("en")])
def test_nothing_is_claimed_but_what_is_known_just_now(
    chromium: Browser, camera: BodyCamera, language: str
) -> None:
    """A table of all that the daemon can be at, dead and stalled included."""
    page = chromium.new_page()
    page.goto(camera.url)
    cues = [one.name.lower() for one in Rhythm]
    found = page.evaluate(TABLE, [language, cues, [one.value for one in HandoverState]])
    page.close()
    idle, records, full, low, promise = CALLED[language]
    rhythms = found["rhythms"]
    says_so = {rhythms[name] for name in ("records", "silent")}
    assert len(found["rows"]) > 5000
    lit = 0
    for stage, ready, conditions, cue, more, told, boxes in found["rows"]:
        case = (stage, ready, conditions, cue, more, told, boxes)
        is_true_of_the_boxes(stage, ready, conditions, boxes, language)
        lit += is_true_of_the_dock(
            [stage, ready, conditions, cue, more, told, boxes], found["lights"]
        )
        # What the display says, the hint says; and the answer to a hold, on every page.
        assert told["hint"] != found["view"] or not more.get("cut_off"), case
        can_go_on = stage == "idle" and ready and more.get("cut_off")
        assert (told["hint"] == found["goOn"]) is bool(can_go_on), case
        assert (told["hint"] == found["answer"]) is bool(stage and more.get("awaits_answer")), case
        assert not told["cue"].startswith(TAKES[language][3]) or (
            stage == "idle" and "display_down" not in conditions
        ), case
        answers = stage in ("idle", "self_view", "recording", "stopping")
        can = answers and ready and stage in ("idle", "self_view")
        assert (told["tone"] == "ready") is can, case
        assert told["headline"] != idle or can, case
        assert told["headline"] != records or stage == "recording", case
        assert told["cue"] not in says_so or stage == "recording", case
        assert answers or not (told["cue"] or told["conditions"] or told["elapsed"]), case
        assert not (full in told["conditions"] and low in told["conditions"]), case
        assert promise not in told["hint"] or can, case
        # What was felt and is true is read.
        assert told["cue"] or not (cue == "records" and stage == "recording"), case
    assert lit >= len(HandoverState)
    said = " ".join([*found["keys"], *(str(row[5:]) for row in found["rows"])]).lower()
    assert [name for name in PROGRAM_NAMES if name in said] == []


STAGES: Final = (("idle", "Bereit"), ("self_view", "Selbstansicht"), ("recording", "Aufzeichnung"))


def test_a_page_that_stood_still_reads_first_what_came_meanwhile(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium, camera.url, "stalled", size=WIDE, scheme="light", language="de-DE"
    ) as one:
        one.page.add_init_script(f"({DEAF})()")
        one.page.reload()
        known_again(one, "Bereit")
        one.page.evaluate(STALL, SILENT_US / 1000 + 1000)
        one.waits("() => deaf.looks > 8")
        assert one.page.evaluate("deaf.known") == []


@pytest.mark.breadth
def test_of_a_camera_that_is_not_heard_nothing_is_said(
    chromium: Browser, camera: BodyCamera, network: Gate
) -> None:
    """Cut off in each stage, and with a server that hangs: unknown, never dark."""
    hanging = breadth(("recording",), tuple(stage for stage, _ in STAGES))
    simulator = json.loads((camera.state_dir / "sim.json").read_text())["pid"]
    with person(
        chromium,
        network.url,
        "lost",
        size=WIDE,
        scheme="light",
        language="de-DE",
        forgives=NETWORK,
    ) as one:
        for stage, name in STAGES:
            to_stage(camera, stage)
            known_again(one, name)
            network.cut()
            one.waits(KNOWN, False)
            unknown(one)
            network.mend()
            known_again(one, name)
            if stage not in hanging:
                continue
            os.kill(simulator, signal.SIGSTOP)
            try:
                one.page.evaluate(LATE)
                one.waits(KNOWN, False)
                took_us, late_us = one.page.evaluate("[silence(), late()]")
                assert SILENT_US / 2 < took_us < SILENT_US + HEARD_US + late_us
                unknown(one)
                assert one.page.locator(".timeline rect.unknown").count() == 1
                running = one.page.locator("#list > li").first.locator("p")
                assert stage != "recording" or running.text_content() == "unbekannt"
                one.sees(f"unknown-{stage}")
                # What is pressed now is not felt, neither now nor once it is heard again.
                one.page.locator("#button-main").click(delay=50)
                one.page.get_by_text("Das hat die Kamera nicht gespürt").wait_for()
            finally:
                os.kill(simulator, signal.SIGCONT)
            known_again(one, name)
            assert camera.state["stage"] == stage
            one.waits("() => document.querySelector('.timeline rect.unknown') === null")
        camera.stop()


@contextlib.contextmanager
def pressing(chromium: Browser, network: Gate, story: str) -> Iterator[Person]:
    """Somebody at the page of a camera that is idle, through a network that may be slow; what their
    finger does is written down (FINGERS)."""
    how: Any = {"size": WIDE, "scheme": "light", "language": "en-GB", "forgives": NETWORK}
    with person(chromium, network.url, story, **how) as one:
        one.page.add_init_script(f"({FINGERS})()")
        one.page.reload()
        one.waits_for_stage("Idle")
        yield one


@pytest.mark.campaign
def test_two_phones_on_one_button_are_both_told(chromium: Browser, camera: BodyCamera) -> None:
    """The camera feels one press until both have let go, and both who press know why."""
    how: Any = {"size": NARROW, "scheme": "light", "language": "en-GB"}
    together, others = "Another hand is on it too", "Another hand is still on it"
    hint = "words => document.getElementById('hint').textContent.startsWith(words)"
    with (
        person(chromium, camera.url, "one-phone", **how) as one,
        person(chromium, camera.url, "other-phone", **how) as other,
    ):
        for each in (one, other):
            each.waits_for_stage("Idle")
            each.page.locator("#button-display").hover()
            each.page.mouse.down()
        for each in (one, other):
            each.waits(hint, together)
        other.sees("together")
        # So long that it is no press, which would show the display.
        one.waits("() => document.querySelector('#button-display').classList.contains('done')")
        one.page.mouse.up()
        one.waits(hint, others)
        other.page.mouse.up()
        one.waits("() => !document.querySelector('#button-display').classList.contains('down')")


@pytest.mark.campaign
def test_what_a_hand_does_in_a_recording_is_told_to_who_only_watches(
    chromium: Browser, camera: BodyCamera
) -> None:
    """By the camera's word alone: this page presses nothing."""
    how: Any = {"size": WIDE, "scheme": "light", "language": "en-GB"}
    with person(chromium, camera.url, "watches", **how) as one:
        hint = one.page.locator("#hint")
        for stage in ("self_view", "recording"):
            to_stage(camera, stage)
        camera.press()
        hint.get_by_text("That was a mark. To stop, hold").wait_for()
        assert camera.state["recording"]["marks"] == 1
        camera.pass_time(CALM_SECONDS)
        camera.press("main", 2.3)
        hint.get_by_text("To stop it, press once now").wait_for()
        assert camera.state["awaits_answer"] == "main"
        camera.pass_time(2 * STILL_US / 1e6)
        camera.press()
        one.waits_for_stage("Idle")
        assert camera.state["awaits_answer"] is None


@pytest.mark.breadth
def test_a_press_lasts_as_long_as_the_finger_did_however_slow_the_network(
    chromium: Browser, camera: BodyCamera, network: Gate
) -> None:
    with pressing(chromium, network, "slow") as one:
        big = one.page.locator("#button-main")
        for seconds in breadth(SLOW, (0.0, *SLOW, 1.0)):
            network.seconds = seconds
            one.waits("slow => document.getElementById('slow').hidden === !slow", seconds > 0.3)
            for held_ms, stage, pause in (
                (80, "Self-view", 0.5),
                (90, "Recording", 0.5),
                (70, None, CALM_SECONDS),
                (2300, None, 2 * STILL_US / 1e6),
                (75, "Idle", 0.5),
            ):
                before = edges(camera, -1)[-1:]
                after_us = before[0]["at_us"] if before else -1

                def click(held_ms: int = held_ms) -> None:
                    one.page.evaluate("fingers.length = told.length = 0")
                    big.click(delay=held_ms)

                one.presses(click, LET_GO, stage or "Recording")
                late_us = one.page.evaluate("told.find((one) => !one.down).late_us")
                pressed = until(
                    lambda after_us=after_us: _whole(edges(camera, after_us)), what="it is pressed"
                )
                down, up = one.page.evaluate("fingers")
                # Longer only if word came when the press was to be over, which is said.
                assert abs(pressed - late_us - 1000 * (up - down)) <= EXACT_US, (seconds, held_ms)
                # A short press sets a mark, and a slow network makes no stop of it; nor does a hold
                # end anything before it is answered.
                assert stage is not None or camera.state["stage"] == "recording"
                # A finger of its own, but for the one that answers the hold.
                camera.pass_time(pause)
        assert camera.recordings[0]["marks"]


@pytest.mark.campaign
def test_a_press_that_the_network_made_longer_is_told_to_who_pressed(
    chromium: Browser, camera: BodyCamera, network: Gate
) -> None:
    with pressing(chromium, network, "longer") as one:
        one.page.locator("#button-display").hover()
        one.page.mouse.down()
        one.waits("() => told.some((one) => one.down)")
        # Word that the finger is gone comes when the press was long over.
        network.seconds = LATE_SECONDS
        one.page.mouse.up()
        one.page.get_by_text("the camera felt that press").wait_for()
        late_us = one.page.evaluate("told.find((one) => !one.down).late_us")
        assert late_us > 0
        network.seconds = 0.0
        one.waits_for_stage("Idle")


def _whole(seen: list[dict[str, Any]]) -> int | None:
    """How long one press lasted, in microseconds: from its first edge to the first of those that
    open its contact for good. None while they are not there: between two edges of a bounce, an open
    contact is not yet one that was let go."""
    if not seen or seen[-1]["on"]:
        return None
    down_us: int = seen[0]["at_us"]
    # Bounce lasts some milliseconds; a finger longer.
    later = [edge["at_us"] for edge in seen if edge["at_us"] - down_us > BOUNCE_US]
    return int(later[0]) - down_us if later else None


@pytest.mark.campaign
def test_a_fault_of_an_exercise_that_ended_before_its_answer_came_ends_too(
    chromium: Browser, camera: BodyCamera
) -> None:
    address = f"{camera.url}/?scenario=full"
    with person(chromium, address, "ended", size=WIDE, scheme="light", language="de-DE") as one:
        orders: list[dict[str, Any]] = []

        def ends_meanwhile(route: Route) -> None:
            orders.append(route.request.post_data_json)
            if len(orders) == 1:
                answer = route.fetch()
                one.page.evaluate("document.getElementById('course-end').click()")
                route.fulfill(response=answer)
            else:
                route.continue_()

        one.waits_for_stage("Bereit")
        one.page.route("**/api/fault", ends_meanwhile)
        with one.page.expect_response(
            lambda answer: "/api/fault" in answer.url and len(orders) == 2
        ):
            one.page.locator("#course-begin").click()
        assert orders == [
            {"name": "disk_full", "seconds": 300},
            {"name": "disk_full", "seconds": 0},
        ]
        one.waits(
            "s => document.querySelector(s).ariaChecked === 'false'",
            "[aria-labelledby~='fault-disk_full']",
        )
        camera.wait(stage="idle", ready=True)
