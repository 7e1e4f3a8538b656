"""`camerad evidence` about directories of an office and a camera, from which a person took or
into which they put something."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk_helpers import BOOT, KEYS, ONE, THREE, TWO, Camera, recording

from camerad.base.errors import EX_CONFIG, EX_IOERR, EX_NOPERM, EX_USAGE
from camerad.cli import desk as desk_module
from camerad.container import jws
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.ledger.ledger import read_ledger
from camerad.store.locations import PlaceKind, device_stem, holding_stem, place_of

from .conftest import Desk, set_clock
from .world import ANOTHER, HOLD, PURGE, RELEASE, VERIFY, World

pytestmark = pytest.mark.usefixtures("an_hour_later")


@pytest.fixture
def world(camera: Camera, desk: Desk, key: Path, tmp_path: Path) -> World:
    """A camera, and nothing in the office."""
    return World(camera, desk, key.parent)


@pytest.fixture
def office(world: World) -> World:
    """The office has two recordings, which its ledger knows; one is held."""
    world.camera.put(ONE)
    world.camera.put(TWO)
    world.camera.offload(world.archive)
    world.ask(HOLD, 0)
    return world


GONE = "its file is gone, and the ledger has no deletion of it"
NO_RECORDINGS = "$HOLDING/recordings: the directory of the recordings is gone"
BOTH_GONE = (NO_RECORDINGS, "DAMAGE: $ONE: ", "DAMAGE: $TWO: ")
BOTH = "2 authentic and complete"


@pytest.mark.parametrize(
    ("deed", "code", "words"),
    [
        (":", 0, (BOTH,)),
        # Recordings
        ("rm $FILE $HOLDING/receipts/0001.jws", 2, ()),
        ('cp $FILE "$HOLDING/recordings/$ONE (1).tar"', 1, ("it is here 2 times",)),
        ('ln -s $FILE "$HOLDING/recordings/$ONE (1).tar"', 2, (" (1).tar: this is a symbolic",)),
        (
            "mkdir -p $ARCHIVE/cam-9-00000000/recordings; cp $FILE $ARCHIVE/cam-9-*/recordings",
            *(2, ("it is here 2 times",)),
        ),
        (
            'cd $HOLDING/recordings; cp $ONE.tar "$ONE (1).tar"; cp $ONE.tar "Kopie von $ONE.tar"',
            *(1, ("\n2 recordings: 2 authentic and complete, and 2 copies of them\n",)),
        ),
        # The camera's part
        ("mv $HOLDING ${HOLDING}x", 2, ("which ends in -", "!offload the camera once more")),
        ("rm $HOLDING/device.jwk", 2, (BOTH, "DAMAGE: $HOLDING/device.jwk: the key that came")),
        ("rm -r $HOLDING/ledger", 2, (BOTH, "  damage     $HOLDING/ledger: cannot list the l")),
        ("rm -r $HOLDING/ledger $HOLDING/receipts $HOLDING/device.jwk", 2, (BOTH,)),
        ("cd $HOLDING/ledger; rm 000001.jws; mkfifo 000001.jws", 2, ()),
        ("rm $HOLDING/receipts/0001.jws", 2, ("$ONE: its device's ledger names its receipt",)),
        ("echo x > $HOLDING/receipts/0009.jws", 2, ("0009.jws: it is named like a receipt",)),
        ("echo x > $HOLDING/receipts/note.txt", 0, ()),
        ("mkdir $HOLDING/earlier-ledger", 0, ()),
        (
            "cd $HOLDING; mkdir earlier-ledger; : > earlier-ledger/000001.jws-0123456789abcdef",
            *(1, ("note: $HOLDING/earlier-ledger: ",)),
        ),
        # It is not taken for one camera's part of the directory above.
        ("mkdir $ARCHIVE/receipts", 0, (BOTH,)),
        ("mkdir $ARCHIVE/ledger", 0, (BOTH,)),
        # The office's own ledger
        ("truncate -s 1T $ARCHIVE/office/ledger/000002.jws", 2, (BOTH, "which no camera writes")),
        ("cd $ARCHIVE/office/keys; head -c 2000 /dev/zero | tr '\\0' [ > x.jwk", 0, ()),
        ("mkfifo $ARCHIVE/office/keys/x.jwk", 0, ()),
        ("mkdir $ARCHIVE/office/keys/x.jwk", 0, ()),
        # A camera's whole part: the office's ledger knows it.
        ("rm -r $HOLDING", 2, (f"$ONE: {GONE}", f"$TWO: {GONE}")),
        (f"{ANOTHER}; rm -r $HOLDING", 2, (f"$ONE: {GONE}", f"$TWO: {GONE}")),
        # The recordings with their directory
        *(
            (f"{another}; {lost}; {deed}", 2, BOTH_GONE)
            for another in (":", ANOTHER)
            for lost in (":", "rm -r $ARCHIVE/office/ledger $ARCHIVE/office/keys")
            for deed in (
                "rm -r $HOLDING/recordings",
                "mv $HOLDING/recordings $HOLDING/recordings.old",
                "mv $HOLDING/recordings $ARCHIVE/elsewhere",
            )
        ),
        ("rm -r $ARCHIVE/office $HOLDING/recordings", 2, BOTH_GONE),
        # Any part that is left of a camera tells that the rest is gone.
        *(
            (f"{ANOTHER}; cd $HOLDING; rm -r $ARCHIVE/office {gone}", 2, (NO_RECORDINGS,))
            for gone in (
                "recordings ledger device.jwk",
                "recordings receipts device.jwk",
                "recordings receipts ledger",
            )
        ),
    ],
)
def test_verify_judges_an_office(office: World, deed: str, code: int, words: tuple[str]) -> None:
    office.do(deed)
    office.ask(VERIFY, code, *words)
    if "$HOLDING/recordings" in "".join(words):
        office.ask("verify $HOLDING $BY", 2)
    if "office/keys/x.jwk" in deed:
        office.ask(PURGE, 0)


def test_one_camera_is_judged_without_the_others(office: World) -> None:
    office.ask("verify $HOLDING $BY", 0)
    office.do("mkdir -p $ARCHIVE/cam-2-00000000/recordings; rm $FILE")
    office.ask("verify $ARCHIVE/cam-2-00000000/recordings $BY", 2, "!$ONE: ")
    for what in ("$HOLDING", "$ARCHIVE"):
        said = office.ask(f"verify {what} $BY", 2, "but a hold")
        assert said.out.count(f"{ONE}: {GONE}") == 1


def test_a_camera_of_which_nothing_is_left_is_told_where_no_ledger_misses_it(world: World) -> None:
    """Who names its key asks about it; a register has every camera, and its owner is told beside
    the verdict. Once the office has a ledger, that says what was here."""
    other = SigningKey.generate()
    second = Camera(world.here / "second", other, "cam-2")
    for one, identity in ((world.camera, ONE), (second, TWO)):
        one.put(identity)
        one.offload(world.archive)
    world.do("mkdir -p $REGISTER; cp $KEY $REGISTER/cam-1.pem")
    world.path("$REGISTER/cam-2.pem").write_text(other.public.pem)
    world.ask("verify $ARCHIVE --key $REGISTER", 0)
    world.do("mv $ARCHIVE/cam-2-* $HERE/gone")
    text = f"nothing is here of 1 camera whose key is trusted ({other.public.thumbprint})"
    world.ask(f"{VERIFY} --key $REGISTER/cam-2.pem", 1, text)
    assert text in world.ask("verify $ARCHIVE", 0).err
    world.ask(VERIFY, 0)
    world.ask("verify $HOLDING --key $REGISTER", 0)
    world.ask("purge $ARCHIVE", 0)
    world.ask("verify $ARCHIVE --key $REGISTER", 0)


@pytest.mark.parametrize("wipe", [": > $FILE", "head -c 8192 /dev/zero > $FILE"])
@pytest.mark.parametrize("lost", [":", "rm -r $ARCHIVE/office/ledger $HOLDING/ledger"])
def test_a_recording_whose_file_was_wiped_is_damage_like_one_that_is_gone(
    office: World, wipe: str, lost: str
) -> None:
    office.do(f"{wipe}; {lost}")
    for what in ("$ARCHIVE", "$FILE"):
        office.ask(f"verify {what} $BY", 2, "its file was wiped or replaced")


def test_a_changed_recording_is_found_beside_junk(office: World) -> None:
    path = office.path("$FILE")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    office.do("head -c 2048 /dev/zero > $HOLDING/recordings/x.tar")
    office.ask(VERIFY, 2, "unreadable")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        ("mv $HOLDING/device.jwk $HERE", "the key that came with the recordings is gone"),
        ("head -c 2000 /dev/zero | tr '\\0' [ > $HOLDING/device.jwk", "the key that came with the"),
        ("cp $HERE/another.jwk $HOLDING/device.jwk", "this directory is not called after the key"),
        ("rm $HOLDING/device.jwk; mkfifo $HOLDING/device.jwk", "the key that came with the recor"),
        ("ln -sf $KEY $HOLDING/device.jwk", "the key that came with the recordings is gone"),
    ],
)
def test_a_devices_key_that_is_gone_and_one_that_is_none_are_judged_alike(
    office: World, make: str, says: str
) -> None:
    path = office.path("$HOLDING/device.jwk")
    sound = path.read_bytes()
    (office.here / "another.jwk").write_text(json.dumps(SigningKey.generate().public.jwk))
    office.do(make)
    found = office.ask(VERIFY, 2, BOTH, f"DAMAGE: $HOLDING/device.jwk: {says}")
    assert found.out.count("\nDAMAGE") == 1
    listed = office.ask("list $ARCHIVE --json", 0).json
    assert [one["in_device_ledger"] for one in listed] == [False, False]
    office.ask("show $ONE --state $ARCHIVE", 0)
    # An offload mends it; of a link it wants to know nothing.
    if path.is_symlink():
        path.unlink()
    office.camera.offload(office.archive)
    assert path.read_bytes() == sound
    office.ask(VERIFY, 0)


# ------------------------------------------------------------------------- recordings that may run


def test_a_lock_on_a_cut_file_in_an_office_says_nothing(office: World) -> None:
    office.do("truncate -s -4096 $FILE")
    with office.path("$FILE").open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        for what in ("$ARCHIVE", "$FILE"):
            office.ask(f"verify {what} $BY", 2, "!goes on")
            listed = office.ask(f"list {what} --json", 0).json
            assert {i["state"] for i in listed if i["id"] == ONE} == {"interrupted"}
        assert office.ask("show $FILE --json", 0).json["state"] == "interrupted"


@pytest.mark.parametrize("ledger", ["begun", "silent", "ended", "other boot", "gone"])
def test_a_lock_counts_on_a_camera_where_its_ledger_agrees(
    world: World, monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    here = "another" if ledger == "other boot" else BOOT
    monkeypatch.setattr(desk_module, "SystemClock", lambda: SimpleNamespace(boot_id=here))
    path = world.camera.put(ONE, known=ledger in ("ended", "gone"))
    if ledger in ("begun", "other boot"):
        with world.camera.open() as store:
            header = jws.digest(recording(ONE).content(HEADER_NAME))
            store.ledger.append("opened", id=ONE, header=header)
    world.do("truncate -s -4096 $CARD" + ("; rm -r $STATE/ledger" if ledger == "gone" else ""))
    with path.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        # A ledger that writes in another boot has not been silent for a moment only.
        runs = ledger == "begun"
        world.ask("verify $CARD $BY", 1 if runs else 2, "!" * (not runs) + "the recording goes on")


def test_a_dash_in_a_keys_thumbprint_is_none_of_the_devices_name() -> None:
    """Base64url has dashes: one key in eight has one in its first eight characters."""
    assert holding_stem("cam-1-Zq-Sq7bm") == holding_stem("cam-1-Zq_Sq7b-") == device_stem("cam-1")


# ----------------------------------------------------------------------------- the device's ledger


def test_a_recording_that_vanished_from_the_camera_is_damage_as_on_the_camera(
    office: World,
) -> None:
    office.camera.put(THREE).unlink()
    office.ask("verify $STATE $BY", 2, "its file is gone")
    assert [THREE in problem for problem in office.camera.offload(office.archive).problems] == [
        True
    ]
    found = office.ask(VERIFY, 2)
    assert found.out.count(f"DAMAGE: {THREE}: on the device its file is gone") == 1
    found = office.ask(f"{VERIFY} --json", 2).json["differences"]
    assert [one["severity"] for one in found if THREE in one["text"]] == ["not authentic"]


def test_what_vanished_from_the_camera_and_has_a_copy_is_a_remark(office: World) -> None:
    office.do("rm $CARD")
    assert any(ONE in problem for problem in office.camera.offload(office.archive).problems)
    office.ask(VERIFY, 1, "note: $ONE: on the device its file is gone", "a copy is here")


def test_a_recording_that_changed_on_the_camera_before_it_was_copied_is_damage(
    office: World,
) -> None:
    office.camera.put(THREE).write_bytes(recording(THREE, marks=(1,)).file)
    assert any(THREE in problem for problem in office.camera.offload(office.archive).problems)
    office.ask(VERIFY, 2, "DAMAGE: $THREE: on the device its file does not end as")


def test_a_recording_that_was_never_closed_is_damage_once_the_daemon_has_started_again(
    office: World,
) -> None:
    (holding,) = place_of(str(office.archive)).holdings
    with closing(office.camera.ledger()) as ledger:
        ledger.append("opened", id=THREE, header="0" * 64)
    assert mirror_ledger(office.camera.place.ledger, holding, KEYS) == []
    office.ask(VERIFY, 0)  # as far as the office can know, it still runs
    with closing(office.camera.ledger()) as ledger:
        ledger.append("start", software="camerad", policy="x", settings="0" * 64)
    mirror_ledger(office.camera.place.ledger, holding, KEYS)
    office.ask(VERIFY, 2, "DAMAGE: $THREE: on the device it was begun and never closed")


def test_a_device_that_was_put_back_is_told_by_verify_which_goes_by_the_longer_copy(
    office: World,
) -> None:
    def write(*kinds: str) -> None:
        with closing(office.camera.ledger()) as own:
            for kind in kinds:
                own.append(kind)

    ledger = office.path("$STATE/ledger/000001.jws")
    card = ledger.read_bytes()
    write("uptime")
    assert office.camera.offload(office.archive).problems == []
    copied = office.path("$HOLDING/ledger/000001.jws").read_bytes()
    ledger.write_bytes(card)
    write("stop", "uptime")
    (problem,) = office.camera.offload(office.archive).problems
    assert "put back" in problem
    assert office.path("$HOLDING/ledger/000001.jws").read_bytes() == copied
    found = office.ask(VERIFY, 2, "DAMAGE: $HOLDING/earlier-ledger: the card was put back")
    assert found.out.count("DAMAGE") == 1


@pytest.mark.parametrize(
    ("module", "name", "fails", "code", "words"),
    [
        (
            *("open", "device.jwk", errno.EACCES, EX_NOPERM),
            ("NOT READ: $HOLDING/device.jwk: cannot read the key: Permission denied", "!is gone"),
        ),
        (
            *("listdir", "earlier-ledger", errno.EIO, 2),
            ("DAMAGE: $HOLDING/earlier-ledger: cannot list",),
        ),
    ],
)
def test_what_storage_refuses_is_not_called_gone(
    office: World,
    monkeypatch: pytest.MonkeyPatch,
    *,
    module: str,
    name: str,
    fails: int,
    code: int,
    words: tuple[str, ...],
) -> None:
    office.do("mkdir $HOLDING/earlier-ledger")
    real = getattr(os, module)

    def guarded(path: object, *more: int) -> object:
        if path == office.text(f"$HOLDING/{name}"):
            raise OSError(fails, os.strerror(fails))
        return real(path, *more)

    monkeypatch.setattr(os, module, guarded)
    office.ask(VERIFY, code, *words)


def head_of(ledger: Path) -> str:
    """Its head, as a person notes it."""
    found = [json.loads(path.read_bytes()) for path in ledger.parent.glob("keys/*.jwk")]
    keys = [*map(PublicKey.from_jwk, found), *KEYS.values()]
    state, _ = read_ledger(str(ledger), KeyRing(keys))
    return f"{state.head.epoch}:{state.head.sequence}:{state.head.sha256}"


def test_that_a_whole_office_was_put_back_cannot_be_excluded_by_what_lies_in_it(
    office: World,
) -> None:
    """Its receipts go back with it. It is no remark, as with a device's own ledger."""
    own = f"--office-head {head_of(office.path('$ARCHIVE/office/ledger'))}"
    device = f"--head {head_of(office.path('$HOLDING/ledger'))}"
    # Of the camera's ledger, and of the office's own.
    for more, count in (("", 2), (own, 1), (device, 1), (f"{own} {device}", 0)):
        found = office.ask(f"{VERIFY} {more}", 0)
        assert found.out.count("cannot be excluded") == count
        assert ("lie in the same directory" in found.out) is (device not in more)


def test_an_office_that_was_put_back_is_found_by_the_head_that_was_noted(office: World) -> None:
    office.do("cp -r $ARCHIVE $HERE/before")
    office.ask(RELEASE, 0)
    noted = head_of(office.path("$ARCHIVE/office/ledger"))
    office.do("rm -r $ARCHIVE; cp -r $HERE/before $ARCHIVE")
    office.ask(VERIFY, 0)
    office.ask(f"{VERIFY} --office-head {noted}", 2, "the ledger was put back")
    office.ask(f"{VERIFY} --office-head nothing", EX_USAGE)
    office.ask(f"verify $STATE $BY --office-head 1:1:{'0' * 64}", EX_USAGE)


# ----------------------------------------------------------------------------- the office's ledger


@pytest.mark.parametrize("keys", ["", "$ARCHIVE/office/keys"])
def test_an_office_ledger_that_was_replaced_is_found_with_the_offices_key(
    office: World, keys: str
) -> None:
    office.do(f"rm -r $ARCHIVE/office/ledger {keys}")
    # With the keys there it shows that there was a ledger, and that its holds are lost.
    office.ask(f"{PURGE} --office-key $HERE/evil.pem --new-office-key", 0 if keys else 2)
    office.ask(VERIFY, 2, "signed by another key of the office")
    office.ask(PURGE, EX_CONFIG, "nothing was changed")


def test_an_office_ledger_that_is_gone_is_damage_and_is_not_begun_again_silently(
    office: World,
) -> None:
    office.do("rm -r $ARCHIVE/office/ledger")
    office.ask(VERIFY, 2, "the office's own ledger is gone")
    office.ask(PURGE, EX_CONFIG, "its backup")
    assert not office.path("$ARCHIVE/office/ledger").exists()


def test_an_office_is_known_by_the_key_that_is_held_elsewhere(office: World) -> None:
    office.ask(f"{VERIFY} --office-key $HERE/none.pem", 1, "keys that lie beside it")
    office.ask(f"{PURGE} --office-key $HERE/new.pem --new-office-key", 0)
    office.ask(VERIFY, 1, "only that key itself says")
    office.ask(f"{VERIFY} --office-key $HERE/new.pem", 0)


def test_names_from_outside_are_printed_on_one_line(office: World) -> None:
    name = "x\nDAMAGE: none\x1b[2J\u202e.tar"
    office.path("$HOLDING/recordings").joinpath(name).write_bytes(recording(ONE).file)
    office.ask(VERIFY, 2, "!\nDAMAGE: none", "!\x1b", "!\u202e")


def test_a_first_visit_that_came_to_nothing_leaves_no_false_alarm(world: World) -> None:
    world.camera.put(ONE)
    world.camera.offload(world.archive)
    world.do("mkdir -p $REGISTER")
    world.ask("purge $ARCHIVE", EX_CONFIG)  # no key in it
    world.do("rmdir $REGISTER")
    world.ask(PURGE, 0)
    world.ask(VERIFY, 0)


@pytest.mark.parametrize("what", [ONE[:-1], ONE.replace("T", " "), "recording"])
def test_what_is_typed_wrong_is_no_missing_directory(office: World, what: str) -> None:
    said = office.ask(f"show '{what}' --state $ARCHIVE", 3, "it is no recording's id")
    assert said.err.startswith(f"camerad: {what}: there is no such file here")
    # And an office does not call its copies not offloaded.
    office.ask("show $ONE --state $ARCHIVE", 0, "this is the office's copy")


def test_a_recording_in_another_camera_s_directory_is_damage(office: World) -> None:
    other = Camera(office.here / "other", SigningKey.generate(), "cam-2")
    other.put(THREE)
    other.offload(office.archive)
    (office.here / "two.pem").write_text(other.key.public.pem)
    office.do("mv $ARCHIVE/cam-2-*/recordings/$THREE.tar $HOLDING/recordings")
    office.ask(f"{VERIFY} --key $HERE/two.pem", 2, "a recording of another camera")


# ------------------------------------------------------------------------------- what has vanished


@pytest.mark.parametrize("how", ["rm -r $RECORDINGS", "mv $RECORDINGS $STATE/recordings.old"])
@pytest.mark.parametrize("lost", ["$STATE/identity.pem", "", "-r $STATE/ledger"])
def test_a_camera_s_own_recordings_that_vanish_with_their_directory_are_damage(
    world: World, how: str, lost: str
) -> None:
    world.names["RECORDINGS"] = str(world.camera.recordings)
    world.camera.put(ONE)
    world.do(f"{how}; rm -f {lost}")
    gone = f"{'!' * ('ledger' in lost)}DAMAGE: $ONE: its file is gone"
    for what in ("$STATE $BY", "--state $STATE"):
        world.ask(f"verify {what}", 2, "$RECORDINGS: the directory of the recordings is gone", gone)
    # And no list is shown as if nothing had ever been there.
    assert world.desk("evidence", "list", world.camera.root).code != 0


def test_a_camera_whose_key_is_elsewhere_is_known_by_what_it_said_of_that(world: World) -> None:
    world.do("cd $STATE; rm -r identity.pem ledger recordings")
    assert place_of(str(world.camera.root)).kind is PlaceKind.FILES
    world.do("echo x > $STATE/keys/current")
    world.ask("verify $STATE $BY", 2)


def test_purge_signs_nothing_of_a_directory_that_is_gone_and_an_offload_brings_it_back(
    office: World,
) -> None:
    office.do("mv $HOLDING/recordings $HERE/aside")
    said = office.desk("evidence", "purge", office.archive, "--key", office.path("$KEY"))
    assert said.code != 0
    assert office.text("$HOLDING/recordings: ") in said.out
    assert "vanished" not in said.out + said.err
    assert office.desk("evidence", "list", office.archive).code != 0
    office.do("mv $HERE/aside $HOLDING/recordings")
    office.ask(PURGE, 0)
    office.ask(VERIFY, 0)
    office.do("rm -r $HOLDING/recordings")
    assert office.camera.offload(office.archive).copied == [ONE, TWO]
    office.ask(VERIFY, 0)


def test_a_directory_of_files_is_none_of_a_camera_s(world: World) -> None:
    world.camera.put(ONE)
    world.do("mkdir -p $HERE/files/keys; cp $CARD $HERE/files")
    found = place_of(str(world.here / "files" / f"{ONE}.tar"))
    assert (found.kind, found.root) == (PlaceKind.FILES, str(world.here / "files"))


@pytest.mark.parametrize(
    ("lost", "by"), [(":", "the ledger"), ("rm -r $ARCHIVE/office/ledger", "a receipt")]
)
def test_a_recording_that_is_missing_is_said_to_be_by_its_id(
    office: World, lost: str, by: str
) -> None:
    office.do(f"rm $FILE; {lost}")
    missing = f"$ONE: it is missing: {by} names it"
    office.ask("verify $ONE --state $ARCHIVE $BY", 2, missing)
    office.ask("show $ONE --state $ARCHIVE", 3, missing)
    office.ask("open $ONE --state $ARCHIVE $BY --identity $KEY", 3, missing)
    office.ask("verify $THREE --state $ARCHIVE $BY", 3, "there is no recording")


def test_a_recording_that_is_missing_on_its_camera_is_said_to_be(world: World) -> None:
    world.camera.put(ONE).unlink()
    world.ask("show $ONE --state $STATE", 3, "$ONE: it is missing: the ledger names it")
    world.ask("list $STATE", 0, "$ONE: it is missing: the ledger names it")


def test_a_list_names_what_is_missing_wiped_or_cut(office: World) -> None:
    office.ask("list $ARCHIVE", 0, "!missing")
    office.do("rm $FILE")
    said = office.ask("list $ARCHIVE", 0)
    assert said.err.count(f"{ONE}: it is missing: the ledger names it") == 1
    office.names["PATH2"] = office.text("$HOLDING/recordings/$TWO.tar")
    office.do("cp $PATH2 $HERE/whole; head -c 9000 /dev/zero > $PATH2")
    unread = "$TWO: its file cannot be read as a recording; see: camerad"
    assert office.text(unread) in office.desk("evidence", "list", office.archive).err
    office.do("cp $HERE/whole $PATH2; truncate -s -4096 $PATH2")
    said = office.desk("evidence", "list", office.archive)
    assert ", CHANGED" in said.out
    assert f"1 recording whose file is not the one that the ledger names: {TWO}" in said.err


# ------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("part", ["$HOLDING/recordings", "$HOLDING", "$ARCHIVE"])
def test_a_link_to_a_store_is_judged_as_what_it_leads_to(office: World, part: str) -> None:
    """A person may name a store by a link."""
    office.do(f"ln -s {part} $HERE/link")
    office.ask("verify $HERE/link $BY", 0)
    office.ask("list $HERE/link", 0, "14 d")
    office.ask("verify $ONE --state $HERE/link $BY", 0)
    office.do("rm $HOLDING/recordings/$TWO.tar")
    said = office.ask("verify $HERE/link $BY", 2, "DAMAGE: $TWO: its file is gone")
    assert office.ask(f"verify {part} $BY", 2).out == said.out
    office.do("ln -s $HOLDING $ARCHIVE/link; ln -s nowhere $HERE/nothing")
    office.ask("verify $ARCHIVE/link $BY", 2, "1 recording: 1 authentic")
    office.ask("verify nothing $BY", 3, "this symbolic link leads to nothing", "!make it")


def test_a_link_to_a_camera_s_recordings_is_that_camera_and_one_in_their_place_is_refused(
    world: World,
) -> None:
    world.camera.put(ONE).unlink()
    world.do("ln -s $STATE/recordings $HERE/link")
    world.ask("verify $HERE/link $BY", 2)
    world.do("cd $STATE; mv recordings ../elsewhere; ln -s ../elsewhere recordings")
    world.do(": > $HERE/elsewhere/x.tar")
    for part in ("", "/x.tar"):
        world.ask(f"verify $STATE/recordings{part} $BY", 2, "cannot use it as a directory")


@pytest.mark.parametrize("part", ["recordings", "receipts", "ledger"])
@pytest.mark.parametrize(
    "put", ["mv $PART $HERE/elsewhere; ln -s $HERE/elsewhere $PART", ": > $PART", "mkfifo $PART"]
)
def test_what_lies_in_place_of_one_camera_s_directory_stops_no_other_camera(
    office: World, monkeypatch: pytest.MonkeyPatch, *, put: str, part: str
) -> None:
    office.names["PART"] = office.text(f"$OTHER/{part}")
    office.do("cp -r $HOLDING $OTHER")
    office.do(put if put.startswith("mv") else f"rm -r $PART; {put}")
    there = sorted(office.here.glob("elsewhere/*"))
    wrong = "$PART: cannot use it as a directory"
    office.ask(VERIFY, 2, f"DAMAGE: {wrong}: ", "2 recordings: 2 authentic and complete")
    office.ask("verify $HOLDING $BY", 0)
    office.ask("verify $OTHER $BY", 2, f"DAMAGE: {wrong}")
    office.ask("verify $PART $BY", 2, wrong)
    office.ask("list $ARCHIVE", EX_IOERR)
    set_clock(monkeypatch, 20)
    said = office.ask(PURGE, EX_IOERR)
    assert said.out.count(f"deleted {TWO}: expired") == 1
    assert said.out.count(office.text(wrong)) == 1
    assert sorted(office.here.glob("elsewhere/*")) == there
    # What the camera that is skipped has stays, and what is in it cannot be named.
    if part != "recordings":
        assert len(os.listdir(office.path("$OTHER/recordings"))) == 2
    elif put.startswith("mv"):
        office.ask("verify $PART/$ONE.tar $BY", 2, wrong)
