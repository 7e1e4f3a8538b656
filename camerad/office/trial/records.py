"""What an office notes during a pilot: forms, deviations, proceedings, surveys; pure.

All fields are numbers and fixed classes: there is no free text, and no field for a person. What
evaluations were criticised for not counting is among them: complaints, force, false activations,
the outcome of proceedings, acceptance in classes, and what was done otherwise than drawn.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from camerad.base import typed_json
from camerad.office.trial.trial_plan import TrialError, TrialOutcome

_Count = Annotated[int, msgspec.Meta(ge=0, le=99)]
_People = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class ShiftForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened in a shift. occasions: situations in which a camera would be used, of which so
    many were announced, and so many calmed down at the sight of the camera, at the self-view or at
    the recording. force: uses of force. false_activations: recordings or self-views by mistake."""

    occasions: _Count = 0
    announced: _Count = 0
    calmed_by_sight: _Count = 0
    calmed_by_self_view: _Count = 0
    calmed_by_recording: _Count = 0
    insults: _Count = 0
    assaults: _Count = 0
    injuries: _Count = 0
    force: _Count = 0
    complaints: _Count = 0
    false_activations: _Count = 0

    def has(self, outcome: TrialOutcome) -> bool:
        """Whether it happened at least once."""
        if outcome is TrialOutcome.ATTACKS:
            return self.insults + self.assaults > 0
        return int(getattr(self, outcome)) > 0


class DeviationReason(StrEnum):
    """Why a shift was not as drawn."""

    NOT_HELD = "not_held"
    """There was no such shift. The others are shifts that were held."""
    NO_CAMERA = "no_camera"
    FAILED = "failed"
    SWAPPED = "swapped"
    DECLINED = "declined"
    ORDERED = "ordered"
    MISTAKE = "mistake"


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shift was not as drawn. It is counted as drawn all the same (intention to treat)."""

    reason: DeviationReason


class ProceedingOutcome(StrEnum):
    """How proceedings ended that began in a shift."""

    CONVICTION = "conviction"
    PENALTY = "penalty"
    """A penal order, or a fine."""
    DISCONTINUED = "discontinued"
    ACQUITTAL = "acquittal"
    COMPLAINT_UPHELD = "complaint_upheld"
    OPEN = "open"


class Proceeding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Proceedings, under the number of their case. shift: in which they began."""

    shift: str
    outcome: ProceedingOutcome


class Survey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of those asked gave which answer to "cameras make encounters better"."""

    agree: _People = 0
    rather_agree: _People = 0
    undecided: _People = 0
    rather_disagree: _People = 0
    disagree: _People = 0


class RecordKind(StrEnum):
    """What a record is. Its name is the shift's, the case's number, or one of `SURVEYS`."""

    FORM = "form"
    DEVIATION = "deviation"
    PROCEEDING = "proceeding"
    SURVEY = "survey"


SURVEYS: Final = ("staff/before", "staff/after", "public/before", "public/after")
Record = ShiftForm | Deviation | Proceeding | Survey
_TYPES: Final[dict[RecordKind, type[Record]]] = {
    RecordKind.FORM: ShiftForm,
    RecordKind.DEVIATION: Deviation,
    RecordKind.PROCEEDING: Proceeding,
    RecordKind.SURVEY: Survey,
}


def read_record(kind: RecordKind, fields: dict[str, Any]) -> Record:
    """A record with these fields, numbers as text too. Raises TrialError."""
    try:
        record = typed_json.convert(fields, _TYPES[kind], strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(_TYPES[kind].__struct_fields__)
        raise TrialError(f"this is no {kind}: {error}; its fields: {known}") from None
    if isinstance(record, ShiftForm):
        calmed = record.calmed_by_sight + record.calmed_by_self_view + record.calmed_by_recording
        if max(calmed, record.announced) > record.occasions:
            raise TrialError("more situations were announced or calmed down than there were")
    return record
