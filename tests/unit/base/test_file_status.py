"""A missing name is told apart from one that cannot be looked at."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from camerad.base import file_status, storage_errors
from camerad.base.errors import StorageError


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE])
def test_no_answer_is_not_taken_for_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.lstat
    path = tmp_path / "shut" / "one"
    path.parent.mkdir()

    def refuse(name: str) -> os.stat_result:
        if name == str(path):
            raise OSError(number, os.strerror(number))
        return real(name)

    monkeypatch.setattr(file_status.os, "lstat", refuse)
    forbidden = number in storage_errors.FORBIDDEN
    for ask in (
        file_status.exists,
        file_status.is_directory,
        file_status.is_link,
        file_status.is_file,
    ):
        with pytest.raises(StorageError) as said:
            ask(str(path))
        assert said.value.errno == number
        assert isinstance(said.value, storage_errors.ForbiddenError) is forbidden
        # A person who may not look is told where, and that once for all that is in there.
        named = path.parent if forbidden else path
        assert str(said.value).startswith(f"{named}: ")


@pytest.mark.parametrize("name", ["nothing", "file/below", "loop/below", "x" * 300])
def test_what_cannot_be_there_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    assert file_status.mode_of(str(tmp_path / name)) is None
    assert not file_status.exists(str(tmp_path / name))


def test_a_link_is_one_and_what_it_leads_to_is_asked_for_by_name(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "lost").symlink_to("nowhere")
    link, lost = str(tmp_path / "link"), str(tmp_path / "lost")
    assert (file_status.is_link(link), file_status.is_directory(link)) == (True, False)
    assert file_status.is_directory(link, linked=True)
    assert (file_status.exists(lost), file_status.mode_of(lost, linked=True)) == (True, None)
    for path in (link, lost):
        with pytest.raises(StorageError, match="a symbolic link stands there"):
            file_status.check_listable(path)


def test_no_command_and_nothing_of_evidence_takes_no_answer_for_no() -> None:
    asking = re.compile(
        r"os\.path\.(exists|lexists|isdir|isfile|islink)\(|\.(exists|is_dir|is_file)\(\)"
    )
    package = Path(file_status.__file__).parents[1]
    rooms = ("container", "ledger", "store", "verify", "evidence", "office/report", "cli")
    assert all((package / room).is_dir() for room in rooms)
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for room in rooms
        for path in sorted((package / room).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if asking.search(line)
    ]
    assert found == []


def test_no_message_gives_a_directory_to_another_user() -> None:
    """A message knows a path, and not whose it is to be: it may be a home, or the whole system."""
    for source in Path(file_status.__file__).parents[1].rglob("*.py"):
        for text in re.findall(r'"[^"\n]*"', source.read_text()):
            assert not re.search(r"\bchown |chmod -R|change the owner", text), (source, text)


def test_a_name_that_is_gone_again_as_it_is_looked_at_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that a file had until it was published."""
    (tmp_path / "one").write_bytes(b"{}")
    found = os.lstat(tmp_path / "one")
    monkeypatch.setattr(os, "listdir", lambda _: ["one.new", "one"])
    assert file_status.versions_in(str(tmp_path)) == (
        ("one", (found.st_ino, 2, found.st_mtime_ns, found.st_ctime_ns)),
        ("one.new", None),
    )
    with pytest.raises(StorageError, match="list the directory"):
        monkeypatch.undo()
        file_status.versions_in(str(tmp_path / "none"))
