"""The refusals of the desk: a word and a status of HTTP each.

The page has a sentence for each word in every language; nothing that a person reads is written
here.
"""

from __future__ import annotations

from enum import StrEnum

from camerad.base.errors import EX_USAGE, CameradError


class DeskRefusal(StrEnum):
    """Why something was not done. status: of HTTP."""

    status: int

    def __new__(cls, word: str, status: int = 400) -> DeskRefusal:
        made = str.__new__(cls, word)
        made._value_, made.status = word, status
        return made

    NOT_SIGNED_IN = "not_signed_in", 401
    NOT_ALLOWED = "not_allowed", 403
    NOT_FROM_THIS_PAGE = "not_from_this_page", 403
    NOT_UNDERSTOOD = "not_understood"
    NOT_THERE = "not_there", 404
    LINK_USED = "link_used", 410
    LINK_BY_COMMAND = "link_by_command", 403
    PASSKEY = "passkey", 403
    OPENID_AWAY = "openid_away", 503
    OPENID_BUSY = "openid_busy", 429
    OPENID_DECLINED = "openid_declined", 403
    OPENID_STALE = "openid_stale", 403
    OPENID_WRONG = "openid_wrong", 403
    OPENID_UNKNOWN = "openid_unknown", 403
    OPENID_TAKEN = "openid_taken", 403
    OPENID_FACTOR = "openid_factor", 403
    OPENID_TOO_OLD = "openid_too_old", 403
    OPENID_ADMINISTRATOR = "openid_administrator", 403
    BUSY = "busy", 503
    TOO_MANY = "too_many", 429
    INDEX_AWAY = "index_away", 503
    SERVER_FILES = "server_files", 503
    STORAGE_FULL = "storage_full", 507
    STORAGE = "storage", 503
    MISTAKE = "mistake", 500
    REASON_NEEDED = "reason_needed"
    NOT_HELD = "not_held"
    HOLD_END = "hold_end"
    HELD_TOO_OFTEN = "held_too_often"
    LAST_ADMINISTRATOR = "last_administrator"
    ROLES_APART = "roles_apart"
    ID_TAKEN = "id_taken"
    BAD_ID = "bad_id"
    CASE = "case"
    CASE_TAKEN = "case_taken", 409
    CASE_CLOSED = "case_closed", 409
    CASE_FULL = "case_full"
    CASE_EMPTY = "case_empty"
    CASE_CHANGED = "case_changed", 409
    NO_SUCH_CASE = "no_such_case"
    CASE_LOST = "case_lost", 409
    WITHDRAWN_ALREADY = "withdrawn_already"
    NOT_WITHDRAWN = "not_withdrawn"
    BAD_WEARER = "bad_wearer"
    UPLOAD = "upload"
    REPORT_BUSY = "report_busy", 503
    REPORT_PERIOD = "report_period"
    REPORT_NOT_YET = "report_not_yet", 409
    REPORT_FORM = "report_form"
    REPORT_EARLIER = "report_earlier"
    ACCESS_PERIOD = "access_period"
    ACCESS_CHANGED = "access_changed", 409
    TRIAL = "trial"


class RefusalError(CameradError, ValueError):
    """Error raised when the desk does not do something.

    why: the refusal that a browser gets. text: a sentence for logs and commands. about: id of the
    person, or subject of the account, whose passkey or token it was; "" if that is not known.
    """

    exit_code = EX_USAGE

    def __init__(self, why: DeskRefusal, text: str = "", about: str = "") -> None:
        super().__init__(text or why.value)
        self.why = why
        self.about = about


def refused(why: DeskRefusal) -> RefusalError:
    """The refusal of a request."""
    return RefusalError(why)
