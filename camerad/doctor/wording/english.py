"""The doctor's texts in English."""

from __future__ import annotations

from typing import Final

from camerad.doctor.findings import Level, What
from camerad.doctor.wording.catalogue import Said, Wording

_STOP: Final = "To test it: sudo systemctl stop camerad, then camerad doctor, then start it again."

ENGLISH: Final = Wording(
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
        What.CONFIGURATION_OK: Said("{file} is in order; policy {policy}."),
        What.CONFIGURATION_WRONG: Said(
            "{mistakes}",
            "Correct the lines that are named, and check with: camerad config check {file}",
        ),
        What.CONFIGURATION_NEEDED: Said("It cannot be tested without a valid configuration."),
        What.NO_ANSWER: Said(
            "It did not answer within {seconds:g} s.",
            "Switch the camera off and on. If it comes again: where recordings, ledger, key, space "
            "or card do not answer, it is the card, which is to be offloaded and replaced; else it "
            "is the part itself, or its wires. 'journalctl -k' has what the kernel says of it.",
        ),
        What.DAEMON_RUNS: Said("The daemon runs ({stage}); it was asked about its parts."),
        What.DAEMON_STOPPED: Said("No daemon runs; the parts were tried directly."),
        What.DAEMON_SILENT: Said(
            "Another process has the recordings and does not answer: {why}",
            "If the daemon hangs: sudo systemctl restart camerad, and look at: journalctl -u "
            "camerad. If another camerad command runs, let it finish first.",
        ),
        What.DAEMON_FORBIDDEN: Said(
            "This user may not ask the daemon: {why}",
            "Run the command with sudo.",
        ),
        What.DEVICES_TAKEN: Said("It belongs to a process that does not tell how it does."),
        What.RECIPIENTS_OK: Said("Keys of the office that can open what is recorded: {count}."),
        What.RECIPIENTS_NONE: Said(
            "Nobody could open a recording, so none is made.",
            "Put the public keys of the evidence desk and of its spare under 'recipients' in "
            "{file}; 'camerad keys new' at the office makes them.",
        ),
        What.RECIPIENTS_WRONG: Said(
            "{why}", "Correct 'recipients' in {file}: public keys, which begin with age1."
        ),
        What.KEY_OK: Said("It is there, private, and known to the ledger: {thumbprint}"),
        What.KEY_NONE: Said(
            "There is none: {path}",
            "Start the daemon once, which makes it: sudo systemctl start camerad. Then register "
            "it at the office: camerad identity show --pem",
        ),
        What.KEY_LOST: Said(
            "The ledger knows the key {thumbprint}, and its private half is gone: {path}",
            "Put it back from wherever it was moved. If it is lost, start the daemon, which makes "
            "another one, and register that at the office: camerad identity show --pem",
        ),
        What.KEY_OPEN: Said(
            "Others than its owner may read it (mode {mode}): {path}",
            "If nobody can have copied it: sudo chmod 600 {path}. Otherwise move it away and start "
            "the daemon, which makes another one, and register that at the office.",
        ),
        What.KEY_DAMAGED: Said(
            "It is no key any more: {path}: {why}",
            "Start the daemon: it sets the file aside and makes another key. Register that at the "
            "office: camerad identity show --pem. Replace the card if it is an old one.",
        ),
        What.KEY_OTHER: Said(
            "It is {thumbprint}, and the ledger knows {known}.",
            "If this card was copied from another camera, start afresh with a card of its own. If "
            "the key was exchanged on purpose, start the daemon once, which tells the ledger, and "
            "register the new one at the office.",
        ),
        What.KEY_CREDENTIAL: Said(
            "The ledger knows a key that is not here. The service manager"
            " may bring it; only the daemon sees that.",
            "Start the daemon and run this again: sudo systemctl start camerad",
        ),
        What.KEY_FORBIDDEN: Said(
            "This user may not look at it: {path}", "Run the command with sudo."
        ),
        What.LEDGER_OK: Said("{entries} entries in the newest part, nothing wrong."),
        What.LEDGER_NONE: Said("There is none yet; the daemon begins it with its first start."),
        What.LEDGER_DAMAGED: Said(
            "{why} (findings in all: {count})",
            "Offload what is there, then look at all of it with: camerad evidence verify "
            "{directory}. If nobody has meddled, the card is failing: replace it.",
        ),
        What.LEDGER_UNREADABLE: Said("It cannot be read: {why}", "Run the command with sudo."),
        What.CLOCK_SYNCHRONISED: Said("Date and time were synchronised: {time}"),
        What.CLOCK_RTC: Said("Date and time come from the battery-backed clock: {time}"),
        What.CLOCK_UNKNOWN: Said(
            "Nothing vouches for date and time ({time}); nothing is deleted by the date meanwhile.",
            "Let the camera synchronise its clock (timedatectl says whether it does: put it on a "
            "network once). If it has a battery-backed clock, look at that one's cell.",
        ),
        What.BATTERY_OK: Said("{percent:.0f} %."),
        What.BATTERY_LOW: Said("{percent:.0f} % only.", "Charge it before it goes out."),
        What.BATTERY_CRITICAL: Said(
            "Nearly empty: {percent:.0f} %.",
            "Charge it. If it does not charge: look at cable and dock, then replace the battery.",
        ),
        What.BATTERY_SILENT: Said(
            "Its gauge does not answer: {why}",
            "Switch the camera off and on. If it stays so, look at the gauge's wires (I2C) and its "
            "driver: ls {directory}",
        ),
        What.BATTERY_GONE: Said(
            "This camera has measured a battery ({rates}), and {directory} has none.",
            "Look at its gauge's wiring (I2C) and at dmesg: the camera may end without a warning. "
            "If the gauge was taken out on purpose: sudo rm {rates}",
        ),
        What.BATTERY_NONE: Said("Nothing measures it: {directory} has no battery."),
        What.TEMPERATURE_OK: Said("{celsius:.0f} degrees Celsius."),
        What.TEMPERATURE_HOT: Said(
            "{celsius:.0f} degrees Celsius, or slowed down by the firmware; from {limit:.0f} on "
            "the camera takes fewer pictures.",
            "Let it cool and run this again. If it is hot on the bench: look for a program that "
            "keeps the processor busy (top), then at its heat sink.",
        ),
        What.TEMPERATURE_VOLTAGE: Said(
            "The firmware sees a supply of less than 4.63 V, and slows the processor down.",
            "Take a better cable and a stronger supply; if it runs on its battery, look at its "
            "converter, and replace an old battery.",
        ),
        What.TEMPERATURE_NONE: Said("Nothing measures it: {why}"),
        What.SPACE_OK: Said("{minutes:.0f} min of recording."),
        What.SPACE_LOW: Said(
            "{minutes:.0f} min of recording only; the camera warns below {limit:.0f}.",
            "Offload: camerad offload DIR. What the office has is then deleted as room is needed.",
        ),
        What.SPACE_FULL: Said(
            "{minutes:.1f} min of recording; below {limit:.0f} none starts.",
            "Offload: camerad offload DIR. What the office has is then deleted as room is needed. "
            "If something else fills the card: sudo du -xh {directory}",
        ),
        What.SPACE_READ_ONLY: Said(
            "The card can only be read: {directory}",
            "That is how the kernel leaves a card that failed (sudo dmesg). Offload what is on it, "
            "and replace it.",
        ),
        What.SPACE_MISSING: Said(
            "The place for recordings cannot be used: {why}",
            "Start the daemon once, which makes it: sudo systemctl start camerad. If this user may "
            "not look at it, run the command with sudo.",
        ),
        What.CARD_OK: Said("{rate:.1f} MB/s; the slowest of {syncs} syncs took {worst_ms:.0f} ms."),
        What.CARD_HESITATES: Said(
            "The slowest of {syncs} syncs took {worst_ms:.0f} ms; over {limit_ms:.0f} ms each is "
            "stated in the recording.",
            "Run this again. If it stays so, replace the card by one made for endurance (video "
            "surveillance, class V30).",
        ),
        What.CARD_SLOW: Said(
            "{rate:.2f} MB/s, and recording takes {needed:.2f}; the slowest sync took "
            "{worst_ms:.0f} ms.",
            "Replace the card by one made for endurance (video surveillance, class V30).",
        ),
        What.CARD_FAILS: Said(
            "Writing failed: {why}", "Offload what is on the card, and replace it."
        ),
        What.CARD_NO_ROOM: Said("There is no room to try it.", "Make room first, see free space."),
        What.CARD_MISSING: Said("There is no place for recordings yet, see free space."),
        What.CARD_BUSY: Said(
            "A recording goes to it.", "Run this again when the camera does not record."
        ),
        What.CARD_FORBIDDEN: Said(
            "This user may not write there: {directory}", "Run the command with sudo."
        ),
        What.HARDENING_OK: Said("The service is confined: exposure {exposure:.1f} of 10."),
        What.HARDENING_WEAK: Said(
            "The service is confined too little: exposure {exposure:.1f} of 10, and {limit:.1f} "
            "is what the shipped unit has at most.",
            "See what takes it away: systemctl cat {unit}, and systemd-analyze security {unit}. "
            "Remove the drop-in, or install the shipped unit again.",
        ),
        What.HARDENING_ALONE: Said(
            "Missing, or not enabled: {missing}. Without it the camera neither switches itself off "
            "when its battery is empty nor reboots when only that helps.",
            "Install and enable what systemd/README.md lists, and reboot.",
        ),
        What.HARDENING_NO_UNIT: Said("No service {unit} is installed here."),
        What.HARDENING_NO_TOOL: Said("systemd-analyze is not here, or says nothing: {why}"),
        What.UPTIME: Said("{days} d {hours:02d}:{minutes:02d} h."),
        What.CAMERA_OK: Said(
            "{camera}: {width} x {height}, {rate:.1f} pictures a second, brightness {luma} of 255, "
            "{encoder} encoder."
        ),
        What.CAMERA_DOWN: Said(
            "It delivers nothing: {why}",
            "Switch the camera off, seat its ribbon cable at both ends, and switch it on. If "
            "rpicam-hello --list-cameras does not list it: camera_auto_detect=1 in "
            "/boot/firmware/config.txt. Else replace the camera module.",
        ),
        What.CAMERA_SILENT: Said(
            "It was opened, and no picture has come for {age_s:.0f} s.",
            "Switch the camera off and on. If it comes again, seat the ribbon cable at both ends, "
            "then replace the camera module.",
        ),
        What.CAMERA_SIZE: Said(
            "It delivers {width} x {height}, and the configuration wants {wanted_width} x "
            "{wanted_height}.",
            "Set camera.width and camera.height to a size that this camera module has "
            "(rpicam-hello --list-cameras).",
        ),
        What.CAMERA_RATE: Said(
            "It delivers {rate:.1f} pictures a second, and the configuration wants {wanted:.0f}.",
            "Set camera.fps to a rate that this camera module has at that size (rpicam-hello "
            "--list-cameras). In the dark a long exposure lowers it: try with light. So does "
            "heat.",
        ),
        What.CAMERA_LOSES: Said(
            "{percent:.0f} % of the pictures do not arrive.",
            "Something else keeps the processor busy: look at top, end it, and run this again.",
        ),
        What.CAMERA_BLACK: Said(
            "The picture is black (brightness {luma} of 255).",
            "Take the cover or the protective film off the lens, and let it see light. If it stays "
            "black, replace the camera module.",
        ),
        What.MICROPHONE_OK: Said("It hears; the loudest was {peak_db:.0f} dB below full scale."),
        What.MICROPHONE_SILENT: Said(
            "It delivers nothing but silence.",
            "Speak while it is tested. Look whether it is muted (alsamixer -c, F4), whether "
            "microphone.device names the right one (arecord -L), and at its wires; else replace "
            "it.",
        ),
        What.MICROPHONE_CLIPS: Said(
            "It is too loud: {percent:.0f} % of what it hears is cut off.",
            "Turn its gain down (alsamixer, F4), or run this again in a quieter place.",
        ),
        What.MICROPHONE_MISSING: Said(
            "It cannot be opened: {why}",
            "Plug it in, and let microphone.device name one of those that arecord -L lists.",
        ),
        What.MICROPHONE_HANGS: Said(
            "It is there and gives no samples.",
            "Unplug it and plug it in again, or switch the camera off and on; else replace it.",
        ),
        What.MICROPHONE_UNWANTED: Said("The policy or the configuration wants no sound."),
        What.MICROPHONE_CLOSED: Said("The daemon keeps it closed in this stage.", _STOP),
        What.MICROPHONE_SERVES: Said("Samples arrive; the daemon does not tell how loud."),
        What.LOUDSPEAKER_HEARD: Said("It played a tone, which was heard."),
        What.LOUDSPEAKER_PLAYED: Said(
            "It took a tone; whether anybody hears it is asked with --interactive."
        ),
        What.LOUDSPEAKER_FAINT: Said(
            "It took a tone, and the microphone beside it did not hear it.",
            "Run this again with --interactive and listen. If it is silent, look at its wires, at "
            "its amplifier, and at its volume (alsamixer); else replace it.",
        ),
        What.LOUDSPEAKER_UNHEARD: Said(
            "It took a tone, and nobody heard it.",
            "Look at its wires, at its amplifier, and at its volume (alsamixer); else replace it.",
        ),
        What.LOUDSPEAKER_FAILS: Said(
            "Nothing can be played: {why}",
            "Plug it in, and let announcements.device name one of those that aplay -L lists.",
        ),
        What.LOUDSPEAKER_NO_FILE: Said(
            "Announcements have no file: {missing}",
            "Put them into announcements.directory, as WAV with PCM, or install camerad again, "
            "which brings its own.",
        ),
        What.LOUDSPEAKER_UNWANTED: Said("The policy or the configuration wants no announcements."),
        What.LOUDSPEAKER_CLOSED: Said("The daemon opens it when something is to be said.", _STOP),
        What.DISPLAY_OK: Said("It took the test picture."),
        What.DISPLAY_DOWN: Said(
            "It shows nothing: {why}",
            "Seat its cable, and see whether the kernel has it: ls /dev/fb* and the display's "
            "overlay in /boot/firmware/config.txt. self_view.device and self_view.sysfs name it. "
            "Else replace it.",
        ),
        What.DISPLAY_UNSEEN: Said(
            "It took the test picture, and nobody saw it.",
            "Look at its backlight and its cable; else replace it.",
        ),
        What.DISPLAY_NONE: Said("This camera has none (self_view.driver: none)."),
        What.DISPLAY_SERVES: Said("It answers the daemon; the test picture is shown without one."),
        What.OUTPUT_OK: Said(
            "Its line follows (GPIO {gpio}); whether anybody notices it is asked with "
            "--interactive."
        ),
        What.OUTPUT_SEEN: Said("It works (GPIO {gpio})."),
        What.OUTPUT_DEAD: Said(
            "Its line does not follow (GPIO {gpio}): it was switched {state}, and is not.",
            "Look for a short at GPIO {gpio} (its light, its wire, solder), and whether the "
            "configuration names the right GPIO.",
        ),
        What.OUTPUT_UNSEEN: Said(
            "Its line follows (GPIO {gpio}), and nobody noticed it.",
            "Look at its wires and its polarity, and whether the configuration names the right "
            "GPIO and active_high; else replace it.",
        ),
        What.OUTPUT_TAKEN: Said(
            "Its line cannot be opened: {why}",
            "End the program that has it (gpioinfo names it), or run the command with sudo.",
        ),
        What.OUTPUT_SERVES: Said("The daemon drives it without an error (GPIO {gpio})."),
        What.BUTTON_FREE: Said(
            "It is not stuck (GPIO {gpio}); that a press arrives is tested with --interactive."
        ),
        What.BUTTON_WORKS: Said("A press arrived, and its release (GPIO {gpio})."),
        What.BUTTON_STUCK: Said(
            "It is pressed all the time (GPIO {gpio}).",
            "Free it of dirt and of the housing. If nothing holds it, look for a short at its "
            "wires, and whether active_low is as it is wired; else replace it.",
        ),
        What.BUTTON_UNPRESSED: Said(
            "No press arrived within {seconds:.0f} s (GPIO {gpio}).",
            "Look at its wires, and whether the configuration names the right GPIO; else replace "
            "it.",
        ),
        What.BUTTON_TAKEN: Said(
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
