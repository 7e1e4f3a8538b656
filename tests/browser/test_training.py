"""The page as a training ground: what is felt and said is read, what goes wrong is explained, and
the camera is within reach on every screen."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hw_mocks.sim.faults import FAULTS
from playwright.sync_api import Browser

from camerad.behaviour.budget import END_SECONDS
from camerad.behaviour.signals import Rhythm
from camerad.daemon.power_monitor import POWER_OFF
from tests.breadth import CAMPAIGN, breadth
from tests.browser.person import STAGE, WIDE, WITHIN_MS, Person, person
from tests.system.gaps import edges
from tests.system.harness import PATIENCE, BodyCamera, now_us
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.breadth]

SIZES: Final = (
    (360, 740),
    (390, 844),
    (844, 390),
    (1024, 768),
    (1093, 614),
    (1280, 800),
    (1920, 1080),
)
"""Phones upright and lying, a tablet, and screens from the smallest with large letters on."""
BETWEEN: Final = (
    (320, 568),
    (400, 360),
    (543, 400),
    (640, 360),
    (767, 1024),
    (768, 575),
    (768, 576),
    (932, 430),
)
"""Where one arrangement gives way to another, and what people hold."""
ALL: Final = tuple(
    (width, height)
    for width in (*range(320, 1000, 40), 1093, 1280, 1439, 1440, 1920)
    for height in (*range(360, 800, 40), 575, 576, 1080)
)

OUT_OF_REACH: Final = """() => {
  const seen = (selector) => {
    const element = document.querySelector(selector);
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return inside && element.contains(hit);
  };
  const wanted = ["#button-main", "#button-display", "#red", "#green", "#amber"];
  const out = [];
  for (const at of [0, 1e6]) {
    scrollTo(0, at);
    out.push(...wanted.filter((one) => !seen(one)).map((one) => `${one} at ${at}`));
    const display = document.getElementById("display").getBoundingClientRect();
    if (display.top < 0 || display.bottom > innerHeight) out.push(`#display at ${at}`);
  }
  scrollTo(0, 0);
  return out;
}"""
"""What of the camera is not in sight, or under something else, at both ends of the page."""
LABELS: Final = """() => {
  const boxes = [...document.querySelectorAll(".timeline text")].map((one) => {
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const size = getComputedStyle(one).fontSize;
    return { text: one.textContent, left, right, top, bottom, size };
  });
  const over = (one, other) =>
    one.left < other.right && other.left < one.right &&
    one.top < other.bottom && other.top < one.bottom;
  const frame = document.querySelector(".timeline svg").getBoundingClientRect();
  const wrong = boxes.filter((one) => one.left < frame.left - 1 || one.right > frame.right + 1);
  boxes.forEach((one, index) =>
    wrong.push(...boxes.slice(index + 1).filter((other) => over(one, other))),
  );
  return [boxes.length, wrong, boxes.filter((one) => parseFloat(one.size) < 12)];
}"""
"""Labels of the timeline: how many, which overlap or stick out, and which are too small."""
UNEXPLAINED: Final = """() => {
  const text = (id) => document.getElementById(id)?.textContent;
  const read = (ids) => (ids ?? "").split(" ").map(text);
  const rows = [...document.querySelectorAll("#switchboard li")].map((row) => {
    const control = row.querySelector("button");
    const group = row.closest("section").querySelector("h3").textContent;
    const name = read(control.getAttribute("aria-labelledby"));
    const what = row.querySelector("span[id]").textContent;
    const [told] = read(control.getAttribute("aria-describedby"));
    const [expect, act] = [...row.querySelectorAll(".tells > *")].map((one) => one.textContent);
    const good = name.includes(group) && name.includes(what) && told.includes(expect) &&
      expect.length > 10 && act.length > 10 && row.querySelector(".tells").checkVisibility();
    return good ? null : what;
  });
  return [rows.length, rows.filter((one) => one !== null)];
}"""
"""How many faults there are, and which lack their full name, what to expect or what to do."""
CUE_OVER_US: Final = 400_000
"""Longer than any pause within a cue."""
READY_EDGES: Final = 2 * len(Rhythm.DONE.value)
"""Of the motor's pin, when a camera that has started says that it can record."""
KNOWN_SOON: Final = ("clock_unset", "clock_untrusted", "wurde nie gestellt", "Uhrzeit ungewiss")
BELIEVED_LATE: Final = ("battery_low", "battery_low", "Akku ist schwach", "Akku schwach")
"""A fault, its condition, and what the page calls both. A camera believes neither in an empty
battery nor in one that is full again until it has stayed so for half a minute."""
BUSY_SECONDS: Final = 3.0
"""How much later than the page says a busy machine may tell of a fault."""
NOTES: Final = """([fault, condition]) => new Promise((ready) => {
  globalThis.noted = {};
  const news = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")));
  news.onmessage = ({ data }) => {
    if (typeof data !== "string") return;
    const { kind, at_us, value } = JSON.parse(data);
    if (kind === "faults" && fault in value) globalThis.noted.began ??= at_us;
    if (kind === "state" && value.conditions.includes(condition)) globalThis.noted.told ??= at_us;
    ready();
  };
})"""
"""Notes when the board says that a fault has begun, and the camera that a condition holds, by their
own clock: a page that waits for a processor hears of it later."""
WITHIN: Final = """async () => {
  const { faults } = await (await fetch("/api/board")).json();
  const said = (name) =>
    document.getElementById(`fault-${name}-tells`).firstElementChild.textContent;
  const numbers = (text) => (text.match(/\\d+(?= s\\b)/g) ?? []).map(Number);
  const all = faults.filter((one) => !one.on_button);
  return all.map(({ name, within }) => [name, within, numbers(said(name))]);
}"""
"""Of each fault: the seconds within which the camera tells of it, and those that its words say."""
BESIDE: Final = """() => {
  const widths = [...document.querySelectorAll(".extras > section")].map((one) => one.offsetWidth);
  return Math.max(...widths) - Math.min(...widths) <= 1;
}"""
"""Whether neither of the two panels is squeezed by the other one."""
DOCK_IN_SIGHT: Final = """() => {
  const { top, bottom } = document.querySelector("#dock button").getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}"""
EMPTY: Final = "battery_critical"
EMPTY_SECONDS: Final = 180.0
"""An empty battery is believed, counts as empty, and ends the daemon: half a minute each."""
FEELS: Final = """() => {
  globalThis.felt = [];
  new MutationObserver(() => globalThis.felt.push(document.getElementById("cue").textContent))
    .observe(document.getElementById("cue"), { childList: true });
}"""
FELT: Final = "says => globalThis.felt.includes(says)"
FULL_HINT: Final = """() => {
  const { textContent } = document.getElementById("hint");
  return textContent.includes("Speicher voll") && textContent;
}"""
"""The page's hint while it says that the card is full."""


STROKES: Final = """async () => {
  const { Cues } = await import("/page/cues.js");
  const cues = new Cues({ ".-": "can", ".": "done", "..": "records" });
  const said = [];
  const edges = (...times) =>
    times.forEach((at, index) => cues.edge({ on: index % 2 === 0, at_us: at * 1000 }));
  const ends = () => {
    cues.end();
    said.push(cues.name);
  };
  edges(0, 120, 240, 500, 500, 620);
  ends();
  edges(2000, 2120, 2240, 2840);
  ends();
  edges(5000, 5120);
  ends();
  edges(5240, 5360);
  ends();
  cues.forget();
  return said;
}"""
"""Strokes of 120 and 600 ms with pauses of 120: one that is cut short by another is not named, and
word that comes late is taken for what it is."""


def feels(one: Person, says: str) -> None:
    """Wait until a cue is named, since the one before it: the next may come soon."""
    one.waits(FELT, says)
    one.page.evaluate("globalThis.felt.length = 0")


def dresses() -> Iterator[tuple[tuple[int, int], dict[str, Any], str]]:
    """Every size with every language and every choice of colours; a cut has each of them once."""
    schemes: tuple[dict[str, Any], ...] = (
        {"color_scheme": "light", "forced_colors": "none"},
        {"color_scheme": "dark", "forced_colors": "none"},
        {"color_scheme": "dark", "forced_colors": "active"},
    )
    number = 0
    for size in SIZES:
        for language in ("de", "en"):
            for scheme in schemes:
                number += 1
                if CAMPAIGN or number % 7 == 1:
                    yield size, scheme, language


def with_panels_open(one: Person) -> None:
    """The big button is within reach whatever is read beside it, and an exercise goes on; the dock
    is found without a search."""
    page = one.page
    page.locator("#faults-name").click()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(DOCK_IN_SIGHT), (width, height)
    page.locator("#course-name").click()
    page.locator("#scenario-minute").click()
    page.locator("#course-begin").click()
    for panel in ("exercise", "webcam"):
        in_reach(one, SIZES)
        for width, height in ((360, 740), (844, 390), (1280, 800)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(BESIDE), (width, height)
            for language in breadth(("de",) if width == 360 else (), ("en", "de")):
                page.locator(f"[data-language={language}]").click()
                one.sees(f"{panel}-{width}x{height}-{language}")
        page.locator("#webcam-name").click()
        if panel == "exercise":
            page.locator("#course-name").click()
    page.locator("#course-name").click()
    page.locator("#course-end").click()
    page.locator("#course-name").click()
    page.locator("#faults-name").click()


def runs_empty(one: Person, camera: BodyCamera) -> None:
    """Have the camera switch itself off, as with an empty battery. That takes it a minute and a
    half, which a run that is in a hurry does not wait for."""
    if CAMPAIGN:
        since_us = now_us()
        one.page.get_by_role("switch", name="Akku ist fast leer").tap()
        until(lambda: camera.state["stage"] == "off", EMPTY_SECONDS, "it is off")
        [*_, off] = next(says for name, _, says in one.page.evaluate(WITHIN) if name == EMPTY)
        assert off - BUSY_SECONDS <= (now_us() - since_us) / 1e6 <= off + END_SECONDS
        return
    (camera.state_dir / "run" / POWER_OFF).write_text("the battery is at 2 %\n")
    os.kill(json.loads((camera.state_dir / "sim.json").read_text())["daemon_pid"], signal.SIGTERM)


def in_reach(one: Person, sizes: tuple[tuple[int, int], ...]) -> None:
    out: dict[tuple[int, int], list[str]] = {}
    for width, height in sizes:
        one.page.set_viewport_size({"width": width, "height": height})
        if left := one.page.evaluate(OUT_OF_REACH):
            out[width, height] = left
    assert out == {}


def is_told(camera: BodyCamera) -> bool:
    """Whether the camera has said that it can record, and has been still for longer than any pause
    within a cue since."""
    strokes = edges(camera, "vibration", 0)
    if len(strokes) < READY_EDGES:
        return False
    at_us, is_on = strokes[-1]
    return not is_on and now_us() - at_us > CUE_OVER_US


def test_what_is_felt_and_said_is_read_and_one_film_plays(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium,
        camera.url,
        "cues",
        size=WIDE,
        scheme="light",
        language="en-GB",
    ) as one:
        page = one.page
        one.waits_for_stage("Idle")
        says = page.evaluate(STROKES)
        assert says == ["done", "can", "done", "records"]
        # Else a press cuts short what the camera says at its start, which is then told again; and
        # what it answers sooner than a cue is over cannot be told from that cue's own strokes.
        until(lambda: is_told(camera), PATIENCE, "it has said that it can record")
        page.evaluate(FEELS)
        big = page.locator("#button-main")
        for _ in range(breadth(1, 2)):
            one.presses(lambda: big.click(delay=80), STAGE, "Self-view")
            feels(one, "done: self-view on, or ready; nothing is recorded")
            one.presses(lambda: big.click(delay=80), STAGE, "Recording")
            feels(one, "the camera records")
            # Heard as it is said, and read.
            page.get_by_text("Achtung, die Kamera zeichnet jetzt Bild und Ton auf.").wait_for()
            assert page.get_attribute("#voice", "lang") == "de"
            one.waits("() => document.getElementById('speaker').currentTime > 0.5")
            one.sees("announced")
            big.hover()
            one.stops(page.mouse.down, page.mouse.up, "Idle")
            feels(one, "the camera does not record")
            page.get_by_text("Die Aufzeichnung ist beendet.").wait_for()
        # Switched off, it is read only.
        page.get_by_role("button", name="Sound").click()
        assert page.evaluate("document.getElementById('speaker').paused")

        # Another one, for a list of two.
        for stage in ("self_view", "recording"):
            camera.press()
            camera.wait(stage=stage)
        camera.stop()
        one.waits_for_stage("Idle")
        rows = page.locator("#list > li")
        for number in range(2):
            rows.nth(number).get_by_role("button", name="Open").click()
            one.waits("() => document.querySelector('video')?.currentTime > 0")
            row = rows.nth(number)
            row.locator("video").wait_for()
            assert page.locator("video").count() == 1
        film = page.locator("video")
        page.evaluate("document.querySelector('video').loop = true")
        film.evaluate("film => film.play()")
        page.set_viewport_size({"width": 390, "height": 844})
        page.evaluate("scrollTo(0, 0)")
        one.waits("() => document.querySelector('video').paused")

        # What was felt and said is past, and no longer read.
        one.waits(
            "() => ['cue', 'voice'].every((id) => document.getElementById(id).textContent === '')"
        )


def test_every_fault_is_explained_on_every_screen_and_nothing_is_promised(
    chromium: Browser, camera: BodyCamera
) -> None:
    with person(
        chromium, camera.url, "faults", size=SIZES[0], scheme="light", language="de-DE", touch=True
    ) as one:
        page = one.page
        one.waits_for_stage("Bereit")
        page.evaluate(FEELS)
        page.locator("#faults-name").click()
        count, wrong = page.evaluate(UNEXPLAINED)
        # One needs an office, and the dock is no fault.
        assert wrong == [] and count >= len(FAULTS) - 2
        for language in ("en", "de"):
            page.locator(f"[data-language={language}]").click()
            told = {name: seconds for name, seconds, _ in page.evaluate(WITHIN)}
            assert max(map(len, told.values())) > 1
            for name, seconds, says in page.evaluate(WITHIN):
                assert says[: len(seconds)] == seconds, (language, name)
        in_reach(one, (*SIZES, *BETWEEN))
        with_panels_open(one)

        # A finger on a phone: the fault is switched, and what it does is seen without scrolling.
        page.set_viewport_size({"width": 360, "height": 740})
        full = page.get_by_role("switch", name="Speicherkarte ist voll")
        full.tap()
        one.waits_for_light("amber", on=True)
        assert page.evaluate("scrollY") > 500
        for selector in ("#amber", "#button-main", "#hint"):
            assert page.locator(selector).evaluate(
                "one => one.getBoundingClientRect().top >= 0"
                " && one.getBoundingClientRect().bottom <= innerHeight"
            ), selector
        one.sees("full")
        another, condition, switch, called = breadth(KNOWN_SOON, BELIEVED_LATE)
        page.evaluate(NOTES, [another, condition])
        page.get_by_role("switch", name=switch).tap()
        page.locator("#conditions").get_by_text(called).wait_for()
        one.waits("() => noted.began && noted.told")
        took_us = page.evaluate("noted.told - noted.began")
        assert took_us / 1e6 <= max(told[another]) + BUSY_SECONDS
        assert page.get_attribute("#conditions", "aria-live") == "polite"

        # Nothing is promised that would be refused: not in idle, and not before a mirror.
        def says(selector: str) -> str:
            return page.locator(selector).text_content() or ""

        one.waits(FULL_HINT)
        assert "würde jetzt abgelehnt" in says("#hint") and "auslesen" in says("#hint")
        assert "sofort aufzeichnen: würde jetzt abgelehnt" in says("#keys")
        main = page.locator("#button-main")
        one.presses(main.tap, STAGE, "Selbstansicht, nicht bereit")
        # In its place there may be a note for some seconds, of a press that grew on its way.
        hint = page.wait_for_function(FULL_HINT, timeout=WITHIN_MS).json_value()
        assert "beginnt" not in hint
        assert "Aufzeichnung beginnen: würde jetzt abgelehnt" in says("#keys")
        for promise in ("erhalten", "werden Beweismittel"):
            assert promise not in says("#stages")
        assert "zweimal" not in says("#none")
        one.presses(main.tap, FELT, "die Kamera zeichnet nicht auf")
        feels(one, "die Kamera zeichnet nicht auf")
        in_reach(one, breadth(BETWEEN, ALL))

        for size, scheme, language in dresses():
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.emulate_media(**scheme)
            page.locator(f"[data-language={language}]").click()
            count, wrong, small = page.evaluate(LABELS)
            assert count >= 6 and wrong == [] and small == [], (size, language)
            one.sees(f"{size[0]}x{size[1]}-{language}-{'-'.join(scheme.values())}")
        # Stages are told apart without colour.
        assert page.locator(".timeline .texture").count() >= 1

        page.set_viewport_size({"width": 360, "height": 740})
        page.locator("[data-language=de]").click()
        page.get_by_role("button", name="Alle ausschalten").tap()
        one.waits("() => document.querySelector('.switch[aria-checked=true]') === null")
        one.waits("() => document.getElementById('conditions').children.length === 0")
        one.waits_for_light("amber", on=False)
        assert page.get_attribute("#all-off", "aria-disabled") == "true"
        assert "beginnt" in says("#hint")

        # A camera that its empty battery has switched off starts in its dock, and nowhere else.
        runs_empty(one, camera)
        one.waits_for_stage("Aus")
        assert "Akku ist leer" in says("#hint") and "Dock" in says("#hint")
        one.sees("empty")
        assert "zweimal" not in says("#none")
        # In sight, however far one has scrolled.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.get_by_role("button", name="Ins Dock stecken").tap()
        one.waits_for_stage("Bereit")
        assert not page.locator("#into-dock").is_visible()
        page.locator("#conditions").get_by_text("im Dock").wait_for()
        one.sees("docked")
        page.get_by_role("switch", name="Im Dock").tap()
        one.waits("() => document.getElementById('conditions').children.length === 0")
