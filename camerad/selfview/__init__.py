"""The child that owns the front display. It may crash or hang without consequence.

It is a program, `python -m camerad.selfview`, which the daemon starts.

Imports `base`, `behaviour` and `stream`.

Begin with `__main__`, then `serving`; `overlay` draws what stands over the picture.
"""

from camerad.base.backports import without_backports

with without_backports():
    import msgspec  # noqa: F401 - before any module imports it
