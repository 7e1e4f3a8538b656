"""Recordings for the player's tests, and what reads its pictures: each shows its number."""

from __future__ import annotations

import functools
from typing import Any, Final

from evidence_helpers import FPS, HEIGHT, NOMINAL_US, ORIGIN_US, WIDTH, footage
from msgspec.structs import replace
from sealed_helpers import Made, a_header, at, sealed, signed, some_closing, some_facts
from sound_helpers import MICROPHONE, SAMPLES, UNIT_US, sound, sound_format

from camerad.container.gaps import FRAMES_LOST, STOPPED_SHORT, Gap
from camerad.container.statements import FragmentSound, SoundChange, SoundEnd, StageChange
from camerad.recording.audio_segmenter import Sounds
from camerad.recording.fragment_muxer import FragmentMaker

READ_NUMBERS: Final = """() => {
  const video = document.querySelector(".camerad-player video");
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const numberOf = (picture) => {
    context.drawImage(picture, 0, 0, WIDTH, HEIGHT);
    const { data } = context.getImageData(0, HEIGHT / 2, WIDTH, 1);
    let number = 0;
    for (let bit = 0; bit < 8; bit += 1) if (data[(bit * 16 + 8) * 4] > 128) number += 1 << bit;
    return number;
  };
  window.shownNumber = () => numberOf(video);
  window.shown = [];
  const note = () => {
    const picture = new VideoFrame(video);
    window.shown.push([picture.timestamp, numberOf(picture)]);
    picture.close();
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
}""".replace("WIDTH", str(WIDTH)).replace("HEIGHT", str(HEIGHT))
"""Keeps, from now on, every picture that the player shows: its time, and its number. Both are of
one picture held fast: while it plays, the element may show the next before the callback runs."""


@functools.cache
def made_with_holes(missing_us: int = 0) -> Made:
    """Six seconds: no sound from 1.5 to 3 s, no pictures from 2.5 to 4 s. So there is a second with
    sound and no pictures, one with neither, and no key frame behind the hole. missing_us: how long
    nothing came before it ended."""
    pictures = footage(
        "".join("I" if n % 30 == 0 and n != 120 else "P" for n in range(75)) + "." * 45 + "P" * 60
    )
    packets = [one for one in pictures if not 2.5 <= (one[0].pts_us - ORIGIN_US) / 1e6 < 4]
    units = sound(6)
    header = a_header(sound=True, microphone=MICROPHONE, clock=at(0))
    header = replace(header, trigger_us=ORIGIN_US + 1_000_000)
    plain, facts = [], []
    end_us, heard_to, frames, count = ORIGIN_US, ORIGIN_US, 0, 0
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1], sound_format())
    plain.append(maker.init)
    for half in range(12):
        since, until = (ORIGIN_US + (half + n) * 500_000 for n in (0, 1))
        run = [one for one in packets if since <= one[0].pts_us < until]
        heard = [one for one in units if since <= one[0].pts_us < until]
        if 1.5 <= half / 2 < 3:
            heard = []
        if not run and not heard:
            continue
        first = units.index(heard[0]) if heard else 0
        gaps: tuple[Gap, ...] = ()
        if run and run[0][0].pts_us - end_us > NOMINAL_US:
            gaps = (Gap(FRAMES_LOST, 45, end_us, run[0][0].pts_us),)
        silent: tuple[Gap, ...] = ()
        if heard and heard[0][0].pts_us - heard_to > 500_000:
            silent = (Gap("muted", None, heard_to, heard[0][0].pts_us),)
        if run:
            end_us = run[-1][0].pts_us + NOMINAL_US
        plain.append(maker.make(run, end_us, ORIGIN_US, Sounds(first * SAMPLES, heard)))
        begins, last = (run[0][0].pts_us, run[-1][0].pts_us) if run else (end_us, end_us)
        if heard:
            heard_to = heard[-1][0].pts_us + round(UNIT_US)
        said = FragmentSound(
            len(heard),
            heard[0][0].pts_us if heard else None,
            heard_to if heard else None,
            silent,
            (SoundChange(ORIGIN_US, "on", None),) if half == 0 else (),
        )
        one = some_facts(len(facts), begins, last, end_us, len(run))
        one = replace(one, sound=said, clock=at(until), gaps=gaps)
        if half == 0:
            stages = (
                StageChange(ORIGIN_US, "self_view", True),
                StageChange(ORIGIN_US + 1_000_000, "recording", True),
            )
            one = replace(one, stages=stages, marks=(ORIGIN_US + 400_000,))
        facts.append(one)
        frames, count = frames + len(run), count + len(heard)
    closing = replace(some_closing(frames, end_us + missing_us), sound=SoundEnd(count, (), ()))
    if missing_us:
        left = (Gap(STOPPED_SHORT, None, packets[-1][0].pts_us, closing.at_us),)
        silent = (Gap("sound lost", None, heard_to, closing.at_us),)
        closing = replace(closing, gaps=left, sound=SoundEnd(count, silent, ()))
    members = signed(header, [sealed(data) for data in plain], facts, closing)
    numbers = (*range(75), *range(120, 180))
    return Made(header, members, tuple(plain), numbers, tuple(facts))


def number_at(seconds: float) -> int:
    """The number of the picture that is there at a time of the recording."""
    return round(seconds * FPS) % 256


def beats(shown: list[Any]) -> list[int]:
    """The numbers of pictures that were shown, one after the other, none twice in a row."""
    found: list[int] = []
    for _, number in shown:
        if not found or found[-1] != number:
            found.append(number)
    return found
