"""Measures camerad beside its bare encoder and beside plain picamera2: `python -m tests.bench`.

Everything is measured in one run, on one machine, on the same footage, and from outside: by the
kernel's accounts of the processes, by the simulated hardware that time-stamps what the daemon does
to it, and by the pictures that are on the disk. Nothing of the daemon's own figures is believed.

The process that measures stays small on purpose: it loads none of the libraries that camerad loads,
since a page that it shared would seem to cost camerad only half.
"""
