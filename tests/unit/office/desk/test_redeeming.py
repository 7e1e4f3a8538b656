"""Whose turn it is to have a code redeemed: places, tries, and who is counted together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from camerad.base.clock import SECOND, ManualClock
from camerad.container.keys import encode_base64url
from camerad.office.desk.challenges import Challenges
from camerad.office.desk.desk_refusals import DeskRefusal
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.openid_routes import (
    KNOWN_COOKIE,
    KNOWN_US,
    MOST_KNOWN,
    MOST_OF_ONE,
    MOST_STRANGE,
    MOST_TRIES,
    Asker,
    Redeeming,
)
from camerad.office.server.entrance import network_of
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.state.database_settings import IndexSettings


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def known(tmp_path: Path, clock: ManualClock) -> Iterator[Challenges]:
    (tmp_path / "office").mkdir()
    state = DeskState(IndexSettings(), str(tmp_path))
    yield Challenges(state, clock, DeskRefusal.OPENID_STALE, KNOWN_US)
    state.close()


@pytest.fixture
def redeeming(known: Challenges, clock: ManualClock) -> Redeeming:
    return Redeeming(known, clock)


@pytest.mark.parametrize("is_known", [False, True])
def test_there_are_places_for_each_kind_and_few_for_one(
    redeeming: Redeeming, is_known: bool
) -> None:
    most = MOST_KNOWN if is_known else MOST_STRANGE
    with ExitStack() as held:
        for number in range(most):
            held.enter_context(redeeming.turn(Asker(is_known, str(number // MOST_OF_ONE))))
        for name in ("0", "another"):
            with pytest.raises(RefusedRequestError, match="openid_busy"):
                held.enter_context(redeeming.turn(Asker(is_known, name)))
        held.enter_context(redeeming.turn(Asker(not is_known, "of the other kind")))
    with redeeming.turn(Asker(is_known, "another")):
        """There is room again."""


def test_who_guesses_waits_for_the_minutes_end(redeeming: Redeeming, clock: ManualClock) -> None:
    stranger, other = Asker(False, "a"), Asker(False, "b")
    for _ in range(MOST_TRIES):
        with redeeming.turn(stranger):
            """The provider does not take the code."""
    for seconds, refused in ((0, True), (59, True), (1, False)):
        clock.advance(seconds * SECOND)
        with ExitStack() as held:
            if refused:
                with pytest.raises(RefusedRequestError, match="openid_busy"):
                    held.enter_context(redeeming.turn(stranger))
                held.enter_context(redeeming.turn(other))
            else:
                held.enter_context(redeeming.turn(stranger))


def test_what_signed_somebody_in_was_no_vain_try(redeeming: Redeeming, clock: ManualClock) -> None:
    asker = Asker(False, "a")
    redeeming.forgive(asker)  # which began in the minute before
    for _ in range(MOST_TRIES + 1):
        with redeeming.turn(asker):
            """It takes the code."""
        redeeming.forgive(asker)


def test_who_is_known_is_counted_by_browser_or_link(
    redeeming: Redeeming, known: Challenges, clock: ManualClock
) -> None:
    def asker(cookie: str, link: str = "") -> Asker:
        said = {"Cookie": f"{KNOWN_COOKIE}={cookie}"} if cookie else {}
        return redeeming.asker(make_mocked_request("POST", "/", headers=said), link)

    one, two = (encode_base64url(known.make("known browser")) for _ in range(2))
    assert asker(one).known
    assert asker(one) == asker(one) == asker(one, "link") != asker(two)
    assert one not in asker(one).name, "what is counted by is no secret"
    assert asker("", "link").known
    assert asker("", "link") == asker("none", "link") != asker("", "another")
    strangers = ["", "none", "\xff", encode_base64url(known.make("openid:")), one[:-1], one + "A"]
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
