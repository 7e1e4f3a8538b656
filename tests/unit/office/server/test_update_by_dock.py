"""Updates go from the office through the dock into the camera, and the office hears of it."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY
from small_office import CuttingWire
from state_helpers import offer_settings, withdraw_offer

from camerad.base import durable_files
from camerad.base.errors import ControlError
from camerad.behaviour.update import UpdatePhase
from camerad.container.keys import SigningKey
from camerad.dock import bundle_store, office_check_in, update_fetch
from camerad.dock.errors import HandoverStoppedError, OfficeAnswerError, OfficeUnavailableError
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register
from camerad.exchange.pace import BURST
from camerad.office.server import offer_routes
from camerad.office.server.camera_overview import OfferedUpdateState
from camerad.store.check_in import UPDATE
from camerad.update.errors import BundleRefusedError, UpdateNotNowError
from camerad.update.offered_bundles import READY
from tests.unit.update.scene import NEW, OLD
from tests.waiting import DEADLINE, until

from .office_scene import write_register
from .update_scene import KID, UpdateWay, a_bundle, update_way

BUNDLE = a_bundle()
SHA256 = hashlib.sha256(BUNDLE).hexdigest()
RANGE, PIECE = 16 * 1024, 4 * 1024


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpdateWay]:
    """With ranges of 16 KiB, so that a small bundle has many."""
    monkeypatch.setattr(update_fetch, "RANGE", RANGE)
    monkeypatch.setattr(bundle_store, "PIECE", PIECE)
    with update_way(tmp_path) as made:
        yield made


def test_an_update_goes_all_the_way(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    assert way.status.update.state is OfferedUpdateState.OFFERED
    assert way.dock() is None
    assert way.handed_in == {f"{SHA256}.raucb", READY}
    assert (way.upload / f"{SHA256}.raucb").read_bytes() == BUNDLE
    way.install()
    assert way.handed_in == set(), "it takes no room from recordings any more"
    way.dock()
    assert str(way.status.update) == f"{NEW} installed"
    way.try_it()
    assert way.machine.version == NEW
    way.dock()
    said = way.status.said
    assert said is not None and (said.image, said.waiting) == (NEW, ())
    assert way.status.update.state is OfferedUpdateState.NONE, "the offer counts as done"
    assert list((way.office.directory / "office" / "updates").iterdir()) == []
    assert way.fetched == len(BUNDLE), "it was fetched once"


def test_a_system_on_trial_is_not_yet_the_one_that_runs(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    way.dock()
    way.install()
    way.machine.updates.begin_trial()
    way.machine.start("B", NEW)
    way.dock()
    assert str(way.status.update) == f"{NEW} installed", "the offer stays until it is confirmed"
    way.machine.start("A", OLD)
    way.dock()
    assert str(way.status.update) == f"{NEW} refused: version {NEW} was tried in vain"
    assert way.fetched == len(BUNDLE)


# -------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("version", "compatible", "reason"),
    [
        (
            "0.0.9-1",
            "camerad-debian-all",
            "not installed: its version 0.0.9-1 is below the minimum",
        ),
        (NEW, "camerad-other", "not installed: it is for camerad-other, and this is"),
        (NEW, "", "not a bundle that this camera trusts: signed by a stranger"),
    ],
    ids=["downgrade", "compatible", "key"],
)
def test_what_is_refused_from_a_stick_is_refused_with_the_same_words(
    way: UpdateWay, version: str, compatible: str, reason: str
) -> None:
    rauc = way.machine.rauc(version, compatible)
    if not compatible:
        rauc.error = BundleRefusedError(
            f"{way.upload}/{SHA256}.raucb: not a bundle that this camera trusts: signed by a "
            "stranger"
        )
    way.offer(BUNDLE)
    way.dock()
    with pytest.raises(BundleRefusedError) as by_dock:
        way.install(rauc)
    if compatible:
        with pytest.raises(BundleRefusedError) as by_stick:
            way.machine.install(rauc)
        words = str(by_stick.value).removeprefix(f"{way.machine.bundle}: ")
        assert str(by_dock.value).endswith(words)
    assert way.handed_in == set()
    assert way.machine.kept.state.version == "", "nothing was written"
    for _ in range(2):
        way.restart_process()
        way.dock()
        assert way.status.update.state is OfferedUpdateState.REFUSED
        assert way.status.update.text.startswith(reason)
        assert "/" not in way.status.update.text, "no place on the camera"
    assert way.fetched == len(BUNDLE), "it is not fetched again"
    assert way.status.reasons == (), "such a camera can be handed out"


def test_another_version_may_take_what_this_one_refused(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    way.dock()
    with pytest.raises(BundleRefusedError):
        way.install(way.machine.rauc(compatible="camerad-other"))
    way.machine.start("A", "0.1.5-1")  # by a stick
    way.dock()
    assert way.status.update.state is OfferedUpdateState.OFFERED
    way.dock()
    assert way.handed_in == {f"{SHA256}.raucb", READY}


def test_what_was_decided_meanwhile_is_neither_fetched_nor_kept(way: UpdateWay) -> None:
    """A pass of the same docking, for which the office was not asked again."""
    way.offer(BUNDLE)
    way.dock()
    way.install()
    (way.upload / f"{SHA256}.part").write_bytes(BUNDLE[:500])
    (way.upload / "lost+found").mkdir()
    assert way.go_on() is None
    assert way.handed_in == {"lost+found"}
    assert way.fetched == len(BUNDLE)


def test_without_the_office_s_word_nothing_is_fetched_or_removed(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    way.dock()

    def away() -> bytes:
        raise ControlError("the daemon does not answer")

    way.restart_process()
    monkeypatch.setattr(way.daemon, "check_in", away)
    assert way.dock() is None
    assert way.handed_in == {f"{SHA256}.raucb", READY}


def test_what_is_offered_no_more_takes_no_room(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    way.dock()
    assert withdraw_offer(way.office.directory, KID, UPDATE)
    way.dock()
    assert way.handed_in == set()
    other = a_bundle(seed=1)
    way.offer(BUNDLE)
    way.dock()
    way.offer(other)
    way.dock()
    assert way.handed_in == {f"{hashlib.sha256(other).hexdigest()}.raucb", READY}


# -------------------------------------------------------------------------------- interrupted


def test_it_goes_on_where_it_was_wherever_the_network_goes(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    wire, random_ = CuttingWire(way.client.port), random.Random(1)
    way.port = wire.port
    try:
        cuts = [random_.randrange(2_000, 60_000) for _ in range(12)]
        for cut in cuts:
            wire.cuts = [(1 << 40, cut)]
            way.restart_process()
            way.dock()
            wire.cuts = []
        assert way.dock() is None
    finally:
        wire.close()
    assert (way.upload / f"{SHA256}.raucb").read_bytes() == BUNDLE
    # What had come is written before the next is asked for; of the last piece one is not sure.
    assert way.fetched <= len(BUNDLE) + len(cuts) * PIECE


def killed_after(way: UpdateWay, count: int) -> bool:
    """A docking that is left: its process is killed when it has written so many bytes, in the
    middle of a piece or not; whether it was."""
    left = [count]
    write = durable_files.write

    def torn(descriptor: int, pieces: list[bytes], offset: int, path: str) -> int:
        for piece in pieces:
            kept = piece[: left[0]]
            offset = write(descriptor, [kept], offset, path)
            left[0] -= len(kept)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return offset

    child = os.fork()
    if child == 0:
        durable_files.write = torn  # type: ignore[assignment]
        way.dock()
        os._exit(0)
    way.camera.clock.advance(2)  # of which the check-ins in there were
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_camera_that_leaves_its_dock_installs_nothing_by_halves_and_goes_on(
    way: UpdateWay,
) -> None:
    way.offer(BUNDLE)
    random_, furthest, cut = random.Random(2), 0, 0
    part = way.upload / f"{SHA256}.part"
    while killed_after(way, random_.randrange(1, PIECE * 3)):
        cut += 1
        assert READY not in way.handed_in
        with pytest.raises(UpdateNotNowError):
            way.install()
        assert way.machine.kept.state.phase is UpdatePhase.IDLE
        # Of what was there the last piece alone is fetched again.
        assert part.stat().st_size >= furthest - PIECE
        furthest = max(furthest, part.stat().st_size)
    assert cut >= 20
    assert (way.upload / f"{SHA256}.raucb").read_bytes() == BUNDLE
    assert way.dock() is None
    way.install()
    assert way.machine.kept.state.version == NEW


def test_a_press_ends_it_at_once_and_it_goes_on_later(way: UpdateWay) -> None:
    bundle = a_bundle(size=400_000)
    sha256 = way.offer(bundle).sha256
    way.mbit_per_second = 0.005  # minutes behind what may come at once
    ended = threading.Event()

    def fetch() -> None:
        with pytest.raises(HandoverStoppedError):
            way.dock()
        ended.set()

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    part = way.upload / f"{sha256}.part"
    until(lambda: part.exists() and part.stat().st_size >= BURST)
    assert way.connection is not None
    way.connection.interrupt()
    thread.join(DEADLINE)
    assert ended.is_set()
    assert part.stat().st_size < len(bundle)
    way.mbit_per_second = 10_000
    assert way.dock() is None
    assert way.handed_in == {f"{sha256}.raucb", READY}


def test_a_press_also_ends_the_reading_back(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)

    def interrupted(*_: object) -> bool:
        raise HandoverStoppedError("a press")

    with monkeypatch.context() as patched:
        patched.setattr(bundle_store.BundleStore, "complete", interrupted)
        with pytest.raises(HandoverStoppedError):
            way.dock()
    assert way.dock() is None
    assert way.fetched <= len(BUNDLE) + PIECE


def test_what_was_handed_in_and_not_judged_is_handed_in_again(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    way.dock()
    before = os.stat(way.upload / READY).st_ino
    way.machine.camera = None
    with pytest.raises(UpdateNotNowError):
        way.install()
    way.go_on()
    assert os.stat(way.upload / READY).st_ino != before, "by which systemd sees it"
    assert way.fetched == len(BUNDLE)


# -------------------------------------------------------------------------------- room


def test_nothing_is_fetched_at_the_cost_of_recordings(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    way.offer(BUNDLE)
    way.reserve = 1 << 60
    assert way.dock() is None
    assert (way.handed_in, way.fetched) == (set(), 0)
    assert "kept for recordings" in caplog.text
    way.reserve = 0
    way.dock()
    assert READY in way.handed_in
    way.reserve = 1 << 60
    way.dock()
    assert way.handed_in == set(), "what waits goes when recordings need its room"
    way.reserve = 0
    store = bundle_store.BundleStore
    rooms = iter([True, True, True, False])
    with monkeypatch.context() as patched:
        patched.setattr(store, "has_room", lambda *_: next(rooms))
        way.dock()
    assert way.handed_in == set(), "and so does what had come"
    assert way.fetched == len(BUNDLE) + 2 * RANGE


# -------------------------------------------------------------------------------- attacks


def test_a_stranger_and_another_camera_get_nothing(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    other, stranger = SigningKey.generate(), SigningKey.generate()
    write_register(way.office.register, ("cam-1", KEY.public, ()), ("cam-2", other.public, ()))
    path, range_ = f"/v1/offers/{SHA256}", {"Range": "bytes=0-99"}
    assert way.client.ask("GET", path, None, range_).status == 206
    assert way.client.ask("GET", path, None, range_, key=stranger).status == 401
    assert way.client.ask("GET", path, None, range_, key=other).status == 404
    assert way.client.send("GET", path, None, range_).status == 401
    # A revoked camera is no longer in the register.
    camera_register.write(str(way.office.register), Register())
    assert way.client.ask("GET", path, None, range_).status == 401


def test_a_bundle_that_is_replaced_while_it_is_fetched_is_none_of_the_two(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    other = a_bundle(seed=9, size=120_000)
    append = bundle_store.BundleStore.append

    def replaced(store: bundle_store.BundleStore, *given: object) -> int:
        offset = append(store, *given)  # type: ignore[arg-type]
        way.offer(other)
        return offset

    with monkeypatch.context() as patched:
        patched.setattr(bundle_store.BundleStore, "append", replaced)
        assert isinstance(way.dock(), OfficeAnswerError)
    assert way.go_on() is None, "the next pass asks what is offered now"
    name = f"{hashlib.sha256(other).hexdigest()}.raucb"
    assert way.handed_in == {name, READY}
    assert (way.upload / name).read_bytes() == other


def test_other_bytes_of_the_same_name_are_never_handed_in(way: UpdateWay) -> None:
    way.offer(BUNDLE)
    kept = way.office.directory / "office" / "updates" / f"{SHA256}.raucb"
    kept.write_bytes(BUNDLE[:-300_0] + bytes(300_0))
    for _ in range(update_fetch.MOST_SPOILT):
        error = way.dock()
        assert isinstance(error, OfficeAnswerError) and "SHA-256" in str(error)
        assert way.handed_in == set()
    assert way.dock() is None
    assert way.fetched == update_fetch.MOST_SPOILT * len(BUNDLE), "not again and again"


def test_a_bundle_that_becomes_shorter_at_the_office_is_told(
    way: UpdateWay, caplog: pytest.LogCaptureFixture
) -> None:
    way.offer(BUNDLE)
    kept = way.office.directory / "office" / "updates" / f"{SHA256}.raucb"
    kept.write_bytes(BUNDLE[:50_000])
    assert isinstance(way.dock(), OfficeUnavailableError)
    assert "shorter than when it was offered" in caplog.text
    assert READY not in way.handed_in
    kept.unlink()
    assert way.dock() is None, "what is not there is not offered"


def test_an_office_that_always_offers_another_one_wears_no_card_out(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(update_fetch, "MOST_FETCHED", 2 * len(BUNDLE), raising=False)
    for seed in range(6):
        way.offer(a_bundle(seed=seed))
        assert way.dock() is None
        if READY in way.handed_in:
            with pytest.raises(BundleRefusedError):
                way.install(way.machine.rauc(compatible="camerad-other"))
    assert way.fetched <= 2 * len(BUNDLE) + RANGE
    assert "more is fetched at the next docking" in caplog.text
    way.restart_process()
    assert way.dock() is None
    assert READY in way.handed_in


def test_an_office_that_sends_single_bytes_wears_no_card_out(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is synchronised, so it costs the card more than its bytes."""
    monkeypatch.setattr(update_fetch, "MOST_FETCHED", 10 * PIECE)
    monkeypatch.setattr(update_fetch, "RANGE", 1)
    way.offer(BUNDLE)
    assert way.dock() is None
    assert way.fetched == 10
    assert READY not in way.handed_in


def test_an_offer_of_a_terabyte_is_none(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    way.offer(BUNDLE)
    monkeypatch.setattr(office_check_in, "LARGEST_BUNDLE", len(BUNDLE) - 1)
    assert way.dock() is None
    assert "cannot be any" in caplog.text
    assert (way.handed_in, way.fetched) == (set(), 0)


# -------------------------------------------------------------------------------- the server


def test_so_many_are_sent_an_update_at_once_and_settings_are_no_update(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    offer = offer_settings(way.office.directory, KID, b"settings")
    monkeypatch.setattr(offer_routes, "LONGEST_ANSWER", RANGE)
    waiting, go = threading.Event(), threading.Event()
    pieces = offer_routes._next

    def slow(found: Iterator[bytes]) -> bytes:
        if not waiting.is_set():
            waiting.set()
            assert go.wait(20)
        return pieces(found)

    monkeypatch.setattr(offer_routes, "_next", slow)
    path, range_ = f"/v1/offers/{SHA256}", {"Range": "bytes=0-99"}
    second = way.office.client(way.client.port)
    answers: list[int] = []
    asks = threading.Thread(
        target=lambda: answers.append(second.ask("GET", path, None, range_).status)
    )
    asks.start()
    assert waiting.wait(20)
    # Settings are sent meanwhile, to this very camera; they count for nothing.
    for _ in range(2):
        refused = way.client.ask("GET", path, None, range_)
        assert (refused.status, int(refused["Retry-After"]) > 0) == (429, True)
        assert way.client.ask("GET", f"/v1/offers/{offer.sha256}").body == b"settings"
    go.set()
    asks.join(20)
    second.close()
    assert answers == [206]
    assert way.client.ask("GET", path, None, range_).status == 206


def test_settings_that_are_fetched_meanwhile_make_no_room_for_another_update(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    monkeypatch.setattr(offer_routes, "LONGEST_ANSWER", RANGE)
    settings = b"a.b.c"
    offer_settings(way.office.directory, KID, settings)
    waiting, go = threading.Event(), threading.Event()
    pieces = offer_routes._next

    def slow(found: Iterator[bytes]) -> bytes:
        piece = pieces(found)
        if len(piece) == 100:
            waiting.set()
            assert go.wait(20)
        return piece

    monkeypatch.setattr(offer_routes, "_next", slow)
    path, range_ = f"/v1/offers/{SHA256}", {"Range": "bytes=0-99"}
    second = way.office.client(way.client.port)
    asks = threading.Thread(target=lambda: second.ask("GET", path, None, range_))
    asks.start()
    assert waiting.wait(20)
    small = f"/v1/offers/{hashlib.sha256(settings).hexdigest()}"
    try:
        assert way.client.ask("GET", small).body == settings
        assert way.client.ask("GET", path, None, {"Range": "bytes=0-9"}).status == 429
    finally:
        go.set()
        asks.join(20)
        second.close()


def test_the_client_waits_when_it_is_put_off(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    monkeypatch.setattr(offer_routes, "LONGEST_ANSWER", RANGE)
    refusals = iter([True, False, True, True, False])
    monkeypatch.setattr(offer_routes.OfferRoutes, "_is_full", lambda *_: next(refusals, False))
    monkeypatch.setattr(update_fetch, "MOST_DEFERRED", 3)
    pauses: list[float] = []
    monkeypatch.setattr(
        "camerad.dock.office_connection.OfficeConnection.pause",
        lambda _connection, seconds: pauses.append(seconds),
    )
    assert way.dock() is None
    assert len([one for one in pauses if one >= 1]) == 3
    way.offer(a_bundle(seed=4))
    monkeypatch.setattr(offer_routes.OfferRoutes, "_is_full", lambda *_: True)
    assert isinstance(way.dock(), OfficeUnavailableError)
    # And at the camera's own bound on the rate.
    monkeypatch.setattr(offer_routes.OfferRoutes, "_is_full", lambda *_: False)
    way.offer(a_bundle(size=300_000))
    way.mbit_per_second = 0.001
    pauses.clear()
    assert way.dock() is None
    assert max(pauses) > 60, "behind the first 256 KiB"


def test_what_is_large_is_sent_in_ranges_only(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.offer(BUNDLE)
    monkeypatch.setattr(offer_routes, "LONGEST_ANSWER", RANGE)
    path, whole = f"/v1/offers/{SHA256}", len(BUNDLE)

    def ask(**fields: str) -> tuple[int, str]:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        answer = way.client.ask("GET", path, None, headers)
        return answer.status, answer["Content-Range"]

    assert ask() == (416, f"bytes */{whole}")
    assert ask(Range="bytes=0-") == (206, f"bytes 0-{RANGE - 1}/{whole}"), "the first of it"
    assert ask(Range="bytes=5-9", If_Range=f'"{SHA256}"') == (206, f"bytes 5-9/{whole}")
    assert ask(Range="bytes=5-9", If_Range='"another"') == (416, f"bytes */{whole}")
    answer = way.client.ask("GET", path, None, {"Range": "bytes=7-20"})
    assert answer.body == BUNDLE[7:21]
    assert (answer["ETag"], answer["Content-Type"]) == (
        f'"{SHA256}"',
        "application/octet-stream",
    )


def test_whoever_reads_too_slowly_keeps_nobody_waiting(
    way: UpdateWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends at a pace that it cannot keep in the time that an answer has."""
    way.offer(a_bundle(size=3_000_000))
    sha256 = hashlib.sha256(a_bundle(size=3_000_000)).hexdigest()
    monkeypatch.setattr(offer_routes, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(offer_routes.Pace, "take", lambda *_: 0.04)
    with pytest.raises((OSError, http.client.HTTPException)):
        way.client.ask("GET", f"/v1/offers/{sha256}", None, {"Range": "bytes=0-2999999"})
    way.client.nonce = ""  # it came with the head
    monkeypatch.setattr(offer_routes, "SEND_SECONDS", 20.0)
    monkeypatch.setattr(offer_routes.Pace, "take", lambda *_: 0.0)
    assert way.client.ask("GET", f"/v1/offers/{sha256}").status == 200
