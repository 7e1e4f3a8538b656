"""A folder for one configuration, out of reach of the policies of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.config import policies

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def etc(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory in the place of /etc/camerad."""
    place = tmp_path_factory.mktemp("etc")
    monkeypatch.setattr(policies, "ETC", place)
    return place


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a configuration, and policies beside it; messages then begin with ``c.yaml:``."""
    monkeypatch.chdir(tmp_path)

    def writer(text: str, **named: str) -> Path:
        path = Path("c.yaml")
        path.write_text(text, encoding="utf-8")
        for name, policy in named.items():
            Path("policies").mkdir(exist_ok=True)
            Path("policies", f"{name}.yaml").write_text(policy, encoding="utf-8")
        return path

    return writer
