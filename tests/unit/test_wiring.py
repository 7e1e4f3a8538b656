"""What each part is told follows from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad import wiring
from camerad.config import load
from camerad.hardware.lights import Output


@pytest.mark.parametrize(("kind", "pitched"), [("passive", True), ("active", False)])
def test_only_a_passive_buzzer_is_driven_at_a_pitch(
    tmp_path: Path, kind: str, pitched: bool
) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text(f"policy: generic\nbuzzer: {{gpio: 12, active_high: false, kind: {kind}}}\n")
    *others, buzzer = wiring.outputs(load(path))
    assert buzzer == Output("buzzer", 12, active_high=False, pitched=pitched)
    assert not any(output.pitched for output in others)
