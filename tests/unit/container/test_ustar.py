"""An archive has one spelling, and every tar program reads it."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camerad.container import ustar

NAMES = st.from_regex(r"\A[0-9a-z][0-9a-z.-]{0,98}[0-9a-z]\Z")


@given(NAMES, st.integers(0, ustar.LARGEST))
def test_a_header_says_what_was_put_into_it(name: str, size: int) -> None:
    block = ustar.header(name, size)
    assert len(block) == ustar.BLOCK
    assert ustar.parse(block) == ustar.Member(name, size)


@given(st.binary(max_size=2000))
def test_a_member_ends_with_a_whole_block(content: bytes) -> None:
    member = ustar.Member("a.jws", len(content))
    # The padding is the least that makes whole blocks.
    assert (member.padding + len(content)) % ustar.BLOCK == 0
    assert member.padding < ustar.BLOCK
    assert member.blocks_bytes == len(content) + member.padding


@given(st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=5))
def test_another_program_reads_the_archive(members: list[tuple[str, bytes]]) -> None:
    archive = b"".join(
        ustar.header(name, len(data)) + data + bytes(-len(data) % ustar.BLOCK)
        for name, data in members
    )
    with tarfile.open(fileobj=io.BytesIO(archive + ustar.END)) as opened:
        found = [(info, opened.extractfile(info)) for info in opened.getmembers()]
        assert [(info.name, file.read()) for info, file in found if file] == members
        assert all((info.mode, info.uid, info.mtime) == (0o444, 0, 0) for info, _ in found)


@pytest.mark.parametrize(
    "name", ["", "a", "../a", "/etc/passwd", "a b", "A.jws", "ä.jws", "a" * 101]
)
def test_a_name_that_no_member_has_is_refused(name: str) -> None:
    with pytest.raises(ustar.TarError, match="is no name of a recording's member"):
        ustar.header(name, 0)


@pytest.mark.parametrize("size", [-1, ustar.LARGEST + 1])
def test_a_size_that_no_member_has_is_refused(size: int) -> None:
    with pytest.raises(ustar.TarError, match=f"cannot have {size} bytes"):
        ustar.header("header.jws", size)


@pytest.mark.parametrize("size", [0, 511, 513])
def test_less_or_more_than_a_block_is_no_header(size: int) -> None:
    with pytest.raises(ustar.TarError, match=f"{size} bytes are not a header"):
        ustar.parse(bytes(size))


def test_no_bit_of_a_header_is_free() -> None:
    """All 4096 bits are turned, one at a time: none of them goes unseen as the same member."""
    block = ustar.header("000001.m4s.age", 375_000)
    for bit in range(len(block) * 8):
        turned = bytearray(block)
        turned[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ustar.TarError):
            ustar.parse(bytes(turned))


@pytest.mark.parametrize(
    "size", [b"00001334670 ", b" 0001334670\0", b"000_1334670\0", b"+0001334670\0"]
)
def test_the_same_size_in_other_words_is_refused(size: bytes) -> None:
    block = bytearray(ustar.header("000001.m4s.age", 375_224))
    assert block[124:136] == b"00001334670\0"
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(ustar.TarError):
        ustar.parse(bytes(block))


@given(st.binary(min_size=ustar.BLOCK, max_size=ustar.BLOCK))
def test_garbage_is_no_header(block: bytes) -> None:
    with pytest.raises(ustar.TarError):
        ustar.parse(block)
