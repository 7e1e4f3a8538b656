"""Severity of a finding."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for the recording."""

    DAMAGE = "not authentic"
    NOTE = "note"
