"""Coming in by the city's account: who is let in, and every way in which an answer may be none.

The provider is a real one (`city_provider`), over TLS on loopback, which lies where a test says so.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from city_provider import CityProvider, Lies, known_key, send
from joserfc import jwt
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.container.keys import encode_base64url
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.file_import import open_state
from camerad.office.desk.openid_routes import (
    FLOW_COOKIE,
    FLOW_US,
    KNOWN_COOKIE,
    KNOWN_US,
    MOST_KNOWN,
    MOST_OF_ONE,
    MOST_STRANGE,
    MOST_TRIES,
    Asker,
    Redeeming,
)
from camerad.office.desk.people import DeskRole, restored
from camerad.office.desk.sessions import COOKIE
from camerad.office.desk.tokens import Challenges
from camerad.office.server.connection_limiter import network_of
from camerad.office.state.database_settings import IndexSettings

from .desk_scene import DEADLINE, MINUTE, Authenticator, Browser, DeskScene
from .openid_scene import begin, come_back, desk_and_city, question, settings_of, sign_in
from .test_sign_in import COUNT, enrol
from .test_sign_in import sign_in as sign_in_by_passkey


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeskScene, CityProvider]]:
    with desk_and_city(tmp_path_factory.mktemp("openid")) as made:
        made[0].add("boss", DeskRole.ADMINISTRATOR)
        yield made


@pytest.fixture
def scene(both: tuple[DeskScene, CityProvider]) -> DeskScene:
    return both[0]


@pytest.fixture
def city(both: tuple[DeskScene, CityProvider]) -> Iterator[CityProvider]:
    scene, made = both
    yield made
    made.lies, made.keys = Lies(), [known_key(0)]
    scene.clock.advance(MINUTE)  # what the desk knew, it asks for again


@pytest.fixture
def person(scene: DeskScene) -> str:
    made = f"city-{next(COUNT)}"
    scene.add(made, DeskRole.DESK)
    return made


@pytest.fixture(scope="module")
def settled(both: tuple[DeskScene, CityProvider]) -> str:
    """The same, for tests that change nothing about them."""
    scene, city = both
    scene.add("settled", DeskRole.DESK)
    link = scene.sessions.make_link("settled", "")
    assert sign_in(scene.anybody(), city, "settled", link).status == 200
    return "settled"


@pytest.fixture
def known(scene: DeskScene, city: CityProvider, person: str) -> str:
    """A person who has connected the account of the same name."""
    link = scene.sessions.make_link(person, "")
    assert sign_in(scene.anybody(), city, person, link).status == 200
    return person


def about(scene: DeskScene, person: str) -> list[tuple[str, str, str]]:
    return [
        (kind, facts.what, getattr(facts, "how", ""))
        for kind, facts in scene.entries()
        if f"'{person}'" in str(facts)
    ]


def known_browser(scene: DeskScene) -> Browser:
    """One by which a person has signed in before."""
    browser, challenges = (
        scene.anybody(),
        Challenges(scene.state, scene.clock, DeskRefusal.OPENID_STALE, KNOWN_US),
    )
    browser.others = {KNOWN_COOKIE: encode_base64url(challenges.make("known browser"))}
    return browser


IN = ("signed", "in", "openid")
REFUSED = ("signed", "refused", "openid")


def test_a_link_connects_an_account_and_the_account_signs_in(
    scene: DeskScene, city: CityProvider, person: str
) -> None:
    tab, link = scene.anybody(), scene.sessions.make_link(person, "")
    answer = sign_in(tab, city, "a1b2", link)
    assert (answer.status, answer.said["id"], answer.said["openid"]) == (200, person, True)
    assert tab.ask("GET", "/api/me").said["id"] == person
    assert tab.ask("POST", "/api/link/look", {"link": link}).why == "link_used"
    other = scene.anybody()
    assert sign_in(other, city, "a1b2").said["id"] == person
    assert about(scene, person) == [("rights", "openid_connected", ""), IN, IN]
    boss = scene.signed_in("boss")
    listed = {one["id"]: one["openid"] for one in boss.ask("GET", "/api/people").said}
    assert (listed[person], listed["boss"]) == (True, False)
    assert boss.ask("POST", "/api/people/link", {"id": person}).why == "link_by_command"


def test_the_page_is_told_what_the_account_is_called(scene: DeskScene, city: CityProvider) -> None:
    tab = scene.anybody()
    assert tab.ask("GET", "/api/openid").said == {"label": "City account"}
    assert tab.ask("GET", "/openid?code=1&state=2").body == tab.ask("GET", "/").body


def test_both_cookies_are_out_of_reach_of_scripts_and_other_pages(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    tab = scene.anybody()
    asked = tab.ask("POST", "/api/openid/ask", {"link": ""})
    answer = come_back(tab, city.grant(asked.said["address"], known))
    lines = [*asked.headers.get_all("Set-Cookie"), *answer.headers.get_all("Set-Cookie")]
    made = [SimpleCookie(line) for line in lines]
    assert [list(one) for one in made] == [
        [FLOW_COOKIE],
        [COOKIE],
        [KNOWN_COOKIE],
        [FLOW_COOKIE],
    ]
    for one in made:
        (morsel,) = one.values()
        assert morsel["httponly"]
        assert morsel["secure"]
        assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Strict", "/", "")
    assert tab.others[FLOW_COOKIE] == "", "it is over"


def test_nothing_of_the_challenge_goes_to_the_provider_as_it_is(
    scene: DeskScene, city: CityProvider
) -> None:
    tab = scene.anybody()
    asked = question(begin(tab))
    flow = tab.others[FLOW_COOKIE]
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(flow.partition(".")[0] not in value for value in asked.values())
    # It is the browser that passes on what is asked, so what was done is looked at.
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert asked["scope"] == "openid", "and neither name nor mail"


def test_a_sign_in_takes_no_session_on(scene: DeskScene, city: CityProvider, known: str) -> None:
    scene.add(other := f"{known}-b", DeskRole.SHIFT_LEAD)
    planted = scene.signed_in(other)
    tab = Browser(scene, planted.cookie)
    assert sign_in(tab, city, known).status == 200
    assert tab.cookie != planted.cookie
    assert planted.ask("GET", "/api/me").said is None
    assert about(scene, other) == [("signed", "out", "replaced")]


def by(make: Callable[[dict[str, Any], dict[str, Any], CityProvider], str]) -> Any:
    """A lie: tokens are made like this."""

    def lie(city: CityProvider) -> None:
        city.lies.token = lambda header, claims: make(header, claims, city)

    return lie


def saying(**claims: Any) -> Any:
    """A lie: tokens say this instead; None leaves it out."""

    def lie(city: CityProvider) -> None:
        def change(said: dict[str, Any]) -> None:
            said |= {name: made() if callable(made) else made for name, made in claims.items()}
            for name in [name for name, value in said.items() if value is None]:
                del said[name]

        city.lies.claims = change

    return lie


def off(seconds: int) -> Any:
    """A lie: the token was made so long after now."""

    def lie(city: CityProvider) -> None:
        def change(said: dict[str, Any]) -> None:
            said["iat"], said["exp"] = said["iat"] + seconds, said["exp"] + seconds

        city.lies.claims = change

    return lie


def unsigned(header: dict[str, Any], claims: dict[str, Any], _city: CityProvider) -> str:
    return signing_input({**header, "alg": "none"}, claims).decode() + "."


def signing_input(*parts: dict[str, Any]) -> bytes:
    return b".".join(
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts
    )


def by_public_key(header: dict[str, Any], claims: dict[str, Any], city: CityProvider) -> str:
    """What everybody can make: the public key, taken for a secret (HS256)."""
    said = signing_input({**header, "alg": "HS256"}, claims)
    code = hmac.digest(city.keys[0].as_pem(private=False), said, "sha256")
    return (said + b"." + base64.urlsafe_b64encode(code).rstrip(b"=")).decode()


def by_a_stranger(header: dict[str, Any], claims: dict[str, Any], city: CityProvider) -> str:
    return jwt.encode({**header, "kid": known_key(1).kid}, claims, known_key(1))


def by_its_own_key(header: dict[str, Any], claims: dict[str, Any], city: CityProvider) -> str:
    """The token brings the key along that it is signed by (`jwk`)."""
    key = known_key(1)
    return jwt.encode({**header, "jwk": key.as_dict(private=False)}, claims, key)


def changed_after(header: dict[str, Any], claims: dict[str, Any], city: CityProvider) -> str:
    head, _, signature = jwt.encode(header, claims, city.keys[0]).split(".")
    said = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "boss"}).encode()).rstrip(b"=")
    return f"{head}.{said.decode()}.{signature}"


LIES: dict[str, Any] = {
    "another nonce": saying(nonce="x" * 43),
    "no nonce": saying(nonce=None),
    "another issuer": saying(iss="https://login.elsewhere.example"),
    "for another client": saying(aud="payroll", azp="payroll"),
    "for others as well": saying(aud=["camerad-desk", "payroll"]),
    "given to another client": saying(azp="payroll"),
    "expired": off(-600),
    "expires for ever, and old": saying(iat=1_000_000_000, exp=9_999_999_999),
    "from the future": off(600),
    "names nobody": saying(sub=""),
    "names two lines": saying(sub="kim\nboss"),
    "a subject that is a number": saying(sub=7),
    "no time": saying(iat=None),
    "unsigned": by(unsigned),
    "by the public key as a secret": by(by_public_key),
    "by a key that is not published": by(by_a_stranger),
    "by a key that it brings along": by(by_its_own_key),
    "changed after it was signed": by(changed_after),
    "no token": by(lambda *_: "none"),
    "encrypted": by(lambda *_: "a.b.c.d.e"),
    "not ASCII": by(lambda *_: "é.é.é"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold_signs_nobody_in(
    scene: DeskScene, city: CityProvider, settled: str, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    LIES[lie](city)
    tab, before = scene.anybody(), about(scene, settled)
    scene.clock.advance(MINUTE)
    with caplog.at_level(logging.WARNING):
        answer = sign_in(tab, city, settled)
    assert (answer.status, answer.why, tab.cookie) == (403, "openid_wrong", "")
    assert about(scene, settled) == before
    assert "a sign-in by OpenID Connect failed: " in caplog.text


def test_who_began_elsewhere_is_not_signed_in_here(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    """Login CSRF: a person sends their own answer to another one's browser."""
    attacker, victim = scene.anybody(), scene.anybody()
    begin(victim)
    said = city.grant(begin(attacker), known)
    assert come_back(victim, said).why == "openid_stale"
    assert come_back(scene.anybody(), said).why == "openid_stale"
    mixed = scene.anybody()
    mixed.others = {FLOW_COOKIE: attacker.others[FLOW_COOKIE] + "A" * 43}  # with a link besides
    assert come_back(mixed, said).why == "openid_stale"
    odd = scene.anybody()
    odd.others = {FLOW_COOKIE: attacker.others[FLOW_COOKIE] + "\xff"}
    assert come_back(odd, said).why == "openid_stale"
    for wrong in ("", "é", said["state"][:-1], said["state"].swapcase()):
        assert come_back(attacker, said | {"state": wrong}).why == "openid_stale"
    assert victim.cookie == mixed.cookie == attacker.cookie == ""
    assert come_back(attacker, said).status == 200


def test_an_answer_counts_once_and_for_ten_minutes(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    tab = scene.anybody()
    said = city.grant(begin(tab), known)
    flow = dict(tab.others)
    assert come_back(tab, said).status == 200
    again = scene.anybody()
    again.others = flow
    assert come_back(again, said).why == "openid_stale", "the cookie was kept"
    fresh = scene.anybody()
    said = {**said, "state": question(begin(fresh))["state"]}
    assert come_back(fresh, said).why == "openid_stale", "the code was used"
    late = scene.anybody()
    said = city.grant(begin(late), known)
    scene.clock.advance(FLOW_US)
    assert come_back(late, said).why == "openid_stale"


def test_one_of_several_gets_in_by_one_answer(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    """A provider that gives a token for one code again and again."""
    tab = scene.anybody()
    address, written = begin(tab), about(scene, known).count(IN)
    given = [city.grant(address, known) for _ in range(4)]

    def use(said: dict[str, str]) -> int:
        one = known_browser(scene)
        one.others |= tab.others
        return come_back(one, said).status

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, given)) == [200, 403, 403, 403]
    assert about(scene, known).count(IN) == written + 1


@pytest.mark.parametrize("issuer", [None, "https://login.elsewhere.example", ""])
def test_an_answer_by_another_issuer_is_not_even_redeemed(
    scene: DeskScene, city: CityProvider, known: str, issuer: str | None
) -> None:
    """Mix-up (RFC 9207): this provider says that it names itself."""
    tab = scene.anybody()
    said: Any = {**city.grant(begin(tab), known), "iss": issuer}
    redeemed = city.asked["/token"]
    assert come_back(tab, said).why == "openid_wrong"
    assert city.asked["/token"] == redeemed


def test_a_provider_that_changes_its_key_is_asked_again_and_not_without_end(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    assert sign_in(scene.anybody(), city, known).status == 200
    scene.clock.advance(MINUTE)
    city.keys.insert(0, known_key(2))
    fetched = city.asked["/keys"]
    assert sign_in(scene.anybody(), city, known).status == 200
    assert city.asked["/keys"] == fetched + 1
    city.lies.token = lambda header, claims: jwt.encode(
        {**header, "kid": "x"}, claims, known_key(1)
    )
    for _ in range(3):
        assert sign_in(scene.anybody(), city, known).why == "openid_wrong"
    assert city.asked["/keys"] == fetched + 1
    del city.keys[1]
    scene.clock.advance(MINUTE)
    assert sign_in(scene.anybody(), city, known).why == "openid_wrong"
    assert city.asked["/keys"] == fetched + 2


def test_only_the_account_that_was_connected_is_that_person(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    """The name at the provider is another person's by now; the `sub` never is."""
    tab = scene.anybody()
    answer = sign_in(tab, city, "another-sub")  # with the same preferred_username
    assert (answer.why, tab.cookie) == ("openid_unknown", "")
    other = f"{known}-b"
    scene.add(other, DeskRole.DESK)
    link = scene.sessions.make_link(other, "")
    assert sign_in(scene.anybody(), city, known, link).why == "openid_taken"
    assert about(scene, other) == []
    assert sign_in(scene.anybody(), city, other, link).said["id"] == other


def test_whoever_is_withdrawn_or_restored_needs_another_link(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    boss, tab = scene.signed_in("boss"), scene.anybody()
    said = city.grant(begin(tab), known)
    assert boss.ask("POST", "/api/people/withdraw", {"id": known}).status == 200
    assert come_back(tab, said).why == "openid_unknown"
    assert boss.ask("POST", "/api/people/restore", {"id": known}).status == 200
    assert sign_in(scene.anybody(), city, known).why == "openid_unknown"
    link = scene.sessions.make_link(known, "")
    assert sign_in(scene.anybody(), city, known, link).status == 200


def test_whoever_is_withdrawn_while_they_come_in_does_not(
    scene: DeskScene, city: CityProvider, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decides = DeskLedger.deciding

    def decide_late(ledger: DeskLedger) -> Any:
        for how in (lambda one: msgspec.structs.replace(one, withdrawn_us=1), restored):
            scene.people.change(known, how)
        return decides(ledger)

    monkeypatch.setattr(DeskLedger, "deciding", decide_late)
    tab = scene.anybody()
    assert (sign_in(tab, city, known).why, tab.cookie) == ("not_signed_in", "")


def test_who_manages_people_comes_in_by_passkey_alone(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    """The provider's operator can be everyone there, and must not say who may what here."""
    boss = scene.signed_in("boss")
    link = scene.sessions.make_link("boss", "")
    asked = scene.anybody().ask("POST", "/api/openid/ask", {"link": link})
    assert asked.why == "openid_administrator"
    late = scene.anybody()
    roles = {"id": known, "roles": ["administrator"]}
    assert boss.ask("POST", "/api/people/roles", roles).status == 200
    for _ in range(2):
        assert sign_in(late, city, known).why == "openid_administrator"
    assert about(scene, known).count(REFUSED) == 1, "once a minute"
    assert late.cookie == ""


def test_who_becomes_an_administrator_on_the_way_connects_nothing(
    scene: DeskScene, city: CityProvider, person: str
) -> None:
    tab, link = scene.anybody(), scene.sessions.make_link(person, "")
    said = city.grant(begin(tab, link), person)
    scene.people.change(
        person, lambda one: msgspec.structs.replace(one, roles=(DeskRole.ADMINISTRATOR,))
    )
    assert come_back(tab, said).why == "openid_administrator"
    found = scene.people.find(person)
    assert found.openid is None


def test_a_link_that_is_used_up_meanwhile_connects_nothing(
    scene: DeskScene, city: CityProvider, person: str
) -> None:
    tab, link = scene.anybody(), scene.sessions.make_link(person, "")
    said = city.grant(begin(tab, link), person)
    key = Authenticator()
    options = scene.anybody().ask("POST", "/api/link/ask", {"link": link}).said
    body = {"link": link, "answer": key.make(options), "label": "A key"}
    assert scene.anybody().ask("POST", "/api/link/enrol", body).status == 200
    assert come_back(tab, said).why == "link_used"
    assert tab.ask("POST", "/api/openid/ask", {"link": link}).why == "link_used"
    assert sign_in(scene.anybody(), city, person).why == "openid_unknown"


def test_another_account_ends_what_the_former_one_opened(
    scene: DeskScene, city: CityProvider, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former one may be another person's by now. A passkey is still theirs."""
    former, by_passkey = scene.anybody(), scene.signed_in(known)
    assert sign_in(former, city, known).status == 200
    link = scene.sessions.make_link(known, "")
    assert sign_in(scene.anybody(), city, known, link).status == 200
    assert former.ask("GET", "/api/me").said["id"] == known, "the same account goes on"
    now = scene.anybody()
    before = scene.sessions.count_of(known)
    link = scene.sessions.make_link(known, "")
    assert sign_in(now, city, f"{known}-new", link).said["id"] == known
    assert scene.sessions.count_of(known) == 2 < before
    assert former.ask("GET", "/api/me").said is None
    assert now.ask("GET", "/api/me").said["id"] == known
    assert by_passkey.ask("GET", "/api/me").said["id"] == known

    def die(*_: object) -> None:
        raise OSError("the power fails before it counts")

    link = scene.sessions.make_link(known, "")
    with monkeypatch.context() as power:
        power.setattr(scene.desk._parts.sessions, "drop_of_former_account", die)
        assert sign_in(scene.anybody(), city, known, link).status == 500
    assert now.ask("GET", "/api/me").said["id"] == known, "all is as before"
    assert sign_in(scene.anybody(), city, known, link).status == 200
    assert now.ask("GET", "/api/me").said is None


def test_the_second_factor_that_the_office_wants_is_asked_for_and_looked_at(
    scene: DeskScene, city: CityProvider, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = scene.desk._provider
    assert provider is not None
    monkeypatch.setattr(provider, "settings", replace(provider.settings, acr=("2", "3")))
    tab = scene.anybody()
    assert question(begin(tab))["acr_values"] == "2 3"
    assert sign_in(tab, city, known).status == 200
    for acr in ("1", "", None, "2 3", ["2"]):
        saying(acr=acr)(city)
        scene.clock.advance(2 * MINUTE)
        tab, refusals = scene.anybody(), about(scene, known).count(REFUSED)
        why = sign_in(tab, city, known).why
        assert (why, tab.cookie) == ("openid_wrong" if acr == ["2"] else "openid_factor", "")
        assert about(scene, known).count(REFUSED) == refusals + (acr != ["2"])
    saying(acr="1")(city)
    assert sign_in(scene.anybody(), city, "stranger").why == "openid_factor"


def test_how_long_ago_somebody_showed_who_they_are_is_looked_at(
    scene: DeskScene, city: CityProvider, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that the password was just asked for, unless the office takes less: at a computer where a
    person is signed in at the city, the provider would ask for nothing."""

    def looks(*expected: tuple[int | None, str | None]) -> None:
        for ago, why in expected:
            saying(auth_time=None if ago is None else city.now() - ago)(city)
            answer = sign_in(scene.anybody(), city, known)
            assert (answer.said.get("error"), answer.status) == (why, 403 if why else 200), ago

    looks((0, None), (61, "openid_too_old"), (None, "openid_too_old"))
    provider = scene.desk._provider
    assert provider is not None
    chosen = replace(provider.settings, max_age_minutes=10, prompt="provider")
    monkeypatch.setattr(provider, "settings", chosen)
    asked = question(begin(scene.anybody()))
    assert asked["max_age"] == "600"
    assert "prompt" not in asked
    looks((600, None), (659, None), (661, "openid_too_old"), (None, "openid_too_old"))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("access_denied", "openid_declined"),
        ("login_required", "openid_wrong"),
        ("two\nlines", "openid_wrong"),
        ("", "openid_wrong"),
    ],
)
def test_who_is_refused_at_the_provider_is_told(
    scene: DeskScene,
    city: CityProvider,
    error: str,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tab = scene.anybody()
    state = question(begin(tab))["state"]
    scene.clock.advance(MINUTE)
    said = {"state": state, "error": error, "iss": city.issuer}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert come_back(tab, said).why == why
    assert caplog.text.count("gave no code") == (why == "openid_wrong"), "once a minute"
    assert "two\nlines" not in caplog.text
    strange = scene.anybody()
    assert come_back(strange, said).why == "openid_stale", "of no sign-in of this browser"


def test_no_word_of_a_stranger_is_in_the_log_and_not_many_lines(
    scene: DeskScene, city: CityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    scene.clock.advance(MINUTE)
    tab = scene.anybody()
    state = question(begin(tab))["state"]
    with caplog.at_level(logging.WARNING):
        for number in range(30):
            said = {"state": state, "error": f"{number}: send your password to mallory"}
            assert come_back(tab, said).why == "openid_wrong"
        by(lambda *_: "none")(city)
        assert sign_in(tab, city, "anybody").why == "openid_wrong"
    assert "mallory" not in caplog.text
    assert caplog.text.count("gave no code (for a reason that no standard has)") == 1
    assert "this is no token" in caplog.text, "what is wrong with the provider is said besides"


def test_without_the_provider_passkeys_go_on(
    scene: DeskScene, city: CityProvider, person: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = Authenticator()
    enrol(scene, person, key)
    scene.clock.advance(60 * MINUTE)
    city.lies.raw = {"/token": hang_up, "/.well-known/openid-configuration": hang_up}
    tab = scene.anybody()
    with caplog.at_level(logging.WARNING):
        asked = tab.ask("POST", "/api/openid/ask", {"link": ""})
    assert (asked.status, asked.why) == (503, "openid_away")
    assert f"the provider at {city.issuer}: " in caplog.text
    tried = city.asked.total()
    assert tab.ask("POST", "/api/openid/ask", {"link": ""}).why == "openid_away"
    assert city.asked.total() == tried, "it is left alone for some seconds"
    assert sign_in_by_passkey(scene.anybody(), key).status == 200
    scene.clock.advance(MINUTE)
    city.lies.raw.pop("/.well-known/openid-configuration")
    assert sign_in(tab, city, person).why == "openid_away", "and no token"


def hang_up(request: Any) -> None:
    request.connection.close()


def test_strangers_whose_codes_take_long_keep_nobody_else_out(
    scene: DeskScene, city: CityProvider, known: str, person: str
) -> None:
    """A provider that takes its time over their codes: their places are full, and no others."""
    asked, answer = threading.Semaphore(0), threading.Event()

    def be_slow(request: Any) -> None:
        asked.release()
        assert answer.wait(DEADLINE)
        send(request, 400, {"error": "invalid_grant"})

    strangers = [scene.anybody() for _ in range(MOST_OF_ONE + 1)]
    bogus = [{"state": question(begin(one))["state"], "code": "x"} for one in strangers]
    bogus = [said | {"iss": city.issuer} for said in bogus]
    regular, link = known_browser(scene), scene.sessions.make_link(person, "")
    invited = scene.anybody()
    theirs = city.grant(begin(regular), known), city.grant(begin(invited, link), person)
    city.lies.raw = {"/token": be_slow}
    with ThreadPoolExecutor(MOST_OF_ONE) as pool:
        try:
            kept = [
                pool.submit(come_back, *one) for one in zip(strangers[:-1], bogus[:-1], strict=True)
            ]
            for _ in kept:
                assert asked.acquire(timeout=DEADLINE)
            before = city.asked["/token"]
            refused = come_back(strangers[-1], bogus[-1])
            assert (refused.status, refused.why) == (429, "openid_busy")
            assert city.asked["/token"] == before, "it costs the provider nothing"
            city.lies.raw = {}
            assert come_back(regular, theirs[0]).said["id"] == known
            assert come_back(invited, theirs[1]).said["id"] == person
        finally:
            answer.set()
        assert [one.result(DEADLINE).why for one in kept] == ["openid_stale"] * MOST_OF_ONE
    city.lies.raw = {}
    assert sign_in(strangers[-1], city, known).status == 200


def test_a_stranger_who_guesses_on_costs_the_provider_nothing(
    scene: DeskScene, city: CityProvider, known: str
) -> None:
    scene.clock.advance(MINUTE)
    tab, regular = scene.anybody(), known_browser(scene)
    honest = scene.anybody()
    for _ in range(MOST_TRIES):  # who signs in has guessed nothing
        assert sign_in(honest, city, known).status == 200
        honest.others = {}
    said = {"state": question(begin(tab))["state"], "code": "x", "iss": city.issuer}
    for _ in range(MOST_TRIES):
        assert come_back(tab, said).why == "openid_stale"
    before = city.asked["/token"]
    for _ in range(3):
        assert come_back(tab, said).why == "openid_busy"
    assert city.asked["/token"] == before
    assert sign_in(regular, city, known).status == 200
    scene.clock.advance(MINUTE)
    assert sign_in(tab, city, known).status == 200


def test_where_the_settings_have_no_provider_there_is_no_such_way(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with DeskScene(tmp_path_factory.mktemp("without")) as scene:
        tab = scene.anybody()
        assert tab.ask("GET", "/api/openid").said == {"label": None}
        assert tab.ask("POST", "/api/openid/ask", {"link": ""}).why == "not_there"
        assert come_back(tab, {"state": "A"}).why == "not_there"


def test_a_provider_that_is_away_at_the_start_is_said_and_keeps_nobody(
    city: CityProvider,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = replace(settings_of(city), issuer="https://127.0.0.1:1")
    with (
        caplog.at_level(logging.WARNING),
        DeskScene(tmp_path_factory.mktemp("away"), openid=settings) as scene,
    ):
        looking = scene.desk._looking
        assert looking is not None
        waits = asyncio.run_coroutine_threadsafe(asyncio.wait({looking}), looking.get_loop())
        waits.result(DEADLINE)
        assert "sign-in by OpenID Connect does not work now: the provider at https" in caplog.text
        tab = scene.anybody()
        assert tab.ask("GET", "/").status == 200
        assert tab.ask("POST", "/api/openid/ask", {"link": ""}).why == "openid_away"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def browsers(tmp_path: Path, clock: ManualClock) -> Iterator[Challenges]:
    (tmp_path / "office").mkdir()
    state = open_state(IndexSettings(), str(tmp_path))
    yield Challenges(state, clock, DeskRefusal.OPENID_STALE, KNOWN_US)
    state.close()


@pytest.fixture
def redeeming(browsers: Challenges, clock: ManualClock) -> Redeeming:
    return Redeeming(browsers, clock)


@pytest.mark.parametrize("is_known", [False, True])
def test_there_are_places_for_each_kind_and_few_for_one(
    redeeming: Redeeming, is_known: bool
) -> None:
    most = MOST_KNOWN if is_known else MOST_STRANGE
    with ExitStack() as held:
        for number in range(most):
            held.enter_context(redeeming.slot(Asker(is_known, str(number // MOST_OF_ONE))))
        for name in ("0", "another"):
            with pytest.raises(RefusalError, match="openid_busy"):
                held.enter_context(redeeming.slot(Asker(is_known, name)))
        held.enter_context(redeeming.slot(Asker(not is_known, "of the other kind")))
    with redeeming.slot(Asker(is_known, "another")):
        """There is room again."""


def test_who_is_known_is_counted_by_browser_or_link(
    redeeming: Redeeming, browsers: Challenges, clock: ManualClock
) -> None:
    def asker(cookie: str, link: str = "") -> Asker:
        said = {"Cookie": f"{KNOWN_COOKIE}={cookie}"} if cookie else {}
        return redeeming.asker(make_mocked_request("POST", "/", headers=said), link)

    one, two = (encode_base64url(browsers.make("known browser")) for _ in range(2))
    assert asker(one).known
    assert asker(one) == asker(one) == asker(one, "link") != asker(two)
    assert one not in asker(one).name, "what is counted by is no secret"
    assert asker("", "link").known
    assert asker("", "link") == asker("none", "link") != asker("", "another")
    strangers = [
        "",
        "none",
        "\xff",
        encode_base64url(browsers.make("openid:")),
        one[:-1],
        one + "A",
    ]
    assert not any(asker(cookie).known for cookie in strangers)
    assert len({asker(cookie) for cookie in strangers}) == 1
    clock.advance(KNOWN_US)
    assert not asker(one).known


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("None", "None"),
    ],
)
def test_a_stranger_is_counted_by_address_or_network(address: str, counted: str) -> None:
    assert network_of(address) == counted
