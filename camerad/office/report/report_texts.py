"""Texts of a report, one `ReportTexts` for each language.

Texts are plain; the page escapes them. Names in braces are put in by ``str.format``. A word that a
mapping lacks is shown as it is; the tests see to it that all languages have the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ReportTexts(msgspec.Struct, frozen=True):
    """A language's texts.

    code: ISO 639-1. decimal, thousands: signs of numbers. months: their names. groups, figures:
    names; columns: shorter ones of what is shown by months. explained: what a figure means, where
    its name does not say it all. parts: of what is divided. units: behind a number. why: why a
    figure is not shown. resets: what became of counters. cannot: what cannot be concluded. method:
    how figures were got.
    """

    code: str
    decimal: str
    thousands: str
    date_format: str
    months: tuple[str, ...]
    title: str
    subtitle: str
    period: str
    short: str
    short_self_views: str
    short_recordings: str
    short_without: str
    short_proxy: str
    short_late: str
    short_none_late: str
    short_none_deleted: str
    no_readings: str
    cannot_title: str
    cannot: tuple[str, ...]
    figure: str
    value: str
    interval: str
    base: str
    by_months: str
    by_months_text: str
    no_months: str
    joined: str
    of: str
    of_hours: str
    of_recorded: str
    between: str
    typed_title: str
    typed_text: str
    surveys: str
    compared_title: str
    compared_text: str
    chart_self_views: str
    chart_recordings: str
    glance: str
    method_title: str
    method: tuple[str, ...]
    people_shifts: str
    people_cameras: str
    rests_title: str
    rests_readings: str
    rests_ledger: str
    rests_no_ledger: str
    rests_missing: str
    rests_unknown: str
    rests_unread: str
    no_resets: str
    signed: str
    made: str
    groups: Mapping[str, str]
    figures: Mapping[str, str]
    columns: Mapping[str, str]
    explained: Mapping[str, str]
    parts: Mapping[str, str]
    units: Mapping[str, str]
    why: Mapping[str, str]
    resets: Mapping[str, str]
