"""Simulated hardware that lies below an unmodified daemon.

Begin with `bus`, through which every mock hears of faults and presses. `sim` is the other end of
it: `bodycam-sim`, with its page and its JSON. `sim/faults.py` lists every fault. What each mock
stands for is in docs/architecture.md.
"""
