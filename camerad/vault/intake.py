"""The former name of `camerad.vault.takeover`."""

from camerad.vault.takeover import Takeover as Intake

__all__ = ["Intake"]
