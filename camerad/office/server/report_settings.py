"""The section ``report`` of ``office.yaml``: how long the sources of reports are kept."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from camerad.config.fields import Range
from camerad.office.report.camera_readings import MONTHS


class ReportSettings(msgspec.Struct, frozen=True):
    """What reports are made of."""

    keep_months: Annotated[
        int,
        "Months for which readings of counters and sums of the ledger are kept.",
        Range(2, 120, "months"),
    ] = MONTHS


DEFAULT_REPORT: Final = ReportSettings()

EXAMPLE: Final = """\

# What reports are made of ('camerad office report'). This is the default.
# report:
#   keep_months: 25   # this year and the one before; no wearer is in it
"""
