"""``python -m tests.bench.redaction_recall``: how many faces and plates detection finds.

The truth is `tests/fixtures/faces-and-plates.csv`: boxes drawn by eye in 300 pictures of four
films; the file says what counts. Each film is measured twice: in the drawn pictures alone, as the
detector gives them, and as a person is shown them in a draft: every fifth picture is searched, and
masks go on between. A truth is found if one suggestion of its kind covers at least half of it; a
suggestion is false if it covers half of none, not even of a doubtful one.

It prints a table, and one JSON object as the last thing on standard output.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import av
import numpy as np
from hw_mocks import clips

from camerad.container.redaction import Mask, MaskKind, Rectangle
from camerad.evidence.redaction.detection import load_detector
from camerad.evidence.redaction.suggestion import EVERY, Detect, Detected, Tracker
from tests.bench.plan import BenchError, answer

TRUTH: Final = Path(__file__).parents[1] / "fixtures" / "faces-and-plates.csv"
DRAWN: Final = 75
"""Pictures of each film."""
KINDS: Final = (MaskKind.FACE, MaskKind.PLATE)


class Seen(NamedTuple):
    """What a person saw in a picture."""

    kind: MaskKind
    where: Rectangle
    doubtful: bool


Truth = dict[int, list[Seen]]
"""By the picture's number."""


def drawn(film: str, pictures: int) -> list[int]:
    """The pictures of a film that are looked at: one at random in each of equal parts."""
    chance = Random(film)
    bounds = [part * pictures // DRAWN for part in range(DRAWN + 1)]
    return [chance.randrange(*part) for part in itertools.pairwise(bounds)]


def read_truth() -> tuple[dict[str, Truth], dict[str, str]]:
    """What was seen in each film, and each film's SHA-256."""
    lines = TRUTH.read_text().splitlines()
    films: dict[str, Truth] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        seen = films.setdefault(row["film"], {}).setdefault(int(row["picture"]), [])
        where = Rectangle(*(int(row[one]) for one in ("x", "y", "width", "height")))
        seen.append(Seen(MaskKind(row["kind"]), where, row["doubtful"] == "1"))
    hashes = {line.split()[1]: line.split()[-1] for line in lines if " sha256 " in line}
    return films, hashes


def pictures(path: Path) -> Iterator[np.ndarray[Any, Any]]:
    """All pictures of a film (BGR)."""
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def suggest(
    film: str, path: Path, detect: Detect
) -> tuple[dict[int, Sequence[Detected]], dict[int, Sequence[Detected]]]:
    """For each drawn picture: what is detected in it, and what the draft has there."""
    with av.open(str(path)) as opened:
        count = sum(1 for _ in opened.decode(video=0))
    numbers = drawn(film, count)
    tracker, alone = Tracker(), {}
    height = width = 0
    for number, picture in enumerate(pictures(path)):
        if number % EVERY == 0 or number in numbers:
            height, width = picture.shape[:2]
            found = detect(picture)
            if number % EVERY == 0:
                tracker.add(number, found)
            if number in numbers:
                alone[number] = found
    masks = [(one.kind, Mask(one.boxes, one.kind)) for one in tracker.masks(count, width, height)]
    draft = {
        number: [(kind, at) for kind, mask in masks if (at := mask.at(number)) is not None]
        for number in numbers
    }
    return alone, draft


def covers(mask: Rectangle, face: Rectangle) -> bool:
    """Whether at least half of what was seen is under a mask."""
    across = min(mask.x + mask.width, face.x + face.width) - max(mask.x, face.x)
    down = min(mask.y + mask.height, face.y + face.height) - max(mask.y, face.y)
    return 2 * max(0, across) * max(0, down) >= face.width * face.height


def count(truth: Truth, suggested: dict[int, Sequence[Detected]], kind: MaskKind) -> dict[str, int]:
    """The figures of one kind in one film."""
    figures = dict.fromkeys(("truth", "found", "missed", "doubtful", "doubtful_found", "false"), 0)
    for number, masks in suggested.items():
        seen = [one for one in truth.get(number, ()) if one.kind is kind]
        of_kind = [where for one, where in masks if one is kind]
        for one in seen:
            hit = any(covers(mask, one.where) for mask in of_kind)
            figures["doubtful" if one.doubtful else "truth"] += 1
            if one.doubtful:
                figures["doubtful_found"] += hit
            else:
                figures["found" if hit else "missed"] += 1
        for mask in of_kind:
            figures["false"] += not any(covers(mask, one.where) for one in seen)
    return figures


def main() -> int:
    """Measure all films. Raises BenchError where a film is another than the one looked at."""
    detect = load_detector()
    films, hashes = read_truth()
    rows = []
    for film, truth in films.items():
        path = clips.find(film)
        if hashlib.sha256(path.read_bytes()).hexdigest() != hashes[film]:
            raise BenchError(f"{path}: this is not the film of {TRUTH.name}")
        for use, suggested in zip(("picture", "draft"), suggest(film, path, detect), strict=True):
            for kind in KINDS:
                figures = count(truth, suggested, kind)
                rows.append({"film": film, "kind": kind.value, "use": use, **figures})
                told = "  ".join(f"{name} {value:4}" for name, value in figures.items())
                sys.stderr.write(f"{film:22}{kind.value:6}{use:8}{told}\n")
    answer({"recall": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
