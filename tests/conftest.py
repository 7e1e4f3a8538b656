"""In which order tests come, how they are shared out among processes by `tests/run.sh`, and who
watches over them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.oversight import Deadlines, Told
from tests.turns import Files, InTurn

LONGEST: Final = (
    "tests/crash/test_states.py",
    "tests/crash/test_table.py",
    "tests/system/test_fault_campaign.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """For all tests: what stands in here is for those below this folder only."""
    config.pluginmanager.register(Deadlines())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Told(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that nobody waits for one of them in the end. pytest takes a file
    for a part of a folder that is named too, wherever it stands among the arguments."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(optionalhook=True)  # where other kernels run tests, xdist is left out
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files | None:
    """With `--dist loadgroup` and `--dist loadscope`, those of `tests.turns`."""
    kinds = {"loadgroup": InTurn, "loadscope": Files}
    kind = kinds.get(config.getvalue("dist"))
    return kind and kind(config, log)
