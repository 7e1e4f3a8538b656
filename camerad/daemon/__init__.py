"""The controller: the parts that make a camera, and how they are put together.

The command and the doctor import it; it may import every package below, but it starts the children
(`capture`, its `badge_reader`, `selfview`) as programs. Begin with `app`, which owns the parts;
then `dispatcher`, where an event becomes a step and every listener hears of it in order. Parts
stand on `core` and know no parent.
"""
