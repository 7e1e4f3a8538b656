"""In which order tests come, in which time, and what pytest and its plugins leave open about their
ends."""

from __future__ import annotations

import faulthandler
import gc
import os
from collections.abc import Iterator
from typing import Final

import pytest
from hw_mocks import worldclock

from tests.breadth import CAMPAIGN
from tests.leftovers import Leftovers
from tests.order import dealt
from tests.processor_time import ProcessorTime

_STDERR: Final = os.dup(2)
"""Before the first test begins, and what it writes is caught."""


def pytest_configure(config: pytest.Config) -> None:
    """For all tests: what stands in here is for those below this folder only."""
    shares_out = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if worldclock.preloaded() and not shares_out:
        # Whoever runs tests has a world of its own, with the cameras of these tests.
        config.add_cleanup(worldclock.World().end)
    config.pluginmanager.register(Leftovers(config))
    config.pluginmanager.register(ProcessorTime())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is for `make campaign` only is left out elsewhere. The rest is put into an order in
    which it can be shared out; among the arguments of pytest, a file is a part of a folder that
    is named too, wherever it stands."""
    if not CAMPAIGN and (left := [one for one in items if one.get_closest_marker("campaign")]):
        config.hook.pytest_deselected(items=left)
        items[:] = [one for one in items if one not in left]
    items[:] = dealt(items, getattr(config, "workerinput", {}).get("workercount", 1))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Have the collector leave alone what is there by now: thousands of tests, and what they have
    imported, stay to the end. To look at them takes a third of a second each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Give the teardown a deadline of its own. pytest and pytest-timeout call theirs off as soon
    as a test fails, and what is torn down then may hang just as well."""
    seconds = float(item.config.getini("faulthandler_timeout"))
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
