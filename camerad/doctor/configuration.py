"""Whether the configuration is one, and whether anybody could open what is recorded."""

from __future__ import annotations

from pathlib import Path

from camerad.base.errors import ConfigError
from camerad.config import Settings, load
from camerad.container.encryption import RecipientError, Sealer
from camerad.doctor.findings import Finding, What


def read(path: Path) -> tuple[Settings | None, Finding]:
    """The settings in the file at `path`, None if they are not in order; and what is to be said."""
    try:
        settings = load(path)
    except ConfigError as error:
        values = {"file": str(path), "mistakes": "\n".join(error.mistakes)}
        return None, Finding("configuration", What.CONFIGURATION_WRONG, values)
    values = {"file": str(path), "policy": settings.policy.name}
    return settings, Finding("configuration", What.CONFIGURATION_OK, values)


def recipients(settings: Settings) -> Finding:
    """Whether recordings can be sealed to somebody."""
    file = str(settings.path)
    if not settings.recipients:
        return Finding("recipients", What.RECIPIENTS_NONE, {"file": file})
    try:
        Sealer(settings.recipients)
    except RecipientError as error:
        return Finding("recipients", What.RECIPIENTS_WRONG, {"file": file, "why": str(error)})
    return Finding("recipients", What.RECIPIENTS_OK, {"count": len(settings.recipients)})
