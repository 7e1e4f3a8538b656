"""What stated gaps leave of a hole, against every microsecond by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camerad.container.gaps import FRAMES_LOST, Gap
from camerad.container.statements import SoundChange
from camerad.verify.audio_check import _by_state
from camerad.verify.coverage import UNSTATED_US, Holes, _bare, union
from camerad.verify.findings import Span

MOST = 24
TIME = st.integers(-3, MOST + 3)
ENDS = st.one_of(st.none(), TIME)
GAPS = st.lists(st.tuples(ENDS, ENDS), max_size=6)
HOLE = st.tuples(st.integers(0, MOST), st.integers(1, MOST)).map(
    lambda one: Span(one[0], one[0] + one[1])
)


def stated(times: list[tuple[int | None, int | None]]) -> list[Gap]:
    return [Gap(FRAMES_LOST, None, from_us, to_us) for from_us, to_us in times]


def covers(gap: Gap, at: int) -> bool:
    """Whether it covers the time from `at` to the next microsecond."""
    after_begin = gap.from_us is None or gap.from_us <= at
    return after_begin and (gap.to_us is None or at < gap.to_us)


def bare(hole: Span, gaps: list[Gap]) -> list[Span]:
    covered = union(gaps)
    first = sum(to_us <= hole.from_us for _, to_us in covered)
    return _bare(hole, covered, first)


@given(HOLE, GAPS)
def test_what_no_gap_covers_is_left(hole: Span, times: list[tuple[int | None, int | None]]) -> None:
    gaps = stated(times)
    left = bare(hole, gaps)
    found = [at for piece in left for at in range(piece.from_us, piece.to_us)]
    wanted = [
        at for at in range(hole.from_us, hole.to_us) if not any(covers(gap, at) for gap in gaps)
    ]
    assert found == wanted
    assert all(piece.from_us < piece.to_us for piece in left)


@given(HOLE, GAPS, st.lists(st.tuples(TIME, st.sampled_from(["on", "muted", "gone"])), max_size=6))
def test_each_piece_has_the_state_that_was_said_last(
    hole: Span, times: list[tuple[int | None, int | None]], said: list[tuple[int, str]]
) -> None:
    left = bare(hole, stated(times))
    changes = [SoundChange(at, state, None) for at, state in sorted(said, key=lambda one: one[0])]
    pieces = _by_state(hole, left, changes)
    found = [(at, state) for state, one in pieces for at in range(one.from_us, one.to_us)]

    def state_at(at: int) -> str:
        return ([one.state for one in changes if one.at_us <= at] or ["on"])[-1]

    assert found == [(at, state_at(at)) for one in left for at in range(one.from_us, one.to_us)]
    assert all(one.from_us < one.to_us for _, one in pieces)


def test_many_holes_and_many_gaps_are_looked_at_once_each() -> None:
    """A camera whose key was taken may state as many as it likes."""
    seen: list[int] = []

    class Counted(int):
        def __lt__(self, other: int) -> bool:
            seen.append(1)
            return int(self) < int(other)

        __hash__ = int.__hash__

    count, apart = 1_000, 3 * UNSTATED_US
    holes = Holes()
    for number in range(count):
        holes.add(number * apart, number * apart + 2 * UNSTATED_US)
    gaps = [
        Gap(FRAMES_LOST, None, Counted(number * apart), Counted(number * apart + 1))
        for number in range(count)
    ]
    found = list(holes.unstated(gaps))
    assert len(found) == count
    assert found[7] == (
        Span(7 * apart, 7 * apart + 2 * UNSTATED_US),
        [Span(7 * apart + 1, 7 * apart + 2 * UNSTATED_US)],
    )
    assert len(seen) < 100 * count
