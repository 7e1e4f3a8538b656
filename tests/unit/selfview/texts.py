"""The display's texts as the daemon hands them over."""

from __future__ import annotations

from msgspec.structs import asdict

from camerad.config.wording import LANGUAGES

TEXTS: dict[str, dict[str, str]] = {code: asdict(texts) for code, texts in LANGUAGES.items()}
