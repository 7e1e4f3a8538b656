"""The child that owns the camera: sensor, stamp, encoder, microphone. It may be killed at any
moment.

Nobody imports it but its tests and the doctor: it is a program, `python -m camerad.capture`. It
imports `base` and `stream`. Begin with `__main__`, then `camera`; `stamp` writes date and time into
each picture.
"""
