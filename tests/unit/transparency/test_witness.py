"""An office publishes its log, and its camera witnesses it: every act of a dishonest office is
disputed, and none of an honest one, whatever became of power, card, ledger and backup."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from ledger_helpers import KEY, Book
from msgspec.structs import replace

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey, encode_base64url
from camerad.container.severity import Severity
from camerad.ledger import log_segments
from camerad.ledger.entry_types import OfficeCheckpoint, OfficeDisputed
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import CameraWitness, Dispute, cosigned_by, witness_name
from camerad.transparency.checkpoints import WITNESS, Checkpoint, NoteError, NoteKey
from camerad.transparency.log_check import check_log
from camerad.transparency.office_log import SHOWN, OfficeLog, ShownLog
from camerad.transparency.proof import leaf_of
from camerad.transparency.tree_files import TreeFiles

CAMERA = SigningKey.generate()
ABOUT = "ab" * 32
"""SHA-256 of the check-in that is answered."""


class Scene:
    """An office and one of its cameras."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.office = Book(root / "office" / "ledger")
        self.camera = Book(root / "camera" / "ledger")
        self.written = 0

    @property
    def log(self) -> OfficeLog:
        return OfficeLog(str(self.office.path))

    @property
    def witness(self) -> CameraWitness:
        state = str(self.root / "camera")
        return CameraWitness(state, self.office.key.public, self.camera.ledger, CAMERA)

    def work(self, count: int = 3) -> None:
        """The office's ledger grows, and its log is published."""
        for _ in range(count):
            self.written += 1
            self.office.opened(f"20261124T153000Z-000001-{self.written:08x}")
        self.log.publish(self.office.ledger)

    @property
    def seen(self) -> Checkpoint | None:
        found = self.witness.read()
        return None if found is None else checkpoints.parse(found.note).checkpoint

    def show(self) -> ShownLog:
        remembered = self.witness.read()
        asked = () if remembered is None else remembered.asked
        shown = self.log.show(self.seen, ABOUT, asked)
        assert shown is not None
        return shown

    def see(self, shown: ShownLog, key: SigningKey | None = None) -> Dispute | None:
        token = jws.sign(key or self.office.key, SHOWN, shown)
        return self.witness.see(token, ABOUT).dispute

    def check_in(self) -> Dispute | None:
        return self.see(self.show())

    def hand_over(self, number: int, *, logged: bool = True) -> None:
        """The office signs for a recording; its ledger says so, or does not."""
        name, final = f"20261124T153000Z-000002-{number:08x}", f"{number:064x}"
        self.witness.expect([final])
        if logged:
            facts = {"id": name, "final": final, "device": "cam-1", "kid": "k" * 43}
            ended = Moment(0, 0, ClockSource.UNKNOWN)
            self.office.ledger.append(
                "received", retention_days=14, ended=ended, flagged=False, reason="press", **facts
            )

    @property
    def awaited(self) -> int:
        found = self.witness.read()
        return 0 if found is None else len(found.awaited)

    def save(self) -> Path:
        self.office.ledger.close()
        shutil.copytree(self.root / "office", self.root / "backup")
        self.office.open()
        return self.root / "backup"

    def put_back(self) -> None:
        self.office.ledger.close()
        shutil.rmtree(self.root / "office")
        shutil.copytree(self.root / "backup", self.root / "office")
        self.office.open()

    def declare(self) -> None:
        seen = self.seen
        assert seen is not None
        self.office.ledger.append(
            "history_lost",
            origin=seen.origin,
            size=seen.size,
            root=checkpoints.encode(seen.root),
            reason="restored from the backup of yesterday",
            who="Admin",
        )
        self.work(1)

    def kinds(self) -> list[str]:
        return [one for one in self.camera.kinds() if one.startswith("office")]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_camera_cosigns_what_continues_and_its_ledger_says_so(scene: Scene) -> None:
    for count in (1, 1, 300, 2):
        scene.work(count)
        assert scene.check_in() is None
        assert scene.check_in() is None  # nothing new: nothing written
    assert scene.kinds() == ["office_checkpoint"] * 4
    remembered = scene.witness.read()
    assert remembered is not None
    note = checkpoints.parse(remembered.note)
    by_camera = NoteKey(witness_name(CAMERA.public), WITNESS, CAMERA.public)
    assert by_camera.find(note) is not None and len(note.lines) == 2
    last = scene.camera.entries()[-1].facts
    root = checkpoints.encode(note.checkpoint.root)
    office = scene.office.key.public.thumbprint
    assert last == OfficeCheckpoint(
        office, note.checkpoint.origin, note.checkpoint.size, root, None
    )
    # Each entry is a leaf, in order.
    tokens = [one.token for one in scene.office.entries()]
    assert [scene.log.find(one) for one in tokens] == list(range(len(tokens)))


def test_a_camera_cannot_make_up_what_the_log_has_signed(scene: Scene) -> None:
    scene.work()
    scene.check_in()
    remembered, known = scene.witness.read(), scene.log.read()
    assert remembered is not None and known is not None
    assert cosigned_by(CAMERA.public, remembered.note, known[0]) is not None
    made_up = Checkpoint(known[0].name, 10**17, bytes(32))
    line = checkpoints.cosign(CAMERA, witness_name(CAMERA.public), made_up, 1)
    for signer in (CAMERA, SigningKey.generate()):
        note = checkpoints.sign(signer, made_up).with_lines([line])
        assert cosigned_by(CAMERA.public, str(note), known[0]) is None


def rewrite(scene: Scene) -> None:
    """Another entry in the place of the last: ledger and log made anew, with the same keys."""
    key = (scene.root / "office" / "log" / "key.pem").read_bytes()
    scene.office.ledger.close()
    shutil.rmtree(scene.root / "office")
    (scene.root / "office" / "log").mkdir(parents=True)
    (scene.root / "office" / "log" / "key.pem").write_bytes(key)
    scene.office.open()
    scene.work(40)


def other_log(scene: Scene) -> None:
    shutil.rmtree(scene.root / "office" / "log")
    scene.work()


def put_back(scene: Scene) -> None:
    scene.put_back()


def put_back_and_went_on(scene: Scene) -> None:
    scene.put_back()
    scene.work(20)


ACTS: dict[Callable[[Scene], None], Dispute] = {
    put_back: Dispute.PUT_BACK,
    put_back_and_went_on: Dispute.CHANGED,
    rewrite: Dispute.CHANGED,
    other_log: Dispute.OTHER_LOG,
}


@pytest.mark.parametrize(("act", "dispute"), ACTS.items())
def test_a_changed_history_is_disputed_until_it_is_declared(
    scene: Scene, act: Callable[[Scene], None], dispute: Dispute
) -> None:
    scene.work()
    scene.save()
    scene.work(10)
    assert scene.check_in() is None
    seen = scene.seen
    act(scene)
    assert scene.check_in() is dispute
    assert scene.check_in() is dispute
    assert scene.seen == seen
    assert scene.kinds() == ["office_checkpoint", "office_disputed"]
    said = scene.camera.entries()[-1].facts
    assert isinstance(said, OfficeDisputed) and said.why == dispute
    evidence = scene.witness.read()
    assert evidence is not None and evidence.shown is not None
    # By another checkpoint's declaration nothing is lost.
    scene.office.ledger.append(
        "history_lost", origin=said.origin, size=3, root="AA==", reason="r", who="w"
    )
    scene.work(1)
    assert scene.check_in() is not None
    scene.declare()
    assert scene.check_in() is None
    last = scene.camera.entries()[-1].facts
    assert isinstance(last, OfficeCheckpoint) and seen is not None and last.lost == seen.size
    scene.work()
    assert scene.check_in() is None


def test_a_dispute_ends_when_the_office_shows_what_the_camera_knows(scene: Scene) -> None:
    """As after the restoration of the wrong backup, and then of the right one."""
    scene.work()
    shutil.copytree(scene.root / "office", scene.root / "right")
    scene.save()
    scene.work()
    scene.check_in()
    right = scene.root / "now"
    scene.office.ledger.close()
    shutil.copytree(scene.root / "office", right)
    scene.put_back()
    assert scene.check_in() is Dispute.PUT_BACK
    scene.office.ledger.close()
    shutil.rmtree(scene.root / "office")
    shutil.copytree(right, scene.root / "office")
    scene.office.open()
    assert scene.check_in() is None
    assert scene.kinds() == ["office_checkpoint", "office_disputed", "office_checkpoint"]
    assert found(scene) == []


def test_an_office_that_does_not_log_what_it_took_over_is_disputed(scene: Scene) -> None:
    """Its log stands still, or goes on without a recording; also one that it then proves, or
    declares lost."""
    scene.hand_over(1)  # before the camera has seen a log, it asks for nothing
    scene.work()
    assert scene.check_in() is None and scene.awaited == 0
    scene.hand_over(2)
    scene.hand_over(3)
    assert scene.check_in() is None and scene.awaited == 2  # the log comes a moment later
    scene.work(1)
    assert scene.check_in() is None and scene.awaited == 0
    for number in range(4, 24):
        scene.hand_over(number)
    scene.work(1)
    earlier = scene.show().entries
    assert len(earlier) == 8
    for left in (12, 4, 0):
        assert scene.check_in() is None and scene.awaited == left
    # The last receipt is of a recording that the log never has.
    scene.hand_over(24, logged=False)
    scene.camera.clock.advance(DAY)
    assert scene.check_in() is None
    scene.camera.clock.advance(1)
    assert scene.check_in() is Dispute.NOT_LOGGED  # it stands still,
    scene.work(5)
    assert scene.check_in() is Dispute.NOT_LOGGED  # or grows by other entries
    assert scene.kinds()[-1] == "office_disputed" and scene.kinds().count("office_disputed") == 1
    assert "(not_logged, 31 entries)" in found(scene)[0]
    scene.camera.clock.advance(40 * DAY)
    assert scene.check_in() is Dispute.NOT_LOGGED  # it does not forget
    # What it proves of others, or proved before, counts for nothing.
    assert scene.see(replace(scene.show(), entries=earlier)) is Dispute.NOT_LOGGED
    scene.hand_over(24)
    scene.work(1)
    assert scene.check_in() is None and found(scene) == []
    scene.hand_over(25, logged=False)
    scene.camera.clock.advance(DAY + 1)
    assert scene.check_in() is Dispute.NOT_LOGGED
    scene.declare()
    assert scene.check_in() is None and scene.awaited == 0 and found(scene) == []
    # Months away, before it could ask.
    scene.hand_over(26, logged=False)
    scene.camera.clock.advance(60 * DAY)
    assert scene.check_in() is None and scene.awaited == 0


def test_a_new_key_of_the_office_is_no_new_memory(scene: Scene) -> None:
    """The log's key stays, and what the camera has seen by it."""
    scene.work()
    scene.save()
    scene.work(10)
    assert scene.check_in() is None
    scene.hand_over(1)
    seen = scene.seen
    scene.office.ledger.close()
    scene.office.key = SigningKey.generate()
    scene.office.open(KeyRing([KEY.public]))
    scene.work()
    assert scene.seen is None and scene.check_in() is None and scene.seen == seen
    assert scene.check_in() is None and scene.seen != seen and scene.awaited == 0
    scene.put_back()
    assert scene.check_in() is Dispute.PUT_BACK
    assert found(scene) != []


def unsigned(shown: ShownLog) -> ShownLog:
    size = checkpoints.parse(shown.checkpoint).checkpoint.size
    return msgspec.structs.replace(
        shown, checkpoint=shown.checkpoint.replace(f"\n{size}\n", f"\n{size + 1}\n")
    )


def another_key(shown: ShownLog) -> ShownLog:
    name = checkpoints.parse(shown.checkpoint).checkpoint.origin
    other = NoteKey(name, checkpoints.LOG, SigningKey.generate().public)
    return msgspec.structs.replace(shown, key=str(other))


def of_before(shown: ShownLog) -> ShownLog:
    """An answer to another check-in, kept and played again."""
    return msgspec.structs.replace(shown, about="cd" * 32)


def no_text(shown: ShownLog) -> ShownLog:
    return msgspec.structs.replace(shown, checkpoint="")


def no_hash(shown: ShownLog) -> ShownLog:
    return msgspec.structs.replace(shown, proof=("x",))


@pytest.mark.parametrize("forge", [unsigned, another_key, of_before, no_text, no_hash])
def test_what_no_log_signed_accuses_nobody(
    scene: Scene, forge: Callable[[ShownLog], ShownLog]
) -> None:
    """It may come from anybody: it is refused, and neither remembered nor disputed."""
    scene.work()
    with pytest.raises(NoteError):
        scene.see(forge(scene.show()))
    scene.check_in()
    scene.work()
    with pytest.raises(NoteError):
        scene.see(forge(scene.show()))
    with pytest.raises(NoteError, match="has not signed"):
        scene.see(scene.show(), SigningKey.generate())
    assert scene.kinds() == ["office_checkpoint"]
    assert scene.check_in() is None


def test_a_ledger_that_lost_entries_is_no_other_history(scene: Scene) -> None:
    """Its leaves stay; what was written since follows them."""
    scene.work()
    scene.check_in()
    path = scene.office.file()
    scene.office.ledger.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + b"x" * 300 + b"\n" + b"".join(lines[:1]))
    scene.office.open()
    scene.work()
    assert scene.check_in() is None


def test_expired_epochs_leave_their_hashes(scene: Scene) -> None:
    scene.work(20)
    scene.check_in()
    scene.office.ledger.rotate()
    scene.work()
    scene.office.ledger.rotate()
    (scene.office.path / log_segments.epoch_name(1)).unlink()
    scene.work()
    assert scene.check_in() is None


def test_a_damaged_log_says_so_and_signs_nothing(scene: Scene) -> None:
    scene.work()
    path = scene.root / "office" / "log" / "hashes-0"
    path.write_bytes(path.read_bytes()[:-32])
    with pytest.raises(StorageError, match="hashes of the office's log are missing"):
        scene.work()
    scene.office.ledger.close()


def test_hashes_that_changed_sign_and_show_nothing(scene: Scene) -> None:
    """A bit that fell over on the storage does not make the office accuse itself."""
    scene.work(5)
    scene.check_in()
    scene.work(1)
    path = scene.root / "office" / "log" / "hashes-0"
    right = path.read_bytes()
    path.write_bytes(right[:-32] + bytes(32))
    for act in (scene.work, scene.show):
        with pytest.raises(StorageError, match="not those that the log has signed"):
            act()
    path.write_bytes(right)
    assert scene.check_in() is None


# ------------------------------------------------------------------ the auditor


def found(scene: Scene) -> list[str]:
    """What is damage by log, ledger and the camera's ledger."""
    return [
        text
        for severity, text in check_log(str(scene.office.path), [str(scene.camera.path)])
        if severity is Severity.DAMAGE
    ]


def drop_last(scene: Scene) -> None:
    """The last entry that the log has is taken away, with one behind it."""
    scene.office.file().write_bytes(b"".join(scene.office.lines()[:-2]))


def drop_behind_a_loss(scene: Scene) -> None:
    """That the ledger once said that it lost something explains nothing that goes later."""
    scene.office.ledger.record_loss("a test")
    scene.work()
    scene.office.file().write_bytes(b"".join(scene.office.lines()[:-2]))


def put_in(scene: Scene) -> None:
    """An entry is made up and put between two others, signed by the office's key."""
    lines = scene.office.lines()
    other = Book(scene.root / "other" / "ledger")
    for _ in range(5):
        other.opened("20261124T153000Z-000001-ffffffff")
    made_up = other.lines()[-1]
    other.ledger.close()
    scene.office.file().write_bytes(b"".join([*lines[:-2], made_up, *lines[-2:]]))


def drop_log(scene: Scene) -> None:
    shutil.rmtree(scene.root / "office" / "log")


def change_hash(scene: Scene) -> None:
    path = scene.root / "office" / "log" / "hashes-0"
    path.write_bytes(bytes(32) + path.read_bytes()[32:])


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (drop_last, "1 entry is in the log and not in the ledger"),
        (drop_behind_a_loss, "2 entries are in the log and not in the ledger"),
        (put_in, "1 entry is in the ledger and not in the log"),
        (drop_log, "cameras have seen a log here, and it is gone"),
        (change_hash, "its hashes are not those that the log has signed"),
        (put_back, "it has seen a log of 16 entries that is not here"),
        (put_back_and_went_on, "it has seen another history of 16 entries"),
        (rewrite, "it has seen another history of 16 entries"),
        (other_log, "it has seen a log of 16 entries that is not here"),
    ],
)
def test_an_auditor_with_a_cameras_ledger_names_each_act(
    scene: Scene, act: Callable[[Scene], None], text: str
) -> None:
    scene.work()
    scene.save()
    scene.work(10)
    scene.check_in()
    assert found(scene) == []
    scene.office.opened("20261124T153000Z-000001-00ffffff")  # not published yet
    assert found(scene) == []
    act(scene)
    (said,) = found(scene)
    assert text in said
    if act in ACTS:
        scene.check_in()
        assert "; 1 more entry there says so" in found(scene)[0]
        scene.declare()
        scene.check_in()
        assert found(scene) == []
    scene.office.ledger.close()


def test_a_leaf_tells_nothing_to_a_stranger_who_guesses_the_whole_entry(scene: Scene) -> None:
    """What the office signs is known then, and its signature is not."""
    scene.work()
    tree, stranger = TreeFiles(scene.log.directory), SigningKey.generate()
    entries = scene.office.entries()
    assert tree.size == len(entries)
    for number, entry in enumerate(entries):
        guessed = entry.token.rpartition(b".")[0]
        signed = guessed + b"." + encode_base64url(stranger.sign(guessed)).encode()
        assert tree.complete(0, number) == leaf_of(entry.token)
        assert tree.complete(0, number) not in (leaf_of(guessed), leaf_of(signed))


def test_what_cannot_be_read_accuses_nobody(scene: Scene) -> None:
    scene.work()
    scene.check_in()
    for ledger in (scene.camera.file(), scene.office.file()):
        ledger.rename(ledger.with_suffix(".away"))
        ledger.symlink_to(ledger.with_suffix(".away"))
        if ledger == scene.camera.file():
            assert found(scene) == []
    with pytest.raises(StorageError, match="symbolic link"):
        found(scene)


def test_who_only_reads_needs_no_private_key(scene: Scene) -> None:
    scene.work()
    scene.check_in()
    key = scene.root / "office" / "log" / "key.pem"
    key.unlink()
    assert found(scene) == [] and scene.show()
    key.write_bytes(SigningKey.generate().pem)
    with pytest.raises(StorageError, match="by another key"):
        scene.work()
    scene.office.ledger.close()


def test_a_camera_that_served_another_office_accuses_none(scene: Scene) -> None:
    scene.work()
    assert scene.check_in() is None
    other = Scene(scene.root / "elsewhere")
    other.office.ledger.close()
    other.office.key = SigningKey.generate()
    shutil.rmtree(other.root / "office")
    other.office.open()
    other.work(40)
    other.camera.ledger.close()
    shown = other.log.show(None, ABOUT)
    assert shown is not None
    token = jws.sign(other.office.key, SHOWN, shown)
    served = CameraWitness(
        str(scene.root / "camera"), other.office.key.public, scene.camera.ledger, CAMERA
    )
    assert served.see(token, ABOUT).cosigned
    assert found(scene) == []
    other.office.ledger.close()
    scene.office.ledger.close()
