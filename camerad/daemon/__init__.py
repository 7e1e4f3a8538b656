"""The controller: the parts that make a camera, and how they are put together.

The command imports it; it imports every room below. Begin with `app`, which owns the parts; then
`dispatcher`, where an event becomes a step and every listener hears of it in order. Parts stand on
`core` and know no parent.
"""
