"""What masks and mutes change in a film: which pictures, units of sound and fragments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from camerad.container.redaction import Mask, MutedRange
from camerad.evidence.redaction.opened_film import FilmTimes, TimedSample


class CopyPlan:
    """What changes in a film. masked: times of masked pictures; encoded: those that are encoded
    anew; keys: those of them that begin so; decoded: those that are decoded for that. changed:
    fragments."""

    def __init__(self, film: FilmTimes, masks: Sequence[Mask], mutes: Sequence[MutedRange]) -> None:
        self._mutes = mutes
        self.masked: Final = {
            one.at_us
            for one in film.pictures
            if any(mask.at(one.at_us) is not None for mask in masks)
        }
        self.encoded: Final[set[int]] = set()
        self.keys: Final[set[int]] = set()
        self.decoded: Final[set[int]] = set()
        group: list[TimedSample] = []
        for one in film.pictures:
            if one.seen.sync:
                self._add(group)
                group = []
            group.append(one)
        self._add(group)
        self.changed: Final = {
            sequence
            for sequence, samples in film.fragments.items()
            if any(
                one.at_us in self.encoded if one.picture else self.is_muted(one) for one in samples
            )
        }

    def _add(self, group: Sequence[TimedSample]) -> None:
        times = [one.at_us for one in group]
        first = next((n for n, at_us in enumerate(times) if at_us in self.masked), None)
        if first is not None:
            self.decoded.update(times)
            self.encoded.update(times[first:])
            self.keys.add(times[first])

    def is_muted(self, unit: TimedSample) -> bool:
        """Whether a unit of sound is replaced by silence."""
        return any(unit.at_us < one.to_us and unit.behind_us > one.from_us for one in self._mutes)
