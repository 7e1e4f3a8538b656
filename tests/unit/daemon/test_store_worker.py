"""Keeping: identity, ledger and store, on one thread, whatever the card does."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evidence_helpers import a_header, seconds_of_footage, time_of
from msgspec.structs import replace
from sink_helpers import DESK, a_closing, a_facts, abandon, fragments

from camerad.base import durable_files, storage_errors
from camerad.base.clock import DAY, SECOND, ClockSource, ManualClock, Moment
from camerad.base.errors import StorageError
from camerad.base.wall_clock import KnownTime
from camerad.behaviour import update
from camerad.config import load
from camerad.container import skeleton
from camerad.container.encryption import Sealer
from camerad.container.gaps import CUT_OFF, NO_ANSWER, NOT_STORED, Gap
from camerad.container.recording_files import number_of
from camerad.container.severity import Severity
from camerad.daemon import crash_recovery, open_store
from camerad.daemon import store_worker as keeping
from camerad.daemon.crash_recovery import RESUME_US, CrashRecovery
from camerad.daemon.heartbeat import Heartbeat, WantedNote
from camerad.daemon.open_store import OpenedStore
from camerad.daemon.shift_manager import KeptShift
from camerad.daemon.shift_note import ShiftNote, Worn
from camerad.daemon.store_worker import AGAIN_SECONDS, COMPARE_US, GOES_ON_US, StoreWorker
from camerad.ledger.entries import Entry, parse_entry
from camerad.ledger.ledger import read_ledger
from camerad.provisioning import orders
from camerad.provisioning.orders import LedgerOrder
from camerad.recording.container_writer import ContainerWriter, FileGoneError
from camerad.store import identity, listing, recovery
from camerad.store.store import Store
from camerad.update import update_file as kept
from camerad.verify import judge
from camerad.verify.verdict import Verdict
from tests.system.harness import configuration, until
from tests.unit.daemon.test_heartbeat import Recorded

WAIT = 20.0
ID = "20261124T153000Z-000001-00000001"


class Scene:
    """A keeping thread and what it said."""

    def __init__(
        self,
        directory: Path,
        clock: ManualClock,
        recipients: list[str],
        dark_us: int = 0,
        **sections: Any,
    ) -> None:
        device = {"state_dir": str(directory), "runtime_dir": str(directory / "run")}
        sections["device"] = device | sections.get("device", {})
        settings = load(configuration(directory, recipients=recipients, **sections))
        os.makedirs(directory / "recordings", exist_ok=True)
        self.directory = directory
        self.clock = clock
        self.opened: list[OpenedStore] = []
        self.troubles: list[StorageError | None] = []
        self.broken: list[BaseException] = []
        self.known: list[KnownTime] = []
        self.keeping = StoreWorker(
            settings,
            clock,
            on_opened=self.opened.append,
            on_trouble=self.troubles.append,
            on_broken=self.broken.append,
            on_time_known=self._time_known,
        )
        self.kept = 0
        keep_house = self.keeping._keep_house

        def counted() -> None:
            keep_house()
            self.kept += 1

        self.keeping._keep_house = counted  # type: ignore[method-assign]
        self.keeping.start(dark_us)

    def _time_known(self, known: KnownTime) -> None:
        """As the daemon's clock, which says what it is worth from here on."""
        self.known.append(known)
        before, now = known.this_boot, self.clock.moment()
        if before is not None and before.wall_us - before.boot_us != now.wall_us - now.boot_us:
            self.clock.source = ClockSource.UNKNOWN

    def kinds(self) -> list[str]:
        """What the ledger says, by kind, once everything noted so far is in it."""
        return [kind for kind, _ in self.entries()]

    def entries(self) -> list[tuple[str, Any]]:
        return [(entry.kind, entry.facts) for entry in self.written()]

    def written(self) -> list[Entry]:
        """The entries themselves."""
        self.keeping.ask(lambda _store, _key: None).result(WAIT)
        keys = identity.key_ring(str(self.directory))
        state, findings = read_ledger(str(self.directory / "ledger"), keys)
        assert all(one.severity is Severity.NOTE for one in findings), findings
        del state
        tokens = [
            line
            for path in sorted((self.directory / "ledger").glob("*.jws"))
            for line in path.read_bytes().splitlines()
        ]
        return [parse_entry(token, keys) for token in tokens]

    def end(self) -> None:
        self.keeping.close(WAIT)
        assert self.broken == []


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Any]:
    made: list[Scene] = []

    def make(
        clock: ManualClock | None = None, recipients: list[str] | None = None, **sections: Any
    ) -> Scene:
        desk = [str(DESK.to_public())] if recipients is None else recipients
        made.append(Scene(tmp_path, clock or ManualClock(time_of(30)), desk, **sections))
        return made[-1]

    yield make
    for scene in made:
        scene.end()


def recorded(scene: Scene, *, ended: bool = True, marks: tuple[int, ...] = ()) -> str:
    """A recording through the keeping thread's own sink; its path."""
    # What a start has to do is done: it would find the file before the ledger has heard of it.
    until(lambda: scene.kept, WAIT, "the first housekeeping")
    init, made = fragments(seconds_of_footage(1))
    moment = scene.clock.moment()
    header = replace(a_header(), id=ID, boot_id=scene.clock.boot_id, clock=moment)
    sink = scene.keeping.open_sink(header, init)
    for sequence, data in enumerate(made):
        sink.append(data, replace(a_facts(sequence), clock=moment, marks=marks))
    if ended:
        sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))
    else:
        abandon(sink._sink)  # type: ignore[attr-defined]
    return sink.path


def test_a_first_start_makes_identity_and_ledger(scenes: Any, tmp_path: Path) -> None:
    scene = scenes()
    assert scene.kinds()[-1] == "start"
    (opened,) = scene.opened
    assert os.path.exists(tmp_path / "keys" / f"{opened.thumbprint}.jwk")
    assert opened.resume is None


def test_right_time_is_told_before_the_ledger_hears_of_a_start(scenes: Any) -> None:
    first = scenes()
    first.kinds()
    first.end()
    clock = first.clock
    noted = clock.moment()
    clock.advance(60 * SECOND)
    clock.step_wall(40 * DAY)
    second = scenes(clock)
    second.kinds()
    assert second.known == [KnownTime(noted.wall_us, noted)]
    starts = [entry.clock.source for entry in second.written() if entry.kind == "start"]
    assert starts == [ClockSource.SYNCHRONISED, ClockSource.UNKNOWN]


def test_the_ledger_knows_a_recording_from_beginning_to_end(scenes: Any) -> None:
    scene = scenes()
    path = recorded(scene, marks=(7,))
    said = dict(scene.entries())
    info = listing.read_info(path)
    assert info is not None
    assert said["opened"].id == ID
    assert (said["closed"].final, said["closed"].flagged) == (info.final, True)


def test_two_recordings_that_are_made_at_once_have_numbers_of_their_own(scenes: Any) -> None:
    """The file of the first is not there yet: its card is slow."""
    scene = scenes()
    names: list[str] = []
    first = threading.Thread(target=lambda: names.append(scene.keeping.new_id(0)))
    first.start()
    first.join(WAIT)
    names.append(scene.keeping.new_id(0))
    assert [number_of(name) for name in names] == [1, 2]
    # An attempt that is made again is of the same recording.
    assert number_of(scene.keeping.new_id(0)) == 2


def test_a_number_never_comes_twice_though_the_newest_file_vanished(
    scenes: Any, tmp_path: Path
) -> None:
    scene = scenes()
    first = os.path.basename(recorded(scene))
    asked(scene)
    (tmp_path / "recordings" / first).unlink()
    # One more than the one that vanished, which the ledger has.
    assert number_of(scene.keeping.new_id(0)) == number_of(first) + 1


def card_away(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The card refuses every synchronisation of the ledger while what is returned says so."""
    failing = [True]
    real = durable_files.sync

    def sync(descriptor: int, path: str) -> None:
        if failing[0] and "ledger" in path:
            raise StorageError(f"{path}: the card is away")
        real(descriptor, path)

    monkeypatch.setattr(durable_files, "sync", sync)
    return failing


def test_notes_wait_for_a_card_that_fails_and_keep_their_order(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes()
    scene.kinds()
    failing = card_away(monkeypatch)
    scene.keeping.note("fault", condition="hot", holds=True)
    with pytest.raises(StorageError, match="the card is away"):
        scene.keeping.ask(lambda _store, _key: None).result(WAIT)
    scene.keeping.note("fault", condition="hot", holds=False)
    failing[0] = False
    faults = [facts.holds for kind, facts in scene.entries() if kind == "fault"]
    assert faults == [True, False]


def test_a_note_that_waited_says_when_it_happened_and_when_it_was_written(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes()
    scene.kinds()
    failing = card_away(monkeypatch)
    scene.keeping.note("fault", condition="hot", holds=True)
    noted = scene.clock.moment()
    scene.clock.advance(20 * SECOND)
    failing[0] = False
    scene.keeping.note("fault", condition="hot", holds=False)
    late, prompt = [one for one in scene.written() if one.kind == "fault"]
    assert (late.happened, late.when) == (noted, noted)
    assert late.clock.boot_us - noted.boot_us == 20 * SECOND
    assert (prompt.happened, prompt.when) == (None, prompt.clock)


def test_without_recipients_nothing_can_be_kept(scenes: Any) -> None:
    scene = scenes(recipients=[])
    with pytest.raises(StorageError, match="no recipient"):
        recorded(scene)


def test_a_store_that_is_not_open_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str, _retired: object) -> None:
        raise StorageError("the card is away")

    monkeypatch.setattr("camerad.store.identity.load_or_create", refuse)
    scene = Scene(tmp_path, ManualClock(), [])
    with pytest.raises(StorageError, match="not open yet"):
        scene.keeping.ask(lambda _store, _key: None).result(WAIT)
    scene.end()
    assert str(scene.troubles[0]) == "the card is away"
    assert scene.opened == []


def test_what_never_began_has_nothing_to_end(tmp_path: Path) -> None:
    """A daemon that cannot start ends its parts in order, also those that it did not come to."""
    device = {"state_dir": str(tmp_path), "runtime_dir": str(tmp_path / "run")}
    settings = load(configuration(tmp_path, device=device))
    nothing: Any = None
    keeping = StoreWorker(
        settings, ManualClock(), on_opened=nothing, on_trouble=nothing, on_broken=nothing
    )
    assert keeping.close(WAIT)
    assert not (tmp_path / "ledger").exists()


# ------------------------------------------------------------------ after a daemon that died


def died(
    scenes: Any, stage: str, *, display: bool = False, muted_us: int | None = None
) -> ManualClock:
    """A daemon that died with a recording without an end, in this stage."""
    scene = scenes()
    recorded(scene, ended=False)
    scene.keeping.note("stage", stage=stage, display=display)
    if muted_us is not None:
        scene.keeping.note("mute", on=True, at_us=muted_us)
    scene.kinds()
    scene.keeping.close(WAIT)
    clock: ManualClock = scene.clock
    return clock


def leave_note(tmp_path: Path, clock: ManualClock, name: str = ID, **facts: Any) -> int:
    """What the daemon that dies now has noted last; returns when."""
    died_us = clock.now_us()
    note = WantedNote(clock.boot_id, **({"until_us": died_us} | facts))
    Heartbeat(str(tmp_path / "run"), clock)._write(name, note)
    return died_us


def test_a_recording_that_was_cut_off_a_moment_ago_is_named(scenes: Any, tmp_path: Path) -> None:
    clock = died(scenes, "recording")
    scene = scenes(clock)
    housekept(scene)
    assert "recovered" in scene.kinds()
    assert (scene.opened[0].resume, scene.opened[0].cut_off) == (ID, False)
    (info,) = listing.list_recordings(str(tmp_path / "recordings"))
    assert info.state == "recovered"


@pytest.mark.parametrize("why", ["stopping", "too late", "another boot"])
def test_a_recording_that_nobody_expects_to_go_on_is_only_closed(scenes: Any, why: str) -> None:
    clock = died(scenes, "stopping" if why == "stopping" else "recording")
    if why == "too late":
        clock.advance(RESUME_US + 2 * SECOND)
    if why == "another boot":
        clock.reboot()
    scene = scenes(clock)
    housekept(scene)
    assert "recovered" in scene.kinds()
    assert scene.opened[0].resume is None
    # Whoever stopped it knows; whoever did not still believes that it records.
    assert scene.opened[0].cut_off is (why != "stopping")


def test_a_recording_that_was_stopped_in_the_last_moment_was_not_cut_off(scenes: Any) -> None:
    """Its file has its end, and only the ledger did not get to know that it was stopped."""
    scene = scenes()
    recorded(scene)
    scene.keeping.note("stage", stage="recording", display=False)
    scene.kinds()
    scene.keeping.close(WAIT)
    for clock in (scene.clock, ManualClock(time_of(30))):
        if clock is not scene.clock:
            clock.reboot()
        again = scenes(clock)
        again.kinds()
        assert again.opened == [replace(again.opened[0], resume=None, cut_off=False)]
        again.keeping.close(WAIT)


def test_a_recording_of_which_nothing_was_kept_was_cut_off_all_the_same(scenes: Any) -> None:
    scene = scenes()
    scene.keeping.note("stage", stage="recording", display=False)
    scene.kinds()
    scene.keeping.close(WAIT)
    scene = scenes(scene.clock)
    scene.kinds()
    assert (scene.opened[0].resume, scene.opened[0].cut_off) == (None, True)


def test_a_recording_goes_on_before_the_one_that_was_cut_off_is_repaired(
    scenes: Any, tmp_path: Path
) -> None:
    """However long the file that was cut off, and however slow the card."""
    clock = died(scenes, "recording")
    leave_note(tmp_path, clock)
    path = tmp_path / "recordings" / f"{ID}.tar"
    scene = scenes(clock)
    until(lambda: scene.opened, WAIT, "recordings can be kept")
    assert scene.opened[0].resume == ID
    asked(scene)
    assert skeleton.end_of(str(path)) is None
    # What goes on has its first fragment: now the other one has its turn.
    init, made = fragments(seconds_of_footage(1))
    moment = scene.clock.moment()
    second = "20261124T153000Z-000002-00000002"
    header = replace(a_header(), id=second, boot_id=scene.clock.boot_id, clock=moment)
    sink = scene.keeping.open_sink(header, init)
    asked(scene)
    assert skeleton.end_of(str(path)) is None
    sink.append(made[0], replace(a_facts(0), clock=moment))
    until(lambda: bool(asked(scene) or skeleton.end_of(str(path))), WAIT, "it is closed")
    sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))


def test_a_recording_that_goes_on_and_never_comes_keeps_no_other_from_being_closed(
    scenes: Any, tmp_path: Path
) -> None:
    clock = died(scenes, "recording")
    scene = scenes(clock)
    until(lambda: scene.opened, WAIT, "recordings can be kept")
    clock.advance(GOES_ON_US)
    path = tmp_path / "recordings" / f"{ID}.tar"
    until(lambda: bool(asked(scene) or skeleton.end_of(str(path))), WAIT, "it is closed")


def closing_of(tmp_path: Path, recording: str = ID) -> Any:
    """What the end of the recording says."""
    found = skeleton.end_of(str(tmp_path / "recordings" / f"{recording}.tar"))
    assert found is not None
    return found[0].closing


@pytest.mark.parametrize("again", [False, True])
def test_up_to_when_the_light_was_red_is_in_the_end_that_the_next_daemon_writes(
    scenes: Any, tmp_path: Path, again: bool
) -> None:
    """The daemon may have left it lit, and the next one puts it out; again: it is killed at once,
    and the one behind it writes the end."""
    first = scenes()
    recorded(first, ended=False)
    first.keeping.note("stage", stage="recording", display=False)
    first.kinds()
    clock = first.clock
    running: Any = Recorded(clock)
    running.pending_us = clock.now_us()
    heartbeat = Heartbeat(str(tmp_path / "run"), clock)
    heartbeat.follow(running)
    clock.advance(70 * SECOND)
    died_us = clock.now_us()
    until(lambda: (n := heartbeat.read(ID)) and n.until_us == died_us, WAIT, "a note")
    running.ended = True
    first.keeping.close(WAIT)
    clock.advance(3 * SECOND)
    dark_us = clock.now_us() - SECOND
    if again:
        CrashRecovery(
            "", clock, lambda _kind, **_: None, Heartbeat(str(tmp_path / "run"), clock)
        ).put_out(dark_us)
    second = scenes(clock, dark_us=clock.now_us() if again else dark_us)
    housekept(second)
    closing = closing_of(tmp_path)
    assert (closing.reason, closing.at_us) == ("recovered", dark_us)
    assert closing.gaps == (Gap(NO_ANSWER, None, time_of(29), dark_us),)
    # The wearer saw it record three seconds ago, so it goes on.
    assert second.opened[0].resume == ID
    # What is closed needs no note any more.
    assert os.listdir(tmp_path / "run" / "wanted") == []


@pytest.mark.parametrize(("told", "noted"), [(None, 12), (12, None), (5, 12)])
def test_what_the_wearer_wanted_last_of_the_sound_holds_though_the_card_never_took_it(
    scenes: Any, tmp_path: Path, told: int | None, noted: int | None
) -> None:
    clock = died(scenes, "recording", muted_us=told)
    leave_note(tmp_path, clock, muted_us=noted)
    clock.advance(SECOND)
    second = scenes(clock)
    until(lambda: second.opened, WAIT, "recordings can be kept")
    assert (second.opened[0].resume, second.opened[0].muted_us) == (ID, noted)


def test_what_the_wearer_stopped_does_not_go_on_though_the_card_never_took_its_end(
    scenes: Any, tmp_path: Path
) -> None:
    first = scenes()
    recorded(first, ended=False)
    first.keeping.note("stage", stage="recording", display=False)
    first.kinds()
    clock = first.clock
    running: Any = Recorded(clock)
    running.stop_us, running.stopped_for = clock.now_us(), "stop"
    heartbeat = Heartbeat(str(tmp_path / "run"), clock)
    heartbeat.follow(running)
    until(lambda: (n := heartbeat.read(ID)) and n.stopped, WAIT, "a note")
    running.ended = True
    first.keeping.close(WAIT)
    clock.advance(SECOND)
    second = scenes(clock)
    housekept(second)
    assert (second.opened[0].resume, second.opened[0].cut_off) == (None, False)
    assert closing_of(tmp_path).at_us == running.stop_us


PRESSED = "triggered-{}"
"""Name of the note of a recording that has no file yet."""


def slow_card(scenes: Any, monkeypatch: pytest.MonkeyPatch, stage: str = "idle") -> Scene:
    """A camera whose ledger takes nothing more, and says that it is in this stage."""
    scene: Scene = scenes()
    scene.keeping.note("stage", stage=stage, display=False)
    scene.kinds()
    failing = card_away(monkeypatch)
    # This one is in the file, and for this one the card is waited for; the others wait for it.
    scene.keeping.note("fault", condition="storage_stalled", holds=True)
    scene.keeping.note("stage", stage="recording", display=True)
    scene.keeping.close(WAIT)
    failing[0] = False
    return scene


@pytest.mark.parametrize("made", ["no file", "an empty file"])
@pytest.mark.parametrize("stage", ["idle", "stopping", "recording"])
def test_a_recording_that_a_slow_card_never_gave_a_file_goes_on_and_is_stated_as_a_gap(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, made: str
) -> None:
    """Whatever the ledger said last: on that card it had heard of nothing."""
    first = slow_card(scenes, monkeypatch, stage)
    clock = first.clock
    pressed_us = clock.now_us()
    clock.advance(4 * SECOND)
    pressed = {"trigger": "button:main", "trigger_us": pressed_us, "why": NO_ANSWER}
    before = {"continues": "20261124T152900Z-000001-00000000", "wearer": "W-0815"}
    died_us = leave_note(tmp_path, clock, PRESSED.format(pressed_us), **pressed, **before)
    if made == "an empty file":
        (tmp_path / "recordings" / f"{ID}.tar").touch()
    clock.advance(SECOND)
    second = scenes(clock)
    opened = until(lambda: second.opened, WAIT, "recordings can be kept")[0]
    assert opened.resume is not None
    assert not opened.cut_off
    # Whatever an earlier recording was: nobody knows how this one was.
    assert (opened.display, opened.muted_us) == (None, None)
    # It comes before what goes on from it.
    assert number_of(second.keeping.new_id(0)) == number_of(opened.resume) + 1
    housekept(second)
    closing = closing_of(tmp_path, opened.resume)
    assert (closing.reason, closing.at_us, closing.frames) == ("recovered", died_us, 0)
    assert closing.gaps == (Gap(NO_ANSWER, None, pressed_us, died_us),)
    path = tmp_path / "recordings" / f"{opened.resume}.tar"
    header = skeleton.header_of(str(path))
    assert (header.trigger, header.trigger_us) == ("button:main", pressed_us)
    # Whoever wore it then, not whoever does when the file is made.
    assert (header.continues, header.wearer) == (before["continues"], before["wearer"])
    found = judge.verify(str(path), identity.key_ring(str(tmp_path)))
    assert found.verdict is Verdict.QUALIFIED
    assert second.kinds().count("recovered") == 1
    assert os.listdir(tmp_path / "run" / "wanted") == []
    assert [one.name for one in (tmp_path / "recordings").iterdir()] == [path.name]


def test_a_recording_whose_file_a_slow_card_had_just_made_goes_on(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its note is called by its trigger still, and its ledger has not heard of it."""
    first = slow_card(scenes, monkeypatch)
    clock = first.clock
    Path(tmp_path / "recordings").mkdir(exist_ok=True)
    trigger_us = a_header().trigger_us
    moment = clock.moment()
    header = replace(a_header(), id=ID, boot_id=clock.boot_id, clock=moment)
    init, made = fragments(seconds_of_footage(1))
    key = identity.load_or_create(str(tmp_path)).key
    sink = ContainerWriter(
        str(tmp_path / "recordings"), header, init, key, Sealer([str(DESK.to_public())])
    )
    abandon(sink)
    del made
    clock.advance(4 * SECOND)
    pressed = {"trigger": "button:main", "trigger_us": trigger_us}
    died_us = leave_note(tmp_path, clock, PRESSED.format(trigger_us), **pressed)
    clock.advance(SECOND)
    second = scenes(clock)
    housekept(second)
    assert second.opened[0].resume == ID
    closing = closing_of(tmp_path)
    assert closing.at_us == died_us
    (gap,) = closing.gaps
    assert gap.to_us == died_us
    assert len(list((tmp_path / "recordings").iterdir())) == 1


@pytest.mark.parametrize(
    ("seconds", "facts", "cut_off"),
    [(20, {}, True), (1, {"stopped": "stop"}, False), (1, {"stopped": "battery_critical"}, True)],
    ids=["too late", "stopped by the wearer", "stopped by the camera"],
)
def test_a_recording_without_a_file_that_nobody_expects_to_go_on_is_stated_all_the_same(
    scenes: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    seconds: int,
    facts: dict[str, Any],
    cut_off: bool,
) -> None:
    first = slow_card(scenes, monkeypatch)
    clock = first.clock
    pressed_us = clock.now_us()
    clock.advance(4 * SECOND)
    pressed = {"trigger": "button:main", "trigger_us": pressed_us, **facts}
    died_us = leave_note(tmp_path, clock, PRESSED.format(pressed_us), **pressed)
    clock.advance(seconds * SECOND)
    second = scenes(clock)
    housekept(second)
    opened = second.opened[0]
    assert (opened.resume, opened.cut_off) == (None, cut_off)
    (path,) = (tmp_path / "recordings").iterdir()
    closing = closing_of(tmp_path, path.name.removesuffix(".tar"))
    assert closing.gaps == (Gap(CUT_OFF, None, pressed_us, died_us),)


def test_a_slow_start_does_not_make_it_too_late_to_go_on(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card that was too slow before is so for the entries of the start, too."""
    first = slow_card(scenes, monkeypatch)
    clock = first.clock
    pressed = {"trigger": "button:main", "trigger_us": clock.now_us()}
    leave_note(tmp_path, clock, PRESSED.format(clock.now_us()), **pressed)
    clock.advance(2 * SECOND)
    real = open_store._tell_of_start

    def slowly(*args: Any) -> None:
        real(*args)
        clock.advance(RESUME_US)

    monkeypatch.setattr(open_store, "_tell_of_start", slowly)
    second = scenes(clock)
    until(lambda: second.opened, WAIT, "recordings can be kept")
    assert second.opened[0].resume is not None


def test_a_file_that_the_card_refuses_to_a_recording_without_one_is_made_later(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = slow_card(scenes, monkeypatch)
    clock = first.clock
    pressed = {"trigger": "button:main", "trigger_us": clock.now_us()}
    leave_note(tmp_path, clock, PRESSED.format(clock.now_us()), **pressed)
    clock.advance(SECOND)
    with monkeypatch.context() as refusing:

        def refuse(*_: object, **__: object) -> str:
            raise StorageError("the card is away")

        refusing.setattr(crash_recovery, "make_missing_file", refuse)
        second = scenes(clock)
        housekept(second)
        assert list((tmp_path / "recordings").iterdir()) == []
    housekept(second)
    (path,) = (tmp_path / "recordings").iterdir()
    assert closing_of(tmp_path, path.name.removesuffix(".tar")).reason == "recovered"


def refused_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None] = lambda: None
) -> Any:
    """A recording whose recorder could not write its end; what that was to say. meanwhile: comes
    when the file is let go, before anyone is told."""
    sink, made, moment = being_made(scene)
    del made
    scene.clock.advance(40 * SECOND)
    at_us = scene.clock.now_us()
    closing = replace(
        a_closing(),
        reason="failed",
        at_us=at_us,
        gaps=(Gap(NOT_STORED, None, time_of(14), at_us),),
        marks=(at_us - 5,),
        boot_id=scene.clock.boot_id,
        clock=moment,
    )

    def refuse(*_: object) -> int:
        raise StorageError("the card is away")

    told = scene.keeping.interrupted

    with monkeypatch.context() as away:

        def tell(*said: Any) -> None:
            away.undo()
            meanwhile()
            told(*said)

        away.setattr(scene.keeping, "interrupted", tell)
        away.setattr(durable_files, "write", refuse)
        with pytest.raises(StorageError):
            sink.close(closing)
    return closing


@pytest.mark.parametrize("at_once", [False, True], ids=["later", "at once"])
def test_an_end_that_the_card_refused_says_all_the_same_up_to_when_footage_was_wanted(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """The daemon never died, and its recorder knew. Repair may come before the daemon is told."""
    scene = scenes()

    def repair() -> None:
        if at_once:
            scene.keeping.interrupted()
            housekept(scene)

    wanted = refused_end(scene, monkeypatch, repair)
    housekept(scene)
    closing = closing_of(tmp_path)
    assert (closing.reason, closing.at_us) == ("recovered", wanted.at_us)
    assert (closing.gaps, closing.marks) == (wanted.gaps, wanted.marks)
    assert dict(scene.entries())["recovered"].flagged


def test_an_end_that_the_card_refused_is_known_to_the_next_daemon_too(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scenes()
    housekept(first)
    with monkeypatch.context() as away:
        # The card never comes back in its life.
        away.setattr(first.keeping._mending, "repair_all", lambda *_: True)
        wanted = refused_end(first, monkeypatch)
        first.keeping.note("stage", stage="recording", display=False)
        first.kinds()
        first.keeping.close(WAIT)
    second = scenes(first.clock)
    housekept(second)
    # Its light had gone out: it does not begin to record by itself, and says that it does not.
    assert (second.opened[0].resume, second.opened[0].cut_off) == (None, True)
    closing = closing_of(tmp_path)
    assert (closing.at_us, closing.gaps) == (wanted.at_us, wanted.gaps)


def test_a_note_that_can_be_written_does_not_clear_what_else_is_the_matter(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes()
    housekept(scene)
    failing = [True]
    real = Store.purge

    def purge(store: Store) -> Any:
        if failing[0]:
            raise StorageError("one file cannot be deleted")
        return real(store)

    monkeypatch.setattr(Store, "purge", purge)
    scene.clock.advance(31 * SECOND)
    until(lambda: bool(asked(scene) or scene.troubles), WAIT, "housekeeping has failed")
    scene.keeping.note("fault", condition="hot", holds=True)
    assert scene.kinds()[-1] == "fault"
    assert [str(one) for one in scene.troubles] == ["one file cannot be deleted"]
    failing[0] = False
    housekept(scene)
    assert scene.troubles[-1] is None


class Ledger:
    """Answers every synchronisation of the ledger with an error while it fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.fails = True
        self.refused = 0
        self._real = durable_files.sync
        self._number = number
        monkeypatch.setattr(durable_files, "sync", self._sync)

    def _sync(self, descriptor: int, path: str) -> None:
        if self.fails and "ledger" in path:
            self.refused += 1
            raise storage_errors.explain(
                "write", path, OSError(self._number, os.strerror(self._number))
            )
        self._real(descriptor, path)

    def asked_again(self) -> None:
        """Wait for two more attempts: by the second one, what became of the first is noted."""
        before = self.refused
        until(lambda: self.refused > before + 1, WAIT, "another attempt")


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_ledger_that_fails_for_a_moment_refuses_no_press(
    scenes: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    scene = scenes(ring={"stall_seconds": 5})
    scene.kinds()
    ledger = Ledger(monkeypatch, number)
    scene.keeping.note("fault", condition="hot", holds=True)
    ledger.asked_again()
    scene.clock.advance(5 * SECOND - 1)
    # Nobody wakes the thread: it asks again by itself, and before it would say anything.
    ledger.asked_again()
    ledger.fails = False
    assert scene.kinds()[-1] == "fault"
    assert scene.troubles == []


def test_a_ledger_that_fails_for_longer_than_a_recording_could_wait_is_told_until_it_is_over(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes(ring={"stall_seconds": 5})
    scene.kinds()
    ledger = Ledger(monkeypatch, errno.EIO)
    scene.keeping.note("fault", condition="hot", holds=True)
    ledger.asked_again()
    scene.clock.advance(5 * SECOND)
    until(lambda: bool(scene.troubles), WAIT, "it is told")
    (error,) = scene.troubles
    assert error is not None
    assert error.errno == errno.EIO
    ledger.fails = False
    assert scene.kinds()[-1] == "fault"
    until(lambda: scene.troubles == [error, None], WAIT, "it is over")


def test_housekeeping_that_the_card_refused_is_tried_again_in_a_moment(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes()
    housekept(scene)
    refused: list[StorageError] = []

    def purge(_store: Store) -> Any:
        refused.append(storage_errors.explain("remove", "x", OSError(errno.EIO, "no")))
        raise refused[-1]

    with monkeypatch.context() as failing:
        failing.setattr(Store, "purge", purge)
        scene.clock.advance(31 * SECOND)
        until(lambda: bool(asked(scene) or refused), WAIT, "housekeeping has failed")
        asked(scene)  # when it is tried again is known by then
    before = scene.kept
    scene.clock.advance(round(AGAIN_SECONDS * SECOND))
    until(lambda: bool(asked(scene) or scene.kept > before), WAIT, "housekeeping")
    assert scene.troubles == []


def asked(scene: Scene) -> None:
    """Wake the thread, which then looks at the clock."""
    scene.keeping.ask(lambda _store, _key: None).result(WAIT)


# ------------------------------------------------------------------ housekeeping


def housekept(scene: Scene) -> None:
    """Let what is due be done: half a minute later, and until it has been."""
    scene.keeping.ask(lambda _store, _key: None).result(WAIT)
    before = scene.kept
    scene.clock.advance(31 * SECOND)

    def done() -> bool:
        # A request wakes the thread, which then looks at the clock.
        scene.keeping.ask(lambda _store, _key: None).result(WAIT)
        return scene.kept > before

    until(done, WAIT, "housekeeping")


@pytest.mark.parametrize("name", [f"{ID} (1).tar", f"Kopie von {ID}.tar", "copy.bin"])
def test_p9_the_daemon_deletes_copies_with_their_recording_and_those_that_come_later(
    scenes: Any, name: str
) -> None:
    scene = scenes()
    path = Path(recorded(scene))
    content = path.read_bytes()
    copy = path.parent / name
    copy.write_bytes(content)
    scene.clock.advance(13 * DAY)
    housekept(scene)
    assert copy.exists()
    scene.clock.advance(2 * DAY)
    housekept(scene)
    assert not path.exists()
    assert not copy.exists()
    assert "deleted" in scene.kinds()
    copy.write_bytes(content)
    housekept(scene)
    assert not copy.exists()


def test_a_flagged_recording_is_named_before_it_goes(scenes: Any) -> None:
    scene = scenes()
    recorded(scene, marks=(7,))
    housekept(scene)
    assert scene.keeping.expiring == ()
    scene.clock.advance(13 * DAY)
    housekept(scene)
    assert scene.keeping.expiring == (ID,)


def test_uptime_is_noted_every_hour(scenes: Any) -> None:
    scene = scenes()
    housekept(scene)
    scene.clock.advance(3601 * SECOND)
    housekept(scene)
    assert "uptime" in scene.kinds()


def being_made(scene: Scene) -> tuple[Any, list[bytes], Moment]:
    """A recording of which one fragment is committed; what comes next, and its time."""
    scene.keeping.ask(lambda _store, _key: None).result(WAIT)
    init, made = fragments(seconds_of_footage(1))
    moment = scene.clock.moment()
    header = replace(a_header(), id=ID, boot_id=scene.clock.boot_id, clock=moment)
    sink = scene.keeping.open_sink(header, init)
    sink.append(made[0], replace(a_facts(0), clock=moment))
    return sink, made, moment


def replaced(path: str) -> bytes:
    """A copy takes the place of the file, which is what an editor does, or a synchroniser."""
    shutil.copy(path, f"{path}.copy")
    content = Path(path).read_bytes()
    os.rename(f"{path}.copy", path)
    return content


def test_a_copy_in_the_place_of_what_is_being_recorded_is_left_and_told_once(
    scenes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    scene = scenes()
    sink, _made, moment = being_made(scene)
    copied = replaced(sink.path)
    # Whatever the reason for which repair looks again: nothing was interrupted.
    for _ in range(2):
        scene.keeping.interrupted()
        housekept(scene)
    assert Path(sink.path).read_bytes() == copied
    assert [facts.id for kind, facts in scene.entries() if kind == "replaced"] == [ID]
    assert "recovered" not in scene.kinds()
    assert caplog.text.count("another file was put in its place") == 1
    # The recording goes on until it finds out itself; the copy is then all that there is.
    with pytest.raises(FileGoneError):
        sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))
    housekept(scene)
    kinds = scene.kinds()
    assert kinds.index("replaced") < kinds.index("recovered")
    assert kinds.count("replaced") == 1


def test_a_recording_that_finds_another_file_in_its_place_has_the_ledger_say_so(
    scenes: Any,
) -> None:
    scene = scenes()
    sink, _made, moment = being_made(scene)
    replaced(sink.path)
    with pytest.raises(FileGoneError):
        sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))
    housekept(scene)
    assert [facts.id for kind, facts in scene.entries() if kind == "replaced"] == [ID]
    assert "closed" not in scene.kinds()


def test_a_file_that_comes_back_to_its_place_is_closed_as_ever(scenes: Any) -> None:
    scene = scenes()
    sink, made, moment = being_made(scene)
    os.rename(sink.path, f"{sink.path}.away")
    Path(sink.path).write_bytes(b"something else")
    housekept(scene)
    os.rename(f"{sink.path}.away", sink.path)
    sink.append(made[1], replace(a_facts(1), clock=moment))
    sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))
    kinds = scene.kinds()
    assert kinds.index("replaced") < kinds.index("closed")
    # From here on it is a file like any other: what becomes of it is told as ever.
    os.truncate(sink.path, 4096)
    scene.clock.advance(COMPARE_US)
    housekept(scene)
    assert "changed" in scene.kinds()
    assert scene.kinds().count("replaced") == 1


def test_a_file_that_is_no_recording_is_put_aside_and_noted(scenes: Any, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "recordings")
    (tmp_path / "recordings" / f"{ID}.tar").write_bytes(b"nothing that camerad wrote" * 100)
    scene = scenes()
    housekept(scene)
    said = dict(scene.entries())
    assert said["unreadable"].name == f"{ID}.unreadable"
    kept = (tmp_path / "recordings" / f"{ID}.unreadable").read_bytes()
    assert said["unreadable"].sha256 == hashlib.sha256(kept).hexdigest()


def test_an_empty_file_is_removed_and_noted(scenes: Any, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "recordings")
    (tmp_path / "recordings" / f"{ID}.tar").write_bytes(bytes(4096))
    scene = scenes()
    housekept(scene)
    assert dict(scene.entries())["removed_empty"].name == f"{ID}.tar"
    assert os.listdir(tmp_path / "recordings") == []


def test_what_becomes_of_a_file_is_noticed_within_an_hour(scenes: Any) -> None:
    scene = scenes()
    path = recorded(scene)
    housekept(scene)
    os.unlink(path)
    housekept(scene)
    assert "missing" not in scene.kinds()
    scene.clock.advance(COMPARE_US)
    housekept(scene)
    assert scene.kinds().count("missing") == 1


def test_a_running_recording_whose_file_was_removed_is_missing_within_a_minute(
    scenes: Any,
) -> None:
    scene = scenes()
    scene.keeping.ask(lambda _store, _key: None).result(WAIT)
    housekept(scene)
    init, made = fragments(seconds_of_footage(1))
    moment = scene.clock.moment()
    header = replace(a_header(), id=ID, boot_id=scene.clock.boot_id, clock=moment)
    sink = scene.keeping.open_sink(header, init)
    sink.append(made[0], replace(a_facts(0), clock=moment))
    os.unlink(sink.path)
    with pytest.raises(StorageError, match="removed or replaced"):
        sink.close(replace(a_closing(), boot_id=scene.clock.boot_id, clock=moment))
    housekept(scene)
    assert [facts.id for kind, facts in scene.entries() if kind == "missing"] == [ID]


def test_whoever_allowed_more_than_the_policy_is_in_the_ledger(scenes: Any) -> None:
    why = {"reason": "trial in one district", "authorised_by": "C. Lang, head of office"}
    scene = scenes(retention={"days": 20}, overrides=why)
    said = dict(scene.entries())["settings"]
    assert (said.reason, said.authorised_by) == (why["reason"], why["authorised_by"])
    assert [one.key for one in said.overridden] == ["retention.days"]


@pytest.mark.parametrize("stage", ["recording", "stopping"])
def test_what_the_wearer_wanted_is_handed_on_with_a_recording_that_goes_on(
    scenes: Any, stage: str
) -> None:
    clock = died(scenes, stage, display=True, muted_us=12)
    for _ in range(2):  # a second death before it went on forgets nothing either
        scene = scenes(clock)
        scene.kinds()
        opened = scene.opened[0]
        goes_on = stage == "recording"
        assert opened.resume == (ID if goes_on else None)
        assert (opened.display, opened.muted_us) == ((True, 12) if goes_on else (None, None))
        scene.keeping.close(WAIT)


def test_one_file_that_cannot_be_read_keeps_no_deletion_from_being_on_time(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes()
    due = recorded(scene)
    bad = tmp_path / "recordings" / "20261124T153000Z-000002-00000002.tar"
    bad.write_bytes(b"x" * 1024)
    real = recovery.repair

    def failing(path: str, key: Any, clock: Any, owed: Any = None) -> Any:
        if path == str(bad):
            error = StorageError(f"{path}: cannot read")
            error.errno = errno.EIO
            raise error
        return real(path, key, clock, owed)

    monkeypatch.setattr(recovery, "repair", failing)
    scene.keeping.interrupted()
    scene.clock.advance(15 * DAY)
    housekept(scene)
    assert not os.path.exists(due)
    assert bad.exists()
    # Readable again, it has its turn.
    monkeypatch.setattr(recovery, "repair", real)
    housekept(scene)
    assert "unreadable" in scene.kinds()


def test_what_the_ledger_knows_as_closed_gets_no_other_end(scenes: Any) -> None:
    first = scenes()
    path = Path(recorded(first))
    first.kinds()
    first.keeping.close(WAIT)
    cut = path.read_bytes()[:-4096]
    path.write_bytes(cut)
    second = scenes(first.clock)
    housekept(second)
    assert path.read_bytes() == cut
    assert "recovered" not in second.kinds()


def test_another_key_is_said_loudly(
    scenes: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = scenes()
    first.kinds()
    first.keeping.close(WAIT)
    (tmp_path / "identity.pem").unlink()
    caplog.clear()
    housekept(scenes(first.clock))
    (said,) = [one for one in caplog.records if one.levelname == "CRITICAL"]
    assert "camerad identity show" in said.getMessage()


# ----------------------------------------------------------------------------------- provisioning


def ordered(place: Path, serial: int, retires: str | None = None) -> LedgerOrder:
    """`camerad provision apply` has left an order."""
    order = LedgerOrder(
        id=orders.new_id(),
        outcome="applied" if retires is None else "reset",
        sha256=f"{serial:064}",
        serial=serial,
        office="K" * 43,
        device="camera-07",
        why=None,
        retires=retires,
    )
    place.mkdir(exist_ok=True)
    orders.add_order(str(place), order)
    return order


def provisioned(scene: Scene) -> list[int]:
    """Serials of the files that the ledger tells of."""
    return [facts.serial for kind, facts in scene.entries() if kind == "provisioned"]


def test_what_the_office_s_file_did_is_told_once_by_the_one_who_writes_the_ledger(
    scenes: Any, tmp_path: Path
) -> None:
    place = tmp_path / "provision"
    ordered(place, 1)
    ordered(place, 2)
    at = {"provision_dir": str(place)}
    first = scenes(device={"state_dir": str(tmp_path), **at})
    assert provisioned(first) == [1, 2]
    first.keeping.close(WAIT)
    ordered(place, 3)
    second = scenes(first.clock, device={"state_dir": str(tmp_path), **at})
    assert provisioned(second) == [1, 2, 3]
    second.keeping.close(WAIT)
    (tmp_path / orders.DELIVERED).write_text("of another life\n")
    third = scenes(first.clock, device={"state_dir": str(tmp_path), **at})
    assert provisioned(third) == [1, 2, 3, 1, 2, 3], "rather twice than never"


def test_orders_that_cannot_be_read_keep_no_camera_from_recording(
    scenes: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "provision"
    place.mkdir()
    (place / orders.NAME).write_text("[{")
    scene = scenes(device={"state_dir": str(tmp_path), "provision_dir": str(place)})
    assert provisioned(scene) == []
    assert "is missing in the ledger" in caplog.text
    assert opened(scene).thumbprint


def test_a_reset_makes_another_key_and_nothing_is_left_of_the_former(
    scenes: Any, tmp_path: Path
) -> None:
    first = scenes()
    former = opened(first).thumbprint
    private = (tmp_path / "identity.pem").read_bytes()
    first.keeping.close(WAIT)
    place = tmp_path / "provision"
    ordered(place, 9, retires=former)
    device = {"state_dir": str(tmp_path), "provision_dir": str(place)}
    second = scenes(first.clock, device=device)
    mine = opened(second).thumbprint
    assert mine != former
    kinds = [
        (kind, facts) for kind, facts in second.entries() if kind in {"identity", "provisioned"}
    ]
    assert [(kind, getattr(facts, "replaces", None)) for kind, facts in kinds[-2:]] == [
        ("identity", former),
        ("provisioned", None),
    ]
    assert kinds[-1][1].retires == former
    second.keeping.close(WAIT)
    assert all(private != path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    # The order is told; and if it were not, it names a key that this camera does not have.
    (tmp_path / orders.DELIVERED).unlink()
    assert opened(scenes(first.clock, device=device)).thumbprint == mine


# ----------------------------------------------------------------------------------------- shifts


def begin_shift(scene: Scene, wearer: str = "W-0815") -> int:
    """Returns when it began."""
    moment, boot = scene.clock.moment(), scene.clock.boot_id
    scene.keeping.note("shift_begun", wearer=wearer, source="badge", began=moment, began_boot=boot)
    return moment.boot_us


def opened(scene: Scene) -> OpenedStore:
    until(lambda: scene.opened, WAIT, "recordings can be kept")
    return scene.opened[0]


def test_the_next_start_knows_the_shift_that_has_not_ended_and_for_how_long_it_runs(
    scenes: Any,
) -> None:
    clock = ManualClock(time_of(30))
    first = scenes(clock)
    assert opened(first).shift is None
    began_us = begin_shift(first)
    first.end()
    clock.advance(3600 * SECOND)
    second = scenes(clock)
    assert opened(second).shift == KeptShift("W-0815", "badge", began_us)
    second.keeping.note("shift_ended", why="docked")
    second.end()
    third = scenes(clock)
    assert opened(third).shift is None
    third.end()


def test_after_a_reboot_without_a_trusted_clock_a_shift_is_of_unknown_age(scenes: Any) -> None:
    clock = ManualClock(time_of(30))
    first = scenes(clock)
    opened(first)
    begin_shift(first)
    first.end()
    clock.reboot()
    clock.source = ClockSource.UNKNOWN
    second = scenes(clock)
    assert opened(second).shift == KeptShift("W-0815", "badge", None)
    second.end()


class Shifts:
    """The shift as the daemon tells the ledger of it and notes it (`camerad.daemon.shift_note`)."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.note = ShiftNote(str(scene.directory / "run"), scene.clock)

    def begins(self, wearer: str, over: str | None = None) -> int:
        if over is not None:
            self._scene.keeping.note("shift_ended", why=over)
        began = self._scene.clock.moment()
        self.note.write(Worn(wearer, "badge", began), over)
        return begin_shift(self._scene, wearer)

    def ends(self, why: str = "ended") -> None:
        self.note.write(None, why)
        self._scene.keeping.note("shift_ended", why=why)


def told_of_shifts(scene: Scene) -> list[tuple[str, str]]:
    """What the ledger says of shifts, in its order."""
    return [
        (kind, facts.wearer if kind == "shift_begun" else facts.why)
        for kind, facts in scene.entries()
        if kind in {"shift_begun", "shift_ended"}
    ]


@pytest.mark.parametrize("relieved", [False, True], ids=["ended", "relieved"])
def test_a_shift_that_is_over_while_the_card_takes_nothing_is_over_for_the_next_daemon_too(
    scenes: Any, monkeypatch: pytest.MonkeyPatch, relieved: bool
) -> None:
    first = scenes()
    opened(first)
    shifts = Shifts(first)
    shifts.begins("W-0815")
    first.kinds()
    first.clock.advance(3600 * SECOND)
    ledger = Ledger(monkeypatch, errno.EIO)
    if relieved:
        began_us = shifts.begins("W-0816", "relieved")
    else:
        shifts.ends()
    ledger.asked_again()
    assert not first.keeping.close(WAIT)
    ledger.fails = False
    first.clock.advance(3 * SECOND)
    second = scenes(first.clock)
    now_on = [("shift_begun", "W-0816")] if relieved else []
    assert opened(second).shift == (KeptShift("W-0816", "badge", began_us) if relieved else None)
    why = "relieved" if relieved else "ended"
    expected = [("shift_begun", "W-0815"), ("shift_ended", why), *now_on]
    assert told_of_shifts(second) == expected
    # It happened when it was noted, not when it was written.
    (over,) = [one for one in second.written() if one.kind == "shift_ended"]
    assert over.clock.boot_us - over.happened.boot_us == 3 * SECOND
    second.end()
    # What the ledger knows is not told again.
    assert told_of_shifts(scenes(first.clock)) == expected


def test_a_shift_that_began_before_the_ledger_could_be_opened_is_the_one_that_counts(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scenes()
    opened(first)
    Shifts(first).begins("W-0815")
    first.end()
    ledger = Ledger(monkeypatch, errno.EIO)
    second = scenes(first.clock)
    began_us = Shifts(second).begins("W-0816")
    ledger.asked_again()
    second.keeping.close(WAIT)
    ledger.fails = False
    third = scenes(first.clock)
    assert opened(third).shift == KeptShift("W-0816", "badge", began_us)
    assert told_of_shifts(third)[1:] == [("shift_ended", "relieved"), ("shift_begun", "W-0816")]


def test_what_was_to_end_a_shift_after_its_recording_is_known_to_the_next_daemon(
    scenes: Any,
) -> None:
    first = scenes()
    opened(first)
    shifts = Shifts(first)
    began_us = shifts.begins("W-0815")
    noted = shifts.note.read()
    first.clock.advance(SECOND)
    shifts.note.write(replace(noted.present, due="docked"), None)
    assert shifts.note.read() == replace(noted, present=replace(noted.present, due="docked"))
    first.end()
    second = scenes(first.clock)
    assert opened(second).shift == KeptShift("W-0815", "badge", began_us, due="docked")
    assert told_of_shifts(second) == [("shift_begun", "W-0815")]


def test_what_was_noted_of_a_shift_in_another_boot_counts_for_nothing(scenes: Any) -> None:
    first = scenes()
    opened(first)
    shifts = Shifts(first)
    shifts.begins("W-0815")
    first.end()
    shifts.note.write(None, "ended")
    first.clock.reboot()
    assert opened(scenes(first.clock)).shift is not None


# ---------------------------------------------------------------------------------------- updates


def test_what_became_of_an_update_is_told_while_the_daemon_runs(
    scenes: Any, tmp_path: Path
) -> None:
    place = tmp_path / "provision"
    left = kept.open_update_file(str(place / kept.FOLDER))
    state = update.UpdateState(update.UpdatePhase.TO_TRY, "B", "0.2.0-2", "0.1.0-1")
    left.write(state, tell=True)
    scene = scenes(device={"state_dir": str(tmp_path), "provision_dir": str(place)})

    def told() -> list[str]:
        return [facts.outcome for kind, facts in scene.entries() if kind == "updated"]

    housekept(scene)
    assert told() == ["to_try"]
    left.write(replace(state, phase=update.UpdatePhase.CONFIRMED), tell=True)
    housekept(scene)
    housekept(scene)
    assert told() == ["to_try", "confirmed"]


def test_before_the_store_is_open_no_more_is_remembered_than_may_be(
    scenes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A card that never answers well must not cost the memory of a camera that goes on."""

    def failing(*_: object, **__: object) -> None:
        raise StorageError("the storage reports an input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(keeping, "MOST_UNWRITTEN", 3)
        broken.setattr(keeping, "RETRY_SECONDS", 0.05)
        broken.setattr(open_store, "open_books", failing)
        scene = scenes()
        for number in range(5):
            scene.keeping.note("fault", condition=f"number {number}", holds=True)
        with pytest.raises(StorageError):
            scene.keeping.ask(lambda _store, _key: None).result(WAIT)
        assert caplog.text.count("this entry is missing in the ledger: fault") == 2
    until(lambda: scene.opened, WAIT, "recordings can be kept")
    said = [facts.condition for kind, facts in scene.entries() if kind == "fault"]
    assert said == ["number 2", "number 3", "number 4"]
