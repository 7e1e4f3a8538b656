"""The report in English."""

from __future__ import annotations

from typing import Final

from camerad.office.report.report_texts import ReportTexts

ENGLISH_REPORT: Final = ReportTexts(
    code="en",
    decimal=".",
    thousands=",",
    date_format="{day} {month} {year}",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    title="Body cameras: report",
    subtitle="What came of them, in figures that name nobody",
    period="{first} to {last} (days in {zone})",
    short="At a glance",
    short_self_views="self-views for each 100 shift hours",
    short_recordings="recordings for each 100 shift hours",
    short_without="of self-views ended without a recording",
    short_late="recordings deleted too late, of {deleted}",
    cannot_title="What cannot be concluded from this",
    cannot=(
        "There is no control group. No figure here says that cameras caused or prevented anything: "
        "no claim of cause.",
        "A self-view that ended without a recording is a proxy for a situation that calmed down. "
        "It "
        "may also have been a mistake, or a situation that ended by itself.",
        "The intervals say how far chance alone could move a figure, if events came independently "
        "of each other. They say nothing of seasons, of other places, or of staff who chose to "
        "wear "
        "a camera.",
        "Cameras count presses, not conflicts. Where no camera was worn, nothing was counted.",
        "What is marked as typed in was counted by hand, and nobody can check it here.",
    ),
    figure="Figure",
    value="Value",
    interval="95 % interval",
    base="Of",
    by_months="By months",
    by_months_text="Months in which a number would be 1 to 4, or in which fewer than 5 people wore "
    "cameras, are put together with those beside them.",
    no_months="Nothing that people did is shown: {why}.",
    joined="{first} to {last}",
    of="of {base}",
    of_hours="in {base} hours",
    of_recorded="of {base} hours recorded",
    between="between {low} and {high}",
    typed_title="Typed in by the office",
    typed_text="No camera counts this. The office counted it by hand and typed it in.",
    surveys="Surveys",
    compared_title="Compared with {first} to {last}",
    compared_text="Both periods side by side. Where the intervals overlap widely, the difference "
    "may "
    "be chance. A difference has many possible causes.",
    chart_self_views="Self-views for each 100 shift hours",
    chart_recordings="Recordings for each 100 shift hours",
    glance="In brackets, and as thin lines: the 95 % interval, how far chance alone could move a "
    "figure. Self-view: the person opposite sees themselves on the camera.",
    method_title="How it was counted",
    method=(
        "Only two sources count: readings of the cameras' counters, each signed by its camera when "
        "it was docked, and the office's ledger, added up and signed day by day. A camera's counts "
        "belong to the day on which it was docked.",
        "Rates have the exact Poisson interval (Garwood 1936), shares that of Clopper and Pearson "
        "(1934).",
        "Medians and percentiles come from counts in classes, since nobody's single value is kept: "
        "the value is estimated within its class, and the class stands beside it. They need 10 "
        "values, percentiles 20.",
        "Numbers from 1 to 4 of what people did are not shown, nor is anything by which they could "
        "be computed: months are put together, small classes become one, and a part is left out if "
        "the rest would be small. 0 is shown. What machines did and what the office owes is always "
        "shown.",
    ),
    people_shifts="That enough people wore cameras is known from the cameras' shifts; only how "
    "many "
    "was counted.",
    people_cameras="No shift names who wore a camera, so cameras that were out were counted "
    "instead of people.",
    rests_title="What it rests on",
    rests_readings="{readings} signed readings of {cameras} cameras, SHA-256 of all {sha256}",
    rests_ledger="{epochs} files of the office's ledger, up to entry {sequence}, SHA-256 {sha256}",
    rests_no_ledger="nothing of the office's ledger: figures of recordings, deletion and use are 0 "
    "for that reason",
    rests_missing="Files of the ledger that are missing between these: {count}. What they said is "
    "in no figure.",
    rests_unknown="Entries of the ledger that this version cannot read: {count}.",
    rests_unread="Recordings whose files were gone before they were added up: {count}. Their "
    "length "
    "and reason are in no figure.",
    no_resets="No counter was reset.",
    signed="Signed by the office's key {kid}. 'camerad office report --check' finds what was "
    "changed "
    "since. The same figures for programs: {csv}, SHA-256 {sha256}.",
    made="Made with camerad {software}.",
    groups={
        "exposure": "Cameras and hours",
        "stages": "Self-view and recording",
        "recordings": "Recordings at the office",
        "deletion": "Deletion",
        "use": "Holds and use",
        "chain": "From the street to the office",
        "equipment": "Equipment",
        "typed": "Typed in",
    },
    figures={
        "cameras_available": "cameras that reported",
        "camera_days_out": "camera-days out",
        "shifts": "shifts",
        "shift_hours": "shift hours",
        "running_hours": "hours switched on",
        "share_ready": "share of running time in which a press would have recorded",
        "self_views": "self-views",
        "self_view_rate": "self-views for each 100 shift hours",
        "recordings_begun": "recordings",
        "recording_rate": "recordings for each 100 shift hours",
        "self_views_without": "self-views that ended without a recording",
        "recordings_direct": "recordings without a self-view just before",
        "seconds_to_recording_p50": "from self-view to recording, median",
        "seconds_to_recording_p90": "from self-view to recording, 90th percentile",
        "recordings_received": "recordings that the office took over",
        "recordings_by_reason": "recordings by what ended them",
        "recording_length_p50": "length, median",
        "recording_length_p90": "length, 90th percentile",
        "recordings_with_gap": "recordings with a gap",
        "pre_event_seconds": "seconds before the press, on average",
        "deleted": "recordings deleted, each with a tombstone",
        "deleted_late": "of these, more than an hour after their day",
        "latest_deletion": "the latest of them, beyond its day",
        "overdue": "recordings beyond their day and not held, at the end",
        "oldest_overdue": "the oldest of these, beyond its day",
        "holds_placed": "holds placed",
        "holds_released": "holds released",
        "holds_by_ground": "holds by ground",
        "viewings": "viewings by role",
        "downloads": "recordings taken along, sealed, by role",
        "hand_overs": "cases handed over",
        "share_never_given": "of the deleted: never given to anybody",
        "hours_recorded": "hours recorded",
        "hours_given": "hours given for viewing",
        "delay_p50": "from the end of a recording to the office, median",
        "delay_p95": "from the end of a recording to the office, 95th percentile",
        "delay_over_day": "more than 24 hours",
        "handover_failures": "handing over began not to work",
        "uploads_resumed": "uploads that were resumed",
        "verification_failures": "recordings that did not verify",
        "witness_refusals": "refusals of the witness",
        "failures": "faults, by what began to hold",
        "battery_p50": "battery when a camera was taken, median",
        "battery_p10": "battery when a camera was taken, 10th percentile",
        "cameras_withdrawn": "cameras withdrawn",
        "typed_hours": "hours of duty",
        "typed_announced": "recordings that were announced",
        "typed_announced_rate": "announced, for each 100 hours",
        "typed_persons": "persons met in conflict",
        "typed_persons_rate": "persons met in conflict, for each 100 hours",
        "typed_assaults": "assaults",
        "typed_assaults_rate": "assaults for each 100 hours",
        "typed_insults": "insults and threats",
        "typed_insults_rate": "insults and threats, for each 100 hours",
        "typed_injuries": "staff injured",
        "typed_injuries_rate": "staff injured, for each 100 hours",
        "typed_occasions": "uses by occasion",
    },
    columns={
        "camera_days_out": "camera-days",
        "shifts": "shifts",
        "shift_hours": "shift hours",
        "self_views": "self-views",
        "recordings_begun": "recordings",
        "recordings_received": "at the office",
        "deleted": "deleted",
    },
    explained={
        "camera_days_out": "days on which a camera came back used",
        "self_views_without": "a proxy, see above",
        "recordings_received": "by dock or stick",
        "holds_by_ground": "grounds are free text in the ledger",
        "share_never_given": "given at the desk, to view or to take along",
        "hours_recorded": "length of the recordings that the office took over",
        "hours_given": "each recording once; nobody knows how much of it was watched",
    },
    parts={
        "hold": "until somebody releases it",
        "hold_until": "to a day",
        "desk": "desk",
        "supervisor": "supervisor",
        "others": "others, too few to be named",
        "none": "not said",
        "stop": "stopped at the camera",
        "shutdown": "camera switched off",
        "restarted": "the camera's program started anew",
        "recovered": "cut off, closed at the next start",
        "failed": "storage or camera failed",
        "encoder settings changed": "went on as another recording",
        "storage_low": "card nearly full",
        "storage_full": "card full",
        "storage_failed": "card lost what was written",
        "storage_stalled": "card did not answer",
        "storage_read_only": "card could only be read",
        "ledger_failed": "ledger or key not usable",
        "no_recipients": "nobody named who could open recordings",
        "unprovisioned": "not set up",
        "provision_refused": "settings on the card refused",
        "battery_low": "battery low",
        "battery_critical": "battery nearly empty",
        "battery_unknown": "battery's gauge failed",
        "hot": "too hot",
        "clock_untrusted": "clock not confirmed",
        "camera_down": "camera module failed",
        "display_down": "display failed",
        "light_down": "a light failed",
        "microphone_down": "microphone failed",
        "network": "office not reached",
        "certificate": "not the office's server",
        "register": "camera not in the register",
        "office": "office took nothing",
        "recordings": "office took some recordings only",
        "camera": "at the camera itself",
        "silent": "the camera's own program was silent",
        "with_camera": "with a camera",
        "without_camera": "without a camera",
        "last_year": "the year before",
    },
    units={
        "count": "{value}",
        "hours": "{value} h",
        "rate": "{value}",
        "share": "{value} %",
        "seconds": "{value} s",
        "percent": "{value} %",
    },
    why={
        "few": "fewer than 5",
        "withheld": "not shown: a small number could be computed",
        "people": "not shown: fewer than 5 people",
        "not_recorded": "not recorded by this version",
        "nothing": "too little to say",
        "beyond": "more than {low}",
    },
    resets={
        "begun_anew": "A camera began to count anew: {count} times. What it had counted since the "
        "reading before is lost.",
        "stepped_back": "A camera lost at most an hour of its counting: {count} times.",
        "leapt": "A camera counted more time than passed; nothing of that was counted: {count} "
        "times.",
    },
)
