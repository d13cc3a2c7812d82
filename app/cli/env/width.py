"""How wide the lines for a terminal may be."""

import shutil
from typing import Final

__all__ = ["columns"]

_NARROWEST: Final = 40
_WIDEST: Final = 100


def columns() -> int:
    """As wide as the terminal, within what can be read at ease; 80 without one."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST), _WIDEST)
