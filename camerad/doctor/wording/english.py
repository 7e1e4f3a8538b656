"""The doctor's texts in English."""

from __future__ import annotations

from typing import Final

from camerad.doctor.check_results import FindingId, Level
from camerad.doctor.wording.catalogue import DoctorWording, Sentence

_STOP: Final = "To test it: sudo systemctl stop camerad, then camerad doctor, then start it again."

ENGLISH: Final = DoctorWording(
    code="en",
    yes="y",
    levels={
        Level.OK: "ok",
        Level.WARN: "WARNING",
        Level.FAIL: "FAILED",
        Level.NOT_TESTED: "not tested",
    },
    checks={
        "configuration": "configuration",
        "daemon": "daemon",
        "recipients": "recipients",
        "key": "device's key",
        "ledger": "ledger",
        "clock": "clock",
        "battery": "battery",
        "temperature": "temperature",
        "space": "free space",
        "card": "card",
        "hardening": "hardening",
        "uptime": "since boot",
        "camera": "camera",
        "microphone": "microphone",
        "loudspeaker": "loudspeaker",
        "display": "display",
        "light_green": "green light",
        "light_red": "red light",
        "light_amber": "amber light",
        "vibration": "vibration",
        "buzzer": "buzzer",
        "buttons": "buttons",
    },
    states={"on": "on", "off": "off"},
    button="button {name}",
    findings={
        FindingId.CONFIGURATION_OK: Sentence("{file} is in order; policy {policy}."),
        FindingId.CONFIGURATION_WRONG: Sentence(
            "{mistakes}",
            "Correct the lines that are named, and check with: camerad config check {file}",
        ),
        FindingId.CONFIGURATION_NEEDED: Sentence(
            "It cannot be tested without a valid configuration."
        ),
        FindingId.NO_ANSWER: Sentence(
            "It did not answer within {seconds:g} s.",
            "Switch the camera off and on. If it comes again: where recordings, ledger, key, space "
            "or card do not answer, it is the card, which is to be offloaded and replaced; else it "
            "is the part itself, or its wires. 'journalctl -k' has what the kernel says of it.",
        ),
        FindingId.DAEMON_RUNS: Sentence("The daemon runs ({stage}); it was asked about its parts."),
        FindingId.DAEMON_STOPPED: Sentence("No daemon runs; the parts were tried directly."),
        FindingId.DAEMON_SILENT: Sentence(
            "Another process has the recordings and does not answer: {why}",
            "If the daemon hangs: sudo systemctl restart camerad, and look at: journalctl -u "
            "camerad. If another camerad command runs, let it finish first.",
        ),
        FindingId.DAEMON_FORBIDDEN: Sentence(
            "This user may not ask the daemon: {why}",
            "Run the command with sudo.",
        ),
        FindingId.DEVICES_TAKEN: Sentence(
            "It belongs to a process that does not tell how it does."
        ),
        FindingId.RECIPIENTS_OK: Sentence(
            "Keys of the office that can open what is recorded: {count}."
        ),
        FindingId.RECIPIENTS_NONE: Sentence(
            "Nobody could open a recording, so none is made.",
            "Put the public keys of the evidence desk and of its spare under 'recipients' in "
            "{file}; 'camerad keys new' at the office makes them.",
        ),
        FindingId.RECIPIENTS_WRONG: Sentence(
            "{why}", "Correct 'recipients' in {file}: public keys, which begin with age1."
        ),
        FindingId.KEY_OK: Sentence("It is there, private, and known to the ledger: {thumbprint}"),
        FindingId.KEY_NONE: Sentence(
            "There is none: {path}",
            "Start the daemon once, which makes it: sudo systemctl start camerad. Then register "
            "it at the office: camerad identity show --pem",
        ),
        FindingId.KEY_LOST: Sentence(
            "The ledger knows the key {thumbprint}, and its private half is gone: {path}",
            "Put it back from wherever it was moved. If it is lost, start the daemon, which makes "
            "another one, and register that at the office: camerad identity show --pem",
        ),
        FindingId.KEY_OPEN: Sentence(
            "Others than its owner may read it (mode {mode}): {path}",
            "If nobody can have copied it: sudo chmod 600 {path}. Otherwise move it away and start "
            "the daemon, which makes another one, and register that at the office.",
        ),
        FindingId.KEY_DAMAGED: Sentence(
            "It is no key any more: {path}: {why}",
            "Start the daemon: it sets the file aside and makes another key. Register that at the "
            "office: camerad identity show --pem. Replace the card if it is an old one.",
        ),
        FindingId.KEY_OTHER: Sentence(
            "It is {thumbprint}, and the ledger knows {known}.",
            "If this card was copied from another camera, start afresh with a card of its own. If "
            "the key was exchanged on purpose, start the daemon once, which tells the ledger, and "
            "register the new one at the office.",
        ),
        FindingId.KEY_CREDENTIAL: Sentence(
            "The ledger knows a key that is not here. The service manager"
            " may bring it; only the daemon sees that.",
            "Start the daemon and run this again: sudo systemctl start camerad",
        ),
        FindingId.KEY_FORBIDDEN: Sentence(
            "This user may not look at it: {path}", "Run the command with sudo."
        ),
        FindingId.LEDGER_OK: Sentence("{entries} entries in the newest part, nothing wrong."),
        FindingId.LEDGER_NONE: Sentence(
            "There is none yet; the daemon begins it with its first start."
        ),
        FindingId.LEDGER_DAMAGED: Sentence(
            "{why} (findings in all: {count})",
            "Offload what is there, then look at all of it with: camerad evidence verify "
            "{directory}. If nobody has meddled, the card is failing: replace it.",
        ),
        FindingId.LEDGER_UNREADABLE: Sentence(
            "It cannot be read: {why}", "Run the command with sudo."
        ),
        FindingId.CLOCK_SYNCHRONISED: Sentence("Date and time were synchronised: {time}"),
        FindingId.CLOCK_RTC: Sentence("Date and time come from the battery-backed clock: {time}"),
        FindingId.CLOCK_UNKNOWN: Sentence(
            "Nothing vouches for date and time ({time}); nothing is deleted by the date meanwhile.",
            "Let the camera synchronise its clock (timedatectl says whether it does: put it on a "
            "network once). If it has a battery-backed clock, look at that one's cell.",
        ),
        FindingId.BATTERY_OK: Sentence("{percent:.0f} %."),
        FindingId.BATTERY_LOW: Sentence("{percent:.0f} % only.", "Charge it before it goes out."),
        FindingId.BATTERY_CRITICAL: Sentence(
            "Nearly empty: {percent:.0f} %.",
            "Charge it. If it does not charge: look at cable and dock, then replace the battery.",
        ),
        FindingId.BATTERY_SILENT: Sentence(
            "Its gauge does not answer: {why}",
            "Switch the camera off and on. If it stays so, look at the gauge's wires (I2C) and its "
            "driver: ls {directory}",
        ),
        FindingId.BATTERY_GONE: Sentence(
            "This camera has measured a battery ({rates}), and {directory} has none.",
            "Look at its gauge's wiring (I2C) and at dmesg: the camera may end without a warning. "
            "If the gauge was taken out on purpose: sudo rm {rates}",
        ),
        FindingId.BATTERY_NONE: Sentence("Nothing measures it: {directory} has no battery."),
        FindingId.TEMPERATURE_OK: Sentence("{celsius:.0f} degrees Celsius."),
        FindingId.TEMPERATURE_HOT: Sentence(
            "{celsius:.0f} degrees Celsius, or slowed down by the firmware; from {limit:.0f} on "
            "the camera takes fewer pictures.",
            "Let it cool and run this again. If it is hot on the bench: look for a program that "
            "keeps the processor busy (top), then at its heat sink.",
        ),
        FindingId.TEMPERATURE_VOLTAGE: Sentence(
            "The firmware sees a supply of less than 4.63 V, and slows the processor down.",
            "Take a better cable and a stronger supply; if it runs on its battery, look at its "
            "converter, and replace an old battery.",
        ),
        FindingId.TEMPERATURE_NONE: Sentence("Nothing measures it: {why}"),
        FindingId.SPACE_OK: Sentence("{minutes:.0f} min of recording."),
        FindingId.SPACE_LOW: Sentence(
            "{minutes:.0f} min of recording only; the camera warns below {limit:.0f}.",
            "Offload: camerad offload DIR. What the office has is then deleted as room is needed.",
        ),
        FindingId.SPACE_FULL: Sentence(
            "{minutes:.1f} min of recording; below {limit:.0f} none starts.",
            "Offload: camerad offload DIR. What the office has is then deleted as room is needed. "
            "If something else fills the card: sudo du -xh {directory}",
        ),
        FindingId.SPACE_READ_ONLY: Sentence(
            "The card can only be read: {directory}",
            "That is how the kernel leaves a card that failed (sudo dmesg). Offload what is on it, "
            "and replace it.",
        ),
        FindingId.SPACE_MISSING: Sentence(
            "The place for recordings cannot be used: {why}",
            "Start the daemon once, which makes it: sudo systemctl start camerad. If this user may "
            "not look at it, run the command with sudo.",
        ),
        FindingId.CARD_OK: Sentence(
            "{rate:.1f} MB/s; the slowest of {syncs} syncs took {worst_ms:.0f} ms."
        ),
        FindingId.CARD_HESITATES: Sentence(
            "The slowest of {syncs} syncs took {worst_ms:.0f} ms; over {limit_ms:.0f} ms each is "
            "stated in the recording.",
            "Run this again. If it stays so, replace the card by one made for endurance (video "
            "surveillance, class V30).",
        ),
        FindingId.CARD_SLOW: Sentence(
            "{rate:.2f} MB/s, and recording takes {needed:.2f}; the slowest sync took "
            "{worst_ms:.0f} ms.",
            "Replace the card by one made for endurance (video surveillance, class V30).",
        ),
        FindingId.CARD_FAILS: Sentence(
            "Writing failed: {why}", "Offload what is on the card, and replace it."
        ),
        FindingId.CARD_NO_ROOM: Sentence(
            "There is no room to try it.", "Make room first, see free space."
        ),
        FindingId.CARD_MISSING: Sentence("There is no place for recordings yet, see free space."),
        FindingId.CARD_BUSY: Sentence(
            "A recording goes to it.", "Run this again when the camera does not record."
        ),
        FindingId.CARD_FORBIDDEN: Sentence(
            "This user may not write there: {directory}", "Run the command with sudo."
        ),
        FindingId.HARDENING_OK: Sentence("The service is confined: exposure {exposure:.1f} of 10."),
        FindingId.HARDENING_WEAK: Sentence(
            "The service is confined too little: exposure {exposure:.1f} of 10, and {limit:.1f} "
            "is what the shipped unit has at most.",
            "See what takes it away: systemctl cat {unit}, and systemd-analyze security {unit}. "
            "Remove the drop-in, or install the shipped unit again.",
        ),
        FindingId.HARDENING_ALONE: Sentence(
            "Missing, or not enabled: {missing}. Without it the camera neither switches itself off "
            "when its battery is empty nor reboots when only that helps.",
            "Install and enable what systemd/README.md lists, and reboot.",
        ),
        FindingId.HARDENING_NO_UNIT: Sentence("No service {unit} is installed here."),
        FindingId.HARDENING_NO_TOOL: Sentence(
            "systemd-analyze is not here, or says nothing: {why}"
        ),
        FindingId.UPTIME: Sentence("{days} d {hours:02d}:{minutes:02d} h."),
        FindingId.CAMERA_OK: Sentence(
            "{camera}: {width} x {height}, {rate:.1f} pictures a second, brightness {luma} of 255, "
            "{encoder} encoder."
        ),
        FindingId.CAMERA_DOWN: Sentence(
            "It delivers nothing: {why}",
            "Switch the camera off, seat its ribbon cable at both ends, and switch it on. If "
            "rpicam-hello --list-cameras does not list it: camera_auto_detect=1 in "
            "/boot/firmware/config.txt. Else replace the camera module.",
        ),
        FindingId.CAMERA_SILENT: Sentence(
            "It was opened, and no picture has come for {age_s:.0f} s.",
            "Switch the camera off and on. If it comes again, seat the ribbon cable at both ends, "
            "then replace the camera module.",
        ),
        FindingId.CAMERA_SIZE: Sentence(
            "It delivers {width} x {height}, and the configuration wants {wanted_width} x "
            "{wanted_height}.",
            "Set camera.width and camera.height to a size that this camera module has "
            "(rpicam-hello --list-cameras).",
        ),
        FindingId.CAMERA_RATE: Sentence(
            "It delivers {rate:.1f} pictures a second, and the configuration wants {wanted:.0f}.",
            "Set camera.fps to a rate that this camera module has at that size (rpicam-hello "
            "--list-cameras). In the dark a long exposure lowers it: try with light. So does "
            "heat.",
        ),
        FindingId.CAMERA_LOSES: Sentence(
            "{percent:.0f} % of the pictures do not arrive.",
            "Something else keeps the processor busy: look at top, end it, and run this again.",
        ),
        FindingId.CAMERA_BLACK: Sentence(
            "The picture is black (brightness {luma} of 255).",
            "Take the cover or the protective film off the lens, and let it see light. If it stays "
            "black, replace the camera module.",
        ),
        FindingId.MICROPHONE_OK: Sentence(
            "It hears; the loudest was {peak_db:.0f} dB below full scale."
        ),
        FindingId.MICROPHONE_SILENT: Sentence(
            "It delivers nothing but silence.",
            "Speak while it is tested. Look whether it is muted (alsamixer -c, F4), whether "
            "microphone.device names the right one (arecord -L), and at its wires; else replace "
            "it.",
        ),
        FindingId.MICROPHONE_CLIPS: Sentence(
            "It is too loud: {percent:.0f} % of what it hears is cut off.",
            "Turn its gain down (alsamixer, F4), or run this again in a quieter place.",
        ),
        FindingId.MICROPHONE_MISSING: Sentence(
            "It cannot be opened: {why}",
            "Plug it in, and let microphone.device name one of those that arecord -L lists.",
        ),
        FindingId.MICROPHONE_HANGS: Sentence(
            "It is there and gives no samples.",
            "Unplug it and plug it in again, or switch the camera off and on; else replace it.",
        ),
        FindingId.MICROPHONE_UNWANTED: Sentence("The policy or the configuration wants no sound."),
        FindingId.MICROPHONE_CLOSED: Sentence("The daemon keeps it closed in this stage.", _STOP),
        FindingId.MICROPHONE_SERVES: Sentence("Samples arrive; the daemon does not tell how loud."),
        FindingId.LOUDSPEAKER_HEARD: Sentence("It played a tone, which was heard."),
        FindingId.LOUDSPEAKER_PLAYED: Sentence(
            "It took a tone; whether anybody hears it is asked with --interactive."
        ),
        FindingId.LOUDSPEAKER_FAINT: Sentence(
            "It took a tone, and the microphone beside it did not hear it.",
            "Run this again with --interactive and listen. If it is silent, look at its wires, at "
            "its amplifier, and at its volume (alsamixer); else replace it.",
        ),
        FindingId.LOUDSPEAKER_UNHEARD: Sentence(
            "It took a tone, and nobody heard it.",
            "Look at its wires, at its amplifier, and at its volume (alsamixer); else replace it.",
        ),
        FindingId.LOUDSPEAKER_FAILS: Sentence(
            "Nothing can be played: {why}",
            "Plug it in, and let announcements.device name one of those that aplay -L lists.",
        ),
        FindingId.LOUDSPEAKER_NO_FILE: Sentence(
            "Announcements have no file: {missing}",
            "Put them into announcements.directory, as WAV with PCM, or install camerad again, "
            "which brings its own.",
        ),
        FindingId.LOUDSPEAKER_UNWANTED: Sentence(
            "The policy or the configuration wants no announcements."
        ),
        FindingId.LOUDSPEAKER_CLOSED: Sentence(
            "The daemon opens it when something is to be said.", _STOP
        ),
        FindingId.DISPLAY_OK: Sentence("It took the test picture."),
        FindingId.DISPLAY_DOWN: Sentence(
            "It shows nothing: {why}",
            "Seat its cable, and see whether the kernel has it: ls /dev/fb* and the display's "
            "overlay in /boot/firmware/config.txt. self_view.device and self_view.sysfs name it. "
            "Else replace it.",
        ),
        FindingId.DISPLAY_UNSEEN: Sentence(
            "It took the test picture, and nobody saw it.",
            "Look at its backlight and its cable; else replace it.",
        ),
        FindingId.DISPLAY_NONE: Sentence("This camera has none (self_view.driver: none)."),
        FindingId.DISPLAY_SERVES: Sentence(
            "It answers the daemon; the test picture is shown without one."
        ),
        FindingId.OUTPUT_OK: Sentence(
            "Its line follows (GPIO {gpio}); whether anybody notices it is asked with "
            "--interactive."
        ),
        FindingId.OUTPUT_SEEN: Sentence("It works (GPIO {gpio})."),
        FindingId.OUTPUT_DEAD: Sentence(
            "Its line does not follow (GPIO {gpio}): it was switched {state}, and is not.",
            "Look for a short at GPIO {gpio} (its light, its wire, solder), and whether the "
            "configuration names the right GPIO.",
        ),
        FindingId.OUTPUT_UNSEEN: Sentence(
            "Its line follows (GPIO {gpio}), and nobody noticed it.",
            "Look at its wires and its polarity, and whether the configuration names the right "
            "GPIO and active_high; else replace it.",
        ),
        FindingId.OUTPUT_TAKEN: Sentence(
            "Its line cannot be opened: {why}",
            "End the program that has it (gpioinfo names it), or run the command with sudo.",
        ),
        FindingId.OUTPUT_SERVES: Sentence("The daemon drives it without an error (GPIO {gpio})."),
        FindingId.BUTTON_FREE: Sentence(
            "It is not stuck (GPIO {gpio}); that a press arrives is tested with --interactive."
        ),
        FindingId.BUTTON_WORKS: Sentence("A press arrived, and its release (GPIO {gpio})."),
        FindingId.BUTTON_STUCK: Sentence(
            "It is pressed all the time (GPIO {gpio}).",
            "Free it of dirt and of the housing. If nothing holds it, look for a short at its "
            "wires, and whether active_low is as it is wired; else replace it.",
        ),
        FindingId.BUTTON_UNPRESSED: Sentence(
            "No press arrived within {seconds:.0f} s (GPIO {gpio}).",
            "Look at its wires, and whether the configuration names the right GPIO; else replace "
            "it.",
        ),
        FindingId.BUTTON_TAKEN: Sentence(
            "Its line cannot be opened: {why}",
            "End the program that has it (gpioinfo names it), or run the command with sudo.",
        ),
    },
    title="Check of the body-worn camera {device}",
    subtitle="{at}, clock {clock}; camerad {software}",
    summary="{ok} ok, {warn} warning(s), {fail} failed, {not_tested} not tested",
    cure="do",
    progress="[{number}/{count}] {part} ...",
    saved="saved in {path}",
    ask_seen="{part}: did you see, feel or hear it? [y/n] ",
    ask_display="Does the display show coloured bars in a white frame? [y/n] ",
    ask_press="Press the {part} and let it go, within {seconds:.0f} s.",
    ask_speak="Say something to the microphone.",
)
