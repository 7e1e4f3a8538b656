"""What is signed about sound has to fit together, for our judge and for a stranger's script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from evidence_helpers import decoded, expected, ffmpeg_is_silent, time_of
from msgspec import UNSET
from msgspec.structs import replace
from script_helpers import verified_by_script
from sealed_helpers import (
    KEYS,
    ORIGIN_US,
    Made,
    altered,
    flipped,
    made,
    office,
    signed,
    some_closing,
)
from sound_helpers import MICROPHONE, PER_FRAGMENT, UNIT_US, beeps, heard_at, made_with_sound

from camerad.container.gaps import Gap
from camerad.container.statements import FragmentFacts, FragmentSound, SoundChange, SoundEnd
from camerad.evidence.decrypt import open_recording
from camerad.verify.findings import FindingKind
from camerad.verify.judge import verify
from camerad.verify.verdict import Report, Verdict

NAME = "20261124T153000Z-000001-00000001.tar"


def check(directory: Path, recording: Made) -> Report:
    path = directory / NAME
    path.write_bytes(recording.file)
    return verify(str(path), KEYS)


def stranger(directory: Path, recording: Made, *options: str) -> tuple[int, str]:
    """What the script comes to that was written by the documents alone."""
    path = directory / NAME
    path.write_bytes(recording.file)
    return verified_by_script(path, *options)


def test_a_recording_with_sound_is_checked_and_opened(tmp_path: Path) -> None:
    report = check(tmp_path, made_with_sound())
    assert report.verdict is Verdict.QUALIFIED  # it has a gap
    result = report.result
    assert result is not None
    assert not list(result.findings)
    assert result.units == 5 * PER_FRAGMENT
    assert [gap.reason for gap in result.sound_gaps] == ["muted"]
    assert result.gaps == []
    # The sound of the last fragment is proven, though no picture is beside it.
    (proven,) = result.proven
    assert proven.to_us == pytest.approx(5 * PER_FRAGMENT * UNIT_US, abs=2)
    path = str(tmp_path / "out.mp4")
    opened = open_recording(str(tmp_path / NAME), KEYS, [office()], path)
    assert opened.output == path
    assert opened.left_out == ()
    assert decoded(path) == expected(range(60))
    assert beeps(path)[1:] == pytest.approx([1, 2], abs=0.012)
    ffmpeg_is_silent(path)


def test_a_stranger_comes_to_the_same_and_opens_it(tmp_path: Path) -> None:
    identity, out = tmp_path / "office.txt", tmp_path / "out.mp4"
    identity.write_text(f"{office()}\n")
    code, said = stranger(tmp_path, made_with_sound(), str(identity), str(out))
    assert code == 1, said
    assert "muted" in said
    assert "with gaps" in said
    assert beeps(str(out))[1:] == pytest.approx([1, 2], abs=0.012)


def test_the_report_says_what_there_is_of_sound(tmp_path: Path) -> None:
    report = check(tmp_path, made_with_sound())
    said = report.as_json()
    assert (said["sound"], said["microphone"]) == (True, "hw:1")
    assert said["sound_units"] == 5 * PER_FRAGMENT
    assert said["sound_states"] == [{"at": 0.0, "state": "on", "why": None}]
    text = report.text()
    assert "sound      from hw:1, kept since the trigger" in text
    assert "no sound   from 0.981 s to 1.003 s: muted" in text
    assert "microphone open from 0.000 s on" in text


def test_a_recording_that_wanted_no_sound_says_so(tmp_path: Path) -> None:
    report = check(tmp_path, made())
    assert "sound      was not wanted" in report.text()
    assert report.as_json()["microphone"] is None
    assert report.verdict is Verdict.AUTHENTIC


def _said(**changes: Any) -> Callable[[int, FragmentFacts], FragmentFacts]:
    """Fragment 1 says otherwise of its sound."""

    def change(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number != 1 or not isinstance(facts.sound, FragmentSound):
            return facts
        return replace(facts, sound=replace(facts.sound, **changes))

    return change


def _alone(**changes: Any) -> Callable[[int, FragmentFacts], FragmentFacts]:
    """The fragment without pictures says otherwise."""
    return lambda number, facts: replace(facts, **changes) if number == 4 else facts


def _unsaid(number: int, facts: FragmentFacts) -> FragmentFacts:
    return replace(facts, sound=UNSET) if number == 1 else facts


def _at_once(number: int, facts: FragmentFacts) -> FragmentFacts:
    if number:
        return facts
    return replace(facts, frames=0, first_us=facts.end_us, last_us=facts.end_us)


LATE_US = ORIGIN_US + 10**9
CONTRADICTIONS = {
    "without sound": _unsaid,
    "without its times": _said(first_us=None),
    "times without units": _said(units=0),
    "an end before its beginning": _said(end_us=heard_at(PER_FRAGMENT) - 1),
    "more units than time": _said(units=PER_FRAGMENT + 1),
    "before the sound before": _said(first_us=heard_at(PER_FRAGMENT) - 6000),
    "before the origin": _said(first_us=ORIGIN_US - 1),
    "after the signature": _said(end_us=LATE_US),
    "a state from later": _said(states=(SoundChange(LATE_US, "on", None),)),
    "a gap from later": _said(gaps=(Gap("x", None, None, LATE_US),)),
    "a gap that ends before": _said(gaps=(Gap("x", None, ORIGIN_US + 9, ORIGIN_US),)),
    "a fragment of nothing": _at_once,
    "another end of the picture": _alone(
        first_us=time_of(61), last_us=time_of(61), end_us=time_of(61)
    ),
    "times of pictures": _alone(first_us=time_of(59)),
}


@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_cannot_be_is_found_by_us_and_by_a_stranger(
    tmp_path: Path, change: Callable[[int, FragmentFacts], FragmentFacts]
) -> None:
    report = check(tmp_path, made_with_sound(change))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert report.result is not None
    assert FindingKind.CONTRADICTION in {found.kind for found in report.result.findings}
    code, said = stranger(tmp_path, made_with_sound(change))
    assert code == 2, said


@pytest.mark.parametrize(
    "end",
    [
        lambda end: replace(end, sound=UNSET),
        lambda end: replace(end, sound=SoundEnd(1, (), ())),
    ],
    ids=["without sound", "another count"],
)
def test_an_end_that_contradicts_the_commits_is_found(tmp_path: Path, end: Any) -> None:
    report = check(tmp_path, made_with_sound(None, end))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert stranger(tmp_path, made_with_sound(None, end))[0] == 2


@pytest.mark.parametrize(
    "header",
    [
        lambda header: replace(header, sound=False, microphone=UNSET),
        lambda header: replace(header, sound=False),
        lambda header: replace(header, microphone=UNSET),
    ],
    ids=["no sound", "no track", "no microphone"],
)
def test_a_header_that_announced_something_else_is_found(tmp_path: Path, header: Any) -> None:
    recording = made_with_sound(None, None, header)
    report = check(tmp_path, recording)
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert stranger(tmp_path, recording)[0] == 2
    texts = [one.text for one in report.result.findings if "announced" in one.text]
    assert set(texts) <= {"says what cannot be: sound: no track was announced"}
    assert texts or recording.header.sound


@pytest.mark.parametrize("channels", [0, 3])
def test_a_header_with_other_than_one_or_two_channels_is_no_header(
    tmp_path: Path, channels: int
) -> None:
    odd = replace(MICROPHONE, channels=channels)
    recording = made_with_sound(None, None, lambda header: replace(header, microphone=odd))
    report = check(tmp_path, recording)
    assert report.verdict in (Verdict.NOT_AUTHENTIC, Verdict.UNREADABLE)
    assert stranger(tmp_path, recording)[0] in (2, 3)


def _silent(number: int, facts: FragmentFacts) -> FragmentFacts:
    return (
        replace(facts, sound=FragmentSound(0, None, None, (), ())) if number in (1, 2, 3) else facts
    )


def test_a_silence_that_nothing_explains_is_a_remark(tmp_path: Path) -> None:
    def end(closing: Any) -> Any:
        return replace(closing, sound=SoundEnd(2 * PER_FRAGMENT, (), ()))

    recording = made_with_sound(_silent, end)
    report = check(tmp_path, recording)
    assert report.verdict is Verdict.QUALIFIED
    assert report.result is not None
    (found,) = report.result.findings
    assert found.kind is FindingKind.SILENT
    # From the end of unit 22 to the beginning of unit 92.
    assert (found.from_us, found.to_us) == (
        pytest.approx(23 * UNIT_US, abs=2),
        pytest.approx(92 * UNIT_US, abs=2),
    )
    code, said = stranger(tmp_path, recording)
    assert code == 1, said
    assert "silence that nothing explains" in said


def test_silence_up_to_the_end_is_seen_too(tmp_path: Path) -> None:
    def end(closing: Any) -> Any:
        return replace(closing, at_us=closing.at_us + 1_100_000)

    report = check(tmp_path, made_with_sound(None, end))
    assert report.result is not None
    assert {found.kind for found in report.result.findings} == {
        FindingKind.UNSTATED,
        FindingKind.SILENT,
    }
    # The gap of this recording is another's explanation, so only the verdict tells.
    assert stranger(tmp_path, made_with_sound(None, end))[0] == 1


def test_behind_a_commit_that_was_changed_nothing_is_said_of_silence(tmp_path: Path) -> None:
    """What is not linked to the header is none of this recording's sound."""
    recording = made_with_sound()
    members = altered(recording.members, "000001.jws", lambda old: flipped(old, 300))
    report = check(tmp_path, replace(recording, members=members))
    assert report.result is not None
    assert report.result.units == PER_FRAGMENT
    kinds = {found.kind for found in report.result.findings}
    assert kinds == {FindingKind.FORGED, FindingKind.UNLINKED}


def test_fragments_in_another_order_are_no_silence(tmp_path: Path) -> None:
    recording = made_with_sound()
    at = [name for name, _ in recording.members].index("000001.m4s.age")
    members = list(recording.members)
    members[at : at + 4] = [*members[at + 2 : at + 4], *members[at : at + 2]]
    report = check(tmp_path, replace(recording, members=members))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert report.result is not None
    assert FindingKind.SILENT not in {found.kind for found in report.result.findings}
    assert report.result.units == 5 * PER_FRAGMENT


def _until_the_end(*states: SoundChange, gaps: Sequence[tuple[int, int | None]] = ()) -> Made:
    """Sound in the first fragment alone, then these states and gaps, and an end as repair writes
    it. gaps: milliseconds from where the sound ended; no end: None."""
    ended_us = heard_at(PER_FRAGMENT)
    stated = tuple(
        Gap("sound lost", None, ended_us + 1000 * one, None if to is None else ended_us + 1000 * to)
        for one, to in gaps
    )

    def change(number: int, facts: FragmentFacts) -> FragmentFacts:
        if not isinstance(facts.sound, FragmentSound):
            return facts
        if number == 1:
            return replace(facts, sound=FragmentSound(0, None, None, stated, states))
        return _silent(number, facts) if number < 4 else facts

    made = made_with_sound(change)
    # The fragment of sound only goes: the recording was cut off before.
    contents = dict(made.members)
    names = ["init.mp4.age", *(f"{number:06}.m4s.age" for number in range(4))]
    end_us = made.facts[3].end_us
    closing = replace(
        some_closing(60, end_us), reason="recovered", sound=SoundEnd(PER_FRAGMENT, (), ())
    )
    members = signed(made.header, [contents[one] for one in names], list(made.facts[:4]), closing)
    return replace(made, members=members)


MUTED_SOON = SoundChange(heard_at(PER_FRAGMENT), "muted", None)


@pytest.mark.parametrize(
    ("states", "kind", "words"),
    [
        ((MUTED_SOON,), FindingKind.QUIET, "its states explain"),
        ((replace(MUTED_SOON, state="missing"),), FindingKind.QUIET, "its states explain"),
        # On again 0.1 s later: the 1.4 s that are left need words.
        (
            (MUTED_SOON, SoundChange(MUTED_SOON.at_us + 100_000, "on", None)),
            FindingKind.SILENT,
            "nothing explains",
        ),
        ((), FindingKind.SILENT, "nothing explains"),
    ],
    ids=["muted", "missing", "unmuted", "on"],
)
def test_a_recording_cut_off_in_silence_has_it_explained_by_the_states_of_sound(
    tmp_path: Path, states: tuple[SoundChange, ...], kind: FindingKind, words: str
) -> None:
    recording = _until_the_end(*states)
    report = check(tmp_path, recording)
    assert report.verdict is Verdict.QUALIFIED, report.text()
    assert report.result is not None
    kinds = {found.kind for found in report.result.findings}
    assert kinds & {FindingKind.QUIET, FindingKind.SILENT} == {kind}
    code, said = stranger(tmp_path, recording)
    assert (code, words in said) == (1, True), said


@pytest.mark.parametrize(
    ("gaps", "unexplained"),
    [
        # The silence lasts 1.5 s, and a second needs no words.
        ([(0, 1500)], False),
        ([(0, 600)], False),
        ([(0, 300), (200, 600)], False),
        ([(600, None)], False),
        ([(0, 300)], True),
        ([(0, 200), (1300, 1400)], True),
        ([(-500, 10)], True),
        ([(1400, None)], True),
    ],
)
def test_a_gap_explains_what_it_covers_of_a_silence_and_no_more(
    tmp_path: Path, gaps: list[tuple[int, int | None]], unexplained: bool
) -> None:
    recording = _until_the_end(gaps=gaps)
    report = check(tmp_path, recording)
    assert report.verdict is Verdict.QUALIFIED, report.text()
    assert report.result is not None
    kinds = {found.kind for found in report.result.findings}
    assert (FindingKind.SILENT in kinds) is unexplained
    # What is told are the pieces that nothing covers, and not all of the silence.
    first_us, last_us = heard_at(PER_FRAGMENT), recording.facts[3].end_us
    told = [
        (one.from_us, one.to_us) for one in report.result.findings if one.kind is FindingKind.SILENT
    ]
    origin_us = recording.header.origin_us
    for from_us, to_us in told:
        assert from_us is not None
        assert to_us is not None
        for begins, ends in gaps:
            covers_us = first_us + 1000 * begins - origin_us
            covered_us = (last_us if ends is None else first_us + 1000 * ends) - origin_us
            assert to_us <= covers_us or from_us >= covered_us, (told, gaps)
    code, said = stranger(tmp_path, recording)
    assert (code, "nothing explains" in said) == (1, unexplained), said


def test_gaps_and_states_explain_a_silence_together(tmp_path: Path) -> None:
    """Lost for 0.3 s, and muted 0.9 s later: neither alone explains all of it but a second."""
    ended_us = heard_at(PER_FRAGMENT)
    states = (
        # Within the gap, which says why there is no sound; this explains no more of it.
        SoundChange(ended_us + 50_000, "missing", None),
        SoundChange(ended_us + 200_000, "on", None),
        SoundChange(ended_us + 1_200_000, "muted", None),
    )
    for gaps, kind, text, words in (
        ([(0, 300)], FindingKind.QUIET, "no sound: muted", "its states explain"),
        ([], FindingKind.SILENT, "no sound, and no statement says why", "nothing explains"),
    ):
        recording = _until_the_end(*states, gaps=gaps)
        report = check(tmp_path, recording)
        assert report.result is not None
        told = [(one.kind, one.text) for one in report.result.findings]
        assert (kind, text) in told, told
        assert words in stranger(tmp_path, recording)[1]


def test_sound_that_was_wanted_and_is_not_there_at_all_is_a_remark(tmp_path: Path) -> None:
    plain = made()
    header = replace(plain.header, microphone=MICROPHONE)
    contents = [data for name, data in plain.members if name.endswith(".age")]
    # The initialisation segment lies before the first fragment.
    members = signed(header, contents, list(plain.facts), some_closing(90, plain.end_us))
    recording = replace(plain, header=header, members=members)
    report = check(tmp_path, recording)
    assert report.verdict is Verdict.QUALIFIED, report.text()
    assert "sound was wanted, and there is none at all" in report.text()
    code, said = stranger(tmp_path, recording)
    assert (code, "without the sound that was wanted" in said) == (1, True), said
