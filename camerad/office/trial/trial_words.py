"""Words of a pilot's report."""

from __future__ import annotations

from typing import Final

from camerad.base.words import N_

ARMS: Final = {
    "self_view": (N_("With self-view"), N_("Without self-view")),
    "camera": (N_("With camera"), N_("Without camera")),
}
GROUPS: Final = {
    "outcomes": N_("Shifts in which it happened at least once"),
    "shifts": N_("What came of the draw"),
    "events": N_("How often it happened"),
    "proceedings": N_("Proceedings that began in a shift"),
}
ABOUT: Final = {
    "outcomes": N_(
        "The first line decides. The others are exploratory: of twenty such intervals one misses "
        "by chance."
    ),
    "shifts": N_(
        "Every shift counts as drawn, also if it was done otherwise (intention to treat)."
    ),
    "events": N_(
        "Without intervals: what happens twice in a shift is not independent of each other."
    ),
    "proceedings": N_("By the numbers of their cases, which are not in this report."),
}
OUTCOMES: Final = {
    "attacks": N_("shifts with an insult or an assault"),
    "assaults": N_("shifts with an assault"),
    "insults": N_("shifts with an insult"),
    "injuries": N_("shifts with staff injured"),
    "force": N_("shifts with force used"),
    "complaints": N_("shifts with a complaint"),
}
FIGURES: Final = {
    "drawn": N_("shifts drawn"),
    "missing": N_("shifts without a form"),
    "not_held": N_("shifts that were not held"),
    "otherwise": N_("shifts not as drawn"),
    "late": N_("shifts noted, or changed, more than a day later"),
    "insults": N_("insults and threats"),
    "assaults": N_("assaults"),
    "injuries": N_("staff injured"),
    "force": N_("uses of force"),
    "complaints": N_("complaints"),
    "false_activations": N_("false activations"),
    "announced": N_("situations in which the camera was announced"),
    "occasions": N_("situations"),
    "proceedings": N_("proceedings"),
}
PARTS: Final = {
    "calmed_by_sight": N_("calmed down at the sight of the camera"),
    "calmed_by_self_view": N_("calmed down at the self-view"),
    "calmed_by_recording": N_("calmed down at the recording"),
    "not_calmed": N_("not calmed down"),
    "conviction": N_("conviction"),
    "penalty": N_("penal order or fine"),
    "discontinued": N_("discontinued"),
    "acquittal": N_("acquittal"),
    "complaint_upheld": N_("complaint upheld"),
    "open": N_("still open"),
    "not_held": N_("shift not held"),
    "no_camera": N_("no camera was ready"),
    "failed": N_("camera failed"),
    "swapped": N_("cameras were swapped"),
    "declined": N_("staff declined"),
    "ordered": N_("ordered otherwise"),
    "mistake": N_("by mistake"),
    "agree": N_("agree"),
    "rather_agree": N_("rather agree"),
    "undecided": N_("undecided"),
    "rather_disagree": N_("rather disagree"),
    "disagree": N_("disagree"),
    "others": N_("others, too few to be named"),
}
SURVEYS: Final = {
    "staff/before": N_("Staff, before"),
    "staff/after": N_("Staff, after"),
    "public/before": N_("Public, before"),
    "public/after": N_("Public, after"),
}
ENDS: Final = {
    "safety": N_("for the safety of people"),
    "ordered": N_("ordered from above"),
    "staff": N_("too little staff"),
    "equipment": N_("too little equipment"),
}
METHOD: Final = (
    N_(
        "Shifts of one weekday and service were drawn in blocks of four, two of each kind. Seed "
        "and plan were committed before the first shift; the draw can be recomputed from them."
    ),
    N_(
        "The interval is exact: it rests on the draw alone, also if officers, seasons and "
        "weekdays have something in common (Hoeffding 1956, Bonferroni). It holds for these "
        "shifts of this office."
    ),
    N_(
        "A shift without a form counts both ways, as one in which it happened and as one in which "
        "not. So the interval becomes wider with each form that is missing."
    ),
    N_("No figure by arm was given out before the end, so no look in between is to be corrected."),
    N_(
        "Numbers from 1 to 4 of what happened to people are not shown, nor is anything by which "
        "they could be computed. What the office owes is: forms, and shifts as drawn."
    ),
)
CANNOT: Final = (
    N_("Other towns, other years and other staff were not drawn: nothing follows for them."),
    N_(
        "Staff knew what was drawn, which may change what they note. A "
        "form is what staff noted; complaints and proceedings come from others."
    ),
    N_(
        "Crews work shifts of both kinds. What lasts beyond a shift, such as a habit or a word "
        "that gets around, makes the two kinds more alike."
    ),
    N_("What calmed a situation down is an impression of those who were there."),
)
