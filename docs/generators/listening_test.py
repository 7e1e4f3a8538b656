"""Who takes which rhythm for which: a simulated listening test, for docs/signals.md.

``python -m generators.listening_test [--check]`` writes the tables between ``<!-- table: NAME -->``
and ``<!-- end of table -->`` of that page; with ``--check`` nothing is written, and the exit code
is 1 if the page is out of date. No person took part. A simulation cannot say how many people get a
rhythm right; it compares vocabularies under the same disturbance.

The disturbance. Every stroke and every pause lasts T · (1 + 0.3 · z), z from the standard normal
distribution, and at least T / 10. Every stroke is lost with probability 1/10, by itself: there is
silence instead. Which strokes are lost is not drawn: all cases are computed, with their weight.
Where all are lost, nothing is felt.

The listener knows all rhythms of the vocabulary, and takes what was felt for the nearest. The felt
strokes x1 … xk, with silence g1 … gk-1 between them, are laid upon k strokes of a rhythm, in their
order, which last T1 … Tk with silence G1 … Gk-1 between them, that of the strokes left out
included. Over all ways to do so the distance is the smallest

    D = Σ ln²(xi / Ti) + Σ ln²(gi / Gi) + 0.4 · (strokes of the rhythm left out)

A rhythm with fewer strokes than were felt is out of question, since none are made up. 0.4 is what
makes a lost stroke as likely to this listener as it is: 2 · 0.3² · ln 9.
"""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from camerad.behaviour.signals import CODES, CUE_TABLE, LONG_MS, PAUSE_MS, QUICK_MS, Rhythm
from camerad.behaviour.stages import CueKind
from generators import fights, written_page
from generators.written_page import markdown_table

PAGE: Final = Path(__file__).parents[2] / "docs" / "signals.md"
SEED: Final = 16
SAMPLES: Final = 1000
"""How often each case is heard."""
JITTER: Final = 0.3
LOST: Final = 0.1
LEFT_OUT: Final = 0.4
TIE: Final = 1e-9
"""What is no nearer than this is as near: the listener guesses."""

NOTHING: Final = "nothing"
"""What is taken for no rhythm at all."""

DESIGN: Final[Mapping[str, str]] = {one.name: one.value for one in Rhythm}
"""The vocabulary of the camera, by what it says."""

RECORDING: Final = frozenset({"RECORDS", "SILENT"})
"""What says that it records."""
OVER: Final = frozenset({"LEFT", "NO_RECORDING"})
"""What says that it does not: whichever of them it is taken for, that is so."""

Array = npt.NDArray[np.float64]


def full() -> dict[str, str]:
    """The codes of `signals.detail: full`, each by the first cue that it tells."""
    named: dict[str, str] = {}
    for kind, code in CODES.items():
        if code not in named.values():
            named[kind.value] = code
    return named


def says(name: str) -> str:
    """What a rhythm or a code says, as one of the eight."""
    if name not in {kind.value for kind in CueKind}:
        return name
    return CUE_TABLE[CueKind(name)][0].name


def matters(told: str, taken: str) -> bool:
    """Whether it matters that one rhythm is taken for another: unless both say that it does not
    record, or the sound alone is believed to be missing."""
    if NOTHING in (told, taken) or told == taken or {told, taken} <= OVER:
        return False
    return (told, taken) != ("RECORDS", "SILENT")


# ------------------------------------------------------------------------------------ one listener


@dataclass(frozen=True, slots=True)
class Felt:
    """What is left of a rhythm in one case. weight: how likely it is. strokes: (samples, k).
    silence: (samples, k - 1). Milliseconds."""

    weight: float
    strokes: Array
    silence: Array


def lengths(code: str) -> list[int]:
    """Strokes and the pauses between them, in turn, in milliseconds."""
    times: list[int] = []
    for stroke in code:
        times += [LONG_MS if stroke == "-" else QUICK_MS, PAUSE_MS]
    return times[:-1]


def cases(code: str, chance: random.Random, samples: int) -> Iterator[Felt]:
    """Every case of what is felt of a rhythm."""
    times = lengths(code)
    for kept in product((True, False), repeat=len(code)):
        left = [2 * at for at, one in enumerate(kept) if one]
        lost = len(code) - len(left)
        weight = LOST**lost * (1 - LOST) ** len(left)
        drawn = np.array(
            [
                [time * max(0.1, 1 + JITTER * chance.gauss(0, 1)) for time in times]
                for _ in range(samples)
            ]
        )
        yield Felt(weight, drawn[:, left], _silence(drawn, left))


def _silence(times: Array, strokes: Sequence[int]) -> Array:
    """How long nothing is felt between these strokes: (samples, k - 1)."""
    between = [times[:, one + 1 : other].sum(axis=1) for one, other in pairwise(strokes)]
    return np.stack(between, axis=1) if between else np.empty((len(times), 0))


def distance(felt: Felt, code: str) -> Array:
    """How far what was felt is from a rhythm: (samples,)."""
    count = felt.strokes.shape[1]
    times = np.array([lengths(code)], dtype=np.float64)
    nearest = np.full(len(felt.strokes), np.inf)
    for chosen in combinations(range(len(code)), count):
        at = [2 * one for one in chosen]
        off = (np.log(felt.strokes / times[:, at]) ** 2).sum(axis=1)
        off += (np.log(felt.silence / _silence(times, at)) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, off + LEFT_OUT * (len(code) - count))
    return nearest


@cache
def felt(code: str) -> tuple[Felt, ...]:
    """What is felt of a rhythm; the same whatever else is in the vocabulary."""
    return tuple(cases(code, random.Random(f"{SEED} {code}"), SAMPLES))  # noqa: S311 - a seed, no key


@cache
def weights(code: str) -> Array:
    """How likely each hearing of a rhythm is."""
    return np.concatenate([np.full(SAMPLES, one.weight / SAMPLES) for one in felt(code)])


@cache
def distances(told: str, other: str) -> Array:
    """How far each hearing of a rhythm is from another one; infinite where nothing is felt."""
    nothing = np.full(SAMPLES, np.inf)
    return np.concatenate(
        [distance(one, other) if one.strokes.shape[1] else nothing for one in felt(told)]
    )


def confusion(vocabulary: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """What each rhythm of a vocabulary is taken for, and how often; by name, NOTHING last."""
    return _confusion(tuple(vocabulary.items()))


@functools.cache
def _confusion(vocabulary: tuple[tuple[str, str], ...]) -> dict[str, dict[str, float]]:
    names, codes = [name for name, _ in vocabulary], [code for _, code in vocabulary]
    found = {}
    for name, code in vocabulary:
        far = np.stack([distances(code, one) for one in codes])
        nearest = far <= far.min(axis=0) + TIE
        nearest[:, np.isinf(far).all(axis=0)] = False
        each = weights(code) / np.maximum(1, nearest.sum(axis=0))
        shares = list(map(float, nearest @ each))
        found[name] = dict(zip([*names, NOTHING], [*shares, 1 - sum(shares)], strict=True))
    return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """right: share of all that is told that is taken for what it is. understood: for what says the
    same. misled: share of all that is told that misleads about whether it records. Each rhythm is
    told as often. worst: the largest share of one rhythm that is taken for another, where it
    matters; pair: these two.
    """

    right: float
    understood: float
    misled: float
    worst: float
    pair: tuple[str, str]


def judge(table: Mapping[str, Mapping[str, float]]) -> Judgement:
    """What a table of confusions comes to."""
    mean = 1 / len(table)
    right = understood = misled = 0.0
    worst, pair = 0.0, ("", "")
    for name, row in table.items():
        for taken, share in row.items():
            told, heard = says(name), says(taken)
            right += share * (taken == name)
            understood += share * (told == heard)
            if not matters(told, heard):
                continue
            misled += share * ((told in RECORDING) != (heard in RECORDING))
            worst, pair = max((worst, pair), (share, (told, heard)))
    return Judgement(right * mean, understood * mean, misled * mean, worst, pair)


# ---------------------------------------------------------------------------------------- the rule


def neighbours(code: str) -> set[str]:
    """What becomes of a rhythm when its last stroke is lost or exchanged, or one is added."""
    return {code[:-1], code[:-1] + ("-" if code[-1] == "." else "."), code + ".", code + "-"}


def keeps_the_rule(vocabulary: Mapping[str, str]) -> bool:
    """Whether no rhythm becomes another one by its last stroke, but for the two single ones, and
    none that is told while nothing is recorded becomes RECORDS by losing a stroke."""
    codes = list(vocabulary.values())
    for one, other in combinations(codes, 2):
        if {one, other} != {".", "-"} and (other in neighbours(one) or one in neighbours(other)):
            return False
    for name, code in vocabulary.items():
        shorter = {code[:at] + code[at + 1 :] for at in range(len(code))}
        if name not in ("RECORDS", "SILENT") and vocabulary["RECORDS"] in shorter:
            return False
    return len(set(codes)) == len(codes)


# ---------------------------------------------------------------------------------------- the page


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _vocabularies() -> str:
    rows = []
    for name, vocabulary in (
        ("the eight of this camera", DESIGN),
        ("`signals.detail: full`", full()),
    ):
        found = judge(confusion(vocabulary))
        shares = (found.right, found.understood, found.misled, found.worst)
        told, taken = found.pair
        rows.append((name, str(len(vocabulary)), *map(_percent, shares), f"{told} for {taken}"))
    head = ("vocabulary", "rhythms", "right", "says the same", "misled", "worst pair", "")
    return markdown_table(head, rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "vocabularies": _vocabularies,
    "stops": fights.stops,
}
"""Every table, by its name in the page."""


def page(text: str) -> str:
    """`text` with every table anew. Raises KeyError for one that there is not."""
    return written_page.with_tables(text, TABLES)


def main(arguments: Sequence[str] | None = None, path: Path = PAGE) -> int:
    """The command; returns its exit code."""
    return written_page.run("listening_test", page, path, arguments)


if __name__ == "__main__":
    sys.exit(main())
