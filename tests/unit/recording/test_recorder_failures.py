"""Slow, full and broken storage, and other failures: nothing is silent, what is there plays."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest
from evidence_helpers import (
    FPS,
    decoded,
    expected,
    feed,
    ffmpeg_is_silent,
    footage,
    seconds_of_footage,
    time_of,
)
from recorder_bench import DEADLINE, Bench, Stalling, plan, until
from sink_helpers import KEY, open_sink, unsealed_file

from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.container.gaps import HOLE_US
from camerad.container.keys import KeyRing
from camerad.container.recording_files import new_id
from camerad.container.statements import Closing, FragmentFacts, RecordingInfo
from camerad.recording.container_writer import FileGoneError
from camerad.recording.fragment_muxer import FragmentError, ParametersChangedError
from camerad.recording.pending_events import SLOW_SYNC_US
from camerad.recording.recorder import Recorder
from camerad.recording.write_retry import LONGEST_US
from camerad.store.listing import list_recordings
from camerad.stream.ring import CAPTURE_RESTARTED, RING_FULL, Gap, Ring
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENXIO])
def test_what_was_committed_before_the_storage_was_gone_plays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What is gone does not mend itself, so nothing waits for it."""
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1)[:20])
    until(lambda: recorder.first_durable_us is not None)
    recorder.mark(time_of(10))
    with monkeypatch.context() as broken:

        def write(*_: object) -> int:
            broken.undo()
            raise OSError(number, os.strerror(number))

        broken.setattr(os, "pwritev", write)
        feed(bench.ring, seconds_of_footage(3)[20:80])
        assert recorder.join(DEADLINE)
    (error,) = bench.failed
    assert isinstance(error, StorageError)
    assert error.errno == number
    assert bench.troubles == bench.closed == []
    (info,) = list_recordings(bench.directory)
    assert info == recorder.info
    assert (info.state, info.reason, len(info.marks)) == ("closed", "failed", 1)
    assert info.frames >= 5
    assert decoded(unsealed_file(info.path)) == expected(range(info.frames))
    ffmpeg_is_silent(unsealed_file(info.path))
    # The ring is free for the next recording.
    bench.ring.follow().close()


def test_what_a_storage_never_took_is_a_gap_up_to_when_it_was_wanted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The light was red up to the moment in which it was given up."""
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1)[:20])
    until(lambda: recorder.first_durable_us is not None)
    with monkeypatch.context() as broken:

        def write(*_: object) -> int:
            if not bench.troubles or bench.clock.now_us() < time_of(600):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            broken.undo()
            raise OSError(errno.ENODEV, os.strerror(errno.ENOSPC))

        broken.setattr(os, "pwritev", write)
        feed(bench.ring, seconds_of_footage(3)[20:80])
        until(lambda: bool(bench.troubles))
        bench.clock.advance(time_of(1200) - bench.clock.now_us())
        assert recorder.join(DEADLINE)
    closing = bench.closing()
    last_us = bench.facts()[-1]["last_us"]
    assert (closing["reason"], closing["at_us"]) == ("failed", time_of(1200))
    assert closing["gaps"] == [
        {"frames": None, "from_us": last_us, "reason": "storage failed", "to_us": time_of(1200)}
    ]


def test_a_stop_that_a_failing_storage_outlasts_ends_what_was_wanted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1)[:20])
    until(lambda: recorder.first_durable_us is not None)
    assert recorder.stopped_for is None
    with monkeypatch.context() as broken:

        def write(*_: object) -> int:
            if recorder.stopped_for is not None and bench.clock.now_us() > time_of(300):
                broken.undo()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        broken.setattr(os, "pwritev", write)
        feed(bench.ring, seconds_of_footage(3)[20:80])
        until(lambda: bool(bench.troubles))
        bench.clock.advance(time_of(100) - bench.clock.now_us())
        recorder.stop(time_of(90), deadline=1)
        assert (recorder.wanted_us, recorder.stopped_for) == (time_of(90), "stop")
        bench.clock.advance(time_of(400) - bench.clock.now_us())
        assert recorder.join(DEADLINE)
    closing = bench.closing()
    assert closing["at_us"] == time_of(90)
    (gap,) = closing["gaps"]
    assert (gap["from_us"], gap["to_us"]) == (bench.facts()[-1]["last_us"], time_of(90))


def test_a_storage_that_fails_for_good_leaves_an_interrupted_recording(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, seconds_of_footage(1)[:20])
    until(lambda: recorder.first_durable_us is not None)

    def write(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwritev", write)
        feed(bench.ring, seconds_of_footage(3)[20:80])
        until(lambda: bool(bench.troubles))
        bench.clock.advance(LONGEST_US)
        assert recorder.join(DEADLINE)
    assert isinstance(bench.failed[0], StorageError)
    # Told at once, and that it is over when it was given up.
    assert bench.troubles == [bench.failed[0], None]
    assert "the recording has no end" in caplog.text
    (info,) = list_recordings(bench.directory)
    assert info.state == "interrupted"
    ffmpeg_is_silent(unsealed_file(info.path))


def test_a_recording_that_cannot_be_opened_says_so(bench: Bench, tmp_path: Path) -> None:
    feed(bench.ring, footage("IPPPP"))
    bench.directory = str(tmp_path / "missing")
    recorder = bench.start(plan(0))
    assert recorder.join(DEADLINE)
    (error,) = bench.failed
    assert "the directory is missing" in str(error)
    assert (bench.opened, bench.closed, recorder.info) == ([], [], None)


def test_an_end_that_cannot_be_written_is_a_failure(bench: Bench) -> None:
    class Endless(Stalling):
        def close(self, closing: Closing) -> str:
            super().close(closing)
            raise StorageError("no end")

    storage = Endless()
    storage.go_on.set()
    recorder = bench.start(plan(0), storage.open)
    feed(bench.ring, footage("IPPPPPPP"))
    recorder.stop(time_of(5), deadline=1)
    assert recorder.join(DEADLINE)
    assert [str(error) for error in bench.failed] == ["no end"]
    assert bench.closed == []


def test_changed_encoder_settings_end_the_recording(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, footage("IPPPPPPPPP"))
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    feed(bench.ring, footage("IPPPPPPPPP", first=40, epoch=2, preset="veryfast"))
    bench.clock.advance(time_of(50) - time_of(0) + HOLE_US + 1)
    assert recorder.join(DEADLINE)
    (error,) = bench.failed
    assert isinstance(error, ParametersChangedError)
    (info,) = list_recordings(bench.directory)
    assert (info.state, info.reason, info.frames) == ("closed", "encoder settings changed", 10)
    assert info.gaps == (Gap(CAPTURE_RESTARTED, None, time_of(9), time_of(40)),)
    assert decoded(unsealed_file(info.path)) == expected(range(10))
    ffmpeg_is_silent(unsealed_file(info.path))


def test_settings_that_change_at_the_beginning_of_a_fragment_end_it_too(bench: Bench) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, footage("IPPPPPPPPP"))
    bench.clock.advance(time_of(9) - time_of(0) + HOLE_US + 1)
    until(lambda: recorder.info is not None and recorder.info.frames == 10)
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    feed(bench.ring, footage("IPPPPPPPPPPPPPPPPPPP", first=40, epoch=2, preset="veryfast"))
    assert recorder.join(DEADLINE)
    assert isinstance(bench.failed[0], ParametersChangedError)
    assert list_recordings(bench.directory)[0].gaps == (
        Gap(CAPTURE_RESTARTED, None, time_of(9), time_of(40)),
    )


def test_a_recording_that_is_renamed_meanwhile_has_an_end_that_agrees_with_its_commits(
    bench: Bench, tmp_path: Path
) -> None:
    """Whoever moves it changes nothing of it, and it can get its name back."""
    recorder = bench.start(plan(0))
    film = seconds_of_footage(20)
    feed(bench.ring, film[:60])
    until(lambda: recorder._writing.commits > 1)
    (path,) = Path(bench.directory).glob("*.tar")
    moved = path.rename(tmp_path / "elsewhere.tar")
    for number in range(60, len(film), 15):
        feed(bench.ring, film[number : number + 15])
        due_us = film[number][0].pts_us - SECOND // 2
        until(lambda at=due_us: recorder.join(0) or recorder._writing.until_us >= at)
    assert recorder.join(DEADLINE)
    assert isinstance(bench.failed[0], FileGoneError)
    moved.rename(path)
    report = verify(str(path), KeyRing([KEY.public]))
    assert report.verdict is Verdict.QUALIFIED
    (info,) = list_recordings(bench.directory)
    assert info.frames >= 9 * FPS
    assert len(decoded(unsealed_file(info.path))) == info.frames


def test_pictures_of_another_size_are_refused(bench: Bench) -> None:
    feed(bench.ring, footage("IPPPP"))
    assert bench.start(plan(0, width=1280, height=720)).join(DEADLINE)
    assert isinstance(bench.failed[0], FragmentError)


def test_no_error_is_silent(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Stalling):
        def append(self, fragment: bytes, facts: FragmentFacts) -> None:
            raise RuntimeError("a mistake")

        def close(self, closing: Closing) -> str:
            raise RuntimeError("another mistake")

    feed(bench.ring, footage("IPPPP"))
    assert bench.start(plan(0, pre_event_us=1), Wrong().open).join(DEADLINE)
    assert [str(error) for error in bench.failed] == ["a mistake"]
    assert "the recorder failed" in caplog.text
    assert "another mistake" in caplog.text


def test_a_callback_that_raises_does_not_end_the_recording(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    bench.opened = None  # type: ignore[assignment]
    closed: list[RecordingInfo | None] = []

    def refuse(_: str) -> None:
        raise RuntimeError("the loop is closed")

    recorder = Recorder(
        bench.ring,
        plan(0),
        bench.clock,
        new_id=lambda wall_us: new_id(bench.directory, wall_us),
        open_sink=lambda header, init: open_sink(bench.directory, header, init),
        on_opened=refuse,
        on_closed=closed.append,
        on_failed=bench.failed.append,
    )
    recorder.stop(time_of(4), deadline=1)
    recorder.start()
    feed(bench.ring, footage("IPPPPP"))
    assert recorder.join(DEADLINE)
    assert "the callback of this recording failed" in caplog.text
    assert closed[0] is not None
    assert closed[0].frames == 5


def test_a_press_while_the_last_recording_is_still_written_loses_no_picture(tmp_path: Path) -> None:
    """A card that stands still keeps the old recording from ending. The ring has no seconds to
    cover, so only the new recording itself can hold what comes from the press on."""
    packets = seconds_of_footage(9)
    bench = Bench(str(tmp_path), Ring(1 << 20, 0, lock=False))
    storage = Stalling()
    first = bench.start(plan(0), storage.open)
    feed(bench.ring, packets[:60])
    assert storage.stalled.wait(DEADLINE)
    first.stop(time_of(70), deadline=20)
    feed(bench.ring, packets[60:95])
    second = bench.start(plan(90))
    feed(bench.ring, packets[95:250])
    storage.go_on.set()
    assert first.join(DEADLINE)
    second.stop(time_of(260), deadline=1)
    feed(bench.ring, packets[250:])
    assert second.join(DEADLINE)
    assert bench.failed == []
    old, new = bench.closed
    assert old is not None and new is not None
    assert decoded(unsealed_file(old.path)) == expected(range(71))
    assert decoded(unsealed_file(new.path)) == expected(range(90, 261))
    assert (old.gaps, new.gaps) == ((), ())


def test_footage_lost_to_slow_storage_is_a_stated_gap(tmp_path: Path) -> None:
    packets = seconds_of_footage(8)
    size = sum(len(data) for _, data in packets[:90])
    bench = Bench(str(tmp_path), Ring(size, 1, lock=False))
    storage = Stalling()
    recorder = bench.start(plan(0), storage.open)
    feed(bench.ring, packets[:30])
    assert storage.stalled.wait(DEADLINE)
    # Nobody waits for the storage: seven seconds go into a ring of three.
    feed(bench.ring, packets[30:])
    storage.go_on.set()
    recorder.stop(time_of(239), deadline=1)
    info = bench.finish()
    (gap,) = info.gaps
    assert (gap.reason, gap.frames) == (RING_FULL, 240 - info.frames)
    shown = [number for _, number in decoded(unsealed_file(info.path))]
    assert shown == [n for n in range(240) if not gap.from_us < time_of(n) < gap.to_us]  # type: ignore[operator]
    ffmpeg_is_silent(unsealed_file(info.path))


def test_a_storage_that_stalls_costs_nothing_as_long_as_the_ring_bridges_it(bench: Bench) -> None:
    storage = Stalling()
    recorder = bench.start(plan(0), storage.open)
    feed(bench.ring, seconds_of_footage(1))
    assert storage.stalled.wait(DEADLINE)
    assert recorder.pending_us == bench.clock.now_us()  # for whoever looks how long it takes
    feed(bench.ring, seconds_of_footage(6)[30:])
    storage.go_on.set()
    until(lambda: recorder.pending_us is None)
    recorder.stop(time_of(179), deadline=1)
    info = bench.finish()
    assert decoded(unsealed_file(info.path)) == expected(range(180))
    assert info.gaps == ()


class Slow(Stalling):
    """Needs three seconds for every synchronisation, however much it is given."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self.go_on.set()

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        self._bench.clock.advance(3_000_000)
        super().append(fragment, facts)


def lengths(bench: Bench) -> list[float]:
    return [(commit["end_us"] - commit["first_us"]) / 1e6 for commit in bench.facts()]


def test_a_slow_storage_is_given_twice_what_comes_while_it_is_busy(bench: Bench) -> None:
    feed(bench.ring, seconds_of_footage(12))
    recorder = bench.start(plan(359, pre_event_us=12_000_000), Slow(bench).open)
    until(lambda: recorder.info is not None and recorder.info.seconds > 11)
    recorder.stop(time_of(359), deadline=1)
    bench.finish()
    assert lengths(bench)[:3] == pytest.approx([0.5, 6, 5.5], abs=0.07)


def test_what_waits_for_a_slow_storage_when_the_stop_comes_is_given_to_it_at_once(
    bench: Bench,
) -> None:
    """As many fragments as on one that is swift would take half a minute."""
    feed(bench.ring, seconds_of_footage(12))
    bench.start(plan(359, pre_event_us=12_000_000), Slow(bench).open, stop_at=359)
    info = bench.finish()
    assert lengths(bench) == pytest.approx([0.5, 10, 1.5], abs=0.07)
    assert info.gaps == ()
    assert decoded(unsealed_file(info.path)) == expected(range(360))


def test_a_slow_synchronisation_is_stated_in_the_next_commit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = iter([SLOW_SYNC_US + 1, SLOW_SYNC_US])

    class Slower(Stalling):
        def append(self, fragment: bytes, facts: FragmentFacts) -> None:
            bench.clock.advance(next(took, 0))
            super().append(fragment, facts)

    storage = Slower()
    storage.go_on.set()
    feed(bench.ring, seconds_of_footage(12))
    bench.start(plan(359, pre_event_us=12_000_000), storage.open, stop_at=359)
    bench.finish()
    assert [commit["sync_us"] for commit in bench.facts()] == [None, 500_001, None]
    assert bench.closing()["sync_us"] is None
