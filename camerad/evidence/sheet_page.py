"""The page of the sheet (`camerad.evidence.cover_sheet`): ``sheet.html``, for one page of A4, also
as PDF/A."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Final

from camerad.base.errors import EX_CONFIG, CameradError

PAGE: Final = Template(Path(__file__).with_name("sheet.html").read_text(encoding="utf-8"))
"""Every placeholder takes HTML that is escaped already."""

STYLE: Final = PAGE.template.partition("<style>")[2].partition("</style>")[0]
"""Its style sheet: what a Content-Security-Policy names that lets it be drawn."""

PdfMaker = Callable[[str], bytes]
"""Makes PDF/A-2a (ISO 19005-2, with structure for screen readers) of a page of HTML."""


class PdfLibraryError(CameradError):
    """Error raised when what makes PDF/A is not installed."""

    exit_code = EX_CONFIG


def pdf_maker() -> PdfMaker:
    """What makes PDF/A. Raises PdfLibraryError."""
    try:
        from weasyprint import HTML  # noqa: PLC0415 - of the extra `pdf`
    except (ModuleNotFoundError, OSError) as error:
        raise PdfLibraryError(
            f"PDF/A cannot be made here ({str(error).partition(chr(10))[0]}): install camerad with "
            "its extra 'pdf', and Debian's packages libpangoft2-1.0-0, libharfbuzz-subset0 and "
            "fonts-liberation"
        ) from error

    def made(page: str) -> bytes:
        pdf: bytes = HTML(string=page).write_pdf(pdf_variant="pdf/a-2a")
        return pdf

    return made
