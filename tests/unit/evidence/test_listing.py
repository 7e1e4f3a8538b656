"""A listing tells what is there as what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evidence_helpers import (
    a_header,
    seconds_of_footage,
    time_of,
)
from sink_helpers import END, ID, a_commit, fragments, record

from camerad.evidence.sink import list_recordings, new_id, open_sink
from camerad.stream.packets import Gap


def test_gaps_and_marks_are_listed(tmp_path: Path) -> None:
    init, made = fragments(seconds_of_footage(1))
    gap = Gap("capture restarted", None, time_of(20), time_of(25))
    last = Gap("camera did not deliver until the stop", None, time_of(30), time_of(60))
    opened = open_sink(str(tmp_path), a_header(), init)
    opened.append(made[0], a_commit(0))
    opened.append(made[1], replace(a_commit(1, gaps=(gap,)), marks=(time_of(27),)))
    opened.close(replace(END, gaps=(last,), marks=(time_of(60),)))
    (info,) = list_recordings(str(tmp_path))
    assert info.gaps == (gap, last)
    assert info.marks == (0.9, 2.0)
    # A sixth of the second has no pictures; what lies after the last picture is no part of it.
    assert info.bits_per_second == pytest.approx(info.bytes * 8 / (5 / 6), rel=1e-3)


def test_a_running_recording_is_told_from_an_interrupted_one(tmp_path: Path) -> None:
    init, made = fragments(seconds_of_footage(1))
    recording = open_sink(str(tmp_path), a_header(), init)
    recording.append(made[0], a_commit(0))
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.seconds, info.reason) == ("recording", 0.5, None)
    facts = tmp_path / f"{ID}.jsonl"
    recording.close(END)
    facts.write_bytes(b"\n".join(facts.read_bytes().split(b"\n")[:-2]) + b"\n")
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.seconds, info.reason) == ("interrupted", 0.5, None)


def test_torn_tails_do_not_count(tmp_path: Path) -> None:
    path = Path(record(tmp_path, a_header(), ended=False))
    facts = tmp_path / f"{ID}.jsonl"
    whole = facts.read_bytes()
    for cut in range(len(whole.splitlines()[0]) + 1, len(whole)):
        facts.write_bytes(whole[:cut])
        (info,) = list_recordings(str(tmp_path))
        assert info.frames == 15 * (whole[:cut].count(b"\n") - 1)
    facts.write_bytes(whole)
    video = path.read_bytes()
    path.write_bytes(video + b"torn")
    assert list_recordings(str(tmp_path))[0].frames == 30
    path.write_bytes(video[:-1])
    assert list_recordings(str(tmp_path))[0].frames == 15


def test_foreign_files_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path, a_header())
    other = "20261124T153000Z-000002-0000000"
    (tmp_path / "notes.jsonl").write_text("{}\n")
    (tmp_path / f"{other}2.jsonl").write_bytes(b"\xff\0\n[]\n\n")
    (tmp_path / f"{other}3.jsonl").mkdir()
    (tmp_path / f"{other}4.jsonl").write_bytes((tmp_path / f"{ID}.jsonl").read_bytes())
    (tmp_path / f"{other}5.jsonl").write_bytes((tmp_path / f"{ID}.jsonl").read_bytes()[:99])
    (tmp_path / f"{other}6.mp4").write_bytes(b"init")
    header = (tmp_path / f"{ID}.jsonl").read_text().replace(ID, f"{other}7")
    (tmp_path / f"{other}7.jsonl").write_text(header)
    (tmp_path / f"{other}8.jsonl").write_text(header.replace('"width":128', '"width":"wide"'))
    assert [info.id for info in list_recordings(str(tmp_path))] == [ID]
    # One line for every file that looks like a recording and is none: 2, 3, 4, 5, 7 and 8.
    assert caplog.text.count("cannot be listed") == 6


def test_lines_that_say_nothing_known_are_passed_over(tmp_path: Path) -> None:
    record(tmp_path, a_header())
    facts = tmp_path / f"{ID}.jsonl"
    header, *rest = facts.read_text().splitlines()
    strange = [
        "[]",
        "{",
        '{"commit": 1}',
        '{"end": {}}',
        '{"later": {}}',
        rest[0].replace('"gaps":[]', '"gaps":1'),
    ]
    facts.write_text("\n".join([header, *strange, *rest]) + "\n")
    (info,) = list_recordings(str(tmp_path))
    assert (info.frames, info.state) == (30, "closed")


def test_the_newest_comes_first_even_if_the_clock_was_wrong(tmp_path: Path) -> None:
    made = []
    for wall_us in (1_795_534_200_000_000, 0, 1_795_534_200_000_000, -5):
        identity = new_id(str(tmp_path), wall_us)
        record(tmp_path, a_header(identity, started_wall_us=wall_us))
        made.append(identity)
    assert [info.id for info in list_recordings(str(tmp_path))] == made[::-1]
    assert made[1].startswith("19700101T000000Z-000002-")
    assert len(set(made)) == 4


def test_a_clock_that_shows_no_date_makes_no_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no date"):
        new_id(str(tmp_path), 10**30)


def test_names_differ_even_at_the_same_time_with_the_same_number(tmp_path: Path) -> None:
    names = {new_id(str(tmp_path), 0) for _ in range(100)}
    assert len(names) == 100
