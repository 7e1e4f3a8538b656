"""player.html as a clerk of the prosecutor opens it: from a disk, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk_helpers import ONE
from firefox import PROGRAM, firefox
from player_recordings import READ_NUMBERS, made_with_holes
from playwright.sync_api import Browser, Page
from sealed_helpers import KEY, KEYS, LOCKED, PASSPHRASE, altered, flipped, made, office, pack

from camerad.base.words import words_in
from camerad.container.keys import SigningKey
from camerad.evidence.export import ExportRequest, export
from camerad.evidence.package_folder import LedgerExtract
from camerad.ledger.recording_state import Hold
from tests.browser.person import NARROW, SCREENSHOTS, browser
from tests.unit.evidence.test_parts import RECORDING, in_parts
from tests.waiting import DEADLINE, until

ENGLISH = words_in("en")
THUMBPRINT: Final = KEY.public.thumbprint
STATE: Final = "document.body.innerText"
PLAYS_FILM: Final = """(async () => {
  const film = document.querySelector(".film");
  film.muted = true;
  await film.play();
  while (film.currentTime < 0.5) await new Promise((resolve) => setTimeout(resolve, 20));
  film.pause();
  return true;
})()"""
OPENS: Final = f"""(() => {{
  document.querySelector(".camerad-player details").open = true;
  document.querySelector(".camerad-player [type=password]").value = {json.dumps(PASSPHRASE)};
  document.querySelector(".camerad-player form button").click();
}})()"""
LISTED: Final = "[...document.querySelectorAll('dd.mono')].map((one) => one.textContent).join('|')"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package, as `camerad evidence export` makes it."""
    place = tmp_path_factory.mktemp("player")
    original = place / f"{ONE}.tar"
    original.write_bytes(made_with_holes().file)
    order = ExportRequest(
        path=str(original),
        keys=KEYS,
        identities=[office()],
        directory=str(place / "out"),
        words=ENGLISH,
        zone=UTC,
        zone_name="UTC",
        who="Desk",
        made_us=1_795_600_000_000_000,
        final=None,
    )
    made = export(order, lambda _: Hold("exported", "Desk"), lambda _: LedgerExtract((), ()))
    assert made.path is not None
    return Path(made.path)


@pytest.fixture(scope="module")
def changed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one bit changed in the original."""
    place = tmp_path_factory.mktemp("changed")
    for file in package.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    members = altered(made_with_holes().members, "000002.m4s.age", lambda data: flipped(data, 900))
    (place / f"{ONE}.tar").write_bytes(pack(members))
    return place


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "office.age"
    path.write_bytes(LOCKED)
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser("--autoplay-policy=no-user-gesture-required") as started:
        yield started


@pytest.fixture
def page(chromium: Browser, package: Path) -> Iterator[Page]:
    """The page, without a network; nothing may have gone wrong, and nothing been asked for."""
    context = chromium.new_context(
        offline=True, locale="en", viewport={"width": 500, "height": 640}
    )
    context.set_default_timeout(DEADLINE * 1000)
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((package / "player.html").as_uri())
    yield opened
    assert said == []
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    assert [url for url in asked if url.startswith("file")] == [(package / "player.html").as_uri()]
    context.close()


def waits(page: Any, expression: str) -> None:
    """Wait until an expression holds in a page of either browser."""
    until(lambda: page.evaluate(expression), what=lambda: str(page.evaluate(STATE)))


def sees(page: Page, name: str) -> None:
    """Take a picture, and let axe look; nothing may be wider than the window."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"player-html-{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_clerk_checks_a_package_and_sees_the_video(
    page: Page, package: Path, key_file: Path
) -> None:
    sees(page, "begin")
    page.locator("input[type=file]").first.set_input_files(package)
    # No word about the recording before the key was compared.
    assert page.locator(".verdict").count() == 0
    # The field is there, and has the focus, once the key was read.
    page.wait_for_selector("input.mono:focus")
    page.keyboard.type("not the key on paper")
    waits(page, "document.body.innerText.includes('is NOT the one on the cover sheet')")
    assert page.locator(".verdict").count() == 0
    typed = f"{THUMBPRINT[:6]} {THUMBPRINT[6:12]}"
    # On paper O and 0 look alike, and so do l, I and 1.
    page.fill("input.mono", typed.replace("l", "I").replace("0", "O"))
    waits(page, "document.querySelector('.verdict strong')?.textContent.startsWith('Authentic')")
    assert THUMBPRINT in page.inner_text("main")
    assert page.inner_text(".verdict strong") == "Authentic, with the remarks below"
    # No register is here: what counts is the thumbprint on paper.
    assert "provided that the key is the one registered" in page.inner_text(".verdict p")
    noted = "1.5 s without pictures from 0:02: pictures were lost."
    assert noted in page.inner_text(".verdict")
    assert page.evaluate(PLAYS_FILM)
    waits(page, f"{LISTED}.split('as in SHA256SUMS; that list can be forged').length === 3")
    assert "is NOT that of this original" not in page.inner_text("main")
    sees(page, "checked")
    page.click("text=Play the original with the office's key")
    page.set_input_files(".camerad-player form input[type=file]", key_file)
    page.evaluate(OPENS)
    waits(page, "document.querySelector('.camerad-player video').readyState >= 2")
    page.evaluate(READ_NUMBERS)
    page.focus(".play")
    page.keyboard.press("End")
    waits(page, "window.shown.at(-1)?.[1] === 179")
    sees(page, "played")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    page.emulate_media(color_scheme="dark")
    sees(page, "narrow")


def test_a_package_that_was_changed_is_told(page: Page, changed: Path) -> None:
    page.locator("input[type=file]").nth(1).set_input_files(sorted(changed.iterdir()))
    page.fill("input.mono", THUMBPRINT)
    waits(page, "document.querySelector('.verdict strong')?.textContent === 'NOT authentic'")
    assert "Piece 2: changed since it was signed" in page.inner_text(".verdict")
    assert "000002.m4s.age" in page.inner_text(".verdict")
    waits(page, f"{LISTED}.includes('NOT as in SHA256SUMS')")
    assert page.is_visible("text=Play the proven part")


def test_a_film_of_another_length_and_files_of_several_packages_are_told(
    page: Page, package: Path, tmp_path: Path
) -> None:
    film = tmp_path / f"{ONE}.mp4"
    film.write_bytes(b"".join(made("IPPPPPPPPPPPPPP" * 4).plain))
    files = [one for one in package.iterdir() if one.suffix != ".mp4"]
    page.locator("input[type=file]").nth(1).set_input_files([*files, film])
    page.fill("input.mono", THUMBPRINT)
    told = "The video is 0:02 long, the original 0:06: the video is NOT that of this original."
    waits(page, f"document.body.innerText.includes({json.dumps(told)})")
    sees(page, "other-film")
    second = tmp_path / "another.tar"
    second.write_bytes((package / f"{ONE}.tar").read_bytes())
    page.locator("input[type=file]").nth(1).set_input_files([*files, film, second])
    waits(page, "document.body.innerText.includes('here are several')")
    assert second.name in page.inner_text(".problem")
    assert page.locator("input.mono").count() == 0, "which one would it be?"


def test_a_part_says_that_it_is_one_and_plays(page: Page, tmp_path: Path) -> None:
    original = tmp_path / f"{ONE}.tar"
    original.write_bytes(RECORDING.file)
    part = in_parts(original, tmp_path / "out", 2) / "part-2-of-4"
    page.locator("input[type=file]").first.set_input_files(part)
    page.fill("input.mono", THUMBPRINT)
    waits(page, "document.querySelector('.verdict strong')?.textContent.startsWith('Authentic,')")
    said = page.inner_text("main")
    assert "This is part 2 of 4 of a recording." in said
    assert "Piece 0 to Piece 1: in another part of this recording (from 0:00.000 to 0:0" in said
    assert page.evaluate(PLAYS_FILM)
    waits(page, f"{LISTED}.split('as in SHA256SUMS; that list can be forged').length === 3")
    assert "is NOT that of this original" not in page.inner_text("main")
    sees(page, "part")
    changed = tmp_path / f"{ONE}-part-2-of-4.tar"
    content = bytearray((part / changed.name).read_bytes())
    content[content.index(b"000002.m4s.age") + 900] ^= 1
    changed.write_bytes(content)
    others = [one for one in part.iterdir() if one.suffix != ".tar"]
    page.locator("input[type=file]").nth(1).set_input_files([*others, changed])
    page.fill("input.mono", THUMBPRINT)
    waits(page, "document.querySelector('.verdict strong')?.textContent === 'NOT authentic'")
    assert "Piece 2: changed since it was signed" in page.inner_text(".verdict")


def test_the_key_of_another_camera_vouches_for_nothing(
    page: Page, package: Path, tmp_path: Path
) -> None:
    other = SigningKey.generate().public
    key = tmp_path / "device-key.jwk"
    key.write_text(json.dumps(other.jwk))
    files = [one for one in package.iterdir() if one.suffix != ".jwk"]
    page.locator("input[type=file]").nth(1).set_input_files([*files, key])
    page.fill("input.mono", THUMBPRINT)
    waits(page, "document.body.innerText.includes('is NOT the one on the cover sheet')")
    page.fill("input.mono", other.thumbprint)
    waits(page, "document.querySelector('.verdict strong')?.textContent === 'NOT authentic'")
    assert page.is_hidden("text=Play the proven part")
    none = tmp_path / "none" / key.name
    none.parent.mkdir()
    none.write_text("no key")
    page.locator("input[type=file]").nth(1).set_input_files([*files, none])
    waits(page, "document.body.innerText.includes('is not the key of a camera')")


@pytest.mark.campaign
@pytest.mark.skipif(PROGRAM is None, reason="firefox-esr is not installed")
def test_firefox_checks_a_good_and_a_bad_package_and_plays(
    package: Path, changed: Path, key_file: Path, tmp_path: Path
) -> None:
    original = tmp_path / f"{ONE}.tar"
    original.write_bytes(RECORDING.file)
    part = in_parts(original, tmp_path / "out", 2) / "part-2-of-4"
    files = "document.querySelectorAll('input[type=file]')[1]"
    types = f"""(() => {{
      const typed = document.querySelector("input.mono");
      typed.value = {json.dumps(THUMBPRINT[:12])};
      typed.dispatchEvent(new Event("input"));
    }})()"""
    with firefox() as page:
        page.goto((package / "player.html").as_uri())
        waits(page, "document.querySelector('h1') !== null")
        page.chooses(files, sorted(changed.iterdir()))
        waits(page, "document.querySelector('input.mono') !== null")
        page.evaluate(types)
        waits(page, "document.querySelector('.verdict strong')?.textContent === 'NOT authentic'")
        page.goto((part / "player.html").as_uri())
        waits(page, "document.querySelector('input.mono') === null")
        page.chooses(files, sorted(part.iterdir()))
        waits(page, "document.querySelector('input.mono') !== null")
        page.evaluate(types)
        waits(page, "document.querySelector('.verdict strong')?.textContent.startsWith('Auth')")
        assert "This is part 2 of 4 of a recording." in page.evaluate(STATE)
        assert page.evaluate(PLAYS_FILM) is True
        page.goto((package / "player.html").as_uri())
        waits(page, "document.querySelector('h1') !== null")
        page.chooses(files, sorted(package.iterdir()))
        waits(page, "document.querySelector('input.mono')?.value === ''")
        page.evaluate(types)
        waits(
            page, "document.querySelector('.verdict strong')?.textContent.startsWith('Authentic')"
        )
        assert page.evaluate(PLAYS_FILM) is True
        page.chooses("document.querySelector('.camerad-player form input[type=file]')", [key_file])
        page.evaluate(OPENS)
        waits(page, "document.querySelector('.camerad-player video').readyState >= 2")
        page.evaluate(f"({READ_NUMBERS})()")
        page.evaluate("document.querySelector('.play').click()")
        waits(page, "document.querySelector('.camerad-player video').ended")
        # A busy machine may leave out pictures.
        assert page.evaluate("window.shown.at(-1)[1]") > 170
        page.screenshot(SCREENSHOTS / "player-html-firefox.png")
        assert page.said == []
        assert {url.split(":")[0] for url in page.asked} <= {"data", "blob", "file"}
