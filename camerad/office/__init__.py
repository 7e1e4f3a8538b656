"""The office behind the cameras: `server`, `desk`, `report`, and under them `state` and `index`.

Each is a room with imports of its own. What a computer of the evidence desk does without a server
is in `camerad.evidence`.
"""
