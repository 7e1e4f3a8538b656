"""Coming in: links, passkeys as WebAuthn has them, and what is no passkey of this page."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator

import pytest

from camerad.base.clock import SECOND
from camerad.container.keys import encode_base64url
from camerad.office.desk import route_table
from camerad.office.desk.challenges import CHALLENGE_US
from camerad.office.desk.roles import DeskRole
from camerad.office.desk.sessions import LINK_US, MOST_OF_ONE

from .desk_scene import DEADLINE, Answer, Authenticator, Browser, DeskScene


def said(response: dict[str, object]) -> dict[str, object]:
    return {"id": "x", "rawId": "eA", "type": "public-key", "response": response}


COUNT = iter(range(1000))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest.fixture
def person(scene: DeskScene) -> str:
    made = f"person-{next(COUNT)}"
    scene.add(made, DeskRole.DESK)
    return made


def enrol(scene: DeskScene, person: str, key: Authenticator) -> tuple[Browser, Answer]:
    tab = scene.anybody()
    link = scene.sessions.make_link(person, "")
    options = tab.ask("POST", "/api/link/ask", {"link": link}).said
    body = {"link": link, "answer": key.make(options), "label": "A key"}
    return tab, tab.ask("POST", "/api/link/enrol", body)


def sign_in(tab: Browser, key: Authenticator) -> Answer:
    options = tab.ask("POST", "/api/sign-in/ask").said
    key.counter += 1
    return tab.ask("POST", "/api/sign-in", {"answer": key.sign(options)})


def test_a_link_makes_a_passkey_and_the_passkey_signs_in(scene: DeskScene, person: str) -> None:
    key = Authenticator()
    tab, answer = enrol(scene, person, key)
    assert (answer.status, answer.said["id"], answer.said["passkeys"]) == (200, person, 1)
    assert tab.ask("GET", "/api/me").said["id"] == person
    other = scene.anybody()
    assert sign_in(other, key).said["id"] == person
    assert other.cookie != tab.cookie
    kinds = [(kind, facts) for kind, facts in scene.entries() if person in str(facts)]
    assert [kind for kind, _ in kinds] == ["rights", "signed", "signed"]
    assert [facts.what for _, facts in kinds] == ["passkey_added", "in", "in"]


def test_nobody_takes_the_place_of_all_others(scene: DeskScene, person: str) -> None:
    key, other = Authenticator(), Authenticator()
    enrol(scene, person, key)
    scene.add(f"{person}-b", DeskRole.DESK)
    enrol(scene, f"{person}-b", other)
    known = scene.people.find(person)
    assert known is not None
    secrets = [scene.sessions.begin(known, "passkey") for _ in range(MOST_OF_ONE - 1)]
    assert sign_in(scene.anybody(), key).why == "too_many"
    assert sign_in(scene.anybody(), other).status == 200
    assert scene.sessions.end(secrets[0])
    assert sign_in(scene.anybody(), key).status == 200


def test_the_page_is_told_when_its_session_ends(scene: DeskScene, person: str) -> None:
    tab = scene.signed_in(person)
    told = tab.ask("GET", "/api/me").said
    # Half an hour and ten hours, as the settings have them.
    assert (told["idle_seconds"], told["left_seconds"]) == (1800, 36_000)
    assert told["two_for_viewing"] is False
    scene.clock.advance(20 * 60 * SECOND)
    assert tab.ask("GET", "/api/me").said["left_seconds"] == 36_000 - 1200
    _, answer = enrol(scene, person, Authenticator())
    assert answer.said["left_seconds"] == 36_000


def test_the_cookie_is_out_of_reach_of_scripts_and_other_pages(
    scene: DeskScene, person: str
) -> None:
    _, answer = enrol(scene, person, Authenticator())
    (line,) = answer.headers.get_all("Set-Cookie")
    assert line.startswith("__Host-")
    said = {one.strip() for one in line.split(";")[1:]}
    assert said == {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"}


def test_a_sign_in_takes_no_session_on(scene: DeskScene, person: str) -> None:
    """Session fixation: what somebody put into the browser before is worth nothing after."""
    key = Authenticator()
    enrol(scene, person, key)
    scene.add(other := f"{person}-b", DeskRole.SHIFT_LEAD)
    planted = scene.signed_in(other)
    tab = Browser(scene, planted.cookie)
    assert sign_in(tab, key).status == 200
    assert tab.cookie != planted.cookie
    assert planted.ask("GET", "/api/me").said is None


def test_a_link_is_good_once_and_not_for_ever(scene: DeskScene, person: str) -> None:
    tab = scene.anybody()
    link = scene.sessions.make_link(person, "")
    assert tab.ask("POST", "/api/link/look", {"link": link}).said["id"] == person
    assert tab.ask("POST", "/api/link/sign-in", {"link": link}).status == 200
    assert tab.ask("POST", "/api/link/sign-in", {"link": link}).why == "link_used"
    older, newer = (scene.sessions.make_link(person, "") for _ in range(2))
    assert tab.ask("POST", "/api/link/look", {"link": older}).why == "link_used"
    scene.clock.advance(LINK_US)
    assert tab.ask("POST", "/api/link/look", {"link": newer}).why == "link_used"


def wrong(name: str) -> Callable[[Authenticator], None]:
    def change(key: Authenticator) -> None:
        other = Authenticator()
        match name:
            case "of another page":
                key.origin = "https://desk.elsewhere.example"
            case "of another name":
                key.name = "elsewhere.example"
            case "without its person":
                key.verified = False
            case "by another key":
                key.key = other.key
            case "unknown":
                key.id = other.id
            case "copied":
                key.counter = -1

    return change


@pytest.mark.parametrize(
    "name",
    [
        "of another page",
        "of another name",
        "without its person",
        "by another key",
        "unknown",
        "copied",
    ],
)
def test_what_is_no_passkey_of_this_page_signs_nobody_in(
    scene: DeskScene, person: str, name: str
) -> None:
    key = Authenticator()
    key.counter = 7
    enrol(scene, person, key)
    tab = scene.anybody()
    assert sign_in(tab, key).status == 200
    wrong(name)(key)
    tab = scene.anybody()
    answer = sign_in(tab, key)
    assert (answer.status, answer.why) == (403, "passkey")
    assert tab.cookie == ""


def test_an_answer_counts_once_and_for_five_minutes(scene: DeskScene, person: str) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    tab = scene.anybody()
    options = tab.ask("POST", "/api/sign-in/ask").said
    key.counter += 1
    body = {"answer": key.sign(options)}
    assert tab.ask("POST", "/api/sign-in", body).status == 200
    key.counter += 1
    again = {"answer": key.sign(options)}
    assert scene.anybody().ask("POST", "/api/sign-in", again).why == "passkey"
    late = tab.ask("POST", "/api/sign-in/ask").said
    scene.clock.advance(CHALLENGE_US + SECOND)
    key.counter += 1
    assert scene.anybody().ask("POST", "/api/sign-in", {"answer": key.sign(late)}).why == "passkey"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "not_understood"),
        (said({}), "not_understood"),
        (said({"clientDataJSON": 400_000_000}), "not_understood"),
        (said({"clientDataJSON": "bm8"}), "passkey"),
        (said({"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiQUFBQSJ9"}), "passkey"),
        (said({"clientDataJSON": encode_base64url(b'{"challenge": 40000000000}')}), "passkey"),
        (said({"clientDataJSON": encode_base64url(b"[" * 20_000)}), "passkey"),
        ({"id": None, "response": None}, "not_understood"),
    ],
    ids=[
        "nothing",
        "no response",
        "a number",
        "no JSON",
        "a challenge of nobody",
        "a number as challenge",
        "deep",
        "null",
    ],
)
def test_what_is_no_answer_is_refused(
    scene: DeskScene, answer: dict[str, object], why: str
) -> None:
    assert scene.anybody().ask("POST", "/api/sign-in", {"answer": answer}).why == why


@pytest.mark.parametrize("text", [b"[" * 30_000, b'{"a": 1e999999}', b"\xff", b"9" * 30_000])
def test_what_is_no_request_is_refused(scene: DeskScene, text: bytes) -> None:
    answer = scene.anybody().ask("POST", "/api/sign-in", text)
    assert (answer.status, answer.why) == (400, "not_understood")


def test_what_is_compressed_is_not_unpacked(scene: DeskScene) -> None:
    body = gzip.compress(b"{}")
    headers = {"Content-Encoding": "gzip"}
    answer = scene.anybody().ask("POST", "/api/sign-in/ask", body, headers)
    assert (answer.status, answer.why) == (400, "not_understood")


def test_a_body_that_does_not_arrive_is_not_waited_for(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_table, "BODY_SECONDS", 0.2)
    answer = scene.anybody().ask("POST", "/api/sign-in/ask", b"{}", {"Content-Length": "99"})
    assert answer.why == "not_understood"
    assert answer.headers["Connection"] == "close"


def test_what_is_no_http_is_not_in_the_log(
    scene: DeskScene, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        socket.create_connection(("localhost", scene.port), DEADLINE) as plain,
        scene.tls.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.sendall(b"GET / HTTP/1.1\r\nHo\x1b[31mst: x\r\n\r\n")
        assert b" 400 " in stream.recv(4096)
    assert [one.getMessage() for one in caplog.records] == []


def test_whoever_is_withdrawn_signs_in_by_nothing(scene: DeskScene, person: str) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    link = scene.sessions.make_link(person, "")
    scene.add(admin := f"{person}-admin", DeskRole.ADMINISTRATOR)
    manager = scene.signed_in(admin)
    assert manager.ask("POST", "/api/people/withdraw", {"id": person}).status == 200
    assert sign_in(scene.anybody(), key).why == "passkey"
    assert scene.anybody().ask("POST", "/api/link/look", {"link": link}).why == "link_used"
    assert manager.ask("POST", "/api/people/restore", {"id": person}).status == 200
    assert sign_in(scene.anybody(), key).why == "passkey", "their passkeys may be in other hands"


def test_asking_takes_no_room_however_often(scene: DeskScene) -> None:
    tab = scene.anybody()
    # What answers are signed with is made for whoever asks first.
    assert tab.ask("POST", "/api/sign-in/ask").status == 200
    before = sorted(one for one in scene.office.directory.rglob("*"))
    for _ in range(20):
        assert tab.ask("POST", "/api/sign-in/ask").status == 200
        assert tab.ask("POST", "/api/link/look", {"link": "B" * 43}).why == "link_used"
    assert sorted(one for one in scene.office.directory.rglob("*")) == before
