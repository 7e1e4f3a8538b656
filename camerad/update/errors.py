"""Errors of an update."""

from __future__ import annotations

from typing import ClassVar

from camerad.base.errors import EX_CONFIG, EX_IOERR, EX_REBOOT, EX_TEMPFAIL, CameradError


class UpdateError(CameradError):
    """Error raised when an update cannot be carried out; the text says what to do."""

    exit_code: ClassVar[int] = EX_IOERR


class BundleRefusedError(UpdateError):
    """Error raised when a bundle is for another camera, or by no signer that this one trusts."""

    exit_code = EX_CONFIG


class UpdateNotNowError(UpdateError):
    """Error raised when the camera must not be changed at the moment."""

    exit_code = EX_TEMPFAIL


class TrialFailedError(UpdateError):
    """Error raised when a system on trial does not work: the machine is to start the system
    before."""

    exit_code = EX_REBOOT
