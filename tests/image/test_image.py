"""An image that starts: all of it comes up, a recording is made in it, and opens outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from hw_mocks.virtualcamera import IMAGES

from camerad.container.gaps import CAPTURE_RESTARTED
from camerad.ledger import log_segments
from camerad.store import identity
from camerad_image import layout
from camerad_image.configure import unlocked
from tests.image.card import CARD_BYTES, run
from tests.image.disks import CHECKOUT
from tests.image.life import DEVICE, FILES, SETTINGS, USB, Life, live
from tests.system import judge, sealed

IMAGE = os.environ.get("CAMERAD_IMAGE")

SHOWN = 15
"""Seconds before a USB camera is pulled out, and after it is put in again (`layer/scenario.py`)."""

pytestmark = [
    pytest.mark.skipif(IMAGE is None, reason="CAMERAD_IMAGE names no image: make image-test"),
    # The first of them waits for all that the guest does.
    pytest.mark.timeout(14_400),
]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    assert IMAGE is not None
    return live(Path(IMAGE).resolve(), tmp_path_factory.mktemp("life"))


def told(state: Path) -> list[tuple[str, str]]:
    """What the ledger of a state directory says of the office's files, and which device it is."""
    ledger, keys = str(state / "ledger"), identity.key_ring(str(state))
    found = []
    for number in sorted(log_segments.list_files(ledger).epochs):
        content = log_segments.read_file(ledger, log_segments.epoch_name(number))
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            if entry.kind == "provisioned":
                found.append((entry.facts.outcome, entry.facts.device))
    return found


def test_the_first_start_gives_the_data_partition_the_card_and_begins_anew(life: Life) -> None:
    assert life.grown.reason == "guest-reset"
    others = sum(p.size for p in layout.PARTITIONS if p is not layout.DATA)
    # Of what remains, ext4 takes some for its tables.
    size = int(life.first.found["data"][0]) * layout.MIB
    assert size > 0.9 * (CARD_BYTES - others)


def test_every_start_comes_up_without_a_failed_unit(life: Life) -> None:
    starts = (life.first, life.office, life.idle)
    for start in starts:
        start.came_up()
    assert len({start.found["boot_id"] for start in starts}) == len(starts)
    assert len({start.found["machine_id"] for start in starts}) == 1
    assert life.idle.ended.reason == "guest-shutdown"


def test_without_a_file_the_camera_is_not_set_up_and_says_so(life: Life) -> None:
    found = life.first.came_up()
    assert "unprovisioned" in found["status"]["conditions"]
    assert not found["status"]["ready"]
    assert found["refused"] == 409
    assert told(life.first.folder) == []
    # Its key and the doctor's report wait for the technician.
    assert {"camerad-device.json", "camerad-device.pem", "camerad-doctor.txt"} <= set(life.left)


def test_the_office_s_file_sets_it_up_and_is_gone(life: Life) -> None:
    found = life.office.came_up()
    assert found["status"]["device"] == DEVICE
    assert found["status"]["ready"]
    assert "unprovisioned" not in found["status"]["conditions"]
    assert not set(FILES) & set(life.gone)
    assert "camerad-report.txt" in life.gone
    assert told(life.data / "camerad") == [("applied", DEVICE)]


def test_the_passphrase_is_nowhere_on_the_card(life: Life) -> None:
    before, after = life.passphrase
    # On its way to the camera it stood there, and in the room of a draft that was deleted.
    assert len(before) == 2
    assert after == []


def test_the_card_brings_the_camera_s_key_and_findings_to_the_register(
    life: Life, tmp_path: Path
) -> None:
    card, register = tmp_path / "card", tmp_path / "register.json"
    card.mkdir()
    for path in (life.folder / "collected").glob("later-*"):
        (card / path.name.removeprefix("later-")).write_bytes(path.read_bytes())
    entry = [sys.executable, "-m", "camerad", "provision", "collect"]
    key = life.folder / "office.pem"
    said = run(*entry, card, "--register", register, "--office-key", key)
    assert said.startswith(DEVICE)
    assert "doctor: not run" not in said


def test_devices_are_really_opened_in_the_service_s_box_and_nothing_else(life: Life) -> None:
    found = life.first.found["devices"]
    assert found["uid"] == layout.CAMERAD_UID
    opened = found["opened"]
    for kind in ("/dev/video", "/dev/gpiochip", "/dev/fb", "/dev/snd/pcm"):
        of_kind = {path: said for path, said in opened.items() if path.startswith(kind)}
        assert of_kind, kind
        assert not [path for path, said in of_kind.items() if said.startswith("error")], of_kind
    assert "vivid" in opened.values()
    # A picture of the test camera is not smaller than 320x240, and a second of the sound card is
    # 8000 samples of two bytes.
    assert found["picture"] >= 320 * 240
    assert found["sound"] == 16000
    refused = found["refused"]
    assert {"/dev/vda", "/dev/watchdog0", "/dev/mapper/root"} <= set(refused)
    assert all(said.startswith("error") for said in refused.values()), refused
    # What any user may open is refused by the unit alone.
    assert refused["/dev/fuse"] == refused["/dev/net/tun"] == "error: Operation not permitted"


def test_nothing_is_writable_but_the_data_partition_and_what_is_gone_with_the_power(
    life: Life,
) -> None:
    volatile = {
        *("tmpfs", "devtmpfs", "proc", "sysfs", "devpts", "cgroup2", "securityfs", "debugfs"),
        *("tracefs", "configfs", "fusectl", "pstore", "bpf", "mqueue", "hugetlbfs", "ramfs"),
        *("autofs", "binfmt_misc", "efivarfs"),
    }
    for start in (life.first, life.office):
        writable = {
            mount["target"]
            for mount in start.found["mounts"]
            if mount["fstype"] not in volatile and "rw" in mount["options"].split(",")
        }
        # The test's own disk aside.
        assert writable == {"/data", *(kept.where for kept in layout.KEPT), "/run/result"}
        assert start.found["written"] == []


def test_the_root_is_checked_while_it_is_read(life: Life) -> None:
    assert re.match(r"0 \d+ verity 1 ", life.first.found["root"])


def test_after_all_that_every_byte_of_the_root_is_as_it_was_made_and_another_would_be_found(
    life: Life, tmp_path: Path
) -> None:
    argument = re.search(r"camerad\.verity=(\d+):(\w+):(\w+)", life.card.slot().cmdline)
    assert argument is not None
    blocks, root_hash, salt = int(argument[1]), argument[2], argument[3]
    root = life.card.read(layout.ROOT_A, tmp_path / "root")
    options = [*("--no-superblock", "--hash=sha256", f"--salt={salt}", f"--data-blocks={blocks}")]
    options += [
        "--data-block-size=4096",
        "--hash-block-size=4096",
        f"--hash-offset={blocks * 4096}",
    ]
    verify = ["veritysetup", "verify", *options, root, root, root_hash]
    run(*verify)
    with root.open("r+b") as file:
        file.seek(blocks * 2048)
        byte = file.read(1)[0]
        file.seek(blocks * 2048)
        file.write(bytes([byte ^ 1]))
    assert subprocess.run(verify, capture_output=True, check=False).returncode != 0


def test_no_port_is_open_nothing_is_swapped_or_dumped_and_nobody_can_log_in(life: Life) -> None:
    for start in (life.first, life.office):
        assert start.found["sockets"] == []
        assert start.found["swaps"] == []
        assert start.found["cores"] == "|/bin/false"
        assert unlocked(start.found["passwd"]) == []
        assert unlocked(start.found["shadow"]) == []


def test_no_secret_can_be_read_by_others(life: Life) -> None:
    found = life.office.found["secrets"]
    # The device's key, and the key of the dock's network.
    assert {Path(path).name for path in found} >= {"identity.pem", "wpa_supplicant-wlan0.conf"}
    assert {path: mode for path, mode in found.items() if mode & 0o077} == {}


def test_what_camerad_s_units_may_do_is_as_little_as_on_paper(life: Life) -> None:
    rows = [line.split() for line in life.first.found["security"].splitlines()]
    exposed = {row[0]: float(row[1]) for row in rows if len(row) > 2 and row[0][:7] == "camerad"}
    # As on paper: tests/unit/systemd, and tests/unit/image/test_exposure.py for the image's own.
    assert exposed["camerad.service"] <= 1.0
    sys.stderr.write("".join(f"{unit}: {score}\n" for unit, score in sorted(exposed.items())))


def verdict(life: Life, *words: str | Path) -> subprocess.CompletedProcess[str]:
    entry = [sys.executable, "-m", "camerad", "evidence", *words, "--key", life.key]
    return subprocess.run(entry, capture_output=True, text=True, check=False)


def opened(life: Life, state: Path, film: Path) -> tuple[Path, Path]:
    """The newest recording of a state directory, and it as a film; an office finds it authentic."""
    checked = verdict(life, "verify", state)
    # 1: authentic, with remarks. Where processors are emulated, pictures are late.
    assert checked.returncode in (0, 1), checked.stdout + checked.stderr
    recording = max(state.rglob("*.tar"), key=lambda path: path.stat().st_mtime)
    office = CHECKOUT / "hw-mocks" / "demo-office.txt"
    done = verdict(life, "open", recording, "--identity", office, "--output", film)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return recording, film


def test_a_recording_that_was_made_in_it_is_authentic_and_opens_outside(
    life: Life, tmp_path: Path
) -> None:
    assert life.office.found["record"] == 202
    _, film = opened(life, life.data / "camerad", tmp_path / "film.mp4")
    counted = {
        kind: int(
            run(
                *("ffprobe", "-v", "error", "-count_packets", "-select_streams", f"{kind}:0"),
                *("-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", film),
            )
        )
        for kind in ("v", "a")
    }
    # A minute at five pictures per second, of which an emulated processor may lose a third; and at
    # 8000 samples per second, 1024 to a packet.
    assert counted["v"] >= 200
    assert counted["a"] >= 300


def test_a_usb_camera_is_recorded_and_found_again_when_it_was_pulled_out(
    life: Life, tmp_path: Path
) -> None:
    """On the image's own kernel and libcamera."""
    if life.usb is None:
        pytest.skip(f"no {USB} in the image's name: CAMERA=usb")
    found = life.usb.came_up()
    assert (found["record"], found["stop"]) == (202, 202)
    assert re.search("(?m)^ok +camera ", found["doctor"]), found["doctor"]
    state = life.card.read_data(tmp_path / "data") / "camerad"
    recording, film = opened(life, state, tmp_path / "film.mp4")
    frames = judge.decode(str(film)).frames
    assert {frame.number for frame in frames} == set(range(IMAGES))
    stated = sealed.read(str(recording))
    longest = max(stated.gaps, key=lambda gap: gap["to_us"] - gap["from_us"])
    assert longest["reason"] == CAPTURE_RESTARTED
    again = [one for one in frames if one.pts_us >= longest["to_us"] - stated.header["origin_us"]]
    for several in (frames[: -len(again)], again):
        # By its setting five in a second; the camera has its own clock, which goes faster.
        assert len(several) >= SHOWN * SETTINGS["camera"]["fps"] / 2


def test_people_see_themselves_on_the_display_while_it_records(life: Life) -> None:
    folder = life.office.ended.folder
    dark, shown = (cv2.imread(str(folder / f"{mark}.png")) for mark in ("settled", "recorded"))
    assert shown.shape == (240, 320, 3)
    # The spread of its bytes: a text cursor in a corner has hardly any, a picture has much.
    assert dark.std() < 5
    assert shown.std() > 20


def test_hardware_resets_a_machine_whose_systemd_stands_still(life: Life) -> None:
    found = life.first.found
    assert "RuntimeWatchdogUSec=14s" in found["watchdog"]
    assert "WatchdogDevice=/dev/watchdog" in found["watchdog"]
    assert "frozen" in life.first.ended.marks
    assert life.first.ended.reason == "watchdog"


def test_a_camera_that_does_not_come_back_reboots_the_machine(life: Life) -> None:
    assert "missing" in life.office.ended.marks
    assert life.office.ended.reason == "guest-reset"
    assert "camerad-reboot.service" in life.idle.before
    assert life.idle.found["status"]["ready"]


def test_what_a_card_is_asked_for_is_told_and_bounded(life: Life) -> None:
    marks = life.office.ended.marks
    found, rested = life.office.found, life.idle.ended.marks
    report = {
        "until ready": marks["ready"].bytes,
        "until all has settled": marks["settled"].bytes,
        "a recorded minute": marks["recorded"].bytes - marks["recording"].bytes,
        "an idle hour": rested["idled"].bytes - rested["idle"].bytes,
        "an ordinary start": rested["idle"].bytes,
        "an ordinary end": life.idle.ended.card.bytes - rested["idled"].bytes,
    }
    sys.stderr.write(json.dumps(report, indent=1) + "\n" + found["time"] + found["chain"])
    # The kernel in the guest counts the same.
    assert abs(report["a recorded minute"] - found["recorded_bytes"]) <= 1 << 20
    # A start writes the journal, the ledger and ext4's own, and no more.
    assert rested["idle"].bytes < 32 << 20
    # 1.2 MB, when nothing has anything to say; a line every two minutes made 5.3 of it.
    assert report["an idle hour"] < 3 << 20
