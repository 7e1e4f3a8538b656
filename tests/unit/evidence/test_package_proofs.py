"""Proofs in a package: what was done to them is named, and an honest office is never accused."""

from __future__ import annotations

from pathlib import Path

from desk_helpers import KEY, ONE
from package_cases import cases

from camerad.evidence.package_proofs import ProofState, check_proofs


def test_what_was_done_to_a_packages_proofs_is_named(tmp_path: Path) -> None:
    table = cases(tmp_path)
    found = {name: check_proofs(files, KEY.public, ONE) for name, files, _ in table}
    assert {name: one.state for name, one in found.items()} == {
        name: state for name, _, state in table
    }
    # What a time stamp on them is compared with.
    proven = [one for one in found.values() if one.state is ProofState.PROVEN]
    assert proven and all(one.checkpoint and one.newest_us for one in proven)
