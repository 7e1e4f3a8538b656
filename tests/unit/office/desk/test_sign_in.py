"""Coming in: links, passkeys as WebAuthn has them, and what is no passkey of this page."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fido2.cose import ES256

from camerad.base.clock import SECOND
from camerad.base.errors import NotNowError
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.office.desk import people as people_module
from camerad.office.desk import route_table, tokens
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.passkeys import Passkeys
from camerad.office.desk.people import MOST_PASSKEYS, DeskPerson, DeskRole, OpenidAccount, Passkey
from camerad.office.desk.sessions import LINK_US, MOST_OF_ONE
from camerad.office.desk.tokens import CHALLENGE_US, Challenges
from camerad.office.server.office_settings import load
from camerad.office.state.office_state import OfficeState
from tests.unit.office.server.office_scene import OfficeScene

from .desk_scene import (
    MINUTE,
    ORIGIN,
    Answer,
    Authenticator,
    Browser,
    DeskScene,
    InTransactions,
)


def said(response: dict[str, object]) -> dict[str, object]:
    return {"id": "x", "rawId": "eA", "type": "public-key", "response": response}


COUNT = iter(range(1000))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        made.add("boss", DeskRole.ADMINISTRATOR)
        for name in ("handle", "label", "odd", "shared"):
            made.add(name, DeskRole.DESK)
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("origin", "https://desk.elsewhere.example", id="of another page"),
        pytest.param("name", "elsewhere.example", id="of another name"),
        pytest.param("verified", False, id="without its person"),
        pytest.param("key", Authenticator().key, id="by another key"),
        pytest.param("id", Authenticator().id, id="unknown"),
        pytest.param("counter", -1, id="copied"),
    ],
)
def test_what_is_no_passkey_of_this_page_signs_nobody_in(
    scene: DeskScene, person: str, field: str, value: object
) -> None:
    key = Authenticator()
    key.counter = 7
    enrol(scene, person, key)
    assert sign_in(scene.anybody(), key).status == 200
    setattr(key, field, value)
    tab = scene.anybody()
    answer = sign_in(tab, key)
    assert (answer.status, answer.why, tab.cookie) == (403, "passkey", "")


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
    "answer",
    [
        {},
        said({}),
        said({"clientDataJSON": 400_000_000}),
        said({"clientDataJSON": "bm8"}),
        said({"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiQUFBQSJ9"}),
        said({"clientDataJSON": encode_base64url(b'{"challenge": 40000000000}')}),
        said({"clientDataJSON": encode_base64url(b"[" * 20_000)}),
        {"id": None, "response": None},
    ],
    ids=["nothing", "no response", "number", "no JSON", "of nobody", "as number", "deep", "null"],
)
def test_what_is_no_answer_is_refused(scene: DeskScene, answer: dict[str, object]) -> None:
    assert scene.anybody().ask("POST", "/api/sign-in", {"answer": answer}).why == "passkey"


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
    # What answers are signed with is made for the first who asks.
    assert tab.ask("POST", "/api/sign-in/ask").status == 200
    before = sorted(one for one in scene.office.directory.rglob("*"))
    for _ in range(20):
        assert tab.ask("POST", "/api/sign-in/ask").status == 200
        assert tab.ask("POST", "/api/link/look", {"link": "B" * 43}).why == "link_used"
    assert sorted(one for one in scene.office.directory.rglob("*")) == before


@pytest.fixture
def boss(scene: DeskScene) -> Browser:
    return scene.signed_in("boss")


def be_busy(*_: object, **__: object) -> None:
    raise NotNowError("another process works with the store")


def about(scene: DeskScene, person: str) -> list[tuple[str, str]]:
    """The entries about a person: kinds, and what was done."""
    return [(kind, facts.what) for kind, facts in scene.entries() if f"'{person}'" in str(facts)]


def test_a_busy_store_uses_no_link_up(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, key, tab = scene.sessions.make_link(person, ""), Authenticator(), scene.anybody()
    options = tab.ask("POST", "/api/link/ask", {"link": link}).said
    body = {"link": link, "answer": key.make(options), "label": "A key"}
    with monkeypatch.context() as busy:
        busy.setattr(DeskLedger, "_with_store", be_busy)
        for path, said in (("/api/link/sign-in", {"link": link}), ("/api/link/enrol", body)):
            answer = tab.ask("POST", path, said)
            assert (answer.status, answer.why, tab.cookie) == (503, "busy", "")
    assert scene.people.find(person).passkeys == ()
    options = tab.ask("POST", "/api/link/ask", {"link": link}).said
    body = {"link": link, "answer": key.make(options), "label": "A key"}
    assert tab.ask("POST", "/api/link/enrol", body).said["passkeys"] == 1
    assert tab.ask("POST", "/api/link/look", {"link": link}).why == "link_used"


def test_whoever_signs_out_while_the_store_is_busy_is_still_there(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in(person)
    with monkeypatch.context() as busy:
        busy.setattr(DeskLedger, "_with_store", be_busy)
        assert tab.ask("POST", "/api/sign-out").why == "busy"
    assert tab.ask("GET", "/api/me").said["id"] == person
    assert tab.ask("POST", "/api/sign-out").status == 200
    assert about(scene, person) == [("signed", "out")]


def test_all_tabs_that_sign_out_at_once_are_out_and_one_entry_says_so(
    scene: DeskScene, person: str
) -> None:
    cookie = scene.signed_in(person).cookie
    tabs = [Browser(scene, cookie) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda tab: tab.ask("POST", "/api/sign-out").status, tabs))
    assert answers == [200] * 12
    assert Browser(scene, cookie).ask("POST", "/api/sign-out").status == 200
    assert Browser(scene, cookie).ask("GET", "/api/me").said is None
    assert about(scene, person) == [("signed", "out")]


def test_one_of_several_gets_in_by_a_link_and_one_entry_says_so(
    scene: DeskScene, person: str
) -> None:
    link = scene.sessions.make_link(person, "")

    def use(_: int) -> int:
        return scene.anybody().ask("POST", "/api/link/sign-in", {"link": link}).status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(use, range(6))) == [200] + [410] * 5
    assert about(scene, person) == [("signed", "in")]


def test_one_answer_of_a_passkey_counts_once_however_many_send_it(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Authenticator()  # one that does not count its signatures
    enrol(scene, person, key)
    options = scene.anybody().ask("POST", "/api/sign-in/ask").said
    body = {"answer": key.sign(options)}
    # As it is for all who look at once.
    monkeypatch.setattr(Challenges, "_is_answered", lambda *_: False)

    def use(_: int) -> int:
        return scene.anybody().ask("POST", "/api/sign-in", body).status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(use, range(6))) == [200] + [403] * 5


@pytest.mark.parametrize("change", ["withdrawn", "without passkeys"])
def test_whoever_may_not_any_more_does_not_come_in_by_what_was_true_before(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    checks = Passkeys.check_known

    def check(known: Passkeys, answer: dict[str, Any]) -> tuple[DeskPerson, Passkey, bytes]:
        found = checks(known, answer)
        facts: dict[str, Any] = {"withdrawn_us": 1} if change == "withdrawn" else {"passkeys": ()}
        scene.people.change(person, lambda one: msgspec.structs.replace(one, **facts))
        return found

    monkeypatch.setattr(Passkeys, "check_known", check)
    tab = scene.anybody()
    assert sign_in(tab, key).why == "passkey"
    assert tab.cookie == ""
    assert about(scene, person) == [("rights", "passkey_added"), ("signed", "in")]


def test_whoever_is_withdrawn_and_restored_while_they_sign_in_has_no_session(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch, boss: Browser
) -> None:
    """Either it is done before, or the session ends by it."""
    key, decides = Authenticator(), DeskLedger.deciding
    enrol(scene, person, key)

    def decide(ledger: DeskLedger) -> Any:
        between.undo()
        for path in ("withdraw", "restore"):
            assert boss.ask("POST", f"/api/people/{path}", {"id": person}).status == 200
        return decides(ledger)

    tab = scene.anybody()
    with monkeypatch.context() as between:
        between.setattr(DeskLedger, "deciding", decide)
        assert sign_in(tab, key).why == "passkey"
    assert tab.cookie == ""
    assert scene.sessions.count_of(person) == 0


@pytest.mark.parametrize("by", ["passkey", "account"])
def test_whoever_had_a_way_in_has_come_in_also_when_it_was_taken_from_them(
    scene: DeskScene, person: str, boss: Browser, by: str
) -> None:
    """Their record said neither when they came, nor, once they are restored, how."""
    ways = {"passkey": {"passkeys": (Passkey("P", "", 0, "", 0),)}}
    way = ways.get(by, {"openid": OpenidAccount("https://login.example", by)})
    scene.people.change(person, lambda one: msgspec.structs.replace(one, came_us=None, **way))
    for action in ("withdraw", "restore"):
        assert boss.ask("POST", f"/api/people/{action}", {"id": person}).status == 200
    found = scene.people.find(person)
    assert found.passkeys == () and found.openid is None
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"


def test_whoever_is_added_in_the_place_of_a_lost_record_has_no_session_of_before(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    tab, link = scene.signed_in(person), scene.sessions.make_link(person, "")
    scene.people.write(people_module.lost(person))
    scene.people.add(person, "Another", frozenset((DeskRole.DESK,)), scene.clock.wall_us())
    assert tab.ask("GET", "/api/me").said is None
    scene.sessions.make_link(person, "")  # as the command does
    assert scene.anybody().ask("POST", "/api/link/look", {"link": link}).why == "link_used"


def test_no_session_of_before_comes_back_with_whoever_is_restored(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    assert boss.ask("POST", "/api/people/withdraw", {"id": person}).status == 200
    found = scene.people.find(person)
    tab = Browser(scene, scene.sessions.begin(found, "passkey"))  # as one that was just beginning
    assert boss.ask("POST", "/api/people/restore", {"id": person}).status == 200
    assert tab.ask("GET", "/api/me").said is None


def test_a_session_that_ends_while_it_is_used_stays_ended(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in(person)
    scene.clock.advance(2 * MINUTE)
    notes = OfficeState.noting

    def note(state: OfficeState) -> Any:
        scene.sessions.end(tab.cookie)
        return notes(state)

    with monkeypatch.context() as between:
        between.setattr(OfficeState, "noting", note)
        assert scene.sessions.find(tab.cookie) is None
    assert scene.sessions.find(tab.cookie) is None
    assert scene.sessions.count_of(person) == 0


def test_a_clock_that_is_set_back_ends_sessions(scene: DeskScene, person: str) -> None:
    scene.clock.advance(10 * MINUTE)
    tab = scene.signed_in(person)
    for back, who in ((MINUTE // 2, person), (2 * MINUTE, None)):
        scene.clock.step_wall(-back)
        said = tab.ask("GET", "/api/me").said
        assert (said and said["id"]) == who


def test_one_passkey_too_many_is_no_entry_and_uses_no_link_up(
    scene: DeskScene, person: str
) -> None:
    others = tuple(Passkey(f"P{n}", "", 0, "", 0) for n in range(MOST_PASSKEYS))
    scene.people.change(person, lambda one: msgspec.structs.replace(one, passkeys=others))
    link, key, tab = scene.sessions.make_link(person, ""), Authenticator(), scene.anybody()
    options = Passkeys(scene.state, ORIGIN, scene.clock).ask_new(
        msgspec.structs.replace(scene.people.find(person), passkeys=())
    )
    body = {"link": link, "answer": key.make(options), "label": "A key"}
    assert tab.ask("POST", "/api/link/enrol", body).why == "too_many"
    assert about(scene, person) == []
    assert tab.ask("POST", "/api/link/look", {"link": link}).status == 200


def test_where_no_session_has_room_nothing_is_written(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    link, written = scene.sessions.make_link(person, ""), about(scene, person)
    monkeypatch.setattr(scene.desk._parts.sessions._sessions, "_most", 1)
    assert sign_in(scene.anybody(), key).why == "too_many"
    tab = scene.anybody()
    assert tab.ask("POST", "/api/link/sign-in", {"link": link}).why == "too_many"
    assert about(scene, person) == written
    assert tab.ask("POST", "/api/link/look", {"link": link}).status == 200


def test_a_known_passkey_that_is_refused_is_an_entry_once_a_minute(
    scene: DeskScene, person: str
) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    good, key.key = key.key, Authenticator().key
    for _ in range(3):
        assert sign_in(scene.anybody(), key).why == "passkey"
    refusals = ("signed", "refused")
    assert about(scene, person).count(refusals) == 1
    scene.clock.advance(2 * MINUTE)
    assert sign_in(scene.anybody(), key).why == "passkey"
    assert about(scene, person).count(refusals) == 2
    key.key = good
    assert sign_in(scene.anybody(), key).status == 200


@pytest.mark.parametrize("value", [400_000_000, True, [1, 2], None, 1.5, {}])
def test_what_is_no_text_is_no_base64url(value: Any) -> None:
    """bytes(N) would be N zeros, of any length."""
    with pytest.raises(ValueError, match="no text"):
        decode_base64url(value)


def test_only_an_algorithm_that_was_asked_for_makes_a_passkey(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        made = ES256.from_cryptography_key
        other.setattr(
            ES256,
            "from_cryptography_key",
            lambda key: {**made(key), 3: -65_535},  # RSA with SHA-1
        )
        assert enrol(scene, "odd", Authenticator())[1].why == "passkey"
    assert scene.people.find("odd").passkeys == ()


def test_an_authenticator_that_names_somebody_else_signs_nobody_in(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Authenticator()
    enrol(scene, "handle", key)
    found, other = scene.people.find("handle"), scene.people.find("label")
    makes = key._credential
    for handle, status in ((other.handle, 403), (found.handle, 200), (None, 200)):
        named = {"userHandle": handle}
        monkeypatch.setattr(key, "_credential", lambda said, named=named: makes(said | named))
        assert sign_in(scene.anybody(), key).status == status


def test_a_label_that_does_not_print_is_refused(scene: DeskScene) -> None:
    tab, key = scene.anybody(), Authenticator()
    link = scene.sessions.make_link("label", "")
    options = tab.ask("POST", "/api/link/ask", {"link": link}).said
    body = {"link": link, "answer": key.make(options), "label": "phone\u202eenohp"}
    assert tab.ask("POST", "/api/link/enrol", body).why == "not_understood"
    assert tab.ask("POST", "/api/link/enrol", body | {"label": "Phone"}).status == 200


def answer(challenge: dict[str, Any]) -> dict[str, Any]:
    return Authenticator().sign(challenge)


def test_servers_agree_on_the_key_for_challenges(scene: DeskScene) -> None:
    """The first one makes it."""

    def server() -> Passkeys:
        return Passkeys(scene.state, ORIGIN, scene.clock)

    one, other = server(), server()
    for asks, checks in ((one, other), (other, one)):
        options = asks.ask_known()
        with pytest.raises(
            RefusalError, match="no person here"
        ):  # and not: asked by another person
            checks.check_known(answer(options))


def test_no_more_answers_are_remembered_than_there_is_room_for(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is forgotten early: it would count again."""
    scene.clock.advance(CHALLENGE_US)
    monkeypatch.setattr(tokens, "MOST_ANSWERED", 2)
    made = Challenges(scene.state, scene.clock, DeskRefusal.PASSKEY)
    first, second, third = (made.make("") for _ in range(3))
    use_up = InTransactions(scene.state, made).use_up
    for one in (first, second):
        use_up(one)
    with pytest.raises(RefusalError):
        use_up(third)
    with pytest.raises(RefusalError):
        made.check(first, "")
    scene.clock.advance(CHALLENGE_US)
    use_up(made.make(""))


@pytest.mark.parametrize(
    ("desk", "mistake"),
    [
        ("url: https://desk.example:443", "browsers leave out :443"),
        ("url: http://localhost:80\n  port: 80", "browsers leave out :80"),
        ("url: https://192.0.2.7:8444", "this is a number"),
        ("url: https://0x7f.1", "this is a number"),
        ("url: http://localhost:8445", "its port is desk.port, which is 8444"),
        ("url: http://localhost:8444", ""),
        ("url: https://7.example", ""),
        ("url: https://desk.example:80", ""),
    ],
)
def test_an_address_that_no_browser_would_say_is_refused(
    tmp_path: Path, desk: str, mistake: str
) -> None:
    office = OfficeScene(tmp_path).settings
    path = tmp_path / "office.yaml"
    path.write_text(f"""\
directory: {office.directory}
url: https://office.example
tls:
  certificate: {office.tls.certificate}
  key: {office.tls.key}
office_key: {office.office_key}
register: {office.register}
desk:
  {desk}
""")
    if not mistake:
        assert load(str(path), with_files=False).desk is not None
        return
    with pytest.raises(ValueError, match=mistake):
        load(str(path), with_files=False)
