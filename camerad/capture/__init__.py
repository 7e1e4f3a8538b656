"""Child processes that use the camera. Each may be killed at any moment.

They are programs, which the daemon starts and does not import.

Imports `base`, `behaviour` and `stream`.

- `python -m camerad.capture` owns the camera: sensor, stamp, encoder, microphone. Begin with
  `__main__`, then `camera`; `stamp` writes date and time into each picture.
- `python -m camerad.capture.badge_reader` looks for a wearer's badge, a QR code, in the newest
  small picture that the first one left. It opens no camera. `badge_detector` finds the code.
"""

from camerad.base.backports import without_backports

with without_backports():
    import msgspec  # noqa: F401 - before any module imports it
