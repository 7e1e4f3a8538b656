"""What the desk answers where it does not do what was asked: a status, and one word.

The word is for the page, which has a sentence for each in every language
(`camerad/office/desk/pages/texts.js`); nothing that a person reads is written here.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from camerad.office.server.refusals import RefusedRequestError, later


class DeskRefusal(StrEnum):
    """Why something was not done."""

    NOT_SIGNED_IN = "not_signed_in"
    NOT_ALLOWED = "not_allowed"
    NOT_FROM_THIS_PAGE = "not_from_this_page"
    NOT_UNDERSTOOD = "not_understood"
    NOT_THERE = "not_there"
    LINK_USED = "link_used"
    LINK_BY_COMMAND = "link_by_command"
    PASSKEY = "passkey"
    OPENID_AWAY = "openid_away"
    OPENID_BUSY = "openid_busy"
    OPENID_DECLINED = "openid_declined"
    OPENID_STALE = "openid_stale"
    OPENID_WRONG = "openid_wrong"
    OPENID_UNKNOWN = "openid_unknown"
    OPENID_TAKEN = "openid_taken"
    OPENID_FACTOR = "openid_factor"
    OPENID_TOO_OLD = "openid_too_old"
    OPENID_ADMINISTRATOR = "openid_administrator"
    BUSY = "busy"
    TOO_MANY = "too_many"
    INDEX_AWAY = "index_away"
    SERVER_FILES = "server_files"
    STORAGE_FULL = "storage_full"
    STORAGE = "storage"
    MISTAKE = "mistake"
    REASON_NEEDED = "reason_needed"
    NOT_HELD = "not_held"
    HOLD_END = "hold_end"
    HELD_TOO_OFTEN = "held_too_often"
    LAST_ADMINISTRATOR = "last_administrator"
    ROLES_APART = "roles_apart"
    ID_TAKEN = "id_taken"
    BAD_ID = "bad_id"
    CASE = "case"
    CASE_TAKEN = "case_taken"
    CASE_CLOSED = "case_closed"
    CASE_FULL = "case_full"
    CASE_EMPTY = "case_empty"
    CASE_CHANGED = "case_changed"
    NO_SUCH_CASE = "no_such_case"
    CASE_LOST = "case_lost"
    WITHDRAWN_ALREADY = "withdrawn_already"
    NOT_WITHDRAWN = "not_withdrawn"
    BAD_WEARER = "bad_wearer"
    UPLOAD = "upload"
    REPORT_BUSY = "report_busy"
    REPORT_PERIOD = "report_period"
    REPORT_NOT_YET = "report_not_yet"
    REPORT_FORM = "report_form"
    REPORT_EARLIER = "report_earlier"


STATUS: Final = {
    DeskRefusal.NOT_SIGNED_IN: HTTPStatus.UNAUTHORIZED,
    DeskRefusal.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    DeskRefusal.NOT_FROM_THIS_PAGE: HTTPStatus.FORBIDDEN,
    DeskRefusal.NOT_THERE: HTTPStatus.NOT_FOUND,
    DeskRefusal.LINK_USED: HTTPStatus.GONE,
    DeskRefusal.LINK_BY_COMMAND: HTTPStatus.FORBIDDEN,
    DeskRefusal.PASSKEY: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.OPENID_BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    DeskRefusal.OPENID_DECLINED: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_STALE: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_WRONG: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_UNKNOWN: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_TAKEN: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_FACTOR: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_TOO_OLD: HTTPStatus.FORBIDDEN,
    DeskRefusal.OPENID_ADMINISTRATOR: HTTPStatus.FORBIDDEN,
    DeskRefusal.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    DeskRefusal.INDEX_AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.SERVER_FILES: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.STORAGE_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    DeskRefusal.STORAGE: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.MISTAKE: HTTPStatus.INTERNAL_SERVER_ERROR,
    DeskRefusal.CASE_TAKEN: HTTPStatus.CONFLICT,
    DeskRefusal.CASE_CLOSED: HTTPStatus.CONFLICT,
    DeskRefusal.CASE_LOST: HTTPStatus.CONFLICT,
    DeskRefusal.REPORT_BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    DeskRefusal.REPORT_NOT_YET: HTTPStatus.CONFLICT,
    DeskRefusal.CASE_CHANGED: HTTPStatus.CONFLICT,
}
"""Of HTTP; 400 for the others."""


def refused(why: DeskRefusal) -> RefusedRequestError:
    """The refusal of a request."""
    status = STATUS.get(why, HTTPStatus.BAD_REQUEST)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return later(status, why.value)
    return RefusedRequestError(status, why.value)
