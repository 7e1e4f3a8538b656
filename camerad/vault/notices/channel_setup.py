"""The channels that the settings name."""

from __future__ import annotations

from camerad.base.clock import Clock
from camerad.vault.notice_settings import NotifySettings
from camerad.vault.notices.notice_channels import Channel, LogChannel
from camerad.vault.notices.smtp_channel import SmtpChannel
from camerad.vault.notices.webhook_channel import WebhookChannel


def make_channels(settings: NotifySettings, clock: Clock) -> list[Channel]:
    """The log, and mail and webhook where they are set up."""
    return [LogChannel(), *make_outer_channels(settings, clock)]


def make_outer_channels(settings: NotifySettings, clock: Clock) -> list[Channel]:
    """Those that lead out of this computer."""
    found: list[Channel] = []
    if settings.smtp is not None:
        found.append(SmtpChannel(settings.smtp, clock))
    if settings.webhook is not None:
        found.append(WebhookChannel(settings.webhook, clock))
    return found
