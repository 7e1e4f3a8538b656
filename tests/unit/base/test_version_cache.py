"""Values are remembered until their version changes, within a limit of size."""

from __future__ import annotations

from camerad.base.version_cache import VersionCache


def test_a_version_is_read_once_and_the_values_asked_for_longest_ago_go_first() -> None:
    cache = VersionCache[str](6, len)
    read: list[str] = []

    def found(name: str, version: int, value: str) -> bool:
        """Whether it had to be read."""
        del read[:]
        assert cache.find(name, version, lambda: read.append(value) or value) == value
        return bool(read)

    assert found("a", 1, "aa")
    assert not found("a", 1, "aa")
    assert found("a", 2, "AA"), "the files have changed"
    assert cache.get("a", 1) is None and cache.latest("a") == (2, "AA")
    assert found("b", 1, "bb") and found("c", 1, "cc")
    assert not found("a", 2, "AA"), "asked for now"
    assert found("d", 1, "d")
    assert cache.latest("b") is None and not found("c", 1, "cc") and not found("a", 2, "AA")
    assert found("e", 1, "e" * 7) and cache.latest("e") is None, "it has no room"
