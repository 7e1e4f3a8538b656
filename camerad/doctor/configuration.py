"""Checks the configuration, and that its recipients can open recordings."""

from __future__ import annotations

from pathlib import Path

from camerad.base.errors import ConfigError
from camerad.config import Settings, load
from camerad.container.encryption import RecipientError, Sealer
from camerad.doctor.check_results import CheckResult, FindingId


def check_configuration(path: Path) -> tuple[Settings | None, CheckResult]:
    """The settings in the file at `path`, None if they are not in order; and what is to be said."""
    try:
        settings = load(path)
    except ConfigError as error:
        values = {"file": str(path), "mistakes": "\n".join(error.mistakes)}
        return None, CheckResult("configuration", FindingId.CONFIGURATION_WRONG, values)
    values = {"file": str(path), "policy": settings.policy.name}
    return settings, CheckResult("configuration", FindingId.CONFIGURATION_OK, values)


def check_recipients(settings: Settings) -> CheckResult:
    """Whether recordings can be sealed to a recipient."""
    file = str(settings.path)
    if not settings.recipients:
        return CheckResult("recipients", FindingId.RECIPIENTS_NONE, {"file": file})
    try:
        Sealer(settings.recipients)
    except RecipientError as error:
        return CheckResult(
            "recipients", FindingId.RECIPIENTS_WRONG, {"file": file, "why": str(error)}
        )
    return CheckResult("recipients", FindingId.RECIPIENTS_OK, {"count": len(settings.recipients)})
