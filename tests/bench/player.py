"""``python -m tests.bench.player``: how soon the player in the tab shows a long recording.

A recording of 30 minutes, 720p at 4 Mbit/s, is written by the production container writer, half a
second of pictures at a time, and lies on a loopback server that answers to ranges. Debian's
Chromium opens the page, and the office's key is given to it. Measured in the page, by its clock:

- from the key being there to the first picture on the screen, of pages opened one after the other;
- from a seek to the picture that is there, all over the recording, from the first picture on,
  while statements are read and all is being checked (cold), and after that (warm);
- what the renderer's memory is while the recording plays at sixteen times its speed for as long as
  an hour of it takes, a recording of which is played twice.

It prints a table, and one JSON object as the last thing on standard output.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pyrage
from hw_mocks.fleet import cards
from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import EndlessFilm, noise
from player_server import PlayerServer, player_server
from playwright.sync_api import Page

from tests.bench.figures import quantile
from tests.bench.plan import answer, log
from tests.browser.person import browser
from tests.waiting import until

WIDTH, HEIGHT, BITRATE = 1280, 720, 4_000_000
SECONDS: Final = 1800
FIRST_LIMIT_S, SEEK_LIMIT_S = 1.0, 0.5
SPEED: Final = 16
_OPENED: Final = """async (identity) => {
  await player.ready;
  const video = document.querySelector(".camerad-player video");
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const began = performance.now();
  await window.identity.open(new TextEncoder().encode(identity), "");
  const at = await shown;
  return (at - began) / 1000;
}"""
_SEEK: Final = """async (at) => {
  const video = document.querySelector(".camerad-player video");
  const began = performance.now();
  player.seek(at);
  for (;;) {
    const [when, { mediaTime }] = await new Promise((resolve) =>
      video.requestVideoFrameCallback((...both) => resolve(both)),
    );
    if (Math.abs(mediaTime * 1e6 - at) < 100_000) return (when - began) / 1000;
  }
}"""


def a_recording(
    place: Path, film: EndlessFilm, seconds: int, office: pyrage.x25519.Identity
) -> Card:
    """A card with one recording of so many seconds, sealed to an office."""
    with mock.patch.object(cards, "DEMONSTRATION_RECIPIENT", str(office.to_public())):
        card = Card(place, "camera-00")
        card.record(film, [seconds * 2])
    return card


def opened(
    page: Page, server: PlayerServer, card: Card, office: pyrage.x25519.Identity, *, extents: bool
) -> float:
    """Open the page and give the key; seconds to the first picture."""
    page.goto(server.page("long", card.key.public.raw, extents=extents))
    return float(page.evaluate(_OPENED, str(office)))


def is_checked(page: Page) -> bool:
    """Whether the whole recording was checked."""
    return bool(page.evaluate("player.recording.verdict !== null"))


def memory_mb(page: Page) -> float:
    """What the page's own process has resident, of all of the browser's that serve pages."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            line = (status.parent / "cmdline").read_bytes()
            if b"--type=renderer" not in line or b"--extension-process" in line:
                continue
            found = [one for one in status.read_text().splitlines() if one.startswith("VmRSS")]
            sizes.append(int(found[0].split()[1]) / 1024)
        except (OSError, IndexError):
            continue  # it has just ended
    page.evaluate("1")
    return max(sizes)


def measure(
    place: Path, opens: int, seeks: int, minutes: int, *, extents: bool = True
) -> dict[str, Any]:
    """All of it. minutes: of a recording that are played to see what memory does. extents: whether
    the server gives all statements at once."""
    office = pyrage.x25519.Identity.generate()
    film = noise(WIDTH, HEIGHT, BITRATE)
    log.info("player: a recording of %d s", SECONDS)
    card = a_recording(place / "card", film, SECONDS, office)
    (path,) = card.files
    said: dict[str, Any] = {"megabytes": round(path.stat().st_size / 1e6)}
    chance = random.Random(1)
    places = [chance.uniform(1, SECONDS - 1) * 1e6 for _ in range(seeks)]
    with player_server(long=path) as server, browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en")
        context.set_default_timeout(600_000)
        firsts = []
        for number in range(opens):
            log.info("player: first picture, %d of %d", number + 1, opens)
            page = context.new_page()
            firsts.append(opened(page, server, card, office, extents=extents))
            if number < opens - 1:
                page.close()
        began = time.monotonic()
        cold = [float(page.evaluate(_SEEK, at)) for at in places]
        said["checked_during_cold"] = is_checked(page)
        until(lambda: is_checked(page), 600)
        said["check_s"] = round(time.monotonic() - began, 1)
        said["verdict"] = page.inner_text(".verdict strong")
        warm = [float(page.evaluate(_SEEK, at + 1e6)) for at in places]
        said["first_picture_s"] = _told(firsts)
        said["seek_cold_s"], said["seek_warm_s"] = _told(cold), _told(warm)
        page.evaluate("player.seek(0)")
        page.evaluate(f"document.querySelector('video').playbackRate = {SPEED}")
        page.evaluate("() => { player.play(); }")
        sizes = []
        for _ in range(minutes):
            time.sleep(60 / SPEED)
            sizes.append(round(memory_mb(page), 1))
            if page.evaluate("document.querySelector('video').ended"):
                page.evaluate("() => { player.play(); }")
        said["played_s"] = page.evaluate("viewed.reduce((s, v) => s + v.to - v.from, 0) / 1e6")
        said["memory_mb"] = sizes
        context.close()
    return said


def _told(seconds: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(seconds), 3),
        "p95": round(quantile(seconds, 0.95), 3),
        "most": round(max(seconds), 3),
    }


def main() -> int:
    """Measure, and say it; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.player")
    parser.add_argument("--opens", type=int, default=10)
    parser.add_argument("--seeks", type=int, default=50)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument(
        "--apart", action="store_true", help="the server is asked for each statement by itself"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        said = measure(
            Path(place), given.opens, given.seeks, given.minutes, extents=not given.apart
        )
    for name, value in said.items():
        sys.stderr.write(f"{name:<22}{value}\n")
    answer(said)
    first, seek = said["first_picture_s"]["p95"], said["seek_warm_s"]["p95"]
    return 0 if first <= FIRST_LIMIT_S and seek <= SEEK_LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
