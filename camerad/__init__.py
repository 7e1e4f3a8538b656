"""camerad: the firmware daemon of a body-worn camera with three de-escalation stages."""

__version__ = "0.1.0"
