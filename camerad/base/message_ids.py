"""Ids of the kinds of messages that camerad logs.

Each kind has an id that never changes, even if its text does: the journal keeps it as
``MESSAGE_ID``, so that a message can be looked for (``journalctl MESSAGE_ID=...``) and explained
(``journalctl -x``, from systemd/camerad.catalog). The caller names the kind first:
``log.info(MessageId.RECORDING_OPENED, "recording %s", name)``, where `log` is a module's `Log`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum


class MessageId(Enum):
    """The value is the id, 128 bits in hexadecimal, drawn at random once."""

    @property
    def extra(self) -> Mapping[str, object]:
        """The ``extra`` argument of a logger's method for a message of this kind."""
        return {"message_id": self}

    STARTED = "f995f03764c74a14b849e44a4e837a4f"
    """The daemon is ready."""
    STAGE = "d6b8c5f0a4b943ce842be82115e36044"
    """The camera is in another stage."""
    IMPOSSIBLE = "7b54f0a293924ab9a6f846e82b779008"
    """An event that is impossible in this stage was ignored."""
    MISTAKE = "0410d1a18cd94c809af4b766737be3a6"
    """A mistake in camerad."""
    SCARCE = "d045872655cd42ac8e276d25681abebb"
    """The kernel has no more of something."""
    STUCK = "ee40bbffe77d44289b34fdfa7d7ba3f7"
    """A thread of the daemon hangs; it is given up."""
    END_LATE = "45ee49572e6f4fa9b6358f5af9c3c95e"
    """The end took too long, or a part did not end."""
    PRIORITY = "a599d4f9dc954d43a9152bc3dc37c7f6"
    """The daemon may not go before other programs."""
    ACCESS = "cb89e9b4aba4436095aa9174b6157e1a"
    """A user or group that is to have rights does not exist."""
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
    """No recipient key: no recording could be opened, so none is made."""
    STORAGE = "47b2020e952c475ca801a6d306fcb059"
    """The card refuses something."""
    LEDGER = "1e2d9edd7f714a84a09371369990889e"
    """The ledger lost something, or cannot be written."""
    IDENTITY = "d34cb1dab2bb4628b865cf004c99f2c2"
    """The key by which the device signs."""
    IDENTITY_CHANGED = "b73d0db3c324484e92363274275ce70c"
    """The device signs with another key than before, or one cannot be read."""
    NOT_LISTED = "a938492fd3a34e49a3ca710af041c5b4"
    """A file in the store is not what it should be."""
    CAMERA_UP = "7b27eb2fb34540ccbbc0ba7c53cc4d73"
    """The camera delivers."""
    CAMERA_DOWN = "943ffa60174c468d846aadf5e6b734fb"
    """The camera has failed; repair goes on."""
    CAMERA_ERROR = "123ce302eaf4488780a4621652f0f606"
    """An invalid message from the capture process."""
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
    """The wall clock's trust changed, or it was set."""
    BATTERY = "25590d0fdb924d859b666574f1e61d19"
    """The battery is low or empty, or how it drains is measured anew."""
    POWER_OFF = "8bf56b68e5ca45bc9df4a0035c70e8d7"
    """The machine cannot be asked to switch itself off."""
    HEAT = "2fe66a16a1e14c40b9b582b8b2ef9bd8"
    """The camera takes fewer pictures per second because of heat, or more again."""
    GAUGE = "65057d2090fd4aba9783c8ccf03cd689"
    """Readings of battery, temperature, memory or a slow card, or that they cannot be read."""
    SHIFT = "1f8ceca4fafa4d7cb23f09a27d01be8e"
    """A shift has begun or ended. The wearer is in the ledger, not here."""
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
    """Progress of an update of the camera's software."""
    UPDATE_FAILED = "b268da1e0ed3028eb67c0345bc97aa4a"
    """An update did not show that it works, or its state cannot be read."""
    SERVING = "940408aa13880e9a0f20daaab2030e93"
    """The office's server is ready, or ends."""
    REGISTER = "8834a5172efe555b48adab8f97979bf3"
    """The office's register cannot be read, or a camera in it is left out."""
    REQUEST_REFUSED = "043b0e4f5966aba7381bef9045d537c1"
    """Something that no registered camera signed as it has to be was refused."""
    DECLARED_TWICE = "41b8730857b3997b61ade7292d13ee2a"
    """A camera declared one recording in two ways."""
    UPLOAD = "fb65f44664f081712b04296ecc469d74"
    """An upload was completed, expired or removed."""
    NOT_TAKEN = "389b4dc3f19b97bb6fdfb6292086e935"
    """The office could not take a complete upload; it tries again."""
    HANDED_OVER = "5a25522d6107922d3bf7f820e50c868e"
    """The office has a recording, and its receipt for it is in the ledger."""
    HANDOVER_REFUSED = "414b2088388cc231067516743f546a67"
    """The office does not take a recording, or finds something wrong."""
    HANDOVER_FAILED = "e4fe80f540684503ac7c2673f64204df"
    """Nothing could be uploaded to the office."""
    OVERDUE = "b2586f4e1b2c4b2f90432c2e03c68b6b"
    """The office may keep a recording beyond its day."""
    PERIODIC_WORK = "7bd29ed48ba491a51a75d02c5d5fd7c1"
    """A periodic task of the office's server failed this time."""
    ALERT = "3f23f51a7d121ae6512b45aa983a6381"
    """An alert, or that it could not be sent."""
    DETAIL = "01e376a2d5b64ee28ef2b5c1381f50b7"
    """Of use to a developer only."""
    INDEX = "f844d2bc9cee4f3e969932fac938b23c"
    """The office's index cannot be updated, or is rebuilt."""
    CHECK_IN = "af95b23836c14338962819acc0d2af34"
    """A camera's check-in reports something for the office to look at."""
    REPLICA = "97ae8bfceb867403b7f29f3ea2d8c9bc"
    """Progress of the replicas of recordings."""
    HOLD_ENDED = "6d0f2c1e9b7a4e558f3ad1c04b92e7a6"
    """The office released a recording whose holds had an end."""
    OPENID = "03086f1f1f144c14cd35b42efe70a838"
    """Sign-in by the city's provider fails, or an answer of the provider was refused."""
    CASES = "5b0e7c2d94f64c1c8a1f3d6e20b7a951"
    """The ledger tells of a case of the desk whose file is gone."""


class Log:
    """The messages of a module, each with its kind. name: the module's.

    A method's text has a ``%`` for each of its `args`, and is a constant.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def _say(
        self,
        level: int,
        kind: MessageId,
        text: str,
        args: tuple[object, ...],
        of: BaseException | bool | None = None,
    ) -> None:
        # The journal names the line of the third caller up.
        self._logger.log(level, text, *args, exc_info=of, extra=kind.extra, stacklevel=3)

    def debug(self, kind: MessageId, text: str, *args: object) -> None:
        """For developers alone."""
        self._say(logging.DEBUG, kind, text, args)

    def info(self, kind: MessageId, text: str, *args: object) -> None:
        """Log something that happened as it should."""
        self._say(logging.INFO, kind, text, args)

    def warning(self, kind: MessageId, text: str, *args: object) -> None:
        """Log something that may need attention."""
        self._say(logging.WARNING, kind, text, args)

    def error(self, kind: MessageId, text: str, *args: object) -> None:
        """Log a failure."""
        self._say(logging.ERROR, kind, text, args)

    def critical(
        self, kind: MessageId, text: str, *args: object, of: BaseException | None = None
    ) -> None:
        """Log what ends something. of: an exception whose traceback is logged too."""
        self._say(logging.CRITICAL, kind, text, args, of)

    def exception(self, kind: MessageId, text: str, *args: object) -> None:
        """Log a failure with the traceback of the exception that is being handled."""
        self._say(logging.ERROR, kind, text, args, True)
