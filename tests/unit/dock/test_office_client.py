"""Each request is signed once, with a nonce that the office takes, whatever the camera's clock."""

from __future__ import annotations

import json
import re

import pytest
from small_office import Fault

from camerad.base.clock import ClockSource, ManualClock
from camerad.container.keys import SigningKey
from camerad.dock.errors import OfficeAnswerError, OfficeFault, OfficeUnavailableError
from camerad.dock.office_client import (
    LARGEST_LIST,
    LARGEST_MISSING,
    LONGEST_PAUSE_SECONDS,
    KeySigner,
    OfficeClient,
)
from camerad.dock.office_connection import OfficeAnswer, OfficeRequest
from camerad.dock.request_bodies import Text
from camerad.exchange import request_signature
from tests.unit.dock.scene import Scene

KEY = SigningKey.generate()
NOW_US = 1_764_000_000_000_000


class Office:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, *answers: OfficeAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[OfficeRequest] = []

    def exchange(self, request: OfficeRequest) -> OfficeAnswer:
        self.asked.append(request)
        return self.answers.pop(0)

    def raise_if_stopped(self) -> None:
        pass

    def said(self) -> list[tuple[str, int]]:
        """Nonce and time of each request's signature, which holds."""
        found = []
        for one in self.asked:
            signed = request_signature.check(
                one.method,
                f"https://office{one.path}",
                one.headers,
                lambda _kid: KEY.public,
                has_body=one.body is not None,
            )
            found.append((signed.nonce, signed.created))
        return found


def answer(status: int, nonce: str = "", body: bytes = b"{}", **headers: str) -> OfficeAnswer:
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if nonce:
        given["camerad-nonce"] = nonce
    return OfficeAnswer(status, given, body)


def client(office: Office, clock: ManualClock | None = None) -> OfficeClient:
    clock = clock or ManualClock(0, NOW_US, ClockSource.UNKNOWN)
    return OfficeClient("https://office", office, KeySigner(KEY), clock)


def test_the_first_nonce_is_its_own_and_the_next_are_the_servers() -> None:
    office = Office(answer(404, "first"), answer(404, "s.se-c_ond"), answer(404))
    asking = client(office)
    for _ in range(3):
        asking.receipt("one")
    (own, created), *others = office.said()
    assert re.fullmatch(r"[A-Za-z0-9_-]{16,64}", own)
    assert created == NOW_US // 1_000_000
    assert [nonce for nonce, _ in others] == ["first", "s.se-c_ond"]


def test_no_nonce_is_used_twice() -> None:
    office = Office(answer(404, "first"), answer(404), answer(404), answer(404))
    asking = client(office)
    for _ in range(4):
        asking.receipt("one")
    nonces = [nonce for nonce, _ in office.said()]
    assert len(set(nonces)) == 4


def test_a_nonce_of_the_servers_that_is_old_is_left() -> None:
    office, clock = Office(answer(404, "first"), answer(404)), ManualClock(0, NOW_US)
    asking = client(office, clock)
    asking.receipt("one")
    clock.advance(request_signature.WINDOW_SECONDS * 1_000_000)
    asking.receipt("one")
    assert office.said()[1][0] != "first"


@pytest.mark.parametrize("nonce", ["a b", "ä", "x" * 200, '"', "a\\b", ""])
def test_a_nonce_that_is_none_is_left(nonce: str) -> None:
    office = Office(answer(404, nonce), answer(404))
    asking = client(office)
    for _ in range(2):
        asking.receipt("one")
    assert office.said()[1][0] != nonce


def test_a_camera_with_a_wrong_clock_hands_over_with_the_servers_nonce() -> None:
    office = Office(answer(401, "fresh"), answer(202, Retry_After="3"))
    assert client(office, ManualClock(0, 0)).receipt("one").wait == 3.0
    assert [nonce for nonce, _ in office.said()][1] == "fresh"


def test_it_asks_once_more_and_not_for_ever() -> None:
    body = b'{"error": "the nonce was used"}'
    office = Office(*[answer(401, f"n{number}", body) for number in range(9)])
    with pytest.raises(OfficeUnavailableError, match=r"the nonce was used.*register"):
        client(office).receipt("one")
    assert len(office.asked) == 2


def test_without_a_nonce_it_does_not_ask_again() -> None:
    office = Office(answer(401), answer(401))
    with pytest.raises(OfficeUnavailableError):
        client(office).receipt("one")
    assert len(office.asked) == 1


@pytest.mark.parametrize("text", ["5", "0", "99999999", "-1", "soon", ""])
def test_what_the_server_asks_to_wait_has_a_bound(text: str) -> None:
    office = Office(answer(202, retry_after=text))
    wait = client(office).receipt("one").wait
    assert wait is not None
    assert 0.1 <= wait <= LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"files": []}', b"\xff\xfe", b"[" * 100_000, b'"a"']
)
def test_an_answer_that_makes_no_sense_is_one_error(body: bytes) -> None:
    with pytest.raises(OfficeAnswerError):
        client(Office(answer(200, body=body))).ledger()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"upload_offset": "5"},
        {"upload_offset": "6", "upload_length": "5"},
        {"upload_offset": "-1", "upload_length": "5"},
        {"upload_offset": "x", "upload_length": "5"},
    ],
)
def test_an_upload_whose_offset_makes_no_sense_is_one_error(headers: dict[str, str]) -> None:
    with pytest.raises(OfficeAnswerError):
        client(Office(answer(200, **headers))).find_upload("one")


def test_what_the_office_says_goes_into_one_line_of_the_log() -> None:
    body = '{"error": "a\\nb\\u001b[31m' + "x" * 1000 + '"}'
    with pytest.raises(OfficeAnswerError) as caught:
        client(Office(answer(500, body=body.encode()))).ledger()
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


# --------------------------------------------------------------- with an office that checks


def test_an_office_s_server_takes_what_is_signed(scene: Scene) -> None:
    connection = scene.connection()
    asking = scene.client(connection)
    scene.office.clock = lambda: 0.0  # for it the camera's clock is wrong by decades
    assert asking.begin_upload("one", "f", 8) == 0
    assert asking.send_part("one", 0, Text(b"1234")) == 4
    assert asking.find_upload("one") == (4, 8)
    assert asking.begin_upload("one", "f", 8) == 4
    # One 401, since the first request's time counted; then the server's nonces do.
    assert [method for method, _ in scene.office.requests] == [
        "POST",
        "POST",
        "PATCH",
        "HEAD",
        "POST",
    ]


def test_a_camera_that_is_not_registered_is_told_what_to_do(scene: Scene) -> None:
    asking = scene.client(scene.connection(), SigningKey.generate())
    with pytest.raises(
        OfficeUnavailableError, match=r"camerad provision collect.*office.url"
    ) as said:
        asking.ledger()
    assert said.value.fault is OfficeFault.UNREGISTERED


def test_a_camera_that_was_withdrawn_is_told_so(scene: Scene) -> None:
    scene.office.faults = [Fault("GET", "/v1/ledger", 403)]
    with pytest.raises(OfficeUnavailableError, match="why it withdrew") as said:
        scene.client(scene.connection()).ledger()
    assert said.value.fault is OfficeFault.WITHDRAWN


# ------------------------------------------------------------------- an office that says too much


def test_only_the_list_of_the_ledgers_files_may_be_long() -> None:
    office = Office(
        answer(200, body=b'{"files": {}}'), answer(404), answer(200, body=b'{"problems": []}')
    )
    asking = client(office)
    asking.ledger()
    asking.receipt("one")
    asking.declare_ledger({})
    assert [one.largest for one in office.asked] == [1 << 20, 64 << 10, 256 << 10]
    # All files that an office takes are no more than that.
    files = {f"{number:06d}.checkpoint": "0" * 64 for number in range(10_000)}
    assert len(json.dumps({"files": files})) < LARGEST_LIST
    assert len(json.dumps({"missing": list(files), "error": "e" * 300})) < LARGEST_MISSING


def test_of_what_is_wrong_with_a_ledger_so_much_is_told_and_no_more() -> None:
    said = json.dumps({"problems": [f"{one}-\0\n" * 1000 for one in range(1000)]}).encode()
    problems, missing = client(Office(answer(200, body=said))).declare_ledger({})
    assert (len(problems), missing) == (20, [])
    assert all(len(one) <= 300 and one.isprintable() for one in problems)


def test_only_what_was_declared_can_be_missing() -> None:
    said = b'{"missing": ["000001.jws", "000002.jws", 7, null, []]}'
    asking = client(Office(answer(409, body=said)))
    assert asking.declare_ledger({"000001.jws": "0" * 64}) == ([], ["000001.jws"])


def test_only_a_ledgers_files_are_had_of_a_list() -> None:
    good = {"000001.jws": "0" * 64}
    said = json.dumps({"files": good | {"x" * 1000: "0" * 64, "000002.jws": ["0"] * 64}}).encode()
    assert client(Office(answer(200, body=said))).ledger() == good
