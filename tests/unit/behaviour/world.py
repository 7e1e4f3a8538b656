"""A daemon reduced to what matters for the promises: it believes nothing but the effects.

`World` notes what carrying out the effects of the stage machine leads to: is the ring fed, is a
file open, is a wipe under way. The promises are then checked against the world, not against what
the state says of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from camerad.behaviour import stages
from camerad.behaviour.stages import Effect, Event, Stage, State

POST_EVENT_US = 5_000_000
"""For so long after the wearer's stop footage is made, if at all; it was at 0."""


class ImpossibleError(Exception):
    """Error raised when an effect makes no sense in the world as it is."""


@dataclass(frozen=True, slots=True)
class World:
    """What is the case outside the state machine.

    fed: packets go into the ring. shown: the display shows. keeping: a recording has been started
    and is not closed. making: footage of it is made. stopping: it was told to stop. opened: its
    file is open. earlier: when it began, an earlier one was not closed yet; nobody knows whether
    that is by now. wiping: a Wipe has not been answered. muted: the recording has no sound, for the
    wearer wants none. status: the display shows the status. seen: footage of a self-view that was
    neither recorded nor wiped is still somewhere. ready: Ready has been said. ended: End has been
    said.
    """

    fed: bool = False
    shown: bool = False
    keeping: bool = False
    making: bool = False
    stopping: bool = False
    opened: bool = False
    earlier: bool = False
    wiping: bool = False
    muted: bool = False
    status: bool = False
    seen: bool = False
    ready: bool = False
    ended: bool = False

    def can(self, event: Event) -> bool:
        """Whether the world could bring this event about."""
        match event:
            case stages.Ready():
                return not self.ready
            case stages.Wiped():
                return self.wiping
            case stages.Opened():
                return self.keeping and not self.opened
            case stages.Closed():
                return self.stopping
            case stages.Failed(closing=True):
                return self.keeping and not self.stopping
            case stages.Failed():
                return self.keeping
            case _:
                return True

    def after_event(self, event: Event) -> World:
        """The world in which `event` is reported."""
        match event:
            case stages.Ready():
                return replace(self, ready=True)
            case stages.Wiped():
                return replace(self, wiping=False, seen=False)
            case stages.Opened():
                return replace(self, opened=True)
            case stages.Failed(closing=True):
                return replace(self, making=False, stopping=True, opened=True)
            case stages.Closed() | stages.Failed():
                return replace(
                    self,
                    keeping=False,
                    making=False,
                    stopping=False,
                    opened=False,
                    earlier=False,
                    muted=False,
                )
            case stages.Shutdown() if self.stopping:
                return replace(self, making=False)  # what was still to be made is cut short
            case stages.Tick(at_us) if self.stopping and at_us >= POST_EVENT_US:
                return replace(self, making=False)
            case _:
                return self

    def after_effects(self, effects: tuple[Effect, ...], state: State) -> World:
        """The world when `effects` are carried out and the camera is in `state`."""
        world = self
        for effect in effects:
            world = world._after_effect(effect)
            if isinstance(effect, stages.StopRecording):
                world = replace(world, making=effect.at_us > state.entered_us)
        if state.stage is Stage.SELF_VIEW and not state.wiping and not world.seen:
            world = replace(world, seen=True)
        return world

    def _after_effect(self, effect: Effect) -> World:
        match effect:
            case stages.Arm():
                self._demand(not self.fed, effect)
                return replace(self, fed=True)
            case stages.Disarm():
                self._demand(self.fed, effect)
                return replace(self, fed=False)
            case stages.Wipe():
                self._demand(not self.wiping and not self.keeping, effect)
                return replace(self, wiping=True, fed=False)
            case stages.ShowSelfView(on):
                self._demand(self.shown != on and not self.status, effect)
                return replace(self, shown=on)
            case stages.ShowStatus(on):
                self._demand(self.status != on and not self.shown, effect)
                return replace(self, status=on)
            case stages.Mute(on):
                self._demand(self.keeping and not self.stopping and self.muted != on, effect)
                return replace(self, muted=on)
            case stages.StartRecording():
                self._demand(self.fed and (self.stopping or not self.keeping), effect)
                # What the ring holds becomes part of the recording, unless a wipe has it already.
                return replace(
                    self,
                    keeping=True,
                    making=True,
                    stopping=False,
                    opened=False,
                    earlier=self.keeping,
                    muted=False,
                    seen=self.seen and self.wiping,
                )
            case stages.StopRecording():
                self._demand(self.keeping and not self.stopping, effect)
                return replace(self, stopping=True)
            case stages.Mark():
                self._demand(self.keeping and not self.stopping, effect)
                return self
            case stages.End():
                self._demand(not self.ended and not self.keeping and not self.wiping, effect)
                return replace(self, ended=True)
            case _:
                return self

    def _demand(self, sensible: bool, effect: Effect) -> None:
        if not sensible:
            raise ImpossibleError(f"{effect} in {self}")
