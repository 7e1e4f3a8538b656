"""What becomes of a file on the card: taken over whole, or refused with its reason."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from authority import authority

from camerad.base import durable_files, storage_errors
from camerad.config import load
from camerad.config.provisioning import MAX_BYTES, NAME
from camerad.container.keys import encode_base64url
from camerad.provisioning import (
    boot_partition,
    orders,
    provisioning_state,
    provisioning_status,
    signing,
)
from camerad.provisioning.apply import ApplyOutcome, camera_thumbprint, host_name
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.provisioning_status import PENDING, ProvisioningStatus
from camerad.provisioning.validation import ADVICE, RefusalReason, digest
from camerad.store import identity
from tests.unit.provisioning.scene import (
    CAMERA,
    DESK,
    OFFICE,
    OTHER_CAMERA,
    SECRET,
    STRANGER,
    WIFI,
    Scene,
    document,
    plain,
    raw,
)

# ---------------------------------------------------------------------------------- the right file


def test_a_right_file_sets_a_camera_up_and_is_gone(scene: Scene) -> None:
    content = scene.put(document(7, "language: en\n"))
    assert scene.apply() is ApplyOutcome.APPLIED
    settings = load(scene.data / "camerad.yaml")
    assert (settings.device.id, settings.recipients) == ("camera-07", (DESK,))
    assert settings.self_view.language == "en"
    assert str(settings.device.provision_dir) == str(scene.data)
    assert scene.on_card == {REPORT}
    assert scene.report.splitlines()[1] == "SET UP as camera-07."
    assert "were removed from this partition" in scene.report
    assert scene.pinned() == raw(OFFICE)
    assert [plain(order) for order in scene.orders] == [
        {
            "outcome": "applied",
            "sha256": digest(content),
            "serial": 7,
            "office": OFFICE.public.thumbprint,
            "device": "camera-07",
            "why": None,
            "retires": None,
        }
    ]
    assert scene.status is not ProvisioningStatus.REFUSED
    assert scene.status is ProvisioningStatus.PROVISIONED


def test_the_system_gets_what_the_file_asks_for_and_no_more(scene: Scene) -> None:
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    ca = authority()
    server = f"office: {{url: https://office.example, ca: {json.dumps(ca.pem)}}}\n"
    time = "time: {servers: [ntp.stadt.example]}\n"
    scene.set_up(1, f"{WIFI}ssh: {{key: {ssh} erika}}\n{time}{server}")
    assert (scene.data / provisioning_state.OFFICE).read_text() == "https://office.example\n"
    office = load(scene.data / provisioning_state.CONFIG).office
    assert office is not None
    assert (office.key, office.ca) == (raw(OFFICE), ca.pem)
    assert (
        scene.data / provisioning_state.TIME
    ).read_text() == "[Time]\nNTP=ntp.stadt.example\nFallbackNTP=\n"
    assert (scene.data / provisioning_state.SSH).read_text() == f"{ssh} erika\n"
    wifi = (scene.data / provisioning_state.WIFI).read_text()
    assert "country=DE\n" in wifi and "ssid=446f636b\n" in wifi
    scene.put(document(2, camera=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    there = {path.name for path in scene.data.iterdir()}
    assert there == {
        provisioning_status.ACCEPTED,
        provisioning_state.CONFIG,
        provisioning_state.NETWORK,
        provisioning_state.PUBLISH,
        orders.NAME,
    }


def test_each_camera_has_a_name_of_its_own_in_the_dock_s_network(scene: Scene) -> None:
    """By which a technician finds its address among twenty others."""
    scene.set_up(1)
    network = (scene.data / provisioning_state.NETWORK).read_text()
    assert network == "[DHCPv4]\nHostname=camera-07\n\n[DHCPv6]\nHostname=camera-07\n"


@pytest.mark.parametrize(
    ("device", "host"),
    [("Cam_1.Nord", "cam-1-nord"), ("camera-07", "camera-07"), ("A" * 63, "a" * 63), ("x_.", "x")],
)
def test_a_camera_s_name_becomes_one_that_a_host_may_have(device: str, host: str) -> None:
    assert host_name(device) == host


def test_what_the_system_cannot_do_is_told_and_everything_else_is_done(scene: Scene) -> None:
    for program in scene.programs.iterdir():
        program.unlink()
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    scene.set_up(1, f"{WIFI}ssh: {{key: {ssh}}}\n")
    assert "ssh: the camera's system has no SSH server" in scene.report
    assert "wifi: the camera's image was made without the radio" in scene.report
    assert scene.on_card == {REPORT}
    scene.put(document(2, camera=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert "ssh" not in scene.report and "wifi" not in scene.report


def test_a_system_that_can_do_it_all_has_nothing_told_of_it(scene: Scene) -> None:
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    scene.set_up(1, f"{WIFI}ssh: {{key: {ssh}}}\n")
    assert "SSH server" not in scene.report and "radio" not in scene.report


def test_a_network_s_key_is_that_of_the_standard() -> None:
    """IEEE 802.11-2020, J.4.2 ("Test vectors"): the first of them."""
    from camerad.provisioning.apply import pre_shared_key

    wanted = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert pre_shared_key("IEEE", "password") == wanted


def test_who_may_read_what_is_kept(scene: Scene) -> None:
    scene.set_up(1, WIFI)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in scene.data.iterdir()
        if path.name != provisioning_state.PUBLISH
    }
    assert modes == {
        provisioning_status.ACCEPTED: 0o600,
        provisioning_state.CONFIG: 0o644,
        provisioning_state.WIFI: 0o600,
        provisioning_state.NETWORK: 0o644,
        orders.NAME: 0o644,
    }


def test_the_same_file_twice_changes_nothing_and_goes_too(scene: Scene) -> None:
    scene.set_up(5)
    before = scene.config
    scene.put(document(5))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert (scene.config, len(scene.orders), scene.on_card) == (before, 1, {REPORT})


def test_a_later_file_of_the_office_for_this_camera_is_taken(scene: Scene) -> None:
    scene.set_up(5)
    scene.put(document(6, device="camera-08", camera=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert load(scene.data / "camerad.yaml").device.id == "camera-08"
    assert [order.device for order in scene.orders] == ["camera-07", "camera-08"]


def test_without_a_file_nothing_happens_but_that_it_is_said_where_it_is_wanted(
    scene: Scene,
) -> None:
    assert scene.apply() is ApplyOutcome.NOTHING
    assert scene.report.splitlines()[1] == "NOT SET UP: this camera does not record."
    assert "copy it here" in scene.report
    assert load(scene.data / "camerad.yaml").recipients == ()
    assert scene.status is ProvisioningStatus.UNPROVISIONED
    scene.set_up()
    (scene.boot / REPORT).unlink()
    assert scene.apply() is ApplyOutcome.NOTHING
    assert scene.on_card == set()


def test_a_file_with_an_ending_that_a_desktop_hides_is_named(scene: Scene) -> None:
    (scene.boot / f"{NAME}.txt").write_bytes(b"")
    assert scene.apply() is ApplyOutcome.NOTHING
    assert f"but {NAME}.txt: rename it" in scene.report


# ------------------------------------------------------------------------------------ wrong files


def _unsigned(scene: Scene) -> bytes:
    return scene.put(document(), by=None)


def _spoilt(scene: Scene) -> bytes:
    content = scene.put(document())
    (scene.boot / signing.NAME).write_bytes(b"\xff\xfe" + signing.sign(OFFICE, content))
    return content


def _changed(scene: Scene) -> bytes:
    content = scene.put(document()).replace(b"\n", b"\r\n")
    (scene.boot / NAME).write_bytes(content)
    return content


def _other_key(scene: Scene) -> bytes:
    return scene.put(document(), by=STRANGER)


def _mistakes(scene: Scene) -> bytes:
    return scene.put(document(more="camera: {fps: 100}\nwlan: {}\n"))


def _no_yaml(scene: Scene) -> bytes:
    return scene.put(b"policy: [\n")


def _no_key(scene: Scene) -> bytes:
    return scene.put(document().replace(raw(OFFICE).encode(), b"_" * 43))


def _too_large(scene: Scene) -> bytes:
    return scene.put(document(more="#" * MAX_BYTES))


def _for_another(scene: Scene) -> bytes:
    scene.camera = CAMERA
    return scene.put(document(camera=OTHER_CAMERA))


def _for_one_that_has_a_key(scene: Scene) -> bytes:
    return scene.put(document(camera=CAMERA))


def _reset_of_another(scene: Scene) -> bytes:
    scene.camera = CAMERA
    return scene.put(document(reset=OTHER_CAMERA))


def _private_key(scene: Scene) -> bytes:
    return scene.put(document().replace(DESK.encode(), b"AGE-SECRET-KEY-1" + b"Q" * 58))


FIRST: dict[str, tuple[Callable[[Scene], bytes], RefusalReason, str]] = {
    "unsigned": (_unsigned, RefusalReason.UNSIGNED, "is not beside the file"),
    "signature_spoilt": (_spoilt, RefusalReason.SIGNATURE_SPOILT, "is damaged"),
    "line_endings_changed": (_changed, RefusalReason.CHANGED, "line endings"),
    "signed_by_another_key_than_it_names": (_other_key, RefusalReason.OTHER_OFFICE, "another key"),
    "mistakes": (_mistakes, RefusalReason.MISTAKES, f"{NAME}:7: camera.fps: 100 is out of range"),
    "unknown_section": (_mistakes, RefusalReason.MISTAKES, f"{NAME}:8: wlan: unknown key"),
    "no_yaml": (_no_yaml, RefusalReason.MISTAKES, "not valid YAML"),
    "no_key": (_no_key, RefusalReason.MISTAKES, "provision.office_key"),
    "private_key_in_it": (_private_key, RefusalReason.MISTAKES, "never belongs on a camera"),
    "too_large": (_too_large, RefusalReason.TOO_LARGE, "larger than 64 KiB"),
    "for_another_camera": (_for_another, RefusalReason.OTHER_CAMERA, "another camera"),
    "for_a_camera_with_a_key": (
        _for_one_that_has_a_key,
        RefusalReason.OTHER_CAMERA,
        "another camera",
    ),
    "reset_of_another_camera": (
        _reset_of_another,
        RefusalReason.RESET_OF_ANOTHER,
        "provision.reset",
    ),
}


@pytest.mark.parametrize("case", FIRST)
def test_a_wrong_first_file_leaves_the_camera_unprovisioned_and_is_named(
    case: str, scene: Scene
) -> None:
    put, why, told = FIRST[case]
    content = put(scene)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.report.splitlines()[1] == f"NOT SET UP: {NAME} was refused ({why.value})."
    assert told in scene.report and ADVICE[why] in scene.report
    assert scene.status is ProvisioningStatus.UNPROVISIONED
    assert load(scene.data / "camerad.yaml").recipients == ()
    assert [order.why for order in scene.orders] == [why.value]
    # It stays for whoever has to mend it, as it is.
    assert (scene.boot / NAME).read_bytes() == content
    assert scene.apply() is ApplyOutcome.REFUSED
    assert len(scene.orders) == 1, "the same is told once"


def test_a_file_with_thousands_of_mistakes_has_a_report_that_can_be_read(scene: Scene) -> None:
    """Each line of it names every key that is allowed: together they would be two megabytes."""
    scene.put(document(1, "".join(f"k{number}: 1\n" for number in range(5000))))
    assert scene.apply() is ApplyOutcome.REFUSED
    assert "k48: unknown key" in scene.report and "k49" not in scene.report
    assert "and 4951 more" in scene.report


def test_after_a_mistake_is_mended_the_file_is_taken(scene: Scene) -> None:
    _mistakes(scene)
    scene.apply()
    scene.put(document())
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.status is not ProvisioningStatus.REFUSED
    assert [order.outcome for order in scene.orders] == ["refused", "applied"]


def _of_a_stranger(scene: Scene) -> None:
    scene.put(document(9, office=STRANGER, camera=CAMERA), by=STRANGER)


def _stranger_names_the_office(scene: Scene) -> None:
    scene.put(document(9, camera=CAMERA), by=STRANGER)


def _forged(scene: Scene) -> None:
    content = scene.put(document(9, camera=CAMERA))
    (scene.boot / NAME).write_bytes(content.replace(b"generic", b"bayern"))


def _mistakes_of_a_stranger(scene: Scene) -> None:
    scene.put(b"camera: {fps: 100}\n", by=STRANGER)


def _key_exchanged(scene: Scene) -> None:
    scene.put(document(9, office=STRANGER, camera=CAMERA))


def _no_camera(scene: Scene) -> None:
    scene.put(document(9))


def _of_its_neighbour(scene: Scene) -> None:
    scene.put(document(9, camera=OTHER_CAMERA))


def _old(scene: Scene) -> None:
    scene.put(document(4, camera=CAMERA))


def _same_serial(scene: Scene) -> None:
    scene.put(document(5, "language: en\n", camera=CAMERA))


def _stranger_resets_another(scene: Scene) -> None:
    scene.put(document(9, office=STRANGER, reset=OTHER_CAMERA), by=STRANGER)


def _reset_that_nobody_signed(scene: Scene) -> None:
    scene.put(document(9, office=STRANGER, reset=CAMERA), by=OFFICE)


LATER: dict[str, tuple[Callable[[Scene], None], RefusalReason]] = {
    "of_a_stranger": (_of_a_stranger, RefusalReason.OTHER_OFFICE),
    "of_a_stranger_in_the_name_of_the_office": (
        _stranger_names_the_office,
        RefusalReason.OTHER_OFFICE,
    ),
    "of_a_stranger_with_mistakes": (_mistakes_of_a_stranger, RefusalReason.OTHER_OFFICE),
    "changed_after_it_was_signed": (_forged, RefusalReason.CHANGED),
    "with_another_key_of_the_office": (_key_exchanged, RefusalReason.OFFICE_KEY_CHANGED),
    "for_no_camera": (_no_camera, RefusalReason.NO_CAMERA),
    "for_another_camera": (_of_its_neighbour, RefusalReason.OTHER_CAMERA),
    "old": (_old, RefusalReason.OLD),
    "with_the_same_serial": (_same_serial, RefusalReason.OLD),
    "reset_of_another_camera": (_stranger_resets_another, RefusalReason.RESET_OF_ANOTHER),
    "reset_signed_by_another_key": (_reset_that_nobody_signed, RefusalReason.OTHER_OFFICE),
}


@pytest.mark.parametrize("case", LATER)
def test_a_wrong_later_file_changes_nothing_of_a_camera_in_use(case: str, scene: Scene) -> None:
    scene.set_up(5)
    before = scene.config
    put, why = LATER[case]
    put(scene)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert (scene.config, scene.pinned()) == (before, raw(OFFICE))
    assert scene.report.splitlines()[1] == f"AS BEFORE: {NAME} was refused ({why.value})."
    assert "fps" not in scene.report, "nothing is said of a file that the office did not sign"
    assert scene.status is ProvisioningStatus.REFUSED
    assert scene.orders[-1].why == why.value
    # Whoever takes the file away again has a camera as before, without a complaint.
    for name in (NAME, signing.NAME):
        (scene.boot / name).unlink()
    assert scene.apply() is ApplyOutcome.NOTHING
    assert scene.status is not ProvisioningStatus.REFUSED


def test_every_reason_is_told_and_tried() -> None:
    tried = {why for _, why, _ in FIRST.values()} | {why for _, why in LATER.values()}
    elsewhere = {
        RefusalReason.UNREADABLE,
        RefusalReason.CARD_READ_ONLY,
        RefusalReason.STATE_DAMAGED,
        RefusalReason.RESET_OFFERED,  # not of a file on the card
    }
    assert tried | elsewhere == set(RefusalReason) == set(ADVICE)


# ------------------------------------------------------------------------------------------ reset


def test_a_reset_pins_another_office_and_gives_the_camera_s_key_up(scene: Scene) -> None:
    scene.set_up(5)
    scene.put(document(1, office=STRANGER, reset=CAMERA), by=STRANGER)
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.pinned() == raw(STRANGER)
    assert (scene.orders[-1].outcome, scene.orders[-1].retires) == ("reset", CAMERA)
    assert CAMERA in scene.report


def test_a_reset_counts_once(scene: Scene) -> None:
    """Afterwards the camera has another key, which the file does not name."""
    scene.set_up(5)
    file = document(1, office=STRANGER, reset=CAMERA)
    scene.put(file, by=STRANGER)
    scene.apply()
    scene.camera = OTHER_CAMERA
    scene.put(document(2, office=STRANGER, camera=OTHER_CAMERA), by=STRANGER)
    assert scene.apply() is ApplyOutcome.APPLIED
    scene.put(file, by=STRANGER)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.orders[-1].why == RefusalReason.RESET_OF_ANOTHER.value


@pytest.mark.parametrize("name", [provisioning_status.ACCEPTED, provisioning_status.PENDING])
def test_what_is_pinned_is_never_forgotten_by_being_damaged(name: str, scene: Scene) -> None:
    scene.set_up(5)
    (scene.data / name).write_bytes(b'{"office_key": ')
    before = scene.config
    assert scene.apply() is ApplyOutcome.NOTHING
    assert ADVICE[RefusalReason.STATE_DAMAGED] in scene.report
    scene.put(document(6, camera=CAMERA))
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.orders[-1].why == RefusalReason.STATE_DAMAGED.value
    assert scene.config == before
    scene.put(document(7, reset=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.pinned() == raw(OFFICE)


def test_a_pinned_key_that_is_none_lets_nothing_in(scene: Scene) -> None:
    """Or a file that names the same nonsense would need no signature."""
    scene.set_up(5)
    path = scene.data / provisioning_status.ACCEPTED
    path.write_bytes(path.read_bytes().replace(raw(OFFICE).encode(), b"_" * 43))
    scene.put(document(6, camera=CAMERA).replace(raw(OFFICE).encode(), b"_" * 43), by=STRANGER)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.orders[-1].why == RefusalReason.OTHER_OFFICE.value


# --------------------------------------------------------------------------------------- the card


def test_no_secret_is_left_on_the_card_or_with_the_camera(scene: Scene) -> None:
    scene.put(document(1, WIFI))
    assert scene.apply() is ApplyOutcome.APPLIED
    for path in (*scene.boot.iterdir(), *scene.data.iterdir()):
        assert SECRET.encode() not in path.read_bytes(), path
    assert "Free room was not" in scene.report, "this is a directory of a disk, and no card"


def test_other_files_with_the_passphrase_are_named(scene: Scene) -> None:
    (scene.boot / "notes.txt").write_text(f"WLAN: {SECRET}\n")
    scene.put(document(1, WIFI))
    scene.apply()
    assert "The file notes.txt has the passphrase" in scene.report


def test_what_was_half_removed_goes_although_another_file_was_put_there_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the passphrase, and the next file, which has none, has nothing overwritten."""
    scene.put(document(5, WIFI))
    with monkeypatch.context() as broken:
        _refusing(broken, scene.boot, errno.EIO, "open_existing")
        assert scene.apply() is ApplyOutcome.LEFT
    assert SECRET.encode() in (scene.boot / f"{NAME}.erase").read_bytes()
    newer = scene.put(document(6))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == {NAME, signing.NAME, REPORT}
    assert (scene.boot / NAME).read_bytes() == newer


def test_a_name_on_the_card_that_is_no_text_does_not_keep_a_camera_from_its_report(
    scene: Scene,
) -> None:
    Path(os.fsdecode(bytes(scene.boot) + b"/camerad-provision M\xfcller\n.yaml")).touch()
    assert scene.apply() is ApplyOutcome.NOTHING
    assert "camerad-provision M\\udcfcller\\x0a.yaml: rename it" in scene.report


def test_the_bytes_are_overwritten_before_the_name_is_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(document(1, WIFI))
    at_removal: dict[str, bytes] = {}
    remove = os.unlink

    def look(name: str, *, dir_fd: int | None = None) -> None:
        path = Path(name if dir_fd is None else f"/proc/self/fd/{dir_fd}/{name}").resolve()
        if path.parent == scene.boot:
            at_removal[path.name] = path.read_bytes()
        remove(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", look)
    scene.apply()
    assert set(at_removal) == {f"{NAME}.erase", f"{signing.NAME}.erase"}
    assert not any(any(content) for content in at_removal.values())


def _refusing(
    monkeypatch: pytest.MonkeyPatch, place: Path, number: int, what: str = "create"
) -> None:
    """Make one of the calls that write fail below `place`."""
    call = getattr(durable_files, what)

    def fail(path: str, *arguments: object) -> object:
        if str(path).startswith(str(place)):
            raise storage_errors.explain("write", path, OSError(number, os.strerror(number)))
        return call(path, *arguments)

    monkeypatch.setattr(durable_files, what, fail)


def test_a_full_card_keeps_no_file_from_being_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scene.put(document())
    with monkeypatch.context() as full:
        _refusing(full, scene.boot, errno.ENOSPC)
        caplog.set_level("INFO")
        assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == set()
    assert "the report cannot be left on the card" in caplog.text
    assert "SET UP as camera-07." in caplog.text


def test_a_report_that_a_card_refuses_is_left_at_the_next_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(document())
    with monkeypatch.context() as broken:
        _refusing(broken, scene.boot, errno.EROFS)
        assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == set()
    assert scene.status is ProvisioningStatus.PROVISIONED
    assert (scene.data / PENDING).exists()
    assert scene.apply() is ApplyOutcome.APPLIED
    assert "SET UP as camera-07." in scene.report
    assert not (scene.data / PENDING).exists()
    assert len(scene.orders) == 1


@pytest.mark.parametrize("name", [REPORT, f"{REPORT}.new"])
def test_a_directory_in_the_report_s_place_has_nothing_done_again_at_each_start(
    scene: Scene, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (scene.boot / name).mkdir()
    scene.put(document())
    assert scene.apply() is ApplyOutcome.APPLIED
    assert "the report cannot be left on the card" in caplog.text
    assert not (scene.data / PENDING).exists()


@pytest.mark.parametrize("name", ["FSCK0000.REC", "fsck0123.rec"])
def test_what_a_check_salvaged_is_removed_with_the_file(name: str, scene: Scene) -> None:
    """It may be an earlier version of the file, with its secret."""
    (scene.boot / name).write_bytes(document(1, WIFI))
    for other in ("FSCK0000.REC.txt", "film.rec"):
        (scene.boot / other).write_bytes(b"of somebody")
    scene.apply()
    assert name in scene.on_card, "without an office's file nothing is touched"
    scene.put(document(2, WIFI))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == {REPORT, "FSCK0000.REC.txt", "film.rec"}


def test_a_file_that_a_check_left_two_names_and_one_content_is_removed_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power was lost while it was renamed: the second of two names for the same clusters is
    cut to nothing, whichever that is."""
    scene.put(document(1, WIFI))
    with monkeypatch.context() as broken:
        _refusing(broken, scene.boot, errno.EIO, "open_existing")
        assert scene.apply() is ApplyOutcome.LEFT
    assert f"{NAME}.erase" in scene.on_card
    (scene.boot / NAME).touch()
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == {REPORT}
    assert "were removed" in scene.report


def test_on_a_full_card_a_report_takes_the_place_of_the_former(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.apply()
    assert "copy it here" in scene.report
    _unsigned(scene)
    _refusing(monkeypatch, scene.boot, errno.ENOSPC)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert ADVICE[RefusalReason.UNSIGNED] in scene.report
    assert "copy it here" not in scene.report


def test_a_folder_in_the_place_of_the_files_in_it_is_told(scene: Scene) -> None:
    """As `cp -r camera-01 /media/CAMERAD/` leaves it, or a whole office's."""
    (scene.boot / "System Volume Information").mkdir()
    for number in (1, 2, 3, 4):
        folder = scene.boot / f"camera-0{number}"
        folder.mkdir()
        (folder / NAME).write_bytes(document())
        assert scene.apply() is ApplyOutcome.NOTHING
        named = ", ".join(f"camera-0{one}" for one in range(1, min(number, 3) + 1))
        others = " and others" if number > 3 else ""
        assert (
            f"but there is one in a folder, {named}{others}: move the camera's two" in scene.report
        )
    scene.put(document())
    assert scene.apply() is ApplyOutcome.APPLIED


def test_a_passphrase_that_is_left_in_a_folder_is_told(scene: Scene) -> None:
    scene.put(document(1, WIFI))
    (scene.boot / "camera-07").mkdir()
    (scene.boot / "camera-07" / NAME).write_bytes(document(1, WIFI))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert f"The file camera-07/{NAME} has the passphrase" in scene.report


def test_a_card_that_cannot_be_written_has_its_file_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(document(1, WIFI))
    monkeypatch.setattr(boot_partition.BootPartition, "read_only", True)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.orders[-1].why == RefusalReason.CARD_READ_ONLY.value
    assert scene.status is ProvisioningStatus.UNPROVISIONED
    monkeypatch.setattr(boot_partition.BootPartition, "read_only", False)
    content = (scene.boot / NAME).read_bytes()
    assert scene.apply() is ApplyOutcome.APPLIED
    # Also the very file that is in use already.
    scene.put(content)
    monkeypatch.setattr(boot_partition.BootPartition, "read_only", True)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert (scene.orders[-1].why, scene.status) == ("card_read_only", ProvisioningStatus.REFUSED)


def test_a_card_that_cannot_be_read_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put(document())

    def fail(path: str, what: str, most: int | None = None) -> bytes:
        raise storage_errors.explain("read", path, OSError(errno.EIO, "Input/output error"))

    monkeypatch.setattr(boot_partition, "read_plain", fail)
    assert scene.apply() is ApplyOutcome.REFUSED
    assert scene.orders[-1].why == RefusalReason.UNREADABLE.value
    assert "check the card" in scene.report


def test_a_file_that_cannot_be_removed_holds_all_the_same_and_is_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(document())
    with monkeypatch.context() as broken:
        _refusing(broken, scene.boot, errno.EIO, "open_existing")
        assert scene.apply() is ApplyOutcome.LEFT
        assert scene.status is ProvisioningStatus.REFUSED
        assert "could not be removed from the card" in scene.report
    assert f"{NAME}.erase" in scene.on_card
    assert scene.apply() is ApplyOutcome.APPLIED
    assert scene.on_card == {REPORT}
    assert scene.status is not ProvisioningStatus.REFUSED
    assert len(scene.orders) == 1


def test_a_file_that_was_exchanged_meanwhile_is_judged_at_the_next_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.set_up(5)
    scene.put(document(6, camera=CAMERA))
    with monkeypatch.context() as broken:
        _refusing(broken, scene.boot, errno.EIO, "open_existing")
        assert scene.apply() is ApplyOutcome.LEFT
    newer = scene.put(document(7, camera=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert (scene.boot / NAME).read_bytes() == newer
    assert f"Another {NAME} was put here meanwhile" in scene.report
    assert scene.apply() is ApplyOutcome.APPLIED
    assert [order.serial for order in scene.orders] == [5, 6, 7]


def test_a_card_that_is_not_there_disturbs_nothing(scene: Scene) -> None:
    scene.set_up(5)
    for path in scene.boot.iterdir():
        path.unlink()
    scene.boot.rmdir()
    assert scene.apply() is ApplyOutcome.NOTHING
    assert scene.pinned() == raw(OFFICE)


def test_orders_that_cannot_be_read_give_way_to_the_next(scene: Scene) -> None:
    scene.set_up(5)
    (scene.data / orders.NAME).write_bytes(b"[{")
    scene.put(document(6, camera=CAMERA))
    assert scene.apply() is ApplyOutcome.APPLIED
    assert [order.serial for order in scene.orders] == [6]


def test_only_so_many_orders_are_kept(scene: Scene) -> None:
    scene.set_up(1)
    for serial in range(2, orders.MOST + 3):
        scene.put(document(serial, camera=CAMERA))
        scene.apply()
    assert [order.serial for order in scene.orders] == list(range(3, orders.MOST + 3))


def test_a_camera_is_known_by_its_key_as_far_as_that_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that cannot be read keeps no camera from starting, and lets no file in that names it."""
    state = tmp_path / "state"
    assert camera_thumbprint(str(state)) is None
    made = identity.load_or_create(str(state))
    assert camera_thumbprint(str(state)) == made.key.public.thumbprint
    assert caplog.text.count("ERROR") == 0
    for path in (state / "keys").glob("*.jwk"):
        path.write_text("{")
    assert camera_thumbprint(str(state)) is None
    assert "it must be the device's public key" in caplog.text


def test_a_key_is_named_by_its_bytes() -> None:
    assert raw(OFFICE) == encode_base64url(OFFICE.public.raw) == OFFICE.public.jwk["x"]
