"""docs/stages.md is what the tables say."""

from __future__ import annotations

from generators import stage_diagram as diagram

from camerad.behaviour import tables
from camerad.behaviour.stages import Stage


def test_every_stage_and_every_entry_of_the_tables_is_in_the_picture() -> None:
    arrows = diagram.arrows()
    assert {arrow.node for arrow in arrows} == {*(stage.value for stage in Stage), "wiping"}
    drawn = {(arrow.node, arrow.on) for arrow in arrows}
    for stage, row in tables.INTENTS.items():
        for intent in row:
            assert (stage.value, intent.value) in drawn
    # A recording is reached from everywhere, and left in the ways there are.
    assert {arrow.node for arrow in arrows if arrow.to == "recording"} == {
        "starting",
        "idle",
        "self_view",
        "wiping",
        "stopping",
        "recording",
    }
    left = {arrow.on for arrow in arrows if arrow.node == "recording" and arrow.to != "recording"}
    ended = {condition.value for condition in tables.ENDS_RECORDING}
    failed = {"recorder failed", "recorder failed, a file still open"}
    assert left == {"stop", "shutdown", "camera given up", *failed, *ended}
