"""What presses lead to, written down a second time, from the card that an officer gets.

Independent of the daemon: it knows neither its tables nor its gestures. Two things it cannot know:
how long the camera takes to close a recording and to overwrite its buffer. `accepts` therefore
tries every order in which these two may have come among the presses, and asks whether one of them
explains what was seen.

    main     in idle: press = self-view, held 1 s = recording
             in self-view: touch = recording
             while recording: press = mark; held 2 s, let go, pressed once = stop
    display  in self-view: touch = back to idle
             in idle, and while a recording is closed: press = self-view; held 1 s = something that
             changes no stage
             while recording: press, and no second one within 0.4 s, or a second one that is short
             = the display only; either of them held 1 s = something that changes no stage

While the camera closes a recording or overwrites its buffer, it remembers where the presses lead;
a press that leads to a recording while one is being closed begins it at once.

A touch that began in a stage that is over means nothing, but for two things. What records from
there records; and what leads to self-view from idle does so as long as the camera is idle or closes
a recording, and from a recording that was being closed also one on, to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

RECORD_US: Final = 1_000_000
STOP_US: Final = 2_000_000
DISPLAY_US: Final = 1_000_000
AGAIN_US: Final = 400_000
CALM_US: Final = 1_000_000
LET_GO_US: Final = 1_000_000
STILL_US: Final = 200_000
ANSWER_US: Final = 3_000_000
BRIEF_US: Final = 700_000

DOWN, WAITS, AGAIN = "down", "waits", "again"

IDLE, SELF_VIEW, RECORDING, STOPPING = "idle", "self_view", "recording", "stopping"


@dataclass(frozen=True)
class Press:
    """A button, down and up again, in media time."""

    button: str
    down_us: int
    up_us: int


@dataclass(frozen=True)
class Camera:
    """A camera as the card describes it.

    wiping: the buffer is being overwritten. leads_to: the stage that what is remembered leads to.
    judged: the stage in which main was touched; None: nothing more comes of that touch.
    asked: main was held for 2 s while it recorded; answering: it was touched again to answer that.
    display: DOWN: a touch of it may still become a press; WAITS: released while it recorded, and a
    second press may follow; AGAIN: it has. display_judged: the stage in which it was touched first.
    releases: how often it was released.
    marks: how many there are in each recording. seen: the stages that it has
    shown, and since: from when on, where time is known.
    """

    stage: str = IDLE
    wiping: bool = False
    leads_to: str = IDLE
    judged: str | None = None
    asked: bool = False
    answering: bool = False
    display: str | None = None
    display_judged: str = IDLE
    releases: int = 0
    marks: tuple[int, ...] = ()
    seen: tuple[str, ...] = (IDLE,)
    since: tuple[int, ...] = (0,)
    now_us: int = 0

    def show(self, stage: str) -> Camera:
        if stage == self.stage:
            return self
        seen, since = (*self.seen, stage), (*self.since, self.now_us)
        return replace(self, stage=stage, seen=seen, since=since)

    def record(self) -> Camera:
        camera = replace(self, marks=(*self.marks, 0), leads_to=IDLE)
        return camera.show(RECORDING)

    # What a hand does

    def touched(self, button: str) -> Camera:
        if button == "display" and self.display == WAITS:
            return replace(self, display=AGAIN)
        if button == "display" and self.stage in (IDLE, RECORDING, STOPPING):
            return replace(self, display=DOWN, display_judged=self.stage)
        if button == "display":
            return self.wants("toggle")
        if self.stage == SELF_VIEW:
            return replace(self, judged=None).wants("escalate")
        return replace(self, judged=self.stage, asked=False, answering=False)

    def touched_to_answer(self) -> Camera:
        """As hands meant it; a touch like any other if nothing was asked, or that is over."""
        if not self.asked or self.stage != RECORDING:
            return self.touched("main")
        return replace(self, judged=None, asked=False, answering=True)

    def touched_behind(self) -> Camera:
        """So soon behind the answer that it is none: one mark, for both."""
        if not self.answering:
            return self.touched("main")
        return replace(self, judged=None, answering=False).hand_wants("escalate", RECORDING)

    def answered(self) -> Camera:
        """No other touch has come behind the one that answers."""
        if not self.answering:
            return self
        return replace(self, answering=False).hand_wants("stop", RECORDING)

    def held(self, seconds_us: int) -> Camera:
        """Main has been down for so long."""
        if self.judged is None or (self.judged == RECORDING) != (seconds_us == STOP_US):
            return self
        if self.judged == RECORDING:
            return replace(self, judged=None, asked=True)
        return replace(self, judged=None).wants("record")

    def released(self, button: str) -> Camera:
        if button == "display":
            camera = replace(self, releases=self.releases + 1)
            if self.display == DOWN and self.display_judged == RECORDING:
                return replace(camera, display=WAITS)
            camera = replace(camera, display=None)
            if self.display is None:
                return camera
            return camera.hand_wants("toggle", self.display_judged)
        if self.judged is None:
            return self
        return replace(self, judged=None).hand_wants("escalate", self.judged)

    def waited(self, release: int) -> Camera:
        """No second press of display has come within its time after that release."""
        if self.display != WAITS or release != self.releases:
            return self
        return replace(self, display=None).hand_wants("toggle", self.display_judged)

    def hand_wants(self, intent: str, judged: str) -> Camera:
        """It was touched in the stage `judged`."""
        waits = judged in (IDLE, STOPPING) and self.stage in (IDLE, STOPPING)
        on = (judged, self.stage) == (STOPPING, SELF_VIEW)
        return self.wants(intent) if judged == self.stage or waits or on else self

    def wants(self, intent: str) -> Camera:
        if self.stage == STOPPING or (self.stage == SELF_VIEW and self.wiping):
            return self.remembers(intent)
        stage = _leads(self.stage, intent)
        if self.stage == RECORDING and intent == "escalate":
            return replace(self, marks=(*self.marks[:-1], self.marks[-1] + 1))
        if stage == self.stage:
            return self
        if stage == RECORDING:
            return self.record()
        if self.stage == RECORDING:
            return self.show(STOPPING)
        if self.stage == SELF_VIEW:
            return replace(self, wiping=True)
        return self.show(stage)

    def remembers(self, intent: str) -> Camera:
        if self.stage == SELF_VIEW and intent in ("escalate", "record"):
            return self.record()
        if self.stage == STOPPING and _leads(self.leads_to, intent) == RECORDING:
            return self.record()
        return replace(self, leads_to=_leads(self.leads_to, intent))

    # What the camera does by itself

    def wiped(self) -> Camera:
        camera = replace(self, wiping=False)
        return camera.rests() if self.stage == SELF_VIEW else camera

    def closed(self) -> Camera:
        return self.rests()

    def rests(self) -> Camera:
        if self.leads_to == RECORDING:
            return self.record()
        if self.wiping:
            return self.show(SELF_VIEW)
        return replace(self, leads_to=IDLE).show(self.leads_to)

    def by_itself(self) -> Iterable[Camera]:
        """What this camera may be before anything else happens: itself, first of all."""
        yield self
        if self.wiping:
            yield from self.wiped().by_itself()
        if self.stage == STOPPING:
            yield from self.closed().by_itself()


def _leads(stage: str, intent: str) -> str:
    """Where an intent leads from a stage; a mark or a display stays."""
    table = {
        (IDLE, "escalate"): SELF_VIEW,
        (IDLE, "toggle"): SELF_VIEW,
        (IDLE, "record"): RECORDING,
        (SELF_VIEW, "escalate"): RECORDING,
        (SELF_VIEW, "record"): RECORDING,
        (SELF_VIEW, "toggle"): IDLE,
        (RECORDING, "stop"): IDLE,
    }
    return table.get((stage, intent), stage)


def happenings(presses: Iterable[Press]) -> list[tuple[int, str, str]]:
    """Everything that hands do, in the order of its time: (at_us, what, button)."""
    found = []
    released = 0
    presses = sorted(presses, key=lambda one: one.up_us)
    answers = _answers([one for one in presses if one.button == "main"])
    for press in presses:
        touched = answers.get(press, "touched")
        found += [(press.down_us, touched, press.button), (press.up_us, "released", press.button)]
        if touched == "touched to answer":
            found.append((press.up_us + AGAIN_US, "answered", press.button))
        if press.button == "main":
            for hold_us, name in ((RECORD_US, "held 1"), (STOP_US, "held 2")):
                if press.up_us - press.down_us >= hold_us:
                    found.append((press.down_us + hold_us, name, press.button))
            continue
        released += 1
        found.append((press.up_us + AGAIN_US, f"over {released}", press.button))
        if press.up_us - press.down_us >= DISPLAY_US:
            found.append((press.down_us + DISPLAY_US, "held", press.button))
    return sorted(found)


def _answers(presses: Sequence[Press]) -> dict[Press, str]:
    """Those that end a recording, if the press before was felt in one; and what spoils that."""
    nobody = Press("main", -CALM_US, -CALM_US)
    never = Press("main", 1 << 62, 1 << 62)
    each = [nobody, *presses, never]
    found: dict[Press, str] = {}
    for before, hold, press, behind in zip(each, each[1:], each[2:], each[3:], strict=False):
        told_us = hold.down_us + STOP_US
        if (
            hold.down_us - before.up_us >= CALM_US
            and told_us <= hold.up_us <= told_us + LET_GO_US
            and hold.up_us + STILL_US <= press.down_us < told_us + ANSWER_US
            and press.up_us - press.down_us < BRIEF_US
        ):
            found[press] = "touched to answer"
            if behind.down_us - press.up_us <= AGAIN_US:
                found[behind] = "touched behind"
    return found


def after(camera: Camera, what: str, button: str, at_us: int = 0) -> Camera:
    """The camera after one happening, or one answer."""
    camera = replace(camera, now_us=at_us)
    if what in ("wiped", "closed"):
        return camera.wiped() if what == "wiped" else camera.closed()
    if what == "touched":
        return camera.touched(button)
    if what == "touched to answer":
        return camera.touched_to_answer()
    if what == "touched behind":
        return camera.touched_behind()
    if what == "answered":
        return camera.answered()
    if what == "released":
        return camera.released(button)
    if what == "held":
        return replace(camera, display=None)
    if what.startswith("over"):
        return camera.waited(int(what.split()[1]))
    return camera.held(RECORD_US if what == "held 1" else STOP_US)


def predict(presses: Iterable[Press], answers: Iterable[tuple[int, str]]) -> Camera:
    """The camera after all presses, where it is known when what it does by itself was over.

    answers: (at_us, "wiped" or "closed").
    """
    camera = Camera()
    done = [(at_us, what, "") for at_us, what in answers]
    for at_us, what, button in sorted([*happenings(presses), *done]):
        camera = after(camera, what, button, at_us)
    return camera


def accepts(presses: Iterable[Press], seen: Sequence[str]) -> set[tuple[int, ...]]:
    """The marks of each recording, in every way in which the presses explain the stages seen.

    Empty if nothing explains them. The camera is idle at first, and at rest at the end.
    """
    cameras = {Camera()}
    for _, what, button in happenings(presses):
        before = {then for camera in cameras for then in camera.by_itself()}
        moved = {after(camera, what, button) for camera in before}
        cameras = {camera for camera in moved if camera.seen == tuple(seen[: len(camera.seen)])}
    ends = {then for camera in cameras for then in camera.by_itself()}
    return {
        camera.marks
        for camera in ends
        if camera.seen == tuple(seen) and not camera.wiping and camera.stage != STOPPING
    }


def stopping(at_us: int) -> list[Press]:
    """What a hand does to end a recording: held until it is felt, let go, and pressed once."""
    return [
        Press("main", at_us, at_us + 2_400_000),
        Press("main", at_us + 2_900_000, at_us + 3_000_000),
    ]
