"""What a language has to say: the sheet, the instructions beside it, and labels for cameras."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ReportWording(msgspec.Struct, frozen=True):
    """A language's texts.

    Names in braces are put in by ``str.format``. Mappings translate the words that the records use:
    clock (`TimeWorth`), rate_reasons (`heat.Cause`), gap_reasons, end_reasons, triggers,
    policies, kinds (`findings.Kind`). A word that is missing there is shown as it is. button: what
    a trigger ``button:NAME`` becomes.
    decimal: the decimal sign; date_format, day_format, time_format: for ``strftime``. hold_reason:
    of the hold that an export places, which goes into the ledger. no_gaps: where no gap is stated;
    continuous: where none was found either. sealed_only, check_not_opened: of a package without a
    video, which a browser's tab makes of what is not authentic.
    """

    code: str
    decimal: str
    date_format: str
    day_format: str
    time_format: str
    hold_reason: str
    title: str
    subtitle: str
    authentic: str
    qualified: str
    not_authentic: str
    time: str
    authentic_text: str
    qualified_text: str
    not_authentic_text: str
    sealed_only: str
    sealed_only_text: str
    what_it_is: str

    facts: str
    recording: str
    reference: str
    device: str
    key: str
    begun: str
    ended: str
    by_clock: str
    zone: str
    length: str
    length_value: str
    pre_event: str
    pre_event_value: str
    no_pre_event: str
    trigger: str
    picture: str
    picture_value: str
    with_sound: str
    without_sound: str
    rates: str
    rate: str
    marks: str
    policy: str
    policy_value: str
    wearer: str
    no_wearer: str
    continues: str
    software: str
    unknown: str
    none: str

    checks: str
    check_signatures: str
    check_chain: str
    check_fragments: str
    check_opened: str
    check_opened_partly: str
    check_not_opened: str
    check_ledger: str
    check_no_ledger: str
    check_hold: str
    check_no_hold: str
    passed: str
    failed: str
    open_question: str

    gaps: str
    no_gaps: str
    continuous: str
    more: str
    from_to: str
    the_beginning: str
    the_end: str
    pictures: str
    no_sound: str
    units: str
    damages: str
    remarks: str
    contained: str

    files: str
    file: str
    sha256: str
    file_video: str
    file_container: str
    file_player: str
    final: str

    again: str
    again_text: str
    handed_over: str
    made: str
    signature: str

    clock: Mapping[str, str]
    rate_reasons: Mapping[str, str]
    gap_reasons: Mapping[str, str]
    end_reasons: Mapping[str, str]
    triggers: Mapping[str, str]
    button: str
    policies: Mapping[str, str]
    kinds: Mapping[str, str]

    labels_title: str
    labels_head: str
    labels_page: str
    labels_key: str
    labels_collected: str

    instructions: str
    """The file that says how to check everything without this software; see `export`."""
    video_remuxed: str
    """Of these instructions: what the video is that the command makes."""
    video_joined: str
    """What the one is that a browser's tab makes."""
    video_none: str
    """Where there is none."""
