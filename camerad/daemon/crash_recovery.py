"""Closes recordings that were cut off, and checks them.

The ledger's word about them may be old: on a slow card its entries wait, and go with the daemon.
What was noted meanwhile (`camerad.daemon.heartbeat`) then says more.

Works on the keeping thread (`camerad.daemon.store_worker`), with the store that it has opened; only
the check from the beginning has a thread of its own, for it may take minutes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.config import Settings
from camerad.container.recording_ids import RecordingId
from camerad.daemon.core import Note
from camerad.daemon.heartbeat import Heartbeat, WantedNote

if TYPE_CHECKING:
    from camerad.base.clock import Clock
    from camerad.container.encryption import Sealer
    from camerad.container.keys import SigningKey
    from camerad.container.statements import Closing
    from camerad.daemon.heartbeat import WantedNote
    from camerad.store.recovery import Repaired
    from camerad.store.store import Store
    from camerad.store.unwritten_end import UnwrittenEnd

log = Log(__name__)

RESUME_US: Final = 10 * SECOND
"""A recording is gone on with only if its footage was wanted so lately; later, the wearer does not
expect it.
"""
WEARERS: Final = "stop"
"""Reason of the stop that the wearer has asked for (`camerad.behaviour.stages`)."""
CHECKING_NICE: Final = 10
"""Checking what was repaired waits for everything else."""


class CrashRecovery:
    """recordings_dir: where the recordings are. note: tells the ledger what was found. heartbeat:
    has up to when footage was wanted."""

    def __init__(self, recordings_dir: str, clock: Clock, note: Note, heartbeat: Heartbeat) -> None:
        self._recordings_dir = recordings_dir
        self._clock = clock
        self._note = note
        self._heartbeat = heartbeat
        self.left: dict[str, Closing] = {}
        """Ends that recorders of this daemon could not write, by the recording's id."""
        self._told: dict[str, str] = {}
        self._behind = heartbeat.left_behind()
        """What was noted before this daemon; by the recordings' ids, once they are `adopt`ed."""
        self.fileless: dict[RecordingId, WantedNote] = {}
        """Recordings that never got a file, by their ids."""
        self.being_made: dict[str, tuple[str, tuple[int, int]]] = {}
        """What this daemon records, until the ledger knows its end: for each id the path, and which
        file was made there (`camerad.base.file_status.identity_of`). Any thread may add to it."""
        self._replaced: set[str] = set()

    def put_out(self, dark_us: int) -> None:
        """What the daemon before may have left lit has been out since then."""
        for name, note in self._behind.items():
            if note.lit:
                self._behind[name] = self._heartbeat.put_out(name, note, dark_us)

    def adopt(self, store: Store) -> None:
        """Find out which recordings were noted before they had a file: what has one by now is noted
        by its id from here on, and what never got one too. Raises StorageError."""
        from camerad.container import skeleton  # noqa: PLC0415 - slow to import
        from camerad.container.members import NotARecordingError  # noqa: PLC0415
        from camerad.container.recording_files import new_id  # noqa: PLC0415
        from camerad.container.recording_ids import is_id  # noqa: PLC0415
        from camerad.store import recovery  # noqa: PLC0415 - slow to import

        nameless = {
            note.trigger_us: name
            for name, note in self._behind.items()
            if note.trigger_us is not None and not is_id(name)
        }
        for path in recovery.newest_first(self._recordings_dir) if nameless else ():
            try:
                header = skeleton.header_of(path)
            except (NotARecordingError, StorageError):
                continue
            if header.boot_id != self._clock.boot_id or header.trigger_us < min(nameless):
                break
            self._name(nameless.pop(header.trigger_us, None), header.id)
            if not nameless:
                break
        known = store.ledger.state.recordings
        moment = self._clock.moment()
        for trigger_us, name in sorted(nameless.items()):
            wall_us = moment.wall_us - (moment.boot_us - trigger_us)
            taken = (*known, *self._behind)
            self._name(name, new_id(self._recordings_dir, wall_us, taken))
        self.fileless = {
            recording: note
            for recording, note in self._behind.items()
            if note.trigger_us is not None
            and recording not in known
            and not self._is_there(recording)
            and is_id(recording)
        }

    def note_of(self, recording: str | None) -> WantedNote | None:
        """The note of the daemon before about it; None: there is none."""
        return None if recording is None else self._behind.get(recording)

    def _name(self, name: str | None, recording: str) -> None:
        if name is not None:
            self._heartbeat.rename(name, recording)
            self._behind[recording] = self._behind.pop(name)

    def cut_off(
        self, store: Store, key: SigningKey, now_us: int, *, recorded: bool
    ) -> tuple[str | None, bool]:
        """Look for the recording that ran in this boot until a moment ago. Its id, if another one
        is to go on from it; and whether there was one from which none does.

        now_us: when this start began, before a slow card held it up. recorded: whether the camera
        recorded by the ledger's word, which does not count for a recording that it does not know.
        Where it is noted up to when its footage was wanted, nothing but its first and last bytes is
        read, and it is closed later: what goes on has not to wait for that, however long the file.
        Else it is closed here. It may be closed already, if the daemon died again before another
        one went on from it.
        """
        from camerad.container import skeleton  # noqa: PLC0415 - slow to import
        from camerad.container.members import NotARecordingError  # noqa: PLC0415
        from camerad.container.recording_files import number_of  # noqa: PLC0415
        from camerad.container.recording_ids import is_id  # noqa: PLC0415
        from camerad.container.statements import RECOVERED  # noqa: PLC0415
        from camerad.store import recovery  # noqa: PLC0415 - slow to import

        boot_id = self._clock.boot_id
        known = store.ledger.state.recordings
        newest = max(self._behind, key=number_of, default="")
        unknown = newest not in known and number_of(newest) > max(map(number_of, known), default=0)
        if not recorded and not unknown:
            return None, False
        if unknown and is_id(newest) and newest in self.fileless:
            return self._by_note(newest, self.fileless[newest], now_us)
        for path in recovery.newest_first(self._recordings_dir):
            try:
                header = skeleton.header_of(path)
            except (NotARecordingError, StorageError):
                continue  # nothing of it was written yet, or it is none of ours
            if header.boot_id != boot_id:
                return None, _has_no_end(path)  # it is closed later, as others are
            noted = self._heartbeat.read(header.id)
            if noted is not None and _has_no_end(path):
                return self._by_note(header.id, noted, now_us)
            end = self._repair(store, path, key).end
            if end is not None and end.closing.reason != RECOVERED:
                return None, False  # it was stopped, and only the ledger did not get to know
            if end is not None and now_us - end.closing.at_us < RESUME_US:
                return header.id, False
            return None, True
        return None, True  # it began, and nothing of it was kept

    def _by_note(self, recording: str, noted: WantedNote, now_us: int) -> tuple[str | None, bool]:
        """As `cut_off`, of a recording that has no end."""
        if noted.stopped is not None:
            return None, noted.stopped != WEARERS  # the wearer who stopped it knows
        goes_on = now_us - noted.until_us < RESUME_US
        return (recording, False) if goes_on else (None, True)

    def look_at(self, recording: str) -> bool:
        """Whether another file lies under the name of a recording that is being made; the ledger is
        told once."""
        from camerad.base import file_status  # noqa: PLC0415 - slow to import

        path, made = self.being_made.get(recording, ("", None))
        try:
            if made is None or file_status.identity_of(path) == made:
                return False
        except OSError:
            return False  # it is not there, or cannot be read: comparison and repair say so
        if recording not in self._replaced:
            self._replaced.add(recording)
            log.error(
                MessageId.REPLACED,
                "%s: another file was put in its place while it is recorded: the recording is "
                "lost when it ends; find out who can write there",
                path,
            )
            self._note("replaced", id=recording)
        return True

    def _path(self, recording: str) -> str:
        from camerad.container.recording_files import SUFFIX  # noqa: PLC0415 - slow to import

        return os.path.join(self._recordings_dir, recording + SUFFIX)

    def _is_there(self, recording: str) -> bool:
        from camerad.base import file_status  # noqa: PLC0415 - slow to import

        return file_status.exists(self._path(recording))

    def _repair(self, store: Store, path: str, key: SigningKey) -> Repaired:
        from camerad.container import skeleton  # noqa: PLC0415 - slow to import
        from camerad.container.recording_files import SUFFIX  # noqa: PLC0415
        from camerad.store import recovery  # noqa: PLC0415 - slow to import

        recording = os.path.basename(path).removesuffix(SUFFIX)
        if self.look_at(recording):
            # It may well be what an interruption leaves: a copy. But nothing was interrupted.
            text = "it is not the file that is being recorded; it was left"
            return recovery.Repaired(recording, path, recovery.RepairOutcome.DAMAGED, text)
        known = store.ledger.state.recordings.get(recording)
        if known is not None and known.final is not None and skeleton.end_of(path) is None:
            # It had its end: what became of it since is damage, and nothing to be signed.
            text = f"the ledger knows its end {known.final}, and its file has none; it was left"
            log.error(MessageId.REPAIRED, "%s: %s", recording, text)
            return recovery.Repaired(recording, path, recovery.RepairOutcome.DAMAGED, text)
        repaired = recovery.repair(path, key, self._clock, self._owed(recording))
        if repaired.outcome not in (recovery.RepairOutcome.RUNNING, recovery.RepairOutcome.WHOLE):
            log.warning(
                MessageId.REPAIRED, "%s: %s: %s", repaired.id, repaired.outcome.value, repaired.text
            )
        if repaired.outcome is recovery.RepairOutcome.EMPTY:
            self._note("removed_empty", name=os.path.basename(path))
        if repaired.outcome is recovery.RepairOutcome.RECOVERED:
            threading.Thread(target=self._check, args=[path, key], daemon=True).start()
        if repaired.end is not None:
            self.left.pop(recording, None)
            self._heartbeat.forget(recording)
        return repaired

    def _owed(self, recording: str) -> UnwrittenEnd | None:
        """Up to when footage of it was wanted: by its recorder if that ended in this daemon, else
        by what was noted."""
        from camerad.container.gaps import NOT_STORED  # noqa: PLC0415 - slow to import
        from camerad.store.unwritten_end import UnwrittenEnd  # noqa: PLC0415

        closing = self.left.get(recording)
        if closing is not None:
            return UnwrittenEnd(closing.at_us, NOT_STORED, closing)
        noted = self._heartbeat.read(recording)
        return None if noted is None else UnwrittenEnd(noted.owed_us, noted.why)

    def repair_all(
        self, store: Store, key: SigningKey, make: Callable[[RecordingId, WantedNote], None]
    ) -> bool:
        """Close what has no end; whether something is left to be tried again.

        make(recording, note): makes the file of one that never got any, or raises StorageError.

        One file that cannot be read keeps nothing else from its turn, and no deletion from being
        on time.
        """
        from camerad.store import recovery  # noqa: PLC0415 - slow to import

        left = {}
        for path in recovery.unfinished(self._recordings_dir):
            try:
                self._repair(store, path, key)
            except StorageError as error:
                left[path] = str(error)
        for recording, note in tuple(self.fileless.items()):
            try:
                self._make(recording, note, make)
            except StorageError as error:
                left[self._path(recording)] = str(error)
        for path, text in left.items():
            if self._told.get(path) != text:  # once, however often it is tried
                log.error(MessageId.REPAIRED, "%s", text)
        self._told = left
        return bool(left)

    def _make(
        self,
        recording: RecordingId,
        note: WantedNote,
        make: Callable[[RecordingId, WantedNote], None],
    ) -> None:
        if not self._is_there(recording):
            make(recording, note)
            log.warning(
                MessageId.REPAIRED,
                "%s: it never got a file: its end says what is missing",
                recording,
            )
            self._heartbeat.forget(recording)
        del self.fileless[recording]  # what has no end is repaired like any other

    def _check(self, path: str, key: SigningKey) -> None:
        """Whether a repaired recording is authentic from its beginning; on a thread of its own."""
        from camerad.container.keys import KeyRing  # noqa: PLC0415 - slow to import
        from camerad.verify.judge import verify  # noqa: PLC0415
        from camerad.verify.verdict import Verdict  # noqa: PLC0415

        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CHECKING_NICE)
        try:
            verdict = verify(path, KeyRing([key.public])).verdict
        except Exception:
            # What the storage refuses is in the report; this is a mistake of ours.
            log.exception(MessageId.MISTAKE, "%s: after its repair it could not be checked", path)
            return
        if verdict in (Verdict.NOT_AUTHENTIC, Verdict.UNREADABLE):
            log.error(
                MessageId.NOT_AUTHENTIC, "%s: after its repair it is not authentic as a whole", path
            )
            self._note("fault", condition="recording_damaged", holds=True)


def _has_no_end(path: str) -> bool:
    """Whether a recording was interrupted; also if its end cannot be read."""
    from camerad.container import skeleton  # noqa: PLC0415 - slow to import

    try:
        return skeleton.end_of(path) is None
    except StorageError:
        return True


def make_missing_file(
    directory: str,
    recording: RecordingId,
    note: WantedNote,
    settings: Settings,
    *,
    key: SigningKey,
    sealer: Sealer,
    clock: Clock,
) -> str:
    """Make the file of the recording in `directory`, with its end; returns the SHA-256 of its
    header. Raises StorageError; then there is no file, or one without an end, which repair closes.

    note: what is known of it, in this boot.
    """
    from camerad.container.skeleton import ChainProgress  # noqa: PLC0415 - slow to import
    from camerad.recording.container_writer import ContainerWriter  # noqa: PLC0415
    from camerad.recording.recording_spec import RecordingSpec  # noqa: PLC0415
    from camerad.store.unwritten_end import UnwrittenEnd, make_closing  # noqa: PLC0415

    wanted = RecordingSpec.from_settings(
        settings,
        note.trigger or "",
        note.until_us if note.trigger_us is None else note.trigger_us,
        pre_event=False,
        continues=note.continues,
        wearer=note.wearer,
    )
    header = wanted.header(
        lambda _: recording,
        clock.boot_id,
        clock.moment(),
        origin_us=wanted.trigger_us,
        shortfall=None,
        sound=False,
        microphone=UNSET,
    )
    container = ContainerWriter(directory, header, b"", key, sealer)
    progress = ChainProgress(0, "", 0, 0, 0, 0, wanted.trigger_us)
    unwritten_end = UnwrittenEnd(note.owed_us, note.why)
    closing = make_closing(header, progress, unwritten_end, clock.boot_id, clock.moment())
    container.close(closing)
    return container.header_sha256
