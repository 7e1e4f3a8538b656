"""Which sound goes into a recording: whatever comes, in whatever pieces, the same truth."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camerad.container.gaps import CAPTURE_RESTARTED, RING_FULL, Gap
from camerad.container.statements import MUTED, SoundChange
from camerad.recording.audio_segmenter import SoundChunk, SoundCutter
from camerad.stream.packets import Packet, PacketInfo
from camerad.stream.sound_messages import NO_SOUND, SOUND_LOST, SoundFormat

FORM = SoundFormat(48_000, 1, 1024, b"\x11\x88", "hw:1")
ORIGIN_US = 1_000_000_000
UNIT_US = 1024 * 1_000_000 / 48_000


def time_of(number: float) -> int:
    return round(ORIGIN_US + number * UNIT_US)


def unit(number: float, shift_us: int = 0) -> Packet:
    """The access unit on place `number` of the grid from the origin on."""
    return PacketInfo(1, int(number), time_of(number) + shift_us, True, 1), b"x"


def places(chunk: SoundChunk) -> list[tuple[int, int]]:
    """Where runs begin, and how many units they have."""
    return [(run.at, len(run.units)) for run in chunk.runs]


def cutter(from_number: float = 0) -> SoundCutter:
    return SoundCutter(FORM, ORIGIN_US, time_of(from_number))


def test_what_follows_without_a_hole_is_one_run_on_a_grid_of_samples() -> None:
    chunk = cutter().cut([unit(number) for number in range(1000)])
    assert places(chunk) == [(0, 1000)]
    assert (chunk.first_us, chunk.end_us) == (ORIGIN_US, time_of(1000))
    assert chunk.gaps == ()


def test_a_run_goes_on_in_the_next_chunk_where_the_first_ended() -> None:
    cut = cutter()
    assert places(cut.cut([unit(0), unit(1)])) == [(0, 2)]
    assert places(cut.cut([unit(2), unit(3)])) == [(2048, 2)]


def test_rounded_times_do_not_shift_the_grid() -> None:
    chunk = cutter().cut([unit(n, shift_us=(-1) ** n * 900) for n in range(1, 50)])
    assert places(chunk) == [(1024 - 43, 49)]  # 900 us are 43 samples; the first one counts


def test_a_clock_that_was_wrong_moves_the_sound_and_is_no_gap() -> None:
    """5 ms are 240 samples: heard, and far less than a unit."""
    chunk = cutter().cut([unit(0), unit(1), unit(2, 5000), unit(3, 5000)])
    assert places(chunk) == [(0, 2), (2048 + 240, 2)]
    assert chunk.gaps == ()


def test_sound_that_comes_twice_is_left_out_and_stated() -> None:
    chunk = cutter().cut([unit(0), unit(1), unit(1.5), unit(2)])
    assert places(chunk) == [(0, 3)]
    assert chunk.gaps == (Gap(SOUND_LOST, 1, time_of(1), time_of(1.5)),)


def test_what_is_older_than_the_beginning_or_ends_after_the_stop_is_left_out() -> None:
    cut = cutter(from_number=2.5)
    cut.until_us = time_of(6)
    old = Gap(RING_FULL, 2, time_of(0), time_of(2))
    chunk = cut.cut([unit(number) for number in range(10)], [old])
    assert places(chunk) == [(3 * 1024, 3)]
    assert chunk.gaps == ()


def test_a_hole_that_a_restart_explains_is_stated_once() -> None:
    cut = cutter()
    cut.changed(SoundChange(time_of(2), "starting", None))
    chunk = cut.cut([unit(0), unit(50)], [Gap(CAPTURE_RESTARTED, None, time_of(0), None)])
    assert places(chunk) == [(0, 1), (50 * 1024, 1)]
    assert chunk.gaps == (Gap(CAPTURE_RESTARTED, None, time_of(0), time_of(50)),)


def test_numbers_say_how_much_is_lost_and_the_microphone_why() -> None:
    cut = cutter()
    cut.changed(SoundChange(time_of(2), "missing", "it was unplugged"))
    cut.changed(SoundChange(time_of(48), "on", None))
    chunk = cut.cut([unit(0), unit(50)], [Gap(SOUND_LOST, 49, time_of(0), time_of(50))])
    assert chunk.gaps == (Gap("microphone missing", 49, time_of(0), time_of(50)),)


def test_a_gap_after_the_last_sound_waits_for_no_sound() -> None:
    cut = cutter()
    late = Gap(RING_FULL, 3, time_of(1), None)
    assert cut.cut([unit(0), unit(1)], [late]).gaps == (late,)


def test_a_muted_unit_is_left_out_even_if_only_its_end_was_muted() -> None:
    cut = cutter()
    cut.changed(SoundChange(0, "on", None))
    # The state that is told later may be the earlier one.
    cut.changed(SoundChange(time_of(7.5), "on", None))
    cut.changed(SoundChange(time_of(3.5), MUTED, None))
    chunk = cut.cut([unit(number) for number in range(12)])
    assert places(chunk) == [(0, 3), (8 * 1024, 4)]
    assert chunk.gaps == (Gap("muted", None, time_of(2), time_of(8)),)


def test_the_end_states_what_is_missing_up_to_the_stop() -> None:
    cut = cutter()
    cut.cut([unit(0)])
    cut.close(time_of(1) + 500_000)
    assert cut.take_gaps() == ()
    cut.close(time_of(1) + 500_001)
    assert cut.take_gaps() == (Gap(NO_SOUND, None, time_of(0), time_of(1) + 500_001),)


def test_a_recording_without_any_sound_states_all_of_it() -> None:
    cut = cutter(from_number=3)
    cut.close(time_of(100))
    assert cut.take_gaps() == (Gap(NO_SOUND, None, time_of(3), time_of(100)),)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Packet], list[Gap], list[SoundChange]]:
    """Pieces of sound with holes, some of them stated by the ring, and what the microphone did."""
    units: list[Packet] = []
    gaps: list[Gap] = []
    changes: list[SoundChange] = []
    number = draw(st.integers(0, 40))
    for _ in range(draw(st.integers(1, 6))):
        for _ in range(draw(st.integers(1, 30))):
            units.append(unit(number))
            number += 1
        missing = draw(st.integers(0, 60))
        how = draw(st.sampled_from(["ring", "state", "nobody"]))
        if missing and how == "ring":
            gaps.append(Gap(SOUND_LOST, missing, time_of(number - 1), time_of(number + missing)))
        if missing and how == "state":
            word = draw(st.sampled_from(["missing", "failed", MUTED]))
            changes.append(SoundChange(time_of(number), word, None))
            changes.append(SoundChange(time_of(number + missing), "on", None))
        number += missing
    return units, gaps, changes


@given(streams(), st.lists(st.integers(1, 40)), st.integers(0, 60), st.integers(20, 400))
def test_every_moment_is_sound_at_its_time_or_stated(
    stream: tuple[list[Packet], list[Gap], list[SoundChange]],
    pieces: list[int],
    begins: int,
    stops: int,
) -> None:
    units, gaps, changes = stream
    cut = cutter(begins)
    stop_us = time_of(max(begins + 1, stops))
    cut.until_us = stop_us
    for change in changes:
        cut.changed(change)
    chunks = []
    rest = list(units)
    for size in [*pieces, len(units)]:
        taken, rest = rest[:size], rest[size:]
        times = [info.pts_us for info, _ in taken]
        chunks.append(cut.cut(taken, [gap for gap in gaps if gap.to_us in times]))
    cut.close(stop_us)
    stated = [gap for chunk in chunks for gap in chunk.gaps] + list(cut.take_gaps())
    kept = [
        (run.at + n * 1024, packet[0].pts_us)
        for chunk in chunks
        for run in chunk.runs
        for n, packet in enumerate(run.units)
    ]
    # Each unit is at its own time, none twice, and all that was wanted is there.
    assert all(abs(at * 1e6 / 48_000 - (us - ORIGIN_US)) < 12 for at, us in kept)
    assert [us for _, us in kept] == [
        info.pts_us
        for info, _ in units
        if time_of(begins) <= info.pts_us
        and info.pts_us + 21_333 <= stop_us + 1
        and not any(
            one.state == MUTED and one.at_us < info.pts_us + 21_332 and info.pts_us < other.at_us
            for one, other in pairwise(changes)
        )
    ]
    ends = [time_of(begins)] + [us + 21_333 for _, us in kept]
    starts = [us for _, us in kept] + [stop_us]
    for number, (end_us, start_us) in enumerate(zip(ends, starts, strict=True)):
        within = 0 < number < len(kept)
        if start_us - end_us > (21_334 if within else 500_000):
            assert any(
                gap.from_us is not None
                and gap.to_us is not None
                and gap.from_us <= end_us
                and gap.to_us >= start_us - 21_334
                for gap in stated
            ), (end_us, start_us, stated)
