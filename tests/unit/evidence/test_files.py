"""What the few calls that write promise beyond what their users' tests show."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.errors import StorageError
from camerad.evidence import files


@pytest.mark.parametrize("path", ["one", "one/two/three", "./one", "../here/one/two"])
def test_a_directory_is_made_by_a_relative_path_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    files.make_directory(path)
    assert (here / path).is_dir()
    files.make_directory(path)


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="make the directory"):
        files.make_directory(str(tmp_path / "file" / "below"))
