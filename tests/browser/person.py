"""A person at the page: Debian's Chromium, driven by mouse and keyboard alone. Of it there is what
shows a page, without the window around it, which no test needs; `make campaign` has all of it.

Three things are watched at each step of a person: no error in the console, no request
to anywhere but the page's own origin, and at the end of every step nothing that axe objects to.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from hw_mocks.worldclock import ASIDE
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.breadth import CAMPAIGN, breadth
from tests.waiting import DEADLINE

CHROMIUM: Final = breadth("/usr/lib/chromium/chromium-headless-shell", "/usr/bin/chromium")
"""For each visitor the whole of it makes a window of its own, with pages for its buttons: half a
second of a processor, of which what shows the page alone needs a tenth."""
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It runs as root in CI, without a graphics processor, and must not call home."""
SCREENSHOTS: Final = Path(__file__).parents[2] / ".cache" / "screenshots"
WITHIN_MS: Final = DEADLINE * 1000
"""Deadline of everything that is waited for: how soon it comes is not the matter here."""
expect.set_options(timeout=WITHIN_MS)
WIDE: Final = (1920, 1080)
NARROW: Final = (360, 740)

RAW_NAMES: Final = """() => {
  const raw = /[a-z]+_[a-z]+/;
  const found = [];
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ALL);
  for (let node = walk.currentNode; node; node = walk.nextNode()) {
    if (node.parentElement?.closest("code")) continue;
    if (node.nodeType === Node.TEXT_NODE && raw.test(node.data)) found.push(node.data);
    for (const name of ["aria-label", "aria-description", "title", "alt", "placeholder"]) {
      const value = node.getAttribute?.(name);
      if (value && raw.test(value)) found.push(value);
    }
  }
  return found;
}"""
"""Everything that is read or heard on the page and looks like a name of a program, unless it is
shown as what it is: something to compare letter by letter."""

KEYS_OF: Final = """(table) => {
  const kind = (value) => (typeof value === "object" ? keysOf(value) : typeof value);
  const keysOf = (table) =>
    Object.fromEntries(Object.keys(table).map((key) => [key, kind(table[key])]));
  return keysOf(table);
}"""
"""What a table of words has words for, and of what kind."""

STAGE: Final = "name => document.getElementById('stage').textContent === name"
"""Whether the page says that the camera is in a stage."""
WATCHES_NOTES: Final = """async () => {
  const { words } = await import("/page/words.js");
  const hint = document.getElementById("hint");
  window.unfelt = () => [words().notPressed, words().tooLate].includes(hint.textContent);
  const count = () => { window.unfelts += window.unfelt(); };
  new MutationObserver(count).observe(hint, { childList: true });
}"""
"""Counts how often the simulator's page says that the camera did not feel a press."""
PRESSES: Final = 10
NOT_FELT: Final = "() => document.getElementById('strokes').textContent === ''"
"""Nothing is felt, nor was for the seconds for which it is read. Every press in a recording is
answered by what is felt, so there was none either."""
HELD: Final = f"""() => !({NOT_FELT})() &&
  document.getElementById("button-main").classList.contains("done")"""
"""Whether the camera vibrates, and the big button shows that it was held for long enough."""
FELT_MS: Final = 1200
"""How long a hand rests between a hold and the press that answers it: it feels what it is told."""
TAP_MS: Final = 100
"""A short press."""

_LOG: Final = SCREENSHOTS / f"chromium-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.log"
"""What this process's browser says, for when a page crashes."""
_TOLD: Final = 4000


@dataclass
class Person:
    """Somebody who has the page open. `said`: what the console says. `asked`: every request."""

    page: Page
    origin: str
    story: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    steps: int = 0
    forgives: tuple[str, ...] = ()
    """How what the console may say begins."""
    elsewhere: tuple[str, ...] = ()
    """Who else may be asked, each as host and port."""

    def watch(self) -> None:
        """Begin to listen, before the page is opened."""
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))

    def sees(self, name: str) -> None:
        """Let axe look at the page, and take a picture of the step where there is time for it."""
        self.takes_picture(name)
        self.is_accessible(name)

    def takes_picture(self, name: str) -> None:
        """Take a picture of the step, where there is time for it."""
        if not CAMPAIGN:
            return
        self.steps += 1
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(
            path=SCREENSHOTS / f"{self.story}-{self.steps}-{name}.jpg", type="jpeg"
        )

    def is_accessible(self, name: str) -> None:
        """No violation that axe knows, and nothing that is wider than the window."""
        # axe-playwright-python gives the page its half megabyte each time, which is compiled anew
        # then, and slow at first.
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("axe.run({ reporter: 'no-passes' })")["violations"]
        violations = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
        assert violations == [], f"{name}: {violations}"
        wide, window = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= window, f"{name}: {wide} pixels in a window of {window}"
        assert self.page.evaluate(RAW_NAMES) == [], f"{name}: names that no person uses"

    def is_later(self, *, days: int = 0, minutes: int = 0) -> None:
        """Put the page's time of day forward; what it waits for takes as long as ever."""
        self.page.evaluate(
            "ms => { const now = Date.now.bind(Date); Date.now = () => now() + ms; }",
            (days * 1440 + minutes) * 60_000,
        )

    def waits(self, expression: str, argument: Any = None) -> None:
        """Wait until an expression holds in the page."""
        self.page.wait_for_function(expression, arg=argument, timeout=WITHIN_MS)

    def waits_for_stage(self, name: str) -> None:
        """Wait until the page says that the camera is in a stage."""
        self.waits(STAGE, name)

    def waits_for_light(self, name: str, *, on: bool) -> None:
        """Wait until a light is lit, or dark."""
        self.waits(
            "([id, on]) => document.getElementById(id).classList.contains('on') === on", [name, on]
        )

    def waits_for_moving_display(self) -> None:
        """Wait until the front display shows one picture after the other, none of them black."""
        shown = int(self.page.get_attribute("#display", "data-pictures") or 0)
        # Five at 15 a second: it moves, and not by chance.
        self.waits(
            "n => Number(document.getElementById('display').dataset.pictures) > n", shown + 5
        )
        brightness = self.page.evaluate(
            """() => {
                const { width, height } = document.getElementById("display");
                const context = document.getElementById("display").getContext("2d");
                // Red, green and blue; the fourth of each pixel says that it is opaque.
                const { data } = context.getImageData(0, 0, width, height);
                const colours = data.filter((_, index) => index % 4 !== 3);
                return colours.reduce((sum, value) => sum + value, 0) / colours.length;
            }"""
        )
        assert brightness > 20

    def presses(
        self,
        down: Callable[[], None],
        expression: str,
        argument: Any = None,
        *,
        up: Callable[[], None] = lambda: None,
    ) -> None:
        """Press a button of the camera until an expression holds in the page. Where the page says
        that the camera did not feel it, do it once more: a browser that is left no processor may
        tell of it too late, or lose its connection."""
        self.page.evaluate(WATCHES_NOTES)
        for _ in range(PRESSES):
            self.waits("() => !window.unfelt()")
            self.page.evaluate("window.unfelts = 0")
            down()
            self.waits(f"argument => window.unfelts > 0 || ({expression})(argument)", argument)
            up()
            if self.page.evaluate("window.unfelts") == 0:
                return
        raise AssertionError(f"the camera felt none of {PRESSES} presses")

    def stops(self, down: Callable[[], None], up: Callable[[], None], idle: str) -> None:
        """End the recording: hold the big button until it vibrates, let go, and press once, until
        the page says that the camera is idle, by the name of that stage."""
        self.waits(NOT_FELT)
        self.presses(down, HELD, up=up)
        self.page.wait_for_timeout(FELT_MS)

        def press() -> None:
            down()
            self.page.wait_for_timeout(TAP_MS)
            up()

        self.presses(press, STAGE, idle)

    def tabs_to(self, selector: str, *, back: bool = False) -> None:
        """Move the focus with the Tab key until it is on an element."""
        for _ in range(80):
            if self.page.evaluate("s => document.activeElement?.matches(s)", selector):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"{selector} cannot be reached with the Tab key")

    def is_content(self) -> None:
        """Nothing went wrong, and everything came from where the page came from."""
        wrong = [one for one in self.said if not one.startswith(self.forgives or "\0")]
        assert wrong == [], wrong
        asked = {urlsplit(url).netloc for url in self.asked if not url.startswith("blob:")}
        assert asked - set(self.elsewhere) == {urlsplit(self.origin).netloc}


@contextlib.contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """Debian's Chromium, without a window, with more flags of its own. It steps
    aside (`tests/system/aside.py`): a world whose time waited for each of its hundred threads would
    hardly go on. As root it would give its processes priorities of its own, so that is taken
    from it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        aside = Path(directory) / "chromium.sh"
        stays = "setpriv --bounding-set=-sys_nice" if os.geteuid() == 0 else ""
        command = f'nice -n {ASIDE} {stays} {CHROMIUM} "$@" 2>"{_LOG}"'
        aside.write_text(f"#!/bin/sh\nexec {command}\n")
        aside.chmod(0o700)
        arguments = [*FLAGS, *flags]
        started = playwright.chromium.launch(executable_path=aside, headless=True, args=arguments)
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def person(
    chromium: Browser,
    url: str,
    story: str,
    *,
    size: tuple[int, int],
    scheme: Any,
    language: str,
    touch: bool = False,
    forgives: tuple[str, ...] = (),
    motion: bool = CAMPAIGN,
) -> Iterator[Person]:
    """Somebody opens the page; whatever they do, nothing may have gone wrong at the end.

    motion: whether they have not asked for less of it. Drawing what moves all the while, sixty
    times a second, costs the machine twice as much as all else that the page does.
    """
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale=language,
        has_touch=touch,
        reduced_motion="no-preference" if motion else "reduce",
    )
    context.set_default_timeout(WITHIN_MS)
    one = Person(context.new_page(), url, story, forgives=forgives)
    one.watch()
    try:
        one.page.goto(url)
        yield one
        one.is_content()
    except BaseException:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Error):  # as where the page itself has crashed
            one.page.screenshot(path=SCREENSHOTS / f"{story}-failed.png", full_page=True)
        sys.stderr.write(_LOG.read_text(errors="replace")[-_TOLD:])
        raise
    finally:
        context.close()
