"""Check-in: the camera reports its state, and the office answers with its offers.

The daemon makes the statement, and signs it; here it is only carried. The office's answer names
recordings that it lost, which are handed over again if they are still here; a settings file, which
is fetched and handed to the daemon, who judges it by the office's signature; the newest checkpoint
of its log, which the daemon cosigns if it continues what it has seen; and an update, which is
fetched when nothing is left to hand over (`camerad.dock.update_fetch`). What the answer says of the
time is not looked at: nothing in a network sets a camera's clock.

A check-in that comes to nothing holds up no recording: it is told, and made again later.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, Final

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.recording_ids import is_id
from camerad.dock.daemon_client import DaemonClient
from camerad.dock.errors import HandoverStoppedError, OfficeAnswerError, OfficeUnavailableError
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_offers import OfferedContent, fetch_range, offered_in
from camerad.dock.request_bodies import Text
from camerad.dock.update_fetch import UpdateMemory
from camerad.exchange.agreements import CHECK_IN_SECONDS, LARGEST_BUNDLE
from camerad.provisioning import settings_offer
from camerad.store.check_in import SETTINGS, UPDATE

log = logging.getLogger(__name__)

PIECE: Final = 32 * 1024
"""Bytes of an offer that are fetched at once."""
MOST_LACKING: Final = 1000
"""Recordings that one answer may name."""
_ABOUT: Final = "the check-in"


class CheckInMemory:
    """What a process remembers of check-ins. Any thread may call it.

    lacking: recordings that the office said it lost. handed_in: SHA-256 of the settings that the
    daemon had last. update: of updates.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_us: int | None = None
        self.lacking: frozenset[str] = frozenset()
        self.handed_in = ""
        self.update: Final = UpdateMemory()

    def is_due(self, now_us: int) -> bool:
        """Whether it is time for a check-in."""
        with self._lock:
            return self._next_us is None or now_us >= self._next_us

    def checked_in(self, now_us: int) -> None:
        """A check-in was made, or the office does not take one."""
        with self._lock:
            self._next_us = now_us + round(CHECK_IN_SECONDS * SECOND)

    def forget(self) -> None:
        """The camera left its dock, or what the office offers is in doubt: the next pass begins
        with a check-in."""
        with self._lock:
            self._next_us = None


class OfficeCheckIn:
    """The check-ins of one pass. is_new: whether a text about something was not said before.

    Raises OfficeUnavailableError and HandoverStoppedError as a pass does.
    """

    def __init__(
        self,
        daemon: DaemonClient,
        client: OfficeClient,
        clock: Clock,
        memory: CheckInMemory,
        is_new: Callable[[str, str], bool],
    ) -> None:
        self._daemon = daemon
        self._client = client
        self._clock = clock
        self._memory = memory
        self._is_new = is_new

    def run(self, *, again: bool = False) -> Collection[str]:
        """Check in, if it is time; returns the recordings that the office lacks although it signed
        for them. again: it is time, since something has changed."""
        if again or self._memory.is_due(self._clock.now_us()):
            try:
                answer = self._send(self._daemon.check_in())
                self._memory.lacking = _lacking(answer)
                new = self._take_settings(answer)
                if self._show_log(answer) or new:
                    # The office hears at once what became of it, and has the cosignature.
                    answer = self._send(self._daemon.check_in())
                self._memory.update.hear(None)
                self._memory.update.hear(offered_in(answer, UPDATE, LARGEST_BUNDLE))
            except (OfficeUnavailableError, HandoverStoppedError):
                raise
            except CameradError as error:
                self._say(str(error))
            self._memory.checked_in(self._clock.now_us())
        return self._memory.lacking

    def has(self, recording: str) -> None:
        """The office has a recording again."""
        self._memory.lacking -= {recording}

    def _send(self, statement: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/jose"}
        answer = self._client.ask("POST", "/v1/check-in", headers, Text(statement))
        if answer.status != HTTPStatus.OK:
            raise self._client.unexpected(answer, "a check-in")
        return self._client.object_in(answer)

    def _take_settings(self, answer: dict[str, Any]) -> bool:
        """Fetch the settings that the office has for the camera, unless the daemon had them;
        whether it got any."""
        offer = offered_in(answer, SETTINGS, settings_offer.LONGEST)
        if offer is None or offer.sha256 == self._memory.handed_in:
            return False
        refused = self._daemon.offer_settings(self._fetch(offer))
        self._memory.handed_in = offer.sha256
        if refused is None:
            log.info(
                "the office's settings are here: the camera runs by them from its next start on",
                extra=MessageId.DETAIL.extra,
            )
        else:
            self._say(f"the camera does not take the office's settings: {refused}")
        return True

    def _show_log(self, answer: dict[str, Any]) -> bool:
        """Hand what the office shows of its log to the daemon; whether the camera cosigned it just
        now."""
        shown = answer.get("log")
        if not isinstance(shown, str):
            return False
        try:
            cosigned, dispute = self._daemon.show_log(shown)
        except OfficeAnswerError as error:
            self._say(f"the camera does not cosign what the office shows: {error}")
            return False
        if dispute is not None:
            self._say(
                f"the camera does not cosign the office's log ({dispute}): it has seen another "
                "one. Tell the data protection officer (docs/transparency.md)"
            )
        return cosigned

    def _fetch(self, offer: OfferedContent) -> bytes:
        """An offer whole, in pieces. Raises OfficeAnswerError if it is another one."""
        found = b""
        while len(found) < offer.length:
            found += fetch_range(self._client, offer, len(found), PIECE)
        if hashlib.sha256(found).hexdigest() != offer.sha256:
            raise OfficeAnswerError("what the office sends is not what it offers (SHA-256)")
        return found

    def _say(self, text: str) -> None:
        if self._is_new(_ABOUT, text):
            log.warning("%s: %s", _ABOUT, printable(text), extra=MessageId.HANDOVER_REFUSED.extra)


def _lacking(answer: dict[str, Any]) -> frozenset[str]:
    """The ids in an answer. Raises OfficeAnswerError if it has none, or something else."""
    named = answer.get("lacks")
    if not isinstance(named, list) or len(named) > MOST_LACKING:
        raise OfficeAnswerError("the office's answer to a check-in does not say what it lacks")
    return frozenset(one for one in named if isinstance(one, str) and is_id(one))
