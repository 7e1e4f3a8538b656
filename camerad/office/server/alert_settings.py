"""The sections ``notify`` and ``metrics`` of ``office.yaml``: who is told, and who watches.

A secret is never in the settings themselves. A file beside them has it, which only the server's
user may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from camerad.base.words import Language
from camerad.config.fields import ABSOLUTE_PATH, Matches, Range
from camerad.config.settings_reader import SettingsReader

METRICS_PORT: Final = 9464
_HOST: Final = Matches(r"[A-Za-z0-9.:_-]{1,253}", "an address, such as 192.0.2.7 or ::1, or a name")
_ADDRESS: Final = Matches(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?",
    "an address such as evidence@office.example",
)


class SmtpSettings(msgspec.Struct, frozen=True):
    """The mail server that alerts are given to."""

    host: Annotated[str, "The mail server's name, as its certificate has it.", _HOST]
    sender: Annotated[str, "Who the mail is from.", _ADDRESS]
    recipients: Annotated[tuple[str, ...], "Who gets it.", _ADDRESS]
    port: Annotated[int, "Port of TCP.", Range(1, 65535)] = 587
    encryption: Annotated[
        Literal["starttls", "tls"],
        "starttls: asked for within the connection (port 587). tls: from the beginning (port 465). "
        "There is no mail without either.",
    ] = "starttls"
    ca: Annotated[
        Path | None,
        "Authority that the mail server's certificate is by; PEM. Left out: those that this "
        "machine trusts.",
        ABSOLUTE_PATH,
    ] = None
    login_file: Annotated[
        Path | None,
        "File with two lines: the user at the mail server, and the password. Left out: no login.",
        ABSOLUTE_PATH,
    ] = None


class NotifySettings(msgspec.Struct, frozen=True):
    """What people are told, when, and how."""

    language: Annotated[Language, "Of mails and messages."] = "en"
    daily_at: Annotated[
        str,
        "Time of day, of this machine, at which what can wait is told.",
        Matches(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time such as 07:00, in quotes,"),
    ] = "07:00"
    before_days: Annotated[
        int,
        "Days before the deletion of a marked recording, or the end of a hold.",
        Range(1, 60, "days"),
    ] = 3
    not_seen_days: Annotated[
        int, "Days after which a camera that did not come is named.", Range(1, 366, "days")
    ] = 7
    again_days: Annotated[
        int, "Days after which what is still so is told again.", Range(1, 366, "days")
    ] = 7
    free_percent: Annotated[
        int, "Free room below which storage counts as nearly full.", Range(1, 90, "percent")
    ] = 10
    smtp: Annotated[SmtpSettings | None, "By mail. Left out: no mail."] = None


class MetricsSettings(msgspec.Struct, frozen=True):
    """Where Prometheus asks for metrics: plain HTTP, away from the cameras' network."""

    host: Annotated[str, "Address to listen at.", _HOST] = "127.0.0.1"
    port: Annotated[int, "Port of TCP.", Range(1, 65535)] = METRICS_PORT


def check(notify: NotifySettings, reader: SettingsReader, *, with_files: bool) -> None:
    """Add what is wrong with the section to the reader's mistakes. with_files: what it names has to
    be there too."""
    if notify.smtp is not None and not notify.smtp.recipients:
        reader.add_mistake("notify.smtp.recipients", "the list is empty; name who gets the mail")
    if with_files:
        reader.require_files(_files_of(notify))


def _files_of(notify: NotifySettings) -> Iterator[tuple[str, Path]]:
    """Every file that the section names, with its place in the settings."""
    smtp = notify.smtp
    named = (
        ("notify.smtp.ca", None if smtp is None else smtp.ca),
        ("notify.smtp.login_file", None if smtp is None else smtp.login_file),
    )
    for where, path in named:
        if path is not None:
            yield where, path


EXAMPLE: Final = """
# What people are told: in the log in any case, and by mail if these lines are made to count.
# Text in quotes is an example. docs/office.md explains it.
#notify:
#  language: en            # or de
#  daily_at: "07:00"       # urgent alerts are sent at once
#  before_days: 3          # before a marked recording is deleted, or a hold ends
#  not_seen_days: 7        # a camera that did not come
#  again_days: 7           # what is still so
#  free_percent: 10        # storage with less free room
#  smtp:
#    host: mail.office.example
#    port: 587
#    encryption: starttls  # or tls, with port 465
#    sender: camerad@office.example
#    recipients: [evidence@office.example]
#    login_file: /etc/camerad-office/mail-login   # user and password, each on a line

# Metrics for Prometheus, by plain HTTP. Not for the cameras' network.
#metrics:
#  host: 127.0.0.1
#  port: 9464
"""
