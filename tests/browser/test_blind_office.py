"""O1 by observation: the office's server never has the key, nor footage in the clear.

Real are camera's side, server, desk, and Debian's Chromium, in which a clerk views, holds and hands
over. Known beforehand is what would have to be found: pieces of the footage, and the key in every
form in which one writes it down. Searched for them are all places in the office:

- the memory of all its processes, while the recording arrives, is played, and afterwards;
- every byte that they write to a file, also one that is removed again (strace), and all files that
  are there;
- every byte that goes between browser and desk, where TLS ends at a relay of the test.

Each of these searches has to find what is there: sealed pieces, or the server's own. And in the
tab's process the same search finds the footage and the key.
"""

from __future__ import annotations

import base64
import contextlib
import os
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import TWO
from desk_office import DeskOffice
from evidence_helpers import FPS
from playwright.sync_api import Browser, expect
from secrets_of_office import (
    PASSPHRASE,
    PIECE,
    footage_of,
    found_in,
    found_in_any,
    key_file,
    recording_of_noise,
    sealed_pieces,
    the_key,
)

from camerad.container.redaction import KEYS_NAME, read_keys
from camerad.evidence import player_modules
from tests.browser.person import WIDE, Person, person
from tests.browser.test_package import CHOOSES, TAKES_IT
from tests.browser.test_redaction import draws
from tests.system import memory, tracing, watching

FLAGS = ("--ignore-certificate-errors",)
RECORDING = recording_of_noise(TWO)
REASON = "Az. 32-5/2026"
ALL_IS_THERE = """() => {
  const { buffered, duration } = document.querySelector(".camerad-player video");
  return buffered.length > 0 && buffered.end(buffered.length - 1) >= duration;
}"""
"""Whether the player has the film to its end, which makes the video as long as it is."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskOffice]:
    made = DeskOffice(tmp_path_factory.mktemp("blind"))
    made.start()
    try:
        yield made
    finally:
        made.close()


def in_memory(pid: int, secrets: Mapping[str, bytes], scratch: Path) -> set[str]:
    """Which of these a process has in its memory."""
    names = list(secrets)
    hits = memory.found_in(pid, [secrets[name] for name in names], scratch)
    return {names[hit.packet] for hit in hits}


def tabs() -> list[int]:
    """The processes of Chromium in which pages run."""
    found = []
    for pid in watching.family(os.getpid()):
        # A browser ends processes that it has no use for.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # Whatever was forked without being executed has its command line in one piece.
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def opens(one: Person) -> None:
    """Choose the key file, and type its passphrase."""
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": key_file()}
    one.page.set_input_files(".camerad-player form input[type=file]", files=[chosen])
    one.page.fill(".camerad-player form input[type=password]", PASSPHRASE)
    one.page.click(".camerad-player form button")


def redacts(clerk: Person, office: DeskOffice) -> dict[str, bytes]:
    """Make a redacted copy, and return what opens pieces of the recording in it."""
    page = clerk.page
    page.goto(f"{office.origin}/#recording/{TWO}")
    page.evaluate(f"() => {{ {CHOOSES} }}")
    page.get_by_role("button", name="Geschwärzte Kopie anfertigen").click()
    page.get_by_label("Grund").fill(REASON)
    page.locator("dialog button.main").click()
    expect(page.get_by_text(f"Bild 1 von {len(RECORDING.numbers)}")).to_be_visible()
    # All of the first group: no encoder makes less of noise.
    draws(clerk, (0, 0), (1, 1))
    page.get_by_role("slider", name="Bild").fill(str(FPS - 1))
    expect(page.get_by_text(f"Bild {FPS} von")).to_be_visible()
    page.get_by_role("button", name="Bis zu diesem Bild").click()
    page.get_by_role("slider", name="Bild").fill("0")
    page.get_by_role("button", name="Abspielen").click()
    save = page.get_by_role("button", name="Geschwärzte Kopie speichern")
    expect(save).to_be_enabled()
    save.click()
    expect(page.get_by_role("heading", name="geschwärzte Kopie ist fertig")).to_be_visible()
    with page.expect_download() as saved:
        page.evaluate(TAKES_IT)
    with zipfile.ZipFile(saved.value.path()) as copy:
        (proof,) = (copy.read(name) for name in copy.namelist() if name.endswith(".tar"))
    with tarfile.open(fileobj=BytesIO(proof)) as members:
        file = members.extractfile(KEYS_NAME)
        assert file is not None
        keys = read_keys(file.read())
    assert len(keys) > 1, "most of it is as the camera sealed it"
    return {f"file key {name}": key for name, key in keys.items()} | {
        f"file key {name} in base64": base64.urlsafe_b64encode(key).rstrip(b"=")
        for name, key in keys.items()
    }


def test_o1_no_process_of_the_office_has_the_key_or_footage_in_the_clear(
    chromium: Browser, office: DeskOffice, tmp_path: Path
) -> None:
    footage, key = footage_of(RECORDING), the_key()
    secrets, sealed = footage | key, sealed_pieces(RECORDING)
    own = player_modules.module_files()["key_file.js"]
    control = {"a module": own[len(own) // 2 :][:PIECE]}
    pid = office.server.pid
    seen: dict[str, set[str]] = {}

    def search(when: str) -> None:
        there = watching.family(pid)
        found = [in_memory(one, secrets | control, tmp_path / "scratch") for one in there]
        seen[when] = set().union(*found)

    with tracing.writes([pid], tmp_path / "strace") as written:
        office.record(RECORDING)
        office.dock.complete()
        assert TWO in office.dock.acknowledged()
        search("after it arrived")
        link = office.add("k.clerk", "desk")
        how: Any = {"size": WIDE, "scheme": "light", "language": "de-DE"}
        with person(chromium, link, "blind", **how) as clerk:
            clerk.origin = office.origin
            page = clerk.page
            page.get_by_role("button", name="Einmal ohne Passkey anmelden").click()
            page.get_by_role("link", name="Aufzeichnungen").wait_for()
            page.goto(f"{office.origin}/#recording/{TWO}")
            page.get_by_role("button", name="Ansehen").click()
            page.get_by_label("Grund").fill(REASON)
            page.locator("dialog button.main").click()
            opens(clerk)
            video = page.locator(".camerad-player video")
            expect(video).to_have_js_property("readyState", 4)
            video.evaluate("video => { video.muted = true; return video.play(); }")
            search("while it plays")
            # It plays long before all of it is decrypted.
            clerk.waits(ALL_IS_THERE)
            in_tab = set().union(*(in_memory(one, secrets, tmp_path / "tab") for one in tabs()))
            expect(page.locator(".camerad-player .verdict strong")).to_have_text(
                "Echt und vollständig"
            )
            page.get_by_role("button", name="Löschschutz setzen").click()
            page.get_by_label("Wofür").select_option("Straftat oder Ordnungswidrigkeit")
            page.get_by_label("Grund").fill(REASON)
            page.locator("dialog button.main").click()
            expect(page.get_by_text("Der Löschschutz ist gesetzt.")).to_be_visible()
            page.get_by_role("link", name="Vorgänge").click()
            page.get_by_role("button", name="Vorgang anlegen").click()
            page.get_by_label("Aktenzeichen").fill("32-5/2026")
            page.get_by_role("button", name="Vorgang anlegen").last.click()
            page.get_by_role("heading", name="Vorgang 32-5/2026").wait_for()
            page.goto(f"{office.origin}/#recording/{TWO}")
            page.get_by_role("button", name="Zu einem Vorgang").click()
            page.get_by_role("dialog").get_by_label("Vorgang").select_option("32-5/2026")
            page.get_by_role("button", name="Hinzufügen").click()
            page.get_by_role("link", name="32-5/2026").click()
            page.get_by_role("button", name="Die Technik hat das Paket gemacht").click()
            page.get_by_label("An wen").fill("Staatsanwaltschaft, 1 Js 2/26")
            page.get_by_label("Das Paket ist wirklich hinausgegangen").check()
            page.locator("dialog button.main").click()
            left = page.get_by_role("listitem").filter(has_text="Staatsanwaltschaft, 1 Js 2/26")
            expect(left).to_be_visible()
            search("after the hand-over")
            file_keys = redacts(clerk, office)
            secrets |= file_keys
            search("after a redacted copy")
            page.get_by_role("button", name="Abmelden").click()
            page.get_by_role("heading", name="Anmelden").wait_for()
            search("at the end")

    # The search of a process's memory finds what is there: in the tab, all of it.
    assert {name.split()[0] for name in in_tab & set(footage)} == {
        *("init", "early", "middle", "late"),
    }
    assert "key" in in_tab, sorted(in_tab)
    # And the office has none of it, though its memory was read.
    assert seen == {when: {"a module"} for when in seen}
    assert len(seen) == 5

    files = {one: one.read_bytes() for one in office.root.rglob("*") if one.is_file()}
    assert set(sealed) == found_in_any(files.values(), sealed)
    assert found_in_any(files.values(), secrets) == set()

    by_file: dict[str, bytes] = {}
    for one in written:
        by_file[one.target] = by_file.get(one.target, b"") + one.data
    assert set(sealed) == found_in_any(by_file.values(), sealed)
    assert found_in_any(by_file.values(), secrets) == set()
    # It wrote nowhere else, so all that it keeps was searched.
    paths = {one for one in by_file if one.startswith("/")}
    assert {one for one in paths if not Path(one).is_relative_to(office.root)} == set()

    sent = b"\n".join(one.sent for one in office.between.exchanges)
    got = b"\n".join(one.got for one in office.between.exchanges)
    assert REASON.encode() in sent
    assert set(sealed) == found_in(got, sealed)
    assert found_in(sent + got, secrets) == set()
