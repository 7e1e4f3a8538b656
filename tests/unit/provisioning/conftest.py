"""A scene for each test, out of reach of the policies of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.config import policies
from tests.unit.provisioning.scene import Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(policies, "ETC", tmp_path / "etc")
    root = tmp_path / "camera"
    root.mkdir()
    return Scene(root)
