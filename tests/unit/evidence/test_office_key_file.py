"""The office's key, which two commands may want to make at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from camerad.base import durable_files
from camerad.evidence.office_key_file import load_key, load_or_create_key


def test_it_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "office.pem"
    key, made = load_or_create_key(str(path))
    assert made
    assert path.stat().st_mode & 0o777 == 0o600
    again, made = load_or_create_key(str(path))
    assert (again.pem, made) == (key.pem, False)
    assert os.listdir(path.parent) == ["office.pem"]


@pytest.mark.parametrize("unnamed", [True, False])
def test_of_two_who_make_it_at_once_both_have_the_one_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    """The other one comes when this one has seen that there is none, and before it has put its own
    into place. unnamed: whether the file system has files without a name."""
    path = str(tmp_path / "office.pem")
    publish, others = durable_files.publish_new, []
    if not unnamed:
        monkeypatch.setattr(durable_files, "create_unnamed", lambda *_: None)

    def late(*arguments: object, **how: object) -> None:
        if not others:
            others.append(None)
            others.append(load_or_create_key(path)[0])
        publish(*arguments, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(durable_files, "publish_new", late)
    mine, made = load_or_create_key(path)
    kept = load_key(path)
    assert kept is not None
    assert mine.pem == others[1].pem == kept.pem
    assert not made
    assert os.listdir(tmp_path) == ["office.pem"]
