"""Offers to cameras at the desk: signed elsewhere, judged here, fetched in the dock."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from desk_helpers import KEY
from state_helpers import forget_cameras, offers_in, revoke

from camerad.base import durable_files
from camerad.container.keys import SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.provisioning_files import ServerSpec, read_authority, section_text
from camerad.office.desk.desk_ledger import Decision
from camerad.office.desk.people import DeskRole
from camerad.office.desk.route_table import LONGEST_BODY
from camerad.office.desk.sessions import COOKIE
from camerad.office.server import offers
from camerad.office.state.waiting_room import WAITING
from camerad.provisioning import settings_offer, signing
from camerad.store.check_in import SETTINGS, RefusedOffer, RunningSettings
from tests.unit.office.server.office_scene import URL
from tests.unit.office.server.update_scene import a_bundle
from tests.unit.provisioning.scene import OFFICE, STRANGER, document
from tests.unit.update.scene import NEW, OLD

from .desk_scene import MINUTE, ORIGIN, Answer, Browser, DeskScene, checks_in

KID = KEY.public.thumbprint
OTHER = SigningKey.generate()
OTHER_KID = OTHER.public.thumbprint
FILE = {"Content-Type": "application/octet-stream"}
BUNDLE = a_bundle(size=3 << 20)
NO_CERTIFICATE = (
    f"-----BEGIN CERTIFICATE-----\n{2 * (64 * 'A' + chr(10))}-----END CERTIFICATE-----\n"
)
"""It has the form of one."""
SHA256 = hashlib.sha256(BUNDLE).hexdigest()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        made.add("admin", DeskRole.ADMINISTRATOR)
        made.add("lead", DeskRole.SHIFT_LEAD)
        made.add("dpo", DeskRole.DATA_PROTECTION)
        signed_by = OFFICE.public.thumbprint
        known = [
            RegisteredCamera(name, key.public.thumbprint, key.public.jwk, 5, signed_by, None, "")
            for name, key in (("cam-1", KEY), ("cam-2", OTHER))
        ]
        camera_register.write(str(made.office.register), Register(tuple(known)))
        yield made


@pytest.fixture(autouse=True)
def nothing_known(scene: DeskScene) -> None:
    forget_cameras(scene.directory)
    shutil.rmtree(Path(scene.directory, "office", "updates"), ignore_errors=True)


@pytest.fixture
def admin(scene: DeskScene) -> Browser:
    return scene.signed_in("admin")


def row(tab: Browser, name: str = "cam-1") -> dict[str, Any]:
    rows: list[dict[str, Any]] = tab.ask("GET", "/api/cameras").said["rows"]
    return next(one for one in rows if one["name"] == name)


# ------------------------------------------------------------------ settings


def settings(scene: DeskScene, serial: int = 6, **other: Any) -> tuple[bytes, bytes]:
    """A settings file for the first camera, and its signature."""
    by = other.pop("by", OFFICE)
    ca = read_authority(scene.office.authority.certificate)
    own = {"url": URL, "ca": ca, "key": scene.office.office_key.public} | other.pop("server", {})
    more = other.pop("more", "") + section_text(ServerSpec(**own))
    content = document(serial, more, **({"camera": KID, "office": by, "device": "cam-1"} | other))
    return content, signing.sign(by, content)


def offer(tab: Browser, content: bytes, signature: bytes) -> Answer:
    said = {"settings": content.decode(), "signature": signature.decode()}
    return tab.ask("POST", "/api/offers/settings", said)


def test_settings_that_were_signed_elsewhere_reach_their_camera(
    scene: DeskScene, admin: Browser
) -> None:
    content, signature = settings(scene)
    before = len(scene.kinds("offer"))
    answer = offer(admin, content, signature)
    assert (answer.said["cameras"], answer.said["why"]) == (["cam-1"], "")
    joined = settings_offer.join(content, signature)
    sha256 = hashlib.sha256(joined).hexdigest()
    assert row(admin)["offered_settings"] == {"sha256": sha256, "serial": 6}
    with scene.office.serving() as camera:
        assert camera.ask("GET", f"/v1/offers/{sha256}").body == joined
    refused = RefusedOffer(sha256, "settings", "old", "its serial is not above")
    running = RunningSettings("ab" * 32, 5, OFFICE.public.thumbprint)
    checks_in(scene, settings=running, refused_offers=(refused,))
    shown = row(admin)
    assert (shown["settings"], shown["serial"], shown["state"]) == ("refused", 5, "needs")
    assert shown["why_not"][0]["detail"] == "its serial is not above"
    back = {"kid": KID, "offer": "settings"}
    assert admin.ask("POST", "/api/offers/back", back).status == 200
    assert row(admin)["offered_settings"] is None
    assert admin.ask("POST", "/api/offers/back", back).why == "not_there"
    assert [
        (one.kid, one.name, one.who, one.what, one.offer, one.sha256, one.version)
        for one in scene.kinds("offer")[before:]
    ] == [
        (KID, "cam-1", "admin", "offered", "settings", sha256, ""),
        (KID, "cam-1", "admin", "withdrawn", "settings", sha256, ""),
    ]
    scene.index.refresh()
    found = scene.signed_in("dpo").ask("GET", "/api/entries?kind=offer").said["rows"][:2]
    assert [one["reason"] for one in found] == [
        "cam-1, settings, withdrawn",
        "cam-1, settings, offered",
    ]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"serial": 5}, "old"),
        ({"by": STRANGER}, "other_office"),
        ({"camera": None}, "no_camera"),
        ({"camera": "A" * 43}, "not_registered"),
        ({"reset": KID}, "reset_offered"),
        ({"more": "camera: {fps: 99}\n"}, "mistakes"),
        ({"server": {"url": "https://other.example"}}, "other_server"),
        ({"server": {"ca": NO_CERTIFICATE}}, "no_authority"),
    ],
)
def test_what_its_camera_would_refuse_is_not_offered(
    scene: DeskScene, admin: Browser, other: dict[str, Any], why: str
) -> None:
    before = len(scene.entries())
    answer = offer(admin, *settings(scene, **other))
    assert (answer.status, answer.said["cameras"], answer.said["why"]) == (200, [], why)
    assert answer.said["text"], "the server's own words are there as well"
    assert row(admin)["offered_settings"] is None and len(scene.entries()) == before


def test_a_file_that_was_changed_or_has_no_signature_is_not_offered(
    scene: DeskScene, admin: Browser
) -> None:
    content, signature = settings(scene)
    assert offer(admin, content + b"\n", signature).said["why"] == "changed"
    assert offer(admin, content, b"x").said["why"] == "signature_spoilt"
    assert offer(admin, content + b"#" * 70_000, signature).said["why"] == "mistakes"
    assert offer(admin, content + b"#" * LONGEST_BODY, signature).why == "not_understood"
    assert offer(admin, b"[", signature).said["why"] == "mistakes"
    revoke(scene.directory, KID)
    assert offer(admin, content, signature).said["why"] == "withdrawn"
    assert lies_there(scene) == ""


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("register", "register.json: this is no register"),
        ("certificate", "server.pem: this is no certificate in PEM: put it back"),
        ("key", "office.pem: other users can read this private key"),
    ],
)
def test_what_the_server_cannot_read_is_told_in_words_and_in_its_log(
    scene: DeskScene, admin: Browser, caplog: pytest.LogCaptureFixture, what: str, says: str
) -> None:
    office = scene.office.settings
    path = {"register": office.register, "certificate": office.tls.certificate}.get(
        what, office.office_key
    )
    good, asked = path.read_bytes(), settings(scene)
    try:
        if what == "key":
            path.chmod(0o644)
        else:
            path.write_bytes(b"spoilt")
        answer = offer(admin, *asked)
        shown = admin.ask("GET", "/api/cameras")
    finally:
        path.write_bytes(good)
        path.chmod(0o600)
    assert (answer.status, answer.why) == (503, "server_files")
    assert shown.status == (503 if what == "register" else 200)
    assert says in caplog.text
    assert offer(admin, *asked).said["cameras"] == ["cam-1"]


def lies_there(scene: DeskScene) -> str:
    found = offers_in(scene.directory).find(KID, SETTINGS)
    return "" if found is None else found.sha256


@pytest.mark.parametrize("other", ["offers", "takes back"])
def test_of_two_at_once_the_last_entry_is_about_what_lies_there(
    scene: DeskScene, admin: Browser, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """The second comes when the first has written, and has put nothing there yet."""
    assert offer(admin, *settings(scene)).said["cameras"] == ["cam-1"]
    written, seconds = Decision.append_all, list[threading.Thread]()
    before, answers = len(scene.kinds("offer")), list[Answer]()
    back = {"kid": KID, "offer": "settings"}

    tab = scene.signed_in("admin")

    def come() -> None:
        answers.append(
            offer(tab, *settings(scene, 8))
            if other == "offers"
            else tab.ask("POST", "/api/offers/back", back)
        )

    def write(decision: Decision, entries: Any) -> None:
        written(decision, entries)
        if not seconds:
            seconds.append(threading.Thread(target=come))
            seconds[0].start()
            waits(lambda: bool(answers) or WAITING.count() > 0)

    monkeypatch.setattr(Decision, "append_all", write)
    assert offer(admin, *settings(scene, 7)).said["cameras"] == ["cam-1"]
    seconds[0].join(20)
    assert [one.status for one in answers] == [200]
    first, last = scene.kinds("offer")[before:]
    assert first.what == "offered"
    assert lies_there(scene) == ("" if other == "takes back" else last.sha256)
    if other == "takes back":
        assert (last.what, last.sha256) == ("withdrawn", first.sha256)


# ------------------------------------------------------------------ updates


def send(tab: Browser, content: bytes, *kids: str) -> Answer:
    asked = "&".join(f"camera={one}" for one in kids)
    return tab.ask("POST", f"/api/offers/update?{asked}", content, FILE)


def bundles(scene: DeskScene) -> list[str]:
    return sorted(one.name for one in Path(scene.directory, "office/updates").glob("*"))


def test_a_bundle_is_tried_on_one_camera_and_offered_to_more(
    scene: DeskScene, admin: Browser
) -> None:
    checks_in(scene, image=OLD)
    checks_in(scene, OTHER, image=OLD)
    before = len(scene.kinds("offer"))
    answer = send(admin, BUNDLE, KID)
    assert (answer.said["cameras"], answer.said["version"]) == (["cam-1"], NEW)
    assert bundles(scene) == [f"{SHA256}.raucb"]
    assert row(admin)["update"] == "offered" and row(admin)["offered_update"]["version"] == NEW
    with scene.office.serving() as camera:
        got = camera.ask("GET", f"/v1/offers/{SHA256}", headers={"Range": "bytes=100-999"})
        assert (got.status, got.body) == (206, BUNDLE[100:1000])
    checks_in(scene, seconds=200, image=OLD, waiting=(SHA256,))
    assert row(admin)["update"] == "waiting"
    more = {"sha256": SHA256, "cameras": [OTHER_KID]}
    assert admin.ask("POST", "/api/offers/more", more).said["cameras"] == ["cam-2"]
    for kid in (KID, OTHER_KID):
        back = {"kid": kid, "offer": "update"}
        assert admin.ask("POST", "/api/offers/back", back).status == 200
    assert bundles(scene) == []
    assert admin.ask("POST", "/api/offers/more", more).why == "not_there"
    assert [
        (one.name, one.what, one.offer, one.sha256, one.version)
        for one in scene.kinds("offer")[before:]
    ] == [
        ("cam-1", "offered", "update", SHA256, NEW),
        ("cam-2", "offered", "update", SHA256, NEW),
        ("cam-1", "withdrawn", "update", SHA256, NEW),
        ("cam-2", "withdrawn", "update", SHA256, NEW),
    ]


def test_cameras_that_could_not_take_it_are_left_out_by_name(
    scene: DeskScene, admin: Browser
) -> None:
    checks_in(scene, image=NEW)
    checks_in(scene, OTHER, image=None)
    answer = send(admin, BUNDLE, KID, OTHER_KID)
    assert answer.said["why"] == "none_left"
    left = [(one["name"], one["why"]) for one in answer.said["left_out"]]
    assert left == [("cam-1", "runs_it"), ("cam-2", "no_image")]
    checks_in(scene, seconds=200, image=OLD)
    revoke(scene.directory, OTHER_KID)
    answer = send(admin, BUNDLE, KID, OTHER_KID)
    assert answer.said["cameras"] == ["cam-1"]
    assert answer.said["left_out"] == [{"name": "cam-2", "why": "withdrawn"}]
    more = {"sha256": SHA256, "cameras": [OTHER_KID]}
    assert admin.ask("POST", "/api/offers/more", more).said["why"] == "none_left"


def test_what_is_no_bundle_for_these_cameras_leaves_nothing(
    scene: DeskScene, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(scene.entries())
    assert send(admin, b"x" * 5000, KID).said["why"] == "no_bundle"
    assert send(admin, BUNDLE[:-1], KID).said["why"] == "no_bundle"
    assert send(admin, b"", KID).said["why"] == "no_bundle"
    for kids in ((), ("A" * 43,), (KID, "../../x")):
        assert send(admin, BUNDLE, *kids).why == "not_there"
    with monkeypatch.context() as patched:
        patched.setattr(offers, "free_room", lambda _: 0)
        assert send(admin, BUNDLE, KID).said["why"] == "no_room"
        patched.setattr(offers, "LARGEST_BUNDLE", 10)
        assert send(admin, BUNDLE, KID).said["why"] == "too_large_bundle"
    assert bundles(scene) == [] and len(scene.entries()) == before
    assert send(scene.signed_in("lead"), BUNDLE, KID).why == "not_allowed"
    as_json = admin.ask("POST", f"/api/offers/update?camera={KID}", BUNDLE)
    assert as_json.why == "not_from_this_page"


class Slow:
    """A browser that sends a bundle piece by piece."""

    def __init__(self, scene: DeskScene, tab: Browser, first: int = 2 << 20) -> None:
        self.connection = HTTPSConnection("localhost", scene.port, context=scene.tls, timeout=20)
        self.connection.putrequest("POST", f"/api/offers/update?camera={KID}", skip_host=True)
        fields = {
            "Host": urlsplit(scene.origin).netloc,
            "Origin": ORIGIN,
            "Cookie": f"{COOKIE}={tab.cookie}",
            "Content-Length": str(len(BUNDLE)),
        }
        for name, value in (fields | FILE).items():
            self.connection.putheader(name, value)
        self.connection.endheaders(BUNDLE[:first])

    def finish(self, sent: int = 2 << 20) -> str:
        self.connection.send(BUNDLE[sent:])
        said = json.loads(self.connection.getresponse().read())
        self.connection.close()
        return str(said.get("error") or said["cameras"])


def half(scene: DeskScene) -> bool:
    """Whether some of a bundle is on the storage, and not all of it."""
    return size_of_half(scene) > 0


def size_of_half(scene: DeskScene) -> int:
    size = 0
    for one in Path(scene.directory, "office/updates").glob(f"*{durable_files.TEMPORARY}"):
        with suppress(FileNotFoundError):  # the server has removed or renamed it since
            size += one.stat().st_size
    return size


def has_more(scene: DeskScene, sent: int) -> bool:
    return size_of_half(scene) > sent


def waits(found: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not found():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


def test_one_bundle_comes_at_a_time_and_nobody_who_was_signed_out_offers_it(
    scene: DeskScene, admin: Browser
) -> None:
    slow = Slow(scene, admin)
    waits(lambda: half(scene))
    assert send(scene.signed_in("admin"), BUNDLE, KID).why == "busy"
    assert slow.finish() == "['cam-1']"
    before = len(scene.entries())
    slow = Slow(scene, admin)
    waits(lambda: half(scene))
    scene.sessions.end_all_of("admin")
    assert slow.finish() == "not_signed_in"
    assert len(scene.entries()) == before
    slow = Slow(scene, scene.signed_in("admin"))
    waits(lambda: half(scene))
    slow.connection.close()  # the tab is closed in the midst of it
    waits(lambda: not half(scene))
    assert bundles(scene) == [f"{SHA256}.raucb"]
    waits(lambda: "cameras" in send(scene.signed_in("admin"), BUNDLE, KID).said)


@pytest.mark.parametrize("change", ["signed out", "withdrawn"])
def test_whoever_may_not_any_more_keeps_the_place_from_nobody(
    scene: DeskScene, change: str
) -> None:
    """They are told while they still send, and the next one has the place."""
    scene.add(leaving := f"leaving-{change[0]}", DeskRole.ADMINISTRATOR)
    slow = Slow(scene, scene.signed_in(leaving))
    waits(lambda: half(scene))
    if change == "withdrawn":
        scene.people.change(leaving, lambda one: msgspec.structs.replace(one, withdrawn_us=1))
    else:
        scene.sessions.end_all_of(leaving)
    scene.clock.advance(MINUTE)
    slow.connection.send(BUNDLE[2 << 20 : -1])  # and never the last byte
    assert json.loads(slow.connection.getresponse().read())["error"] == "not_signed_in"
    slow.connection.close()
    assert send(scene.signed_in("admin"), BUNDLE, KID).said["cameras"] == ["cam-1"]


def test_whoever_sends_for_longer_than_a_session_may_be_idle_is_at_work_all_the_while(
    scene: DeskScene, admin: Browser
) -> None:
    slow = Slow(scene, admin, first=1 << 20)
    waits(lambda: half(scene))
    for sent in (1 << 20, 2 << 20):
        scene.clock.advance(20 * MINUTE)
        slow.connection.send(BUNDLE[sent : sent + (1 << 20)])
        waits(partial(has_more, scene, sent))
    scene.clock.advance(20 * MINUTE)
    assert slow.finish(3 << 20) == "['cam-1']"
    assert admin.ask("GET", "/api/me").said["id"] == "admin"
