"""Redacted copies: what is not named stays bit for bit, and what is named is gone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from evidence_helpers import ORIGIN_US, ffmpeg_is_silent, seconds_of_footage, time_of
from msgspec.structs import replace
from redaction_helpers import ORDER, SIGNER, redacted
from sealed_helpers import KEYS, made, office
from sound_helpers import made_with_sound

from camerad.container.keys import KeyRing
from camerad.container.redaction import Mask, MaskKind, MutedRange, Rectangle
from camerad.evidence.age_format import find_file_key, open_with_file_key
from camerad.evidence.redaction.copy_check import OriginalAtHand, check_copy, is_redacted_copy
from camerad.evidence.redaction.copy_plan import CopyPlan
from camerad.evidence.redaction.copy_writer import RedactionError
from camerad.evidence.redaction.draft import Draft, DraftMask, MaskState, read_draft
from camerad.evidence.redaction.opened_film import FilmClock, FilmOpener, FilmTimes
from camerad.evidence.redaction.suggestion import FilmViewer, PreviewFilm, Tracker
from camerad.verify.verdict import Verdict

OFFICE = KeyRing([SIGNER.public])
FACE = MaskKind.FACE


def test_only_what_is_listed_differs_from_the_recording() -> None:
    copy = redacted()
    original, there = copy.original, dict(copy.members)
    assert [one for one, _ in copy.members][:5] == [
        "redaction.jws",
        "keys.json",
        "header.jws",
        "init.mp4.age",
        "init.mp4",
    ]
    assert {one.sequence for one in copy.said.changed} == {1, 3}
    for name, content in original.members:
        if name not in ("000001.m4s.age", "000003.m4s.age"):
            assert there[name] == content, name
    for name in ("000001.m4s.age", "000003.m4s.age"):
        key = find_file_key(original.content(name), [office()])
        assert key is not None and key.hex() not in copy.archive.hex()
        assert original.content(name) not in copy.archive
    clock = FilmClock(original.header, original.plain[0])
    before, after = original.plain[2], there["000001.m4s"]
    hashes = [
        {
            one.at_us: hashlib.sha256(data[one.seen.offset :][: one.seen.size]).digest()
            for one in clock.samples(clock.runs(data))
        }
        for data in (before, after)
    ]
    same = {at_us for at_us in hashes[0] if hashes[0][at_us] == hashes[1][at_us]}
    assert hashes[0].keys() == hashes[1].keys()
    assert same == set(hashes[0]) - {time_of(number) for number in range(20, 30)}


def test_the_film_plays_and_its_masks_are_black(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(redacted().film)
    ffmpeg_is_silent(str(path))
    with av.open(str(path)) as film:
        planes = [one.to_ndarray() for one in film.decode(video=0)]
        film.seek(0)
        loud = {
            round(float(one.pts * one.time_base), 2): float(np.abs(one.to_ndarray()).max())
            for one in film.decode(audio=0)
        }
    for number, plane in enumerate(planes):
        there = redacted().said.rectangles(time_of(number))
        assert bool(there) is (20 <= number <= 24)
        for one in there:
            blocks = one.blocks
            part = plane[:64][blocks.y : blocks.y + blocks.height, blocks.x :][:, : blocks.width]
            assert part.max() <= 20
        assert number == sum((int(plane[56, bit * 16 + 8]) > 128) << bit for bit in range(8)), (
            "below the mask is the picture as it was"
        )
    assert max(loud[at] for at in loud if 1.62 < at < 1.7) == 0
    assert len(planes) == 60


@pytest.mark.parametrize(
    ("at", "where"),
    [
        (99, None),
        (100, (10, 0, 8, 8)),
        (101, (9, 1, 8, 9)),
        (102, (8, 3, 9, 11)),
        (103, (8, 5, 10, 13)),
        (104, None),
    ],
)
def test_a_mask_moves_in_straight_lines_of_whole_pixels(at: int, where: Any) -> None:
    mask = Mask(((100, 10, 0, 8, 8), (103, 8, 5, 10, 13)), FACE)
    assert mask.at(at) == (None if where is None else Rectangle(*where))


@pytest.mark.parametrize(
    ("first", "last", "encoded", "keys"),
    [
        (0, 0, range(30), [0]),
        (29, 30, [29, *range(30, 60)], [29, 30]),
        (45, 45, range(45, 60), [45]),
        (89, 89, [89], [89]),
    ],
)
def test_a_group_is_encoded_anew_from_its_first_masked_picture_on(
    first: int, last: int, encoded: Any, keys: list[int], tmp_path: Path
) -> None:
    path, times = tmp_path / "recording.tar", FilmTimes()
    path.write_bytes(made().file)
    FilmOpener(KEYS, [office()], times).run(str(path), None)
    boxes = ((time_of(first), 0, 0, 9, 9), (time_of(last), 0, 0, 9, 9))
    plan = CopyPlan(times, [Mask(boxes if first != last else boxes[:1], FACE)], [])
    assert plan.encoded == {time_of(number) for number in encoded}
    assert plan.keys == {time_of(number) for number in keys}
    assert plan.changed == {number // 15 for number in encoded}


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (ORDER, "5 of 60 pictures masked, sound muted 1 s;"),
        (replace(ORDER, masks=()), "0 of 60 pictures masked, sound muted 1 s;"),
        (replace(ORDER, mutes=()), "5 of 60 pictures masked, sound muted 0 s;"),
        (
            replace(ORDER, mutes=(MutedRange(0, ORIGIN_US + 9_000_000),)),
            "5 of 60 pictures masked, sound muted",
        ),
    ],
)
def test_a_copy_is_called_what_it_is_and_agrees_with_its_original(
    order: Any, sentence: str, tmp_path: Path
) -> None:
    copy, source = tmp_path / "copy.tar", tmp_path / "original.tar"
    copy.write_bytes(redacted(order).archive)
    source.write_bytes(redacted(order).original.file)
    assert is_redacted_copy(str(copy)) and not is_redacted_copy(str(source))
    for original in (None, OriginalAtHand(str(source), [office()])):
        report = check_copy(str(copy), KEYS, OFFICE, original=original)
        assert report.verdict is Verdict.QUALIFIED, report.text()
        assert sentence in report.headline
        assert ("the office vouches" in report.text()) is (original is None)


def test_without_pyav_a_check_says_that_no_mask_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.tar"
    copy.write_bytes(redacted().archive)
    monkeypatch.setitem(__import__("sys").modules, "camerad.evidence.redaction.picture_codec", None)
    report = check_copy(str(copy), KEYS, OFFICE)
    assert report.verdict is Verdict.QUALIFIED
    assert "the masked pictures were not looked at: PyAV is not installed" in report.text()


def test_an_age_file_is_opened_by_its_own_key_alone() -> None:
    for name, content in made_with_sound().members:
        if name.endswith(".age"):
            key = find_file_key(content, [office()])
            assert key is not None
            opened = open_with_file_key(content, key)
            assert opened in made_with_sound().plain
            for wrong, damaged in ((bytes(16), content), (key, content[:-1]), (key, content[:300])):
                with pytest.raises(ValueError, match=r"key|sealed|age file"):
                    open_with_file_key(damaged, wrong)


MASKS = (
    DraftMask(FACE, MaskState.CONFIRMED, ((3, 0, 0, 9, 9), (8, 4, 4, 9, 9))),
    DraftMask(FACE, MaskState.SUGGESTED, ((5, 0, 0, 9, 9),)),
)


@pytest.mark.parametrize(
    ("seen", "masks", "said"),
    [
        ((), MASKS[:1], "pictures 0 to 9 were not seen"),
        (((0, 3), (5, 8)), MASKS[:1], "pictures 4, 9 were not seen"),
        (((0, 9),), MASKS, "1 masks are only suggested (face in 5 to 5)"),
        (((0, 9),), MASKS[:1], None),
    ],
)
def test_a_draft_is_done_when_all_was_seen_and_nothing_is_only_suggested(
    seen: Any, masks: Any, said: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "draft.json"
    draft = Draft(1, "id", "f" * 64, 10, masks, ((0.5, 1.25),), seen)
    path.write_text(draft.text())
    assert read_draft(str(path)) == draft
    if said is None:
        draft.check_done()
    else:
        with pytest.raises(RedactionError) as raised:
            draft.check_done()
        assert said in str(raised.value)
    timed, mutes = draft.timed([100 + 10 * number for number in range(10)], 100)
    assert timed[0].boxes == ((130, 0, 0, 9, 9), (180, 4, 4, 9, 9))
    assert mutes == (MutedRange(500_100, 1_250_100),)


def test_detections_become_masks_that_bridge_what_was_missed(tmp_path: Path) -> None:
    """A face moves by a pixel a picture, and is missed in every third; another one appears once."""
    path, tracker = tmp_path / "recording.tar", Tracker()
    path.write_bytes(made().file)

    def detect(number: int, _at_us: int, picture: Any) -> None:
        assert picture.shape == (64, 128, 3)
        faces = [Rectangle(20 + number, 10, 20, 20)] if 10 <= number < 40 and number % 3 else []
        tracker.add(number, [(FACE, one) for one in faces])
        if number == 80:
            tracker.add(number, [(FACE, Rectangle(90, 40, 10, 10))])

    viewer = FilmViewer(detect)
    FilmOpener(KEYS, [office()], viewer).run(str(path), None)
    masks = list(tracker.masks(viewer.pictures, 128, 64))
    moving = Mask(masks[0].boxes, FACE)
    assert len(masks) == 2 and {one.state for one in masks} == {MaskState.SUGGESTED}
    assert [moving.at(n) is not None for n in (4, 5, 10, 30, 43, 44)] == [
        *(False, True, True, True, True, False)
    ]
    assert moving.at(12) == Rectangle(28, 6, 28, 28)
    assert Mask(masks[1].boxes, FACE).at(83) == Rectangle(88, 38, 14, 14)
    preview = tmp_path / "preview.mp4"
    with preview.open("wb") as file, PreviewFilm(file, masks) as film:
        FilmOpener(KEYS, [office()], FilmViewer(film.add)).run(str(path), None)
    with av.open(str(preview)) as shown:
        reds = [one.to_ndarray(format="rgb24") for one in shown.decode(video=0)]
    assert len(reds) == len(seconds_of_footage(3))
    edge = reds[30][34, 50:70].astype(int).mean(axis=0)
    assert edge[0] > edge[2] + 40, "an outline, red"
