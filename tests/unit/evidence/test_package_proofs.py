"""Proofs in a package: what was done to them is named, and an honest office is never accused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from desk_helpers import KEY, ONE
from package_cases import cases

from camerad.evidence.package_proofs import ProofState, check_proofs

BY_HAND = Path(__file__).parents[3] / "docs/check_proof.py"


def test_what_was_done_to_a_packages_proofs_is_named(tmp_path: Path) -> None:
    table = cases(tmp_path)
    found = {name: check_proofs(files, KEY.public, ONE) for name, files, _ in table}
    assert {name: one.state for name, one in found.items()} == {
        name: state for name, _, state in table
    }
    # What a time stamp on them is compared with.
    proven = [one for one in found.values() if one.state is ProofState.PROVEN]
    assert proven and all(one.checkpoint and one.newest_us for one in proven)


def test_an_auditor_finds_the_same_by_python_and_openssl_alone(tmp_path: Path) -> None:
    """Each of these packages is proven for both, or for neither, which says why in one line."""
    for number, (name, files, state) in enumerate(cases(tmp_path / "made")):
        package = tmp_path / str(number)
        package.mkdir()
        for file, content in (files | {"device-key.pem": KEY.public.pem.encode()}).items():
            (package / file).write_bytes(content)
        command = [sys.executable, "-I", str(BY_HAND), str(package)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        is_proven = state is ProofState.PROVEN
        assert (said.returncode == 0) == is_proven == ("cosigned by:" in said.stdout), name
        assert is_proven or (said.stderr.count("\n"), said.stderr[:12]) == (1, "DOES NOT FIT"), name
