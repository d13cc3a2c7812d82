"""The live smoke test's opt-in part: facts that show only where something is changed.

What it does is in :mod:`.trial`, what it concludes in :mod:`.judging`, and how all is
put back in :mod:`.restoring`.
"""
