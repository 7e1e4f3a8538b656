"""What the bench makes of its figures; the figures themselves are no matter of a test."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from camerad.base.clock import SECOND, SystemClock
from camerad.stream.packets import PacketInfo
from tests.bench import (
    cpu,
    display,
    driven,
    evidence,
    instructions,
    latency,
    loss,
    machine,
    sealing,
    stamping,
)
from tests.bench.film import FRAGMENT_US, PICTURES
from tests.bench.goals import Goal
from tests.bench.plan import ATTEMPTS, BenchError, ProcessEndedError, repeated

pytestmark = pytest.mark.campaign


def test_a_quantile_is_a_figure_that_was_measured() -> None:
    figures = [float(number) for number in range(1, 101)]
    assert latency.quantile(figures, 0.5) == 50
    assert latency.quantile(figures, 0.99) == 99
    assert latency.quantile(figures, 1.0) == 100


def test_the_p99_of_fifty_is_the_worst_of_them() -> None:
    # Rank 0.99 * 50 = 49.5, rounded up to 50: a share of figures, not a guess between two.
    assert latency.quantile([1.0] * 49 + [80.0], 0.99) == 80


@pytest.mark.parametrize(
    ("value", "at_least", "missed_by"),
    [(1.04, False, None), (1.05, False, None), (1.25, False, 0.25), (0.75, True, 0.25)],
)
def test_a_goal_says_by_how_much_it_is_missed(
    value: float, at_least: bool, missed_by: float | None
) -> None:
    goal = Goal("something", value, 1.0 if value in (1.25, 0.75) else 1.05, "s", at_least)
    assert goal.missed_by == missed_by
    assert goal.reached == (missed_by is None)


def test_what_was_not_measured_is_not_reached() -> None:
    assert not Goal("something", None, 1.0, "MB").reached


def test_a_picture_on_the_display_is_known_by_its_number_and_its_age() -> None:
    random = np.random.default_rng(3)
    pictures = [random.integers(0, 256, (display.ROWS, 320)).astype(np.float32) for _ in range(40)]

    def shown(number: int) -> bytes:
        green = np.round(pictures[number][:, ::-1] * 63 / 255).astype("<u2")
        return (green << 5).tobytes()

    # 20 ms after its exposure each, but for one that never came and one that is of no film.
    seen = [(1_000_000 + round(n * 1e6 / 30) + 20_000, shown(n)) for n in range(20, 40) if n != 30]
    seen.insert(5, (seen[4][0] + 10_000, bytes(display.ROWS * 640)))
    result = display.judge(seen, 1_000_000, lambda number: pictures[number % 40])
    assert result.latency == pytest.approx([20.0] * 19, abs=0.01)
    assert (result.missed, result.exposed) == (1, 20)
    assert min(result.correlation) > 0.99
    assert max(result.plain) < 0.1


def test_a_file_without_pictures_has_lost_the_pre_event_part_too() -> None:
    result = loss.Result()
    # Pressed at 20 s with 10 s wanted from before, killed at 23 s: 13 s were to be there.
    result.add("one", None, press_us=20_000_000, kill_us=23_000_000)
    assert result.lost["one"] == [13.0]
    assert result.unreadable["one"] == 1


def test_what_is_lost_lies_between_the_last_picture_and_the_kill() -> None:
    result = loss.Result()
    span = loss.Span(first_us=10_000_000, last_us=22_500_000, missing=0, sizes=())
    result.add("one", span, press_us=20_000_000, kill_us=23_000_000)
    assert result.lost["one"] == [0.5]
    assert result.unreadable["one"] == 0


def test_a_ratio_is_told_with_the_rounds_it_comes_from() -> None:
    result = cpu.Result()
    result.rounds["one"] = [[1.0, 1.0], [3.0, 3.0]]
    result.rounds["other"] = [[2.0, 2.0], [2.0, 2.0]]
    # Medians of all slices: 2 and 2; of the rounds: 1 to 2 and 3 to 2.
    assert result.ratio("one", "other") == {"ratio": 1.0, "rounds": [0.5, 1.5]}


def test_the_processor_time_of_a_process_is_counted_finer_than_in_ticks() -> None:
    before = machine.cpu_ns(os.getpid())
    began = time.process_time_ns()
    while time.process_time_ns() - began < 2_000_000:
        pass
    spent = machine.cpu_ns(os.getpid()) - before
    assert 2_000_000 <= spent < 8_000_000


def test_a_busy_process_is_not_one_of_the_others() -> None:
    found = machine.slices({"this": [os.getpid()]}, count=2, seconds=0.05)
    assert len(found["this"]) == len(found[machine.OTHERS]) == 2


@pytest.mark.parametrize(
    "measure",
    [
        lambda pid: machine.slices({"child": [pid]}, count=2, seconds=0.05),
        machine.memory,
        machine.waits,
    ],
)
def test_what_a_process_ended_in_is_measured_again_and_said(
    measure: Callable[[int], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon replaces a child that hangs, and the run goes on; one that is replaced each time
    ends it, with the reason."""
    folders: list[Path] = []

    def attempt(folder: Path, ended: int = 1) -> object:
        folders.append(folder)
        with subprocess.Popen(["sleep", "60"]) as child:
            if len(folders) <= ended:
                child.kill()
                child.wait()
            try:
                return measure(child.pid)
            finally:
                child.kill()

    assert repeated("round 4", attempt, tmp_path) is not None
    assert len(set(folders)) == 2
    assert "round 4 is repeated: process" in caplog.text
    with pytest.raises(ProcessEndedError):
        repeated("round 5", lambda folder: attempt(folder, ended=99), tmp_path)
    assert len(folders) == 2 + ATTEMPTS


def test_a_round_counts_once_it_is_whole() -> None:
    whole, more = cpu.Result(), cpu.Result()
    more.rounds["one"].append([1.0, 2.0])
    more.pre_event["one"].append(10.1)
    for _ in range(2):
        whole.add(more)
    assert whole.rounds["one"] == [[1.0, 2.0]] * 2
    assert whole.pre_event["one"] == [10.1, 10.1]


def test_memory_is_told_of_a_process_that_runs() -> None:
    memory = machine.memory(os.getpid())
    assert memory.rss > 1
    assert memory.pss is None or 0 < memory.pss <= memory.rss


def test_a_thread_that_waits_is_counted_each_time() -> None:
    before = machine.waits(os.getpid())
    for _ in range(20):
        time.sleep(0.001)
    waited = machine.waits(os.getpid()) - before
    assert waited[str(threading.get_native_id())] >= 20


def test_pictures_are_judged_by_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"numbers": [30, 31, 33], "bytes": [5, 6, 7]}
    monkeypatch.setattr("tests.bench.peers.run", lambda *_: verdict)
    span = loss.span(tmp_path / "any.mp4", epoch_us=1_000_000)
    # At 30 pictures a second number 30 is exposed one second after the epoch, 33 after 1.1 s.
    assert span == loss.Span(2_000_000, 2_100_000, missing=1, sizes=(5, 6, 7))


def test_what_is_written_beside_the_footage_is_told_per_fragment() -> None:
    result = evidence.Result()
    minute, beside = 120 * 1000, 120 * 2048
    result.written[evidence.CARD] = {
        "fragments": 240,
        "footage_bytes": 2 * minute,
        # 2 KiB beside each fragment in the first minute, 4 in the second.
        "device_bytes": [minute + beside, 2 * minute + 3 * beside, 2 * minute + 3 * beside],
    }
    assert result.device_ratio(evidence.CARD) == (2 * minute + 3 * beside) / (2 * minute)
    assert result.beside(evidence.CARD) == pytest.approx(3.0)
    assert evidence._by_minute(result.written[evidence.CARD]) == [2.0, 4.0]


def test_where_no_device_counts_nothing_is_told_of_it() -> None:
    result = evidence.Result()
    result.written[evidence.CARD] = {"fragments": 1, "footage_bytes": 1, "device_bytes": [0, 0]}
    assert result.device_ratio(evidence.CARD) is None
    assert result.beside(evidence.CARD) is None
    assert evidence._by_minute(result.written[evidence.CARD]) == []


def test_a_speed_is_the_median_of_pairs_that_ran_next_to_each_other() -> None:
    result = evidence.Result()
    # Twice as long, as long, and half as long as its peer.
    result.seconds = {"one": [2.0, 1.0, 1.0], "other": [1.0, 1.0, 2.0]}
    assert result.speed("one", "other") == 1.0
    assert result.speed("one", "nobody") is None


def test_a_long_recording_says_no_time_that_has_not_come_however_short_the_machine_is_up() -> None:
    count = 2 * 4 * 3600  # two fragments a second for four hours, much of it before this boot
    clock = sealing.clock_for(count)
    ends = []
    for number in range(count):
        clock.advance(FRAGMENT_US)
        said = sealing.facts(number, clock)
        assert 0 < said.first_us < said.last_us < said.end_us <= said.clock.boot_us
        assert said.end_us - said.first_us == FRAGMENT_US
        ends.append(said.end_us)
    assert ends[-1] - ends[0] == (count - 1) * FRAGMENT_US
    end = sealing.closing(count, clock)
    assert (end.at_us, end.frames) == (ends[-1], count * PICTURES)
    # It ends now, and is made within a second.
    assert 0 <= SystemClock().wall_us() - end.clock.wall_us < 5 * SECOND


def test_the_worst_run_of_the_stamp_is_held_against_its_goal() -> None:
    result = stamping.Result({stamping.STAMP: [0.01, 0.31, 0.02], stamping.COPY: [0.1]}, 40_000)
    (goal,) = result.goals()
    # One of three runs took longer than 0.3 ms.
    assert (goal.value, goal.reached) == (0.31, False)
    assert result.as_json()["cpu_ms_per_frame"][stamping.STAMP]["median"] == 0.02


def test_what_callgrind_counted_is_read_from_its_dumps(tmp_path: Path) -> None:
    for number, total in enumerate((7, 1_234_567), 1):
        dump = f"# callgrind format\nversion: 1\nevents: Ir\nfn=main\n1 5\ntotals: {total}\n"
        (tmp_path / f"callgrind.{number}").write_text(dump)
    assert instructions.counted(sorted(tmp_path.iterdir())) == [7, 1_234_567]
    (tmp_path / "callgrind.1").write_text("nothing")
    with pytest.raises(BenchError, match="no dump"):
        instructions.counted(sorted(tmp_path.iterdir()))


def test_instructions_become_time_by_clock_and_instructions_per_clock() -> None:
    board = instructions.Board(clock_hz=1e9, ipc=0.5, copied=1e9, call_us=2.0)
    result = instructions.Result({"work": 500_000}, packet_bytes=25_000)
    # 500,000 / 0.5 / 1 GHz are 1 ms; 25 kB at 1 GB/s 0.025 ms; three calls of 2 us 0.006 ms.
    stage = instructions.Stage("work", copied=25_000, calls=3)
    assert result.seconds(stage, board) * 1000 == pytest.approx(1.031)


def test_the_stages_are_driven_by_what_the_camera_makes_of_a_picture(tmp_path: Path) -> None:
    """Every stage has its instructions counted between two marks, in the order of the table."""
    units = [(PacketInfo(1, n, n, n % 30 == 0, 4), b"unit") for n in range(200)]
    sizes = driven.write_packets(tmp_path / "packets", units)
    assert sizes == [4] * (driven.WARM + driven.FRAMES)
    found = driven.read_packets(tmp_path / "packets")
    assert [unit for _, unit in found] == [b"unit"] * len(sizes)
    assert [info.frame for info, _ in found if info.key] == [0, 30, 60, 90]
