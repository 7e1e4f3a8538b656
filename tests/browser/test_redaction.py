"""The redacted copy, made in the tab: what is masked is black and listed, all else is what the
camera sealed and signed, and the server saw neither footage nor a key."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

import av
import numpy as np
import pyrage
import pytest
from desk_helpers import KEY, ONE
from evidence_helpers import ORIGIN_US
from numpy.typing import NDArray
from player_recordings import made_with_holes
from playwright.sync_api import Browser, Page, expect
from sealed_helpers import flipped

from camerad.cli.main import main
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.redaction import CLEAR_INIT_NAME, KIND, Redaction, read_keys
from camerad.office.desk.people import DeskRole
from tests.browser.person import NARROW, Person
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk, gives_reason, signed_in
from tests.browser.test_package import (
    CHOOSES,
    TAKES_IT,
    checked,
    gives_key,
    office_with_two,
)
from tests.unit.office.desk.desk_scene import DeskScene
from tests.waiting import DEADLINE

FLAGS: Final = DESK_FLAGS
REASON: Final = "Auskunft 7/26"
MASKED: Final = range(12, 73)
"""Pictures under the mask: two seconds, of which the first group has some before it."""
MUTED: Final = range(50, 60)
"""Pictures beside which it is silent."""
PICTURES: Final = 135
BLACK: Final = 40
"""The lightest luma that is left of black, encoded beside white."""
AROUND: Final = 3
"""How far a picture that was encoded once more is from the first encoding, on average."""
OFFICE_KEY: Final = "office-key.pem"
FORGETS: Final = """async () => {
  const { keyOfTab } = await import("/page/viewing.js");
  keyOfTab().forget();
}"""
RECIPIENT: Final = pyrage.x25519.Identity.generate()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with office_with_two(tmp_path / "office") as desk:
        yield desk


def edits(clerk: Person, scene: DeskScene) -> None:
    """Come to the editor of a redacted copy."""
    clerk.page.add_init_script(CHOOSES)
    signed_in(clerk, scene, "k.clerk")
    clerk.page.evaluate("id => { location.hash = `recording/${id}`; }", ONE)
    gives_reason(clerk, "Geschwärzte Kopie anfertigen", REASON)
    gives_key(clerk)
    goes_to(clerk, 0)


def goes_to(clerk: Person, number: int) -> None:
    """Show a picture, counted from 0."""
    clerk.page.get_by_role("slider", name="Bild").fill(str(number))
    expect(clerk.page.get_by_text(f"Bild {number + 1} von {PICTURES}")).to_be_visible()


def draws(clerk: Person, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a mask with the mouse, from one place in the picture to another, as shares of it."""
    picture = clerk.page.locator(".redaction .stage canvas")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    for (x, y), act in ((begin, clerk.page.mouse.down), (end, clerk.page.mouse.up)):
        clerk.page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        act()


def film(path: Path) -> list[tuple[int, NDArray[np.uint8]]]:
    """Media time and luma of its pictures."""
    with av.open(str(path)) as opened:
        pictures = list(opened.decode(video=0))
    return [(ORIGIN_US + int(one.pts or 0), one.to_ndarray(format="gray8")) for one in pictures]


@contextmanager
def reader_of(chromium: Browser, folder: Path) -> Iterator[tuple[Page, Callable[[], None]]]:
    """The page in a copy, opened from a disk, and what chooses the folder in it."""
    context = chromium.new_context(offline=True, locale="de-DE")
    context.set_default_timeout(DEADLINE * 1000)
    page = context.new_page()
    page.goto((folder / "player.html").as_uri())

    def opens() -> None:
        page.locator("input[type=file]").first.set_input_files(folder)
        page.fill("input.mono", KEY.public.thumbprint[:12])

    yield page, opens
    context.close()


def test_a_mask_and_a_mute_are_listed_and_all_else_is_as_the_camera_sealed_it(
    chromium: Browser, scene: DeskScene, tmp_path: Path
) -> None:
    sent: list[bytes] = []
    with at_desk(chromium, scene, "redaction") as clerk:
        page = clerk.page
        page.on("request", lambda one: sent.append(one.post_data_buffer or b""))
        edits(clerk, scene)
        save = page.get_by_role("button", name="Geschwärzte Kopie speichern")
        expect(save).to_be_disabled()
        goes_to(clerk, MASKED.start)
        draws(clerk, (0.1, 0.2), (0.4, 0.7))
        mask = page.get_by_role("button", name="Schwärzung 1, Gesicht")
        mask.focus()
        for key in ("ArrowRight", "Shift+ArrowDown", "Alt+ArrowUp"):
            page.keyboard.press(key)
        expect(mask).to_have_accessible_name("Schwärzung 1, Gesicht: x 21, y 12, 38 × 40")
        goes_to(clerk, MASKED.stop - 1)
        page.get_by_role("button", name="Bis zu diesem Bild").click()
        # Who comes back after a while opens the key again, and goes on.
        page.evaluate(FORGETS)
        expect(mask).to_be_hidden()
        gives_key(clerk)
        expect(mask).to_be_visible()
        # A mute that has no end yet is not left out unnoticed.
        goes_to(clerk, MUTED.start)
        page.get_by_role("button", name="Ton ab hier oder bis hier stumm").click()
        goes_to(clerk, 0)
        page.get_by_role("button", name="Abspielen").click()
        expect(page.get_by_text(f"Gesehen: {PICTURES} von {PICTURES}")).to_be_visible()
        expect(page.get_by_text("Gehen Sie an das Ende der Stelle")).to_be_visible()
        expect(save).to_be_disabled()
        goes_to(clerk, MUTED.stop - 1)
        page.get_by_role("slider", name="Bild").press("m")
        # What is followed is a suggestion, until the person has looked.
        goes_to(clerk, MASKED.start)
        page.get_by_role("button", name="Verfolgen").click()
        expect(page.get_by_text("Eine Schwärzung ist nur vorgeschlagen")).to_be_visible()
        confirm = page.get_by_role("button", name="Bestätigen")
        expect(confirm).to_be_visible()
        clerk.sees("editor")
        goes_to(clerk, 0)
        page.get_by_role("button", name="Abspielen").click()
        expect(page.get_by_text(f"Gesehen: {PICTURES} von {PICTURES}")).to_be_visible()
        expect(save).to_be_disabled()
        confirm.click()
        expect(save).to_be_enabled()
        page.get_by_label("Aktenzeichen").fill(REASON)
        page.get_by_label("Öffentlicher Schlüssel").fill(str(RECIPIENT.to_public()))
        clerk.sees("seen")
        save.click()
        expect(page.get_by_role("heading", name="geschwärzte Kopie ist fertig")).to_be_visible()
        with page.expect_download() as saved:
            page.evaluate(TAKES_IT)
        sealed = tmp_path / "copy.zip.age"
        saved.value.save_as(sealed)
    assert saved.value.suggested_filename == f"{ONE}-redacted.zip.age"
    with zipfile.ZipFile(BytesIO(pyrage.decrypt(sealed.read_bytes(), [RECIPIENT]))) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - made above
    folder = tmp_path / f"{ONE}-redacted"
    assert f"{ONE}.redacted.mp4" in checked(folder)

    with tarfile.open(folder / f"{ONE}.redacted.tar") as proof:
        members = {one.name: proof.extractfile(one).read() for one in proof}  # type: ignore[union-attr]
    token = members.pop("redaction.jws")
    statement = jws.parse(token)
    jws.check(statement, KeyRing([scene.office.office_key.public]))
    said = jws.decode(statement, KIND, Redaction)
    (entry,) = scene.kinds("redacted")
    assert (entry.id, entry.who, entry.recipient, entry.reference, entry.sha256) == (
        *(ONE, "k.clerk", "person", REASON),
        hashlib.sha256(token).hexdigest(),
    )
    assert (said.pictures, said.masked, said.original.verdict) == (
        PICTURES,
        len(MASKED),
        "qualified",
    )

    # Each fragment is there one way: sealed as it was, with its key, or replaced.
    original, (clear, *plain) = made_with_holes(), made_with_holes().plain
    keys = read_keys(members.pop("keys.json"))
    keys_there = [one for one in keys if one is not None]
    changed = {one.sequence: one for one in said.changed}
    assert set(keys) == {None, *range(len(plain))} - set(changed)
    assert 0 < len(changed) < len(plain)
    parts = [members.pop(CLEAR_INIT_NAME)]
    for sequence, before in enumerate(plain):
        name = f"{sequence:06}.m4s"
        made = members.pop(name) if sequence in changed else before
        parts.append(made)
        if sequence in changed:
            one = changed[sequence]
            assert one.original == hashlib.sha256(before).hexdigest()
            assert one.content.sha256 == hashlib.sha256(made).hexdigest()
        assert (f"{name}.age" in members) is (sequence in keys)
    assert members == {name: original.content(name) for name in members}
    assert (folder / f"{ONE}.redacted.mp4").read_bytes() == b"".join(parts)
    (tmp_path / "original.mp4").write_bytes(b"".join((clear, *plain)))

    # Black under the mask; before its group's first one as it was, and alike around it.
    before, after = film(tmp_path / "original.mp4"), film(folder / f"{ONE}.redacted.mp4")
    assert len(before) == len(after) == PICTURES
    for number, ((at_us, old), (_, new)) in enumerate(zip(before, after, strict=True)):
        away = np.abs(old.astype(int) - new)
        boxes = [one.blocks for one in said.rectangles(at_us)]
        assert len(boxes) == (number in MASKED)
        for box in boxes:
            covered = (slice(box.y, box.y + box.height), slice(box.x, box.x + box.width))
            assert new[covered].max() <= BLACK
            away[covered] = 0
        assert away.mean() <= (AROUND if number >= MASKED.start else 0)

    # The command agrees, and so does the page in it, from a disk: until one byte is another.
    proof_path = folder / f"{ONE}.redacted.tar"
    keys_of = ["--key", str(folder / "device-key.pem"), "--office-key", str(folder / OFFICE_KEY)]
    assert main(["evidence", "verify", str(proof_path), *keys_of]) == 1
    sentence = f"{len(MASKED)} von {PICTURES} Bildern geschwärzt, 1 s Ton stumm"
    content = proof_path.read_bytes()
    with reader_of(chromium, folder) as (receiver, opens):
        opens()
        expect(receiver.locator(".verdict strong")).to_contain_text(sentence)
        receiver.wait_for_function("() => document.querySelector('video.film').duration > 5")
        for piece, wrong in (
            (parts[1 + min(changed)], "nicht das, was die Liste nennt"),
            (members[f"{max(keys_there):06}.m4s.age"], "sein Schlüssel öffnet es nicht"),
            (token, "nicht so unterschrieben, wie es sein muss"),
        ):
            place = content.index(piece) + len(piece) - 9
            proof_path.write_bytes(content[:place] + flipped(content[place:], 0))
            opens()
            expect(receiver.locator(".verdict.bad").first).to_contain_text(wrong)
            assert main(["evidence", "verify", str(proof_path), *keys_of]) == 2

    # O1: the list went to the server, and no key of any fragment.
    words = b"\n".join(sent)
    assert json.loads(next(one for one in sent if b'"masks"' in one))["masked"] == len(MASKED)
    for key in keys.values():
        assert base64.urlsafe_b64encode(key).rstrip(b"=") not in words


def test_a_browser_that_does_not_encode_names_the_command_before_it_asks_anything(
    chromium: Browser, scene: DeskScene
) -> None:
    with at_desk(chromium, scene, "redaction-none", size=NARROW) as clerk:
        clerk.page.add_init_script("delete window.VideoEncoder")
        signed_in(clerk, scene, "k.clerk")
        clerk.page.evaluate("id => { location.hash = `recording/${id}`; }", ONE)
        clerk.page.get_by_role("button", name="Geschwärzte Kopie anfertigen").click()
        expect(clerk.page.get_by_text(f"camerad evidence redact {ONE}")).to_be_visible()
        clerk.sees("no-encoder")
        assert not scene.kinds("viewed")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("masks", [{"boxes": [[ORIGIN_US, 120, 0, 9, 9]], "kind": "face"}]),
        ("masks", [{"boxes": [[ORIGIN_US, 0, 0, 9, 9]], "kind": "K. Example, red coat"}]),
        ("mutes", [{"from_us": 2, "to_us": 1}]),
        (
            "original",
            {"id": ONE, "header": "0" * 64, "final": "0" * 64, "verdict": "not_authentic"},
        ),
        ("keys", [{"key": "A" * 22, "sequence": 0}]),
    ],
)
def test_the_server_signs_no_list_that_says_more_or_else_than_a_list_does(
    scene: DeskScene, part: str, value: object
) -> None:
    content = {"bytes": 1, "sha256": "0" * 64}
    original = {"id": ONE, "header": "0" * 64, "final": "0" * 64, "verdict": "qualified"}
    said = {"format": 1, "original": original, "made_us": 0, "made_by": "", "software": ""} | {
        "recipient": "person",
        "reference": "",
        "pictures": 9,
        "masked": 1,
        "init": content,
        "masks": [],
        "mutes": [],
        "changed": [],
        "keys": content,
    }
    scene.add("chief", DeskRole.DATA_PROTECTION)
    own, path = {"Origin": scene.origin}, f"/api/recordings/{ONE}/redaction"
    clerk, other = scene.signed_in("k.clerk"), scene.signed_in("chief")
    assert other.ask("POST", path, said, own).status == 403
    assert clerk.ask("POST", path, said | {part: value}, own).status == 400
    assert not scene.kinds("redacted")
    assert clerk.ask("POST", path, said, own).status == 200
    assert len(scene.kinds("redacted")) == 1
