"""Control of the store: holds, deletions and receipts over the socket, on a real store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from evidence_helpers import a_header, seconds_of_footage, time_of
from msgspec.structs import replace
from sink_helpers import DESK, a_closing, a_facts, fragments

from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.config import load
from camerad.config.office_section import Office
from camerad.container.keys import KeyRing, PublicKey
from camerad.control import routes
from camerad.control.metrics import Metrics
from camerad.control.server import Control
from camerad.daemon.store_worker import StoreWorker
from camerad.store import receipts
from camerad.store.store import Store
from tests.system.harness import configuration
from tests.waiting import DEADLINE

ID = "20261124T153000Z-000001-00000001"


class Daemon:
    """The part of the daemon that the store's requests meet."""

    device = "camera-07"

    def __init__(self, keeping: StoreWorker) -> None:
        self._keeping = keeping

    def ask(self, work: Callable[..., Any]) -> Awaitable[Any]:
        return asyncio.wrap_future(self._keeping.ask(work))

    def status(self) -> dict[str, Any]:
        return {
            "version": "0.1.0",
            "image": None,
            "conditions": ["docked"],
            "ready": True,
            "battery": {"percent": 80, "minutes_left": None, "docked": True},
            "shift": {"wearer": "4711"},
        }

    def disputes(self, *, holds: bool) -> None:
        """Not asked here."""

    def counters(self) -> dict[str, Any]:
        metrics = Metrics(0)
        metrics.advance_to(5 * SECOND)
        return metrics.dump()

    def intend(self, _intent: Any, _source: str) -> None:
        return None

    async def list_recordings(self) -> list[dict[str, Any]]:
        return await self.ask(lambda store, _key: [one.as_json() for one in store.recordings()])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time_of(30))


@pytest.fixture
def keeping(tmp_path: Path, clock: ManualClock) -> Iterator[StoreWorker]:
    """A keeping thread with one recording."""
    settings = load(
        configuration(
            tmp_path,
            recipients=[str(DESK.to_public())],
            device={"state_dir": str(tmp_path), "runtime_dir": str(tmp_path / "run")},
        )
    )
    os.makedirs(tmp_path / "recordings")
    broken: list[BaseException] = []
    made = StoreWorker(
        settings,
        clock,
        on_opened=lambda _opened: None,
        on_trouble=lambda _error: None,
        on_broken=broken.append,
    )
    made.start()
    made.ask(lambda _store, _key: None).result(20)
    init, pieces = fragments(seconds_of_footage(1))
    moment = clock.moment()
    sink = made.open_sink(replace(a_header(), id=ID, boot_id=clock.boot_id, clock=moment), init)
    for sequence, data in enumerate(pieces):
        sink.append(data, replace(a_facts(sequence), clock=moment))
    sink.close(replace(a_closing(), boot_id=clock.boot_id, clock=moment))
    yield made
    made.close(20)
    assert broken == []


Ask = Callable[..., Awaitable[tuple[int, Any]]]


def play(
    keeping: StoreWorker,
    directory: Path,
    scene: Callable[[Ask], Awaitable[None]],
    office: Office | None = None,
    provision_dir: Path | None = None,
) -> None:
    async def run() -> None:
        daemon, runtime = Daemon(keeping), str(directory / "run")
        control = Control(daemon, runtime, None, office=office, provision_dir=provision_dir)
        await control.open()
        connector = aiohttp.UnixConnector(control.path)
        try:
            async with aiohttp.ClientSession("http://camerad", connector=connector) as http:

                async def ask(method: str, target: str, body: Any = None) -> tuple[int, Any]:
                    async with http.request(method, target, json=body) as answer:
                        return answer.status, await answer.json()

                async with asyncio.timeout(DEADLINE):
                    await scene(ask)
        finally:
            await control.close()

    asyncio.run(run())


def test_the_most_copies_in_a_request_are_the_most_in_a_receipt() -> None:
    assert routes.MOST == receipts.MOST


def test_identity_and_head_are_those_of_the_device(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        status, identity = await ask("GET", "/identity")
        assert (status, identity["device"]) == (200, "camera-07")
        assert PublicKey.from_jwk(identity["jwk"]).thumbprint == identity["thumbprint"]
        _, head = await ask("GET", "/ledger/head")
        assert head == keeping.ask(
            lambda store, _key: {
                "epoch": store.ledger.head.epoch,
                "sequence": store.ledger.head.sequence,
                "sha256": store.ledger.head.sha256,
            }
        ).result(20)

    play(keeping, tmp_path, scene)


def test_what_is_held_stays_until_it_is_released(
    keeping: StoreWorker, tmp_path: Path, clock: ManualClock
) -> None:
    async def scene(ask: Ask) -> None:
        who = "A. Beck, evidence desk"
        hold = {"reason": "handed to the public prosecutor", "who": who}
        assert await ask("POST", f"/recordings/{ID}/hold", hold) == (200, {"held": ID})
        ((held,),) = [(await ask("GET", "/recordings"))[1]]
        assert held["holds"] == [hold | {"until": None}]
        clock.advance(15 * DAY)
        done = {"complete": True, "deleted": [], "reasons": []}
        assert await ask("POST", "/purge", {}) == (200, done)
        released = await ask("POST", f"/recordings/{ID}/release", {"who": who})
        assert released == (200, {"released": ID})
        status, answer = await ask("POST", "/purge", {})
        # Housekeeping may have been quicker; gone it is either way.
        assert status == 200
        assert [one["id"] for one in answer["deleted"]] in ([ID], [])
        assert (await ask("GET", "/recordings"))[1] == []

    play(keeping, tmp_path, scene)


def test_a_receipt_is_signed_and_then_noted(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        ((listed,),) = [(await ask("GET", "/recordings"))[1]]
        copied = {"id": ID, "final": listed["final"], "sha256": "0" * 64, "bytes": 5}
        status, answer = await ask(
            "POST", "/acknowledge", {"directory": "d1", "recordings": [copied]}
        )
        assert status == 200
        _, identity = await ask("GET", "/identity")
        keys = KeyRing([PublicKey.from_jwk(identity["jwk"])])
        receipt = receipts.parse(answer["receipt"].encode(), keys)
        assert (receipt.device, receipt.recordings[0].id) == ("camera-07", ID)
        assert (await ask("GET", "/recordings"))[1][0]["acknowledged"] is False
        noted = await ask("POST", "/acknowledge", {"receipt": answer["receipt"]})
        assert noted == (200, {"acknowledged": [ID]})
        assert (await ask("GET", "/recordings"))[1][0]["acknowledged"] is True

    play(keeping, tmp_path, scene)


def test_a_storage_that_fails_is_told_from_what_cannot_be(
    keeping: StoreWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("the card takes nothing")

    async def scene(ask: Ask) -> None:
        for name in ("purge_and_explain", "hold", "recordings"):
            monkeypatch.setattr(Store, name, fail)
        hold = {"reason": "a file", "who": "Beck"}
        failed = (503, {"error": "the card takes nothing"})
        assert await ask("POST", "/purge", {}) == failed
        assert await ask("POST", f"/recordings/{ID}/hold", hold) == failed
        assert await ask("GET", "/recordings") == failed
        monkeypatch.undo()

    play(keeping, tmp_path, scene)


@pytest.mark.parametrize(
    ("target", "body", "answer"),
    [
        (f"/recordings/{ID}/hold", {"reason": "", "who": "B"}, (409, "reason")),
        (f"/recordings/{ID}/hold", {"reason": "a"}, (400, "who")),
        (f"/recordings/{ID}/hold", {"reason": "a", "who": "b", "x": 1}, (400, "x")),
        (f"/recordings/{ID}/release", {"who": "B", "reason": "Az. 9"}, (409, "not held")),
        ("/recordings/../hold", {"reason": "a", "who": "b"}, (404, "")),
        (f"/recordings/{ID[:-1]}2/hold", {"reason": "a", "who": "b"}, (409, "no recording")),
        ("/acknowledge", {"receipt": "a.b.c"}, (409, "")),
        ("/acknowledge", {"directory": "d", "recordings": []}, (400, "length")),
        ("/acknowledge", [1], (400, "body")),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    keeping: StoreWorker, tmp_path: Path, target: str, body: Any, answer: tuple[int, str]
) -> None:
    async def scene(ask: Ask) -> None:
        status, said = await ask("POST", target, body)
        assert status == answer[0], said
        assert answer[1] in said["error"]

    play(keeping, tmp_path, scene)
