"""No request is taken twice, whatever the clocks do, and a server's fresh nonce always counts."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from camerad.base.clock import SECOND
from camerad.office.server import nonces as module
from camerad.office.server.nonces import Nonces
from camerad.office.server.refusals import RefusedRequestError

KIDS = ("a" * 43, "b" * 43)
WALL = 1_795_540_000
"""Seconds since 1970, of most tests."""
LATER = 601 * SECOND
"""After the start, so that clients' own nonces count."""


def own(number: int = 0) -> str:
    return f"{number:022d}"


@pytest.fixture
def nonces() -> Nonces:
    return Nonces((WALL - 601) * SECOND)


def take(
    nonces: Nonces,
    nonce: str,
    created: int = WALL,
    *,
    kid: str = KIDS[0],
    now: int = LATER,
    wall: int = WALL,
) -> None:
    nonces.take(kid, nonce, created, now, wall * SECOND)


@given(created=st.integers(-(2**60), 2**60), age=st.integers(0, 300 * SECOND))
def test_a_fresh_nonce_of_the_server_counts_whatever_the_time_of_the_request(
    created: int, age: int
) -> None:
    nonces = Nonces(WALL * SECOND)
    take(nonces, nonces.issue(LATER), created, now=LATER + age)


def test_a_nonce_of_the_server_counts_once_for_five_minutes(nonces: Nonces) -> None:
    old, used = nonces.issue(LATER), nonces.issue(LATER)
    take(nonces, used)
    with pytest.raises(RefusedRequestError, match="used before"):
        take(nonces, used)
    with pytest.raises(RefusedRequestError, match="too old"):
        take(nonces, old, now=LATER + 300 * SECOND + 1)
    with pytest.raises(RefusedRequestError, match="too old"):
        take(nonces, used, now=LATER + 300 * SECOND + 1)


def test_a_nonce_of_another_run_of_the_server_counts_as_nobody_s(nonces: Nonces) -> None:
    with pytest.raises(RefusedRequestError, match="present run"):
        take(nonces, Nonces(WALL * SECOND).issue(LATER))


@given(data=st.binary(max_size=60))
def test_nobody_makes_a_nonce_of_the_server_s(data: bytes) -> None:
    nonces = Nonces((WALL - 601) * SECOND)
    forged = "s." + base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    with pytest.raises(RefusedRequestError):
        take(nonces, forged)


def test_a_nonce_of_the_server_that_was_changed_does_not_count(nonces: Nonces) -> None:
    issued = nonces.issue(LATER)
    later = nonces.issue(LATER + 1)
    for changed in (issued[:-2] + "AA", later[:12] + issued[12:], issued + "A", issued[:-1]):
        if changed != issued:
            with pytest.raises(RefusedRequestError):
                take(nonces, changed)


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_a_client_s_own_nonce_counts_within_five_minutes(nonces: Nonces, off: int) -> None:
    take(nonces, own(), WALL + off)


@pytest.mark.parametrize("off", [-301, 301, -WALL, 2**60])
def test_a_client_s_own_nonce_does_not_count_outside_of_them(nonces: Nonces, off: int) -> None:
    with pytest.raises(RefusedRequestError, match="300 s off"):
        take(nonces, own(), WALL + off)


@pytest.mark.parametrize("wrong", ["", "short", "x" * 65, "umläut" * 4, "with.dot" * 3, "a" * 15])
def test_a_client_s_own_nonce_has_16_to_64_characters(nonces: Nonces, wrong: str) -> None:
    with pytest.raises(RefusedRequestError, match="16 to 64"):
        take(nonces, wrong)


def test_two_cameras_may_choose_the_same_nonce(nonces: Nonces) -> None:
    take(nonces, own())
    take(nonces, own(), kid=KIDS[1])
    with pytest.raises(RefusedRequestError, match="used before"):
        take(nonces, own(), kid=KIDS[1])


def test_a_server_that_has_just_started_takes_its_own_nonces_only() -> None:
    """What it took before its start it has forgotten: up to 300 s into the future."""
    nonces = Nonces(WALL * SECOND)
    with pytest.raises(RefusedRequestError, match="has started"):
        take(nonces, own(), WALL + 300)
    take(nonces, nonces.issue(LATER))
    take(nonces, own(), WALL + 301, wall=WALL + 301)


def test_a_wall_clock_that_is_set_back_lets_nothing_in_again(nonces: Nonces) -> None:
    take(nonces, own(1))
    take(nonces, own(2), WALL + 10_000, wall=WALL + 10_000)  # the first is forgotten here
    with pytest.raises(RefusedRequestError):
        take(nonces, own(1))
    with pytest.raises(RefusedRequestError):
        take(nonces, own(2), WALL + 10_000, wall=WALL + 10_000)


def test_when_no_more_can_be_remembered_requests_have_to_wait_and_nothing_is_forgotten() -> None:
    nonces = Nonces((WALL - 601) * SECOND, most=4, most_of_one=3)
    for number in range(3):
        take(nonces, own(number))
    with pytest.raises(RefusedRequestError, match="make fewer of them"):
        take(nonces, own(3))
    take(nonces, own(0), kid=KIDS[1])
    with pytest.raises(RefusedRequestError, match="make fewer of them"):
        take(nonces, nonces.issue(LATER), kid=KIDS[1])
    for number in range(3):
        with pytest.raises(RefusedRequestError, match="used before"):
            take(nonces, own(number))
    # All of it is too old now, so there is room.
    late = WALL + 301
    for number in range(3):
        take(nonces, own(number), late, wall=late)


def test_who_asks_for_nonces_costs_no_memory(nonces: Nonces) -> None:
    before = len(nonces._issued.keys) + len(nonces._theirs.keys)
    for _ in range(1000):
        nonces.issue(LATER)
    assert len(nonces._issued.keys) + len(nonces._theirs.keys) == before


def test_a_camera_that_works_as_fast_as_it_can_is_not_kept_out() -> None:
    """1 Gbit/s in parts of 8 MiB are 15 requests in a second: 9,000 of its own in ten minutes."""
    assert module.MOST_OF_ONE > 9_000


class Requests(RuleBasedStateMachine):
    """A server through restarts and steps of its clocks, and whoever repeats requests."""

    @initialize()
    def start(self) -> None:
        self.now, self.wall, self.latest = 0, WALL, WALL
        self.taken: set[tuple[str, str, int]] = set()
        self.known: list[tuple[str, str, int]] = []
        self.nonces = Nonces(self.wall * SECOND, most=50, most_of_one=40)

    @precondition(lambda self: self.wall >= self.latest)
    @rule()
    def restart(self) -> None:
        """Not with an earlier clock than it had: then it does not know what it took."""
        self.nonces = Nonces(self.wall * SECOND, most=50, most_of_one=40)

    @rule(seconds=st.integers(0, 700))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.wall += seconds
        self.latest = max(self.latest, self.wall)

    @rule(seconds=st.integers(-2000, 2000))
    def step(self, seconds: int) -> None:
        """While it runs, it knows its floor, whatever its clock is set to."""
        self.wall += seconds
        self.latest = max(self.latest, self.wall)
        self.nonces._forget(self.now, self.wall * SECOND)

    @rule(kid=st.sampled_from(KIDS), off=st.integers(-310, 310))
    def send_own(self, kid: str, off: int) -> None:
        request = (kid, secrets.token_urlsafe(16), self.wall + off)
        self.known.append(request)
        self.send(request)

    @rule(kid=st.sampled_from(KIDS), created=st.integers(0, 2 * WALL))
    def send_servers(self, kid: str, created: int) -> None:
        request = (kid, self.nonces.issue(self.now), created)
        self.known.append(request)
        try:
            self.nonces.take(*request, self.now, self.wall * SECOND)
        except RefusedRequestError as refused:
            assert refused.status == 503
            return
        self.taken.add(request)

    @rule(pick=st.integers(0, 10_000))
    def repeat(self, pick: int) -> None:
        if self.known:
            self.send(self.known[pick % len(self.known)])

    def send(self, request: tuple[str, str, int]) -> None:
        try:
            self.nonces.take(*request, self.now, self.wall * SECOND)
        except RefusedRequestError:
            return
        assert request not in self.taken, "taken twice"
        self.taken.add(request)


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
