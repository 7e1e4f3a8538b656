"""camerad: the firmware daemon of a body-worn camera with three de-escalation stages.

Each package answers one question, and its docstring says which. docs/architecture.md, "The house",
has the floors: which package may import which.
"""

__version__ = "0.2.0"
