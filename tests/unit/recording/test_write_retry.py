"""A storage that fails and comes back costs nothing; one that stays away ends the recording."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

import pytest
from evidence_helpers import decoded, expected, feed, ffmpeg_is_silent, seconds_of_footage, time_of
from recorder_bench import DEADLINE, Bench, plan, until
from sink_helpers import unsealed_file

from camerad.base.errors import StorageError
from camerad.recording import write_retry
from camerad.recording.write_retry import PASSING
from camerad.stream.ring import Ring


class Card:
    """Answers every write or synchronisation with an error while `number` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        self.number: int | None = None
        self.refused = 0
        self._real: Callable[..., int] = getattr(os, call)
        monkeypatch.setattr(os, call, self._call)

    def _call(self, *arguments: object, **named: object) -> int:
        if self.number is not None:
            self.refused += 1
            raise OSError(self.number, os.strerror(self.number))
        return self._real(*arguments, **named)


@pytest.fixture(params=["pwritev", "fdatasync"])
def card(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    monkeypatch.setattr(write_retry, "PAUSE_SECONDS", 0.005)
    made = Card(monkeypatch, request.param)
    yield made
    made.number = None


@pytest.mark.parametrize("number", sorted(PASSING))
def test_a_card_that_comes_back_leaves_no_hole_and_is_told_at_once(
    bench: Bench, card: Card, number: int
) -> None:
    film = seconds_of_footage(4)
    recorder = bench.start(plan(0))
    feed(bench.ring, film[:30])
    until(lambda: recorder.first_durable_us is not None)
    card.number = number
    feed(bench.ring, film[30:60])
    until(lambda: bool(bench.troubles) and card.refused > 3)
    (error,) = bench.troubles
    assert error is not None
    assert error.errno == number
    safe = recorder.info
    bench.clock.advance(3_000_000)
    feed(bench.ring, film[60:90])
    # What waits in memory is not said to be safe.
    assert recorder.info == safe
    recorder.mark(time_of(80))
    card.number = None
    until(lambda: bench.troubles == [error, None])
    recorder.stop(time_of(110), deadline=1)
    feed(bench.ring, film[90:])
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(111))
    ffmpeg_is_silent(unsealed_file(info.path))
    assert (info.frames, info.gaps, info.flagged) == (111, (), True)
    # How long the card took is a signed fact of the next commit.
    said = [facts["sync_us"] for facts in bench.facts() if facts["sync_us"] is not None]
    assert said
    assert said[0] >= 3_000_000


def test_a_card_that_stays_away_is_given_up_when_the_ring_loses_what_comes(
    bench: Bench, card: Card
) -> None:
    film = seconds_of_footage(4)
    bench.ring = Ring(sum(len(unit) for _, unit in film[:60]), 1, lock=False)
    recorder = bench.start(plan(0))
    feed(bench.ring, film[:30])
    until(lambda: recorder.first_durable_us is not None)
    card.number = errno.EIO
    feed(bench.ring, film[30:60])
    until(lambda: bool(bench.troubles))
    assert bench.failed == []
    feed(bench.ring, film[60:])
    assert recorder.join(DEADLINE)
    (failed,) = bench.failed
    assert bench.troubles == [failed, None]
    assert bench.closed == []


def test_a_stop_waits_for_the_card_as_long_as_it_said_and_no_longer(
    bench: Bench, card: Card
) -> None:
    recorder = bench.start(plan(0))
    film = seconds_of_footage(2)
    feed(bench.ring, film[:30])
    until(lambda: recorder.first_durable_us is not None)
    card.number = errno.EROFS
    feed(bench.ring, film[30:])
    until(lambda: bool(bench.troubles))
    recorder.stop(time_of(50), deadline=2)
    seen = card.refused
    until(lambda: card.refused > seen + 3)
    assert bench.failed == []
    # The clock stands at the first picture, and the stop is 50 pictures later.
    bench.clock.advance(time_of(50) - time_of(0) + 2_000_000)
    assert recorder.join(DEADLINE)
    assert len(bench.failed) == 1


def test_a_card_that_is_gone_in_the_end_is_waited_for_no_longer(bench: Bench, card: Card) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1))
    until(lambda: recorder.first_durable_us is not None)
    card.number = errno.EIO
    feed(bench.ring, seconds_of_footage(3)[30:])
    until(lambda: bool(bench.troubles))
    card.number = errno.ENODEV
    assert recorder.join(DEADLINE)
    (failed,) = bench.failed
    # What it died of first is what is told.
    assert isinstance(failed, StorageError)
    assert failed.errno == errno.EIO


@pytest.fixture(params=["open", "pwritev", "fdatasync"])
def card_at_the_press(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Card]:
    """It refuses whatever the making of a file begins with."""
    monkeypatch.setattr(write_retry, "PAUSE_SECONDS", 0.005)
    made = Card(monkeypatch, request.param)
    made.number = errno.EIO
    yield made
    made.number = None


def test_a_press_while_the_card_fails_for_a_moment_is_a_recording_without_a_hole(
    bench: Bench, card_at_the_press: Card
) -> None:
    card, film = card_at_the_press, seconds_of_footage(3)
    recorder = bench.start(plan(0))
    feed(bench.ring, film[:30])
    until(lambda: bool(bench.troubles) and card.refused > 3)
    (error,) = bench.troubles
    assert error is not None
    assert (bench.opened, recorder.info) == ([], None), "nothing is claimed that is not there"
    bench.clock.advance(2_000_000)
    feed(bench.ring, film[30:60])
    card.number = None
    until(lambda: bench.troubles == [error, None])
    feed(bench.ring, film[60:])
    recorder.stop(time_of(89), deadline=1)
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(90))
    assert (info.frames, info.gaps) == (90, ())
    # How long the card took over the file is a signed fact, and counts as a slow one.
    assert bench.facts()[0]["sync_us"] >= 2_000_000
    assert recorder.slow_syncs == 1


def test_a_press_on_a_card_that_stays_away_has_failed_when_the_stop_has_waited(
    bench: Bench, card_at_the_press: Card
) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1))
    until(lambda: bool(bench.troubles))
    recorder.stop(time_of(20), deadline=2)
    bench.clock.advance(time_of(20) - time_of(0) + 2_000_000)
    assert recorder.join(DEADLINE)
    (failed,) = bench.failed
    assert bench.troubles == [failed, None]
    assert (bench.opened, bench.closed, recorder.info) == ([], [], None)
