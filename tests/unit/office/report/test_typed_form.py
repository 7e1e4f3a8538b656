"""The form's mistakes are named with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base.errors import ConfigError
from camerad.office.report.typed_form import EMPTY, TypedForm, load_form


def mistakes(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as found:
        load_form(str(path))
    return [one.removeprefix(f"{path}:") for one in found.value.mistakes]


def test_every_mistake_has_its_line_and_the_empty_form_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "form.yaml"
    found = mistakes(
        path,
        "wearers: -1\nwith_camera:\n  hours: 1.5\n  assault: 3\noccasions:\n  parking: lots\n"
        "surveys: [31]\n",
    )
    named = ["1: wearers", "3: with_camera.hours", "4: with_camera.assault", "6: occasions.parking"]
    assert [one[: len(start)] for one, start in zip(found, named, strict=False)] == named
    assert "camerad office report --form" in mistakes(path, "")[0]
    path.write_text(EMPTY)
    assert load_form(str(path)) == TypedForm()
