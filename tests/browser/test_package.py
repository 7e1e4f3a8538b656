"""The package for the prosecutor, made in the tab: what it has is what ``camerad evidence export``
makes of the same recordings, and its receiver finds it in order; the server saw nothing."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyrage
import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, open_office
from evidence_helpers import decoded
from player_recordings import made_with_holes
from playwright.sync_api import Browser, Download, Page, expect
from sealed_helpers import LOCKED, PASSPHRASE, altered, flipped, made, office, pack

from camerad.base.words import words_in
from camerad.cli.main import main
from camerad.container.keys import KeyRing
from camerad.evidence.export import ExportRequest, export
from camerad.evidence.package_folder import LedgerExtract
from camerad.evidence.player_page import player_hash
from camerad.ledger.entries import read_lines
from camerad.ledger.recording_state import Hold
from camerad.office.desk.people import DeskRole
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import WITNESS, NoteKey, cosign
from camerad.transparency.office_log import OfficeLog
from tests.browser.person import NARROW, Person
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk, signed_in
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.waiting import DEADLINE

GERMAN = words_in("de")
FLAGS: Final = DESK_FLAGS
ZONE: Final = "Europe/Berlin"
CALLED: Final = {
    ONE: "cam-1, 24.11.2026, 16:29:59",
    TWO: "cam-1, 24.11.2026, 16:31:00",
}
"""What the page calls the recordings, by their cameras' clocks."""
NUMBER: Final = "32-5/2026"
FILE: Final = "camerad-32-5-2026.zip"
WHOLE: Final = {
    *("SHA256SUMS", "checks.json", "device-key.jwk", "device-key.pem", "how-to-verify.txt"),
    *("ledger-keys.txt", "ledger.jws", "office.tlog-policy", "player.html", "report.html"),
}
CHOOSES: Final = """
  window.showSaveFilePicker = async ({ suggestedName }) => {
    const place = await navigator.storage.getDirectory();
    window.chosen = await place.getFileHandle(suggestedName, { create: true });
    return window.chosen;
  };
"""
"""A dialog of the browser's own, which a test cannot click, comes to a file of a real file
system, which is written as any other."""
CHOOSES_NONE: Final = "delete window.showSaveFilePicker;"
LIES: Final = """async () => {
  const { PinnedSource } = await import("/page/package/pinned_source.js");
  let gives = 0;
  const liar = {
    size: 5 << 22,
    open: async () => {},
    read: async (from, to) => new Uint8Array(to - from).fill((gives += 1)),
  };
  const source = new PinnedSource(liar);
  // Enough of them that the first is not at hand any more.
  for (let piece = 0; piece < 5; piece += 1) await source.read(piece << 22, (piece << 22) + 1);
  return source.read(0, 9).then(() => "given", (error) => error.message);
}"""
ZIPS: Final = """async ([wide, pieces, patches]) => {
  const { ZipFile } = await import("/page/package/zip_file.js");
  const kept = [];
  let position = 0;
  const target = {
    write: async (bytes) => {
      if (bytes.length < 1 << 20) kept.push([position, Array.from(bytes)]);
      position += bytes.length;
    },
    patch: async (at, bytes) => kept.push([at, Array.from(bytes)]),
  };
  if (!patches) delete target.patch;
  const zip = new ZipFile(target, new Date(2026, 10, 24, 15, 30, 10));
  await zip.begin("größe/zeros", wide);
  const zeros = new Uint8Array(1 << 24);
  for (let piece = 0; piece < pieces; piece += 1) await zip.write(zeros);
  await zip.end();
  await zip.begin("größe/after", 5);
  await zip.write(new TextEncoder().encode("after"));
  await zip.end();
  await zip.finish();
  return [kept, position];
}"""
"""Writes a ZIP file to a target that keeps all but what is large, which is zeros."""
TAKES_IT: Final = """async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await window.chosen.getFile());
  link.download = window.chosen.name;
  link.click();
}"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with office_with_two(tmp_path / "office") as desk:
        yield desk


@contextmanager
def office_with_two(root: Path, **desk_settings: Any) -> Iterator[DeskScene]:
    """An office with a recording that has gaps, and one that was changed there."""
    with DeskScene(root, origin=free_origin(), **desk_settings) as desk:
        camera = Camera(root / "camera")
        bad = made("IPPPPPPPPPPPPPP" * 4, identity=TWO, later_us=60_000_000)
        (camera.recordings / f"{ONE}.tar").write_bytes(made_with_holes().file)
        (camera.recordings / f"{TWO}.tar").write_bytes(bad.file)
        camera.offload(desk.office.directory)
        with open_office(desk.office.directory, desk.office.office_key, desk.clock) as store:
            store.reconcile()
            log = OfficeLog(store.ledger.directory)
            note = log.publish(store.ledger)
            name = witness_name(KEY.public)
            log.set_policy([NoteKey(name, WITNESS, KEY.public)], None)
            log.keep(str(note.with_lines([cosign(KEY, name, note.checkpoint, 1_795_600_000)])))
        desk.index.refresh()
        changed = altered(bad.members, "000001.m4s.age", lambda data: flipped(data, 900))
        path_of(desk, TWO).write_bytes(pack(changed))
        desk.add("k.clerk", DeskRole.DESK)
        yield desk


def path_of(scene: DeskScene, recording: str) -> Path:
    (path,) = Path(scene.directory).glob(f"*/recordings/{recording}.tar")
    return path


def a_case(scene: DeskScene, number: str, *recordings: str) -> None:
    tab, own = scene.signed_in("k.clerk"), {"Origin": scene.origin}
    assert tab.ask("POST", "/api/cases/open", {"number": number}, own).status == 200
    for one in recordings:
        said = {"number": number, "recording": one}
        assert tab.ask("POST", "/api/cases/add", said, own).status == 200


def begins(clerk: Person, scene: DeskScene, number: str, script: str) -> list[bytes]:
    """Come to a case, and have its recordings checked; returns what is sent from then on."""
    page = clerk.page
    sent: list[bytes] = []
    page.on("request", lambda one: sent.append(one.post_data_buffer or b""))
    page.add_init_script(script)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTimezoneOverride", {"timezoneId": ZONE})
    signed_in(clerk, scene, "k.clerk")
    page.evaluate("number => { location.hash = `cases/${encodeURIComponent(number)}`; }", number)
    page.get_by_role("button", name="Paket für die Staatsanwaltschaft erstellen").click()
    # The case's number is at hand as the reason, unless the person gives another one.
    expect(page.get_by_label("Grund")).to_have_value(number)
    page.get_by_label("Grund").fill("")
    page.locator("dialog button.main").click()
    assert not scene.kinds("downloaded") or number != NUMBER, "nobody has said why"
    page.get_by_label("Grund").fill(f"Az. {number}")
    page.locator("dialog button.main").click()
    return sent


def gives_key(clerk: Person, key: bytes = LOCKED, passphrase: str = PASSPHRASE) -> None:
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": key}
    form = clerk.page.locator(".camerad-player form")
    form.locator("input[type=file]").set_input_files(files=[chosen])
    form.locator("input[type=password]").fill(passphrase)
    form.locator("button").click()


def unpacked(got: Download, place: Path, identity: str = "") -> Path:
    """The package, by two programs that are not ours; identity: opens it by a third one."""
    path = path_got = place / got.suggested_filename
    got.save_as(path)
    if identity:
        path = path.with_suffix("")
        (place / "identity").write_text(identity)
        opens = ["age", "-d", "-i", place / "identity", "-o", path, path_got]
        subprocess.run(opens, check=True)
    done = subprocess.run(["unzip", "-tq", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(place)
    return path_got


def exported(scene: DeskScene, recording: str, hold: Hold, place: Path) -> Path:
    """The same recording's package, as the command makes it."""
    order = ExportRequest(
        path=str(path_of(scene, recording)),
        keys=KEYS,
        identities=[office()],
        directory=str(place / "command"),
        words=GERMAN,
        zone=ZoneInfo(ZONE),
        zone_name=ZONE,
        who="K.Clerk (k.clerk)",
        made_us=1_795_600_000_000_000,
        reference=NUMBER,
        final=hashlib.sha256(made_with_holes().content("end.jws")).hexdigest(),
    )
    got = export(order, lambda _: hold, lambda _: LedgerExtract((), ()))
    assert got.path is not None
    return Path(got.path)


ASKS_BEFORE_IT_LEAVES = """() => {
  const leaving = new Event("beforeunload", { cancelable: true });
  dispatchEvent(leaving);
  return leaving.defaultPrevented;
}"""


def told(report: Path) -> list[str]:
    """What a sheet says, but for when it was made and the film's fingerprint."""
    text = re.sub(r"<footer>.*?</footer>", "", report.read_text())
    text = re.sub(r"(\.mp4<br>.*?<td class=hash>)\w+", r"\1", text)
    return re.sub(r"(?<=>)(?=<)", "\n", text).splitlines()


def checked(folder: Path) -> list[str]:
    """The names in it, after `sha256sum` has found all of them."""
    command = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    subprocess.run(command, cwd=folder, check=True)
    names = sorted(one.name for one in folder.iterdir())
    assert (folder / "SHA256SUMS").read_text().count("\n") == len(names) - 1
    return names


def test_a_good_and_a_bad_recording_are_packed_checked_and_handed_over(
    chromium: Browser,
    scene: DeskScene,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a_case(scene, NUMBER, ONE, TWO)
    with at_desk(chromium, scene, "package") as clerk:
        page = clerk.page
        sent = begins(clerk, scene, NUMBER, CHOOSES)
        # What is wrong is said before anything is made.
        for recording, found in ((TWO, "NICHT echt"), (ONE, "Echt, mit Hinweisen")):
            line = page.locator("li", has_text=recording).filter(has_text=found)
            expect(line).to_contain_text(f"{CALLED[recording]}: {found}")
        assert {one.id for one in scene.kinds("downloaded")} == {ONE, TWO}
        judged = [(one.id, one.who, one.verdict) for one in scene.kinds("judged")]
        assert judged == [(ONE, "k.clerk", "qualified"), (TWO, "k.clerk", "not_authentic")]
        gives_key(clerk)
        save = page.get_by_role("button", name="Paket speichern")
        expect(page.get_by_text("Eine Aufzeichnung ist nicht echt.")).to_be_visible()
        clerk.sees("warned")
        save.click()
        expect(page.get_by_role("heading", name="Das Paket ist fertig")).to_be_visible()
        with page.expect_download() as saved:
            page.evaluate(TAKES_IT)
        assert saved.value.suggested_filename == FILE
        path = unpacked(saved.value, tmp_path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        expect(page.get_by_text(digest)).to_be_visible()
        clerk.sees("made")
        with page.expect_popup() as opened:
            page.get_by_role("button", name=f"Begleitblatt drucken: {CALLED[ONE]}").click()
        sheet = opened.value
        expect(sheet.get_by_role("row", name=f"Aktenzeichen {NUMBER}")).to_be_visible()
        # The sheet in the package cannot have the sum of all of it: the one that is printed has.
        expect(sheet.get_by_role("row", name=f"{FILE} das ganze Paket {digest}")).to_be_visible()
        assert len(re.findall(rb"/Type\s*/Page\b", sheet.pdf())) == 1, "it stays one page"
        border = "getComputedStyle(document.querySelector('header')).borderBottomStyle"
        assert sheet.evaluate(border) == "solid", "it is drawn by its own style sheet"
        sheet.close()
        assert page.evaluate(ASKS_BEFORE_IT_LEAVES), "nobody else knows of the package"
        page.get_by_role("button", name="Übergabe eintragen", exact=True).click()
        page.get_by_label("An wen").fill("Staatsanwaltschaft, 1 Js 2/26")
        page.locator("dialog button.main").click()
        expect(page.get_by_role("heading", name="Das Paket ist fertig")).to_be_hidden()
        expect(page.get_by_text(f"SHA-256 {digest}")).to_be_visible()
        expect(page.get_by_text("Übergeben am")).to_contain_text("Staatsanwaltschaft, 1 Js 2/26")
        assert not page.evaluate(ASKS_BEFORE_IT_LEAVES)
        expect(page.get_by_role("button", name="Noch ein Paket erstellen")).to_be_visible()
        clerk.sees("handed-over")
        # O1: nothing but words went to the server.
        assert all(one == b"" or isinstance(json.loads(one), dict) for one in sent)
        assert sum(map(len, sent)) < 4000
    (entry,) = (one for one in scene.kinds("case") if one.what == "handed_over")
    assert (entry.case, entry.reason) == (
        NUMBER,
        f"Staatsanwaltschaft, 1 Js 2/26; SHA-256 {digest}",
    )

    good, bad = tmp_path / f"{ONE}-export", tmp_path / f"{TWO}-export"
    proof = "entry-5.tlog-proof"
    assert set(checked(good)) == WHOLE | {f"{ONE}.tar", f"{ONE}.mp4", proof}
    assert set(checked(bad)) == WHOLE | {f"{TWO}.tar", "entry-4.tlog-proof"}
    ring = KeyRing([KEY.public, scene.office.office_key.public])
    for folder, recording in ((good, ONE), (bad, TWO)):
        assert (folder / f"{recording}.tar").read_bytes() == path_of(scene, recording).read_bytes()
        page_hash = hashlib.sha256((folder / "player.html").read_bytes()).hexdigest()
        assert page_hash == player_hash()
        assert page_hash in (folder / "report.html").read_text()
        read = read_lines((folder / "ledger.jws").read_bytes(), ring)
        kinds = [line.entry.kind for line in read if line.entry is not None]
        assert kinds[-3:] == ["hold", "hold_ground", "packaged"], "also what keeps it for this"
        for name in ("device-key.jwk", "device-key.pem"):
            words = ["verify", str(folder / f"{recording}.tar"), "--key", str(folder / name)]
            assert main(["evidence", *words]) == (1 if recording == ONE else 2)
    assert f"{ONE}: proven: entry 5 by the office's key" in capsys.readouterr().out

    # The command's package of the same recording: the same words, the same pictures.
    (hold,) = (one for one in scene.kinds("hold") if one.id == ONE)
    assert hold.reason.startswith("exportiert am ") and hold.reason.endswith(NUMBER)
    command = exported(scene, ONE, Hold(hold.reason, hold.who), tmp_path)
    theirs, ours = told(command / "report.html"), told(good / "report.html")
    assert [pair for pair in zip(theirs, ours, strict=True) if len(set(pair)) > 1] == []
    film = good / f"{ONE}.mp4"
    assert decoded(str(film)) == decoded(str(command / f"{ONE}.mp4"))
    assert film.read_bytes() == b"".join(made_with_holes().plain)
    says = json.loads((good / "checks.json").read_text())
    theirs_said = json.loads((command / "checks.json").read_text())
    same = says.keys() - {"export", "ledger"}
    assert {one: says[one] for one in same} == {one: theirs_said[one] for one in same}
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", film]
    done = subprocess.run(probe, capture_output=True, text=True, check=True)
    assert (sorted(done.stdout.split()), done.stderr) == (["audio", "video"], "")
    assert "NICHT echt: kein Video" in (bad / "report.html").read_text()
    assert "kein Video" in (bad / "how-to-verify.txt").read_text()

    # Its receiver opens the page in it, without a network.
    context = chromium.new_context(offline=True, locale="de-DE")
    context.set_default_timeout(DEADLINE * 1000)
    reader = context.new_page()
    reader.goto((good / "player.html").as_uri())
    for folder, said in ((good, "Echt, mit den Hinweisen unten"), (bad, "NICHT echt")):
        reader.locator("input[type=file]").first.set_input_files(folder)
        reader.fill("input.mono", KEY.public.thumbprint[:12])
        expect(reader.locator(".verdict strong")).to_have_text(said)
        expect(reader.locator("dd.mono", has_text="wie in SHA256SUMS").first).to_be_visible()
    context.close()


def test_where_two_are_wanted_each_is_approved_and_a_browser_without_files_downloads(
    chromium: Browser, tmp_path: Path
) -> None:
    with office_with_two(tmp_path / "office", two_for_viewing=True) as scene:
        scene.add("boss", DeskRole.SUPERVISOR)
        a_case(scene, "E 1", ONE, TWO)
        narrow: Any = {"size": NARROW, "scheme": "dark"}
        with at_desk(chromium, scene, "package-two", **narrow) as clerk:
            page = clerk.page
            begins(clerk, scene, "E 1", CHOOSES_NONE)
            expect(page.get_by_text("für 2 Aufzeichnungen genehmigen")).to_be_visible()
            assert scene.kinds("downloaded") == []
            boss, own = scene.signed_in("boss"), {"Origin": scene.origin}
            (one,) = boss.ask("GET", "/api/viewing-requests").said
            assert (one["reason"], one["case"]) == ("Az. E 1", "E 1")
            said = {"name": one["name"]}
            page.get_by_role("link", name="Anfragen").click()
            expect(page.get_by_role("listitem").filter(has_text=ONE)).to_contain_text(TWO)
            clerk.sees("asked")
            assert boss.ask("POST", "/api/viewing-requests/approve", said, own).status == 200
            page.go_back()
            page.get_by_role("button", name="Paket für die Staatsanwaltschaft").click()
            expect(page.get_by_label("Grund")).to_have_value("Az. E 1")
            page.locator("dialog button.main").click()
            gives_key(clerk)
            recipient = pyrage.x25519.Identity.generate()
            save = page.get_by_role("button", name="Paket speichern")
            key = page.get_by_label("Öffentlicher Schlüssel der empfangenden Stelle")
            for wrong, left, told in (
                (str(recipient), "", "ein privater Schlüssel"),
                ("age1x", "age1x", "kein öffentlicher"),
            ):
                key.fill(wrong)
                save.click()
                expect(page.get_by_text(told)).to_be_visible()
                expect(key).to_have_value(left)
            key.fill(f" {recipient.to_public()} ")
            expect(page.get_by_text(told)).to_be_hidden()
            clerk.sees("sealed")
            with page.expect_download() as saved:
                save.click()
            path = unpacked(saved.value, tmp_path, str(recipient))
            assert path.name == "camerad-E-1.zip.age"
            expect(page.get_by_text(str(recipient.to_public()))).to_be_visible()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            expect(page.get_by_text(digest)).to_be_visible()
            assert f"{ONE}.mp4" in checked(tmp_path / f"{ONE}-export")
            clerk.sees("made")
        given = [(one.id, one.approved_by) for one in scene.kinds("downloaded")]
        assert sorted(given) == [(ONE, "boss"), (TWO, "boss")]


def test_what_stands_in_the_way_is_said_before_anything_is_made(
    chromium: Browser, scene: DeskScene, tmp_path: Path
) -> None:
    a_case(scene, "C 1", ONE, TWO)
    a_case(scene, "D 1")
    with at_desk(chromium, scene, "package-way") as clerk:
        page = clerk.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        quarantined = {"rows": [{"id": TWO, "camera": "cam-1"}], "next": None}
        page.route(
            "**/api/recordings?state=quarantined", lambda route: route.fulfill(json=quarantined)
        )
        begins(clerk, scene, "C 1", CHOOSES)
        expect(page.get_by_text("es keinen Film: cam-1, 24.11.2026, 17:00:00")).to_be_visible()
        expect(page.locator("form.key p.head")).to_have_css("font-weight", "600")
        # Another office's key opens nothing.
        gives_key(clerk, str(pyrage.x25519.Identity.generate()).encode(), "")
        expect(page.get_by_text("Das ist nicht der Schlüssel zu allen")).to_be_visible()
        gives_key(clerk)
        expect(page.get_by_role("button", name="Paket speichern")).to_be_visible()
        # Or the command, for another receiver.
        expect(page.get_by_role("button", name="Kopieren")).to_be_hidden()
        page.get_by_text("Für die Technik").click()
        page.get_by_role("button", name="Kopieren").click()
        expect(page.get_by_text("Kopiert.")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        more = "--state DIENSTSTELLE --identity SCHLUESSEL --who k.clerk --reference 'C 1'"
        assert copied.splitlines() == [
            f"camerad evidence export {one} {more}" for one in (ONE, TWO)
        ]
        page.get_by_role("button", name="Die Technik hat das Paket gemacht").click()
        page.get_by_label("An wen").fill("StA")
        page.locator("dialog button.main").click()
        handed = [one.case for one in scene.kinds("case") if one.what == "handed_over"]
        assert "C 1" not in handed, "nobody said that it has gone out"
        page.get_by_role("button", name="Abbrechen").last.click()
        # Leaving the case gives the package up.
        page.evaluate("location.hash = 'cases/D%201'")
        told_of = page.locator("#told", has_text="Abgebrochen. Es ist kein Paket entstanden.")
        expect(told_of).to_be_visible()
        expect(page.get_by_text("Zum Übergeben zuerst eine Aufzeichnung")).to_be_visible()
        assert page.evaluate(LIES) == "the server gives other bytes than before"
        for patches in (True, False):
            is_read_by_others(page, tmp_path, 1, patches)
    assert not [one for one in scene.kinds("hold") if one.reason.endswith("C 1")]


@pytest.mark.campaign
def test_a_zip_file_of_more_than_4_gib_is_read_by_others(
    chromium: Browser, scene: DeskScene, tmp_path: Path
) -> None:
    with at_desk(chromium, scene, "package-zip") as one:
        for patches in (True, False):
            is_read_by_others(one.page, tmp_path, 257, patches)


def is_read_by_others(page: Page, place: Path, pieces: int, patches: bool) -> None:
    """A ZIP file of so many pieces, by two programs that are not ours. patches: it is one that can
    be written over, and not one that is encrypted as it comes."""
    path, size = place / "one.zip", pieces << 24
    kept, length = page.evaluate(ZIPS, [1 << 33, pieces, patches])
    with path.open("wb") as file:
        file.truncate(length)
        for at, content in kept:
            file.seek(at)
            file.write(bytes(content))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {one.filename: one.file_size for one in archive.infolist()}
        assert archive.read("größe/after") == b"after"
        assert archive.infolist()[0].date_time == (2026, 11, 24, 15, 30, 10)
    assert names == {"größe/zeros": size, "größe/after": 5}
    done = subprocess.run(["unzip", "-tq", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
