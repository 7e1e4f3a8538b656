"""The promises P1 to P10 (README), each judged from what was seen of one sequence.

A check gives a sentence for whatever is wrong, and None for each thing that it has judged, so that
a report can say how often a promise was put to the test. What it cannot know, because a fault of
the sequence makes more than one thing right, it lets pass; everything else is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from hw_mocks.sim.faults import FAULTS

from camerad.behaviour.budget import BEAT_SECONDS
from camerad.container.statements import RECOVERED
from camerad.verify.verdict import Verdict
from tests.campaign.readiness import CAPTURING, CARD, budget_seconds
from tests.campaign.seen import Film, Pressed, Seen


class Late(str):
    """A finding about how long something took; took, most: seconds."""

    took: float
    most: float

    def __new__(cls, text: str, took: float, most: float) -> Late:
        made = super().__new__(cls, text)
        made.took, made.most = took, most
        return made


Check = Callable[[Seen], Iterator[str | None]]

ANSWER_US: Final = 100_000
"""From the decision of a press to the answer: nobody notices that long."""
LOST_US: Final = 1_000_000
DECIDE_US: Final = {"record": 1_000_000, "stop": 2_000_000}
SIDE_US: Final = 300_000
"""Around a change of stage nobody outside can say in which of them a press fell."""
SETTLED_US: Final = 500_000
"""A change is seen a little later than it came about."""
TOLD_US: Final = 300_000
"""A stage is told a little later than it came about."""
NOTICED_US: Final = round(BEAT_SECONDS * 1e6) + SETTLED_US
"""Lights are looked at so often."""
BUFFERED_US: Final = 200_000
"""A picture that waits longer for a processor is lost: so many the camera's buffers hold."""
PRE_EVENT_US: Final = 3_000_000
"""The buffer of the campaign's camera, and one group of pictures."""
KEPT: Final = ("ledger/", "battery.json", "metrics.json", "clock.json", "reboots.json")
"""What the daemon writes in every stage: its ledger and its small files, none of which has room for
a picture."""
SMALL_BYTES: Final = 4096
RESERVE: Final = "reserve"
"""Zeros that keep room for the ledger on a full card."""


def p1_nothing_is_kept_outside_recording(seen: Seen) -> Iterator[str | None]:
    """In idle and self-view no file changes but the ledger and small ones that are known; and a
    recording has no more from before its press than the policy's seconds."""
    strange = set()
    mended = seen.mended | {film.path.name for film in seen.films if _reason(film) == RECOVERED}
    mended |= {one["facts"]["name"] for one in seen.ledger if one["kind"] == "removed_empty"}
    for at_us, name in seen.changed:
        parts = name.partition("/camerad/")[2]
        stages = seen.stages(at_us - SETTLED_US, at_us + TOLD_US)
        known = parts.startswith(KEPT) or parts == RESERVE
        if not known and not parts.startswith("recordings"):
            strange.add(f"{name} was written in {'/'.join(sorted(stages))}")
        elif parts == RESERVE:
            if _content(Path(name)).strip(b"\0"):
                strange.add(f"{name} is not empty")
        elif Path(name).name in mended:
            continue
        elif parts.endswith(".tar"):
            # What was closed is put into its final shape by retention and repair alone. A stage may
            # be told late, and the light has the time at which it came on.
            if stages <= {"idle", "self_view"} and not seen.level("red", at_us):
                strange.add(f"{name} was written in {'/'.join(sorted(stages))}")
        elif parts.startswith(KEPT[1:]) and len(_content(Path(name))) > SMALL_BYTES:
            strange.add(f"{name} has room for footage")
    yield None
    yield from sorted(strange)
    for film in seen.films:
        header = film.read.header
        before_us = header["trigger_us"] - header["origin_us"]
        if header["continues"] is None and before_us > PRE_EVENT_US:
            yield f"{film.path.name} begins {before_us / 1e6:.1f} s before its press"


def p2_wiped_is_overwritten(seen: Seen) -> Iterator[str | None]:
    """Once the camera shows idle, no packet is in the daemon's memory: neither of a self-view that
    ended without a recording, nor a copy of what was recorded."""
    for process, count in seen.left.items():
        yield None
        if count:
            yield f"{count} packets are left in the memory of {process}"


def p3_red_while_footage_is_kept(seen: Seen) -> Iterator[str | None]:
    """From the first commit to the last picture, and the end of the sound, the red light is on;
    what is committed later was made by then. Where its line is shorted it cannot be; if that takes
    longer than the lights are left alone, the wearer is told of it, and the ledger."""
    # Of what held before, the ledger has spoken before.
    held = "light_down" in seen.conditions(seen.began_us, seen.began_us)
    noted = held or _condition_noted(seen, "light_down")
    for film in seen.films:
        times = [commit["facts"]["clock"]["boot_us"] for commit in film.read.commits]
        yield from (None for _ in times)
        facts = [commit["facts"] for commit in film.read.commits]
        made = [one["last_us"] for one in facts if one["frames"]]
        made += [one["sound"]["end_us"] or 0 for one in facts if one.get("sound")]
        if not made or max(made) <= times[0]:
            continue
        for from_us, to_us in seen.dark("red", times[0], max(made)):
            text = f"{film.path.name}: red was dark for {(to_us - from_us) / 1e6:.2f} s of it"
            if not _light_is_dead(seen, "red", from_us, to_us):
                yield text
            elif to_us - from_us > NOTICED_US:
                told = "light_down" in seen.conditions(from_us, to_us + TOLD_US)
                if not (told and noted):
                    missing = "nothing in the ledger says so" if told else "the wearer was not told"
                    yield f"{text}, its line was shorted, and {missing}"


def p4_no_plaintext_on_the_card(seen: Seen) -> Iterator[str | None]:
    """In no file that changed is a packet, a parameter set or a box of an MP4."""
    if seen.sought:
        yield None
    for name in seen.clear:
        yield f"{name} holds footage in the clear"


def p5_every_press_is_answered(seen: Seen) -> Iterator[str | None]:
    """Every press whose meaning is certain has its answer in time, and its consequence."""
    for press in seen.presses:
        decided_us = _decided_us(seen, press)
        if decided_us is None:
            continue
        yield None
        took_us = _answer_us(seen, decided_us)
        if took_us is None:
            yield f"{press} in {seen.stage(press.down_us)} was not answered"
        elif took_us > ANSWER_US:
            text = f"{press} was answered after {took_us / 1000:.0f} ms"
            yield Late(text, took_us / 1e6, ANSWER_US / 1e6)
        yield from _consequence(seen, press, decided_us)


def p6_what_was_recorded_survives(seen: Seen) -> Iterator[str | None]:
    """Recordings play; a kill costs at most a second; what was closed is as it was."""
    yield from seen.unreadable
    for name in seen.altered:
        yield f"{name} was closed and has changed"
    for film in seen.films:
        yield None
        if film.problem is not None:
            yield f"{film.path.name} does not play: {film.problem}"
        if film.read.end is None:
            yield f"{film.path.name} has no end"
        kept = [s for s in seen.syncs if s["synced"].endswith(film.path.name)]
        refused = [one for one in seen.refused if str(one["path"]).endswith(film.path.name)]
        # What is synchronised once a write was refused may be no commit, but what is cut off then.
        refused_us = min((one["at_us"] for one in refused), default=math.inf)
        kills = [f.from_us for f in seen.faults if f.name == "daemon_killed"]
        for killed_us in kills:
            if not film.read.header["trigger_us"] < killed_us - LOST_US:
                continue
            if film.read.end is not None and _closed_us(film) < killed_us:
                continue
            certain = sum(s["at_us"] <= min(killed_us, refused_us) for s in kept) - 1
            if len(film.read.commits) < certain:
                yield f"{film.path.name}: {certain} commits were certain"
            if seen.during(killed_us - 5e6, killed_us, *CAPTURING, *CARD):
                continue
            last_us = film.at_us(film.numbers[-1] + 1) if film.numbers else None
            header = film.read.header
            lost_us = killed_us - (last_us or max(header["trigger_us"], header["origin_us"]))
            if lost_us > LOST_US:
                yield f"{film.path.name}: {lost_us / 1e6:.2f} s before a kill are lost"


def p7_every_change_shows(seen: Seen) -> Iterator[str | None]:
    """What was recorded is authentic, and no longer is with one bit changed anywhere."""
    for film in seen.films:
        yield None
        if film.report.verdict >= Verdict.NOT_AUTHENTIC:
            yield f"{film.path.name}: {film.report.as_json()}"
        elif not film.altered_is_found:
            yield f"{film.path.name}: a changed bit is not found"


def p8_gaps_are_stated(seen: Seen) -> Iterator[str | None]:
    """Every picture that is missing lies in a gap that is stated, and every gap lacks some."""
    for film in seen.films:
        if not film.numbers:
            continue
        yield None
        facts = [commit["facts"] for commit in film.read.commits]
        slow = seen.slowed or any(fact.get("rates") for fact in facts)
        stated = [
            (
                film.numbers[0] if gap["from_us"] is None else film.number(gap["from_us"]),
                film.numbers[-1] + 1 if gap["to_us"] is None else film.number(gap["to_us"]),
                gap["reason"],
            )
            for gap in film.read.gaps
        ]
        there = set(film.numbers)
        trigger = film.number(film.read.header["trigger_us"])
        # Where one gap ends and another begins, the picture between them may be missing too.
        touched = {begin for begin, _, _ in stated} & {end for _, end, _ in stated}
        for after, before in pairwise(film.numbers):
            missing = set(range(after + 1, before))
            # Half or two thirds of the pictures are taken in heat, and that is stated as such; a
            # sensor that was told to take all of them again needs some pictures to do so.
            if slow and len(missing) <= 2:
                continue
            for begin, end, _ in stated:
                missing -= set(range(begin + 1, end))
            missing -= touched
            if missing:
                yield f"{film.path.name}: {after} to {before} is missing, stated is {stated}"
        for begin, end, reason in stated:
            inside = there & set(range(begin + 1, end))
            if inside:
                yield f"{film.path.name}: {reason} {begin} to {end}, and {min(inside)} is there"
            # Before the first picture nothing is there that a gap could begin at: what it lacks is
            # what was exposed since the press.
            lacks = begin + 1 < end if end > film.numbers[0] else trigger + 1 < end
            if not lacks and end <= film.numbers[-1]:
                yield f"{film.path.name}: {reason} {begin} to {end} lacks nothing"
        if sum(fact["frames"] for fact in facts) != len(film.numbers):
            yield f"{film.path.name}: the commits count other pictures than there are"


def p9_only_retention_deletes(seen: Seen) -> Iterator[str | None]:
    """Nothing is due in a campaign, whatever the clock says: nothing is gone."""
    if seen.known:
        yield None
    for name in seen.vanished:
        yield f"{name} is gone"
    for entry in seen.ledger:
        if entry["kind"] in ("deleted", "missing"):
            yield f"the ledger says {entry['kind']} of {entry['facts']['id']}"


def p10_the_display_never_rules(seen: Seen) -> Iterator[str | None]:
    """While something is wrong with the display alone, recordings have no gap and end because they
    were stopped, and the camera is ready all the time."""
    ours = [one for one in seen.faults if FAULTS[one.name].group == "panel" or one.name in _PANEL]
    if not ours:
        return
    others = [one for one in seen.faults if one.name in STOPPING]
    for film in seen.films:
        if not film.numbers:
            continue
        began_us, ended_us = film.at_us(film.numbers[0]), film.at_us(film.numbers[-1] + 1)
        if not any(one.near(began_us - AFTER_US, ended_us + AFTER_US) for one in ours):
            continue
        yield None
        for gap in film.read.gaps:
            from_us = began_us if gap["from_us"] is None else gap["from_us"]
            to_us = ended_us if gap["to_us"] is None else gap["to_us"]
            during = any(one.near(from_us - AFTER_US, to_us) for one in ours)
            if during and not any(one.near(from_us - AFTER_US, to_us) for one in others):
                text = f"{film.path.name} has a gap: {gap}"
                yield Late(text, (to_us - from_us) / 1e6, BUFFERED_US / 1e6)
        reason = _reason(film)
        if reason != "stop" and not any(one.from_us <= ended_us + AFTER_US for one in others):
            yield f"{film.path.name} ended because of {reason}"
    if not others:
        yield None
        waiting = [one for one in seen.said if one.at_us >= seen.began_us]
        if any(one.state["stage"] in RESTING and not one.state["ready"] for one in waiting):
            yield "the camera was not ready while something was wrong with its display"


def ready_again(seen: Seen) -> Iterator[str | None]:
    """The camera is ready by itself, within what its ladders may need."""
    yield None
    if seen.ended is not None:
        yield seen.ended
    elif seen.ready_us is None:
        yield "the camera does not become ready again"
    elif (took := (seen.ready_us - seen.healed_us) / 1e6) > (most := budget_seconds(seen)):
        text = f"ready {took:.1f} s after everything was well, not within {most:.1f} s"
        yield Late(text, took, most)


_PANEL: Final = frozenset({"display_crash", "display_kill"})
STOPPING: Final = CAPTURING | CARD | {"daemon_killed", "battery_critical"}
"""Faults that may cost pictures, or end a recording, or keep one from beginning."""
RESTING: Final = ("idle", "self_view")
AFTER_US: Final = 5_000_000
"""What a fault did may show so long after it: the ladder's own times are shorter."""

CHECKS: Final[dict[str, Check]] = {
    "P1": p1_nothing_is_kept_outside_recording,
    "P2": p2_wiped_is_overwritten,
    "P3": p3_red_while_footage_is_kept,
    "P4": p4_no_plaintext_on_the_card,
    "P5": p5_every_press_is_answered,
    "P6": p6_what_was_recorded_survives,
    "P7": p7_every_change_shows,
    "P8": p8_gaps_are_stated,
    "P9": p9_only_retention_deletes,
    "P10": p10_the_display_never_rules,
    "ready": ready_again,
}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _light_is_dead(seen: Seen, light: str, from_us: float, to_us: float) -> bool:
    """Whether its line was shorted from one instant to another, with a little before and after."""
    spans = [f for f in seen.faults if f.name == "light_dead" and f.body.get("light") == light]
    for one in sorted(spans, key=lambda one: one.from_us):
        if one.from_us - SETTLED_US <= from_us:
            from_us = max(from_us, one.to_us + SETTLED_US)
    return from_us >= to_us


def _condition_noted(seen: Seen, condition: str) -> bool:
    return any(
        e["kind"] == "fault" and e["facts"]["condition"] == condition and e["facts"]["holds"]
        for e in seen.ledger
    )


def _reason(film: Film) -> str | None:
    """Why it ended; None if it has no end."""
    return None if film.read.end is None else str(film.read.end["closing"]["reason"])


def _closed_us(film: Film) -> int:
    closing: dict[str, Any] = film.read.end["closing"] if film.read.end is not None else {}
    clock = closing.get("clock") or {}
    return int(clock.get("boot_us", 0))


def _decided_us(seen: Seen, press: Pressed) -> int | None:
    """When it is certain what a press means; None if it is not, from outside."""
    stages = seen.stages(press.down_us - SIDE_US, press.down_us + SIDE_US // 10)
    if len(stages) != 1 or seen.during(press.down_us - 4e6, press.up_us + 1e6, "daemon_killed"):
        return None
    if seen.during(press.down_us - 1e6, press.up_us + 1e6, "button_stuck", "button_bounce"):
        return None
    (stage,) = stages
    if press.button != "main":
        return press.down_us if stage == "self_view" else None
    if stage == "self_view":
        return press.down_us
    if stage == "recording" and _follows_a_hold(seen, press):
        return None  # it may answer it, and is decided later
    if stage in ("idle", "recording"):
        hold_us = DECIDE_US["record" if stage == "idle" else "stop"]
        held = press.up_us - press.down_us >= hold_us
        decided_us = press.down_us + hold_us if held else press.up_us
        # What ends meanwhile by itself gives the press another meaning.
        same = {stage} if not held else {stage, "recording", "stopping"}
        return decided_us if seen.stages(press.down_us, decided_us - 1) <= same else None
    return None


def _follows_a_hold(seen: Seen, press: Pressed) -> bool:
    return any(
        one.button == press.button
        and one.up_us - one.down_us >= DECIDE_US["stop"]
        and 0 < press.down_us - one.up_us < 3_000_000
        for one in seen.presses
    )


def _answer_us(seen: Seen, decided_us: int) -> float | None:
    """Time until the first light or vibration; 0 if it shook anyway. None: nothing within 2 s."""
    if seen.level("vibration", decided_us):
        return 0
    names = ("vibration", "red", "green", "amber")
    after = [
        e["at_us"]
        for e in seen.edges
        if e["name"] in names and decided_us <= e["at_us"] < decided_us + 2_000_000
    ]
    return min(after) - decided_us if after else None


def _consequence(seen: Seen, press: Pressed, decided_us: int) -> Iterator[str | None]:
    """A mark is in the recording, and what was asked for is there."""
    stage, soon_us = seen.stage(press.down_us), decided_us + 3_000_000
    if press.button != "main" or seen.during(decided_us - 5e6, soon_us, *CARD, "daemon_killed"):
        return
    held = decided_us < press.up_us
    if stage == "recording" and not held:
        begun = [film for film in seen.films if film.read.header["trigger_us"] <= press.down_us]
        if not begun and seen.during(seen.began_us, press.down_us, *CAPTURING):
            return  # not a single picture came that could be recorded, let alone marked
        marks = [m for f in seen.films for facts in f.read.facts for m in facts["marks"]]
        if not any(abs(mark - press.down_us) < SETTLED_US // 100 for mark in marks):
            yield f"{press} is no mark in any recording: {marks}"
    if stage == "idle" and held and not seen.during(decided_us - 5e6, soon_us, *CAPTURING):
        ready = [s.state["ready"] for s in seen.said if s.at_us < press.down_us]
        triggers = [film.read.header["trigger_us"] for film in seen.films]
        wanted = (press.down_us - SETTLED_US // 10, decided_us + SETTLED_US // 10)
        if ready and ready[-1] and not any(wanted[0] <= one <= wanted[1] for one in triggers):
            yield f"{press} began no recording: {triggers}"
