"""Severity of a finding."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Consequence of a finding for the recording."""

    DAMAGE = "not authentic"
    NOTE = "note"
