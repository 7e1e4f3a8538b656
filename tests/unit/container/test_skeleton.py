"""A file is taken apart as far as it can be understood, and what stops that is said exactly."""

from __future__ import annotations

import errno
import io
import itertools
import os
from pathlib import Path

import pytest
from evidence_helpers import a_header, time_of
from hypothesis import given
from hypothesis import strategies as st
from sink_helpers import END, KEY, a_closing, a_facts, abandon, small

from camerad.base.errors import StorageError
from camerad.container import chain, jws, ustar
from camerad.container import skeleton as reading
from camerad.container.members import Located, NotARecordingError, Stop, StopReason, Walk
from camerad.container.skeleton import end_of, header_of, skeleton
from camerad.container.statements import Content, FragmentFacts
from camerad.container.ustar import member

MEMBERS = [("header.jws", b"h" * 700), ("init.mp4.age", b""), ("000000.m4s.age", b"f" * 1024)]
ARCHIVE = b"".join(b"".join(member(name, content)) for name, content in MEMBERS)


def walked(data: bytes) -> tuple[list[Located], Stop]:
    walking = Walk(io.BytesIO(data))
    return list(walking), walking.stop


def names(found: list[Located]) -> list[str]:
    return [located.member.name for located in found]


# --------------------------------------------------------------------------- walking


def test_a_walk_says_where_each_member_lies() -> None:
    found, stop = walked(ARCHIVE + ustar.END)
    contents = [ARCHIVE[one.data_offset : one.data_offset + one.member.size] for one in found]
    assert list(zip(names(found), contents, strict=True)) == MEMBERS
    assert [one.header_offset for one in found] == [0, 1536, 2048]
    assert [one.end_offset for one in found] == [1536, 2048, 3584]
    assert stop[:2] == (3584, StopReason.END)


def test_the_file_may_be_read_while_it_is_walked_through() -> None:
    file = io.BytesIO(ARCHIVE + ustar.END)
    found = []
    for located in Walk(file):
        file.seek(located.data_offset)
        found.append(file.read(located.member.size))
    assert found == [content for _, content in MEMBERS]


@pytest.mark.parametrize("room", [512, 1536, 16 << 20])
def test_zeros_are_the_archive_s_end_only_if_nothing_else_is_there(room: int) -> None:
    found, stop = walked(ARCHIVE + bytes(room))
    assert names(found) == [name for name, _ in MEMBERS]
    assert stop[:2] == (len(ARCHIVE), StopReason.ROOM)


def test_an_end_with_something_in_its_second_block_is_none() -> None:
    _, stop = walked(ARCHIVE + bytes(1023) + b"x")
    assert stop[:2] == (len(ARCHIVE), StopReason.ROOM)


def test_wherever_the_file_is_cut_the_members_before_are_found() -> None:
    """Every length from nothing to the whole archive without its end."""
    sizes = (len(b"".join(member(*piece))) for piece in MEMBERS)
    ends = list(itertools.accumulate(sizes))
    for size in range(len(ARCHIVE) + 1):
        found, stop = walked(ARCHIVE[:size])
        whole = sum(end <= size for end in ends)
        assert len(found) == whole
        assert stop[:2] == (([0, *ends])[whole], StopReason.CUT)


def test_padding_that_is_not_zeros_is_damage() -> None:
    for at in range(512 + 700, 1536):
        data = bytearray(ARCHIVE + ustar.END)
        data[at] = 1
        found, stop = walked(bytes(data))
        assert (found, stop.offset, stop.why) == ([], 1212, StopReason.DAMAGED)


@given(st.integers(0, 511), st.integers(1, 255))
def test_a_damaged_header_stops_the_walk_there(at: int, turned: int) -> None:
    data = bytearray(ARCHIVE + ustar.END)
    data[2048 + at] ^= turned
    found, stop = walked(bytes(data))
    assert names(found) == ["header.jws", "init.mp4.age"]
    assert (stop.offset, stop.why) == (2048, StopReason.DAMAGED)


@given(st.binary(max_size=3000))
def test_garbage_is_never_a_member(data: bytes) -> None:
    found, stop = walked(data)
    assert found == []
    assert stop.why is not StopReason.END or data == ustar.END


@given(st.lists(st.tuples(st.sampled_from(["header.jws", "end.jws"]), st.binary(max_size=1200))))
def test_every_archive_is_walked_to_its_end(members: list[tuple[str, bytes]]) -> None:
    data = b"".join(b"".join(member(name, content)) for name, content in members)
    found, stop = walked(data + ustar.END)
    assert names(found) == [name for name, _ in members]
    assert (stop.offset, stop.why) == (len(data), StopReason.END)


# --------------------------------------------------------------------------- skeletons


def written(directory: Path, *pieces: tuple[str, bytes], end: bytes = ustar.END) -> str:
    """A file with these members; its path."""
    path = directory / "x.tar"
    path.write_bytes(b"".join(b"".join(member(*piece)) for piece in pieces) + end)
    return str(path)


class Made:
    """Statements of a recording, to be put together rightly and wrongly."""

    def __init__(self) -> None:
        self.chain = chain.Chain(KEY)
        self.header = ("header.jws", self.chain.header(a_header()))
        self.init = ("init.mp4.age", b"init")
        self.fragments = [(chain.fragment_name(n), b"fragment %d" % n) for n in range(2)]
        self.commits = [self.commit(n) for n in range(2)]

    def commit(self, n: int, init: Content | None = None, **changes: object) -> tuple[str, bytes]:
        if n == 0 and init is None:
            init = chain.content_of(self.init[1])
        content = chain.content_of(self.fragments[n][1])
        return chain.commit_name(n), self.chain.commit(content, a_facts(n, **changes), init)

    @property
    def committed(self) -> list[tuple[str, bytes]]:
        return [
            self.header,
            self.init,
            self.fragments[0],
            self.commits[0],
            self.fragments[1],
            self.commits[1],
        ]


def test_a_skeleton_is_what_the_file_says_about_itself(tmp_path: Path) -> None:
    told: list[tuple[FragmentFacts, int]] = []
    recording = small(tmp_path, 3)
    final = recording.close(END)
    found = skeleton(recording.path, lambda facts, size: told.append((facts, size)))
    assert found.header.id == a_header().id
    assert [facts for facts, _ in told] == [a_facts(n) for n in range(3)]
    assert sum(size for _, size in told) == recording.sealed_bytes
    assert (found.point.commits, found.point.frames, found.point.marks) == (3, 45, 0)
    assert found.point.end_us == time_of(45)
    assert found.last is not None and found.before_last is not None
    assert found.last.commit.facts == a_facts(2)
    assert found.before_last.commit.facts == a_facts(1)
    assert found.last.before.commits == 2
    assert found.closed_by is not None
    assert (found.closed_by.end.closing, found.closed_by.sha256) == (END, final)
    assert found.stop.why is StopReason.END
    assert header_of(recording.path) == found.header
    assert found.kid == KEY.public.thumbprint
    end, statement = end_of(recording.path) or (None, None)
    assert (end, statement) == (found.closed_by.end, found.closed_by.statement)


def test_a_skeleton_does_not_need_the_fragments(tmp_path: Path) -> None:
    recording = small(tmp_path, 0)
    recording.append(bytes(5_000_000), a_facts(0))
    abandon(recording)
    read = 0

    class Counting(io.FileIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            nonlocal read
            count = super().readinto(buffer)
            read += count
            return count

    with io.BufferedReader(Counting(recording.path), 8192) as file:
        found = reading._Reader(recording.path, file, None).read()
    assert found.point.commits == 1
    assert read < 100_000


def test_a_recording_without_an_end_goes_up_to_its_last_commit(tmp_path: Path) -> None:
    recording = small(tmp_path, 2)
    found = skeleton(recording.path)
    assert (found.end, found.closed_by, found.point.commits) == (None, None, 2)
    assert found.stop[:2] == (found.point.offset, StopReason.ROOM)
    assert end_of(recording.path) is None


def test_uncommitted_members_are_no_part_of_the_chain(tmp_path: Path) -> None:
    made = Made()
    points = []
    for count in range(1, 7):
        found = skeleton(written(tmp_path, *made.committed[:count], end=b""))
        points.append((found.point.commits, found.point.frames))
    assert points == [(0, 0), (0, 0), (0, 0), (1, 15), (1, 15), (2, 30)]


def test_an_end_with_a_torn_tail_before_it(tmp_path: Path) -> None:
    made = Made()
    torn = b"torn" * 300
    end = ("end.jws", made.chain.end(a_closing(reason="recovered"), chain.content_of(torn)))
    found = skeleton(written(tmp_path, *made.committed, ("torn.bin", torn), end))
    assert found.torn is not None and found.torn.member.size == 1200
    assert found.closed_by is not None


def test_reserved_room_behind_an_end_leaves_it_unfinished(tmp_path: Path) -> None:
    made = Made()
    end = ("end.jws", made.chain.end(END))
    path = written(tmp_path, *made.committed, end, end=bytes(4096))
    found = skeleton(path)
    assert found.end is not None
    assert found.closed_by is None
    assert end_of(path) is None


def test_whatever_does_not_follow_from_what_is_before_it_stops_the_chain(tmp_path: Path) -> None:
    made = Made()
    header, init, first, commit, second, last = made.committed
    end = ("end.jws", made.chain.end(END))
    torn = ("torn.bin", b"torn")
    other = chain.Chain(type(KEY).generate(), made.chain.previous, 2)
    for wrong, position in (
        # What is put at `position`, counted in members, does not belong there.
        ([header, header], 1),
        ([header, first], 1),
        ([header, commit], 1),
        ([header, init, commit], 2),
        ([header, init, end], 2),
        ([header, init, torn], 2),
        ([header, init, second], 2),
        ([header, init, first, last], 3),
        ([header, init, first, first], 3),
        ([header, init, first, ("000000.jws", last[1])], 3),
        ([header, init, first, ("000000.jws", header[1])], 3),
        ([header, init, first, ("000000.jws", b"no statement")], 3),
        ([header, init, first, ("000000.jws", b"a" * (jws.LONGEST + 1))], 3),
        ([header, ("init.mp4.age", b"longer"), first, commit], 3),
        ([header, init, ("000000.m4s.age", b"longer fragment"), commit], 3),
        ([header, init, first, commit, init], 4),
        ([header, init, first, commit, first], 4),
        ([header, init, first, commit, end], 4),
        ([*made.committed, torn, second], 7),
        ([*made.committed, torn, end], 7),
        ([*made.committed, ("end.jws", made.chain.end(END, chain.content_of(b"torn")))], 6),
        ([*made.committed, ("end.jws", other.end(END))], 6),
        ([*made.committed, ("end.jws", last[1])], 6),
        ([*made.committed, end, end], 7),
        ([*made.committed, ("other.txt", b"")], 6),
    ):
        found = skeleton(written(tmp_path, *wrong))
        offset = sum(len(b"".join(member(*piece))) for piece in wrong[:position])
        assert found.stop[:2] == (offset, StopReason.DAMAGED), [name for name, _ in wrong]
        assert found.closed_by is None


def test_a_commit_by_another_key_than_the_header_s_is_none(tmp_path: Path) -> None:
    made = Made()
    other = chain.Chain(type(KEY).generate(), jws.digest(made.header[1]))
    token = other.commit(chain.content_of(b"fragment 0"), a_facts(0), chain.content_of(b"init"))
    found = skeleton(written(tmp_path, *made.committed[:3], ("000000.jws", token)))
    assert (found.point.commits, found.stop.why) == (0, StopReason.DAMAGED)


@pytest.mark.parametrize(
    ("content", "text", "blank"),
    [
        (b"", "the file ends here", True),
        (bytes(100_000), "a block of zeros", True),
        (ustar.END, "the archive ends here", True),
        (bytes(3_000_000) + b"x", "a block of zeros", False),
        (b"evidence", "the file ends here", False),
        (b"x" * 512, "not one of camerad's", False),
        (b"".join(member("end.jws", b"")), "begins with the member 'end.jws'", False),
        (b"".join(member("header.jws", b"x")), "header.jws: a compact JWS has three parts", False),
    ],
)
def test_what_is_no_recording_is_said(
    tmp_path: Path, content: bytes, text: str, blank: bool
) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    for read in (skeleton, header_of):
        with pytest.raises(
            NotARecordingError, match=f"x.tar: this is not a recording: .*{text}"
        ) as (caught):
            read(str(tmp_path / "x.tar"))
        assert caught.value.blank == blank


@pytest.mark.timeout(60)
@pytest.mark.parametrize("written", [b"", b"x"])
def test_a_terabyte_that_is_not_there_is_not_read(tmp_path: Path, written: bytes) -> None:
    """Whoever writes a card makes such a file in no time; its zeros would take an hour to read."""
    path = tmp_path / "x.tar"
    with path.open("wb") as file:
        file.seek(1 << 39)
        file.write(written)
        file.truncate(1 << 40)
    with pytest.raises(NotARecordingError, match="a block of zeros") as caught:
        skeleton(str(path))
    assert caught.value.blank == (not written)


def test_what_is_no_recording_is_told_apart_from_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"no recording")
    assert reading.readable_skeleton(str(path)) is None

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path.write_bytes(bytes(512))
    monkeypatch.setattr(os, "lseek", broken)
    with pytest.raises(StorageError, match="cannot read the recording: Input/output error"):
        reading.readable_skeleton(str(path))


def test_another_format_is_not_guessed_at(tmp_path: Path) -> None:
    token = chain.Chain(KEY).header(a_header(format=2))
    with pytest.raises(NotARecordingError, match="it is of format 2, known is 1"):
        skeleton(written(tmp_path, ("header.jws", token)))


@pytest.mark.parametrize("read", [skeleton, header_of, end_of])
def test_what_cannot_be_read_is_the_storage_s_fault(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(StorageError, match=r"missing.tar: cannot read the recording"):
        read(str(tmp_path / "missing.tar"))


def test_the_end_is_found_without_reading_the_rest(tmp_path: Path) -> None:
    made = Made()
    end = ("end.jws", made.chain.end(END))
    cases: list[tuple[list[tuple[str, bytes]], bytes, bool]] = [
        ([end], ustar.END, True),
        # Content that happens to begin like an end is passed over.
        ([("torn.bin", b"".join(member(*end)) + b"end.jws\0"), end], ustar.END, True),
        ([("torn.bin", b"x" * 300_000), end], ustar.END, True),
        ([end], bytes(1536), False),
        ([end], bytes(512), False),
        ([end], ustar.END + b"x", False),
        ([end], ustar.END[:-1] + b"x", False),
        ([end, ("torn.bin", b"")], ustar.END, False),
        ([("end.jws", b"no statement")], ustar.END, False),
        ([("torn.bin", b"end.jws\0")], ustar.END, False),
        ([], ustar.END, False),
        ([], b"", False),
    ]
    for pieces, behind, there in cases:
        path = written(tmp_path, *pieces, end=behind)
        assert (end_of(path) is not None) == there


def test_a_skeleton_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    few, many = (
        skeleton(small(tmp_path, count, a_header(f"20261124T153000Z-{count:06d}-00000001")).path)
        for count in (3, 300)
    )
    assert many.point.commits == 300
    # What it holds differs by the digits of its numbers only.
    assert len(repr(many)) < len(repr(few)) + 200
