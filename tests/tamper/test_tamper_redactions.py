"""The tamper campaign on redacted copies: every change that the list does not name is found, and
the finding names it.

`SEED` decides about everything that is drawn; another one is tried with TAMPER_SEED=n.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from redaction_helpers import SIGNER, redacted
from sealed_helpers import KEYS, office

from camerad.container.keys import KeyRing
from camerad.container.severity import Severity
from camerad.evidence.redaction.copy_check import OriginalAtHand, check_copy
from camerad.verify.verdict import Report, Verdict
from tests.breadth import breadth
from tests.tamper.redactions import FAMILIES, Mutation

SEED = int(os.environ.get("TAMPER_SEED", "20261124"))
AT_LEAST = 300
"""Mutations in a campaign, over all families."""
OFFICE = KeyRing([SIGNER.public])


def mutations(family: str) -> list[Mutation]:
    return list(FAMILIES[family](random.Random(f"{SEED} {family}")))


def check(directory: Path, mutation: Mutation) -> Report:
    copy, source = directory / "copy.redacted.tar", directory / "original.tar"
    copy.write_bytes(mutation.data)
    original = None
    if mutation.compared:
        source.write_bytes(redacted().original.file)
        original = OriginalAtHand(str(source), [office()])
    return check_copy(str(copy), KEYS, OFFICE, original=original)


def complaint(mutation: Mutation, report: Report) -> str | None:
    """What is wrong with a report about a mutation; None if nothing is."""
    if report.verdict < Verdict.NOT_AUTHENTIC:
        return "not found"
    if report.result is None:
        return None if not mutation.named else "taken for no recording"
    damage = [one for one in report.result.findings if one.severity is Severity.DAMAGE]
    named = [
        one
        for one in damage
        if one.kind in mutation.kinds and mutation.named in ("", one.first, one.last)
    ]
    return None if named else f"named wrongly: {[(str(f.kind), f.first, f.text) for f in damage]}"


@pytest.mark.breadth
@pytest.mark.parametrize("family", FAMILIES)
def test_every_change_of_a_copy_is_found_and_named(family: str, tmp_path: Path) -> None:
    every = mutations(family)
    chosen = random.Random(SEED).sample(every, min(len(every), breadth(25, 1_000)))
    found = ((one, complaint(one, check(tmp_path, one))) for one in chosen)
    assert [f"{one.what}: {said}" for one, said in found if said is not None] == []


@pytest.mark.campaign
def test_the_campaign_is_large_enough_and_no_mutation_is_the_copy() -> None:
    every = {one.data for family in FAMILIES for one in mutations(family)}
    assert len(every) >= AT_LEAST and redacted().archive not in every
