"""`camerad office status` and `offer`: which camera is ready, and settings without a stick."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from check_in_helpers import said, token
from desk_helpers import KEY
from state_helpers import check_ins_in, offers_in, revoke, revoked_in

from camerad.base.clock import DAY, SECOND, ManualClock, SystemClock
from camerad.base.errors import EX_CONFIG, EX_TEMPFAIL, EX_USAGE
from camerad.behaviour.stages import Condition
from camerad.config.provisioning import NAME as FILE
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_key_file import load_key, load_public_key
from camerad.evidence.office_store import open_office_store
from camerad.evidence.provisioning_files import ServerSpec, read_authority, section_text
from camerad.ledger.entries import read_lines
from camerad.ledger.entry_types import HistoryLost
from camerad.office.server.camera_overview import WORDS, SettingsState, overview
from camerad.office.server.cameras import Cameras
from camerad.office.server.certificates import KeyPairFiles, make_authority
from camerad.provisioning import signing
from camerad.provisioning.validation import digest
from camerad.store.check_in import (
    SETTINGS,
    UPDATE,
    DoctorResult,
    RecordingCounts,
    RefusedOffer,
    RunningSettings,
)
from camerad.store.locations import office_place
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import Checkpoint
from camerad.transparency.office_log import OfficeLog
from tests.unit.cli.conftest import Desk
from tests.unit.office.server.update_scene import a_bundle
from tests.unit.provisioning.scene import OFFICE, STRANGER, document
from tests.unit.update.scene import COMPATIBLE
from tests.unit.update.scene import NEW as NEW_VERSION

URL = "https://office.example"
KID = KEY.public.thumbprint
NEW = SigningKey.generate()


class Office:
    """An office with a camera that checks in, and one that never did."""

    def __init__(self, desk: Desk, root: Path) -> None:
        self.desk = desk
        self.root = root
        self.directory = root / "archive"
        assert desk("office", "init", "archive", "--url", URL).code == 0
        self.register = root / "config" / "camerad" / "register.json"
        signed_by = OFFICE.public.thumbprint
        known = [
            RegisteredCamera(name, key.public.thumbprint, key.public.jwk, 5, signed_by, None, "")
            for name, key in (("cam-1", KEY), ("cam-2", NEW))
        ]
        camera_register.write(str(self.register), Register(tuple(known)))
        self.cameras = Cameras(str(self.register))
        self.offers = offers_in(self.directory)
        self.number = 0

    def check_in(self, ago_us: int = 0, **other: Any) -> None:
        self.number += 1
        clock = ManualClock(wall_us=SystemClock().wall_us() - ago_us)
        check_ins = check_ins_in(self.directory, self.cameras, clock)
        check_ins.take(KID, token(100 + self.number, **other))

    def status(self) -> list[dict[str, Any]]:
        answer = self.desk("office", "status", "--json")
        assert answer.code == 0, answer.err
        found: list[dict[str, Any]] = json.loads(answer.out)
        return found

    @property
    def one(self) -> dict[str, Any]:
        (found,) = [one for one in self.status() if one["name"] == "cam-1"]
        return found

    def server(self, **other: Any) -> str:
        """The section about this office's server, as the desk writes it."""
        key = load_public_key(str(self.root / "config/camerad/office.pem"))
        authority = self.root / "config/camerad/office-tls/authority.pem"
        own = {"url": URL, "ca": read_authority(str(authority)), "key": key}
        return section_text(ServerSpec(**(own | other)))

    def file(
        self, serial: int = 6, by: SigningKey = OFFICE, *, server: str | None = None, **other: Any
    ) -> tuple[Path, bytes]:
        """A signed settings file for the first camera. server: the section of it."""
        more = other.pop("more", "") + (self.server() if server is None else server)
        told = {"camera": KID, "office": by, "device": "cam-1"} | other
        content = document(serial, more, **told)
        directory = self.root / f"file-{serial}"
        directory.mkdir(exist_ok=True)
        (directory / FILE).write_bytes(content)
        (directory / signing.NAME).write_bytes(signing.sign(by, content))
        return directory / FILE, content


@pytest.fixture
def office(desk: Desk, tmp_path: Path) -> Office:
    return Office(desk, tmp_path)


# ----------------------------------------------------------------------------------------- status


def test_those_never_seen_come_first_and_the_ready_ones_last(office: Office) -> None:
    office.check_in()
    first, last = office.status()
    assert (first["name"], first["seen"], first["ready"]) == ("cam-2", None, False)
    assert first["reasons"] == ["it has never checked in"]
    assert (last["name"], last["ready"], last["reasons"]) == ("cam-1", True, [])
    assert (last["version"], last["battery"], last["unacknowledged"]) == ("0.1.0", 80, 0)
    lines = office.desk("office", "status").out.splitlines()
    assert lines[0].split()[:3] == ["CAMERA", "SEEN", "VERSION"]
    assert [line.split()[0] for line in lines[1:3]] == ["cam-2", "cam-1"]
    assert "0 min ago" in lines[2] and lines[-2] == "2 cameras in the register, 1 not ready"
    assert lines[-1].endswith(f"Put the desk's register.json into place: {office.register}")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"conditions": ("docked", "storage_full")}, "the card is full"),
        ({"conditions": ("docked", "of_a_later_version")}, "of_a_later_version"),
        ({"ready": False}, "a press would not record"),
        ({"battery": 49}, "the battery has 49 %"),
        ({"battery": 9, "conditions": ("battery_low", "docked")}, "the battery is low"),
        ({"recordings": RecordingCounts(2, 0, 1)}, "1 recording to hand over"),
        (
            {"doctor": DoctorResult("2026-11-28T08:00:00Z", "rtc", 9, 0, (), ("card", "light"))},
            "the doctor found: card, light",
        ),
        ({"ago_us": DAY + SECOND}, "not seen for 1 day"),
    ],
)
def test_what_keeps_a_camera_from_being_handed_out_is_told(
    office: Office, other: dict[str, Any], reason: str
) -> None:
    office.check_in(**other)
    assert (office.one["ready"], office.one["reasons"]) == (False, [reason])
    assert reason in office.desk("office", "status").out


def test_a_withdrawn_camera_comes_last_and_says_no_more_than_that(office: Office) -> None:
    office.check_in(battery=3)
    revoke(office.directory, KID, "lost", "in a train")
    assert [one["name"] for one in office.status()] == ["cam-2", "cam-1"]
    assert office.one["reasons"] == ["it was withdrawn (lost): in a train"]


def test_a_gauge_that_there_is_none_of_and_a_warning_keep_none(office: Office) -> None:
    warned = DoctorResult("2026-11-28T08:00:00Z", "rtc", 9, 0, ("clock",), ())
    office.check_in(battery=None, doctor=warned, storage=None)
    assert office.one["ready"]
    assert office.one["storage"] is None


@pytest.mark.parametrize(
    ("hours", "words"), [(0.5, "30 min ago"), (5, "5 h ago"), (72, "3 days ago"), (-5, "0 min ago")]
)
def test_how_long_ago_it_was_is_in_words(office: Office, hours: float, words: str) -> None:
    office.check_in(ago_us=round(hours * 3600) * SECOND)
    assert words in office.desk("office", "status").out


def test_every_condition_but_the_dock_has_its_words() -> None:
    assert set(WORDS) == set(Condition) - {Condition.DOCKED}


@pytest.mark.parametrize("action", [("status",), ("offer", "withdraw", "cam-1")])
def test_storage_that_is_not_mounted_is_no_camera_that_never_came(
    office: Office, action: tuple[str, ...]
) -> None:
    office.directory.rename(office.root / "unmounted")
    said = office.desk("office", *action)
    assert (said.code, said.out) == (EX_TEMPFAIL, "")
    assert f"{office.directory}: there is no office's directory: mount the storage" in said.err
    assert not office.directory.exists()


def test_an_empty_register_says_what_to_do(office: Office) -> None:
    camera_register.write(str(office.register), Register())
    said = office.desk("office", "status").out
    assert "put its register.json there; otherwise" in said and "provision collect" in said
    assert office.status() == []
    for words in (("update", bundle_file(office)), ("withdraw",)):
        answer = office.desk("office", "offer", *words, "--all")
        assert (answer.code, "no camera is in the office's register" in answer.err) == (
            EX_USAGE,
            True,
        )


def test_a_camera_whose_key_is_none_is_named(office: Office) -> None:
    known = RegisteredCamera("cam-3", "A" * 43, {}, None, None, None, "")
    register = Register((known,))
    camera_register.write(str(office.register), register)
    check_ins = check_ins_in(office.directory, Cameras(str(office.register)), ManualClock())
    gone = revoked_in(office.directory)
    (found,) = overview(register, check_ins, office.offers, gone, 0)
    assert (found.last, found.settings) == (None, SettingsState.UNKNOWN)
    assert "is not in the server's register (0 cameras)" in found.reasons[0]


# ------------------------------------------------------------------------------------------ offer


def test_settings_go_from_offered_to_current(office: Office) -> None:
    path, content = office.file()
    office.check_in(settings=RunningSettings("ab" * 32, 5, OFFICE.public.thumbprint))
    assert office.one["settings"] == "current"
    answer = office.desk("office", "offer", "settings", path)
    assert (answer.code, "from its next start on" in answer.out) == (0, True)
    offer = office.offers.find(KID, SETTINGS)
    assert offer is not None
    assert office.one["settings"] == "on offer"
    office.check_in(waiting=(offer.sha256,))
    assert office.one["settings"] == "at the next start"
    office.check_in(settings=RunningSettings(digest(content), 6, OFFICE.public.thumbprint))
    assert (office.one["settings"], office.one["serial"]) == ("current", 6)
    again = office.desk("office", "offer", "settings", path)
    assert (again.code, "runs by this file already" in again.err) == (EX_CONFIG, True)
    refused = RefusedOffer(offer.sha256, SETTINGS, "old", "its serial is not above")
    office.check_in(refused_offers=(refused,))
    assert office.one["settings"] == "refused"
    assert office.one["reasons"] == ["it refused its settings: its serial is not above"]
    assert "no more" in office.desk("office", "offer", "withdraw", "cam-1").out
    assert "nothing was" in office.desk("office", "offer", "withdraw", "cam-1").out
    assert office.one["settings"] == "by hand"
    office.check_in(waiting=("ab" * 32,))
    assert office.one["settings"] == "at the next start"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"serial": 5}, "is not above"),
        ({"by": STRANGER}, "another key"),
        ({"camera": None}, "camera_key is missing"),
        ({"camera": "A" * 43}, "is not in the server's register (2 cameras)"),
        ({"reset": KID}, "provision.reset"),
        ({"more": "camera: {fps: 99}\n"}, "camera.fps"),
    ],
)
def test_what_the_camera_would_refuse_is_not_offered(
    office: Office, other: dict[str, Any], reason: str
) -> None:
    path, _ = office.file(**other)
    answer = office.desk("office", "offer", "settings", path)
    assert (answer.code, reason in answer.err) == (EX_CONFIG, True), answer.err
    assert office.offers.find(KID, SETTINGS) is None


def test_a_file_without_the_offices_server_is_not_offered_by_mistake(office: Office) -> None:
    """By it the camera would hand over nothing more, and no dock could give it another one."""
    path, _ = office.file(server="")
    answer = office.desk("office", "offer", "settings", path)
    assert (answer.code, office.offers.find(KID, SETTINGS)) == (EX_CONFIG, None)
    assert f"{path}: this file names no office's server (section office)." in answer.err
    assert "Make it again with --office-url and --office-ca" in answer.err
    meant = office.desk("office", "offer", "settings", path, "--leave-this-server")
    assert (meant.code, office.offers.find(KID, SETTINGS) is not None) == (0, True)


def test_a_file_for_another_server_is_not_offered_by_mistake(office: Office) -> None:
    stranger = SigningKey.generate().public
    files = KeyPairFiles(str(office.root / "ca.pem"), str(office.root / "ca.key"))
    make_authority(files, "another", datetime.now(UTC))
    ca = read_authority(files.certificate)
    for server, what in (
        (office.server(url="https://other.example"), "office.url is https://other.example,"),
        (office.server(key=stranger), "and this server signs by"),
        (office.server(key=None), "office.key (left out: provision.office_key) is"),
        (office.server(ca=ca), "is not by that authority"),
    ):
        path, _ = office.file(server=server)
        answer = office.desk("office", "offer", "settings", path)
        assert (answer.code, what in answer.err) == (EX_CONFIG, True), answer.err
        assert office.offers.find(KID, SETTINGS) is None
    assert office.desk("office", "offer", "settings", path, "--leave-this-server").code == 0


@pytest.mark.parametrize(
    ("named", "fits"),
    [
        ("[]", False),
        ("[user:evidence]", False),
        ("[user:evidence, user:camerad-upload]", True),
        ("[group:dock]", True),
    ],
)
def test_a_file_by_which_the_camera_may_not_hand_over_is_not_offered_by_mistake(
    office: Office, named: str, fits: bool
) -> None:
    path, _ = office.file(server=office.server().replace("[user:camerad-upload]", named))
    answer = office.desk("office", "offer", "settings", path)
    assert (answer.code == 0, office.offers.find(KID, SETTINGS) is not None) == (fits, fits)
    assert fits or "the user camerad-upload may not hand over (access.hand_over)" in answer.err
    assert office.desk("office", "offer", "settings", path, "--leave-this-server").code == 0


def test_a_certificate_of_the_citys_own_is_by_the_one_below_it(office: Office) -> None:
    """The file under tls may have those between the server's and the authority; one of them may be
    the one that the camera trusts."""
    tls = office.root / "config/camerad/office-tls"
    own = tls / "server.pem"
    own.write_text(own.read_text() + (tls / "authority.pem").read_text())
    path, _ = office.file()
    assert office.desk("office", "offer", "settings", path).code == 0


def test_the_cameras_own_word_goes_before_the_registers(office: Office) -> None:
    path, _ = office.file(7)
    office.check_in(settings=RunningSettings("ab" * 32, 8, OFFICE.public.thumbprint))
    assert "is not above" in office.desk("office", "offer", "settings", path).err
    office.check_in(settings=None)
    assert "nothing is known" in office.desk("office", "offer", "settings", path).err


def test_what_is_missing_or_of_another_form_is_named(office: Office) -> None:
    path, _ = office.file()
    signature = path.with_name(signing.NAME)
    token_of = signature.read_bytes()
    signature.write_bytes(b"x")
    assert office.desk("office", "offer", "settings", path).code == EX_CONFIG
    signature.unlink()
    assert office.desk("office", "offer", "settings", path).code != 0
    elsewhere = office.root / "elsewhere.jws"
    elsewhere.write_bytes(token_of)
    done = office.desk("office", "offer", "settings", path, "--signature", elsewhere)
    assert done.code == 0


def test_an_offer_that_there_is_none_of_and_a_camera_that_there_is_none_of(office: Office) -> None:
    said = office.desk("office", "offer", "withdraw", "cam-2")
    assert (said.code, said.out, said.err) == (0, "cam-2: nothing was on offer\n", "")
    said = office.desk("office", "offer", "withdraw", "cam-9")
    assert (said.code, said.out) == (EX_USAGE, "")
    assert "cam-9: no camera of that name is in the office's register" in said.err


def test_a_camera_that_nobody_knows_the_office_of_is_collected_first(office: Office) -> None:
    known = RegisteredCamera("cam-1", KID, KEY.public.jwk, None, None, None, "")
    camera_register.write(str(office.register), Register((known,)))
    path, _ = office.file()
    assert "nothing is known" in office.desk("office", "offer", "settings", path).err


def test_the_statement_of_the_tests_is_one(office: Office) -> None:
    office.check_in()
    last = check_ins_in(office.directory, office.cameras, ManualClock()).last(KID)
    assert last is not None and last.said == said(101)


# ------------------------------------------------------------------------------------------ update


def bundle_file(office: Office, **other: Any) -> Path:
    path = office.root / "camerad.raucb"
    path.write_bytes(a_bundle(**other))
    return path


def test_an_update_goes_from_offered_to_running(office: Office) -> None:
    office.check_in(image="0.1.0-1")
    assert office.one["update"] is None
    answer = office.desk("office", "offer", "update", bundle_file(office), "--camera", "cam-1")
    assert answer.code == 0, answer.err
    assert f"version {NEW_VERSION}, for {COMPATIBLE}, is on offer to 1 camera." in answer.out
    offer = office.offers.find(KID, UPDATE)
    assert offer is not None
    told = {"version": NEW_VERSION, "state": "on offer", "why": ""}
    assert office.one["update"] == told
    assert f"{NEW_VERSION} on offer" in office.desk("office", "status").out
    refused = RefusedOffer(offer.sha256, UPDATE, "unsuitable", "it is for another")
    office.check_in(image="0.1.0-1", refused_offers=(refused,))
    assert office.one["update"] == told | {"state": "refused", "why": "it is for another"}
    assert office.one["ready"], "such a camera records as before"
    office.check_in(image="0.1.0-1", waiting=(offer.sha256,))
    assert office.one["update"] == told | {"state": "installed"}
    office.check_in(image=NEW_VERSION)
    assert office.one["update"] == told | {"state": "running"}
    again = office.desk("office", "offer", "update", bundle_file(office), "--all")
    assert "cam-1 runs it already, and fetches nothing" in again.out
    assert "on offer to 2 cameras" in again.out
    assert office.status()[0]["update"]["state"] == "on offer", "one that was never seen"


def test_a_camera_that_was_not_made_from_an_image_is_named(office: Office) -> None:
    office.check_in(image=None)
    answer = office.desk("office", "offer", "update", bundle_file(office), "--camera", "cam-1")
    assert "cam-1 was not made from an image, and fetches nothing" in answer.out


def test_what_is_no_bundle_is_not_offered(office: Office) -> None:
    path = bundle_file(office)
    whole = path.read_bytes()
    for content, why in (
        (b"", "this is no bundle, or its end is missing"),
        (whole[:-1], "its end is missing"),
        (whole[: len(whole) // 2], "its end is missing"),
        (whole.replace(b"[update]", b"[other!]"), "no bundle of the format verity"),
        (a_bundle("1.2"), "no version of the form that cameras compare"),
    ):
        path.write_bytes(content)
        answer = office.desk("office", "offer", "update", path, "--all")
        assert (answer.code, why in answer.err) == (EX_CONFIG, True), answer.err
    assert office.offers.find(KID, UPDATE) is None
    assert office.desk("office", "offer", "update", office.root / "none", "--all").code != 0


def test_of_each_kind_and_of_each_camera_an_offer_is_withdrawn(office: Office) -> None:
    file, _ = office.file()
    assert office.desk("office", "offer", "settings", file).code == 0
    assert office.desk("office", "offer", "update", bundle_file(office), "--all").code == 0
    out = office.desk("office", "offer", "withdraw", "cam-1", "--kind", "settings").out
    assert "cam-1: offered no more (settings)" in out
    out = office.desk("office", "offer", "withdraw", "--all").out
    assert out.count("offered no more (update)") == 2
    assert not list((office.directory / "office" / "updates").iterdir())
    unknown = office.desk("office", "offer", "withdraw", "cam-1", "cam-9")
    assert (unknown.code, "cam-9: no camera of that name" in unknown.err) == (EX_USAGE, True)
    assert office.desk("office", "offer", "withdraw").code == EX_USAGE


# ------------------------------------------------------------------------------- a declared loss


def witnessed(log: SigningKey, origin: str, size: int) -> str:
    """A checkpoint of a log, cosigned by the first camera."""
    checkpoint = Checkpoint(origin, size, bytes(32))
    line = checkpoints.cosign(KEY, witness_name(KEY.public), checkpoint, 1)
    return str(checkpoints.sign(log, checkpoint).with_lines([line]))


def test_a_loss_is_declared_for_this_log_and_for_others_by_name(office: Office) -> None:
    place = office_place(str(office.directory))
    key = load_key(str(office.root / "config/camerad/office.pem"))
    assert key is not None
    keys = KeyRing([key.public])
    with open_office_store(place, key, SystemClock(), office.cameras.keys(), print) as store:
        note = OfficeLog(place.ledger).publish(store.ledger)
    log = SigningKey.from_pem((office.directory / "office/log/key.pem").read_bytes())
    own = note.checkpoint.origin

    def declare(*more: str) -> str:
        told = ("--reason", "restored from the backup", "--who", "Admin")
        answer = office.desk("office", "log", "declare-loss", *told, *more)
        assert answer.code == 0, answer.err
        return answer.out

    def lost() -> list[tuple[str, int]]:
        files = sorted(Path(place.ledger).glob("*.jws"))
        lines = (line for one in files for line in read_lines(one.read_bytes(), keys))
        facts = (line.entry.facts for line in lines if line.entry is not None)
        return [(one.origin, one.size) for one in facts if isinstance(one, HistoryLost)]

    assert "nothing to declare" in declare()
    office.check_in(witnessed=witnessed(log, own, 99))
    assert "which this log does not continue" in office.desk("office", "log", "show").out
    assert "1 checkpoint declared lost" in declare()
    assert lost() == [(own, 99)]
    # Another office's camera, or one of this office's before it lost its log.
    office.check_in(witnessed=witnessed(NEW, "camerad/office/other", 7))
    assert "cam-1 has seen the log camerad/office/other, which is not this one" in declare()
    assert lost() == [(own, 99)]
    assert "1 checkpoint declared lost" in declare("--log", "camerad/office/other")
    # The log has what the camera has seen, and the camera misses a recording in it.
    line = checkpoints.cosign(KEY, witness_name(KEY.public), note.checkpoint, 1)
    seen = str(note.with_lines([line]))
    office.check_in(witnessed=seen)
    assert "nothing to declare" in declare()
    office.check_in(witnessed=seen, conditions=("docked", "office_disputed"))
    assert "1 checkpoint declared lost" in declare()
    assert lost()[1:] == [("camerad/office/other", 7), (own, note.checkpoint.size)]
