"""Rights to requests: docs/desk.md has the table, and each row is tried in each role."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from camerad.office.desk.desk_refusals import RefusalError
from camerad.office.desk.people import WITH_FOOTAGE, DeskPerson, DeskRole, read_roles
from camerad.office.desk.route_table import HEADERS, Open
from camerad.office.desk.sessions import COOKIE, Sessions
from camerad.office.desk.tokens import Session

from .desk_scene import DEADLINE, MINUTE, ORIGIN, Browser, DeskScene

PAGE = (Path(__file__).parents[4] / "docs/desk.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+) \| (`(?:GET|POST) .+`) \|$", re.MULTILINE)
REQUEST = re.compile(r"`(GET|POST) (\S+)`")
WORDS = {Open.TO_ANYONE: "anyone", Open.TO_SIGNED_IN: "signed in"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        for role in DeskRole:
            made.add(f"is-{role}".replace("_", "-"), role)
        yield made


def stated() -> dict[tuple[str, str], str]:
    return {
        (method, path): who
        for who, requests in ROW.findall(PAGE)
        for method, path in REQUEST.findall(requests)
    }


def test_the_page_names_every_request_and_who_may_make_it(scene: DeskScene) -> None:
    there = {}
    for route in scene.desk.routes():
        path = "/page/..." if route.path.startswith("/page/") else route.path
        asked = route.asked
        who = WORDS[asked] if isinstance(asked, Open) else ", ".join(sorted(asked))
        there[route.method, path] = who
    assert there == stated()


def tabs(scene: DeskScene) -> Iterator[tuple[str, Browser]]:
    """As each role, without a session, after sign-out, and after too long idle."""
    for role in DeskRole:
        yield str(role), scene.signed_in(f"is-{role}".replace("_", "-"))
    yield "nobody", scene.anybody()
    left = scene.signed_in("is-desk")
    cookie = left.cookie
    assert left.ask("POST", "/api/sign-out").status == 200
    yield "nobody", Browser(scene, cookie)
    yield "nobody", Browser(scene, "A" * 43)
    yield "nobody", Browser(scene, "../../people/is-desk")


def test_o6_each_request_is_refused_to_whoever_may_not_make_it(scene: DeskScene) -> None:
    everybody = list(tabs(scene))
    sends = {(route.method, route.path): route.sends for route in scene.desk.routes()}
    for (method, pattern), who in stated().items():
        path = pattern.replace("{recording}", "20261124T153000Z-000001-00000001")
        path = re.sub(r"\{(\w+)\}", r"\1", path)
        if path in {"/api/sign-out", "/page/..."}:
            continue
        for role, tab in everybody:
            said = {"not": "what it takes"} if method == "POST" else None
            headers = {"Content-Type": sends[method, pattern]} if said else None
            answer = tab.ask(method, path, said, headers)
            if who == "anyone" or (who == "signed in" and role != "nobody"):
                expected = {200, 400, 410, 403} - ({403} if method == "GET" else set())
                assert answer.status in expected, (method, path, role)
            elif role == "nobody":
                assert (answer.status, answer.why) == (401, "not_signed_in"), (method, path)
            elif role in who.split(", "):
                allowed = answer.status not in (401, 403) or path.endswith(
                    ("/content", "/statements")
                )
                assert allowed, (method, path, role, answer.body)
            else:
                assert (answer.status, answer.why) == (403, "not_allowed"), (method, path, role)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "https://localhost:8445"},
        {"Origin": "null"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_nothing_is_done_for_another_page(scene: DeskScene, headers: dict[str, str]) -> None:
    tab = scene.signed_in("is-administrator")
    said = {"id": "by-another", "name": "N", "roles": ["desk"]}
    answer = tab.ask("POST", "/api/people/add", said, headers)
    assert (answer.status, answer.why) == (403, "not_from_this_page")
    assert scene.people.find("by-another") is None


@pytest.mark.parametrize("host", ["elsewhere.example:8444", "localhost", "127.0.0.1:8444"])
def test_no_other_name_leads_here(scene: DeskScene, host: str) -> None:
    """DNS rebinding: a page of another name may have its name point at this machine."""
    tab = scene.signed_in("is-desk")
    for path in ("/", "/api/me", "/api/recordings"):
        assert tab.ask("GET", path, headers={"Host": host}).why == "not_from_this_page"


@pytest.mark.parametrize("path", ["/", "/api/me", "/nothing", "/page/app.js", "/page/../people.py"])
def test_every_answer_forbids_what_the_page_does_not_need(scene: DeskScene, path: str) -> None:
    answer = scene.anybody().ask("GET", path)
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize(
    "sent",
    [b"FOO / HTTP/1.1\r\nA B: C\r\n\r\n", b"\x16\x03\x01 <b>\r\n\r\n", b"GET /" + b"x" * 9000],
    ids=["field", "bytes", "long"],
)
def test_what_is_no_request_of_http_is_answered_likewise_and_not_logged(
    scene: DeskScene, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        socket.create_connection(("127.0.0.1", scene.port), DEADLINE) as plain,
        scene.tls.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(sent)
        said = HTTPResponse(connection)
        said.begin()
        body = said.read()
    assert (said.status, json.loads(body)) == (400, {"error": "not_understood"})
    assert {name: said.headers[name] for name in HEADERS} == dict(HEADERS)
    assert [one.getMessage() for one in caplog.records] == []


def test_an_idle_session_ends_and_a_used_one_goes_on_but_not_for_ever(scene: DeskScene) -> None:
    tab = scene.signed_in("is-desk")
    for _ in range(20):  # 580 of its 600 minutes
        scene.clock.advance(29 * MINUTE)
        assert tab.ask("GET", "/api/me").said["id"] == "is-desk"
    scene.clock.advance(20 * MINUTE)
    assert tab.ask("GET", "/api/me").said is None
    idle = scene.signed_in("is-desk")
    scene.clock.advance(29 * MINUTE)
    assert idle.ask("GET", "/api/session").said == {"person": "is-desk"}, "that is no use"
    scene.clock.advance(2 * MINUTE)
    assert idle.ask("GET", "/api/session").said is None
    assert idle.ask("GET", "/api/me").said is None


def test_whoever_is_withdrawn_while_they_still_send_a_request_does_nothing_by_it(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may send its last byte whenever they like, within half a minute."""
    scene.add("rogue", DeskRole.ADMINISTRATOR)
    admin, tab = scene.signed_in("is-administrator"), scene.signed_in("rogue")
    looked, find = threading.Event(), Sessions.find

    def seen(sessions: Sessions, secret: str) -> tuple[Session, DeskPerson] | None:
        found = find(sessions, secret)
        if secret == tab.cookie:
            looked.set()
        return found

    monkeypatch.setattr(Sessions, "find", seen)
    body = json.dumps({"id": "door", "name": "Door", "roles": ["administrator"]}).encode()
    head = (
        f"POST /api/people/add HTTP/1.1\r\nHost: localhost:8444\r\nOrigin: {ORIGIN}\r\n"
        f"Content-Type: application/json\r\nCookie: {COOKIE}={tab.cookie}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", scene.port), DEADLINE) as plain,
        scene.tls.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head.encode() + body[:-1])
        assert looked.wait(DEADLINE)
        assert admin.ask("POST", "/api/people/withdraw", {"id": "rogue"}).status == 200
        connection.sendall(body[-1:])
        said = HTTPResponse(connection)
        said.begin()
        answer = json.loads(said.read())
    assert (said.status, answer) == (401, {"error": "not_signed_in"})
    assert scene.people.find("door") is None


def test_o6_administration_and_footage_are_apart(scene: DeskScene) -> None:
    for role in WITH_FOOTAGE:
        with pytest.raises(RefusalError, match="cannot also open recordings"):
            read_roles([DeskRole.ADMINISTRATOR, role])
