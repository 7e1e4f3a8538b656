"""The tamper campaign on recordings: every change shows, its damage is named rightly, and what is
called proven is.

`SEED` decides about everything that is drawn; another one is tried with TAMPER_SEED=n.
"""

from __future__ import annotations

import functools
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from sealed_helpers import KEYS, Made, made

from camerad.container.jws import digest
from camerad.container.severity import Severity
from camerad.verify.findings import Finding
from camerad.verify.judge import verify
from camerad.verify.verdict import Report, Verdict
from tests.tamper.recordings import FAMILIES, Mutation, recordings

SEED = int(os.environ.get("TAMPER_SEED", "20261124"))
AT_LEAST = 1_000
"""Mutations in one run, over all families."""

_ORDER = {"header.jws": -2, "init.mp4.age": -1, "torn.bin": 1 << 60, "end.jws": 1 << 61}


@functools.cache
def originals() -> list[Made]:
    return recordings()


def mutations(family: str) -> list[Mutation]:
    found: list[Mutation] = []
    for index, it in enumerate(originals()):
        chance = random.Random(f"{SEED} {family} {index}")
        found += FAMILIES[family](it, originals()[index - 1], chance)
    return found


def check(path: Path, data: bytes) -> Report:
    path.write_bytes(data)
    return verify(str(path), KEYS)


def place(name: str) -> int:
    number = re.match(r"(\d{6,})\.", name)
    return 2 * int(number[1]) + name.endswith(".jws") if number else _ORDER.get(name, 1 << 62)


def names(finding: Finding, name: str) -> bool:
    if name in (finding.first, finding.last):
        return True
    return bool(finding.first) and place(finding.first) <= place(name) <= place(finding.last)


def is_proven(report: Report, it: Made, sequence: int) -> bool:
    assert report.result is not None
    facts = it.facts[sequence]
    middle_us = (facts.first_us + facts.last_us) // 2 - it.header.origin_us
    return any(span.from_us <= middle_us < span.to_us for span in report.result.proven)


def original_of(mutation: Mutation, report: Report) -> Made | None:
    header = report.result.header if report.result is not None else None
    same = [it for it in originals() if header is not None and it.header.id == header.id]
    return same[0] if same else None


def complaint(mutation: Mutation, report: Report, it: Made | None) -> str | None:
    """What is wrong with a report about a mutation; None if nothing is."""
    if report.verdict < Verdict.NOT_AUTHENTIC:
        return "not found"
    result = report.result
    if result is None:
        statements = [data for one in originals() for name, data in one.members if "jws" in name]
        left = any(statement in mutation.data for statement in statements)
        return "taken for no recording" if left else None
    damage = [found for found in result.findings if found.severity is Severity.DAMAGE]
    if not any(names(found, name) for found in damage for name in mutation.named):
        return f"named wrongly: {[(str(f.kind), f.first, f.last) for f in damage]}"
    if it is None:
        return None
    if report.state in ("closed", "recovered") and result.final != digest(it.content("end.jws")):
        return "closed by another end"
    claimed = [number for number in mutation.spoiled if is_proven(report, it, number)]
    if claimed:
        return f"called proven: {claimed}"
    if mutation.whole:
        rest = set(range(len(it.facts))).difference(mutation.spoiled)
        lost = [number for number in rest if not is_proven(report, it, number)]
        if lost:
            return f"not called proven: {lost}"
    return None


@pytest.mark.parametrize("family", FAMILIES)
def test_every_change_shows_and_is_named_rightly(family: str, tmp_path: Path) -> None:
    wrong = []
    for mutation in mutations(family):
        report = check(tmp_path / "recording.tar", mutation.data)
        said = complaint(mutation, report, original_of(mutation, report))
        if said is not None:
            wrong.append(f"{mutation.what}: {said}")
    assert wrong == []


def test_the_campaign_is_large_enough_and_no_mutation_is_an_original() -> None:
    files = {it.file for it in originals()}
    every = [mutation for family in FAMILIES for mutation in mutations(family)]
    assert len({mutation.data for mutation in every}) >= AT_LEAST
    assert files.isdisjoint(mutation.data for mutation in every)


def untouched() -> Sequence[Made]:
    chance = random.Random(SEED)
    scripts = ["I", "IP", "I" + "P" * 14, "IPPI.PI" + " " * 40 + "IPP"]
    for _ in range(20):
        pieces = [
            "I" + "P" * chance.randrange(1, 29) + chance.choice(("", "..", " " * 50))
            for _ in range(chance.randrange(1, 4))
        ]
        scripts.append("".join(pieces).rstrip(" ."))
    return [
        made(script, identity=f"20261124T153000Z-{number:06d}-0000000a", first=number)
        for number, script in enumerate(scripts, 1)
    ]


def test_untouched_recordings_raise_no_alarm(tmp_path: Path) -> None:
    for it in [*originals(), *untouched()]:
        report = check(tmp_path / f"{it.header.id}.tar", it.file)
        assert report.verdict <= Verdict.QUALIFIED, report.text()
        assert report.result is not None
        assert report.result.authentic
        assert all(is_proven(report, it, number) for number in range(len(it.facts)))
