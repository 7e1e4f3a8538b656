"""The player in Debian's Chromium: what is signed is played, what is not is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyrage
import pytest
from player_recordings import READ_NUMBERS, beats, made_with_holes, number_at
from player_server import PlayerServer, player_server
from playwright.sync_api import Browser
from sealed_helpers import KEY, LOCKED, PASSPHRASE, altered, flipped, made, pack, without

from camerad.container.keys import SigningKey
from tests.breadth import campaign
from tests.browser.person import NARROW, WIDE, Person, browser, person
from tests.waiting import DEADLINE, until

SECOND: Final = "I" + "P" * 29
LONG: Final = SECOND * 40
LAPTOP: Final = (1366, 768)
SMALL: Final = (400, 640)
"""Pixels of a window in which nobody looks: each costs a processor's time for each picture."""
GAP_AT_S, GAP_ENDS_S = 2.5, 4.0
NUMBER: Final = "window.shownNumber()"
STATE: Final = "[window.player?.position, document.querySelector('.camerad-player')?.innerText]"
"""What is told of a page where what is waited for does not come."""
WRONG: Final = """[...document.querySelectorAll(".camerad-player .problem")]
  .map((one) => one.textContent).join("")"""
"""All that is said to be wrong."""
OTHER_KEY: Final = "This is not the office's key. Choose another file, or ask who keeps the key."
TOLD: Final = ".camerad-player .verdict strong"


def recordings() -> dict[str, bytes]:
    """What the server has, by name."""
    long = made(LONG, marks=(3_000_000,))
    changed = altered(long.members, "000020.m4s.age", lambda data: flipped(data, len(data) // 2))
    forged = altered(long.members, "000020.jws", lambda data: flipped(data, len(data) - 5))
    return {
        "long": long.file,
        "holes": made_with_holes().file,
        "changed": pack(changed),
        "forged": pack(forged),
        "shortened": pack(without(long.members, "000020.m4s.age", "000020.jws")),
        "jump": made(SECOND * 2 + "." * 75 + "P" * 15 + SECOND).file,
        "no-init": pack(altered(long.members, "init.mp4.age", lambda data: flipped(data, 300))),
        "nothing": b"nothing" * 1000,
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser("--autoplay-policy=no-user-gesture-required") as started:
        yield started


@pytest.fixture(scope="module")
def server() -> Iterator[PlayerServer]:
    with player_server(**recordings()) as started:
        yield started


@contextmanager
def viewer(
    chromium: Browser,
    server: PlayerServer,
    recording: str,
    *,
    key: bytes = KEY.public.raw,
    size: tuple[int, int] = SMALL,
    scheme: str = "light",
    language: str = "en",
) -> Iterator[Person]:
    """Somebody who has the page open that plays a recording."""
    url = server.page(recording, key, language)
    story = f"player-{recording}-{language}-{size[0]}-{scheme}"
    with person(chromium, url, story, size=size, scheme=scheme, language=language) as one:
        one.origin = server.url
        yield one


def waits(one: Person, expression: str, argument: Any = None) -> None:
    """Wait until an expression holds. Playwright would evaluate it in the page, which its policy
    forbids; asked for from outside it is not the page's."""
    until(
        lambda: one.page.evaluate(expression, argument),
        seconds=DEADLINE,
        what=lambda: f"{expression}: {one.page.evaluate(STATE)}",
        pause=0.02,
    )


def opens_key(one: Person, passphrase: str = PASSPHRASE, file: bytes = LOCKED) -> None:
    """Choose the office's key file, and give its passphrase."""
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": file}
    one.page.set_input_files(".camerad-player form input[type=file]", files=[chosen])
    one.page.fill(".camerad-player form input[type=password]", passphrase)
    one.page.click(".camerad-player form button")


def is_playable(one: Person) -> None:
    """Wait for the first picture, and begin to read pictures."""
    waits(one, "document.querySelector('.camerad-player video').readyState >= 2")
    one.page.evaluate(READ_NUMBERS)


def goes_to(one: Person, seconds: float) -> None:
    """Seek, and wait until that picture is there."""
    one.page.evaluate("at => { player.seek(at); }", seconds * 1e6)
    waits(
        one,
        """at => Math.abs(player.position - at) < 40_000 && !document.querySelector("video").seeking
            && Math.abs((window.shown.at(-1)?.[0] ?? -Infinity) - at) < 40_000""",
        seconds * 1e6,
    )


def steps(one: Person, key: str) -> int:
    """Press a key that shows another picture; the number that it shows."""
    before = one.page.evaluate("player.position")
    one.page.keyboard.press(key)
    waits(
        one,
        """before => player.position !== before && window.shown.at(-1)[0] === player.position
            && !document.querySelector('.camerad-player video').seeking""",
        before,
    )
    return int(one.page.evaluate("window.shown.at(-1)[1]"))


def verdict(one: Person) -> str:
    """The verdict, when it is there."""
    waits(one, "!document.querySelector('.camerad-player .verdict').matches('.checking')")
    return one.page.inner_text(TOLD)


def test_a_key_opens_a_recording_and_it_plays_over_its_holes_to_the_end(
    chromium: Browser, server: PlayerServer
) -> None:
    with viewer(chromium, server, "holes") as one:
        opens_key(one, "", str(pyrage.x25519.Identity.generate()).encode())
        waits(one, f"{WRONG} === {json.dumps(OTHER_KEY)}")
        one.sees("wrong-key")
        # One thing is said at a time: of the try that was the last.
        opens_key(one, "")
        waits(one, f"{WRONG} === 'This key file has a passphrase. Type it in, please.'")
        opens_key(one, "a wrong one, this")
        waits(one, f"{WRONG} === 'The passphrase is wrong, or the key file is damaged.'")
        opens_key(one)
        is_playable(one)
        assert verdict(one) == "Authentic, with the remarks below"
        goes_to(one, 2.0)
        one.page.keyboard.press("Space")
        waits(one, "document.querySelector('.note').textContent.includes('lost')")
        assert one.page.inner_text(".note") == (
            "1.5 s without pictures: pictures were lost. "
            "The picture stands still, the sound is there."
        )
        waits(one, "document.querySelector('.camerad-player video').ended")
        shown = one.page.evaluate("window.shown")
        numbers = beats(shown)
        assert numbers == sorted(numbers) and set(numbers) <= set(made_with_holes().numbers)
        # A busy machine may leave out pictures; the last one it shows.
        assert numbers[-1] == 179 and len(numbers) > 15
        for at, number in shown:
            assert number == number_at(at / 1e6)
        viewed = one.page.evaluate("window.viewed")
        assert viewed[-1]["to"] == 5_966_666
        # Chromium has decoded the sound, and what is silent beside it.
        assert one.page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount") > 0


@pytest.mark.campaign
def test_a_gap_without_sound_is_jumped_over_and_that_is_said(
    chromium: Browser, server: PlayerServer
) -> None:
    with viewer(chromium, server, "jump") as one:
        opens_key(one)
        is_playable(one)
        one.page.keyboard.press("Space")
        waits(one, "!document.querySelector('.note').hidden")
        assert one.page.inner_text(".note") == (
            "2.5 s without pictures: pictures were lost. Playback goes on behind it."
        )
        waits(one, "document.querySelector('.camerad-player video').ended")
        shown = one.page.evaluate("window.shown")
        assert not [at for at, _ in shown if 2e6 <= at < 4.5e6]
        # What follows the gap is shown although no key frame is there.
        assert set(range(135, 150)) & {number for _, number in shown}


@pytest.mark.campaign
def test_a_server_that_fails_is_asked_again(chromium: Browser, server: PlayerServer) -> None:
    with viewer(chromium, server, "long") as one:
        one.forgives = ("Failed to load resource",)
        opens_key(one)
        is_playable(one)
        assert verdict(one) == "Authentic and complete"
        server.fails = True
        one.page.evaluate("player.seek(30e6)")
        waits(one, "document.querySelector('.camerad-player > .problem').textContent !== ''")
        assert one.page.inner_text(".camerad-player > .problem") == (
            "The recording cannot be read any more."
        )
        server.fails = False
        one.page.click("text=Try again")
        waits(one, "window.shown.at(-1)?.[0] === 30_000_000")
        assert one.page.evaluate(NUMBER) == number_at(30)
        assert verdict(one) == "Authentic and complete"


def test_what_a_person_does_with_the_keyboard(chromium: Browser, server: PlayerServer) -> None:
    with viewer(chromium, server, "long") as one:
        one.tabs_to("form input[type=file]")
        opens_key(one)
        is_playable(one)
        # The focus is on the button that plays.
        assert one.page.evaluate("document.activeElement.matches('.play')")
        goes_to(one, 21.0)
        assert one.page.evaluate(NUMBER) == number_at(21.0)
        assert [steps(one, ".") for _ in range(3)] == [number_at(21 + n / 30) for n in (1, 2, 3)]
        assert [steps(one, ",") for _ in range(5)] == [
            number_at(21 + n / 30) for n in (2, 1, 0, -1, -2)
        ]
        assert steps(one, "ArrowRight") in (number_at(26 - 2 / 30), number_at(26 - 1 / 30))
        assert steps(one, "p") == number_at(3)
        assert "Mark 1, 0:03.000" in one.page.evaluate(
            "document.querySelector('.events').textContent"
        )
        assert steps(one, "Home") == 0
        assert steps(one, "End") == number_at(40 - 1 / 30)
        one.tabs_to(".bar", back=True)
        assert steps(one, "Home") == 0
        assert steps(one, "ArrowRight") == number_at(5)
        assert one.page.get_attribute(".bar", "aria-valuetext") == "0:05.000 of 0:40.000"
        assert one.page.inner_text(".time") == "0:05.000 / 0:40.000"
        assert "15:30:05.000" in one.page.inner_text(".clock")
        assert "set by a time server" in one.page.inner_text(".clock")


def test_a_fragment_that_was_changed_is_not_played(chromium: Browser, server: PlayerServer) -> None:
    with viewer(chromium, server, "changed") as one:
        assert verdict(one) == "NOT authentic"
        assert one.page.is_hidden(".stage")
        assert one.page.evaluate("document.querySelector('video').src") == ""
        assert one.page.inner_text(".verdict details li").split("\n") == [
            "Piece 20: changed since it was signed (from 0:10.000 to 0:10.500)",
            "000020.m4s.age",
        ]
        one.sees("not-authentic")
        one.page.click("text=Play the proven part")
        opens_key(one)
        is_playable(one)
        assert one.page.inner_text(".frame") == "Proven part of a recording that is NOT authentic"
        # What is hatched is said as what it is: pictures are there, and are not proven.
        events = one.page.text_content(".events") or ""
        assert "from 0:10.000: not proven, so not shown" in events
        assert "without pictures" not in events
        legend = one.page.text_content(".legend li:has(.gap)")
        assert legend == "gap: no picture, or none that is proven"
        one.sees("proven-part")
        goes_to(one, 9.5)
        one.page.click(".play")
        # Fragment 20 is what is from 10 to 10.5 s, and the next key frame is at 11 s.
        waits(one, "player.position > 11_500_000")
        shown = one.page.evaluate("window.shown")
        assert not [at for at, _ in shown if 10e6 <= at < 11e6]
        assert {number for _, number in shown}.isdisjoint(
            range(number_at(10.0) + 1, number_at(11.0))
        )


@pytest.mark.campaign
@pytest.mark.parametrize("recording", ["forged", "shortened"])
def test_behind_a_broken_chain_nothing_is_played(
    chromium: Browser, server: PlayerServer, recording: str
) -> None:
    with viewer(chromium, server, recording) as one:
        assert verdict(one) == "NOT authentic"
        one.page.click("text=Play the proven part")
        opens_key(one)
        is_playable(one)
        one.page.evaluate("player.seek(Infinity)")
        waits(one, "window.shown.at(-1)?.[0] > 9_900_000")
        assert one.page.evaluate(NUMBER) == number_at(10 - 1 / 30)


def test_another_cameras_recording_and_what_is_none_are_told_apart(
    chromium: Browser, server: PlayerServer
) -> None:
    with viewer(chromium, server, "long", key=SigningKey.generate().public.raw) as one:
        assert verdict(one) == "NOT authentic"
        assert "signed by a key that is not trusted" in one.page.inner_text(".verdict")
        assert one.page.inner_text(".problem") == (
            "Nothing of this recording is proven, so nothing of it is played."
        )
        assert one.page.is_hidden("form")
    with viewer(chromium, server, "nothing") as one:
        assert verdict(one) == "Not a recording"


def test_the_verdict_comes_though_no_picture_can_be_had(
    chromium: Browser, server: PlayerServer
) -> None:
    """Where the key is open already, the check waits for the first picture."""
    with viewer(chromium, server, "long") as one:
        opens_key(one)
        is_playable(one)
        one.page.evaluate("() => { window.next('no-init'); }")
        assert verdict(one) == "NOT authentic"


def test_a_forgotten_key_takes_with_it_what_it_had_opened(
    chromium: Browser, server: PlayerServer
) -> None:
    with viewer(chromium, server, "long") as one:
        opens_key(one)
        is_playable(one)
        # A quarter of an hour after the last use, by the page's own clock.
        one.page.evaluate(
            """() => {
              const real = window.setTimeout;
              window.setTimeout = (act, ms, ...rest) => {
                if (ms !== 15 * 60 * 1000) return real(act, ms, ...rest);
                window.quarterHour = act;
                return 0;
              };
            }"""
        )
        goes_to(one, 30)
        one.page.evaluate("window.quarterHour()")
        assert one.page.is_hidden(".stage")
        opens_key(one)
        is_playable(one)
        one.page.click("text=Forget the key")
        assert one.page.evaluate("document.querySelector('video').src") == ""
        assert one.page.is_hidden(".stage")
        assert "The key was forgotten" in one.page.inner_text("form")
        opens_key(one)
        is_playable(one)
        # All that goes out are questions for pieces of the modules and of the recording.
        assert server.bodies == []
        names = {path.split("?")[0].split("/")[1] for path, _ in server.asked}
        assert names <= {"en", "de", "page.js", "player", "recordings"}
        key = LOCKED.decode().splitlines()[3]
        assert not [path for path, _ in server.asked if PASSPHRASE in path or key in path]


@pytest.mark.campaign
def test_the_wrong_office_is_told_whose_key_is_needed(
    chromium: Browser, server: PlayerServer
) -> None:
    other = str(pyrage.x25519.Identity.generate()).encode()
    with viewer(chromium, server, "long") as one:
        opens_key(one, "", other)
        waits(one, f"{WRONG} === {json.dumps(OTHER_KEY)}")
        one.page.click("text=For your technician")
        assert made(LONG, marks=(3_000_000,)).header.recipients[0] in one.page.inner_text(
            ".camerad-player form details"
        )


@pytest.mark.campaign
def test_a_key_file_of_the_command_is_opened(
    chromium: Browser, server: PlayerServer, tmp_path: Path
) -> None:
    """It takes the work that age chose: seconds."""
    key, passphrase = tmp_path / "desk.txt", tmp_path / "passphrase"
    passphrase.write_text("a passphrase of words\n")
    command = [sys.executable, "-m", "camerad", "keys", "new", "--output", str(key)]
    command += ["--passphrase-file", str(passphrase)]
    # How much work it takes age measures by the machine's own clock.
    own = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE, env=own)
    with viewer(chromium, server, "long") as one:
        opens_key(one, "a passphrase of words", key.read_bytes())
        # It was opened: it is another office's.
        waits(one, f"{WRONG} === {json.dumps(OTHER_KEY)}")


NOTED: Final = "[...document.querySelectorAll('.verdict .noted li')].map((one) => one.textContent)"
LEGEND: Final = """[...document.querySelectorAll(".legend li")]
  .filter((one) => one.checkVisibility()).map((one) => one.textContent)"""


def test_the_verdict_says_what_a_clerk_need_not_judge_and_what_is_missing(
    chromium: Browser, server: PlayerServer
) -> None:
    url = server.page("holes", KEY.public.raw, "de", registered="camera-03")
    with person(chromium, url, "player-noted", size=LAPTOP, scheme="light", language="de") as one:
        one.origin = server.url
        assert verdict(one) == "Echt, mit den Hinweisen unten"
        said = one.page.inner_text(".verdict p")
        assert "Der Schlüssel ist der von camera-03 (Register der Dienststelle)." in said
        assert "sofern" not in said
        assert one.page.evaluate(NOTED) == [
            "1,5 s ohne Bilder ab 0:02: Bilder gingen verloren.",
            "1,5 s ohne Ton ab 0:02: an der Kamera stummgeschaltet.",
        ]
        # It has each of the colours; the recording below has a mark and nothing else.
        assert len(one.page.evaluate(LEGEND)) == 6
        opens_key(one)
        is_playable(one)
        one.page.evaluate("document.querySelector('.camerad-player').scrollIntoView()")
        ends = "document.querySelector('.camerad-player .buttons').getBoundingClientRect().bottom"
        assert one.page.evaluate(f"{ends} <= innerHeight"), "to play one need not scroll"
        assert one.page.evaluate("document.querySelector('video').clientHeight") > LAPTOP[1] / 3
        one.sees("fits")
        one.page.set_viewport_size({"width": 1366, "height": 657})
        before = one.page.evaluate("document.querySelector('video').clientHeight")
        one.page.click("text=Größer")
        height = one.page.evaluate("document.querySelector('video').clientHeight")
        assert height > 657 / 2 > before, "a picture that one sees something in"
        assert one.page.evaluate(f"{ends} <= innerHeight"), "to play one need not scroll"
        assert one.page.is_visible(TOLD) and one.page.is_hidden(".verdict p")
        one.sees("larger")
        one.page.click("text=Größer")
        assert one.page.is_visible(".verdict p")
    with viewer(chromium, server, "long") as one:
        assert verdict(one) == "Authentic and complete"
        assert "provided that the key is the one registered" in one.page.inner_text(".verdict p")
        assert one.page.evaluate(NOTED) == []
        assert one.page.evaluate(LEGEND) == ["mark"]


LOOKS: Final = [
    (NARROW, "dark", "de"),
    campaign((1280, 900), "light", "en"),
    campaign(WIDE, "dark", "en"),
]


@pytest.mark.parametrize(("size", "scheme", "language"), LOOKS, ids=["360", "1280", "1920"])
def test_it_is_legible_at_every_width(
    chromium: Browser,
    server: PlayerServer,
    size: tuple[int, int],
    scheme: str,
    language: str,
) -> None:
    look = {"size": size, "scheme": scheme, "language": language}
    with viewer(chromium, server, "holes", **look) as one:  # type: ignore[arg-type]
        verdict(one)
        one.sees("key")
        opens_key(one)
        is_playable(one)
        for summary in one.page.query_selector_all(".camerad-player > details > summary"):
            summary.click()
        one.sees("open")


@pytest.mark.campaign
def test_statements_that_come_apart_are_not_taken_for_the_recordings(
    chromium: Browser, server: PlayerServer
) -> None:
    """A server gives them all at once, so that a seek needs no request for each; right or wrong."""
    with person(
        chromium,
        server.page("long", KEY.public.raw, extents=True),
        "player-extents",
        size=SMALL,
        scheme="light",
        language="en",
    ) as one:
        one.origin = server.url
        opens_key(one)
        is_playable(one)
        goes_to(one, 35)
        assert one.page.evaluate(NUMBER) == number_at(35)
        assert verdict(one) == "Authentic and complete"
    # The extents are those of a good recording, what they are about is not.
    server.recordings["changed-behind"] = server.recordings["forged"]
    server.statements["changed-behind"] = server.recordings["long"]
    with person(
        chromium,
        server.page("changed-behind", KEY.public.raw, extents=True),
        "player-extents-wrong",
        size=SMALL,
        scheme="light",
        language="en",
    ) as one:
        one.origin = server.url
        assert verdict(one) == "NOT authentic"
        one.page.click("text=Play the proven part")
        opens_key(one)
        is_playable(one)
        one.page.evaluate("() => { player.seek(Infinity); }")
        waits(one, "window.shown.at(-1)?.[0] > 9_900_000")
        assert one.page.evaluate(NUMBER) == number_at(10 - 1 / 30)
