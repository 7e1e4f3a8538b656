"""Judges what signed statements say about sound; pure, fed by `camerad.verify.chain_check`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from camerad.base.clock import SECOND
from camerad.container.severity import Severity
from camerad.container.statements import (
    FragmentFacts,
    FragmentSound,
    Header,
    Microphone,
    SoundChange,
    SoundEnd,
)
from camerad.verify.coverage import AHEAD_US, UNSTATED_US, Holes, lasts_us
from camerad.verify.findings import FindingKind, Result, Span

SLACK_US: Final = 5_000
"""Media times of sound are rounded. They may differ by so much from what the samples add up to."""

_ON: Final = "on"
"""The state in which there is sound. Before the first stated state nothing is known."""


class AudioCheck:
    """Judges the sound of one recording; `result` grows meanwhile."""

    def __init__(self, result: Result) -> None:
        self._result: Final = result
        self._found: Final = result.findings
        self._until_us: int | None = None
        """Where the last signed sound ends; None before any, and behind a break of the chain."""
        self._holes: Final = Holes()
        self._broken = False

    def header(self, header: Header, name: str) -> None:
        """What a header says."""
        wanted = isinstance(header.microphone, Microphone)
        if header.sound and not wanted:
            self._found.contradict("a sound track without a microphone", name)
        elif wanted and not header.sound:
            text = "sound was wanted, and there is none at all"
            self._found.say(FindingKind.SILENT, text, name, severity=Severity.NOTE)

    def skip(self) -> None:
        """Statements are missing here, or not linked to those before."""
        self._until_us = None
        self._broken = True

    def commit(
        self, facts: FragmentFacts, last: FragmentFacts | None, name: str, *, linked: bool
    ) -> None:
        """What a commit says. last: the facts of the one before, None behind a break."""
        sound, header = facts.sound, self._result.header
        if not facts.frames:
            self._alone(facts, last, name)
        if linked and header is not None and header.sound != isinstance(sound, FragmentSound):
            self._found.contradict(
                f"sound: {'a' if header.sound else 'no'} track was announced", name
            )
        if isinstance(sound, FragmentSound):
            self._times(sound, facts, name, linked=linked)

    def end(self, sound: object, at_us: int, name: str) -> None:
        """What a linked end says. at_us: up to when footage was wanted."""
        header, result = self._result.header, self._result
        if header is None or not header.sound:
            if isinstance(sound, SoundEnd):
                self._found.contradict("sound: no track was announced", name)
            return
        if not isinstance(sound, SoundEnd):
            self._found.contradict("sound: a track was announced", name)
            return
        if not self._broken and sound.units != result.units:
            self._found.say(
                FindingKind.CONTRADICTION,
                f"counts {sound.units} access units of sound, and the commits {result.units}",
                name,
            )
        if not self._broken and result.commits:
            self._holes.add(self._sound_due_us(header), at_us)

    def report(self) -> None:
        """Report every silence that no statement explains.

        A silence is explained by gaps; or, if the recorder did not live to state gaps, by the
        states of sound. Only the pieces that neither covers are reported: a gap that touches a
        silence explains no more than it covers.
        """
        changes = sorted(self._result.sound_states, key=lambda one: one.at_us)
        for hole, bare in self._holes.unstated(self._result.sound_gaps):
            pieces = _by_state(hole, bare, changes)
            unexplained = [piece for state, piece in pieces if state == _ON]
            if lasts_us(unexplained) > UNSTATED_US:
                for piece in unexplained:
                    self._no_sound(FindingKind.SILENT, "no sound, and no statement says why", piece)
                continue
            for state, piece in pieces:
                if state != _ON:
                    self._no_sound(FindingKind.QUIET, f"no sound: {state}", piece)

    def _no_sound(self, kind: FindingKind, text: str, piece: Span) -> None:
        self._found.say(
            kind,
            text,
            severity=Severity.NOTE,
            from_us=self._result.recording_us(piece.from_us),
            to_us=self._result.recording_us(piece.to_us),
        )

    def _alone(self, facts: FragmentFacts, last: FragmentFacts | None, name: str) -> None:
        """A fragment without a picture must have sound, and say where the picture before it
        ended."""
        sound = facts.sound
        if not facts.sequence or not isinstance(sound, FragmentSound) or not sound.units:
            self._found.contradict("a fragment of nothing", name)
        elif {facts.first_us, facts.last_us} != {facts.end_us}:
            self._found.contradict("times of pictures, and there are none", name)
        elif last is not None and facts.end_us != last.end_us:
            self._found.contradict("another end of the picture before it", name)

    def _times(
        self, sound: FragmentSound, facts: FragmentFacts, name: str, *, linked: bool
    ) -> None:
        header = self._result.header
        first_us, end_us = sound.first_us, sound.end_us
        if first_us is None or end_us is None:
            if first_us is not end_us or sound.units:
                self._found.contradict("sound without its times", name)
            return
        if not sound.units or first_us >= end_us:
            self._found.contradict("times of sound that do not rise", name)
            return
        if end_us > facts.clock.boot_us + AHEAD_US:
            self._found.contradict("sound from after its own signature", name)
        if self._until_us is not None and first_us < self._until_us - SLACK_US:
            self._found.contradict("sound that begins before the sound before it ends", name)
        if header is None or not linked:
            return
        microphone = header.microphone
        if first_us < header.origin_us:
            self._found.contradict("sound from before the recording's origin", name)
        if isinstance(microphone, Microphone):
            sound_us = sound.units * microphone.samples * SECOND // microphone.rate
            if sound_us > end_us - first_us + SLACK_US:
                self._found.contradict("more sound than there is time for", name)
        if not self._broken:
            self._holes.add(self._sound_due_us(header), first_us)
        self._until_us = end_us

    def _sound_due_us(self, header: Header) -> int:
        """Media time from which on more sound should follow."""
        if self._until_us is not None:
            return self._until_us
        microphone = header.microphone
        if isinstance(microphone, Microphone) and microphone.pre_event:
            return header.origin_us
        return max(header.origin_us, header.trigger_us)


def _by_state(
    hole: Span, bare: Sequence[Span], changes: Sequence[SoundChange]
) -> list[tuple[str, Span]]:
    """The pieces of `hole` that no gap covers, ascending, each with the state of sound in it. They
    are cut where the state changed. changes: of all the recording, ascending."""
    before = bisect_right(changes, hole.from_us, key=lambda one: one.at_us)
    behind = bisect_left(changes, hole.to_us, key=lambda one: one.at_us)
    edges = [
        (hole.from_us, changes[before - 1].state if before else _ON),
        *((one.at_us, one.state) for one in changes[before:behind]),
        (hole.to_us, _ON),
    ]
    pieces = []
    index = 0
    for (at_us, state), (upto_us, _) in pairwise(edges):
        while index < len(bare) and bare[index].from_us < upto_us:
            from_us, to_us = max(bare[index].from_us, at_us), min(bare[index].to_us, upto_us)
            if from_us < to_us:
                pieces.append((state, Span(from_us, to_us)))
            if bare[index].to_us > upto_us:
                break  # it goes on with the next state
            index += 1
    return pieces
