"""Messages reach the journal whole, with the id of their kind, and logging never blocks."""

from __future__ import annotations

import ast
import logging
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.base import journal
from camerad.base.journal import JournalHandler
from camerad.base.message_ids import Log, MessageId
from tests.unit.systemd.units import SOURCE

PACKAGE = SOURCE.parent / "camerad"
LOGGER = r"(logging\.getLogger|Log)\("
LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
    "exception": "ERROR",
}


def parse(datagram: bytes) -> dict[str, str]:
    """The fields of a datagram of the Native Journal Protocol."""
    fields = {}
    while datagram:
        head, _, datagram = datagram.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", datagram[:8])
            value = datagram[8 : 8 + length]
            assert datagram[8 + length : 9 + length] == b"\n"
            datagram = datagram[9 + length :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as made:
        made.bind(str(tmp_path / "socket"))
        yield made


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    made = logging.getLogger("camerad.daemon.recording_manager")
    handler = JournalHandler(str(tmp_path / "socket"))
    made.addHandler(handler)
    made.setLevel(logging.DEBUG)
    yield made
    made.removeHandler(handler)
    handler.close()


def test_a_message_has_its_text_its_priority_its_place_and_the_id_of_its_kind(
    logger: logging.Logger, listening: socket.socket
) -> None:
    logger.info("recording %s", "R-1", extra=MessageId.RECORDING_OPENED.extra)
    fields = parse(listening.recv(1 << 16))
    assert fields["MESSAGE"] == "recording R-1"
    assert fields["PRIORITY"] == "6"  # LOG_INFO of syslog(3)
    assert fields["SYSLOG_IDENTIFIER"] == "camerad"
    assert fields["LOGGER"] == "camerad.daemon.recording_manager"
    assert fields["MESSAGE_ID"] == MessageId.RECORDING_OPENED.value
    assert fields["CAMERAD_KIND"] == "recording_opened"
    assert fields["CODE_FILE"] == __file__
    assert "CAMERAD_LOST" not in fields
    Log(logger.name).error(MessageId.REPAIRED, "repaired %s", "R-1")
    fields = parse(listening.recv(1 << 16))
    assert (fields["MESSAGE"], fields["PRIORITY"]) == ("repaired R-1", "3")
    assert (fields["CODE_FILE"], fields["CAMERAD_KIND"]) == (__file__, "repaired")


def test_a_message_of_several_lines_arrives_as_one(
    logger: logging.Logger, listening: socket.socket
) -> None:
    try:
        raise ZeroDivisionError("by design")
    except ZeroDivisionError:
        logger.exception("it = %s", "broken\nMESSAGE_ID=forged")
    fields = parse(listening.recv(1 << 16))
    text = fields["MESSAGE"]
    assert text.startswith("it = broken\nMESSAGE_ID=forged\nTraceback (most recent call last):")
    assert text.endswith("ZeroDivisionError: by design")
    assert "MESSAGE_ID" not in fields, "what is logged makes no field of its own"
    assert fields["PRIORITY"] == "3"


def test_a_message_that_is_too_long_is_cut(
    logger: logging.Logger, listening: socket.socket
) -> None:
    logger.error("%s", "x" * 1_000_000)
    assert len(parse(listening.recv(1 << 20))["MESSAGE"]) == journal.LONGEST


def test_a_journal_that_does_not_listen_holds_up_nobody_and_hears_what_it_missed(
    logger: logging.Logger, tmp_path: Path
) -> None:
    for _ in range(3):
        logger.info("recording %s", "R-1", extra=MessageId.RECORDING_OPENED.extra)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as late:
        late.bind(str(tmp_path / "socket"))
        logger.info("recording %s", "R-2", extra=MessageId.RECORDING_OPENED.extra)
        logger.info("recording %s", "R-3", extra=MessageId.RECORDING_OPENED.extra)
        first, second = parse(late.recv(1 << 16)), parse(late.recv(1 << 16))
    assert (first["MESSAGE"], first["CAMERAD_LOST"]) == ("recording R-2", "3")
    assert "CAMERAD_LOST" not in second


def test_a_journal_that_has_no_room_holds_up_nobody(
    logger: logging.Logger, listening: socket.socket
) -> None:
    # More than any queue of datagrams holds (net.unix.max_dgram_qlen), and nobody reads.
    for _ in range(int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 100):
        logger.info("recording %s", "R-1", extra=MessageId.RECORDING_OPENED.extra)
    assert listening.recv(1 << 16)


def test_what_is_logged_wrongly_is_told_and_does_no_harm(
    listening: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JournalHandler(str(tmp_path / "socket"))
    handler.handle(logging.LogRecord("camerad", 20, __file__, 1, "two %s and %s", (1,), None))
    handler.close()
    assert "not enough arguments" in capsys.readouterr().err


@pytest.mark.parametrize("matches", [True, False])
def test_the_journal_is_used_where_standard_error_is_its_own(
    matches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = os.fstat(2)
    own = f"{stream.st_dev}:{stream.st_ino}"
    monkeypatch.setenv("JOURNAL_STREAM", own if matches else "0:0")
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        journal.set_up(logging.INFO)
        (handler,) = root.handlers
        assert isinstance(handler, JournalHandler) is matches
        assert root.level == logging.INFO
        handler.close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def test_lines_in_a_terminal_name_level_and_logger() -> None:
    code = "import logging; from camerad.base import journal; journal.set_up(20); "
    code += "logging.getLogger('camerad.x').warning('so %s', 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "WARNING camerad.x: so 1\n"


# ------------------------------------------------------------------------------------- the kinds


def calls() -> list[tuple[Path, ast.Call, str]]:
    """Every call in the package that logs something, or says with `LogOnce` how to, with its
    logger's name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        names = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and re.match(LOGGER, ast.unparse(node.value)):
                (argument,) = node.value.args  # type: ignore[attr-defined]
                constant = isinstance(argument, ast.Constant)
                names[ast.unparse(node.targets[0])] = argument.value if constant else module
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if (
                    name in names and attr in LEVELS
                ):
                    found.append((path, node, names[name]))
                case ast.Call(func=ast.Name(id="LogOnce"), args=[ast.Name(id=name), text, kind]):
                    extra = ast.keyword("extra", ast.Attribute(kind, "extra"))
                    once = ast.Call(node.func, [text], [extra], lineno=node.lineno)
                    found.append((path, once, names[name]))
    return found


def kind_of(call: ast.Call) -> str | None:
    """The name of the kind that a call gives its message: first, or as its `extra`."""
    given = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "extra")]
    found = [re.fullmatch(r"MessageId\.([A-Z_]+)(\.extra)?", ast.unparse(one)) for one in given]
    return next((match[1] for match in found if match), None)


def values_of(call: ast.Call) -> list[ast.expr]:
    """The text of a message and what is put into it."""
    return [one for one in call.args if not ast.unparse(one).startswith("MessageId.")]


def test_every_message_in_the_code_is_of_a_kind_and_every_kind_is_in_the_code() -> None:
    used = set()
    for path, call, _ in calls():
        text = values_of(call)[0]
        assert isinstance(text, ast.Constant), f"{path}:{call.lineno}: its text is not a constant"
        kind = kind_of(call)
        assert kind is not None, f"{path}:{call.lineno}: its MessageId is missing"
        used.add(kind)
    assert used == {kind.name for kind in MessageId}


def test_ids_are_128_bits_and_no_two_kinds_have_the_same() -> None:
    assert all(re.fullmatch("[0-9a-f]{32}", kind.value) for kind in MessageId)
    assert len({kind.value for kind in MessageId}) == len(MessageId)


PERSONAL = re.compile(r"\b(who|wearer\w*|authorised_by|overrides?|facts|body|passphrase|secret)\b")
"""Names of what may say who somebody is, or hold it: a ledger's facts, a request's body."""
FOOTAGE = re.compile(r"\b(data|payload|packet|unit|frame|fragment|view|image|picture|lease)\b")


def test_no_message_names_a_person_or_holds_footage() -> None:
    """What is logged is text that we have written and values that we have named here: none of them
    is what a ledger says of people, and none is made of bytes."""
    for path, call, _ in calls():
        for argument in values_of(call)[1:]:
            text = ast.unparse(argument)
            if isinstance(argument, ast.Call) and ast.unparse(argument.func) == "count":
                text = ast.unparse(argument.args[0])  # a number; what it counts is a mere word
            assert not PERSONAL.search(text), f"{path}:{call.lineno}: {text}"
            assert not FOOTAGE.search(text), f"{path}:{call.lineno}: {text}"


@pytest.mark.parametrize("name", ["camerad.catalog", "camerad.de.catalog"])
def test_every_kind_is_explained_in_both_languages(name: str, tmp_path: Path) -> None:
    text = (SOURCE / name).read_text()
    assert re.findall(r"^-- (\w+)$", text, re.MULTILINE) == [kind.value for kind in MessageId]
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        pytest.skip("journalctl is not installed")
    for folder in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(SOURCE / name, tmp_path / "usr/lib/systemd/catalog")
    command = [journalctl, f"--root={tmp_path}"]
    done = subprocess.run(
        [*command, "--update-catalog"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
