"""Whatever bytes they get, the readers of evidence raise nothing but what they document.

Tried are some hundred examples and those that are written down here, and in `make campaign` others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sealed_helpers import KEYS, made, pack

from camerad.container import jws, ustar
from camerad.container.mp4_boxes import Mp4Error
from camerad.container.reader import LostBytes, MemberSeen, Tail, walk_members
from camerad.container.statements import COMMIT, END, HEADER, Commit, Header, RecordingEnd
from camerad.evidence.remux import Mp4Writer
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict

fuzz = settings(
    max_examples=max(150, settings().max_examples),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FILE = made().file
TOKENS = [data for name, data in made().members if name.endswith(".jws")]
PLAIN = made().plain


def edits(originals: list[bytes]) -> st.SearchStrategy[bytes]:
    """The originals with some pieces replaced, removed, put in or repeated."""

    @st.composite
    def edited(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(originals))
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, len(data)))
            end = draw(st.integers(start, min(len(data), start + draw(st.integers(0, 2000)))))
            new = draw(st.one_of(st.binary(max_size=64), st.just(data[start:end] * 2), ALIGNED))
            data = data[:start] + new + data[end:]
        return data

    return edited()


ALIGNED = st.sampled_from([bytes(512), bytes(1024), FILE[:512], FILE[:1024], b"\xff" * 512])


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "fuzzed.tar"


@fuzz
@given(st.one_of(st.binary(max_size=300), edits(TOKENS)))
@example(b"..")
@example(b"e30.e30.")
@example(b"\xff.\x00.=")
@example(TOKENS[0] + b"=")
@example(TOKENS[0].replace(b".", b"..", 1))
@example(b"." * 10_000)
def test_a_token_is_a_statement_or_an_error(data: bytes) -> None:
    try:
        statement = jws.parse(data)
        jws.check(statement, KEYS)
    except jws.JwsError:
        return
    # Whatever passes is one of the statements that the device made.
    assert data in TOKENS
    for kind, payload in ((HEADER, Header), (COMMIT, Commit), (END, RecordingEnd)):
        if statement.kind == kind:
            assert jws.canonical(jws.decode(statement, kind, payload)) == statement.payload  # type: ignore[type-var]


@fuzz
@given(st.binary(max_size=400))
@example(b"[" * 400)
@example(b'{"format":' + b"9" * 380 + b"}")
@example(b'{"format":1e400}')
@example(b'{"a":"\\ud800"}')
@example(b'"\xff"')
def test_a_signed_payload_is_understood_or_an_error(payload: bytes) -> None:
    statement = jws.Statement(HEADER, "", payload, b"", b"", b"")
    with pytest.raises(jws.JwsError):
        jws.decode(statement, HEADER, Header)


@fuzz
@given(st.one_of(st.binary(min_size=512, max_size=512), edits([FILE[:512]])))
@example(bytes(512))
@example(b"\xff" * 512)
@example(b"header.jws".ljust(512, b"\0"))
@example(
    ustar.header("header.jws", 7)[:124] + b"-0000000007\0" + ustar.header("header.jws", 7)[136:]
)
@example(
    ustar.header("header.jws", 7)[:124] + b"00000_00007\0" + ustar.header("header.jws", 7)[136:]
)
def test_a_block_is_the_header_that_is_written_or_an_error(block: bytes) -> None:
    try:
        member = ustar.parse(block)
    except ustar.TarError:
        return
    assert ustar.header(*member) == block


@fuzz
@given(st.one_of(st.binary(max_size=3000), edits([FILE, FILE[:3000], bytes(2048)])))
@example(b"")
@example(FILE[:511])
@example(FILE[:512])
@example(FILE[512:])
@example(FILE[1:])
@example(bytes(512) + FILE)
@example(FILE + FILE)
@example(pack([("header.jws", b"")]))
@example(ustar.header("header.jws", ustar.LARGEST) + b"x" * 600)
@example(ustar.header("000000.m4s.age", 1)[:-1] + b"x" + FILE[512:])
def test_every_file_is_walked_to_its_end(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(data)
    with open(scratch, "rb") as file:
        found = list(walk_members(file.fileno(), keep_sealed=True))
    *members, tail = found
    assert isinstance(tail, Tail)
    assert tail.offset + tail.size == len(data)
    offset = 0
    for one in members:
        assert isinstance(one, MemberSeen | LostBytes)
        assert one.offset == offset
        if isinstance(one, LostBytes):
            offset += one.size
        else:
            offset += ustar.BLOCK + ustar.Member(one.name, one.size).blocks_bytes
    assert offset == tail.offset


@fuzz
@given(edits([FILE]))
@example(FILE)
@example(FILE[:1522])
@example(FILE[:-1])
@example(FILE[:512] + FILE)
@example(b"x" + FILE)
@example(FILE[:5000] + b"1234567" + FILE[5000:])
def test_every_change_of_a_file_shows(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(data)
    report = verify(str(scratch), KEYS)
    assert (report.verdict is Verdict.AUTHENTIC) == (data == FILE)
    assert report.text()
    assert report.as_json()["exit_code"] == report.verdict


class _Nowhere:
    def write(self, data: bytes | memoryview) -> None:
        pass

    def patch(self, offset: int, data: bytes) -> None:
        pass


@fuzz
@given(st.one_of(st.binary(max_size=200), edits([PLAIN[0]])), edits([PLAIN[1], PLAIN[2]]))
@example(PLAIN[0], b"")
@example(PLAIN[0][:-1], PLAIN[1])
@example(PLAIN[0], b"\0\0\0\x08moof")
@example(PLAIN[0], PLAIN[1][:100])
@example(PLAIN[0].replace(b"\0\x0f\x42\x40", b"\0\0\0\0"), PLAIN[1])
@example(PLAIN[0], PLAIN[1].replace(b"tfdt\x01\0\0\0\0", b"tfdt\x01\0\0\0\xff"))
def test_a_segment_and_a_fragment_are_understood_or_an_error(init: bytes, fragment: bytes) -> None:
    try:
        writer = Mp4Writer(_Nowhere(), init)
        writer.add(fragment)
        writer.add(PLAIN[3])
        writer.finish()
    except Mp4Error as error:
        assert str(error)
