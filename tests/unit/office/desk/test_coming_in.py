"""Coming in when something comes between: a busy store, a withdrawal, others who are as quick."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from camerad.office.desk import people as people_module
from camerad.office.desk.challenges import Challenges
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.passkeys import BrowserAnswer, Passkeys
from camerad.office.desk.people import MOST_PASSKEYS, DeskPerson, OpenidAccount, Passkey
from camerad.office.desk.roles import DeskRole
from camerad.office.server.directory_locks import LockHeldError

from .desk_scene import MINUTE, ORIGIN, Authenticator, Browser, DeskScene
from .test_sign_in import COUNT, enrol, sign_in


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        made.add("boss", DeskRole.ADMINISTRATOR)
        yield made


@pytest.fixture
def person(scene: DeskScene) -> str:
    made = f"one-{next(COUNT)}"
    scene.add(made, DeskRole.DESK)
    return made


@pytest.fixture
def boss(scene: DeskScene) -> Browser:
    return scene.signed_in("boss")


def be_busy(*_: object, **__: object) -> None:
    raise LockHeldError("somebody else works with the store")


def about(scene: DeskScene, person: str) -> list[tuple[str, str]]:
    """The entries about somebody: kinds, and what was done."""
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
    found = scene.people.find(person)
    assert found is not None
    assert found.passkeys == ()
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

    def check(known: Passkeys, answer: BrowserAnswer) -> tuple[DeskPerson, Passkey, bytes]:
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


def test_an_administrator_makes_links_for_those_alone_who_have_never_come_in(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    link = boss.ask("POST", "/api/people/link", {"id": person}).said["link"]
    assert scene.anybody().ask("POST", "/api/link/sign-in", {"link": link}).status == 200
    written = about(scene, person)
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"
    assert boss.ask("POST", "/api/people/withdraw", {"id": person}).status == 200
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "not_allowed"
    assert boss.ask("POST", "/api/people/restore", {"id": person}).status == 200
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"
    assert [what for _, what in about(scene, person)[len(written) :]] == ["withdrawn", "restored"]


def test_of_a_record_that_does_not_say_so_nobody_knows_that_they_never_came_in(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    scene.people.change(person, lambda one: msgspec.structs.replace(one, came_us=0))
    for action in ("", "withdraw", "restore"):
        if action:
            assert boss.ask("POST", f"/api/people/{action}", {"id": person}).status == 200
        assert boss.ask("POST", "/api/people/link", {"id": person}).why in (
            *("link_by_command", "not_allowed"),
        )
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"


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
    assert found is not None and found.passkeys == () and found.openid is None
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"


def test_somebody_who_never_came_in_still_gets_a_link_when_restored(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    for action in ("withdraw", "restore"):
        assert boss.ask("POST", f"/api/people/{action}", {"id": person}).status == 200
    assert boss.ask("POST", "/api/people/link", {"id": person}).status == 200


def test_whoever_is_added_in_the_place_of_a_lost_record_has_no_session_of_before(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    tab, link = scene.signed_in(person), scene.sessions.make_link(person, "")
    scene.people.write(people_module.lost(person))
    scene.people.add(person, "Another", frozenset((DeskRole.DESK,)), scene.clock.wall_us())
    assert tab.ask("GET", "/api/me").said is None
    scene.sessions.make_link(person, "")  # as the command does
    assert scene.anybody().ask("POST", "/api/link/look", {"link": link}).why == "link_used"


def test_who_is_there_is_not_restored(scene: DeskScene, person: str, boss: Browser) -> None:
    before = scene.people.find(person)
    assert boss.ask("POST", "/api/people/restore", {"id": person}).status == 200
    assert scene.people.find(person) == before
    assert about(scene, person) == []


def test_a_link_of_the_command_is_not_replaced_by_one_of_the_page(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    enrol(scene, person, Authenticator())
    link = scene.sessions.make_link(person, "")
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"
    assert scene.anybody().ask("POST", "/api/link/look", {"link": link}).status == 200


@pytest.mark.parametrize("change", ["withdraw", "roles"])
def test_links_go_with_rights(scene: DeskScene, person: str, boss: Browser, change: str) -> None:
    link = scene.sessions.make_link(person, "")
    said = {"id": person} | ({"roles": ["shift_lead"]} if change == "roles" else {})
    assert boss.ask("POST", f"/api/people/{change}", said).status == 200
    boss.ask("POST", "/api/people/restore", {"id": person})
    assert scene.anybody().ask("POST", "/api/link/look", {"link": link}).why == "link_used"


def test_no_session_of_before_comes_back_with_whoever_is_restored(
    scene: DeskScene, person: str, boss: Browser
) -> None:
    assert boss.ask("POST", "/api/people/withdraw", {"id": person}).status == 200
    found = scene.people.find(person)
    assert found is not None
    tab = Browser(scene, scene.sessions.begin(found, "passkey"))  # as one that was just beginning
    assert boss.ask("POST", "/api/people/restore", {"id": person}).status == 200
    assert tab.ask("GET", "/api/me").said is None


def test_a_session_that_ends_while_it_is_used_stays_ended(
    scene: DeskScene, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in(person)
    scene.clock.advance(2 * MINUTE)
    notes = DeskState.noting

    def note(state: DeskState) -> Any:
        scene.sessions.end(tab.cookie)
        return notes(state)

    with monkeypatch.context() as between:
        between.setattr(DeskState, "noting", note)
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


def test_who_cannot_be_added_is_no_entry(scene: DeskScene, boss: Browser) -> None:
    said = {"id": "ghost", "name": "two\nlines", "roles": ["desk"]}
    assert boss.ask("POST", "/api/people/add", said).why == "bad_id"
    assert about(scene, "ghost") == []


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


def test_another_sign_in_writes_the_end_of_the_former(scene: DeskScene, person: str) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    scene.add(other := f"{person}-b", DeskRole.SHIFT_LEAD)
    tab = scene.signed_in(other)
    assert sign_in(tab, key).status == 200
    assert scene.kinds("signed")[-2].how == "replaced"
    assert about(scene, other) == [("signed", "out")]


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
