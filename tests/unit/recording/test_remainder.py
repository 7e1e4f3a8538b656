"""The encoder changes its settings in mid-recording: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from evidence_helpers import (
    ORIGIN_US,
    decoded,
    expected,
    feed,
    footage,
    seconds_of_footage,
    time_of,
)
from recorder_bench import DEADLINE, Bench, Stalling, plan, until
from sink_helpers import unsealed_file
from sound_helpers import UNIT_US, feed_sound, sound, sound_format

from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explain
from camerad.container.statements import FragmentFacts
from camerad.store.listing import list_recordings
from camerad.stream.ring import CAPTURE_RESTARTED, Gap, Ring
from camerad.stream.sound_messages import SoundNews
from camerad.stream.wire import SoundState


@pytest.mark.parametrize("seconds", [0, 30], ids=["no buffer", "a buffer"])
def test_what_goes_on_with_other_settings_begins_with_them_and_loses_no_picture(
    tmp_path: Path, seconds: int
) -> None:
    """Whatever the ring still holds of before, and however long nobody begins it."""
    bench = Bench(str(tmp_path), Ring(1 << 20, seconds, lock=False))
    bench.with_sound(form=sound_format()).changed(SoundNews(SoundState.ON, ORIGIN_US))
    film = seconds_of_footage(2)
    feed(bench.ring, film[:20])
    recorder = bench.start(plan(20))
    feed(bench.ring, film[20:])
    feed_sound(bench.sound_ring, sound(2))
    until(lambda: recorder.info is not None and recorder.info.frames > 10)
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    other = footage(("I" + "P" * 29) * 2, first=75, epoch=2, preset="veryfast")
    feed(bench.ring, other[:20])
    assert recorder.join(DEADLINE)
    remainder = recorder.remainder
    assert remainder is not None
    assert remainder.at_us == time_of(75)
    # Seconds later: what comes meanwhile waits in the ring.
    feed(bench.ring, other[20:])
    feed_sound(bench.sound_ring, sound(4, first=round(2 * SECOND / UNIT_US)))
    bench.with_sound(form=sound_format()).changed(SoundNews(SoundState.ON, ORIGIN_US))
    goes_on = bench.start(plan(75), stop_at=130, begins=remainder)
    assert goes_on.join(DEADLINE)
    first, second = sorted(list_recordings(bench.directory), key=lambda one: one.id)
    assert first.gaps == (Gap(CAPTURE_RESTARTED, None, time_of(59), time_of(75)),)
    assert decoded(unsealed_file(second.path)) == expected(range(75, 131))
    assert (second.gaps, second.sound_gaps) == ((), ())
    # Nobody follows the rings any more.
    assert not bench.ring._window.cursors
    assert not bench.sound_ring._window.cursors


def test_settings_that_change_after_the_stop_leave_nothing_and_what_is_missing_is_stated(
    bench: Bench,
) -> None:
    recorder = bench.start(plan(0))
    feed(bench.ring, footage("IPPPPPPPPP"))
    until(lambda: recorder.first_durable_us is not None)
    recorder.stop(time_of(60), deadline=1)
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    bench.clock.advance(time_of(70) - time_of(0))
    feed(bench.ring, footage("I" + "P" * 29, first=40, epoch=2, preset="veryfast"))
    assert recorder.join(DEADLINE)
    assert recorder.remainder is None
    (info,) = list_recordings(bench.directory)
    assert (info.reason, bench.closing()["at_us"]) == ("failed", time_of(60))
    restarted, lost = info.gaps
    assert (restarted.reason, restarted.to_us) == (CAPTURE_RESTARTED, time_of(40))
    assert (lost.reason, lost.to_us) == ("failed", time_of(60))
    assert not bench.ring._window.cursors


def test_a_card_that_fails_just_then_leaves_nothing_to_another_recording(bench: Bench) -> None:
    class Full(Stalling):
        def append(self, fragment: bytes, facts: FragmentFacts) -> None:
            raise explain("write", "x", OSError(errno.EFBIG, "no"))

    feed(bench.ring, footage("IPPPPPPPPP"))
    bench.ring.note_gap(CAPTURE_RESTARTED, None, None, None, broken=True)
    feed(bench.ring, footage("IPPPPPPPPP", first=40, epoch=2, preset="veryfast"))
    recorder = bench.start(plan(0, pre_event_us=1), Full().open)
    assert recorder.join(DEADLINE)
    assert isinstance(bench.failed[0], StorageError)
    assert recorder.remainder is None
    assert not bench.ring._window.cursors
