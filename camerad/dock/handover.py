"""Uploads what the office lacks of a camera, and stores its receipts.

One pass, in order. It keeps no state: everything is found again by asking. So the next pass
completes one that was cut off anywhere:

1. the ledger, with which the office compares;
2. the camera checks in (`camerad.dock.office_check_in`);
3. each recording that no office has acknowledged, or that the office says it lacks, those with a
   mark first, then the newest. Its receipt is asked for first: one that got lost on its way costs
   no upload. Then it is sent in parts, from the offset that the office names, each hashed while the
   one before is sent; while the office checks it, the next recording is sent;
4. each receipt goes to the daemon as soon as it is there. The daemon alone judges it, and its
   ledger calls the recording acknowledged;
5. the ledger again, which has the acknowledgements by now, and another check-in.

The daemon goes on writing its ledger meanwhile. So what is brought is a snapshot: of each file so
many bytes as it has whole entries now. Files only grow; if one is replaced meanwhile (an epoch
expires, or is set aside), the office misses what was declared, and the next snapshot has it.

Recordings without an end stay until they have one. One that the office refuses, or that goes wrong
at either end, is told once and left out of the pass; it holds up no other. Nothing of the daemon's
is written, nor locked.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import msgspec

from camerad.base import durable_files
from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.dock.daemon_client import DaemonClient, ToHandOver
from camerad.dock.errors import AnswerKind, OfficeAnswerError, OfficeUnavailableError
from camerad.dock.office_check_in import CheckInMemory, OfficeCheckIn
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_connection import OfficeConnection
from camerad.dock.progress_teller import NoReport, ProgressReport
from camerad.dock.request_bodies import FilePart
from camerad.ledger import log_segments
from camerad.store import receipts

LARGEST: Final = 16 << 20
"""Bytes of a file that an office takes."""
ATTEMPTS: Final = 3
"""Snapshots that are taken if files are replaced meanwhile."""
_TAIL: Final = 4096


class LedgerFile(msgspec.Struct, frozen=True):
    """A file of the ledger as it was. sha256: of its first `size` bytes, in hexadecimal."""

    path: str
    size: int
    sha256: str


def bring_ledger(
    directory: str, client: OfficeClient, raise_if_stopped: Callable[[], None]
) -> list[str]:
    """Bring what the office lacks of the ledger in `directory`; what a person has to look at.

    Raises StorageError, OfficeAnswerError if the office still lacks something afterwards, and what
    `client` raises.
    """
    lacking: list[str] = []
    for _ in range(ATTEMPTS):
        try:
            files = snapshot(directory, raise_if_stopped)
            there = client.ledger()
            wanted = [name for name in files if there.get(name) != files[name].sha256]
            _put(client, files, wanted)
            problems, lacking = _declare(client, files)
            if lacking:
                _put(client, files, [name for name in lacking if name in files])
                problems, lacking = _declare(client, files)
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            continue
        if not lacking:
            return problems
    raise OfficeAnswerError(
        f"the office lacks files of the ledger though they were brought: {', '.join(lacking[:3])}"
    )


def snapshot(directory: str, raise_if_stopped: Callable[[], None]) -> dict[str, LedgerFile]:
    """The files of a ledger as they are now, by their names. Raises StorageError, also if one is
    larger than an office takes."""
    shelf = log_segments.list_files(directory)
    names = [
        *map(log_segments.epoch_name, sorted(shelf.epochs)),
        *map(log_segments.damaged_name, sorted(shelf.damaged)),
        *map(log_segments.checkpoint_name, sorted(shelf.checkpoints)),
    ]
    newest = log_segments.epoch_name(shelf.newest)
    if newest in names:
        # What a loss of power could still take back must never be at the office and not here.
        durable_files.sync_path(os.path.join(directory, newest))
    return {name: _look(os.path.join(directory, name), raise_if_stopped) for name in names}


def _look(path: str, raise_if_stopped: Callable[[], None]) -> LedgerFile:
    with opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if path.endswith(log_segments.EPOCH_ENDING):
            size = _whole(descriptor, path, size)
        if size > LARGEST:
            raise StorageError(
                f"{path}: larger than {LARGEST >> 20} MiB, which no office takes: treat the card "
                "as manipulated"
            )
        sha256 = hashlib.sha256()
        for piece in FilePart(descriptor, path, 0, size).pieces():
            raise_if_stopped()
            sha256.update(piece)
        return LedgerFile(path, size, sha256.hexdigest())


def _whole(descriptor: int, path: str, size: int) -> int:
    """How many bytes of an epoch are whole entries: up to its last newline."""
    end = size
    while end > 0:
        begin = max(0, end - _TAIL)
        with explaining("read", path):
            found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _put(client: OfficeClient, files: Mapping[str, LedgerFile], names: list[str]) -> None:
    for name in names:
        file = files[name]
        with opened(file.path) as descriptor:
            client.put_ledger_file(name, FilePart(descriptor, file.path, 0, file.size))


def _declare(client: OfficeClient, files: Mapping[str, LedgerFile]) -> tuple[list[str], list[str]]:
    return client.declare_ledger({name: file.sha256 for name, file in files.items()})


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A plain file, opened to be read; no link is followed. Raises StorageError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    with explaining("open", path):
        descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


log = logging.getLogger(__name__)

PART: Final = 16 << 20
"""Bytes of a part: what a loss of the connection costs at most. Each costs two synchronisations of
the office's storage and two signatures, for which the network waits."""
FIRST_LOOK_SECONDS: Final = 0.2
"""From a recording's last byte to the first question for its receipt."""
MOST_CHECKED: Final = 8
"""Recordings that may be being checked while the next is sent; an office keeps 32 of one camera
that are complete and not ingested yet."""
MOST_MOVED: Final = 5
"""Parts of one recording, in one pass, that did not count before it is left."""
MOST_DEFERRED: Final = 20
"""Times that a part is put off before the pass is, too: every dock is full at a change of shift."""
MOST_FAILED: Final = 3
"""Recordings in a row that go wrong before the office counts as one that takes nothing."""
MOST_SAID: Final = 500
PATIENCE_US: Final = 600 * SECOND
"""A check that brings nothing for so long is left to the next pass."""


class HandoverMemory(msgspec.Struct):
    """What a process remembers from pass to pass, only to avoid repeats; correctness does not
    depend on it.

    postponed: recordings at which a pass broke off; the others go first. said: what was logged, the
    last `MOST_SAID` of it: an office could say something else each time. check_in: of check-ins.
    """

    postponed: set[str] = msgspec.field(default_factory=set)
    check_in: CheckInMemory = msgspec.field(default_factory=CheckInMemory)
    said: dict[tuple[str, str], None] = msgspec.field(default_factory=dict)

    def is_new(self, about: str, text: str) -> bool:
        """Whether this was not said before, as far as that is remembered; now it was."""
        new = (about, text) not in self.said
        self.said[about, text] = None
        if len(self.said) > MOST_SAID:
            del self.said[next(iter(self.said))]
        return new


class HandoverResult(msgspec.Struct, frozen=True):
    """What came of a pass: ids of recordings.

    acknowledged: by receipts of this pass. open: those without an end. refused: those that the
    office will not take, with its reason. failed: those that went wrong, and how; the next pass
    tries again. checking: those that the office was still checking. problems: what the office finds
    wrong with the ledger.
    """

    acknowledged: tuple[str, ...]
    open: tuple[str, ...]
    refused: Mapping[str, str]
    failed: Mapping[str, str]
    checking: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether another pass would find nothing to do before something is recorded."""
        return not (self.failed or self.checking)

    @property
    def word(self) -> HandoverProgress:
        """What the camera is to show of it."""
        done = len(self.acknowledged)
        not_taken = len(self.refused) + len(self.failed)
        total = done + not_taken + len(self.checking)
        if not_taken:
            trouble = HandoverTrouble.RECORDINGS
            return HandoverProgress(HandoverState.FAILED, done, total, trouble)
        if self.checking:
            return HandoverProgress(HandoverState.HANDING_OVER, done, total)
        waits = HandoverState.WAITING if self.open else HandoverState.HANDED_OVER
        return HandoverProgress(waits, done, total)


class Handover:
    """One pass. ledger: the directory of the camera's. report: is told how far it is."""

    def __init__(
        self,
        ledger: str,
        daemon: DaemonClient,
        client: OfficeClient,
        pausing: OfficeConnection,
        clock: Clock,
        *,
        check_in: OfficeCheckIn,
        memory: HandoverMemory,
        report: ProgressReport | None = None,
    ) -> None:
        self._ledger = ledger
        self._daemon = daemon
        self._client = client
        self._pausing = pausing
        self._clock = clock
        self._check_in = check_in
        self._memory = memory
        self._report = report or NoReport()
        self._lacking: Collection[str] = ()
        self._acknowledged: list[str] = []
        self._again: list[str] = []
        self._refused: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._deferred: dict[str, tuple[ToHandOver, float]] = {}
        self._checking: dict[str, tuple[ToHandOver, int]] = {}
        self._with_ledger: set[str] = set()
        self._in_a_row = 0
        self._total = 0
        self._doing = ""
        self._patient = False
        """Whether nothing is left to do but to wait for receipts."""

    def run(self) -> HandoverResult:
        """All of it.

        Raises OfficeUnavailableError if the office takes nothing just now, HandoverStoppedError if
        it was told to stop, ControlError and what else the daemon refuses with, and StorageError if
        the ledger cannot be read. What was acknowledged before stays so.
        """
        self._tell("bringing the ledger to the office")
        problems = self._bring_ledger()
        self._lacking = self._check_in.run()
        found = self._daemon.to_hand_over(self._lacking)
        wanted = [one for one in found if one.final is not None]
        # Stable: within each half the order is that of the daemon.
        wanted.sort(key=lambda one: one.id in self._memory.postponed)
        self._total = len(wanted)
        for number, one in enumerate(wanted, 1):
            self._tell(f"handing over recording {number} of {len(wanted)}")
            if one.id in self._memory.postponed:
                self._collect(most=0)
            self._try(one, self._hand_over)
            self._collect(most=MOST_CHECKED)
        self._tell("waiting for the office's receipts")
        self._collect(most=0)
        for one, _ in list(self._deferred.values()):
            # By now there may be room: what had begun before is complete.
            self._try(one, self._hand_over)
        self._collect(most=0)
        if self._acknowledged:
            problems = self._bring_ledger()
        if self._acknowledged or self._again:
            self._check_in.run(again=True)
        if self._deferred:
            wait = max(wait for _, wait in self._deferred.values())
            raise OfficeUnavailableError(
                f"the office begins no upload of {len(self._deferred)} recordings just now",
                wait,
                trouble=None,
            )
        return HandoverResult(
            acknowledged=tuple(self._acknowledged),
            open=tuple(one.id for one in found if one.final is None),
            refused=dict(self._refused),
            failed=dict(self._failed),
            checking=tuple(self._checking),
            problems=tuple(problems),
        )

    def _bring_ledger(self) -> list[str]:
        try:
            problems = bring_ledger(self._ledger, self._client, self._pausing.raise_if_stopped)
        except OfficeAnswerError as error:
            # Without it the office signs no receipt. It is to hear how the camera is all the same.
            self._check_in.run()
            raise OfficeUnavailableError(str(error)) from error
        for problem in problems:
            self._say("the office's copy of the ledger", printable(problem))
        return problems

    # ------------------------------------------------------------------ one recording

    def _try(self, one: ToHandOver, do: Callable[[ToHandOver], None]) -> None:
        """Do something about a recording; what goes wrong with it alone is noted."""
        self._deferred.pop(one.id, None)
        try:
            do(one)
        except StorageError as error:
            if error.errno != errno.ENOENT:  # else it was deleted meanwhile, in time
                self._failed[one.id] = str(error)
                if self._memory.is_new(one.id, str(error)):
                    log.warning("%s: %s", one.id, error, extra=MessageId.STORAGE.extra)
        except OfficeAnswerError as error:
            if error.kind is AnswerKind.REFUSED:
                self._refused[one.id] = str(error)
                self._say(one.id, f"the office does not take it: {error}")
                return
            if error.kind is AnswerKind.DEFERRED:
                self._deferred[one.id] = (one, error.retry_after)
                return
            self._failed[one.id] = str(error)
            self._say(one.id, str(error))
            self._in_a_row += 1
            if self._in_a_row >= MOST_FAILED:
                self._memory.postponed.update(self._failed)
                raise OfficeUnavailableError(
                    f"{self._in_a_row} recordings in a row went wrong, the last one so: {error}"
                ) from error
        except OfficeUnavailableError:
            self._memory.postponed.add(one.id)
            raise
        else:
            self._in_a_row = 0
            self._memory.postponed.discard(one.id)

    def _hand_over(self, one: ToHandOver) -> None:
        """Send what the office lacks of a recording, unless it has it."""
        answer = self._client.receipt(one.id)
        if answer.token is not None:
            self._accept(one, answer.token)
            return
        if answer.wait is None:
            self._send(one)
        if answer.wants_ledger:
            self._bring_ledger_for(one)
        self._look_again(one, FIRST_LOOK_SECONDS if answer.wait is None else answer.wait)

    def _send(self, one: ToHandOver) -> None:
        with opened(one.path) as descriptor:
            try:
                self._send_parts(one, descriptor)
            finally:
                self._client.digests.end()  # it reads this file

    def _send_parts(self, one: ToHandOver, descriptor: int) -> None:
        length = os.fstat(descriptor).st_size

        def part_at(offset: int) -> FilePart:
            return FilePart(descriptor, one.path, offset, max(0, min(PART, length - offset)))

        offset = self._begin(one, length)
        moved = deferred = 0
        while offset < length:
            part = part_at(offset)
            try:
                following = part_at(offset + part.length)
                offset = self._client.send_part(one.id, offset, part, following)
                part.forget()
            except OfficeAnswerError as error:
                if error.kind is AnswerKind.DEFERRED:
                    deferred += 1
                    if deferred > MOST_DEFERRED:
                        text = f"the office takes no part of {one.id} just now: {error}"
                        wait = error.retry_after
                        raise OfficeUnavailableError(text, wait, trouble=None) from error
                    self._pausing.pause(error.retry_after)
                elif error.kind is AnswerKind.MOVED:
                    moved += 1
                    if moved > MOST_MOVED:
                        raise OfficeAnswerError(
                            f"{moved} parts of {one.id} did not count, the last one so: {error}"
                        ) from error
                else:
                    raise
                offset = self._begin(one, length)

    def _begin(self, one: ToHandOver, length: int) -> int:
        """The offset at which a recording's upload begins, or goes on."""
        found = self._client.find_upload(one.id)
        if found is not None and found[1] == length:
            return found[0]
        return self._client.begin_upload(one.id, one.final or "", length)

    # ------------------------------------------------------------------ receipts

    def _look_again(self, one: ToHandOver, seconds: float) -> None:
        self._checking[one.id] = (one, self._clock.now_us() + round(seconds * SECOND))

    def _collect(self, most: int) -> None:
        """Ask for the receipts that are due, until at most so many are left; each question that
        brings something begins the office's patience anew."""
        until_us = self._clock.now_us() + PATIENCE_US
        self._patient = most == 0
        if self._patient:  # the office answers when there is something to say
            self._checking = {name: (one, 0) for name, (one, _) in self._checking.items()}
        while self._checking:
            now_us = self._clock.now_us()
            left = len(self._checking)
            for one, due_us in list(self._checking.values()):
                if due_us <= now_us:
                    del self._checking[one.id]
                    self._try(one, self._ask_again)
            if len(self._checking) < left:
                until_us = self._clock.now_us() + PATIENCE_US
            if len(self._checking) <= most or self._clock.now_us() >= until_us:
                return
            first_us = min(due_us for _, due_us in self._checking.values())
            wait_us = min(first_us, until_us) - self._clock.now_us()
            self._pausing.pause(max(0.05, wait_us / SECOND))

    def _ask_again(self, one: ToHandOver) -> None:
        answer = self._client.receipt(one.id, patient=self._patient)
        if answer.token is not None:
            self._accept(one, answer.token)
        elif answer.wait is not None:
            if answer.wants_ledger:
                self._bring_ledger_for(one)
            self._look_again(one, answer.wait)
        else:
            raise OfficeAnswerError(f"the office has nothing of {one.id}, which it had as a whole")

    def _bring_ledger_for(self, one: ToHandOver) -> None:
        """A recording that ended since the ledger was brought needs it again, once."""
        if one.id in self._with_ledger:
            raise OfficeAnswerError(
                f"the office waits for a ledger that knows {one.id}, and it has the newest"
            )
        self._with_ledger.add(one.id)
        self._bring_ledger()

    def _accept(self, one: ToHandOver, token: bytes) -> None:
        if one.id in self._daemon.accept(token):
            self._acknowledged.append(one.id)
            log.info("%s: handed over", one.id, extra=MessageId.HANDED_OVER.extra)
            self._tell(self._doing)
        elif one.id in self._lacking:
            self._again.append(one.id)
            self._check_in.has(one.id)
            log.info(
                "%s: handed over again, since the office had lost it",
                one.id,
                extra=MessageId.HANDED_OVER.extra,
            )
            self._tell(self._doing)
        elif (said := receipts.said_of(token, one.id)) is not None and said.final != one.final:
            text = "it has this recording with another end"
            raise OfficeAnswerError(text, AnswerKind.REFUSED)

    def _tell(self, doing: str) -> None:
        """Say how far it is. doing: what is done now, in words."""
        self._doing = doing
        word = None
        if self._total:  # a look that finds nothing to do changes nothing of what is shown
            done = len(self._acknowledged) + len(self._again)
            word = HandoverProgress(HandoverState.HANDING_OVER, done, self._total)
        self._report.say(doing, word)

    def _say(self, about: str, text: str) -> None:
        """Warn of something, once in this process."""
        if self._memory.is_new(about, text):
            log.warning("%s: %s", about, text, extra=MessageId.HANDOVER_REFUSED.extra)
