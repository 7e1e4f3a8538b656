"""The page of the sheet (`camerad.evidence.cover_sheet`): ``sheet.html``, for one page of A4."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

PAGE: Final = Template(Path(__file__).with_name("sheet.html").read_text(encoding="utf-8"))
"""Every placeholder takes HTML that is escaped already."""

STYLE: Final = PAGE.template.partition("<style>")[2].partition("</style>")[0]
"""Its style sheet: what a Content-Security-Policy names that lets it be drawn."""
