"""The display's texts as the daemon hands them over."""

from __future__ import annotations

from msgspec.structs import asdict

from camerad.base.words import languages
from camerad.config.display_wording import wording_in

TEXTS: dict[str, dict[str, str]] = {code: asdict(wording_in(code)) for code in languages()}
