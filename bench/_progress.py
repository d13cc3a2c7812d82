"""One line on stderr for each step, so that a long run is seen to move."""

import sys

__all__ = ["say"]


def say(line: str) -> None:
    """Prints a step's name; results go to stdout."""
    print(f"  {line}", file=sys.stderr, flush=True)
