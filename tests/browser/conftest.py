"""Fixtures of every test of the page: a browser, and the camera of `make run`, for a whole file.

A file that needs another camera has a fixture of the same name; one that needs Chromium's own
devices names its FLAGS.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.person import browser
from tests.system.harness import BodyCamera, body_camera, of_make_run


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser."""
    with browser(*getattr(request.module, "FLAGS", ())) as started:
        yield started


@pytest.fixture(scope="module")
def camera(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BodyCamera]:
    """The camera of `make run`, with its page and small pictures."""
    directory = tmp_path_factory.mktemp(request.module.__name__.rpartition("test_")[2])
    with body_camera(directory, of_make_run(directory), page=True) as one:
        yield one
