"""The texts in English."""

from __future__ import annotations

from typing import Final

from camerad.behaviour.heat import Cause
from camerad.container.gaps import (
    CAPTURE_RESTARTED,
    CUT_OFF,
    FRAMES_LOST,
    NO_ANSWER,
    NO_PICTURES,
    NOT_STORED,
    RING_FULL,
    STARTED_LATE,
    STOPPED_SHORT,
)
from camerad.container.statements import RECOVERED
from camerad.evidence.wording.catalogue import ReportWording
from camerad.stream.sound_messages import NO_SOUND, SOUND_LOST
from camerad.verify.findings import FindingKind
from camerad.verify.verdict import TIME_WORDS

ENGLISH: Final = ReportWording(
    code="en",
    decimal=".",
    date_format="%d %B %Y, %H:%M:%S",
    day_format="%d %B %Y",
    time_format="%H:%M:%S",
    hold_reason="exported {day}",
    title="Recording of a body-worn camera",
    subtitle="Sheet accompanying the evidence",
    authentic="Authentic and complete",
    qualified="Authentic, with the remarks below",
    not_authentic="NOT authentic as a whole: only the proven parts were opened",
    time="Time: {worth}",
    authentic_text="Nothing was changed, removed or added since it was recorded, provided that the "
    "key below is the one registered for this camera.",
    qualified_text="Nothing was changed since it was recorded, provided that the key below is the "
    "one registered for this camera. What is missing, or worth knowing, is listed below.",
    not_authentic_text="Parts of this recording were changed or are missing. The video contains "
    "only what is proven by signatures of the key below, provided that it is the one registered "
    "for this camera; what is affected is listed below.",
    sealed_only="NOT authentic: there is no video, only the sealed original",
    sealed_only_text="Parts of this recording were changed or are missing, as the check by the key "
    "below shows, provided that it is the one registered for this camera. So no video was made; "
    "what is affected is listed below.",
    what_it_is="The camera sealed this recording piece by piece, so that only the office can open "
    "it, and signed every piece with the camera's own key. Each signature "
    "includes the fingerprint of the piece before, so without that key no piece can be "
    "changed, left out, moved or added without being noticed.",
    facts="The recording",
    recording="Number",
    reference="File number",
    device="Camera",
    key="Camera's key",
    begun="Triggered",
    ended="End",
    by_clock="{when}; clock {clock}",
    zone="{local} {zone} ({utc} UTC)",
    length="Length",
    length_value="{time}, {frames} {frames:picture|pictures} in {fragments} "
    "{fragments:piece|pieces}",
    pre_event="Before the trigger",
    pre_event_value="{time} from the pre-event buffer; the film begins at {begin}",
    no_pre_event="nothing: there was no pre-event buffer",
    trigger="Triggered by",
    picture="Picture and sound",
    picture_value="{width} x {height} pixels, {fps} per second, {sound}",
    with_sound="with sound",
    without_sound="no sound",
    rates="Other pictures per second",
    rate="from {time} on {fps} ({reason})",
    marks="Marks",
    policy="Rules in force",
    policy_value="{policy}; deleted after {days} {days:day|days} unless held",
    wearer="Worn by",
    no_wearer="none assigned",
    continues="Continues recording",
    software="Camera software",
    unknown="unknown",
    none="none",
    checks="Checks made for this export",
    check_signatures="Signature of the camera's key on every statement ({statements})",
    check_chain="Unbroken chain from the first statement to the last",
    check_fragments="Fingerprint of every sealed piece ({fragments})",
    check_opened="Decryption of every piece; the video holds what was checked and nothing else",
    check_opened_partly="Decryption of the proven pieces only; the video holds these and nothing "
    "else",
    check_not_opened="Decryption, since the recording is not authentic",
    check_ledger="The camera's or office's ledger names the same final fingerprint",
    check_no_ledger="Comparison with a ledger (none was at hand)",
    check_hold="Kept from deletion: {reason} ({who})",
    check_no_hold="Kept from deletion (no store was at hand: place a hold there)",
    passed="passed",
    failed="FAILED",
    open_question="not done",
    gaps="Gaps stated by the camera",
    no_gaps="None.",
    continuous="None. The footage is continuous from the first picture to the last.",
    more="and {count} more; all of them are in {file}",
    from_to="from {begin} to {end}",
    the_beginning="the beginning",
    the_end="the end",
    pictures="{count} {count:picture|pictures}",
    no_sound="no sound: {}",
    units="{count} {count:piece|pieces} of sound",
    damages="Damage",
    remarks="Remarks",
    contained="In the video",
    files="Files handed over",
    file="File",
    sha256="SHA-256 fingerprint",
    file_video="video, plays anywhere",
    file_container="original as the camera wrote it, sealed and signed",
    file_player="open in a browser: checks and plays, without a network",
    final="Final statement of the recording",
    again="How to check it again, without this software",
    again_text="Compare the files with “sha256sum -c SHA256SUMS”. The original is an "
    "ordinary tar archive of age files (age-encryption.org) and signed statements (RFC 7515, "
    "Ed25519); {file} shows the commands. Compare the fingerprint of the key above with the one "
    "that the office keeps for this camera: the key in this package proves nothing by itself.",
    handed_over="Handed over by / to",
    made="Made on {when} by {who} with {software}.",
    signature="Date, signature",
    clock=TIME_WORDS,
    rate_reasons={
        Cause.HEAT: "camera hot",
        Cause.THROTTLED: "processor slowed down",
        Cause.COOLED: "cooled down",
    },
    gap_reasons={
        CAPTURE_RESTARTED: "the camera part was started again",
        FRAMES_LOST: "pictures were lost",
        RING_FULL: "the storage was too slow",
        NO_PICTURES: "the sensor delivered no pictures",
        STARTED_LATE: "the camera did not deliver at the start",
        STOPPED_SHORT: "the camera did not deliver until the stop",
        NOT_STORED: "the card took nothing more",
        NO_ANSWER: "the card did not answer any more",
        CUT_OFF: "the camera's program ended before it was stored",
        "failed": "the recording broke off",
        "not delivered by the camera": "the sensor's pictures did not arrive",
        "sensor time did not advance": "the sensor's clock stood still",
        "dropped by the encoder": "the encoder dropped pictures",
        "send queue full": "the computer was too slow",
        "muted": "muted at the camera",
        "microphone missing": "the microphone was missing",
        "microphone failed": "the microphone failed",
        "microphone starting": "the microphone was being switched on",
        "microphone off": "the microphone was off",
        SOUND_LOST: "sound was lost",
        NO_SOUND: "the microphone gave none",
    },
    end_reasons={
        "stop": "stopped by hand",
        "shutdown": "the camera was switched off",
        "restarted": "the camera's program started anew after a mistake of its own",
        "camera_down": "no more pictures came, whatever the camera did about it",
        "battery_critical": "the battery was nearly empty",
        "storage_full": "the card was full",
        "storage_failed": "the card took nothing more",
        "storage_read_only": "the card could only be read",
        RECOVERED: "cut off, for example by loss of power, and closed at the next start",
        "failed": "the storage or the camera failed",
        "encoder settings changed": "went on as another recording: settings changed",
    },
    triggers={
        "button:main": "the camera's big button",
        "control": "a command at the camera's control socket",
        "continued": "continuation of another recording",
    },
    button="button “{name}”",
    policies={"generic": "general rules, no special law"},
    kinds={
        FindingKind.ARCHIVE: "the archive around a part is not as it was written",
        FindingKind.LOST: "bytes that cannot be read",
        FindingKind.FOREIGN: "a part that no recording has",
        FindingKind.EXTRA: "a part twice, or not in its place",
        FindingKind.MISSING: "missing, although the camera signed that it was there",
        FindingKind.CHANGED: "changed since it was signed",
        FindingKind.FORGED: "not signed by the camera's key",
        FindingKind.UNKNOWN_KEY: "signed by a key that is not trusted",
        FindingKind.UNLINKED: "signed, but nothing links it to this recording",
        FindingKind.UNCOMMITTED: "footage that no signed statement names",
        FindingKind.CONTRADICTION: "signed statements that contradict each other",
        FindingKind.UNCLOSED: "no end: whether there was more cannot be proven",
        FindingKind.MISNAMED: "the file has the name of another recording",
        FindingKind.OTHER_END: "the ledger knows another end of this recording",
        FindingKind.RUNNING: "the recording was still running",
        FindingKind.RECOVERED: "cut off, for example by loss of power, and closed at the next "
        "start",
        FindingKind.TORN: "unsigned rest behind the last signed piece, kept as it was found",
        FindingKind.UNSTATED: "time without pictures that the camera did not explain",
        FindingKind.SILENT: "time without sound that the camera did not explain",
        FindingKind.UNFIT: "times that do not fit each other",
        FindingKind.QUIET: "time without sound, because of what the microphone was doing",
    },
    labels_title="Labels of the cameras",
    labels_head="Labels of the cameras, {day}. Print at actual size (100%).",
    labels_page="Page {number} of {count}",
    labels_key="Key of the camera",
    labels_collected="As of {day}",
    instructions="""\
How to check this package without the software that made it
===========================================================

1. Nothing was changed since the export:

       sha256sum -c SHA256SUMS

2. Whether the key is that of the camera, this package cannot prove. {key_pem} is the public
   key that whoever made the package trusted. Its fingerprint (RFC 7638) is

       {thumbprint}

   Compare it with the register of cameras, or another list that did not come with this package.
   All that follows is worth as much as this comparison.

3. Every statement is signed by that key, and each names the one before. The original is an
   ordinary tar archive:

       tar -tf {container}
       tar -xf {container}

   A statement (*.jws) is a compact JSON Web Signature (RFC 7515) made with Ed25519 (RFC 8037).
   For each of them, here for header.jws:

       pad() {{ awk '{{ while (length($0) % 4) $0 = $0 "="; print }}'; }}
       decode() {{ tr '_-' '/+' | pad | base64 -d; }}
       cut -d. -f1,2 header.jws | tr -d '\\n' > signed
       cut -d. -f3 header.jws | decode > signature
       openssl pkeyutl -verify -pubin -inkey {key_pem} -rawin -in signed -sigfile signature
       cut -d. -f2 header.jws | decode

   The last command shows what was signed. "previous" is the SHA-256 of the statement before
   (header.jws, 000000.jws, 000001.jws, ..., end.jws); "fragment" has size and SHA-256 of the
   sealed piece (000000.m4s.age, ...), and "init", in the first, those of init.mp4.age. "commits"
   in end.jws is how many pieces there are. The SHA-256 of end.jws is

       {final}

4. The video is what was sealed. The office's private age key (https://age-encryption.org) opens
   each piece; put together they are a video that plays:

       for piece in init.mp4.age [0-9]*.m4s.age; do age -d -i KEY "$piece"; done > recording.mp4

   {video}

5. {ledger} holds what the ledgers say about this recording: one signed statement a line,
   to be checked like those above, with the key that each line names as "kid".

The format is described in full in docs/evidence-format.md of camerad.
""",
    video_remuxed="""{video}
   holds the same packets of picture and sound, ordered for seeking.""",
    video_joined="""{video}
   is that file, byte by byte: compare them with "cmp".""",
    video_none="There is no video in this package, since the recording is not authentic.",
)
