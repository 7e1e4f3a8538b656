"""What came of an upload is told apart from what the storage gives back."""

from __future__ import annotations

import hashlib
from pathlib import Path

from camerad.office.server import arrivals
from camerad.office.server.arrivals import Arrivals

NAME = ("kid", "recording")


def came(found: Arrivals, *parts: bytes) -> None:
    begin = 0
    for part in parts:
        found.note(NAME, begin, begin + len(part), hashlib.sha256(part).digest())
        begin += len(part)


def test_a_file_is_as_it_came_or_not(tmp_path: Path) -> None:
    found, path = Arrivals(), tmp_path / "file"
    found.begin(NAME)
    came(found, b"abc", b"defg")
    for content, same in (
        (b"abcdefg", True),
        (b"abcdefG", False),
        (b"Abcdefg", False),
        (b"abcdef", False),
        (b"abcdefgh", False),
        (b"", False),
    ):
        path.write_bytes(content)
        assert found.is_as_it_came(NAME, str(path)) is same, content


def test_only_what_came_from_its_beginning_is_known() -> None:
    found = Arrivals()
    came(found, b"abc")  # it had begun before this process did
    assert not found.knows(NAME, 3)
    found.begin(NAME)
    assert not found.knows(NAME, 0)
    came(found, b"abc")
    assert found.knows(NAME, 3) and not found.knows(NAME, 4)
    found.note(NAME, 5, 6, b"")  # and not from 3 on
    assert not found.knows(NAME, 3)
    found.begin(NAME)
    came(found, b"abc")
    found.forget(NAME)
    assert not found.knows(NAME, 3)


def test_what_is_known_is_bounded() -> None:
    found = Arrivals()
    found.begin(NAME)
    came(found, *[b"a"] * arrivals.MOST_PARTS)
    assert found.knows(NAME, arrivals.MOST_PARTS)
    found.note(NAME, arrivals.MOST_PARTS, arrivals.MOST_PARTS + 1, b"")
    assert not found.knows(NAME, arrivals.MOST_PARTS + 1)
