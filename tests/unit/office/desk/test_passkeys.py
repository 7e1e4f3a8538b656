"""What passkeys are made of: bytes, the key for challenges, algorithms, names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fido2.cose import ES256

from camerad.container.keys import decode_base64url
from camerad.office.desk import challenges
from camerad.office.desk.challenges import CHALLENGE_US, Challenges
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.passkeys import BrowserAnswer, Passkeys
from camerad.office.desk.roles import DeskRole
from camerad.office.server.office_settings import load
from tests.unit.office.server.office_scene import OfficeScene

from .desk_scene import ORIGIN, Authenticator, DeskScene, InTransactions
from .test_sign_in import enrol, sign_in


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        for name in ("handle", "label", "odd", "shared"):
            made.add(name, DeskRole.DESK)
        yield made


@pytest.mark.parametrize("value", [400_000_000, True, [1, 2], None, 1.5, {}])
def test_what_is_no_text_is_no_base64url(value: Any) -> None:
    """bytes(N) would be N zeros, of whatever memory there is."""
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
    found = scene.people.find("odd")
    assert found is not None
    assert found.passkeys == ()


def test_an_authenticator_that_names_somebody_else_signs_nobody_in(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Authenticator()
    enrol(scene, "handle", key)
    found, other = scene.people.find("handle"), scene.people.find("label")
    assert found is not None
    assert other is not None
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


def answer(challenge: dict[str, Any]) -> BrowserAnswer:
    return msgspec.convert(Authenticator().sign(challenge), BrowserAnswer)


def test_servers_agree_on_the_key_for_challenges(scene: DeskScene) -> None:
    """The first one makes it."""

    def server() -> Passkeys:
        return Passkeys(scene.state, ORIGIN, scene.clock)

    one, other = server(), server()
    for asks, checks in ((one, other), (other, one)):
        options = asks.ask_known()
        with pytest.raises(RefusalError, match="no person here"):  # and not: asked by somebody else
            checks.check_known(answer(options))


def test_no_more_answers_are_remembered_than_there_is_room_for(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is forgotten early: it would count again."""
    scene.clock.advance(CHALLENGE_US)
    monkeypatch.setattr(challenges, "MOST_ANSWERED", 2)
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
