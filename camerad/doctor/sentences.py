"""The doctor's sentences: what each finding says, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from camerad.base.words import N_, NN_, Words
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.checks import CHECK_NAMES


class Sentence(msgspec.Struct, frozen=True):
    """A plain sentence, and its remedy, in up to two texts; "" where nothing is to be done.

    Names in braces are values of the result, filled in by ``str.format``. A sentence with a number
    has a singular and a plural, chosen by the value ``count``.
    """

    sentence: str | tuple[str, str]
    remedy: str = ""
    more: str = ""


_SUDO: Final = N_("Run the command with sudo.")
_STOP: Final = N_(
    "To test it, stop the daemon: sudo systemctl stop camerad. Run camerad doctor. Then start the "
    "daemon again: sudo systemctl start camerad."
)
_TAKEN: Final = N_(
    "Run the command with sudo. If that does not help, something else uses this GPIO: a part of "
    "the camera (docs/hardware.md lists the pins), or, on a camera set up by hand, another program "
    "(gpioinfo names it)."
)
_NEW_KEY: Final = N_(
    "Then enter the camera's new public key at the desk. Camera from the image: start it once "
    "more, then run camerad provision collect --replace NAME on its card. Set up by hand: sudo "
    "camerad identity show --pem prints the key for the desk's trusted keys."
)
_SETTING: Final = N_(
    "To change a setting of a camera from the image, make a new file (docs/technician.md, step 11)."
)
_MINUTE: Final = N_(
    "{rate:.1f} pictures a second, {lost} % lost; processor {cpu} % of {cores} cores, at most "
    "{celsius} degrees Celsius, at least {memory} MB of memory free; red light {red_ms} ms after "
    "the press began."
)

SENTENCES: Final[Mapping[FindingId, Sentence]] = {
    FindingId.CONFIGURATION_OK: Sentence("{file} is valid; policy {policy}."),
    FindingId.CONFIGURATION_WRONG: Sentence(
        "{mistakes}",
        "Set up by hand: correct these lines, then check them: camerad config check {file}. "
        "Camera from the image: make a new file (docs/technician.md, step 11).",
    ),
    FindingId.CONFIGURATION_NEEDED: Sentence("This test needs a valid configuration."),
    FindingId.NO_ANSWER: Sentence(
        "No answer within {seconds:g} s.",
        "Switch the camera off and on. If that does not help, read what the kernel says: "
        "journalctl -k. If ledger, device's key, free space or card do not answer, the card is "
        "failing: offload the recordings, then replace it. For other parts, check the part and "
        "its wires.",
    ),
    FindingId.DAEMON_RUNS: Sentence(
        "The daemon is running ({stage}). The doctor asked it about the camera's parts.",
    ),
    FindingId.DAEMON_REFUSES: Sentence(
        "The daemon is running, but a press would not record: {conditions}.",
        "docs/operations.md has cause and cure of each of these conditions. The log says more: "
        "journalctl -u camerad",
    ),
    FindingId.DAEMON_STOPPED: Sentence("No daemon runs; the parts were tested directly."),
    FindingId.DAEMON_SILENT: Sentence(
        "Another process uses the recordings and does not answer: {why}",
        "If another camerad command runs, wait until it ends. Otherwise the daemon hangs: sudo "
        "systemctl restart camerad. Its log: journalctl -u camerad",
    ),
    FindingId.DAEMON_FORBIDDEN: Sentence("This user may not ask the daemon: {why}", _SUDO),
    FindingId.DEVICES_TAKEN: Sentence(
        "Another program uses this part and does not say whether it works.",
    ),
    FindingId.RECIPIENTS_OK: Sentence(
        NN_(
            "Recordings are encrypted for {count} key of the office.",
            "Recordings are encrypted for {count} keys of the office.",
        )
    ),
    FindingId.RECIPIENTS_NONE: Sentence(
        "No recipient could open a recording, so the camera makes none.",
        "Camera from the image: make a new file (docs/technician.md, step 11). It has to name "
        "the public keys of the evidence desk, its own and the spare one. Set up by hand: put "
        "them under 'recipients' in {file}, then restart: sudo systemctl restart camerad. The "
        "evidence desk makes the keys: camerad keys new",
    ),
    FindingId.RECIPIENTS_WRONG: Sentence(
        "{why}",
        "Public keys begin with age1. Camera from the image: make a new file "
        "(docs/technician.md, step 11). Set up by hand: correct 'recipients' in {file}.",
    ),
    FindingId.KEY_OK: Sentence(
        "The key exists, only the camera can read it, and the ledger knows it: {thumbprint}",
    ),
    FindingId.KEY_NONE: Sentence(
        "The camera has no key yet: {path} is missing.",
        "Start the daemon, which makes the key: sudo systemctl start camerad.",
        _NEW_KEY,
    ),
    FindingId.KEY_LOST: Sentence(
        "The private half of the key {thumbprint} is gone: {path}",
        "If the file was moved, put it back. If it is lost, start the daemon: it makes a new key.",
        _NEW_KEY,
    ),
    FindingId.KEY_OPEN: Sentence(
        "Other users can read the private key (mode {mode}): {path}",
        "If the key was certainly not copied, run sudo chmod 600 {path}. Otherwise move the "
        "file away and start the daemon: it makes a new key.",
        _NEW_KEY,
    ),
    FindingId.KEY_DAMAGED: Sentence(
        "The key's file is damaged: {path}: {why}",
        "If the card is old, replace it. Otherwise start the daemon: it sets the file aside "
        "and makes a new key.",
        _NEW_KEY,
    ),
    FindingId.KEY_OTHER: Sentence(
        "The camera's key is {thumbprint}, but the ledger knows {known}.",
        "If this card was copied from another camera, set the camera up with a card of its "
        "own. If the key was changed on purpose, start the daemon once, so that the ledger "
        "knows the new key.",
        _NEW_KEY,
    ),
    FindingId.KEY_CREDENTIAL: Sentence(
        "The ledger knows a key that is not on the card. Perhaps systemd passes it to the "
        "daemon. The doctor cannot see that.",
        "Start the daemon: sudo systemctl start camerad. Then run the doctor again.",
    ),
    FindingId.KEY_FORBIDDEN: Sentence("This user may not read the key: {path}", _SUDO),
    FindingId.LEDGER_OK: Sentence("{entries} entries in the newest part, no errors."),
    FindingId.LEDGER_NONE: Sentence(
        "There is no ledger yet; the daemon begins it at its first start.",
    ),
    FindingId.LEDGER_DAMAGED: Sentence(
        NN_(
            "The ledger is damaged ({count} error): {why}",
            "The ledger is damaged ({count} errors). The first: {why}",
        ),
        "Offload the recordings, then check everything: camerad evidence verify {directory}. "
        "Either the ledger was changed, or the card is failing. If it is the card, replace it.",
    ),
    FindingId.LEDGER_UNREADABLE: Sentence("The ledger cannot be read: {why}", _SUDO),
    FindingId.CLOCK_SYNCHRONISED: Sentence("The clock was synchronised: {time}"),
    FindingId.CLOCK_RTC: Sentence("The time comes from the battery-backed clock: {time}"),
    FindingId.CLOCK_UNKNOWN: Sentence(
        "The clock is not confirmed ({time}); deletion by date is paused.",
        "Put the camera on a network once, so that it synchronises its clock. timedatectl "
        "shows whether that has happened. If the camera has a battery-backed clock, check the "
        "cell of that clock.",
    ),
    FindingId.BATTERY_OK: Sentence("{percent:.0f} %."),
    FindingId.BATTERY_LOW: Sentence(
        "Only {percent:.0f} %.",
        "Charge the battery before the camera is handed out.",
    ),
    FindingId.BATTERY_CRITICAL: Sentence(
        "Nearly empty: {percent:.0f} %.",
        "Charge the battery. If it does not charge, check cable and dock, then replace the "
        "battery.",
    ),
    FindingId.BATTERY_SILENT: Sentence(
        "The battery gauge does not answer: {why}",
        "Switch the camera off and on. If that does not help, check the wires of the gauge "
        "(I2C) and its driver: ls {directory}",
    ),
    FindingId.BATTERY_GONE: Sentence(
        "This camera had a battery gauge ({rates} is there), but {directory} shows none now.",
        "Check the wires of the battery gauge (I2C), and dmesg. Until the gauge works, the "
        "camera may stop without a warning. If the gauge was removed on purpose: sudo rm "
        "{rates}",
    ),
    FindingId.BATTERY_NONE: Sentence("No battery gauge was found in {directory}."),
    FindingId.TEMPERATURE_OK: Sentence("{celsius:.0f} degrees Celsius."),
    FindingId.TEMPERATURE_HOT: Sentence(
        "{celsius:.0f} degrees Celsius. From {limit:.0f} degrees on, or when the firmware "
        "slows the processor down, the camera takes fewer pictures a second.",
        "Let the camera cool and run the doctor again. If it gets hot on the bench, end the "
        "program that keeps the processor busy (top), then check the heat sink.",
    ),
    FindingId.TEMPERATURE_VOLTAGE: Sentence(
        "The supply is below 4.63 V, so the firmware may slow the processor down.",
        "Use a better cable and a stronger supply. On battery, check the converter, and "
        "replace an old battery.",
    ),
    FindingId.TEMPERATURE_NONE: Sentence("The temperature cannot be measured: {why}"),
    FindingId.SPACE_OK: Sentence("Room for {minutes:.0f} min of recording."),
    FindingId.SPACE_LOW: Sentence(
        "Room for only {minutes:.0f} min of recording; the camera warns below {limit:.0f} min.",
        "Offload the recordings: camerad offload DIR. When the camera needs room, it deletes "
        "recordings that the office already has.",
    ),
    FindingId.SPACE_FULL: Sentence(
        "Room for only {minutes:.1f} min of recording; below {limit:.0f} min no recording starts.",
        "Offload the recordings: camerad offload DIR. When the camera needs room, it deletes "
        "recordings that the office already has. If other files fill the card, this lists "
        "them: sudo du -xh {directory}",
    ),
    FindingId.SPACE_READ_ONLY: Sentence(
        "The card is read-only: {directory}",
        "When a card fails, the kernel makes it read-only (sudo dmesg says why). Offload the "
        "recordings, then replace the card.",
    ),
    FindingId.SPACE_MISSING: Sentence(
        "The directory of the recordings cannot be used: {why}",
        "Start the daemon, which makes the directory: sudo systemctl start camerad. If only "
        "the right to read it is missing, run the command with sudo.",
    ),
    FindingId.CARD_OK: Sentence(
        "{rate:.1f} MB/s; the slowest of {syncs} write tests took {worst_ms:.0f} ms.",
    ),
    FindingId.CARD_HESITATES: Sentence(
        "The slowest of {syncs} write tests took {worst_ms:.0f} ms. More than {limit_ms:.0f} "
        "ms is too slow; a recording states each such delay.",
        "Run the doctor again. If the card is still slow, replace it with one made for "
        "continuous recording (video surveillance, class V30).",
    ),
    FindingId.CARD_SLOW: Sentence(
        "The card writes {rate:.2f} MB/s, but a recording needs {needed:.2f} MB/s; the slowest "
        "write test took {worst_ms:.0f} ms.",
        "Replace the card with one made for continuous recording (video surveillance, class V30).",
    ),
    FindingId.CARD_FAILS: Sentence(
        "The card refused a write: {why}",
        "Offload the recordings, then replace the card.",
    ),
    FindingId.CARD_NO_ROOM: Sentence(
        "The card has no room for the test.",
        "Run sudo camerad doctor --only space first, and do what it says.",
    ),
    FindingId.CARD_MISSING: Sentence(
        "There is no directory for recordings yet.",
        "Run sudo camerad doctor --only space first, and do what it says.",
    ),
    FindingId.CARD_BUSY: Sentence(
        "The camera is recording.",
        "Run the doctor again when the camera does not record.",
    ),
    FindingId.CARD_FORBIDDEN: Sentence("This user may not write to the card: {directory}", _SUDO),
    FindingId.HARDENING_OK: Sentence(
        "The service has few rights: systemd rates its exposure {exposure:.1f} of 10 (0 is "
        "safest).",
    ),
    FindingId.HARDENING_WEAK: Sentence(
        "The service has too many rights: systemd rates its exposure {exposure:.1f} of 10 (0 "
        "is safest). At most {limit:.1f} is normal.",
        "Find the cause: systemctl cat {unit}, and systemd-analyze security {unit}. Set up by "
        "hand: remove the file that gives the service these rights, or install the shipped "
        "unit again. Camera from the image: switch it off and on. If that does not help, "
        "update it, or replace its card (docs/technician.md, section 12).",
    ),
    FindingId.HARDENING_ALONE: Sentence(
        "These units are missing or not enabled: {missing}. Without them the camera cannot "
        "switch itself off when the battery is empty, and cannot reboot when it hangs.",
        "Set up by hand: install and enable what systemd/README.md lists, then reboot. Camera "
        "from the image: update it, or replace its card (docs/technician.md, section 12).",
    ),
    FindingId.HARDENING_NO_UNIT: Sentence("The service {unit} is not installed here."),
    FindingId.HARDENING_NO_TOOL: Sentence("systemd-analyze is missing or gives no result: {why}"),
    FindingId.UPTIME: Sentence(
        NN_(
            "{count} day, {hours:02d}:{minutes:02d} hours.",
            "{count} days, {hours:02d}:{minutes:02d} hours.",
        )
    ),
    FindingId.BOARD_OK: Sentence(
        "{model}, {memory_mb} MB of memory, {reserved_mb} MB of them for pictures; {system}, "
        "kernel {kernel}, libcamera {libcamera}.",
    ),
    FindingId.BOARD_NO_HEAP: Sentence(
        "The kernel's memory for pictures ({heaps}) has no name that picamera2 knows, so only a "
        "camera at USB works.",
        "Kernels since 6.17 have other names. Set up by hand: install systemd/camerad.udev again, "
        "and reboot. Camera from the image: update it.",
    ),
    FindingId.BOARD_RESERVES: Sentence(
        "{model}: {reserved_mb} of {memory_mb} MB of memory are set aside for pictures.",
        "Too little is left for the camera. Set up by hand: write dtoverlay=vc4-kms-v3d,cma-128 "
        "into config.txt in place of dtoverlay=vc4-kms-v3d. Camera from the image: update it.",
    ),
    FindingId.BOARD_UNKNOWN: Sentence("This is no Raspberry Pi: {machine}, {system}."),
    FindingId.CAMERA_OK: Sentence(
        "{camera}: {width} x {height}, {rate:.1f} pictures a second, brightness {luma} of 255, "
        "{encoder} encoder.",
    ),
    FindingId.CAMERA_DOWN: Sentence(
        "The camera module delivers no picture: {why}",
        "Switch the camera off, reseat its ribbon cable at both ends, and switch it on. sudo "
        "dmesg says whether the kernel finds the camera module. Set up by hand: if "
        "rpicam-hello --list-cameras does not list the camera module, set camera_auto_detect=1 "
        "in /boot/firmware/config.txt. If nothing helps, replace the camera module.",
    ),
    FindingId.CAMERA_SILENT: Sentence(
        "The camera module was opened, but no picture has come for {age_s:.0f} s.",
        "Switch the camera off and on. If it happens again, reseat the ribbon cable at both "
        "ends, then replace the camera module.",
    ),
    FindingId.CAMERA_SIZE: Sentence(
        "The camera module delivers {width} x {height}, but the configuration wants "
        "{wanted_width} x {wanted_height}.",
        "Set camera.width and camera.height to a size that this camera module has (its data "
        "sheet; set up by hand: rpicam-hello --list-cameras).",
        _SETTING,
    ),
    FindingId.CAMERA_RATE: Sentence(
        "The camera module delivers {rate:.1f} pictures a second, but the configuration wants "
        "{wanted:.0f}.",
        "Test again in good light, with a cool camera: darkness and heat lower the rate. If "
        "the rate is still too low, set camera.fps to a rate that this camera module can "
        "deliver at this size (its data sheet; set up by hand: rpicam-hello --list-cameras).",
        _SETTING,
    ),
    FindingId.CAMERA_LOSES: Sentence(
        "{percent:.0f} % of the pictures are lost.",
        "Another program keeps the processor busy. End it (top names it) and run the doctor again.",
    ),
    FindingId.CAMERA_BLACK: Sentence(
        "The picture is black (brightness {luma} of 255).",
        "Remove the cover or the film from the lens, and give it light. If the picture stays "
        "black, replace the camera module.",
    ),
    FindingId.MICROPHONE_OK: Sentence(
        "The microphone works; the loudest sound was {peak_db:.0f} dB below full scale.",
    ),
    FindingId.MICROPHONE_SILENT: Sentence(
        "The microphone delivers only silence.",
        "Speak during the test. Check that the microphone is not muted (alsamixer, F4) and "
        "that microphone.device names the right one (arecord -L). Check its wires. If nothing "
        "helps, replace it.",
    ),
    FindingId.MICROPHONE_CLIPS: Sentence(
        "The sound is too loud: {percent:.0f} % of it is distorted.",
        "Lower the gain (alsamixer, F4), or test in a quieter place.",
    ),
    FindingId.MICROPHONE_MISSING: Sentence(
        "The microphone cannot be opened: {why}",
        "Plug it in. Set microphone.device to a name that arecord -L lists.",
        _SETTING,
    ),
    FindingId.MICROPHONE_HANGS: Sentence(
        "The microphone is there but delivers no sound.",
        "Unplug it and plug it in again, or switch the camera off and on. If nothing helps, "
        "replace it.",
    ),
    FindingId.MICROPHONE_UNWANTED: Sentence("The policy or the configuration wants no sound."),
    FindingId.MICROPHONE_CLOSED: Sentence(
        "The daemon takes no sound from the microphone now.",
        _STOP,
    ),
    FindingId.MICROPHONE_SERVES: Sentence("Sound arrives; the daemon does not say how loud it is."),
    FindingId.LOUDSPEAKER_HEARD: Sentence("The loudspeaker played a tone, and it was heard."),
    FindingId.LOUDSPEAKER_PLAYED: Sentence(
        "The loudspeaker accepted a tone. With --interactive the doctor asks whether you hear it.",
    ),
    FindingId.LOUDSPEAKER_FAINT: Sentence(
        "The loudspeaker accepted a tone, but the microphone beside it did not hear it.",
        "Run the doctor again with --interactive and listen. If you hear nothing, check wires, "
        "amplifier and volume (alsamixer). If nothing helps, replace it.",
    ),
    FindingId.LOUDSPEAKER_UNHEARD: Sentence(
        "The loudspeaker accepted a tone, but it was not heard.",
        "Check wires, amplifier and volume (alsamixer). If nothing helps, replace it.",
    ),
    FindingId.LOUDSPEAKER_FAILS: Sentence(
        "The loudspeaker plays nothing: {why}",
        "Plug it in. Set announcements.device to a name that aplay -L lists.",
        _SETTING,
    ),
    FindingId.LOUDSPEAKER_NO_FILE: Sentence(
        "Announcement files are missing: {missing}",
        "Set up by hand: put the files into announcements.directory (WAV, PCM), or install "
        "camerad again: it contains them. Camera from the image: update it, or replace its "
        "card (docs/technician.md, section 12).",
    ),
    FindingId.LOUDSPEAKER_UNWANTED: Sentence(
        "The policy or the configuration wants no announcements.",
    ),
    FindingId.LOUDSPEAKER_CLOSED: Sentence(
        "The daemon opens the loudspeaker only for an announcement.",
        _STOP,
    ),
    FindingId.DISPLAY_OK: Sentence("The display accepted the test picture."),
    FindingId.DISPLAY_DOWN: Sentence(
        "The display shows nothing: {why}",
        "Reseat the display's cable. Check that the kernel knows the display (ls /dev/fb*), "
        "and that self_view.device and self_view.sysfs name it. Set up by hand: check that "
        "/boot/firmware/config.txt has its overlay. Camera from the image: check that the "
        "image was made for this display (PARTS, docs/image.md). If nothing helps, replace the "
        "display.",
    ),
    FindingId.DISPLAY_UNSEEN: Sentence(
        "The display accepted the test picture, but it was not seen.",
        "Check its backlight and its cable. If nothing helps, replace it.",
    ),
    FindingId.DISPLAY_NONE: Sentence("This camera has no display (self_view.driver: none)."),
    FindingId.DISPLAY_SERVES: Sentence(
        "The display answers the daemon. The test picture is shown only while no daemon runs.",
    ),
    FindingId.OUTPUT_OK: Sentence(
        "GPIO {gpio} switches. To check that the part itself works, run the doctor with "
        "--interactive.",
    ),
    FindingId.OUTPUT_SEEN: Sentence("It works (GPIO {gpio})."),
    FindingId.OUTPUT_DEAD: Sentence(
        "GPIO {gpio} was switched {state}, but nothing changed at the pin.",
        "Look for a short circuit at GPIO {gpio}: light, wire, solder. Check that the "
        "configuration names the right GPIO.",
    ),
    FindingId.OUTPUT_UNSEEN: Sentence(
        "GPIO {gpio} switches, but you answered that you noticed nothing.",
        "Check its wires and its polarity. Check that the configuration has the right GPIO and "
        "active_high. If nothing helps, replace it.",
    ),
    FindingId.OUTPUT_TAKEN: Sentence("Its GPIO cannot be opened: {why}", _TAKEN),
    FindingId.OUTPUT_SERVES: Sentence("The daemon switches it without an error (GPIO {gpio})."),
    FindingId.BUTTON_FREE: Sentence(
        "The button is not stuck (GPIO {gpio}). To test a press, stop the daemon and use "
        "--interactive.",
    ),
    FindingId.BUTTON_WORKS: Sentence("The button works (GPIO {gpio})."),
    FindingId.BUTTON_STUCK: Sentence(
        "The button is pressed all the time (GPIO {gpio}).",
        "Clean the button, and check that the housing does not press on it. If the button "
        "moves freely, look for a short circuit at its wires, and check that active_low is "
        "right. If nothing helps, replace the button.",
    ),
    FindingId.BUTTON_UNPRESSED: Sentence(
        "No press arrived within {seconds:.0f} s (GPIO {gpio}).",
        "Check its wires. Check that the configuration names the right GPIO. If nothing helps, "
        "replace it.",
    ),
    FindingId.BUTTON_TAKEN: Sentence("Its GPIO cannot be opened: {why}", _TAKEN),
    FindingId.MINUTE_OK: Sentence(_MINUTE),
    FindingId.MINUTE_STRAINED: Sentence(
        _MINUTE,
        "Check supply and cooling with camerad doctor --only temperature. Then take fewer pictures "
        "a second or smaller ones: fps, width and height under camera (docs/performance.md).",
    ),
    FindingId.MINUTE_NOT_READY: Sentence(
        "No minute was measured: a press would not record.",
        "Run sudo camerad doctor, which says why, and do what it says. Then begin anew.",
    ),
    FindingId.MINUTE_NONE: Sentence("No minute was measured: nothing was recorded."),
    FindingId.DRILL_OK: Sentence("{seconds} s were safe before the power cut; {kept} s are there."),
    FindingId.DRILL_LOST: Sentence(
        "{seconds} s were safe before the power was cut, but only {kept} s are there.",
        "Replace the card with one made for continuous recording (video surveillance, class V30).",
    ),
    FindingId.DRILL_NONE: Sentence("The power was not cut."),
    FindingId.OFFICE_OK: Sentence("The office's server {url} answers, and knows this camera."),
    FindingId.OFFICE_NONE: Sentence(
        "This camera's settings name no office's server; it hands nothing over by itself.",
        "If the office has a server, make a new file that names it, with --office-url, "
        "--office-ca and --office-server-key. Put it onto the camera's card "
        "(docs/technician.md, step 11).",
    ),
    FindingId.OFFICE_NOT_DOCKED: Sentence(
        "The camera is not in its dock, so it has no network.",
        "To check whether it reaches the office, put it into its dock.",
    ),
    FindingId.OFFICE_NO_NETWORK: Sentence(
        "The doctor has no network here, so it did not ask the office.",
        "At its start the camera runs the doctor without a network. To ask the office, run it "
        "by hand: sudo camerad doctor --only office. If it says this again, check the dock's "
        "cable.",
    ),
    FindingId.OFFICE_UNSIGNED: Sentence(
        "The doctor cannot ask the office in this camera's name: {why}",
        "Run camerad doctor with sudo, and while the daemon runs.",
    ),
    FindingId.OFFICE_NO_ADDRESS: Sentence(
        "The address of the office's server {url} cannot be found.",
        "Check that the dock has a network, and its cable. Check the name in office.url, and "
        "that the network's name server knows it.",
    ),
    FindingId.OFFICE_UNREACHED: Sentence(
        "The office's server {url} cannot be reached.",
        "Check the dock's cable and network. Check that the server runs (there: systemctl "
        "status camerad-office), and that no firewall closes its port. Other docks too? Then "
        "it is the server.",
    ),
    FindingId.OFFICE_CA_WRONG: Sentence(
        "office.ca in the camera's configuration is no certificate.",
        "Make a new file with the office's authority, and put it onto the camera's card "
        "(docs/technician.md, step 11).",
    ),
    FindingId.OFFICE_STRANGER: Sentence(
        "What answers at {url} has a certificate by another authority than the camera trusts. "
        "The camera trusts SHA-256 {trusted}. The server's is by {issuer}, SHA-256 {shown}.",
        "On the server, this shows the fingerprint of its authority: sudo openssl x509 -noout "
        "-fingerprint -sha256 -in /etc/camerad-office/office-tls/authority.pem. If the camera "
        "trusts another, make a new file with that authority, and put it onto the camera's "
        "card (docs/technician.md, step 11). If it is the same, another computer answers at "
        "this address: look for it.",
    ),
    FindingId.OFFICE_OUT_OF_TIME: Sentence(
        "The certificate of {url} is valid from {begins} to {ends}. By the camera's clock it "
        "is not valid today.",
        "Check the camera's clock, above. If it is right, renew the certificate on the server "
        "(docs/office.md): put authority.key back, run camerad office init DIR --config FILE "
        "as the server's user, restart camerad-office, and move authority.key away again.",
    ),
    FindingId.OFFICE_OTHER_NAME: Sentence(
        "The certificate of the office's server is not for {url}.",
        "Compare office.url in the camera's file with url in the office's settings. They have "
        "to be the same.",
    ),
    FindingId.OFFICE_UNREGISTERED: Sentence(
        "The office does not take this camera's signature. Its server's register lacks the key "
        "({thumbprint}), or the server is called otherwise than the camera calls it ({url}).",
        "The log of the office's server says which. If the register lacks the key: run camerad "
        "provision collect on the camera's card at the desk, unless that was done since it was "
        "last set up, and put the desk's register.json into place on the server. If the key "
        "was taken out of the register, the camera counts as lost: ask why. If not: office.url "
        "in the camera's file and url in the office's settings have to be the same to the "
        "letter.",
    ),
    FindingId.OFFICE_WITHDRAWN: Sentence(
        "The office has withdrawn this camera, and takes nothing of it.",
        "Ask the office why. An administrator takes it back on the desk's page.",
    ),
    FindingId.OFFICE_REFUSES: Sentence(
        "The office's server answers, but not as it should: {why}",
        "Look at the log of the office's server.",
    ),
    FindingId.OFFICE_DISPUTED: Sentence(
        "This camera disputes its office's ledger: it is not the one that the camera has seen, or "
        "lacks a recording that was handed over.",
        "Tell the data protection officer; docs/transparency.md says what to look for. The camera "
        "records and hands over as before.",
    ),
    FindingId.OFFICE_TAKES_NOTHING: Sentence(
        "The office's server {url} answers and knows this camera, but takes nothing.",
        "Mostly its storage is full or fails. On the server: journalctl -u camerad-office.",
    ),
    FindingId.OFFICE_NOT_EVERY: Sentence(
        "The office's server {url} does not take every recording of this camera.",
        "The camera's log names them, and why: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_FAILS: Sentence(
        "The office's server {url} answers, but handing over fails at the camera itself.",
        "The camera's log says why: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_SILENT: Sentence(
        "The office's server {url} answers, but the service camerad-upload says nothing.",
        "sudo systemctl restart camerad-upload. If that does not help: sudo journalctl -u "
        "camerad-upload.",
    ),
}


def check_name(check: str, words: Words) -> str:
    """A check's name for people."""
    kind, _, rest = check.partition("_")
    if check in CHECK_NAMES:
        return words.pgettext("check", CHECK_NAMES[check])
    return words.gettext("button {name}", name=rest) if kind == "button" else check


def sentence(result: CheckResult, words: Words) -> str:
    """The result in one sentence."""
    return _filled_in(SENTENCES[result.finding].sentence, result, words)


def remedy(result: CheckResult, words: Words) -> str:
    """The remedy; "" if there is none."""
    told = SENTENCES[result.finding]
    return " ".join(_filled_in(text, result, words) for text in (told.remedy, told.more) if text)


def _filled_in(text: str | tuple[str, str], result: CheckResult, words: Words) -> str:
    values: dict[str, Any] = {"part": check_name(result.check, words), **result.values}
    if values.get("state") == "on":
        # TRANSLATORS: fills {state} in: GPIO 23 was switched on
        values["state"] = words.pgettext("switched", "on")
    elif values.get("state") == "off":
        values["state"] = words.pgettext("switched", "off")
    if isinstance(text, tuple):
        return words.ngettext(*text, values["count"], **values)
    return words.gettext(text, **values)
