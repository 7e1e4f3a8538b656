"""Which states of a block device a loss of power may leave, by the log that it kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.campaign.blocklog import ENTRY, FLUSH, SECTOR, WRITE
from tests.campaign.blockstates import (
    Entry,
    Log,
    State,
    certain,
    lie,
    some,
    states,
    torn_at,
    volatile,
)

pytestmark = pytest.mark.campaign

SECTORS = 4


def log_of(text: str) -> list[Entry]:
    """w: a write of four sectors; f: a flush. Each a millisecond after the one before."""
    return [
        Entry(n * 1000, FLUSH if one == "f" else WRITE, n * SECTORS * SECTOR, SECTORS * SECTOR, 0)
        for n, one in enumerate(text, 1)
    ]


def all_of(entries: Sequence[Entry], count: int = 300, *, drop: bool = False) -> list[State]:
    return states(entries, [(0, 10**9)], count, Random(1), drop=drop)


def test_what_was_flushed_is_there_and_nothing_is_that_was_not_issued() -> None:
    entries = log_of("wwfwwwfww")
    for state in all_of(entries):
        assert state.certain == certain(entries, state.issued)
        assert {number for number, _ in state.kept} <= set(
            volatile(entries, state.certain, state.issued)
        )


def test_every_subset_and_torn_writes_are_among_them() -> None:
    found = all_of(log_of("fwwwf"))
    whole = SECTORS * SECTOR
    kept = {frozenset(n for n, length in one.kept if length == whole) for one in found}
    # Of three writes there are eight subsets.
    assert len(kept) == 8
    torn = {length for one in found for _, length in one.kept} - {whole}
    assert torn == {SECTOR * n for n in range(1, SECTORS)}


def test_states_are_different_and_in_the_order_in_which_they_can_be_made() -> None:
    found = all_of(log_of("wwfwwwfwwfw"))
    assert len({(one.certain, one.kept) for one in found}) == len(found)
    assert [one.certain for one in found] == sorted(one.certain for one in found)


def test_power_is_lost_just_before_the_next_entry() -> None:
    entries = log_of("wfw")
    # The second entry was made at 2 ms, the third at 3 ms.
    assert {one.at_us for one in all_of(entries) if one.issued == 2} == {2999}


def test_only_the_windows_are_looked_at() -> None:
    found = states(log_of("wfwfwfwf"), [(3000, 4500)], 50, Random(1))
    assert {one.issued for one in found} <= {3, 4}
    assert max(one.at_us for one in found) == 4500


def test_a_card_that_lies_loses_what_had_been_flushed() -> None:
    entries = log_of("wfwfwfwfwfwf")
    for state in all_of(entries, 50, drop=True):
        before = certain(entries, state.issued)
        assert state.certain < before
        assert set(volatile(entries, state.certain, before)) - {n for n, _ in state.kept}


def test_a_lie_begins_before_what_was_told_and_within_what_it_is_about() -> None:
    entries = log_of("wf" * 20)
    # What was told is the 31st entry, and the start before it ended with the 10th.
    random = Random(1)
    found = [lie(entries, 40, 77, random, told=31, since=10) for _ in range(300)]
    assert {one.certain for one in found} == {*range(10, 31, 2)}
    assert {(one.issued, one.at_us) for one in found} == {(40, 77)}
    # Something of what was flushed is lost for certain.
    assert all(len(one.kept) < (40 - one.certain) // 2 for one in found)


def test_a_write_is_torn_where_it_is_asked_for_and_all_before_it_is_there() -> None:
    entries = log_of("wfwww")
    edge = SECTOR * SECTORS * 4 + SECTOR
    # Of the fourth entry's sectors the first is there, the flush before is the second entry.
    assert torn_at(entries, edge) == [State(2, 4, ((2, SECTORS * SECTOR), (3, SECTOR)), 4999)]
    assert torn_at(entries, edge, [(0, 3999)]) == []
    # Between two writes nothing is torn.
    assert torn_at(entries, SECTOR * SECTORS * 4) == []


def test_without_anything_issued_there_is_no_state() -> None:
    assert all_of([]) == []
    assert some(log_of("w"), 0, 0, Random(1)) == State(0, 0, (), 0)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A log of three writes of one sector, with a flush after the first, and what was before."""
    log, image = tmp_path / "log", tmp_path / "image"
    image.write_bytes(b"0" * 4 * SECTOR)
    with log.open("wb") as file:
        for n, letter in enumerate(b"abc"):
            file.write(ENTRY.pack(n, WRITE, n * SECTOR, SECTOR) + bytes([letter]) * SECTOR)
            if n == 0:
                file.write(ENTRY.pack(n, FLUSH, 0, 0))
    return log, image


def test_a_state_is_made_of_what_is_certain_and_of_what_was_kept(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    log = Log(*files)
    log.make(State(2, 4, ((3, SECTOR),), 0), tmp_path / "cut")
    sectors = (tmp_path / "cut").read_bytes()[::SECTOR]
    assert sectors == b"a0c0"
    log.make(State(4, 4, (), 0), tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes()[::SECTOR] == b"abc0"
    with pytest.raises(ValueError, match="beyond"):
        log.make(State(2, 4, (), 0), tmp_path / "cut")
    log.close()


def test_what_is_written_first_is_found_in_its_log(files: tuple[Path, Path]) -> None:
    log = Log(*files)
    # The second entry is a flush.
    assert [log.first(letter) for letter in (b"a", b"b", b"c")] == [1, 3, 4]
    with pytest.raises(LookupError):
        log.first(b"a", since=1)
    log.close()
