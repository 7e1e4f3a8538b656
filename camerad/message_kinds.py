"""What kinds of messages camerad logs, and which of them is what.

Each kind has an id that never changes, whatever becomes of its words: the journal keeps it as
``MESSAGE_ID``, so that a message can be looked for (``journalctl MESSAGE_ID=...``) and explained
(``journalctl -x``, from systemd/camerad.catalog). A message is known by its logger, its level and
its text before the values are put in, so nothing has to be added where it is logged; a test finds
every message in the code that has no place here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Kind(Enum):
    """The value is the id, 128 bits in hexadecimal, drawn at random once."""

    STARTED = "f995f03764c74a14b849e44a4e837a4f"
    """The daemon is ready."""
    STAGE = "d6b8c5f0a4b943ce842be82115e36044"
    """The camera is in another stage."""
    IMPOSSIBLE = "7b54f0a293924ab9a6f846e82b779008"
    """Something happened that cannot in this stage; it was ignored."""
    MISTAKE = "0410d1a18cd94c809af4b766737be3a6"
    """A mistake of ours."""
    SCARCE = "d045872655cd42ac8e276d25681abebb"
    """The kernel has no more of something."""
    STUCK = "ee40bbffe77d44289b34fdfa7d7ba3f7"
    """A thread of the daemon hangs; it is given up."""
    END_LATE = "45ee49572e6f4fa9b6358f5af9c3c95e"
    """The end took too long, or a part did not end."""
    PRIORITY = "a599d4f9dc954d43a9152bc3dc37c7f6"
    """The daemon may not go before other programs."""
    RECORDING_OPENED = "cfef67aa3b5a498eb2e6dfc9c1a7200d"
    """A recording is being kept."""
    RECORDING_CLOSED = "d724f655fe534593a5ccb8c2f18ef1ad"
    """A recording was closed in order."""
    RECORDING_FAILED = "a120452fe3c54917b58b822c4c0e9db3"
    """A recording could not be made, or could not go on."""
    RECORDING_GOES_ON = "db966a35a51648f487e5eea4118bd96f"
    """A recording that was interrupted goes on as another one."""
    CUT_OFF = "6bb72ce4ff344e5989464f3d3077becf"
    """A recording was cut off and does not go on; the wearer is told."""
    SOUND_SWITCHED = "b98e8ecf7ae040caa39381dd89ebb165"
    """The wearer has switched the sound of a recording."""
    REPAIRED = "fbd8b2aa172e40b19d97fad770e8b91d"
    """A recording without an end was closed, or could not be."""
    NOT_AUTHENTIC = "0de6600495ed43e7a4cc79aa18abf8eb"
    """A repaired recording is not authentic as a whole."""
    DELETED = "3fad9426f8934a4d8415201a27435b5a"
    """A recording was deleted, as the policy has it."""
    EXPIRING = "5108dc75445e4defad48f870db3d8e25"
    """A recording with a mark will be deleted soon."""
    NO_RECIPIENTS = "81bf9a5933d6443aa2c0a0cb912ee582"
    """Nobody could open a recording, so none is made."""
    STORAGE = "47b2020e952c475ca801a6d306fcb059"
    """The card refuses something."""
    LEDGER = "1e2d9edd7f714a84a09371369990889e"
    """The ledger lost something, or cannot be written."""
    IDENTITY = "d34cb1dab2bb4628b865cf004c99f2c2"
    """By which key the device signs."""
    IDENTITY_CHANGED = "b73d0db3c324484e92363274275ce70c"
    """The device signs with another key than before, or one cannot be read."""
    NOT_LISTED = "a938492fd3a34e49a3ca710af041c5b4"
    """A file in the store is not what it should be."""
    CAMERA_UP = "7b27eb2fb34540ccbbc0ba7c53cc4d73"
    """The camera delivers."""
    CAMERA_DOWN = "943ffa60174c468d846aadf5e6b734fb"
    """The camera has failed; repair goes on."""
    CAMERA_ERROR = "123ce302eaf4488780a4621652f0f606"
    """What the camera's process says is wrong."""
    FOOTAGE_MISSING = "a3f15764a6d345f38594aefde633a429"
    """There is a gap in the footage."""
    REBOOT = "95895983eb824e66b047938bf90684ce"
    """Only a reboot can bring the camera back."""
    NO_BUFFER = "7529d307a5f642cfaf3c047596ac4bec"
    """There is no pre-event buffer."""
    LIGHT = "bc0e0785743341daa38fcb81cc963778"
    """A light, the vibration or the buzzer cannot be driven."""
    DISPLAY = "35a1e2c7e8e74127b773c92c51baa5ba"
    """The front display fails."""
    MICROPHONE = "f39f79d89d11441d8aee841b5d74a759"
    """The microphone fails."""
    SPEAKER = "eed79f0922fb4c3790fd6b09ee0ccc46"
    """An announcement was not played."""
    CLOCK = "13cc90720fff4986b800996108de0f1e"
    """What wall time is worth, or that it was set."""
    BATTERY = "25590d0fdb924d859b666574f1e61d19"
    """The battery is low or empty, or how it drains is measured anew."""
    POWER_OFF = "8bf56b68e5ca45bc9df4a0035c70e8d7"
    """The machine cannot be asked to switch itself off."""
    HEAT = "2fe66a16a1e14c40b9b582b8b2ef9bd8"
    """The camera takes fewer pictures per second because of heat, or more again."""
    GAUGE = "65057d2090fd4aba9783c8ccf03cd689"
    """Battery, temperature, memory or a slow card: what they say, or that they cannot be read."""
    SHIFT = "1f8ceca4fafa4d7cb23f09a27d01be8e"
    """A shift has begun or ended. Whose is in the ledger, not here."""
    BADGE = "1e0792150b35465b8c36284ad26947de"
    """Badges cannot be read."""
    COUNTERS = "76a7cfa7720d4425ba572ed708efab12"
    """The counters could not be read or saved."""
    REPLACED = "645da36034f64d5ebf055c009899df8d"
    """Another file was put in the place of a recording while it is made."""
    PROVISIONED = "31663d82313471dbcabaa816532d237e"
    """A camera was set up by the file on its card, or has had none."""
    PROVISION_REFUSED = "99b7e109478f8e2ba975f45ecdddb533"
    """The file on the card does not hold, or could not be dealt with."""
    UPDATED = "1ca013a09c25d72c0140eed942939a7c"
    """An update of the camera's software goes its way."""
    UPDATE_FAILED = "b268da1e0ed3028eb67c0345bc97aa4a"
    """An update did not show that it works, or what is known of it cannot be read."""
    DETAIL = "01e376a2d5b64ee28ef2b5c1381f50b7"
    """Of use to a developer only."""


_MESSAGES: Final[Mapping[Kind, tuple[tuple[str, str, str], ...]]] = {
    Kind.STARTED: (("camerad.daemon", "INFO", "camerad %s, policy %s"),),
    Kind.STAGE: (("camerad.daemon", "INFO", "%s -> %s"),),
    Kind.IMPOSSIBLE: (("camerad.daemon", "WARNING", "ignored: %s"),),
    Kind.MISTAKE: (
        ("camerad.daemon", "CRITICAL", "%s"),
        ("camerad.control", "ERROR", "control: %s %s failed"),
        ("camerad.evidence.recorder", "ERROR", "the recorder failed"),
        (
            "camerad.evidence.recorder",
            "ERROR",
            "whoever asked for this recording could not be told about it",
        ),
        ("camerad.evidence.files", "WARNING", "%s: left as it is: `publish` makes no directory"),
    ),
    Kind.SCARCE: (("camerad.daemon", "ERROR", "%s: %s"),),
    Kind.STUCK: (("camerad.watchdog", "CRITICAL", "stuck: %s; the daemon is given up"),),
    Kind.END_LATE: (
        ("camerad.daemon", "CRITICAL", "the end took longer than %g s; left as it is"),
        ("camerad.daemon", "ERROR", "the ledger could not be brought to its end"),
        ("camerad.daemon", "ERROR", "the capture process does not end; it is left to the kernel"),
    ),
    Kind.PRIORITY: (
        (
            "camerad.daemon",
            "INFO",
            "no right to go before other programs: a busy machine may cost frames",
        ),
    ),
    Kind.RECORDING_OPENED: (("camerad.recordings", "INFO", "recording %s"),),
    Kind.RECORDING_CLOSED: (("camerad.recordings", "INFO", "closed %s: %.1f s, %s, %s"),),
    Kind.RECORDING_FAILED: (
        ("camerad.recordings", "ERROR", "recording failed: %s"),
        ("camerad.recordings", "ERROR", "the recording is empty: the camera delivered nothing"),
        ("camerad.evidence.recorder", "WARNING", "the recording has no end: %s"),
    ),
    Kind.RECORDING_GOES_ON: (
        ("camerad.recordings", "WARNING", "the recording %s was cut off: it goes on as a new one"),
        ("camerad.recordings", "WARNING", "%s; it goes on as a new recording"),
    ),
    Kind.CUT_OFF: (
        (
            "camerad.recordings",
            "WARNING",
            "the camera was recording when it ended; it does not go on by itself",
        ),
        (
            "camerad.daemon",
            "WARNING",
            "the camera was recording when the machine was rebooted for its sake",
        ),
    ),
    Kind.SOUND_SWITCHED: (("camerad.recordings", "INFO", "sound %s"),),
    Kind.REPAIRED: (
        ("camerad.mending", "WARNING", "%s: %s: %s"),
        ("camerad.mending", "ERROR", "%s: %s"),
        ("camerad.mending", "ERROR", "%s"),
        ("camerad.mending", "ERROR", "%s: cannot be checked"),
    ),
    Kind.NOT_AUTHENTIC: (
        ("camerad.mending", "ERROR", "%s: after its repair it is not authentic as a whole"),
    ),
    Kind.DELETED: (
        ("camerad.keeping", "INFO", "deleted %s: %s"),
        ("camerad.recordings", "INFO", "deleted %s to make room: the office has it"),
    ),
    Kind.EXPIRING: (
        ("camerad.keeping", "WARNING", "%s is flagged and will be deleted soon unless it is held"),
    ),
    Kind.NO_RECIPIENTS: (
        (
            "camerad.recordings",
            "ERROR",
            "nobody is named in 'recipients' who could open a recording: none is made",
        ),
    ),
    Kind.STORAGE: (
        ("camerad.evidence.store", "ERROR", "%s: its file has vanished"),
        ("camerad.evidence.store", "ERROR", "%s"),
        (
            "camerad.evidence.riding",
            "ERROR",
            "%s; it is tried again, and what comes meanwhile waits in memory",
        ),
        ("camerad.evidence.riding", "WARNING", "%s: the storage takes it again"),
        ("camerad.card", "ERROR", "storage: %s"),
        (
            "camerad.card",
            "ERROR",
            "%s: the card has not answered for %g s; what is to be kept waits in memory",
        ),
        ("camerad.card", "WARNING", "%s: the card answers again"),
        (
            "camerad.heartbeat",
            "ERROR",
            "%s: up to when recordings are wanted cannot be noted: %s",
        ),
        ("camerad.daemon", "ERROR", "%s"),
        ("camerad.keeping", "ERROR", "%s"),
        ("camerad.recordings", "ERROR", "%s"),
        ("camerad.evidence.container", "WARNING", "%s"),
        ("camerad.evidence.files", "WARNING", "%s"),
    ),
    Kind.LEDGER: (
        ("camerad.keeping", "ERROR", "the ledger does not get to know: %s"),
        ("camerad.evidence.ledger", "CRITICAL", "%s: %s. %s"),
        ("camerad.evidence.ledger", "CRITICAL", "%s: the ledger has lost entries. %s"),
        ("camerad.evidence.ledger", "WARNING", "%s"),
    ),
    Kind.IDENTITY: (
        ("camerad.recordings", "INFO", "identity %s"),
        (
            "camerad.evidence.identity",
            "INFO",
            "%s: there is none, so a key is made for this device",
        ),
    ),
    Kind.IDENTITY_CHANGED: (
        (
            "camerad.evidence.identity",
            "CRITICAL",
            "%s: given up by a reset: a new key is made, and recordings from now on are signed by "
            "it; give its public half to the office ('camerad identity show')",
        ),
        (
            "camerad.opening",
            "CRITICAL",
            "recordings are signed by the key %s from now on, no longer by %s: give its public "
            "half to the office ('camerad identity show'), or put the former key back",
        ),
        (
            "camerad.evidence.identity",
            "CRITICAL",
            "%s: %s; it is kept as %s, and a new key is made: recordings from now on are "
            "signed by that one, so give its public half to the office ('camerad identity "
            "show')",
        ),
        (
            "camerad.evidence.identity",
            "ERROR",
            "%s: %s; the key in the state directory takes its place",
        ),
        ("camerad.evidence.identity", "ERROR", "%s; what it signed cannot be checked here"),
    ),
    Kind.NOT_LISTED: (
        ("camerad.evidence.store", "INFO", "%s"),
        ("camerad.evidence.listing", "WARNING", "this recording cannot be listed: %s"),
        ("camerad.evidence.listing", "ERROR", "this recording cannot be listed: %s: %s"),
        ("camerad.evidence.store", "WARNING", "this recording is not looked at: %s"),
        ("camerad.evidence.receipts", "WARNING", "not counted as a receipt: %s: %s"),
        ("camerad.evidence.office", "WARNING", "not counted as a key: %s: %s"),
    ),
    Kind.CAMERA_UP: (("camerad.daemon", "INFO", "camera %s on %s, encoder %s"),),
    Kind.CAMERA_DOWN: (("camerad.daemon", "ERROR", "camera down: %s"),),
    Kind.CAMERA_ERROR: (("camerad.daemon", "ERROR", "camera: %s"),),
    Kind.FOOTAGE_MISSING: (("camerad.daemon", "WARNING", "footage is missing: %s"),),
    Kind.REBOOT: (
        ("camerad.daemon", "CRITICAL", "the camera does not come back: %s"),
        ("camerad.daemon", "CRITICAL", "the machine is rebooted, the %d. time in a row"),
        ("camerad.daemon", "ERROR", "no reboot yet: the card has not answered for %g s"),
        (
            "camerad.rebooting",
            "ERROR",
            "%d reboots have not brought the camera back: no more of them",
        ),
        ("camerad.rebooting", "ERROR", "no reboot, because it could not be remembered: %s"),
        ("camerad.rebooting", "ERROR", "what is known of reboots could not be written: %s"),
        ("camerad.rebooting", "ERROR", "%s: %s; there are to be no reboots until the camera works"),
    ),
    Kind.NO_BUFFER: (("camerad.daemon", "ERROR", "no pre-event buffer: %s"),),
    Kind.LIGHT: (
        ("camerad.daemon", "ERROR", "%s cannot be driven: %s"),
        (
            "camerad.hardware.lights",
            "WARNING",
            "%s: no pulse-width modulation on GPIO %d with this pin factory, so no pitch: use "
            "lgpio, or an active buzzer with buzzer.kind: active",
        ),
    ),
    Kind.DISPLAY: (
        ("camerad.daemon", "ERROR", "display down: %s"),
        ("camerad.hardware.display", "ERROR", "the self-view process %d cannot be killed"),
        ("camerad.hardware.display", "DEBUG", "self-view: %s"),
    ),
    Kind.MICROPHONE: (
        ("camerad.daemon", "ERROR", "microphone %s: %s"),
        ("camerad.daemon", "ERROR", "microphone: the capture process has no encoder for sound"),
    ),
    Kind.SPEAKER: (
        (
            "camerad.announcing",
            "ERROR",
            "the announcement %s was not played: %s; see announcements in the configuration "
            "(aplay -L lists the devices)",
        ),
        ("camerad.hardware.speaker", "ERROR", "the player %d cannot be killed"),
        ("camerad.hardware.speaker", "ERROR", "there is no %s.wav to be played: put one into %s"),
        (
            "camerad.hardware.speaker",
            "ERROR",
            "%s is not played: %s; a WAV file with PCM is needed",
        ),
    ),
    Kind.CLOCK: (
        ("camerad.daemon", "INFO", "wall time: %s"),
        ("camerad.daemon", "WARNING", "wall time was set by %+.1f s"),
        ("camerad.timekeeping", "WARNING", "%s: %s; wall time is not trusted by it"),
        (
            "camerad.timekeeping",
            "ERROR",
            "the real-time clock does not answer; wall time is not trusted",
        ),
    ),
    Kind.BATTERY: (
        ("camerad.resources", "CRITICAL", "battery critical: %s %%; the camera ends"),
        ("camerad.resources", "WARNING", "battery low: %s %%, about %d minutes of recording"),
        (
            "camerad.resources",
            "WARNING",
            "battery no longer critical: %s %%; the camera stays on",
        ),
        ("camerad.resources", "WARNING", "%s; the battery's drain is measured anew"),
        ("camerad.resources", "WARNING", "%s; the next start measures the battery's drain anew"),
    ),
    Kind.POWER_OFF: (
        ("camerad.resources", "CRITICAL", "%s: cannot ask for power-off: %s"),
        ("camerad.resources", "ERROR", "%s: an old word cannot be removed: %s"),
    ),
    Kind.HEAT: (("camerad.resources", "WARNING", "%d pictures per second: %s"),),
    Kind.GAUGE: (
        ("camerad.resources", "ERROR", "%s: %s"),
        ("camerad.resources", "WARNING", "%s: %s"),
    ),
    Kind.SHIFT: (
        ("camerad.daemon", "INFO", "a shift begins"),
        ("camerad.daemon", "INFO", "the shift ends: %s"),
    ),
    Kind.BADGE: (
        ("camerad.daemon", "ERROR", "the reader of badges is wrong: %s"),
        ("camerad.hardware.badges", "ERROR", "no badge can be read: %s"),
        (
            "camerad.hardware.badges",
            "ERROR",
            "the process %d that looks for badges cannot be killed",
        ),
    ),
    Kind.COUNTERS: (
        ("camerad.daemon", "WARNING", "%s"),
        ("camerad.daemon", "WARNING", "%s cannot be read, and is left as it is: %s"),
        (
            "camerad.daemon",
            "WARNING",
            "%s is damaged (%s); it is kept as %s, and counting begins anew",
        ),
        ("camerad.daemon", "WARNING", "the counters are not saved: %s"),
        ("camerad.daemon", "WARNING", "the counters are not saved: the card takes too long"),
    ),
    Kind.REPLACED: (
        (
            "camerad.mending",
            "ERROR",
            "%s: somebody put another file in its place while it is recorded: what is recorded "
            "goes with its last moment; find out who can write there",
        ),
    ),
    Kind.PROVISIONED: (
        ("camerad.provisioning.applying", "INFO", "set up as %s by the office's key %s"),
        ("camerad.provisioning.applying", "WARNING", "this camera is not set up: %s"),
        (
            "camerad.provisioning.applying",
            "WARNING",
            "what the file asks for has no effect on this system: %s",
        ),
        (
            "camerad.recordings",
            "ERROR",
            "this camera is not set up: camerad-report.txt on its card says what is wrong",
        ),
    ),
    Kind.PROVISION_REFUSED: (
        ("camerad.provisioning.applying", "ERROR", "%s was refused: %s"),
        ("camerad.provisioning.applying", "ERROR", "%s"),
        (
            "camerad.provisioning.applying",
            "ERROR",
            "the report cannot be left on the card: %s",
        ),
        ("camerad.provisioning.applying", "INFO", "%s"),
        ("camerad.provisioning.card", "WARNING", "%s"),
        (
            "camerad.recordings",
            "ERROR",
            "a file on the card was refused: camerad-report.txt beside it says why",
        ),
        (
            "camerad.provisioning.telling",
            "ERROR",
            "what the office's file did is not told to the ledger: %s",
        ),
    ),
    Kind.UPDATED: (
        ("camerad.updating.carrying", "INFO", "version %s is installed into slot %s"),
        ("camerad.updating.carrying", "INFO", "version %s is tried: the machine starts anew"),
        (
            "camerad.updating.carrying",
            "INFO",
            "version %s works, and starts by default from now on",
        ),
    ),
    Kind.UPDATE_FAILED: (
        (
            "camerad.updating.carrying",
            "ERROR",
            "version %s has not shown that it works: version %s goes on",
        ),
        ("camerad.updating.carrying", "ERROR", "version %s does not work here: %s"),
        ("camerad.updating.kept", "ERROR", "%s: cannot be read, and counts as none: %s"),
        ("camerad.commands.update", "ERROR", "the system on trial cannot be judged"),
        ("camerad.commands.update", "WARNING", "%s: there is no report of the doctor: %r"),
        (
            "camerad.updating.telling",
            "ERROR",
            "what became of an update is not told to the ledger: %s",
        ),
    ),
    Kind.DETAIL: (
        ("camerad.updating.rauc", "DEBUG", "rauc: %s"),
        ("camerad.control_access", "DEBUG", "control: no credentials: %s"),
        ("camerad.control_access", "DEBUG", "control: no supplementary groups: %s"),
        ("camerad.control", "DEBUG", "control: a listener went away"),
        ("camerad.evidence.offload", "DEBUG", "%s: no ledger of the office is read: %s"),
        ("camerad.evidence.verify", "DEBUG", "%s: cannot ask for its lock: %s"),
    ),
}
"""By logger, level and text."""

KINDS: Final[Mapping[tuple[str, str, str], Kind]] = {
    message: kind for kind, messages in _MESSAGES.items() for message in messages
}
"""The kind of each message: (logger, level, text before the values are put in)."""
